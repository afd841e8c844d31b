"""Calibration and drawing on real portraits and clips, where they are at hand beside the repository."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pose_people import Person, gestures, still

from vivid.pose.calibrate import calibrate
from vivid.pose.draw import overlay
from vivid.pose.measures import lengths_of
from vivid.pose.skeleton import LEFT, PoseClip

REAL = Path(__file__).parents[1].parent / "shared" / "real"
CLIPS = sorted((REAL / "motions").glob("*.npz"))
PORTRAITS = sorted((REAL / "portraits").glob("*.png"))
needs_clips = pytest.mark.skipif(not CLIPS, reason="the real clips are not here")


def load(path: Path) -> PoseClip:
    with np.load(path, allow_pickle=False) as data:
        return PoseClip(data["body"], data["hands"], data["face"], (768, 768), float(data["fps"]))


def longest_arms(clip: PoseClip, shoulders: float) -> float:
    """The farthest any sure wrist is from its shoulder, in shoulder widths."""
    sure = (clip.body[:, [7, 4], 2] > 0.3) & (clip.body[:, [5, 2], 2] > 0.3)
    far = np.linalg.norm(clip.body[:, [7, 4], :2] - clip.body[:, [5, 2], :2], axis=-1)
    return float(far[sure].max()) / shoulders


@needs_clips
@pytest.mark.parametrize("driving", CLIPS, ids=lambda path: path.stem)
@pytest.mark.parametrize("person", CLIPS, ids=lambda path: path.stem)
def test_clips_fit_each_others_people(driving, person):
    clip = load(driving)
    _, report = calibrate(load(person).frame(0), clip)
    assert report.after.bone_error <= 0.05 and report.after.bone_error <= report.before.bone_error
    assert report.after.reach >= 0.99
    assert report.after.jump <= report.before.jump * report.largest_factor
    assert not report.clamps


@needs_clips
@pytest.mark.parametrize("case", ["a hand", "the hips", "a short arm", "an elbow now and then", "an arm for half"])
def test_no_giant_arms_where_something_is_hidden(case):
    clip = load(CLIPS[0])
    body, hands = clip.body.copy(), clip.hands.copy()
    half = len(clip) // 2
    if case == "a hand":
        hands[:, LEFT] = 0
    elif case == "the hips":
        body[:, [8, 11]] = 0
    elif case == "a short arm":
        for joint in (6, 7):
            body[:half, joint, :2] = body[:half, 5, :2] + 0.3 * (body[:half, joint, :2] - body[:half, 5, :2])
    elif case == "an elbow now and then":
        body[::7, 6] = 0
    else:
        body[half:, [6, 7]] = 0
    person = still(Person())
    result, _ = calibrate(person, replace(clip, body=body, hands=hands))
    shoulders = lengths_of(result)["shoulders"]
    assert longest_arms(result, shoulders) < 0.83 + 0.64 + 0.1
    usual, _ = calibrate(person, clip)
    assert abs(longest_arms(result, shoulders) - longest_arms(usual, shoulders)) < 0.2


@pytest.mark.slow
@pytest.mark.skipif(not (PORTRAITS and CLIPS), reason="the real portraits are not here")
@pytest.mark.parametrize("portrait", PORTRAITS, ids=lambda path: path.stem)
def test_real_portraits_and_clips_fit(portrait):
    from vivid.inputs import load_portrait

    pose = load_portrait(portrait).pose
    for driving in CLIPS:
        _, report = calibrate(pose, load(driving))
        assert report.after.bone_error <= 0.05 and report.after.bone_error <= report.before.bone_error
        assert report.after.reach >= 0.99


def test_ten_seconds_are_calibrated_in_half_a_second_and_a_picture_is_drawn_in_a_tenth():
    clip, person = gestures(Person(), 240), still(Person())
    picture = np.full((1024, 1024, 3), 90, np.uint8)

    def best_of_three(work) -> float:
        times = []
        for _ in range(3):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    assert best_of_three(lambda: calibrate(person, clip)) < 0.5
    assert best_of_three(lambda: overlay(picture, person)) < 0.1
