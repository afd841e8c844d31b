"""The hand map of the network and the pictures for people."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from vivid.pose.draw import hand_map
from vivid.pose.skeleton import LEFT, RIGHT, Pose, PoseClip

SHARED = Path(__file__).parents[1].parent / "shared"
MAPS = sorted((SHARED / "facts" / "hand_map").glob("*.png"))


def hand_pose(canvas=(512, 512)) -> Pose:
    """Two open hands, left then right of the person, fully confident."""
    hands = np.zeros((2, 21, 3), np.float32)
    for side, x in ((LEFT, 360), (RIGHT, 150)):
        hands[side, 0] = [x, 400, 1]
        for finger in range(5):
            for joint in range(4):
                angle = np.pi * (0.2 + 0.15 * finger)
                reach = 30 + 15 * joint
                hands[side, 1 + 4 * finger + joint] = [x - reach * np.cos(angle), 400 - reach * np.sin(angle), 1]
    hands[..., :2] *= np.array(canvas) / 512
    return Pose(np.zeros((18, 3)), hands, np.zeros((68, 3)), canvas)


@pytest.mark.skipif(not MAPS, reason="the public base's example maps are not here")
@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.stem)
def test_hand_map_is_what_the_public_base_saw(path):
    name, frame = path.stem.split("_")
    with np.load(SHARED / "real" / "motions" / f"echomimicv2_{name}.npz", allow_pickle=False) as data:
        clip = PoseClip(data["body"], data["hands"], data["face"], (768, 768))
    expected = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    assert np.array_equal(hand_map(clip.frame(int(frame))), expected)


def test_joints_are_red_and_the_first_bone_is_blue():
    picture = hand_map(hand_pose((800, 800)))
    pose = hand_pose((800, 800))
    x, y = pose.hands[LEFT, 8, :2].astype(int)
    assert picture[y, x].tolist() == [255, 0, 0]
    x, y = pose.hands[LEFT, [0, 1], :2].mean(axis=0).astype(int)
    assert picture[y - 1 : y + 2, x - 1 : x + 2, 2].max() == 255


def test_confidence_dims_and_saturates():
    pose = hand_pose((800, 800))
    pose.hands[LEFT, :, 2], pose.hands[RIGHT, :, 2] = 0.5, 1.2
    picture = hand_map(pose)
    assert picture[:, 400:].max() == 127 and picture[:, :400].max() == 255


def test_maps_of_other_sizes_show_the_same_hands():
    big, small = hand_map(hand_pose(), (1024, 1024)), hand_map(hand_pose(), (256, 256))
    assert big.shape == (1024, 1024, 3) and small.shape == (256, 256, 3)
    shrunk = cv2.resize(big, (256, 256), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(shrunk - small).mean() < 2 and small.any()
    assert hand_map(hand_pose((768, 512))).shape == (512, 768, 3)


def test_a_map_that_would_squash_is_refused():
    with pytest.raises(ValueError, match="squash"):
        hand_map(hand_pose(), (512, 768))


def test_absent_hands_and_broken_points_are_left_out():
    pose = hand_pose()
    pose.hands[LEFT, :, 2] = 0
    assert not hand_map(pose)[:, 256:].any() and hand_map(pose)[:, :256].any()
    pose.hands[RIGHT, :, 0] = np.nan
    assert not hand_map(pose).any()
    pose.hands[RIGHT, :, 0] = 1e30
    assert hand_map(pose).shape == (512, 512, 3)
