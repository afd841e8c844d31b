"""From footage to shards: filters on planted faults, records, and what training reads. Stand-ins see and listen."""

from __future__ import annotations

import functools
import io
import os
import tarfile
from contextlib import closing
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_fakes import Deadly
from PIL import Image

from tests.dummies import DummySpeech
from tests.pose_people import Person, gestures
from vivid.config import SAMPLE_RATE
from vivid.data import filters, prepare
from vivid.data.cuts import find_scenes, pieces_of
from vivid.data.filters import CroppedClip, sharpness_of
from vivid.data.lip_sync import FURTHEST, LipSync, lip_sync
from vivid.data.people import Counting
from vivid.data.prepare import (
    DIED,
    PrepareOptions,
    crop_of,
    find_pieces,
    load_records,
    prepare_all,
    prepare_piece,
    report_of,
    write_sheets,
)
from vivid.data.record import ClipRecord
from vivid.data.shards import unpack_shard, write_shards
from vivid.errors import InputError
from vivid.evaluation.metrics.networks import Networks
from vivid.media.sound import load_speech
from vivid.media.video import VideoWriter
from vivid.pose.skeleton import PoseClip
from vivid.speech.states import load_states
from vivid.speech.types import Speech
from vivid.training.clips import load_clips
from vivid.workers import Pool, Processes, RayActors

EXAMPLES = Path(__file__).parents[1] / "examples" / "portraits"
SIDE, FRAMES = 384, 48


def poses(frames: int = FRAMES, side: int = SIDE) -> PoseClip:
    return gestures(Person(), frames).map_points((side / 768, side / 768), (0, 0), (side, side))


@cache
def pictures(frames: int = FRAMES, side: int = SIDE, seed: int = 0) -> np.ndarray:
    """A detailed pattern, brighter and darker from frame to frame."""
    rng, pattern = np.random.default_rng(seed), np.full((side, side, 3), 90.0)
    for cells in (6, 12, 24, 48, 96, 192, 384):  # as much at every scale, as in photographs
        pattern += cv2.resize(rng.normal(0, 9, (cells, cells, 3)), (side, side), interpolation=cv2.INTER_LINEAR)
    return np.stack([np.clip(pattern + level, 0, 255) for level in brightness(frames)]).astype(np.uint8)


def brightness(frames: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(0, 70, frames)


def record() -> ClipRecord:
    return ClipRecord("a", "a.mp4", 0, 2)


def view(frames: np.ndarray | None = None, **parts: object) -> CroppedClip:
    whole = {"frames": pictures() if frames is None else frames, "poses": poses(), "people": np.ones(FRAMES, int)}
    return CroppedClip(**{"speech": None, **whole, **parts})  # type: ignore[arg-type]


def test_a_flash_is_no_cut_and_another_scene_is_one(tmp_path: Path) -> None:
    pytest.importorskip("scenedetect")
    frames = np.concatenate([pictures(1, 128)] * 60 + [pictures(1, 128, seed=1)[:, ::-1] // 2] * 36)
    frames[40:42] = 255 - (255 - frames[40:42]) // 6
    with VideoWriter(tmp_path / "a.mp4", (128, 128)) as writer:
        writer.write(frames)
    scenes = find_scenes(tmp_path / "a.mp4")
    assert len(scenes) == 2
    assert scenes[0] == pytest.approx((0, 2.5), abs=0.05) and scenes[1] == pytest.approx((2.5, 4), abs=0.05)


def test_scenes_become_clips_of_five_to_ten_seconds() -> None:
    pieces, short = pieces_of([(0, 4.9), (4.9, 9.9), (9.9, 31), (31, 41)])
    assert short == [(0, 4.9)] and pieces[0] == (4.9, 9.9) and pieces[-1] == (31, 41)
    middle = pieces[1:-1]
    assert len(middle) == 3 and all(5 <= end - start <= 10 for start, end in pieces)
    assert [start for start, _ in middle[1:]] == [end for _, end in middle[:-1]]


def test_one_person_with_face_and_shoulders_is_wanted() -> None:
    good, two, turned, head = (record() for _ in range(4))
    filters.one_person(view(), good)
    filters.one_person(view(people=np.repeat([1, 2], FRAMES // 2)), two)
    hidden, cut = poses(), poses()
    hidden.face[:10, :, 2] = 0
    cut.body[:, 2, 2] = 0
    filters.one_person(view(poses=hidden), turned)
    filters.one_person(view(poses=cut), head)
    assert good.kept and good.measures["frames_with_face"] == 1
    assert "50% of the frames show more than one" in two.dropped["one_person"]
    assert "face" in turned.dropped["one_person"] and "shoulders" in head.dropped["one_person"]


class Finder:
    """Finds two faces, once every four frames."""

    name, people = "stand-in", 2

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, image: np.ndarray) -> None:
        if self.calls % 4 == 0:
            self.boxes = np.array([[150, 40, 230, 140], [300, 20, 360, 90]], np.float32)
        self.calls += 1


@pytest.mark.parametrize(("moving", "count"), [((True, False), 1), ((True, True), 2)])
def test_a_portrait_on_the_wall_is_nobody(moving: tuple[bool, bool], count: int) -> None:
    counting = Counting(Finder())
    frames = np.repeat(pictures(1), 24, 0)
    frames = np.clip(frames + np.random.default_rng(0).normal(0, 3, frames.shape), 0, 255).astype(np.uint8)
    for index, frame in enumerate(frames):
        for move, (x, y) in zip(moving, ((150, 40), (300, 20)), strict=True):
            face = frame[y : y + 60, x : x + 60]
            face[:] = np.roll(face, index if move else 0, 1)
        counting.detect(frame)
    assert counting.counts().tolist() == [count] * 24


class Twice:
    """Doubles every pixel, in the place of super-resolution."""

    scale = 2

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        return picture.repeat(2, 0).repeat(2, 1)


def test_small_faces_are_enlarged_where_that_helps_and_dropped_elsewhere() -> None:
    large, small, mended, tiny = (record() for _ in range(4))
    ready = Networks(ready={"upscaler": Twice()})
    assert filters.resolution(view(), large, ready) is None and large.kept
    assert filters.resolution(view(poses=poses(side=200)), small, Networks(ready={})) is None
    assert "29 pixels wide" in small.dropped["resolution"] and "it needs the" in small.dropped["resolution"]
    assert filters.resolution(view(poses=poses(side=200)), mended, ready) is not None
    assert mended.kept and "2 times as large" in mended.mended["resolution"]
    assert filters.resolution(view(poses=poses(side=64)), tiny, ready) is None
    assert "only 2 times" in tiny.dropped["resolution"]


def test_weights_of_super_resolution_are_read_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny network of a published architecture, as its authors publish it."""
    pytest.importorskip("spandrel")
    import torch
    from spandrel.architectures.Compact import Compact

    monkeypatch.setattr("vivid.weights.hub.models_folder", lambda: tmp_path / "kept")
    network = Compact(num_feat=8, num_conv=2, upscale=2)
    for parameter in network.parameters():  # what is left is the enlarged picture that it adds its own to
        torch.nn.init.zeros_(parameter)
    torch.save({"params_ema": network.state_dict()}, tmp_path / "RealESRGAN_x2plus.pth")
    enlarge = Networks(tmp_path).get("upscaler")
    picture = pictures(1, 64)[0]
    assert enlarge.scale == 2
    np.testing.assert_allclose(enlarge(picture).astype(int), picture.repeat(2, 0).repeat(2, 1), atol=1)


@pytest.mark.parametrize(("every", "dropped"), [(0, False), (6, False), (2, True), (1, True)])
def test_blur_is_found_against_the_sharpest_frames_and_when_there_are_none(every: int, dropped: bool) -> None:
    portrait = np.array(Image.open(EXAMPLES / "ada.jpg"))
    frames = np.repeat(portrait[None], 12, 0)
    for index in range(len(frames)):
        if every and index % every == 0:
            frames[index] = cv2.blur(portrait, (24, 1))  # a sixth of the face's width, across
    clip = poses(1, 768).take(np.zeros(12, int))
    low, high = (edge(clip.face[0, :, :2], axis=0) for edge in (np.min, np.max))
    scale = 132 / (high[0] - low[0])  # where her face is
    clip = clip.map_points((scale, scale), (192 - low[0] * scale, 77 - low[1] * scale), (512, 512))
    found = record()
    filters.motion_blur(CroppedClip(frames, clip, np.ones(12, int), None), found)
    assert ("motion_blur" in found.dropped) == dropped, found.measures


def test_a_picture_made_smaller_is_hardly_less_sharp() -> None:
    face = cv2.resize(np.array(Image.open(EXAMPLES / "ada.jpg"))[70:230, 185:330], (80, 80), None, 0, 0, cv2.INTER_AREA)
    smaller = cv2.resize(face, (68, 68), interpolation=cv2.INTER_AREA)
    assert sharpness_of(smaller) > 0.6 * sharpness_of(face)
    assert sharpness_of(smaller) > filters.SHARP > sharpness_of(cv2.blur(smaller, (10, 1)))


def test_less_to_see_is_no_blur() -> None:
    clip, frames = poses(1).take(np.zeros(12, int)), np.repeat(pictures(1), 12, 0)
    frames[6:] = 128 + (frames[6:].astype(int) - 128) // 2  # as where a hand turns its flat back
    found, blurred = record(), record()
    filters.motion_blur(CroppedClip(frames, clip, np.ones(12, int), None), found)
    frames[6:] = [cv2.blur(frame, (9, 9)) for frame in frames[6:]]
    filters.motion_blur(CroppedClip(frames, clip, np.ones(12, int), None), blurred)
    assert found.kept and found.measures["blurred_frames_hand_0"] == 0, found.measures
    assert blurred.measures["blurred_frames_hand_0"] == 0.5, blurred.measures


def test_less_light_is_no_blur() -> None:
    portrait = np.array(Image.open(EXAMPLES / "ada.jpg")).astype(float)
    frames = np.stack([portrait * light for light in [1.0] * 6 + [0.5] * 6]).astype(np.uint8)
    found = record()
    clip = poses(1, 768).take(np.zeros(12, int))
    clip = clip.map_points((2 / 3, 2 / 3), (0, 0), (512, 512))
    filters.motion_blur(CroppedClip(frames, clip, np.ones(12, int), None), found)
    assert found.measures["blurred_frames_face"] == 0, found.measures


def test_changing_and_wide_text_below_is_subtitles_and_a_sign_is_not() -> None:
    def reader(at: float, wide: float, words: list[str]) -> filters.Reader:
        turn = iter(words * 8)
        box = np.array([[0, at], [wide, at], [wide, at + 0.05], [0, at + 0.05]]) * SIDE
        return lambda picture: [(box, next(turn), 0.9)]

    cases = {
        (0.85, 0.2, ("one line", "another")): True,
        (0.85, 0.6, ("the same line",)): True,
        (0.85, 0.1, ("EXIT",)): False,
        (0.85, 0.28, ("SURF CLUB", "SUF", "SURFCLUB", "RF CLUB")): False,  # printed on a shirt, behind a hand
        (0.1, 0.6, ("one line", "another")): False,
    }
    for (at, wide, words), dropped in cases.items():
        found = record()
        filters.subtitles(view(), found, reader(at, wide, list(words)))
        assert ("subtitles" in found.dropped) == dropped, (at, wide, words)
    blind = record()
    filters.subtitles(view(), blind, None)
    assert blind.kept and "requirements-data.txt" in blind.not_checked["subtitles"]


class StandIn:
    """Hears loudness and sees brightness, in the place of SyncNet."""

    def lips(self, windows: np.ndarray) -> np.ndarray:
        levels = windows.reshape(len(windows), 5, -1).mean(-1) / 35 * 3  # as many units of log energy
        return levels - levels.mean(1, keepdims=True)

    def sound(self, windows: np.ndarray) -> np.ndarray:
        levels = windows[..., 0].reshape(len(windows), 5, 4).mean(-1)
        return levels - levels.mean(1, keepdims=True)


def voice(frames: int, late: int = 0, unrelated: bool = False) -> Speech:
    levels = brightness(frames)
    envelope = np.exp(
        np.repeat(levels[::-1] if unrelated else levels, SAMPLE_RATE // 24)[: frames * 2000] / 35 * 1.5 - 4
    )
    samples = np.roll(envelope, late * SAMPLE_RATE // 24) * np.random.default_rng(0).choice([-1.0, 1.0], len(envelope))
    return Speech(np.clip(samples, -1, 1).astype(np.float32))


def test_sound_that_is_off_is_moved_and_sound_that_never_fits_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "LEAST_CONFIDENCE", 0.8)  # the stand-in's own scale
    networks = Networks(ready={"syncnet": StandIn()})
    frames, body, count = pictures(96), poses(96), np.ones(96, int)
    shifts = []
    for late in (-5, 0, 5):
        found = record()
        shifts.append(filters.sync(CroppedClip(frames, body, count, voice(96, late)), found, networks))
        assert found.kept and bool(found.mended) == (late != 0), found
    assert shifts[0] == pytest.approx(5 / 24, abs=0.05) and shifts[2] == pytest.approx(-5 / 24, abs=0.05)
    wrong, silent, unknown = record(), record(), record()
    filters.sync(CroppedClip(frames, body, count, voice(96, unrelated=True)), wrong, networks)
    filters.sync(CroppedClip(frames, body, count, None), silent, networks)
    filters.sync(CroppedClip(frames, body, count, voice(96)), unknown, Networks(ready={}))
    assert "do not agree" in wrong.dropped["sync"] and "no sound" in silent.dropped["sync"]
    # Without SyncNet the lips' points are asked: these stay as they are while the sound goes on.
    assert "do not agree" in unknown.dropped["sync"] and "lips_correlation" in unknown.measures


@pytest.mark.parametrize("late", [-10, -3, 0, 5])
def test_without_syncnet_lips_are_compared_with_the_predicted_jaw(late: int) -> None:
    from vivid.generators.layered.drive import encode, streams

    samples = load_speech(EXAMPLES.parent / "voices" / "hello_slt.mp3").samples[: 4 * SAMPLE_RATE]
    count = len(samples) * 24 // SAMPLE_RATE
    jaw = streams(encode(Speech(samples)), count)["jawOpen"]
    clip = poses(1).take(np.zeros(count, int))
    lips = clip.face.copy()
    lips[:, 66, 1] = lips[:, 62, 1] + 20 * np.maximum(jaw, 0) + np.random.default_rng(0).normal(0, 0.5, count)
    clip = PoseClip(clip.body, clip.hands, lips, clip.canvas)
    found = lip_sync(clip, Speech(np.roll(samples, late * SAMPLE_RATE // 24)))
    assert found.offset == late and found.correlation > 0.6 and found.margin > 0.1


@pytest.mark.parametrize(
    ("found", "kept", "moved"),
    [
        (LipSync(0.9, 0.4, 0), True, 0),
        (LipSync(0.9, 0.4, -5), True, 5 / 24),
        (LipSync(0.9, 0.4, FURTHEST), False, 0),  # the true offset may lie beyond
        (LipSync(0.2, 0.4, 0), False, 0),
        (LipSync(0.42, 0.15, 1), True, 0),
        (LipSync(0.42, 0.15, 8), False, 0),  # a stranger's words
        (LipSync(0.9, 0.05, 0), False, 0),
    ],
)
def test_only_a_clear_offset_moves_sound(
    found: LipSync, kept: bool, moved: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "lip_sync", lambda poses, speech: found)
    one = record()
    shift = filters.sync(view(speech=voice(FRAMES)), one, Networks(ready={}))
    assert (one.kept, shift) == (kept, pytest.approx(moved))


def test_the_crop_is_a_square_with_the_face_in_the_middle() -> None:
    clip = poses().map_points((1, 1), (400, 60), (1280, 720))
    x, y, side = crop_of(clip)
    assert x >= 0 and y >= 0 and x + side <= 1280 and y + side <= 720 and side % 2 == 0
    face = np.median(clip.face[..., 0])
    assert abs(x + side / 2 - face) < 3
    hands = clip.hands[..., :2].reshape(-1, 2)
    inside = ((hands >= (x, y)) & (hands <= (x + side, y + side))).all(1).mean()
    assert inside > 0.95
    assert crop_of(clip.map_points((1, 1), (-500, 0), (1280, 720)))[0] == 0  # at the border of the picture


@pytest.fixture
def footage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wide video of two scenes and a bit, whose sound is five frames late, and stand-ins for what looks at it."""
    folder = tmp_path / "footage"
    folder.mkdir()
    wide = np.pad(pictures(72), ((0, 0), (0, 0), (128, 128), (0, 0)))
    with VideoWriter(folder / "a.mp4", (640, SIDE), speech=voice(72, late=5)) as writer:
        writer.write(wide)
    seen = poses(72).map_points((1, 1), (128, 0), (640, SIDE))
    monkeypatch.setattr(prepare, "_look", lambda clip, detector: (seen, np.ones(72, int)))
    networks, encoder = Networks(ready={"syncnet": StandIn(), "upscaler": Twice()}), DummySpeech()
    monkeypatch.setattr(prepare, "_tools", lambda options: (None, networks, encoder))
    monkeypatch.setattr(filters, "LEAST_CONFIDENCE", 0.8)
    monkeypatch.setattr(prepare, "pieces_of", lambda scenes: ([scenes[0]], scenes[1:]))
    return folder


def test_footage_becomes_a_record_a_clip_and_a_shard_that_training_reads(footage: Path, tmp_path: Path) -> None:
    out, video = tmp_path / "out", footage / "a.mp4"
    out.mkdir()
    options = PrepareOptions(size=384, rights=(("a.mp4", "CC0", "written"),))

    def scenes(path: Path) -> list[tuple[float, float]]:
        return [(0.0, 3.0), (3.0, 3.2)]

    def again() -> list[str]:
        pieces = find_pieces(video, footage, out, scenes)
        for piece in pieces:
            prepare_piece(piece, footage, out, options)
        return [prepare.clip_name(piece, footage) for piece in pieces]

    names = again()
    records = list(load_records(out))
    assert records[0].dropped == {}
    assert [one.name for one in records] == names and [one.kept for one in records] == [True, False]
    clip, short = records
    assert "0.2 seconds" in short.dropped["length"] and (clip.licence, clip.consent) == ("CC0", "written")
    assert "late" in clip.mended["sync"] and clip.motion in ("subtle", "large") and "subtitles" in clip.not_checked
    # The kept clip's sound is where it belongs: the same as one that was never late.
    heard = load_speech(out / "clips" / f"{clip.name}.mp4").samples
    told = voice(72).samples
    n = min(len(heard), len(told)) - 8000
    lags = [
        np.corrcoef(np.abs(heard[4000 + lag : n + lag]), np.abs(told[4000:n]))[0, 1] for lag in range(-3400, 3401, 200)
    ]
    assert abs(range(-3400, 3401, 200)[int(np.argmax(lags))]) <= 800  # within 1.2 frames; it was 3333
    shards = write_shards(out / "clips", out / "records", out)
    assert [shard.name for shard in shards] == ["shard-000000.tar"] and not list((out / "clips").iterdir())
    loaded = load_clips(out, tmp_path / "cache")
    states = load_states(loaded[0].video, "dummy")
    assert states is not None and states.shape[1:] == (5, 384) and load_states(loaded[0].video, "other") is None
    assert len(loaded) == 1 and loaded[0].frames.shape[1:] == (384, 384, 3) and len(loaded[0]) >= 70
    assert np.abs(loaded[0].pose.face[..., :2].mean((0, 1)) - 192).max() < 120
    # Again: nothing is done twice.
    stamp = shards[0].stat().st_mtime_ns
    assert again() == names
    assert write_shards(out / "clips", out / "records", out) == [] and shards[0].stat().st_mtime_ns == stamp
    text = report_of(records)
    write_sheets(records, out)
    sheet = np.array(Image.open(out / "kept.jpg"))
    assert sheet.shape[:2] == (24 + 240, 6 * 240) and not (out / "dropped.jpg").exists()
    assert "1 of 2 clips are kept" in text and "| length | 1 |" in text and "face_width" in text


@pytest.mark.parametrize("name", ["../evil.mp4", "/etc/evil.json", "a/b.mp4", "a.py"])
def test_a_hostile_shard_is_refused_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    shard = tmp_path / "shard-000000.tar"
    with tarfile.open(shard, "w") as tar:
        info = tarfile.TarInfo(name)
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(InputError, match="no part of a clip"):
        unpack_shard(shard, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert {path.name for path in tmp_path.iterdir()} == {"shard-000000.tar", "cache"}


def test_a_small_clip_comes_out_larger_with_its_poses_and_sound(
    footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "SMALLEST_FACE", 100)  # the stand-in's is 55 wide
    out = tmp_path / "out"
    out.mkdir()
    (piece,) = find_pieces(footage / "a.mp4", footage, out, lambda path: [(0.0, 3.0)])
    prepare_piece(piece, footage, out, PrepareOptions(size=640))
    (record,) = load_records(out)
    assert record.dropped == {} and "2 times as large" in record.mended["resolution"]
    (clip,) = load_clips(out / "clips", tmp_path / "cache")
    assert clip.frames.shape[1:] == (640, 640, 3) and clip.pose.canvas == (640, 640)
    assert np.ptp(clip.pose.face[0, :, 0]) > 1.3 * record.measures["face_width"]
    assert len(load_speech(clip.video).samples) > 2 * SAMPLE_RATE


@pytest.mark.parametrize("where", ["processes", "ray"])
def test_a_worker_that_dies_loses_only_its_clip(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    videos = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    make = functools.partial(Deadly, tmp_path, out, PrepareOptions())
    if where == "ray":
        pytest.importorskip("ray")
        monkeypatch.setenv(
            "PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        )
    pool: Pool = RayActors(make, 2, 1, "local", gpu=False) if where == "ray" else Processes(make, 2, 1)
    with closing(pool):
        assert prepare_all(videos, tmp_path, out, PrepareOptions(), pool, lambda text: None) == 0
    why = {record.name.split("-")[0]: [] for record in load_records(out)}  # type: ignore[var-annotated]
    for one in load_records(out):
        why[one.name.split("-")[0]].append(one.dropped)
    assert why == {"a": [{"length": "the scene lasts 2.0 seconds"}, {"length": "the scene lasts 1.0 seconds"}],
                   "b": [{"unreadable": DIED}]}  # fmt: skip


@pytest.mark.parametrize("missing", ["videos", "weights"])
def test_a_missing_folder_is_named_before_any_package(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vivid import cli

    monkeypatch.setattr("vivid.data.cuts.find_spec", lambda name: None)
    folder = tmp_path / missing
    given = [str(folder)] if missing == "videos" else [str(tmp_path), "--weights-dir", str(folder)]
    assert cli.main(["data", "prepare", *given, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"There is no folder {folder}" in said and "pip" not in said and not (tmp_path / "out").exists()


def test_without_its_package_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vivid import cli

    monkeypatch.setattr("vivid.data.cuts.find_spec", lambda name: None)
    assert cli.main(["data", "prepare", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "pip install -r requirements-data.txt" in capsys.readouterr().err
