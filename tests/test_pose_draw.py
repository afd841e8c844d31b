"""The hand map of the network and the pictures for people."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from pose_people import Person, gestures, still

from vivid.media.video import probe
from vivid.pose.draw import hand_map, overlay, strip
from vivid.pose.preview import compare, preview_video, shrunk, telling_frames
from vivid.pose.skeleton import LEFT, RIGHT, Pose, PoseClip, clip_of

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


def grey(side=512) -> np.ndarray:
    return np.full((side, side, 3), 128, np.uint8)


@pytest.mark.parametrize("side", [256, 768, 1500])
def test_overlay_shows_the_person_alike_at_every_size(side):
    pose = still(Person())
    drawn = overlay(grey(side), pose)
    assert drawn.shape == (side, side, 3) and drawn.dtype == np.uint8
    changed = np.abs(drawn.astype(int) - 128).max(axis=-1) > 8
    assert 0.02 < changed.mean() < 0.25
    small = cv2.resize(drawn, (128, 128), interpolation=cv2.INTER_AREA).astype(float)
    usual = cv2.resize(overlay(grey(768), pose), (128, 128), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(small - usual).mean() < 3


def test_overlay_uses_the_usual_colours_and_leaves_its_input_alone():
    picture, pose = grey(768), still(Person())
    drawn = overlay(picture, pose, opacity=1.0)
    assert (picture == 128).all()
    pose.body[:, 2] = 1
    drawn = overlay(picture, pose, opacity=1.0)
    x, y = pose.body[2, :2].astype(int)
    assert np.abs(drawn[y, x].astype(int) - [255, 170, 0]).max() < 6  # right shoulder
    x, y = pose.body[[1, 2], :2].mean(axis=0).astype(int)
    red, green, blue = drawn[y, x].astype(int)
    assert red > 200 > green + 100 and abs(green - blue) < 10  # the limb from neck to right shoulder


def test_confidence_is_opacity_and_guesses_are_not_drawn():
    def strength(confidence):
        pose = still(Person())
        for part in (pose.body, pose.hands, pose.face):
            part[..., 2] = np.where(part[..., 2] > 0, confidence, 0)
        return np.abs(overlay(grey(), pose).astype(int) - 128).sum()

    assert strength(0.1) == 0
    assert 0 < strength(0.4) < strength(0.8) < strength(1.0) == strength(1.2)


def test_overlay_survives_points_that_are_absent_far_away_or_not_numbers():
    pose = still(Person())
    pose.hands[LEFT, :, 0] = np.nan
    pose.hands[RIGHT, :, 1] = 1e20
    pose.body[6] = 0
    assert overlay(grey(), pose).shape == (512, 512, 3)
    away = clip_of(pose).map_points((1, 1), (5000, 0), pose.canvas).frame(0)
    assert np.array_equal(overlay(grey(), away), grey())
    nobody = Pose(np.zeros((18, 3)), np.zeros((2, 21, 3)), np.zeros((68, 3)), (512, 512))
    assert np.array_equal(overlay(grey(), nobody), grey())


def test_strip_puts_pictures_of_any_size_side_by_side_with_captions():
    plain = strip([grey(100), grey(300)], height=200)
    assert plain.shape == (216, 200 * 2 + 3 * 8, 3)
    named = strip([grey(100), np.zeros((300, 150, 3), np.uint8)], ["one", "a much longer caption than fits"], 200)
    assert named.shape[0] > plain.shape[0] and named.shape[1] == 200 + 100 + 24
    assert named[-20:].min() < 100  # words
    with pytest.raises(ValueError, match="captions"):
        strip([grey()], ["one", "two"])
    with pytest.raises(ValueError, match="at least one"):
        strip([])


def test_comparison_shows_before_and_after_at_telling_frames():
    clip = gestures(Person(), 24, seed=1)
    moved = clip.map_points((1, 1), (60, 0), clip.canvas)
    picture = compare(grey(300), still(Person()), clip, moved, height=200)
    assert picture.shape[1] == 6 * 200 + 7 * 8
    before, after = picture[8:208, 8 + 2 * 208 : 216 + 2 * 208], picture[8:208, 8 + 3 * 208 : 216 + 3 * 208]
    assert not np.array_equal(before, after)
    low, high = telling_frames(clip)
    heights = clip.hands[..., 1].mean(axis=(1, 2))
    assert heights[low] > heights[high]
    empty = PoseClip(clip.body, np.zeros_like(clip.hands), clip.face, clip.canvas)
    assert telling_frames(empty) == (0,)


def test_shrinking_gives_even_sides_and_never_enlarges():
    assert shrunk(np.zeros((1000, 701, 3), np.uint8), 512).shape == (730, 512, 3)
    assert shrunk(grey(100), 512).shape == (100, 100, 3)
    assert shrunk(np.zeros((101, 99, 3), np.uint8), 512).shape == (100, 100, 3)


def test_preview_video_has_every_frame(tmp_path):
    preview_video(grey(700), gestures(Person(), 12), tmp_path / "v.mp4")
    info = probe(tmp_path / "v.mp4")
    assert (info.width, info.height, info.fps) == (448, 448, 24)
    assert info.seconds == pytest.approx(0.5, abs=0.05)
