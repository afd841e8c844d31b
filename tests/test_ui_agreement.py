"""What annotators' decisions come to: one row a pair, kappa, and the command that prints it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from vivid import cli
from vivid.ui.inspect.agreement import agreement_of, as_csv, cohens_kappa, final_state, fleiss_kappa, verdicts_in
from vivid.ui.inspect.decisions import DecisionBook, Mark, Subject


def subject(number: int) -> Subject:
    return Subject(f"pair{number}", f"{number:04d}", f"{number}.png", f"{number}.npz", "a" * 64, "b" * 64)


def decided(folder: Path, name: str, decisions: str) -> DecisionBook:
    """One letter a pair: accept, reject, unsure, or a dash for none."""
    book = DecisionBook(folder, name)
    words = {"a": "accept", "r": "reject", "u": "unsure"}
    for number, letter in enumerate(decisions):
        if letter != "-":
            book.add(subject(number), Mark(words[letter]), None, "s", "decide")
    return book


def test_the_final_state_is_what_holds_now(tmp_path: Path) -> None:
    book = DecisionBook(tmp_path, "Anna")
    book.add(subject(1), Mark("accept"), None, "s", "decide")
    book.add(subject(2), Mark("reject", "手", {"scale": 1.1}, ("jump", "hands"), 4), {"r": 1}, "s", "decide")
    book.add(subject(1), Mark("unsure", tags=("face",)), None, "s", "decide")
    book.undo("s")
    first, second = final_state(book)
    assert (first["pair"], first["decision"], first["tags"], first["frame"]) == ("pair1", "accept", (), None)
    assert (second["decision"], second["tags"], second["frame"], second["note"]) == (
        "reject",
        ("hands", "jump"),
        4,
        "手",
    )
    assert "report" not in first and second["portrait_sha256"] == "a" * 64
    rows = list(csv.DictReader(io.StringIO(as_csv([first, second]))))
    assert [row["name"] for row in rows] == ["0001", "0002"]
    assert (rows[1]["tags"], rows[1]["frame"], rows[1]["scale"], rows[0]["frame"]) == ("hands jump", "5", "1.1", "")


def test_a_note_is_no_formula(tmp_path: Path) -> None:
    book = DecisionBook(tmp_path, "Anna")
    book.add(subject(1), Mark("accept", "=HYPERLINK(1)"), None, "s", "note")
    (row,) = csv.DictReader(io.StringIO(as_csv(final_state(book))))
    assert row["note"] == "'=HYPERLINK(1)"


def test_kappa_of_textbooks() -> None:
    # Cohen: 20 and 15 agreed of 50, 5 and 10 not
    first = ["a"] * 25 + ["r"] * 25
    second = ["a"] * 20 + ["r"] * 5 + ["a"] * 10 + ["r"] * 15
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    assert cohens_kappa(["a", "r"], ["a", "r"]) == 1 and cohens_kappa(["a", "r"], ["r", "a"]) == -1
    assert cohens_kappa([], []) is None and cohens_kappa(["a"], ["a"]) is None
    # Fleiss' example of ten subjects, fourteen raters and five categories
    counts = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    rated = [[str(label) for label, n in enumerate(row) for _ in range(n)] for row in counts]
    assert fleiss_kappa(rated) == pytest.approx(0.210, abs=0.0005)
    assert fleiss_kappa([["a"], ["r"]]) is None and fleiss_kappa([["a", "a"]]) is None
    assert fleiss_kappa([["a", "a"], ["r", "r", "r"], ["a"]]) == pytest.approx(1)


def test_the_command_says_how_far_annotators_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decided(tmp_path, "Anna", "aarr-u")
    decided(tmp_path, "Bob", "aara--")
    decided(tmp_path, "Nobody", "------")
    (tmp_path / "annotators.jsonl").write_text("{}")
    assert cli.main(["agreement", str(tmp_path)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == agreement_of(verdicts_in(tmp_path)) | {"settled": {}}
    assert said["annotators"] == {"Anna": {"accept": 2, "reject": 2, "unsure": 1}, "Bob": {"accept": 3, "reject": 1}}
    assert (said["pairs"], said["pairs_of_several"]) == (5, 4)
    assert said["two"] == [{"annotators": ["Anna", "Bob"], "pairs": 4, "same": 3, "cohens_kappa": 0.5}]
    assert said["disagreements"] == {"pair3": {"Anna": "reject", "Bob": "accept"}}
    assert cli.main(["agreement", str(tmp_path / "none")]) == 2
    assert "There are no decisions in" in capsys.readouterr().err
