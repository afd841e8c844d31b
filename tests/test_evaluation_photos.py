"""`evaluate photos`: every number on made videos whose truth is planted, and the bench around them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vivid import cli
from vivid.config import SAMPLE_RATE
from vivid.evaluation.photos import face as face_part
from vivid.evaluation.photos.background import measure_background
from vivid.evaluation.photos.bench import (
    COLUMNS,
    Combination,
    VideoOptions,
    combinations_of,
    measure_video,
    run_bench,
    table_of,
)
from vivid.evaluation.photos.face import measure_face
from vivid.evaluation.photos.hands import measure_hands
from vivid.evaluation.photos.mouth import LEFT, LOWER, RIGHT, UPPER, measure_mouth
from vivid.evaluation.photos.observer import Hand, Sight, look
from vivid.evaluation.photos.sharpness import sharpness
from vivid.evaluation.photos.video import WORKING_SIDE, Video, load_video, log_loudness, mark_of
from vivid.inputs import load_motion, load_portrait
from vivid.media.pictures import load_picture
from vivid.media.provenance import Provenance
from vivid.media.sound import write_wav
from vivid.media.video import VideoWriter
from vivid.pose.foreign import save_openpose
from vivid.speech.types import Speech

PORTRAITS = Path(__file__).parents[1] / "examples" / "portraits"
HEIGHT, WIDTH, FRAMES = 256, 192, 48
CENTRE = np.array([96.0, 90.0])


def ellipse(count: int, centre: tuple[float, float], radii: tuple[float, float]) -> NDArray[np.float32]:
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([centre[0] + radii[0] * np.sin(turn), centre[1] - radii[1] * np.cos(turn)], 1).astype(np.float32)


def mesh(opening: float = 0.1, shift: tuple[float, float] = (0, 0)) -> NDArray[np.float32]:
    """A face whose lips are `opening` mouth widths apart."""
    points = np.tile(CENTRE, (478, 1)).astype(np.float32)
    x, y = CENTRE
    points[face_part.OVAL] = ellipse(len(face_part.OVAL), (x, y), (45, 60))
    points[face_part.LIPS] = ellipse(len(face_part.LIPS), (x, y + 30), (14, 7))
    for side, eye in zip((-1, 1), face_part.EYES, strict=True):
        points[eye] = ellipse(len(eye), (x + 18 * side, y - 15), (8, 4))
    points[168] = (x, y - 15)
    points[LEFT], points[RIGHT] = (x - 10, y + 30), (x + 10, y + 30)
    points[UPPER], points[LOWER] = (x, y + 30 - 10 * opening), (x, y + 30 + 10 * opening)
    return points + np.array(shift, np.float32)


def hand(centre: tuple[float, float], unit: float = 20.0) -> NDArray[np.float32]:
    """A target hand (21, 3) of that size: wrist below, middle knuckle `unit` above it, all within two units."""
    points = np.ones((21, 3), np.float32)
    points[:, :2] = np.random.default_rng(0).uniform(-0.5, 0.5, (21, 2)) * unit + centre
    points[0, :2], points[9, :2] = (centre[0], centre[1] + unit / 2), (centre[0], centre[1] - unit / 2)
    return points


def texture(seed: int = 0) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 255, (HEIGHT // 2, WIDTH // 2, 3), dtype=np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)


def still(count: int = FRAMES, **changes: object) -> Video:
    """A video that is the portrait in every frame, without hands."""
    picture = texture()
    video = Video(
        np.repeat(picture[None], count, 0),
        picture,
        np.zeros((count, 2, 21, 3), np.float32),
        np.sin(np.arange(count) * 0.7) + 0.3 * np.sin(np.arange(count) * 0.31),
        np.zeros((HEIGHT, WIDTH), bool),
    )
    return replace(video, **changes)  # type: ignore[arg-type]


def sight(count: int = FRAMES, **changes: object) -> Sight:
    """The same face in every frame, nobody's pixels, no hands."""
    found = Sight([mesh()] * count, {k: [] for k in range(0, count, 2)}, np.zeros((HEIGHT, WIDTH), bool), mesh(), [])
    return replace(found, **changes)  # type: ignore[arg-type]


def test_a_video_that_is_the_portrait_is_its_equal() -> None:
    numbers = measure_face(still(), sight()) | measure_background(still(), sight())
    assert numbers == {
        "face_found": 1,
        "face_ssim": pytest.approx(1, abs=1e-4),
        "face_ssim_worst": pytest.approx(1, abs=1e-4),
        "face_sharpness": pytest.approx(1, abs=1e-3),
        "background_change": 0,
    }


def test_a_face_that_moves_is_laid_over_the_portrait() -> None:
    moved = still(frames=np.repeat(np.roll(texture(), (6, 9), (0, 1))[None], FRAMES, 0))
    followed = measure_face(moved, sight(faces=[mesh(shift=(9, 6))] * FRAMES))
    assert followed["face_ssim"] > 0.98
    assert measure_face(moved, sight())["face_ssim"] < 0.3  # where it was, it no longer is


def test_the_mouth_and_the_eyes_may_change_and_the_skin_may_not() -> None:
    lips, cheek = still(4), still(4)
    lips.frames[:, 112:128, 84:108] = 0
    cheek.frames[:, 70:110, 64:78] = 0
    assert measure_face(lips, sight(4))["face_ssim_worst"] > 0.99
    assert measure_face(cheek, sight(4))["face_ssim_worst"] < 0.95


def test_blur_lowers_sharpness_and_a_face_not_found_is_counted() -> None:
    sharp: list[float] = []
    for sigma in (0.5, 1.0, 2.0):
        soft = np.stack([cv2.GaussianBlur(texture(), (0, 0), sigma)] * 4)
        sharp.append(measure_face(still(4, frames=soft), sight(4))["face_sharpness"])
    assert 1 > sharp[0] > sharp[1] > sharp[2] > 0
    assert sharpness(texture(), np.array([5.0, 5, 5, 9])) == 0
    half = measure_face(still(4), sight(4, faces=[mesh(), None, mesh(), None]))
    assert half["face_found"] == 0.5 and half["face_ssim"] > 0.99
    none = measure_face(still(4), sight(4, faces=[None] * 4))
    assert none["face_found"] == 0 and np.isnan(none["face_ssim"])


@pytest.mark.parametrize("late", range(-3, 4))
def test_a_mouth_that_follows_the_loudness_is_found_to_do_so(late: int) -> None:
    video = still()
    opening = np.roll((video.loudness + 2) / 10, late)
    numbers = measure_mouth(video, sight(faces=[mesh(value) for value in opening]))
    assert numbers["mouth_lag"] == late and numbers["mouth_r"] > 0.97
    if late == 0:
        assert numbers["mouth_r"] == pytest.approx(1, abs=1e-3)
        order = np.sort(opening)
        assert numbers["mouth_quiet"] == pytest.approx(order[:12].mean(), abs=1e-3)
        assert numbers["mouth_loud"] == pytest.approx(order[-12:].mean(), abs=1e-3)


def test_a_mouth_that_does_something_else_does_not_correlate() -> None:
    video, chance = still(480), np.random.default_rng(1).uniform(0, 1, 480)
    assert measure_mouth(video, sight(480))["mouth_r"] == 0
    assert abs(measure_mouth(video, sight(480, faces=[mesh(value) for value in chance]))["mouth_r"]) < 0.2
    opening = (video.loudness + 2) / 10
    against = measure_mouth(video, sight(480, faces=[mesh(0.5 - value) for value in opening]))
    assert against["mouth_quiet"] > against["mouth_loud"]
    lost = [mesh(value) if k % 3 else None for k, value in enumerate(opening)]
    assert measure_mouth(video, sight(480, faces=lost))["mouth_r"] > 0.99


def found_hands(*places: tuple[float, float], score: float = 0.8) -> dict[int, list[Hand]]:
    return {k: [Hand(hand(place)[:, :2], score) for place in places] for k in range(0, FRAMES, 2)}


def test_hands_are_found_where_they_should_be() -> None:
    left, right = (50.0, 200.0), (140.0, 200.0)
    video = still()
    video.hands[:] = np.stack([hand(left), hand(right)])
    both = measure_hands(video, sight(hands=found_hands(left, right)))
    assert both["hand_found"] == 1 and both["hand_error"] == pytest.approx(0, abs=1e-6)
    assert both["hand_confidence"] == pytest.approx(0.8)
    beside = measure_hands(video, sight(hands=found_hands((56.0, 200.0), right)))
    assert beside["hand_found"] == 1 and beside["hand_error"] == pytest.approx((6 / 20 + 0) / 2, abs=1e-3)
    away = measure_hands(video, sight(hands=found_hands((50.0, 180.0), right)))
    assert away["hand_found"] == 0.5 and away["hand_confidence"] == pytest.approx(0.4)
    nowhere = measure_hands(video, sight())
    assert nowhere["hand_found"] == nowhere["hand_confidence"] == 0 and np.isnan(nowhere["hand_error"])
    video.hands[:, 0, :, 0] -= 100  # beyond the picture's edge: not asked for
    assert measure_hands(video, sight(hands=found_hands(right)))["hand_found"] == 1
    video.hands[..., 2] = 0
    assert np.isnan(measure_hands(video, sight(hands=found_hands(right)))["hand_found"])


def test_one_hand_does_not_count_for_both() -> None:
    left, right = (90.0, 200.0), (100.0, 200.0)  # half a unit apart
    video = still()
    video.hands[:] = np.stack([hand(left), hand(right)])
    assert measure_hands(video, sight(hands=found_hands(left)))["hand_found"] == 0.5


def test_soft_hands_are_less_sharp_than_the_portraits() -> None:
    place = (50.0, 200.0)
    video = still(frames=np.stack([cv2.GaussianBlur(texture(), (0, 0), 2)] * FRAMES))
    video.hands[:, 0] = hand(place)
    own = [Hand(hand(place)[:, :2], 1.0)]
    assert measure_hands(video, sight(hands=found_hands(place), reference_hands=own))["hand_sharpness"] < 0.3
    same = replace(video, frames=still().frames)
    assert measure_hands(same, sight(hands=found_hands(place), reference_hands=own))["hand_sharpness"] == pytest.approx(
        1
    )


def test_only_the_background_counts_as_background() -> None:
    video = still(frames=np.clip(still().frames.astype(int), 0, 245).astype(np.uint8) + np.uint8(10))
    video = replace(video, reference=np.clip(texture(), 0, 245))
    assert measure_background(video, sight())["background_change"] == pytest.approx(10)
    video = still()
    video.frames[:, 100:200, 50:150] = 0  # the person
    video.frames[:, 220:, 10:40] = 0  # where the motion wants a hand
    video.frames[:, 240:, 170:] = 0  # the mark
    person, mark = np.zeros((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
    person[100:200, 50:150] = mark[240:, 170:] = True
    assert measure_background(video, sight(person=person))["background_change"] > 1
    video.hands[:, 1] = hand((25.0, 238.0))
    video = replace(video, mark=mark)
    assert measure_background(video, sight(person=person))["background_change"] == 0
    assert np.isnan(measure_background(video, sight(person=np.ones_like(person)))["background_change"])


def test_loudness_and_the_mark() -> None:
    samples = np.zeros(SAMPLE_RATE, np.float32)
    samples[: SAMPLE_RATE // 2] = 0.1 * np.sin(np.arange(SAMPLE_RATE // 2) * 0.3)
    levels = log_loudness(Speech(samples), 30)  # of which 6 lie beyond the end
    assert levels.shape == (30,)
    assert levels[:10] == pytest.approx(np.log10(0.1 / np.sqrt(2) + 1e-4), abs=0.02)
    assert levels[14:] == pytest.approx(-4)
    mark = mark_of((400, 300, 3), (384, 512))
    rows, columns = np.nonzero(mark)
    assert rows.min() > 450 and columns.min() > 150 and 0.002 < mark.mean() < 0.05


class Standin:
    """Finds the same face everywhere, the person in the middle third, and no hands."""

    def hands(self, picture: NDArray[np.uint8]) -> list[Hand]:
        return []

    def face(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        return mesh() * (picture.shape[1] / WIDTH)

    def person(self, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
        found = np.zeros(picture.shape[:2], bool)
        found[:, picture.shape[1] // 3 : 2 * picture.shape[1] // 3] = True
        return found


@contextmanager
def standin() -> Iterator[Standin]:
    yield Standin()


class Maker:
    """In the place of the command line: a video of the unmoved portrait, or the failure of portraits named bad."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.calls.append(list(arguments))
        given = dict(zip(arguments[::2], arguments[1::2], strict=True))
        if "bad" in given["--portrait"]:
            return subprocess.CompletedProcess([], 2, "", "notice\nNobody is in the picture: choose another one.\n")
        picture = cv2.resize(load_picture(given["--portrait"]), (192, 192), interpolation=cv2.INTER_AREA)
        frames = round(float(given["--seconds"]) * 24)
        with VideoWriter(given["--out"], (192, 192), provenance=Provenance("made", 0)) as writer:
            writer.write(np.repeat(picture[None], frames, 0))
        return subprocess.CompletedProcess([], 0, "", "")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    (tmp_path / "portraits").mkdir()
    (tmp_path / "voices").mkdir()
    shutil.copy(PORTRAITS / "ada.jpg", tmp_path / "portraits" / "ada.jpg")
    shutil.copy(PORTRAITS / "ben.jpg", tmp_path / "portraits" / "bad.jpg")
    (tmp_path / "portraits" / "README.md").write_text("no picture")
    tone = 0.3 * np.sin(np.arange(2 * SAMPLE_RATE) * 0.2)
    write_wav(tmp_path / "voices" / "tone.wav", Speech(tone.astype(np.float32)))
    return tmp_path


def test_a_bench_goes_on_after_a_failure_and_where_it_stopped(inputs: Path) -> None:
    out, maker = inputs / "out", Maker()
    out.mkdir()
    portraits = sorted((inputs / "portraits").glob("*.jpg"))
    pairs = combinations_of(portraits, [inputs / "voices" / "tone.wav"], ["wave"], every=False)
    options = VideoOptions(seconds=0.25)
    good, bad = run_bench(pairs, options, out, standin, maker)
    assert bad == {"name": "bad__tone__wave", "failed": "Nobody is in the picture: choose another one."}
    assert good["name"] == "ada__tone__wave" and good["model"] == "made" and good["frames"] == 6
    assert good["face_ssim"] > 0.9 and good["background_change"] < 4  # the encoder's part
    assert good["hand_found"] == 0 and good["hand_error"] is None and good["seconds_per_second"] > 0
    assert set(COLUMNS) <= set(good)
    assert len(os.listdir(out / "videos")) == len(os.listdir(out / "sheets")) == len(os.listdir(out / "rows")) == 1
    assert list(run_bench(pairs, options, out, standin, maker)) == [good, bad]
    assert len(maker.calls) == 3, "what failed is tried again, what is done is not"
    list(run_bench(pairs[:1], replace(options, seconds=0.5), out, standin, maker))
    assert len(maker.calls) == 4 and len(os.listdir(out / "rows")) == 2, "other settings are another row"
    table = table_of([good, bad])
    assert "| ada__tone__wave |" in table and "bad__tone__wave failed: Nobody" in table and "| **mean** |" in table


def test_the_command(inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("vivid.evaluation.photos.bench._animate", Maker())
    monkeypatch.setattr("vivid.evaluation.photos.observer.mediapipe_observer", standin)
    line = ["evaluate", "photos", "--voices", str(inputs / "voices"), "--motions", "wave", "--seconds", "0.25"]
    assert cli.main([*line, "--out", str(inputs / "out"), "--portraits", str(inputs / "portraits")]) == 1
    said = capsys.readouterr()
    assert "measured ada__tone__wave" in said.out and "choose another one." in said.out
    written = json.loads((inputs / "out" / "table.json").read_text())
    assert [("failed" in row) for row in written["rows"]] == [False, True] and written["mean"]["face_found"] == 1
    assert (inputs / "out" / "table.md").read_text().startswith("| | hands found ↑ |")
    assert cli.main([*line, "--out", str(inputs / "o"), "--portraits", str(inputs / "voices")]) == 2
    assert "There are no pictures in" in capsys.readouterr().err


def test_what_is_assumed_of_a_clip_is_said(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = save_openpose(load_motion("wave").take(slice(12)), inputs / "walk.json")
    frames = json.loads(clip.read_text())
    clip.write_text(json.dumps([{name: frame[name] for name in frame if name != "fps"} for frame in frames]))
    monkeypatch.setattr("vivid.evaluation.photos.bench._animate", Maker())
    monkeypatch.setattr("vivid.evaluation.photos.observer.mediapipe_observer", standin)
    line = ["evaluate", "photos", "--voices", str(inputs / "voices"), "--motions", str(clip), "--seconds", "0.25"]
    line += ["--out", str(inputs / "out"), "--portraits", str(inputs / "portraits")]
    for _ in range(2):  # what is done already says it again
        cli.main(line)
        assert "ada__tone__walk: walk.json does not tell its frames a second: 24 are" in capsys.readouterr().err
    assert "walk.json does not tell its frames a second" in (inputs / "out" / "table.md").read_text()


def test_pairs() -> None:
    portraits, voices = [Path("a.jpg"), Path("b.jpg"), Path("c.jpg")], [Path("v.wav"), Path("w.wav")]
    turns = combinations_of(portraits, voices, ["wave"], every=False)
    assert [pair.name for pair in turns] == ["a__v__wave", "b__w__wave", "c__v__wave"]
    assert len(set(combinations_of(portraits, voices, ["wave", "calm"], every=True))) == 12
    assert Combination(Path("x/a.b.jpg"), Path("v.wav"), "/m/clip.tar.gz").name == "a.b__v__clip"


def test_portraits_of_any_shape_are_not_squashed(tmp_path: Path) -> None:
    """The reference of a tall video is the portrait, scaled by one factor, and so are the targets."""
    square = load_portrait(PORTRAITS / "ada.jpg")
    side = square.size[0]
    path = tmp_path / "tall.mp4"
    with VideoWriter(path, (96, 128)) as writer:
        writer.write(np.zeros((6, 128, 96, 3), np.uint8))
    speech = Speech(np.zeros(SAMPLE_RATE, np.float32))
    video = load_video(path, square, speech, load_motion("wave"))
    assert video.frames.shape == (6, WORKING_SIDE, 384, 3) and video.reference.shape == (WORKING_SIDE, 384, 3)
    # the part of the square that is shown, cut out by hand at the same scale
    scaled = cv2.resize(square.image, (WORKING_SIDE, WORKING_SIDE), interpolation=cv2.INTER_AREA)
    match = cv2.matchTemplate(scaled, video.reference, cv2.TM_CCOEFF_NORMED)
    assert match.shape == (1, WORKING_SIDE - 384 + 1) and match.max() > 0.98
    wide = load_video_square(tmp_path, square, speech)
    shift = wide.hands[..., :2] - video.hands[..., :2]
    present = video.hands[..., 2] > 0
    assert np.abs(shift[present] - [match.argmax(), 0]).max() < 3, side


def load_video_square(folder: Path, portrait: object, speech: Speech) -> Video:
    path = folder / "square.mp4"
    with VideoWriter(path, (128, 128)) as writer:
        writer.write(np.zeros((6, 128, 128, 3), np.uint8))
    return load_video(path, portrait, speech, load_motion("wave"))  # type: ignore[arg-type]


@pytest.mark.slow
def test_mediapipe_finds_what_a_person_sees() -> None:
    from vivid.evaluation.photos.observer import mediapipe_observer

    picture = cv2.resize(load_picture(PORTRAITS / "ada.jpg"), (512, 512), interpolation=cv2.INTER_AREA)
    video = still(4)
    video = replace(video, frames=np.repeat(picture[None], 4, 0), reference=picture, mark=np.zeros((512, 512), bool))
    with mediapipe_observer() as observer:
        seen = look(video, observer)
        numbers = measure_video(video, observer)
    assert seen.reference_face is not None and seen.reference_face.shape == (478, 2)
    assert 0.15 < seen.person.mean() < 0.8
    assert numbers["face_found"] == 1 and numbers["face_ssim"] > 0.99 and numbers["background_change"] == 0
