"""Rendered clips: seeds give everything, labels lie where the picture shows them, files have their formats."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")
pytest.importorskip("scipy")

from vivid.synthesis.basemesh import ASSETS
from vivid.synthesis.character import Character
from vivid.synthesis.gestures import gesture_vector
from vivid.synthesis.hands import write_hand_shard
from vivid.synthesis.labels import FACE, RIGHT_HAND, SUBPIXEL, VISIBLE, GroundTruth
from vivid.synthesis.people import make_clip, set_stage, write_clip
from vivid.synthesis.portraits import render_portrait
from vivid.synthesis.render import Renderer
from vivid.synthesis.scene import Scene

SIZE, FPS = 96, 6.0
TEXT, WORDS = "Please open the window and let in some air.", ["waveR"]
FILE = ASSETS / "000008.npz"
speaks = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    try:
        return Renderer(SIZE)
    except Exception as error:  # moderngl and glcontext raise plain Exception
        pytest.skip(f"no EGL: {error}")


@pytest.fixture(scope="module")
def clip(renderer: Renderer) -> tuple:
    return make_clip(renderer, FILE, 5, 1.0, FPS, TEXT, WORDS, fixed_camera=1.0)


@speaks
def test_a_seed_gives_everything(renderer: Renderer, clip: tuple) -> None:
    frames, labels, performance = make_clip(renderer, FILE, 5, 1.0, FPS, TEXT, WORDS, fixed_camera=1.0)
    assert np.array_equal(frames, clip[0])
    assert all(np.array_equal(labels[k], clip[1][k]) for k in labels)
    assert np.array_equal(performance.samples, clip[2].samples)


@speaks
def test_the_own_stage_depends_on_the_person_only(renderer: Renderer, clip: tuple) -> None:
    other, labels, _ = make_clip(renderer, FILE, 6, 1 / FPS, FPS, TEXT, fixed_camera=1.0)
    camera, same = (json.loads(str(x["meta"]))["camera"] for x in (clip[1], labels))
    assert camera == same
    assert np.array_equal(other[0][:8, :12], clip[0][0][:8, :12])
    portrait, pose = render_portrait(renderer, FILE)
    assert np.array_equal(portrait[:8, :12], clip[0][0][:8, :12])
    assert pose.hands[..., 2].all()
    moved, labels, _ = make_clip(renderer, FILE, 6, 1 / FPS, FPS, TEXT, fixed_camera=0.0)
    assert json.loads(str(labels["meta"]))["camera"] != camera
    assert not np.array_equal(moved[0][:8, :12], clip[0][0][:8, :12])


@speaks
def test_files(clip: tuple, tmp_path: Path) -> None:
    import cv2

    frames, labels, performance = clip
    write_clip(tmp_path / "000005", frames, labels, performance, FPS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000005.mp4", "000005.npz"]
    with np.load(tmp_path / "000005.npz", allow_pickle=False) as data:
        shapes = {k: (data[k].shape, data[k].dtype.name) for k in data.files if k not in ("phones", "meta")}
        meta = json.loads(str(data["meta"]))
    t = len(frames)
    assert shapes == {
        "kp": ((t, 128, 2), "int16"), "vis": ((t, 128), "uint8"), "hand_box": ((t, 2, 4), "int16"),
        "head_box": ((t, 4), "int16"), "head_rot": ((t, 3), "int16"), "mouth": ((t, 2), "uint8"),
        "phone": ((t,), "uint8"), "viseme": ((t,), "uint8"), "stress": ((t,), "uint8"),
    }  # fmt: skip
    assert meta["identity"] == 8
    assert meta["text"] == TEXT
    assert len(performance.samples) == 16000
    video = cv2.VideoCapture(str(tmp_path / "000005.mp4"))
    ok, first = video.read()
    assert ok
    assert np.abs(first[..., ::-1].astype(int) - frames[0]).mean() < 6


def test_labels_lie_where_the_picture_changes(renderer: Renderer) -> None:
    person = Character(FILE)
    set_stage(renderer, person, None)
    scene, truth = Scene(renderer, person), GroundTruth(person, renderer)

    def picture(gesture: str, face: dict[str, float]) -> np.ndarray:
        return renderer.draw(person.skin(scene.fixed_pose(gesture_vector(gesture)), face)).astype(float)

    def energy(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(a - b).sum(-1)

    def inside(box: np.ndarray, change: np.ndarray, grow: float) -> float:
        x0, y0, x1, y1 = np.clip(np.round(box + [-grow, -grow, grow, grow]), 0, SIZE).astype(int)
        return float(change[y0:y1, x0:x1].sum() / change.sum())

    shut = picture("stopR", {})
    opened = picture("stopR", {"jawOpen": 0.6})
    mouth = truth.keypoints()[0][FACE][48:68]
    assert truth.mouth()[0] > 0.15
    assert inside(np.concatenate([mouth.min(0), mouth.max(0)]), energy(shut, opened), 4) > 0.8
    assert inside(truth.boxes()[1], energy(shut, opened), 1) > 0.95

    one = picture("oneR", {})
    boxes = [truth.boxes()[0][1]]
    xy, seen = truth.keypoints()
    points = xy[RIGHT_HAND]
    assert (points > boxes[0][:2] - 1).all()
    assert (points < boxes[0][2:] + 1).all()
    assert seen[RIGHT_HAND][8] & VISIBLE  # the finger that points up
    picture("stopR", {})
    boxes.append(truth.boxes()[0][1])
    both = np.concatenate([np.minimum(boxes[0], boxes[1])[:2], np.maximum(boxes[0], boxes[1])[2:]])
    assert inside(both, energy(shut, one), 2) > 0.7  # the rest is shadow


def test_head_turns_the_way_it_says(renderer: Renderer) -> None:
    person = Character(FILE)
    set_stage(renderer, person, None)
    scene, truth = Scene(renderer, person), GroundTruth(person, renderer)
    nose, yaw = [], []
    for angle in (-0.2, 0.2):
        person.skin(scene.fixed_pose(gesture_vector("belly"), head=np.array([0.0, angle, 0.0])), {})
        xy = renderer.project(truth.world())[0]
        nose.append(xy[0, 0] - xy[[16, 17], 0].mean())
        yaw.append(truth.head_angles()[0])
    assert nose[1] > nose[0] + 3
    assert 18 < yaw[1] - yaw[0] < 28


def test_hand_shards(renderer: Renderer, tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "hands_00001.npz"
    write_hand_shard(renderer, path, [FILE], 1, 3, 0.0)
    with np.load(path, allow_pickle=False) as data:
        assert data["kp"].shape == (3, 21, 2)
        assert data["vis"].shape == (3, 21)
        assert len(data["offset"]) == 4
        image = cv2.imdecode(data["jpeg"][data["offset"][1] : data["offset"][2]], cv2.IMREAD_COLOR)
        points = data["kp"] / SUBPIXEL
    assert image.shape == (SIZE, SIZE, 3)
    assert ((points > -0.1 * SIZE) & (points < 1.1 * SIZE)).mean() > 0.95
