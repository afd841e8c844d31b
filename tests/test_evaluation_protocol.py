"""`vivid evaluate protocol` from a test set to tables and page, and the parts that it is made of."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.dummies import dummy_pipeline
from tests.training_data import SIZE, key_points, write_ordinary, write_rendered
from vivid import cli
from vivid.config import RunSettings
from vivid.errors import InputError
from vivid.evaluation.compare import make_case
from vivid.evaluation.methods import Method, Methods
from vivid.evaluation.metrics import REGISTRY
from vivid.evaluation.metrics.base import NotMeasuredError
from vivid.evaluation.metrics.networks import Networks
from vivid.evaluation.probes import probes
from vivid.evaluation.protocol import Measured, MethodRow, Protocol, Value, distance_of, mean_of
from vivid.evaluation.tables import as_csv, latex, markdown, marks_of, notes
from vivid.evaluation.testset import Reference, balance, read_references, read_test_set, ready_clip, seconds_of
from vivid.media.video import VideoWriter, read_frames
from vivid.pipeline import VividPipeline
from vivid.pose.portrait import Portrait
from vivid.pose.skeleton import PoseClip
from vivid.speech.types import Speech
from vivid.training.clips import load_clip_folder

FRAMES = 6


def known_poses(frames: np.ndarray, detector: str) -> PoseClip:
    points = np.concatenate([key_points(), np.ones((12, 128, 1), np.float32)], -1)[: len(frames)]
    return PoseClip(points[:, :18], points[:, 18:60].reshape(-1, 2, 21, 3), points[:, 60:], (SIZE, SIZE))


@pytest.fixture
def poses_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("vivid.evaluation.protocol.detect", known_poses)
    monkeypatch.setattr("vivid.evaluation.probes.detect", known_poses)
    monkeypatch.setenv("VIVID_MODELS", str(tmp_path / "models"))


def test_a_test_set_and_methods_become_tables_and_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], poses_known: None
) -> None:
    for number in range(2):
        write_rendered(tmp_path / "held", f"{number:03d}", identity=number, seed=number)
        write_rendered(tmp_path / "people", f"{number:03d}", identity=number, seed=number)
    finished = tmp_path / "theirs"
    finished.mkdir()
    shutil.copy(tmp_path / "held" / "001.mp4", finished / "000.mp4")
    pipeline = dummy_pipeline()
    monkeypatch.setattr(VividPipeline, "from_pretrained", classmethod(lambda cls, name: pipeline))
    monkeypatch.setattr("vivid.evaluation.methods.GENERATORS", ("tiny",))
    out = tmp_path / "out"
    command = ["evaluate", "protocol", "--clips", str(tmp_path / "held"), "--training", str(tmp_path / "people")]
    command += ["--cache", str(tmp_path / "cache"), "--out", str(out), "--frames", str(FRAMES), "--metrics", "all"]
    command += ["--no-fetch", "--steps", "1", "--method", "still", "--method", "nearest"]
    command += ["--method", "latents,tiny"]
    command += ["--method", "tiny", "--method", "tiny,no-hcc", "--method", f"theirs & co={finished}"]
    assert cli.main(command) == 1  # theirs lacks a clip
    printed = capsys.readouterr().out
    results = json.loads((out / "results.json").read_text())
    rows = {row["name"]: row for row in results["rows"]}
    assert next(iter(rows)) == "truth" and {"tiny", "tiny w/o HCC", "theirs & co"} < set(rows)
    value = {name: {key: v["value"] for key, v in row["values"].items()} for name, row in rows.items()}
    # The nearest clip of the same person is here the clip itself: equal pictures have no finite PSNR.
    assert value["nearest training clip"]["ssim"] == pytest.approx(1) and "psnr" not in value["nearest training clip"]
    assert value["still portrait"]["flicker_whole"] == 0 < value["truth"]["flicker_whole"]
    assert 3 < value["tiny"]["psnr"] < 60 and value["tiny"]["psnr_hands"] != value["tiny w/o HCC"]["psnr_hands"]
    assert np.isfinite(value["tiny"]["mouth_read"]) and value["tiny"]["hkc"] == 1
    assert "compared with it" in rows["truth"]["missing"]["psnr"]
    # No network is here: sentences, and no zero anywhere.
    for key in ("csim", "hyperiqa", "sync_c", "fid", "fvd"):
        assert not any(key in row["values"] for row in rows.values())
        assert "it needs the" in rows["tiny"]["missing"][key]
    assert "CSIM not computed: it needs the weights of ArcFace" in printed
    assert "theirs & co has no 001" in printed and rows["theirs & co"]["values"]["hkc"]["clips"] == 1
    assert r"theirs \& co" in (out / "table1.tex").read_text() and "| tiny |" in (out / "table2.md").read_text()
    table = list(csv.DictReader((out / "table1.csv").open()))
    assert len(table) == 9 * len(rows) and {row["clips"] for row in table if row["not_computed"]} == {"0"}
    page = (out / "index.html").read_text()
    assert "theirs &amp; co" in page and "tiny with and without HCC" in page
    shown = [part.split('"')[0] for part in page.split('src="')[1:]]
    assert len(shown) > 10 and all((out / name).is_file() for name in shown)
    assert not (out / "decoded").exists()
    # A second run makes and measures nothing again.
    made = {
        path: path.stat().st_mtime_ns
        for kind in ("videos", "measures", "pictures")
        for path in (out / kind).rglob("*.*")
    }
    kept = {path for path in made if "portrait-and-motion" not in str(path)}
    assert cli.main(command) == 1
    assert all(path.stat().st_mtime_ns == made[path] for path in kept)
    assert json.loads((out / "results.json").read_text()) == results


def test_probes_tell_a_model_that_listens_from_one_that_looks(tmp_path: Path, poses_known: None) -> None:
    class Listens:
        """Loudness lights the mouth; it never looks at the hands."""

        def animate(
            self, portrait: Portrait, speech: Speech, motion: PoseClip, settings: RunSettings, out: Path
        ) -> list:
            frames = np.repeat(portrait.image[None], FRAMES, 0)
            x0, y0, x1, y1 = cases[0].clip.mouth_boxes[0].astype(int)
            frames[:, y0:y1, x0:x1] = 20 + int(200 * np.abs(speech.samples).max())
            with VideoWriter(out, portrait.size) as writer:
                writer.write(frames)
            return []

    clips = [load_clip_folder(write_rendered(tmp_path, name, seed=3), tmp_path / "cache") for name in "ab"]
    cases = [make_case(clip, FRAMES) for clip in clips]
    cases[1] = replace(cases[1], speech=Speech(cases[1].speech.samples * 0.2))
    found = probes(Listens(), cases, RunSettings(), tmp_path / "probes", "auto")  # type: ignore[arg-type]
    assert found["other voice changes mouth by"] > 5 > 1 > found["other voice changes hands by"]
    assert found["other gestures change hands by"] == 0 and np.isfinite(found["openness in silence, mean"])
    with pytest.raises(InputError, match="two clips"):
        probes(Listens(), cases[:1], RunSettings(), tmp_path / "probes", "auto")  # type: ignore[arg-type]


def test_a_video_that_became_another_is_measured_anew_and_a_network_that_came_is_used(
    tmp_path: Path, poses_known: None
) -> None:
    clip = load_clip_folder(write_rendered(tmp_path, "a"), tmp_path / "cache")
    case = make_case(clip, FRAMES)
    shade, looked = [40], []

    def frames(case: object) -> np.ndarray:
        looked.append(shade[0])
        return np.full((FRAMES, SIZE, SIZE, 3), shade[0], np.uint8)

    def measured(networks: Networks) -> MethodRow:
        methods = [Methods(tmp_path, RunSettings(), []).truth(), Method("x", frames, lambda case: str(shade[0]))]
        protocol = Protocol(methods, ["psnr", "fid", "hkc"], networks, tmp_path / "out", report=lambda text: None)
        protocol.measure(case)
        return protocol.rows()[1]

    first = measured(Networks())
    assert "fid" in first.missing and first.values["psnr"].clips == 1 and first.values["psnr"].low is None
    assert measured(Networks()).values == first.values and looked == [40]
    both = measured(Networks(ready={"inception": lambda pictures: pictures.reshape(len(pictures), -1)[:, :5] * 1.0}))
    assert both.values["fid"].value > 0 and both.values["psnr"] == first.values["psnr"] and looked == [40, 40]
    shade[0] = 90
    assert measured(Networks()).values["psnr"] != first.values["psnr"]


def test_emtds_list_is_cut_as_its_authors_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    pictures = np.repeat(np.arange(72, dtype=np.uint8)[:, None] * 3, 32 * 32 * 3, 1).tobytes()  # brightness: 3 a frame
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "32x32", "-r", "24", "-i", "-"]
    subprocess.run([*command, "-crf", "0", str(videos / "NBMTc71yrpk.mp4")], input=pictures, check=True)
    listed = tmp_path / "list.txt"
    listed.write_text(
        "URL,Start Timecode,End Timecode\n"
        "https://www.youtube.com/watch?app=desktop&v=NBMTc71yrpk,00:00:01.000,00:00:02.000\n"
        "https://www.youtube.com/watch?v=j4QlG5jKpio,00:02:31.777,00:02:41.328\n"
    )
    stretches, missing = read_test_set(listed, videos)
    assert len(stretches) == 1 and "j4QlG5jKpio (line 3)" in missing[0] and "download" in missing[0]
    monkeypatch.setattr(
        "vivid.evaluation.testset.detect_video", lambda path, *a, **k: (known_poses(np.zeros(12), ""), None)
    )
    clip = ready_clip(stretches[0], tmp_path / "clips")
    levels = [frame.mean() / 3 for frame in read_frames(clip)]
    assert levels[0] == pytest.approx(27, abs=1) and levels[-1] == pytest.approx(44, abs=1)  # 24 + 3 to 48 - 3
    assert clip.with_suffix(".npz").is_file() and ready_clip(stretches[0], tmp_path / "clips") == clip


def test_our_list_names_whole_videos_and_stretches_and_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "list.csv").write_text("video,start,end\na.mp4,,\na,1:05.5,70\n../../etc/passwd,,\n")
    stretches, missing = read_test_set(tmp_path / "list.csv")
    assert [(s.name, s.start, s.end) for s in stretches] == [("a", None, None), ("a-002", 65.5, 70)]
    assert len(missing) == 1
    for wrong in ("1:2:3:4", "-5", "soon"):
        with pytest.raises(InputError, match="no time"):
            seconds_of(wrong)
    (tmp_path / "list.csv").write_text("name\na\n")
    with pytest.raises(InputError, match="its first line names the columns"):
        read_test_set(tmp_path / "list.csv")


def test_balance_finds_the_group_that_lacks(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"x")
    lines = [f"p.png,{age},{gender}" for age in ("young", "old") for gender in ("f", "m") for _ in range(3)]
    (tmp_path / "list.csv").write_text("\n".join(["file,age,gender", *lines]))
    references = read_references(tmp_path / "list.csv")
    table, complaints = balance(references)
    assert complaints == [] and "| age | old | 6 |" in table
    without = [r for r in references if r.groups != {"age": "old", "gender": "f"}]
    complaints = balance(without)[1]
    assert complaints[0] == "age: young has 6 portraits and old 3."
    assert complaints[-1] == "combinations: old, m has 3 portraits and old, f 0."
    assert "no groups" in balance([Reference(tmp_path / "p.png", {})])[1][0]


def row(name: str, competes: bool = True, **values: float) -> MethodRow:
    return MethodRow(name, competes, {key: Value(value, value - 0.1, value + 0.1, 3) for key, value in values.items()})


def test_best_and_second_are_marked_by_direction_among_those_that_compete() -> None:
    rows = [row("truth", False, hkc=0.99), row("a_b", hkc=0.8, fid=50.0), row("b", hkc=0.90001, fid=40.0)]
    rows.append(row("c", hkc=0.9, fid=60.0))
    assert marks_of(rows, ["hkc", "fid"]) == {"hkc": (0.9, 0.8), "fid": (40.0, 50.0)}
    text = markdown(rows, ["hkc", "fid"])
    assert "| truth | 0.990 (0.890 to 1.090) | - |" in text and "| b | **0.900** (0.800 to 1.000) | **40.00**" in text
    assert "<u>50.00</u>" in text and text.count("**0.900**") == 2  # equal as printed
    assert r"a\_b & \underline{0.800} & \underline{50.00} \\" in latex(rows, ["hkc", "fid"])
    assert "c,fid,FID,,lower,60.0,59.9,60.1,3," in as_csv(rows, ["fid"])
    rows[3].missing["csim"] = "no face was found in the video"
    rows[2].values["csim"] = Value(0.5, None, None, 2)
    assert notes(rows, ["csim"], 3) == [
        "CSIM of c not computed: no face was found in the video.",
        "CSIM of b: over 2 of 3 clips.",
    ]


def test_intervals_come_from_the_clips() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for seed in range(40):
        value = mean_of(rng.normal(3, 1, 30), seed)
        assert value.low is not None and value.high is not None and value.low < value.value < value.high
        inside += value.low < 3 < value.high
    assert 32 <= inside <= 40  # 95 % of 40 are 38
    assert mean_of(np.array([2.0, np.inf])) == Value(2.0, None, None, 1)
    with pytest.raises(NotMeasuredError, match="finite"):
        mean_of(np.array([np.inf]))


def test_a_distance_of_sets_takes_clips_that_both_sides_have() -> None:
    def clips(names: str, shift: Callable[[int], float]) -> dict[str, Measured]:
        rng = np.random.default_rng(1)
        return {n: Measured(features={"fid": rng.normal(size=(40, 3)) + shift(i)}) for i, n in enumerate(names)}

    truth, same, moved = clips("abcd", lambda i: i), clips("abcd", lambda i: i), clips("abc", lambda i: i + 5)
    assert distance_of(REGISTRY["fid"], same, truth).value == pytest.approx(0, abs=1e-9)
    value = distance_of(REGISTRY["fid"], moved, truth)
    assert value.clips == 3 and value.value == pytest.approx(75, rel=0.1)
    assert value.low is not None and value.high is not None and value.low <= value.value <= value.high
    with pytest.raises(NotMeasuredError, match="no clip"):
        distance_of(REGISTRY["fid"], moved, {})


def test_an_ordinary_clip_and_anothers_portrait_have_no_pixels_to_compare(tmp_path: Path, poses_known: None) -> None:
    clip = load_clip_folder(write_ordinary(tmp_path, "a"), tmp_path / "cache")
    own = make_case(clip, FRAMES)
    other = make_case(clip, FRAMES, own.portrait, "a__other")
    methods = Methods(tmp_path, RunSettings(), [])
    protocol = Protocol([methods.truth(), methods.parse("still")], ["psnr", "hmv"], Networks(), tmp_path / "out")
    protocol.measure(other)
    still = protocol.rows()[1]
    assert "recording of the same person" in still.missing["psnr"] and still.values["hmv"].clips == 1


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nothing-here", "neither a generator nor a folder of videos"),
        ("layered,no-hands", "no ablation no-hands"),
        ("nearest", "--training"),
    ],
)
def test_a_method_that_cannot_be_is_refused_in_a_sentence(what: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        Methods(tmp_path, RunSettings(), []).parse(what)
