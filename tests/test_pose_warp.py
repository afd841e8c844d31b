"""Arms and hands of a picture, carried along their bones."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.pose_people import CANVAS, Person, still
from vivid.pose.draw import hand_map
from vivid.pose.skeleton import HAND_BONES, Pose, no_pose
from vivid.pose.warp import ARMS, Arms, cut_arms, hands_beside, warp_arms

PERSON = Person(shoulders=200.0)


def smooth_picture(seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)
    return cv2.resize(small, CANVAS, interpolation=cv2.INTER_CUBIC)


def uncut(picture: np.ndarray, pose: Pose) -> Arms:
    """Arms whose outlines leave nothing out."""
    return Arms(picture, pose, np.full((2, *picture.shape[:2]), 255, np.uint8))


def painted(pose: Pose) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture of somebody with thick limbs in a room, and where hands and arms are."""
    picture = cv2.GaussianBlur(smooth_picture(3), (0, 0), 20)
    hands, arms = np.zeros((2, *CANVAS), np.uint8)
    for side, (shoulder, elbow, wrist) in enumerate(ARMS):
        for start, end in ((shoulder, elbow), (elbow, wrist)):
            cv2.line(arms, *(tuple(pose.body[k, :2].round().astype(int).tolist()) for k in (start, end)), 255, 40)
        for start, end in HAND_BONES:
            cv2.line(
                hands, *(tuple(pose.hands[side, k, :2].round().astype(int).tolist()) for k in (start, end)), 255, 12
            )
    picture[arms > 0] = (40, 60, 150)
    picture[hands > 0] = (220, 170, 140)
    noise = np.random.default_rng(0).normal(0, 4, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8), hands > 0, (arms > 0) & ~(hands > 0)


def moved(pose: Pose, matrix: np.ndarray) -> Pose:
    """The pose after an affine map (2, 3) of the picture."""

    def carried(points: np.ndarray) -> np.ndarray:
        places = points[..., :2] @ matrix[:, :2].T + matrix[:, 2]
        return np.concatenate([places, points[..., 2:]], -1).astype(np.float32)

    return replace(pose, body=carried(pose.body), hands=carried(pose.hands), face=carried(pose.face))


@pytest.mark.parametrize("angle, shift", [(0.0, (0, 0)), (0.0, (31, -17)), (25.0, (0, 0)), (-140.0, (9, 4))])
def test_what_moves_as_a_whole_keeps_its_picture(angle: float, shift: tuple[int, int]) -> None:
    pose, picture = still(PERSON), smooth_picture()
    matrix = cv2.getRotationMatrix2D((384.0, 400.0), angle, 1.0) + [[0, 0, shift[0]], [0, 0, shift[1]]]
    truth = cv2.warpAffine(picture, matrix, CANVAS)
    visible = cv2.warpAffine(np.full(CANVAS, 255, np.uint8), matrix, CANVAS) == 255
    carried = warp_arms(uncut(picture, pose), moved(pose, matrix))
    sure = (carried[..., 3] > 200) & visible
    assert sure.sum() > 20_000
    error = np.abs(carried[..., :3].astype(float) - truth)[sure]
    # where both arms are near, one covers the other, and each would show the same
    assert error.mean() < 1.0 and np.quantile(error, 0.99) < 6.0


def test_fingers_take_their_pictures_along() -> None:
    pose, picture = still(PERSON), smooth_picture()
    bent = pose.hands.copy()
    middle, tip = bent[0, 6, :2].copy(), bent[0, 8, :2].copy()
    bent[0, 7:9, :2] = middle + (bent[0, 7:9, :2] - middle) @ np.array([[0.0, 1.0], [-1.0, 0.0]])  # a quarter turn
    carried = warp_arms(uncut(picture, pose), replace(pose, hands=bent))
    new = bent[0, 8, :2]
    x, y = new.round().astype(int)
    assert carried[y, x, 3] > 200
    column, row = tip.round().astype(int)
    assert np.abs(carried[y, x, :3].astype(float) - picture[row, column]).max() < 12


def test_a_mirrored_hand_is_mirrored_across_its_bones() -> None:
    pose, picture = still(PERSON), smooth_picture()
    hands, hand = pose.hands.copy(), pose.hands[0]
    wrist, bone = hand[0, :2], hand[9, :2] - hand[0, :2]
    bone = bone / np.linalg.norm(bone)
    reflect = 2 * np.outer(bone, bone) - np.eye(2)
    hands[0, :, :2] = wrist + (hand[:, :2] - wrist) @ reflect
    carried = warp_arms(uncut(picture, pose), replace(pose, hands=hands))
    for joint in (4, 8, 20):
        x, y = hands[0, joint, :2].round().astype(int)
        column, row = hand[joint, :2].round().astype(int)
        assert np.abs(carried[y, x, :3].astype(float) - picture[row, column]).max() < 12


def test_a_hand_that_one_pose_lacks_is_left_out() -> None:
    pose, picture = still(PERSON), smooth_picture()
    assert not warp_arms(uncut(picture, pose), no_pose(CANVAS))[..., 3].any()
    assert not warp_arms(uncut(picture, no_pose(CANVAS)), pose)[..., 3].any()
    hands = pose.hands.copy()
    hands[0, 8, 2] = 0
    right = warp_arms(uncut(picture, replace(pose, hands=hands)), pose)[..., 3]
    both = warp_arms(uncut(picture, pose), pose)[..., 3]
    assert 0 < right.astype(float).sum() < both.astype(float).sum()


def test_hands_far_outside_cover_nothing() -> None:
    pose, picture = still(PERSON), smooth_picture()
    far = moved(pose, np.array([[1.0, 0, 5e4], [0, 1.0, -3e4]]))
    assert not warp_arms(uncut(picture, pose), far)[..., 3].any()
    assert not warp_arms(uncut(picture, far), pose)[..., 3].any()
    hands = pose.hands.copy()
    hands[0, 3, 0] = np.nan
    hands[1, 3, :2] = 1e30
    with np.errstate(over="raise", invalid="raise"):
        carried = warp_arms(uncut(picture, pose), replace(pose, hands=hands))
    assert carried.shape == (*picture.shape[:2], 4)


def test_outlines_follow_hands_and_sleeves() -> None:
    pose = still(PERSON)
    picture, hands, sleeves = painted(pose)
    arms = cut_arms(picture, pose)
    for found, truth in zip(arms.outlines > 127, (hands, sleeves), strict=True):
        assert (found & truth).sum() / (found | truth).sum() > 0.8
    assert np.array_equal(cut_arms(picture, pose).outlines, arms.outlines)
    assert not cut_arms(picture, no_pose(CANVAS)).outlines.any()


@pytest.mark.parametrize("scale", [0.0, 0.02, 0.05, 0.2])
def test_tiny_people_do_no_harm(scale: float) -> None:
    pose = moved(still(PERSON), np.array([[scale, 0, 300], [0, scale, 300]]))
    picture = smooth_picture()
    with np.errstate(all="raise", under="ignore"):
        carried = warp_arms(cut_arms(picture, pose), still(PERSON))
        warp_arms(cut_arms(picture, still(PERSON)), pose)
    assert carried.shape == (*picture.shape[:2], 4)


def test_only_what_is_inside_the_outlines_is_carried() -> None:
    pose = still(PERSON)
    picture, hands, sleeves = painted(pose)
    matrix = np.array([[1.0, 0, 23], [0, 1.0, -31]])
    target = moved(pose, matrix)
    carried = warp_arms(cut_arms(picture, pose), target)
    shown = cv2.warpAffine((hands | sleeves).astype(np.uint8), matrix, CANVAS).astype(bool)
    assert (carried[..., 3] > 127)[~cv2.dilate(shown.astype(np.uint8), np.ones((9, 9))).astype(bool)].mean() < 0.002
    x, y = target.hands[0, 9, :2].round().astype(int)
    assert carried[y, x, 3] > 240 and np.abs(carried[y, x, :3].astype(int) - (220, 170, 140)).max() < 15


def test_what_decoders_see_begins_with_the_hand_map() -> None:
    pose = still(PERSON)
    arms = cut_arms(painted(pose)[0], pose)
    hands = hands_beside(arms, pose)
    assert hands.shape == (*CANVAS, 8) and hands.dtype == np.uint8
    np.testing.assert_array_equal(hands[..., :3], hand_map(pose))
    np.testing.assert_array_equal(hands[..., 3:7], warp_arms(arms, pose))
    np.testing.assert_array_equal(hands[..., 7], arms.outlines.max(0))
