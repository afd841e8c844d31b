"""Clothes parsing: shapes, sides, the person's mask, and what the shipped weights find on a rendered person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vivid.errors import InputError
from vivid.generators.layered.face_mesh import FaceFinder
from vivid.generators.layered.matte import person_matte
from vivid.generators.layered.parsing import (
    CLASSES,
    MAPS,
    SIZE,
    ClothesParser,
    Parsing,
    load_parser,
    network_inputs,
    parse,
    view_of,
)
from vivid.pose.clips import load_clip
from vivid.pose.skeleton import FACE_COUNT, Pose, no_pose

PORTRAITS = Path(__file__).resolve().parents[1] / "examples" / "portraits"


@pytest.fixture(scope="module")
def person() -> tuple[np.ndarray, np.ndarray, Pose]:
    """A rendered woman in a yellow V-neck, hands before the belly: picture, the person's mask, pose."""
    picture = cv2.imread(str(PORTRAITS / "clara.jpg"))[..., ::-1].copy()
    mesh = FaceFinder().find(picture)
    assert mesh is not None
    return picture, person_matte(picture, mesh), load_clip(PORTRAITS / "clara.npz").frame(0)


@pytest.fixture(scope="module")
def parsing(person: tuple) -> Parsing:
    return parse(*person)


def mirrored(pose: Pose) -> Pose:
    """The pose in the mirrored picture: left becomes right."""
    width = pose.canvas[0]
    body, hands, face = (points.copy() for points in (pose.body, pose.hands, pose.face))
    for points in (body, hands, face):
        points[..., 0] = width - points[..., 0]
    body[[2, 3, 4, 5, 6, 7, 8, 11, 14, 15, 16, 17]] = body[[5, 6, 7, 2, 3, 4, 11, 8, 15, 14, 17, 16]]
    assert face.shape[0] == FACE_COUNT
    return Pose(body, hands[::-1].copy(), face, pose.canvas)


def test_a_seeded_network_gives_the_same_logits_of_the_right_shape() -> None:
    def logits() -> torch.Tensor:
        torch.manual_seed(3)
        network = ClothesParser((4, 6, 8)).eval()
        generator = torch.Generator().manual_seed(4)
        picture = torch.rand(2, 3, 32, 48, generator=generator)
        return network(picture, torch.rand(2, MAPS, 16, 24, generator=generator))

    with torch.inference_mode():
        first, second = logits(), logits()
    assert first.shape == (2, len(CLASSES), 32, 48)
    assert torch.equal(first, second) and float(first.std()) > 0


def test_each_side_is_drawn_into_its_own_map() -> None:
    points = np.zeros((128, 2))
    seen = np.zeros(128, bool)
    for joint, place in ((5, (200, 60)), (6, (220, 120)), (7, (200, 180))):  # left arm, right half of the picture
        points[joint], seen[joint] = place, True
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    colours, maps = network_inputs(black, points, seen, None)
    assert colours.shape == (3, SIZE, SIZE) and float(colours.max()) == -1
    lit = maps.amax((1, 2)) > 0
    assert lit.tolist() == [True, False, False, False, False, False]
    ys, xs = torch.nonzero(maps[0] > 0.5, as_tuple=True)
    assert xs.min() >= 98 and xs.max() <= 112 and ys.min() >= 28 and ys.max() <= 92
    half = np.zeros((SIZE, SIZE), np.float32)
    half[:, : SIZE // 2] = 1
    _, maps = network_inputs(black, points, seen, half)
    assert float(maps[5, :, :60].min()) == 1 and float(maps[5, :, 68:].max()) == 0


def test_the_view_holds_the_face_and_stays_near_the_picture() -> None:
    pose = no_pose((600, 400))
    assert view_of(pose, (600, 400)) == (0, 0, 600)
    body, face = pose.body.copy(), pose.face.copy()
    body[2], body[5] = (300, 200, 1), (310, 200, 1)  # turned so far that the shoulders nearly coincide
    face[:] = [(300 + k % 5, 120 + k % 60, 1) for k in range(FACE_COUNT)]
    left, top, side = view_of(Pose(body, pose.hands, face, pose.canvas), (600, 400))
    assert left < 280 and left + side > 340 and 0 <= top < 120 and 4 * 60 < side <= 600


def test_the_parts_of_a_rendered_person_are_where_they_are(person: tuple, parsing: Parsing) -> None:
    picture, _, pose = person
    assert parsing.probabilities.shape == (8, *picture.shape[:2]) and parsing.probabilities.dtype == np.float32
    assert np.allclose(parsing.probabilities.sum(0), 1, atol=1e-3)

    def at(layer: np.ndarray, point: np.ndarray) -> float:
        x, y = point[:2].astype(int)
        return float(layer[y - 4 : y + 5, x - 4 : x + 5].mean())

    nose, shoulders = pose.body[0], pose.body[[5, 2]]
    chest = shoulders.mean(0) + [0, 0.55 * np.linalg.norm(shoulders[0, :2] - shoulders[1, :2]), 0]
    assert at(parsing.face, nose) > 0.9
    assert at(parsing.torso, chest) > 0.9
    assert at(parsing.room, np.array([20, 20])) > 0.9
    for side in (0, 1):
        assert at(parsing.arms[side], pose.hands[side, 9]) > 0.7
        elbow, wrist = pose.body[[6, 3][side]], pose.body[[7, 4][side]]
        assert at(parsing.arms[side], (elbow + wrist) / 2) > 0.5
        sleeve_x = np.average(np.arange(picture.shape[1]), weights=parsing.sleeves[side].sum(0))
        assert (sleeve_x > chest[0]) == (side == 0)


def test_mirroring_the_picture_swaps_the_sides(person: tuple, parsing: Parsing) -> None:
    picture, mask, pose = person
    flipped = parse(np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(mask[:, ::-1]), mirrored(pose))
    back = flipped.probabilities[:, :, ::-1][[0, 1, 2, 3, 5, 4, 7, 6]]
    same = back.argmax(0) == parsing.probabilities.argmax(0)
    assert same.mean() > 0.95
    for k in range(4, 8):
        a, b = back[k] > 0.5, parsing.probabilities[k] > 0.5
        assert (a & b).sum() > 0.6 * (a | b).sum()


def test_nothing_is_found_outside_the_mask(person: tuple) -> None:
    picture, mask, pose = person
    half = mask.copy()
    half[:, : picture.shape[1] // 2] = 0
    found = parse(picture, half, pose)
    assert (found.room[half == 0] == 1).all()
    assert found.face[half > 0].max() > 0.9


def test_unfit_weights_are_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"no weights")
    with pytest.raises(InputError, match="restore it"):
        load_parser(path)
    with pytest.raises(InputError, match="restore it"):
        load_parser(tmp_path / "absent.safetensors")
