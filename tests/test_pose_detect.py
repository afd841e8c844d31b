"""Detection around the networks: gaps, swapped sides, strays, several people, failures; and MediaPipe itself once."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivid.cli import main
from vivid.errors import InputError
from vivid.pose import skeleton as sk
from vivid.pose.clips import load_clip, save_clip
from vivid.pose.detect import choose_detector, detect_frames, detect_picture, detect_video, open_detector
from vivid.pose.gaps import describe_stretches
from vivid.pose.library import mirror
from vivid.pose.mediapipe_detector import MediaPipeDetector
from vivid.pose.onnx_detectors import DWPoseDetector, from_coco, from_openpose
from vivid.pose.people import NOBODY, count_people, main_person, room_of
from vivid.pose.repair import drop_strays, fill_gaps, repair_sides, runs
from vivid.pose.skeleton import Pose, PoseClip
from vivid.pose.smooth import smooth_clip
from vivid.pose.thumbnail import thumbnail

CANVAS = (400, 400)


def person(time: float = 0.0) -> Pose:
    """A person on 400 x 400 whose hands wave; `time` in frames."""
    body = np.zeros((18, 3), np.float32)
    places = {
        0: (200, 90), 1: (200, 150), 2: (140, 150), 3: (110, 230), 4: (130 + 2 * time, 290),
        5: (260, 150), 6: (290, 230), 7: (270, 290 - 2 * time), 8: (165, 330), 11: (235, 330),
        14: (188, 80), 15: (212, 80), 16: (172, 88), 17: (228, 88),
    }  # fmt: skip
    for index, place in places.items():
        body[index] = (*place, 0.9)
    hands = np.zeros((2, 21, 3), np.float32)
    fan = np.array([(0, 0), *((d * (f - 2), -8 * (d + 1)) for f in range(5) for d in range(1, 5))], np.float32)
    for side, wrist in ((sk.LEFT, 7), (sk.RIGHT, 4)):
        hands[side, :, :2] = body[wrist, :2] + fan
        hands[side, :, 2] = 0.9
    angles = np.linspace(0, 2 * np.pi, 68)
    face = np.stack([200 + 25 * np.cos(angles), 90 + 30 * np.sin(angles), np.full(68, 0.9)], 1).astype(np.float32)
    return Pose(body, hands, face, CANVAS)


def walking_clip(frames: int = 40) -> PoseClip:
    poses = [person(k) for k in range(frames)]
    return PoseClip(
        np.stack([p.body for p in poses]), np.stack([p.hands for p in poses]), np.stack([p.face for p in poses]), CANVAS
    )


class Script:
    """A detector that returns what it is told, frame by frame."""

    name = "script"

    def __init__(self, poses: list[Pose | None], people: int = 1) -> None:
        self.poses, self.people, self.boxes = iter(poses), people, NOBODY
        self.seen: list[np.ndarray] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def detect(self, image: np.ndarray) -> Pose | None:
        self.seen.append(image[:1, :2].copy())
        return next(self.poses)


def pictures(count: int) -> Iterator[np.ndarray]:
    picture = np.tile(np.arange(400).astype(np.uint8)[None, :, None], (400, 1, 3))
    for _ in range(count):
        yield picture


def without_hand(pose: Pose, side: int) -> Pose:
    hands = pose.hands.copy()
    hands[side] = 0
    return dataclasses.replace(pose, hands=hands)


def test_short_gaps_are_filled_and_long_ones_named() -> None:
    poses: list[Pose | None] = [person(k) for k in range(60)]
    poses[10:15] = [None] * 5
    poses[30:42] = [None] * 12
    for k in range(50, 58):
        poses[k] = without_hand(person(k), sk.LEFT)
    steps: list[tuple[int, int]] = []
    clip, report = detect_frames(
        pictures(60), Script(poses), "a.mp4", progress=lambda done, total: steps.append((done, total)), total=60
    )
    expected = walking_clip(60)
    assert np.allclose(clip.hands[10:15, :, :, :2], expected.hands[10:15, :, :, :2], atol=0.1)
    assert np.allclose(clip.body[10:15, 0, 2], 0.45) and clip.body[9, 0, 2] == pytest.approx(0.9)
    assert not clip.body[30:42].any() and not clip.face[30:42].any()
    assert np.allclose(clip.hands[50:58, 0, :, :2], expected.hands[50:58, 0, :, :2], atol=0.1)
    assert report.filled["body"] == [(10, 14)] and report.filled["left hand"] == [(10, 14), (50, 57)]
    assert report.absent["body"] == report.absent["right hand"] == [(30, 41)]
    assert any("frames 30-41 (1.2-1.8 s)" in notice and "cut this part out" in notice for notice in report.notices)
    assert steps == [(k, 60) for k in range(1, 61)]
    assert json.loads(report.to_json())["absent"]["face"] == [[30, 41]]


def test_gaps_at_the_ends_stay_empty() -> None:
    poses: list[Pose | None] = [None, None, *(person(k) for k in range(5)), None]
    clip, report = detect_frames(pictures(8), Script(poses), "a.mp4")
    assert not clip.body[[0, 1, 7]].any() and clip.body[2:7].all(0).any()
    assert report.absent["body"] == [(0, 1), (7, 7)]


def swapped_pose(pose: Pose) -> Pose:
    body = pose.body[[0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16]]
    return dataclasses.replace(pose, body=body, hands=pose.hands[::-1])


@settings(max_examples=15)
@given(frames=st.sets(st.integers(0, 39), max_size=19))
def test_swapped_sides_are_repaired(frames: set[int]) -> None:
    poses: list[Pose | None] = [swapped_pose(person(k)) if k in frames else person(k) for k in range(40)]
    clip, report = detect_frames(pictures(40), Script(poses), "a.mp4")
    expected = walking_clip()
    assert np.array_equal(clip.body, expected.body) and np.array_equal(clip.hands, expected.hands)
    assert {k for first, last in report.swapped for k in range(first, last + 1)} == frames


def test_hands_that_cross_slowly_are_left_alone() -> None:
    clip = walking_clip(61)
    hands = clip.hands.copy()
    way = np.linspace(0, 200, 61, dtype=np.float32)
    hands[:, 0, :, 0] -= way[:, None]
    hands[:, 1, :, 0] += way[:, None]
    crossing = dataclasses.replace(clip, hands=hands)
    assert np.array_equal(repair_sides(crossing)[0].hands, hands)


def test_a_lone_hand_goes_to_the_side_of_its_wrist() -> None:
    clip = walking_clip(10)
    hands = clip.hands.copy()
    hands[4, sk.LEFT], hands[4, sk.RIGHT] = hands[4, sk.RIGHT].copy(), 0
    repaired, changed = repair_sides(dataclasses.replace(clip, hands=hands))
    assert np.array_equal(repaired.hands[4, sk.RIGHT], clip.hands[4, sk.RIGHT]) and not repaired.hands[4, sk.LEFT].any()
    assert np.flatnonzero(changed).tolist() == [4]


def test_a_hand_astray_for_a_frame_is_replaced() -> None:
    clip = walking_clip(20)
    hands = clip.hands.copy()
    hands[8, sk.LEFT, :, :2] += 120
    cleaned, count = drop_strays(dataclasses.replace(clip, hands=hands))
    assert count == 1 and not cleaned.hands[8, sk.LEFT].any()
    assert np.allclose(fill_gaps(cleaned)[0].hands[8, sk.LEFT, :, :2], clip.hands[8, sk.LEFT, :, :2], atol=0.1)
    assert drop_strays(clip)[1] == 0


def test_nobody_in_the_video_is_refused() -> None:
    with pytest.raises(InputError, match=r"any of the 3 frames of a\.mp4"):
        detect_frames(pictures(3), Script([None] * 3), "a.mp4")


def test_several_people_are_said() -> None:
    _, report = detect_frames(pictures(2), Script([person()] * 2, people=3), "a.mp4")
    assert report.people == 3 and "up to 3 people" in report.notices[0]


def test_mirrored_frames_are_turned_before_detection() -> None:
    plain, turned = Script([person()]), Script([person()])
    detect_frames(pictures(1), plain, "a.mp4")
    detect_frames(pictures(1), turned, "a.mp4", mirrored=True)
    assert plain.seen[0][0, 0, 0] == 0 and turned.seen[0][0, 0, 0] == 399 % 256


def test_smoothing_takes_tremble_and_keeps_movement() -> None:
    clip = walking_clip(72)
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 1.0, clip.body[..., :2].shape).astype(np.float32)
    body = clip.body.copy()
    body[..., :2] += noise
    body[30, 4] = 0
    smooth = smooth_clip(dataclasses.replace(clip, body=body))
    still, moving = 0, 4  # the nose rests, the wrist moves 2 pixels a frame
    assert np.abs(smooth.body[:, still, :2] - clip.body[:, still, :2]).mean() < 0.6 * np.abs(noise[:, still]).mean()
    seen = np.arange(72) != 30
    assert np.abs(smooth.body[seen, moving, 0] - clip.body[seen, moving, 0])[5:-5].mean() < 1.5
    assert np.array_equal(smooth.body[..., 2], body[..., 2]) and not smooth.body[30, 4].any()


def test_the_largest_central_person_counts() -> None:
    boxes = np.array([[0, 0, 100, 100], [150, 50, 260, 160], [300, 100, 330, 130], [10, 10, 14, 14]], np.float32)
    assert main_person(boxes, (400, 200)) == 1
    assert main_person(boxes, (400, 200), last=np.array([5, 5, 104, 100], np.float32)) == 0
    assert main_person(boxes, (400, 200), last=np.array([380, 180, 390, 190], np.float32)) == 1
    assert count_people(boxes) == 3 and count_people(boxes[:0]) == 0


def test_people_who_touch_are_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = SimpleNamespace(x=0.2, y=0.3)
    face = SimpleNamespace(face_landmarks=SimpleNamespace(landmark=[mark]), pose_landmarks=object())
    seen: list[np.ndarray] = []

    def process(image: np.ndarray) -> SimpleNamespace:
        seen.append(image)
        crowd = (image[:, 150:] != image[0, 199]).any()
        return SimpleNamespace(face_landmarks=None, pose_landmarks=object()) if crowd else face

    detector = MediaPipeDetector.__new__(MediaPipeDetector)
    detector._video, detector._face, detector._count = False, None, 0
    detector._graph = SimpleNamespace(process=process, reset=lambda: None)
    boxes = np.array([[20, 20, 70, 70], [140, 20, 170, 50]], np.float32)
    monkeypatch.setattr(MediaPipeDetector, "_find_faces", lambda *_: boxes)
    picture = np.random.default_rng(0).integers(0, 255, (100, 200, 3), np.uint8)
    assert detector._find(picture) is face
    assert len(seen) == 2 and np.array_equal(seen[1][:, :80], picture[:, :80])


def test_coco_wholebody_becomes_our_layout() -> None:
    points = np.stack([np.arange(133.0), np.arange(133.0) * 2], 1)
    scores = np.full(133, 1.1)
    scores[[9, 100]] = 0.1
    pose = from_coco(points, scores, CANVAS)
    assert pose is not None
    assert pose.body[sk.RIGHT_SHOULDER, 0] == 6 and pose.body[sk.LEFT_ELBOW, 0] == 7 and pose.body[16, 0] == 4
    assert pose.body[sk.NECK].tolist() == pytest.approx([5.5, 11, 1.1])
    assert not pose.body[sk.LEFT_WRIST].any() and not pose.hands[sk.LEFT, 9].any()
    assert pose.hands[sk.LEFT, 0, 0] == 91 and pose.hands[sk.RIGHT, 0, 0] == 112 and pose.face[0, 0] == 23
    assert from_coco(points, np.zeros(133), CANVAS) is None


def test_openpose_result_becomes_our_layout() -> None:
    def mark(x: float, y: float, score: float = 1.0) -> Any:
        return SimpleNamespace(x=x, y=y, score=score)

    body = [mark(0.5, 0.25, 0.8), *[None] * 17]
    hand = [mark(0.1, 0.2)] * 20 + [mark(-0.01, -0.01)]
    result = SimpleNamespace(body=SimpleNamespace(keypoints=body), left_hand=hand, right_hand=None, face=None)
    pose = from_openpose(result, (400, 200))
    assert pose.body[0].tolist() == pytest.approx([200, 50, 0.8]) and not pose.body[1:].any()
    assert pose.hands[sk.LEFT, 0].tolist() == pytest.approx([40, 40, 1]) and not pose.hands[sk.LEFT, 20].any()
    assert not pose.hands[sk.RIGHT].any() and not pose.face.any()


def test_auto_takes_what_runs_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivid.pose.onnx_detectors.has_gpu", lambda: False)
    monkeypatch.setattr("vivid.pose.onnx_detectors.dwpose_cached", lambda: True)
    assert (choose_detector(), choose_detector(video=True)) == ("dwpose", "mediapipe")
    monkeypatch.setattr("vivid.pose.onnx_detectors.has_gpu", lambda: True)
    assert choose_detector(video=True) == "dwpose"
    monkeypatch.setattr("vivid.pose.onnx_detectors.dwpose_cached", lambda: False)
    assert choose_detector() == "mediapipe"
    with pytest.raises(InputError, match="no detector 'magic'"):
        choose_detector("magic")


def test_runs_and_their_words() -> None:
    assert runs(np.array([1, 1, 0, 1, 0, 0, 1], bool)) == [(0, 1), (3, 3), (6, 6)]
    assert runs(np.zeros(3, bool)) == []
    assert describe_stretches([(24, 47), (60, 60)]) == "frames 24-47 (1.0-2.0 s) and frame 60 (2.5 s)"
    assert describe_stretches([(k, k) for k in range(0, 40, 2)]).endswith("and 14 more stretches")


def test_thumbnail_is_small_and_moves(tmp_path: Path) -> None:
    from PIL import Image

    clip = walking_clip(48)
    clip.hands[20:30, 0] = 0
    path = thumbnail(clip, tmp_path / "a.webp")
    with Image.open(path) as picture:
        assert picture.size == (160, 160) and picture.n_frames == 24  # type: ignore[attr-defined]
        first = np.asarray(picture.convert("RGB"), np.int16)
        picture.seek(12)
        assert np.abs(np.asarray(picture.convert("RGB"), np.int16) - first).max() > 60
    assert path.stat().st_size < 100_000 and [p.name for p in tmp_path.iterdir()] == ["a.webp"]


def test_motion_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = walking_clip(48)
    source = str(save_clip(clip, tmp_path / "a.npz"))
    assert main(["motion", "trim", source, str(tmp_path / "b.npz"), "--start", "0.5", "--speed", "2", "--mirror"]) == 0
    cut = load_clip(tmp_path / "b.npz")
    assert len(cut) == 18 and np.allclose(cut.body[3], mirror(clip).body[18], atol=1e-3)
    assert main(["motion", "import", source, str(tmp_path / "a.json"), "--smooth"]) == 0
    assert main(["motion", "trim", str(tmp_path / "a.json"), str(tmp_path / "c.npz"), "--loop", "4"]) == 0
    assert len(load_clip(tmp_path / "c.npz")) == 96
    assert main(["motion", "preview", source, str(tmp_path / "a.webp"), "--size", "64"]) == 0
    capsys.readouterr()
    assert main(["motion", "info", source]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == 48 and told["parts"]["left hand"] == {"frames": 48, "confidence": 0.9, "missing": []}
    for wrong in (
        ["motion", "info", "no-such-clip"],
        ["motion", "info", str(tmp_path / "none.npz")],
        ["motion", "preview", source, str(tmp_path / "a.gif")],
        ["motion", "trim", source, str(tmp_path / "d.npz"), "--start", "9"],
        ["motion", "trim", source, str(tmp_path / "d.exe")],
    ):
        assert main(wrong) == 2
    assert not (tmp_path / "d.npz").exists()


def test_mediapipe_on_a_portrait_and_on_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from vivid.media.pictures import load_picture

    with pytest.raises(InputError, match="No person was found"):
        detect_picture(np.full((96, 128, 3), 127, np.uint8), "mediapipe")
    folder = Path(__file__).parents[1].parent / "shared" / "real" / "portraits"
    if not folder.is_dir():
        pytest.skip("the portraits are not here")
    image = load_picture(folder / "woman_0033.png")
    found = detect_picture(image, "mediapipe")
    pose = found.pose
    assert found.detector == "mediapipe" and not found.notices and pose.canvas == (1024, 1024)
    assert (pose.hands[..., 2] > 0.9).all() and (pose.face[:, 2] > 0.9).all() and (pose.body[:8, 2] > 0.9).all()
    # The person's left is on the right of the picture; iBUG's face starts at the person's right ear.
    assert pose.hands[sk.LEFT, 0, 0] > pose.body[sk.NECK, 0] > pose.hands[sk.RIGHT, 0, 0]
    assert pose.face[0, 0] < pose.face[8, 0] < pose.face[16, 0] and pose.face[36, 0] < pose.face[45, 0]
    assert pose.face[8, 1] == pose.face[:, 1].max() and pose.face[51, 1] < pose.face[57, 1]
    assert np.array_equal(pose.body[sk.LEFT_WRIST], pose.hands[sk.LEFT, 0])
    turned = detect_picture(np.ascontiguousarray(image[:, ::-1]), "mediapipe").pose
    assert abs(turned.hands[sk.LEFT, 9, 0] + pose.hands[sk.RIGHT, 9, 0] - 1024) < 15
    assert capfd.readouterr().err == ""


def test_mediapipe_sees_everybody_in_a_wide_picture() -> None:
    """Where the whole picture is looked at alone, the smaller one is not found."""
    from vivid.media.pictures import load_picture

    folder = Path(__file__).parents[1] / "examples" / "portraits"
    wide = np.full((720, 1280, 3), 128, np.uint8)
    for name, side, left in (("david", 380, 100), ("felix", 500, 760)):
        wide[720 - side :, left : left + side] = cv2.resize(load_picture(folder / f"{name}.jpg"), (side, side))
        found = detect_picture(wide, "mediapipe")
        assert len(found.boxes) == 1 + (name == "felix")
    assert "There are 2 people" in found.notices[0]
    smaller, larger = found.boxes[found.boxes[:, 0].argsort()]
    assert 100 < smaller[0] < smaller[2] < 480 and 760 < larger[0] < larger[2] < 1260


def test_detect_command_on_a_video(tmp_path: Path) -> None:
    sample = Path(__file__).parents[1].parent / "shared" / "synthetic_humans" / "samples" / "clipA_256.mp4"
    if not sample.is_file():
        pytest.skip("the rendered samples are not here")
    from vivid.media.video import VideoWriter, read_frames

    short = tmp_path / "short.mp4"
    with VideoWriter(short, (256, 256), 24) as writer:
        for index, frame in enumerate(read_frames(sample)):
            if index < 12:
                writer.write(np.zeros_like(frame[None]) if 5 <= index < 8 else frame[None])
    report = tmp_path / "r.json"
    out = tmp_path / "c.npz"
    assert (
        main(["detect", "--input", str(short), "--out", str(out), "--detector", "mediapipe", "--report", str(report)])
        == 0
    )
    clip, told = load_clip(out), json.loads(report.read_text())
    assert len(clip) == 12 and clip.canvas == (256, 256) and (clip.hands[..., 2] > 0).all()
    assert told["filled"]["body"] == [[5, 7]] and told["detector"] == "mediapipe" and told["absent"]["body"] == []
    with pytest.raises(InputError, match="No person was found in any"):
        detect_video(_black(tmp_path / "black.mp4"), "mediapipe")


def _black(path: Path) -> Path:
    from vivid.media.video import VideoWriter

    with VideoWriter(path, (64, 64), 24) as writer:
        writer.write(np.zeros((3, 64, 64, 3), np.uint8))
    return path


def test_dwpose_follows_one_person(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    class Wholebody:
        def __init__(self, **options: Any) -> None:
            calls.append(options)

        def det_model(self, image: np.ndarray) -> np.ndarray:
            calls.append(image[0, 0].tolist())
            return np.array([[0, 0, 60, 90], [100, 0, 200, 150]], np.float32)

        def pose_model(self, image: np.ndarray, bboxes: list[Any]) -> tuple[np.ndarray, np.ndarray]:
            corner = np.asarray(bboxes[0])[:2]
            return np.tile(corner, (1, 133, 1)) + np.arange(133)[None, :, None], np.full((1, 133), 0.9)

    module = SimpleNamespace(Wholebody=Wholebody)
    monkeypatch.setitem(sys.modules, "rtmlib", module)
    monkeypatch.setattr("vivid.pose.onnx_detectors.has_gpu", lambda: False)
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[..., 0] = 7
    with DWPoseDetector(video=True) as finder:
        pose = finder.detect(picture)
    assert pose is not None and finder.people == 2 and pose.canvas == (300, 200)
    assert pose.body[sk.NOSE].tolist() == pytest.approx([100, 0, 0.9])  # the larger box was looked at
    assert calls[0]["device"] == "cpu" and calls[1] == [0, 0, 7]  # rtmlib takes blue first


def test_detectors_that_cannot_be_fetched_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route to host\nmany more lines")

    monkeypatch.setitem(sys.modules, "rtmlib", SimpleNamespace(Wholebody=refuse))
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=refuse))
    for name in ("dwpose", "openpose"):
        with pytest.raises(InputError, match=r"no route to host\): check the network, or choose .*mediapipe"):
            open_detector(name)


def test_openpose_takes_the_largest_person(monkeypatch: pytest.MonkeyPatch) -> None:
    def result(left: float, width: float) -> Any:
        marks = [SimpleNamespace(x=left + width * k / 18, y=width * k / 18, score=0.8) for k in range(18)]
        return SimpleNamespace(body=SimpleNamespace(keypoints=marks), left_hand=None, right_hand=None, face=None)

    model = SimpleNamespace(detect_poses=lambda *_, **__: [result(0.0, 0.1), result(0.4, 0.4)])
    fake = SimpleNamespace(OpenposeDetector=SimpleNamespace(from_pretrained=lambda _: model))
    monkeypatch.setitem(sys.modules, "controlnet_aux", SimpleNamespace(open_pose=fake))
    monkeypatch.setitem(sys.modules, "controlnet_aux.open_pose", fake)
    hub = SimpleNamespace(hf_hub_download=lambda repository, file: file)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    no_gpu = SimpleNamespace(is_available=lambda: False)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=no_gpu))
    with open_detector("openpose") as finder:
        pose = finder.detect(np.zeros((100, 200, 3), np.uint8))
    assert pose is not None and finder.people == 2 and pose.body[0, 0] == pytest.approx(80)


def test_each_of_several_people_has_room_up_to_the_others() -> None:
    boxes = np.array([[100, 100, 200, 200], [400, 100, 600, 300], [120, 20, 160, 60]], np.float32)
    assert room_of(boxes, 0, (800, 600)) == (0, 71, 267, 600)  # the larger neighbour gets more, who is behind goes
    assert room_of(boxes, 1, (800, 600)) == (266, 0, 800, 600)
    assert room_of(boxes[:1], 0, (800, 600)) == (0, 0, 800, 600)
