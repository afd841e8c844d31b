"""Several annotators on one folder: pairs for so many of them, disagreements, and how these are settled."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ui_people import person, waving

from vivid import cli
from vivid.pose.clips import save_clip
from vivid.ui.inspect import fitting, overlap
from vivid.ui.inspect.bench import Bench
from vivid.ui.inspect.overlap import by_pair
from vivid.ui.inspect.uploads import FOLDER
from vivid.ui.options import read_options

PAIRS = 6


class Office:
    """A server with a folder of pairs for two annotators each."""

    def __init__(self, root: Path, people: int = 2) -> None:
        self.bench, self.decisions = Bench(root / "decisions", root / "pairs", overlap=people), root / "decisions"
        self._known: dict[str, dict[str, str]] = {}

    def open(self, name: str) -> dict[str, Any]:
        who = self._known.setdefault(name, self._known.get(name) or self.bench.claim({"name": name}))
        return self.bench.open({"collection": FOLDER, **who})

    def pairs(self, name: str) -> list[dict[str, Any]]:
        return self.open(name)["pairs"]

    def decide(self, name: str, number: int, decision: str, **more: Any) -> None:
        pair = self.pairs(name)[number]
        asked = {"collection": FOLDER, **self._known[name], "session": name, "pair": pair["id"], "decision": decision}
        answer = self.bench.record({**asked, "action": "decide", **more})
        assert "error" not in answer, answer


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    (tmp_path / "pairs").mkdir()
    for number in range(PAIRS):
        Image.new("RGB", (400, 400), (number, 90, 90)).save(tmp_path / "pairs" / f"{number}.png")
        save_clip(waving(10 + number), tmp_path / "pairs" / f"{number}.npz")
    found = SimpleNamespace(pose=person(), notices=(), detector="test")
    monkeypatch.setattr(fitting, "detect_picture", lambda image: found)
    monkeypatch.setattr(overlap, "EVERY_SECONDS", -1.0)
    return Office(tmp_path)


def test_a_pair_that_enough_have_decided_is_nobody_elses(office: Office) -> None:
    assert [pair["enough"] for pair in office.pairs("Cleo")] == [False] * PAIRS
    office.decide("Anna", 0, "accept")
    office.decide("Anna", 1, "accept")
    assert not any(pair["enough"] or pair["others"] for name in ("Cleo", "Bob") for pair in office.pairs(name))
    office.decide("Bob", 0, "accept")
    assert [pair["enough"] for pair in office.pairs("Cleo")] == [True] + [False] * (PAIRS - 1)
    # Anna's own are hers as before; what she has not decided about is open to her until two others have.
    assert [pair["enough"] for pair in office.pairs("Anna")] == [False] * PAIRS
    assert office.pairs("Anna")[0]["decision"] == "accept"


def test_people_who_take_turns_decide_each_pair_as_often_as_asked(office: Office) -> None:
    names = ["Anna", "Bob", "Cleo", "Dora"]
    places = {name: office.open(name)["first"] for name in names}
    assert len(set(places.values())) > 1 and all(0 <= place < PAIRS for place in places.values())
    done = 0
    for turn in range(4 * PAIRS):
        name = names[turn % len(names)]
        pairs = office.pairs(name)
        order = [(places[name] + k) % PAIRS for k in range(PAIRS)]
        mine = [k for k in order if not pairs[k]["decision"] and not pairs[k]["enough"]]
        if mine:
            office.decide(name, mine[0], "accept")
            done += 1
    assert done == 2 * PAIRS


def test_disagreements_are_told_when_all_have_decided_and_can_be_settled(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.decide("Anna", 0, "accept")
    assert office.pairs("Bob")[0]["others"] == []  # nobody is led
    office.decide("Bob", 0, "reject", tags=["hands"])
    for name, other in (("Anna", "reject"), ("Bob", "accept")):
        pair = office.pairs(name)[0]
        assert pair["split"] and pair["others"][0]["decision"] == other and pair["verdict"] == ""
    assert office.pairs("Anna")[0]["others"] == [{"decision": "reject", "tags": ("hands",)}]
    assert office.pairs("Cleo")[0]["split"]  # whoever has not decided may settle it as well
    office.decide("Cleo", 0, "", settled="reject", action="settle")
    for name in ("Anna", "Bob", "Cleo"):
        pair = office.pairs(name)[0]
        assert (pair["split"], pair["verdict"]) == (False, "reject")
    office.decide("Anna", 0, "accept", settled="accept", action="settle")  # the last word counts
    assert {office.pairs(name)[0]["verdict"] for name in ("Anna", "Bob", "Cleo")} == {"accept"}
    assert office.pairs("Anna")[0]["decision"] == "accept" and office.pairs("Bob")[0]["decision"] == "reject"
    who = office._known["Anna"]
    assert office.bench.undo({**who, "session": "Anna", "collection": FOLDER})["settled"] == ""
    assert office.pairs("Bob")[0]["verdict"] == "reject"
    assert cli.main(["agreement", str(office.decisions)]) == 0
    said = json.loads(capsys.readouterr().out)
    (pair,) = said["disagreements"]
    assert said["settled"][pair]["decision"] == "reject" and said["settled"][pair]["by"] == "Cleo"
    assert '"settled": "reject"' in office.bench.export(office._known["Cleo"])["json"]


def test_agreement_is_told_about_what_enough_have_decided(office: Office) -> None:
    assert office.open("Anna")["agreement"] == {"pairs": 0, "kappa": None, "two": []}
    for number, (anna, bob) in enumerate((("accept", "accept"), ("reject", "reject"), ("accept", "reject"))):
        office.decide("Anna", number, anna)
        assert office.open("Bob")["agreement"]["pairs"] == number
        office.decide("Bob", number, bob)
    office.decide("Anna", 3, "reject")  # nobody else has: it counts for nothing yet
    told = office.open("Anna")["agreement"]
    # Cohen: observed 2/3, by chance (2/3 * 1/3 + 1/3 * 2/3) = 4/9; Fleiss: by chance 1/2
    assert told["two"] == [{"pairs": 3, "same": 2, "kappa": pytest.approx(0.4)}]
    assert (told["pairs"], told["kappa"]) == (3, pytest.approx(1 / 3))
    assert office.open("Cleo")["agreement"] == {"pairs": 3, "kappa": pytest.approx(1 / 3), "two": []}


def test_without_overlap_nobody_learns_of_others(office: Office, tmp_path: Path) -> None:
    office.decide("Anna", 0, "accept")
    alone = Bench(tmp_path / "decisions", tmp_path / "pairs")
    answer = alone.open({"collection": FOLDER, **office._known["Anna"]})
    assert answer["overlap"] == 0 and answer["agreement"] is None and "others" not in answer["pairs"][0]
    assert "error" in office.bench.record({"collection": FOLDER, **office._known["Anna"], "settled": "perhaps"})


def test_files_are_read_again_only_when_they_have_changed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.decide("Anna", 0, "accept")
    office.decide("Bob", 1, "accept")
    read: list[str] = []
    usual = overlap.opinions_in

    def counted(book: Any) -> Any:
        read.append(book.path.name)
        return usual(book)

    monkeypatch.setattr(overlap, "opinions_in", counted)
    tally = office.bench._tally
    for _ in range(3):
        tally.others(office.decisions / "decisions-cleo.jsonl")
    office.decide("Anna", 2, "accept")
    read.clear()
    found = tally.others(office.decisions / "decisions-bob.jsonl")
    assert len(by_pair(found)) == 2 and read == ["decisions-anna.jsonl"]
    monkeypatch.setattr(overlap, "EVERY_SECONDS", 1000.0)
    office.decide("Anna", 3, "accept")
    read.clear()
    assert len(by_pair(tally.others(office.decisions / "decisions-bob.jsonl"))) == 2 and read == []


def test_the_overlap_is_an_option() -> None:
    assert read_options([]).overlap == 0 and read_options(["--overlap", "2"]).overlap == 2
    with pytest.raises(SystemExit):
        read_options(["--overlap", "-1"])


def test_a_damaged_record_of_another_costs_nothing(office: Office) -> None:
    office.decide("Anna", 0, "accept")
    with (office.decisions / "decisions-anna.jsonl").open("ab") as file:
        file.write(b'{"id":"x","pair":"y","action":"settle","decision":"","settled":"maybe"}\n{"id":\n')
    assert np.sum([len(pair["others"]) for pair in office.pairs("Bob")]) == 0
    assert not office.pairs("Bob")[0]["enough"]
