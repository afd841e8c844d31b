"""Annotators' decisions: kept line by line, apart from each other, never lost."""

from __future__ import annotations

import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from vivid.errors import InputError
from vivid.ui.inspect import decisions, ledger
from vivid.ui.inspect.decisions import (
    DecisionBook,
    Mark,
    Subject,
    checked_nudges,
    clean_name,
    decisions_file,
)


def subject(number: int = 1) -> Subject:
    return Subject(f"pair{number}", f"{number:04d}", f"{number}.png", f"{number}.npz", "a" * 64, "b" * 64)


def test_what_is_decided_survives_a_restart(tmp_path: Path) -> None:
    DecisionBook(tmp_path, "Anna").add(
        subject(),
        Mark("accept", "手 is off", {"scale": 1.1, "left_length": 1.0}),
        {"factor": float("nan")},
        "s",
        "decide",
    )
    book = DecisionBook(tmp_path, " anna ")
    assert book.marks() == {"pair1": Mark("accept", "手 is off", {"scale": 1.1})}
    (record,) = book.records()
    assert record["annotator"] == "Anna"
    assert record["report"] == {"factor": None}
    assert record["portrait"] == "1.png"
    assert record["clip_sha256"] == "b" * 64


def test_two_names_never_meet(tmp_path: Path) -> None:
    DecisionBook(tmp_path, "anna").add(subject(), Mark("accept"), None, "s", "decide")
    DecisionBook(tmp_path, "bob").add(subject(), Mark("reject"), None, "s", "decide")
    assert DecisionBook(tmp_path, "anna").marks()["pair1"].decision == "accept"
    assert DecisionBook(tmp_path, "bob").marks()["pair1"].decision == "reject"
    assert DecisionBook(tmp_path, "carol").export() == b""


@pytest.mark.parametrize(
    "pair", [("a/b", "a_b"), ("a b", "a_b"), ("a/b", "a\\b"), ("../x", "x"), ("安娜", "安"), ("a.", "a")]
)
def test_names_that_look_alike_get_their_own_files(tmp_path: Path, pair: tuple[str, str]) -> None:
    first, second = (decisions_file(tmp_path, name) for name in pair)
    assert first != second
    assert first.parent == second.parent == tmp_path


@pytest.mark.parametrize("name", ["../../etc/passwd", "/abs", "a\x00b", "..", "x" * 60, "安娜", "é" * 59])
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    DecisionBook(tmp_path / "in", name).add(subject(), Mark("accept"), None, "s", "decide")
    assert [path.parent for path in tmp_path.rglob("*.jsonl")] == [tmp_path / "in"]


@pytest.mark.parametrize("name", ["", "   ", "\x00\n", "x" * 61])
def test_a_missing_or_endless_name_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        clean_name(name)


def test_undo_walks_back_step_by_step(tmp_path: Path) -> None:
    book = DecisionBook(tmp_path, "anna")
    book.add(subject(1), Mark("accept"), {"r": 1}, "s", "decide")
    book.add(subject(1), Mark("accept", "look again"), {"r": 2}, "s", "note")
    book.add(subject(2), Mark("reject"), None, "s", "decide")
    assert book.undo("s").pair == "pair2"  # type: ignore[union-attr]
    assert book.marks()["pair2"] == Mark()
    assert book.undo("s").mark == Mark("accept")  # type: ignore[union-attr]
    assert list(book.records())[-1]["report"] == {"r": 1}
    book.add(subject(1), Mark("reject"), None, "s", "decide")
    assert book.undo("s").mark == Mark("accept")  # type: ignore[union-attr]
    assert book.undo("s").mark == Mark()  # type: ignore[union-attr]
    assert book.undo("s") is None
    assert len(list(book.records())) == 8  # four actions, four undos: nothing is rewritten


def test_undo_leaves_another_windows_decision(tmp_path: Path) -> None:
    book = DecisionBook(tmp_path, "anna")
    book.add(subject(), Mark("accept"), None, "one", "decide")
    book.add(subject(), Mark("reject"), None, "two", "decide")
    undone = book.undo("one")
    assert undone is not None
    assert undone.superseded
    assert book.marks()["pair1"] == Mark("reject")
    assert book.undo("one") is None
    own = book.undo("two")
    assert own is not None
    assert not own.superseded
    assert book.marks()["pair1"] == Mark("accept")


def _write(job: tuple[Path, int]) -> None:
    folder, number = job
    for step in range(20):
        DecisionBook(folder, "anna").add(subject(step), Mark("accept", "n" * 500), None, str(number), "decide")


def test_many_windows_at_once_lose_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(_write, [(tmp_path, number) for number in range(4)]))
    with get_context("spawn").Pool(2) as processes:  # a fork would copy locks that other threads hold
        processes.map(_write, [(tmp_path, 4), (tmp_path, 5)])
    lines = (tmp_path / "decisions-anna.jsonl").read_bytes().splitlines()
    assert len(lines) == 120
    assert len({json.loads(line)["id"] for line in lines}) == 120


def test_a_half_written_line_costs_only_itself(tmp_path: Path) -> None:
    book = DecisionBook(tmp_path, "anna")
    book.add(subject(1), Mark("accept"), None, "s", "decide")
    with book.path.open("ab") as file:
        file.write(b'{"id":"x","pair":"pair9","act')
    book.add(subject(2), Mark("reject"), None, "s", "decide")
    assert set(book.marks()) == {"pair1", "pair2"}
    assert [json.loads(line)["pair"] for line in book.export().splitlines()] == ["pair1", "pair2"]


@pytest.mark.parametrize(
    "change",
    [
        {"pair": ["pair1"]},
        {"id": {}},
        {"id": "half a character: \ud83d"},
        {"decision": "maybe"},
        {"nudges": 3},
        {"note": "x" * 5000},
        {"action": []},
    ],
)
def test_a_damaged_line_costs_only_itself(tmp_path: Path, change: dict[str, object]) -> None:
    book = DecisionBook(tmp_path, "anna")
    book.add(subject(1), Mark("accept"), None, "s", "decide")
    whole = book.path.read_bytes()
    book.path.write_bytes(whole + json.dumps(json.loads(whole) | change).encode() + b"\n")
    book.add(subject(2), Mark("reject"), None, "s", "decide")
    assert book.marks() == {"pair1": Mark("accept"), "pair2": Mark("reject")}
    assert [json.loads(line)["pair"] for line in book.export().splitlines()] == ["pair1", "pair2"]
    assert book.undo("s") is not None


def test_what_cannot_be_written_as_text_is_written_all_the_same(tmp_path: Path) -> None:
    book = DecisionBook(tmp_path, "anna")
    book.add(subject(), Mark("accept", "half a character: \ud83d"), None, "s\udc00", "decide")
    assert book.marks()["pair1"].note == "half a character: ?"
    damaged = book.path.read_bytes().replace(b'"version":1', b'"version":NaN')
    book.path.write_bytes(damaged)
    assert book.export() == damaged


def test_bad_marks_are_refused() -> None:
    with pytest.raises(InputError, match="accept, reject or unsure"):
        Mark("maybe")
    with pytest.raises(InputError, match="4000"):
        Mark(note="x" * 4001)
    for nudges in ({"scale": 3.0}, {"nose": 1.0}, {"scale": float("nan")}, {"scale": "1"}, {"scale": True}):
        with pytest.raises(InputError):
            checked_nudges(nudges)


def test_a_name_has_room_for_so_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = DecisionBook(tmp_path, "Anna")
    anna.add(subject(), Mark("reject"), None, "s", "decide")
    monkeypatch.setattr(decisions, "FILE_BYTES", 100)
    with pytest.raises(InputError, match="decisions file is full: download it"):
        anna.add(subject(), Mark("accept"), None, "s", "decide")
    assert anna.marks() == {"pair1": Mark("reject")}
    monkeypatch.setattr(ledger, "SPARE_BYTES", 2**60)
    with pytest.raises(InputError, match="disk is nearly full"):
        anna.add(subject(), Mark("accept"), None, "s", "decide")
    assert DecisionBook(tmp_path, "Nobody").undo("s") is None
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_file_is_opened_in_little_memory(tmp_path: Path) -> None:
    """All of it is read whenever its owner opens the list of pairs, and anybody can say that they are its owner."""
    book = DecisionBook(tmp_path, "Anna")
    book.add(subject(), Mark("accept", "n" * 2000), None, "s", "decide")
    line = book.path.read_bytes()
    book.path.write_bytes(line * (decisions.FILE_BYTES // len(line)))
    tracemalloc.start()
    try:
        assert set(book.marks()) == {"pair1"}
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
