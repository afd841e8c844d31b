"""The Inspect tab without a browser: pairs, poses, calibration, decisions, and what a visitor may not do."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image
from ui_people import person, waving

from vivid.errors import InputError, Message
from vivid.pose.calibrate import calibrate
from vivid.pose.clips import load_clip, save_clip
from vivid.pose.edits import apply_edits, checked_edits
from vivid.pose.foreign import save_openpose
from vivid.ui.inspect import annotators, decisions, fitting, uploads
from vivid.ui.inspect import bench as benches
from vivid.ui.inspect import pairs as pairs_module
from vivid.ui.inspect.annotators import Annotators
from vivid.ui.inspect.bench import Bench
from vivid.ui.inspect.decisions import DecisionBook, Mark
from vivid.ui.inspect.fitting import nudges_of, packed
from vivid.ui.inspect.pairs import Source, folder_sources, match_pairs
from vivid.ui.inspect.uploads import FOLDER
from vivid.ui.visitors import Visitor, Visitors, current


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pairs, and a detector that finds the same person in every picture and counts how often it is asked."""
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    for number in (1, 2):
        Image.new("RGB", (400, 400), (number, 90, 90)).save(pairs / f"{number}.png")
        save_clip(waving(10 + number), pairs / f"{number}.npz")
    seen: list[int] = []

    def detect(image: np.ndarray) -> Any:
        seen.append(image.shape[0])
        return SimpleNamespace(pose=person(), notices=("The left hand is small.",), detector="test")

    monkeypatch.setattr(fitting, "detect_picture", detect)
    monkeypatch.setattr(fitting, "asked", seen, raising=False)
    return pairs


@pytest.fixture
def bench(folder: Path, tmp_path: Path) -> Bench:
    return Bench(tmp_path / "decisions", folder)


def who(bench: Bench, name: str = "Anna") -> dict[str, str]:
    """A name with its secret, which is asked for once."""
    known: dict[str, dict[str, str]] = vars(bench).setdefault("known_here", {})
    if name not in known:
        known[name] = bench.claim({"name": name})
    return known[name]


def unpack(text: str, frames: int) -> np.ndarray:
    """What the page does: (T, 128, 3)."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i2").reshape(3, frames, 128)
    return np.cumsum(steps, axis=1, dtype=np.int16).transpose(1, 2, 0)


def names(*given: str) -> tuple[list[tuple[str, str, str]], list[str]]:
    pairs, lonely = match_pairs([Source(Path("/x") / name, name) for name in given])
    return [(pair.name, pair.portrait.name, pair.clip.name) for pair in pairs], lonely


def test_partners_are_found_by_their_names() -> None:
    assert names("10.png", "2.png", "2.npz", "10.NPZ")[0] == [("2", "2.png", "2.npz"), ("10", "10.png", "10.NPZ")]
    assert names("a_portrait.jpg", "a_clip.mp4")[0] == [("a", "a_portrait.jpg", "a_clip.mp4")]
    assert names("x/portrait.png", "x/motion.npz", "y/portrait.png", "y/motion.npz")[0] == [
        ("x", "x/portrait.png", "x/motion.npz"),
        ("y", "y/portrait.png", "y/motion.npz"),
    ]
    assert names("portraits/1.png", "clips/1.npz")[0] == [("1", "portraits/1.png", "clips/1.npz")]
    assert names("1.png", "1.npz", "1.mp4")[0] == [("1", "1.png", "1.npz")]


def test_one_clip_alone_goes_with_every_portrait() -> None:
    pairs, lonely = names("a.png", "b.png", "wave.npz")
    assert [pair[0] for pair in pairs] == ["a + wave", "b + wave"]
    assert lonely == []


def test_what_has_no_partner_is_named() -> None:
    pairs, lonely = names("1.png", "1.npz", "2.png", "3.npz", "readme.txt")
    assert [pair[0] for pair in pairs] == ["1"]
    assert lonely == ["2.png", "3.npz"]
    assert names("1.png", "2.png", "3.npz", "4.npz") == ([], ["1.png", "2.png", "3.npz", "4.npz"])


def test_a_folder_gives_nothing_from_outside(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "in" / ".hidden.png").write_bytes(b"x")
    (tmp_path / "in" / "a.png").write_bytes(b"x")
    assert [source.name for source in folder_sources(tmp_path / "in")] == ["a.png"]


def test_a_pair_is_decided_undone_and_exported(bench: Bench, folder: Path, tmp_path: Path) -> None:
    opened = bench.open({"collection": FOLDER, **who(bench)})
    first, second = opened["pairs"]
    assert (first["name"], first["decision"]) == ("1", "")
    data = {"collection": FOLDER, **who(bench), "session": "s", "pair": first["id"]}
    nudges = {"offset_x": 0.25, "left_length": 1.2}
    bench.record({**data, "action": "decide", "decision": "accept", "note": "好", "nudges": nudges})
    bench.record({**data, "pair": second["id"], "action": "decide", "decision": "reject", "note": "", "nudges": {}})
    again = Bench(tmp_path / "decisions", folder).open({"collection": FOLDER, **who(bench)})
    assert [pair["decision"] for pair in again["pairs"]] == ["accept", "reject"]
    assert again["pairs"][0]["nudges"] == nudges
    assert bench.undo({**who(bench), "session": "s"})["pair"] == second["id"]
    assert [pair["decision"] for pair in bench.open(data)["pairs"]] == ["accept", ""]
    assert {pair["decision"] for pair in bench.open({**data, **who(bench, "Bob")})["pairs"]} == {""}
    lines = [json.loads(line) for line in bench.export({**who(bench), "name": "anna"})["text"].splitlines()]
    assert [line["action"] for line in lines] == ["decide", "decide", "undo"]
    assert lines[0]["report"]["options"]["nudges"]["left_arm"]["length"] == 1.2
    assert lines[0]["portrait"] == "1.png"


def test_the_same_files_are_the_same_pair_wherever_they_come_from(bench: Bench, folder: Path) -> None:
    sources = [Source(folder / "1.png", "someone.png"), Source(folder / "1.npz", "someone.npz")]
    uploaded, _ = bench.collections.collect(sources)
    pairs = bench.open({"collection": uploaded, **who(bench)})["pairs"]
    assert pairs[0]["id"] == bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]["id"]


def test_pairs_of_equal_content_are_shown_once_and_named(bench: Bench, folder: Path) -> None:
    for ending in (".png", ".npz"):
        (folder / f"3{ending}").write_bytes((folder / f"1{ending}").read_bytes())
    opened = bench.open({"collection": FOLDER, **who(bench)})
    assert [pair["name"] for pair in opened["pairs"]] == ["1", "2"]
    assert opened["doubles"] == ["3"]


def test_loading_gives_what_the_page_draws(bench: Bench) -> None:
    pair = bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]
    data = bench.load({"collection": FOLDER, "pair": pair["id"]})
    assert data["picture"].startswith("data:image/jpeg;base64,")
    assert (data["canvas"], data["frames"], data["fps"]) == ([400, 400], 11, 24)
    assert data["notices"][0] == "The left hand is small." and all(isinstance(each, str) for each in data["notices"])
    unit = 400 / 4096
    np.testing.assert_allclose(unpack(data["reference"], 1)[0, :18, :2] * unit, person().body[:, :2], atol=unit)
    shoulders = unpack(data["calibrated"], 11)[:, [2, 5], 0] * unit
    np.testing.assert_allclose(shoulders[:, 1] - shoulders[:, 0], 100, atol=1)
    raw = unpack(data["raw"], 11)[:, [2, 5], 0] * unit
    np.testing.assert_allclose(raw[:, 1] - raw[:, 0], 80 * 400 / 300, atol=1)


def test_what_is_to_be_said_of_a_clip_is_said(bench: Bench, folder: Path) -> None:
    frames = json.loads(save_openpose(waving(12), folder / "1.json").read_text())
    (folder / "1.npz").unlink()
    (folder / "1.json").write_text(json.dumps([{"people": frame["people"]} for frame in frames]))
    pair = bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]
    data = bench.load({"collection": FOLDER, "pair": pair["id"]})
    assert any("does not tell its frames a second" in text for text in data["notices"])
    assert all(text in data["chinese"] for text in data["notices"])


def test_a_nudge_moves_the_calibrated_points(bench: Bench) -> None:
    pair = bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]
    asked = {"collection": FOLDER, "pair": pair["id"]}
    before = unpack(bench.fit(asked)["calibrated"], 11) * (400 / 4096)
    after = unpack(bench.fit({**asked, "nudges": {"offset_x": 0.5}})["calibrated"], 11) * (400 / 4096)
    moved = (after - before)[:, [0, 1, 2, 5], 0]
    np.testing.assert_allclose(moved, 50, atol=0.5)


def test_answers_with_messages_can_be_sent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio's writer of JSON refuses names of any kind but str, and messages are one of their own."""
    notice = Message("The {} hand in the portrait is blurred or small: a sharper picture gives better hands.", "left")
    found = SimpleNamespace(pose=person(), notices=(notice,), detector="test")
    monkeypatch.setattr(fitting, "detect_picture", lambda image: found)
    asked = {"collection": FOLDER, **who(bench)}
    pair = bench.open(asked)["pairs"][0]["id"]
    loaded = orjson.loads(orjson.dumps(bench.load({**asked, "pair": pair})))
    assert "左手" in loaded["chinese"][notice]
    refused = orjson.loads(orjson.dumps(bench.fit({**asked, "pair": pair, "nudges": {"left_angle": 1e9}})))
    assert "修正" in refused["chinese"][refused["error"]]


def test_all_corrected_clips_come_in_one_archive(bench: Bench, folder: Path, tmp_path: Path) -> None:
    visitors = Visitors(tmp_path / "files", 1.0)
    bench = Bench(tmp_path / "decisions", folder, visitors=visitors)
    asked = {"collection": FOLDER, **who(bench)}
    assert "corrected no clip" in bench.clips(asked)["error"]
    assert "error" in bench.clips({**asked, "secret": "another"})
    current.set(Visitor("browser one", "browser one"))
    for pair, angle in zip(bench.open(asked)["pairs"], (10, 20), strict=True):
        nudged = {"nudges": {"left_angle": angle}, "action": "nudge", "session": "s", "decision": ""}
        assert "error" not in bench.record({**asked, **nudged, "pair": pair["id"]})
    answer = bench.clips(asked)
    path = Path(answer["url"].removeprefix("gradio_api/file="))
    assert answer["file"] == "clips-anna.zip"
    assert visitors.granted("browser one", str(path)) is not None and visitors.granted("browser two", str(path)) is None
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "out")
    assert [name[:2] for name in names] == ["1_", "2_"]
    assert [len(load_clip(tmp_path / "out" / name)) for name in names] == [11, 12]
    visitors.close()


def test_reasons_and_a_bad_frame_are_kept_and_exported(bench: Bench) -> None:
    first = bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]
    assert (first["tags"], first["frame"]) == ((), None)
    data = {"collection": FOLDER, **who(bench), "session": "s", "pair": first["id"], "action": "tag"}
    answer = bench.record({**data, "decision": "unsure", "tags": ["jump", "hands", "jump"], "frame": 3})
    assert (answer["tags"], answer["frame"], answer["decision"]) == (("hands", "jump"), 3, "unsure")
    exported = bench.export(who(bench))
    assert json.loads(exported["json"])[0]["tags"] == ["hands", "jump"]
    assert exported["csv"].splitlines()[1].split(",")[6:9] == ["unsure", "hands jump", "4"]
    for change in (
        {"tags": ["no such"]},
        {"tags": "hands"},
        {"tags": [1]},
        {"frame": -1},
        {"frame": True},
        {"frame": "3"},
    ):
        assert "error" in bench.record({**data, "decision": "", **change}), change
    assert bench.undo({**who(bench), "session": "s"})["tags"] == ()


def test_a_survey_measures_pairs_and_leaves_unread_videos(bench: Bench, folder: Path) -> None:
    pair = bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]
    asked = {"collection": FOLDER, "pair": pair["id"]}
    worst = bench.survey(asked)["worst"]
    assert set(worst) == {"bone", "reach", "jump", "outside"} and worst == bench.load(asked)["worst"]
    (folder / "1.npz").unlink()
    (folder / "1.mp4").write_bytes(b"\0\0\0\x20ftypisom" + b"\0" * 64)
    opened = bench.open({"collection": FOLDER, **who(bench)})["pairs"]
    assert bench.survey({**asked, "pair": opened[0]["id"]}) == {"worst": None}


WRIST = {"point": 7, "frame": 3, "by": [-20.0, -30.0], "first": 3, "last": 3, "free": False}


def test_moved_points_are_kept_with_the_decision_and_as_a_clip(bench: Bench, tmp_path: Path) -> None:
    first = bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]
    data = {"collection": FOLDER, **who(bench), "session": "s", "pair": first["id"], "decision": ""}
    assert first["edits"] == () and first["seconds"] == 0
    one = bench.record({**data, "action": "edit", "edits": [WRIST], "seconds": 12.34})
    assert one["edits"][0]["point"] == 7
    kept = tmp_path / "decisions" / "clips-anna" / f"{first['id']}.npz"
    fitted = calibrate(person(), waving(11))[0]
    expected = apply_edits(fitted, checked_edits([WRIST]))
    np.testing.assert_allclose(load_clip(kept).body, expected.body, atol=0.01)
    once = kept.read_bytes()
    assert base64.b64decode(bench.clip({**data, "edits": [WRIST]})["data"]) == once
    bench.record({**data, "action": "edit", "edits": [WRIST, {**WRIST, "point": 25}], "seconds": 3})
    assert kept.read_bytes() != once
    assert bench.undo(data)["edits"][0]["point"] == 7 and kept.read_bytes() == once
    again = bench.open(data)["pairs"][0]
    assert (len(again["edits"]), again["seconds"]) == (1, 15.3)
    exported = bench.export(data)
    row = json.loads(exported["json"])[0]
    assert (row["seconds"], row["corrected_clip"]) == (15.3, f"clips-anna/{first['id']}.npz")
    assert row["edits"] == [WRIST] and ",15.3,1,clips-anna/" in exported["csv"]
    assert bench.undo(data)["edits"] == () and not kept.exists()
    # What the worst frames are follows the points, the points that the page gets do not: it moves them itself.
    asked = {**data, "edits": [{**WRIST, "by": [300.0, 0.0], "free": True}]}
    assert bench.fit(asked)["worst"]["jump"][1] > bench.fit(data)["worst"]["jump"][1] + 1
    assert bench.fit(asked)["calibrated"] == bench.fit(data)["calibrated"]


def test_moved_points_may_be_anything_and_have_limits(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]
    data = {"collection": FOLDER, **who(bench), "session": "s", "pair": first["id"], "action": "edit", "decision": ""}
    strange: list[Any] = [
        "all", {"a": 1}, [None], [[1]], [{**WRIST, "by": [float("nan"), 0]}], [{**WRIST, "by": [1e30, 0]}],
        [{**WRIST, "last": 11}], [{**WRIST, "point": 60}], [{**WRIST, "frame": "3"}], [{**WRIST, "path": "/etc"}],
        [WRIST] * 101, [{**WRIST, "by": [10**400, 0]}],
    ]  # fmt: skip
    for edits in strange:
        for call in (bench.record, bench.fit, bench.load, bench.look, bench.clip):
            answer = call({**data, "edits": edits, "frame": 0})
            assert set(answer) == {"error", "chinese"}, (call, edits)
            assert "wrong on our side" not in answer["error"]
    assert not list((tmp_path / "decisions").glob("clips-*"))
    for seconds in (float("nan"), -5, "9", True, 1e9, None, [1]):
        assert "error" not in bench.record({**data, "seconds": seconds})
    assert bench.open(data)["pairs"][0]["seconds"] == 0
    monkeypatch.setattr(decisions, "CLIP_BYTES", 1000)
    assert "all the room" in bench.record({**data, "edits": [WRIST]})["error"]
    assert bench.open(data)["pairs"][0]["edits"] == ()
    assert "secret" in bench.record({**data, "secret": "", "edits": [WRIST]})["error"]


def test_a_frame_of_the_finished_look_is_drawn_for_what_is_corrected(bench: Bench) -> None:
    asked_for: list[tuple[str, Any]] = []

    class Drawn:
        generator = SimpleNamespace(resolve=lambda settings, size: replace(settings, width=200, height=100))

        def of(self, session: str, wanted: Any) -> Any:
            asked_for.append((session, wanted))
            return SimpleNamespace(frame=lambda index: np.full((100, 200, 3), index, np.uint8))

    bench._fitting._previews = Drawn()  # type: ignore[assignment]
    pair = bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]
    asked = {"collection": FOLDER, "pair": pair["id"], "frame": 5}
    first = bench.look(asked)
    image = Image.open(io.BytesIO(base64.b64decode(first["picture"].split(",")[1])))
    assert image.size == (200, 100) and abs(image.getpixel((9, 9))[0] - 5) < 3  # type: ignore[index]
    x0, y0, x1, y1 = first["box"]  # half as high as the portrait, somewhere in it
    assert (x0, x1) == (0, 400) and y1 - y0 == pytest.approx(200)
    bench.look(asked)
    bench.look({**asked, "edits": [WRIST]})
    (_, plain), (_, same), (_, moved) = asked_for
    assert plain is same and moved.motion is moved.calibrated[0]  # hands are shaped after the corrected ones
    assert not np.array_equal(moved.calibrated[0].body, plain.calibrated[0].body)
    assert "error" in bench.look({**asked, "frame": -1}) and "error" in bench.look({**asked, "frame": "1"})


def test_every_slider_reaches_calibration() -> None:
    nudges = nudges_of(
        {"offset_x": 1, "offset_y": -1, "scale": 1.1, "left_angle": 5, "left_length": 1.2, "left_hand": 1.3,
         "right_angle": -5, "right_length": 0.8, "right_hand": 0.7}
    )  # fmt: skip
    assert (nudges.offset, nudges.scale) == ((1, -1), 1.1)
    assert (nudges.left_arm.angle, nudges.left_arm.length, nudges.left_arm.hand) == (5, 1.2, 1.3)
    assert (nudges.right_arm.angle, nudges.right_arm.length, nudges.right_arm.hand) == (-5, 0.8, 0.7)
    assert not nudges_of({}).any


def test_a_portrait_is_looked_at_once(bench: Bench) -> None:
    asked = {"collection": FOLDER, **who(bench)}
    for pair in bench.open(asked)["pairs"] * 3:
        bench.load({**asked, "pair": pair["id"]})
        bench.fit({**asked, "pair": pair["id"], "nudges": {"scale": 1.2}})
    assert len(fitting.asked) == 2  # type: ignore[attr-defined]


def test_strange_requests_are_answered_with_a_sentence(bench: Bench, tmp_path: Path) -> None:
    pair = bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]["id"]
    good = {"collection": FOLDER, **who(bench), "session": "s", "pair": pair, "action": "decide", "decision": ""}
    for call, asked in (
        (bench.open, None),
        (bench.open, {"collection": "/etc", **who(bench)}),
        (bench.open, {"collection": FOLDER, "name": ""}),
        (bench.open, {"collection": FOLDER, "name": ["Anna"]}),
        (bench.load, {"collection": FOLDER, "pair": "../../etc/passwd"}),
        (bench.fit, {**good, "nudges": {"scale": 99}}),
        (bench.fit, {**good, "nudges": "all"}),
        (bench.record, {**good, "decision": "maybe"}),
        (bench.record, {**good, "action": "undo"}),
        (bench.record, {**good, "note": "x" * 5000}),
        (bench.record, {**good, "name": "\x00"}),
    ):
        answer = call(asked)
        assert set(answer) == {"error", "chinese"}, (call, asked, answer)
        assert "wrong on our side" not in answer["error"]
    assert [path.name for path in tmp_path.glob("decisions/*")] == ["annotators.jsonl"]


def test_a_broken_file_is_named_and_stops_nothing_else(bench: Bench, folder: Path) -> None:
    (folder / "1.npz").write_bytes(b"not a clip")
    first, second = bench.open({"collection": FOLDER, **who(bench)})["pairs"]
    answer = bench.load({"collection": FOLDER, "pair": first["id"]})
    assert answer["error"].startswith("1.npz: ")
    assert "error" not in bench.load({"collection": FOLDER, "pair": second["id"]})


def test_files_without_any_pair_are_refused(bench: Bench, folder: Path) -> None:
    with pytest.raises(InputError, match="name them alike"):
        bench.collections.collect([Source(folder / "1.png", "a.png"), Source(folder / "2.png", "b.png")])


def asking(visitor: Visitor, ask: Callable[[], Any]) -> Any:
    """The answer to a call of that visitor."""

    def run() -> Any:
        current.set(visitor)
        return ask()

    return copy_context().run(run)


def test_a_name_belongs_to_whoever_confirmed_it(bench: Bench, tmp_path: Path) -> None:
    anna = who(bench)
    pair = bench.open({"collection": FOLDER, **anna})["pairs"][0]["id"]
    decided = {"collection": FOLDER, "session": "s", "pair": pair, "action": "decide", "decision": "accept"}
    assert "error" not in bench.record({**decided, **anna})
    on_disk = [path.read_bytes() for path in sorted((tmp_path / "decisions").iterdir())]
    calls = (bench.open, bench.record, bench.undo, bench.export)
    for name in ("Anna", " anna ", "ANNA", "Nobody"):
        for secret in ("", "x", anna["secret"][:-1], anna["secret"] + "a", None, {"$ne": ""}, "\ud800"):
            for call in calls:
                answer = call(
                    {**decided, "name": name, "secret": secret} if name != "Nobody" or secret else {**decided}
                )
                assert set(answer) == {"error", "chinese"}, (call, name, secret, answer)
    for name in ("Anna", "anna", "Ａｎｎａ"):  # the last one in wide letters
        assert "belongs to somebody already" in bench.claim({"name": name})["error"]
    bob = who(bench, "Bob")
    assert all("error" in call({**decided, "name": "Anna", "secret": bob["secret"]}) for call in calls)
    kept = [path.read_bytes() for path in sorted((tmp_path / "decisions").iterdir())]
    assert kept[1:] == on_disk[1:] and kept[0].startswith(on_disk[0])  # the file of names has got Bob's line
    assert not any(who["secret"].encode() in text for who in (anna, bob) for text in kept)


def test_decisions_of_before_there_were_secrets_go_to_who_comes_first(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pair = bench.open({"collection": FOLDER, **who(bench, "Bob")})["pairs"][0]["id"]
    subject = bench.collections.pairs(FOLDER)[pair].subject()
    DecisionBook(tmp_path / "decisions", "Anna").add(subject, Mark("accept"), None, "s", "decide")
    assert "error" in bench.export({"name": "Anna", "secret": ""})
    assert bench.open({"collection": FOLDER, **who(bench)})["pairs"][0]["decision"] == "accept"
    assert [record.getMessage() for record in caplog.records if record.name == "vivid"] == [
        "The decisions of Anna had no secret: whoever asked first has them now."
    ]
    names = tmp_path / "decisions" / "annotators.jsonl"
    lines = names.read_bytes().splitlines(keepends=True)
    names.write_bytes(lines[0] + b'{"file": "decisions-anna.js')  # who runs the server has taken her line away
    assert "error" in bench.open({"collection": FOLDER, **who(bench)})
    again = bench.claim({"name": "Anna"})
    assert again["secret"] != who(bench)["secret"] and "pairs" in bench.open({"collection": FOLDER, **again})


def test_one_of_many_gets_a_name(tmp_path: Path) -> None:
    names = Annotators(tmp_path)

    def claim(_: int) -> str | None:
        try:
            return names.claim("Anna")
        except InputError:
            return None

    with ThreadPoolExecutor(8) as threads:
        secrets = [secret for secret in threads.map(claim, range(24)) if secret]
    assert len(secrets) == 1
    assert names.book("Anna", secrets[0]).name == "Anna"


def test_nobody_begins_so_many_names_that_others_find_no_room(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(benches, "MOST_NAMES", 2)

    def begun(owner: str, *names: str, address: str | None = None) -> list[bool]:
        return [
            "secret" in asking(Visitor(owner, owner, address), lambda name=name: bench.claim({"name": name}))
            for name in names
        ]

    assert begun("one", "a", "b", "c", "d") == [True, True, False, False]
    assert begun("two", "a", "c", "d") == [False, True, True]
    crowd = [begun(f"browser {n}", f"x{n}", f"y{n}", address="203.0.113.7") for n in range(5)]
    assert crowd == [[True, True]] * 4 + [[False, False]]
    monkeypatch.setattr(annotators, "MOST_NAMES", 13)
    (tmp_path / "decisions" / "decisions-old.jsonl").touch()  # one without a secret counts as well
    assert "13 people have decisions here" in bench.claim({"name": "z"})["error"]
    assert "secret" in bench.claim({"name": "old"})


def test_uploaded_collections_have_limits(bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [Source(folder / "1.png", "1.png"), Source(folder / "1.npz", "1.npz")]
    monkeypatch.setattr(uploads, "MOST_OF_VISITOR", 2)
    monkeypatch.setattr(uploads, "MOST_COLLECTIONS", 4)

    def there(name: str) -> bool:
        return "pairs" in bench.open({"collection": name, **who(bench)})

    def collected(name: str, address: str | None = None) -> str:
        return asking(Visitor(name, name, address), lambda: bench.collections.collect(sources)[0])

    other = collected("browser 2")
    mine = [collected("browser 1") for _ in range(4)]
    assert [there(name) for name in (other, *mine)] == [True, False, False, True, True]
    many = [collected(f"browser {n}", "203.0.113.7") for n in range(3, 13)]  # one address with many cookies
    assert [there(name) for name in (other, *mine[2:])] == [True, False, True]
    assert [there(name) for name in many] == [False] * 8 + [True] * 2
    assert there(FOLDER)


def test_pairs_and_files_have_limits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = [Source(folder / "1.png", "a.png")] * 3 + [Source(folder / "1.npz", "a.npz")] * 3
    assert len(match_pairs(named)[0]) == 9
    monkeypatch.setattr(pairs_module, "MOST_PAIRS", 8)
    with pytest.raises(InputError, match="more than 8 pairs"):
        match_pairs(named)
    monkeypatch.setattr(pairs_module, "MOST_FILES", 3)
    with pytest.raises(InputError, match="more than 3 files"):
        folder_sources(folder)


def test_packing_keeps_points_to_a_fraction_of_a_pixel() -> None:
    clip = waving(5)
    points = unpack(packed(clip), 5)[:, 18:60].reshape(5, 2, 21, 3) * np.array([300 / 4096, 300 / 4096, 0.01])
    np.testing.assert_allclose(points, clip.hands, atol=0.05)
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", packed(clip))
