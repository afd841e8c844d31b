"""Calibration's fourth step: hands that touch go on touching on another body, and no bone changes its length."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pose_people import CANVAS, Person, assert_same, gestures, mirrored, still, without

from vivid.pose.calibrate import calibrate
from vivid.pose.report import CalibrationOptions, CalibrationReport
from vivid.pose.skeleton import LEFT, RIGHT, PoseClip, clip_of, stacked

many = settings(max_examples=20, derandomize=True, phases=[Phase.explicit, Phase.generate])
people = st.builds(
    Person,
    shoulders=st.floats(150, 320),
    torso=st.floats(250, 450),
    upper_arm=st.floats(0.7, 1.0),
    forearm=st.floats(0.55, 0.8),
    hand=st.floats(0.22, 0.34),
)
ARMS = ((5, 6, 7), (2, 3, 4))


def gap(clip: PoseClip) -> np.ndarray:
    """(T, 2) between the middles of wrist and knuckles, in shoulder widths."""
    centres = clip.hands[:, :, [0, 5, 9, 13, 17], :2].mean(2).astype(float)
    width = np.median(np.linalg.norm(clip.body[:, 5, :2] - clip.body[:, 2, :2], axis=1))
    return (centres[:, LEFT] - centres[:, RIGHT]) / width


def folded(person: Person, frames: int = 48, seed: int = 0, apart: float = 0.15) -> PoseClip:
    """Hands before the belly, `apart` shoulder widths from each other, that part for the middle third of the clip."""
    clip = gestures(person, frames, seed, flat=True)
    body, hands = clip.body.copy(), clip.hands.copy()
    time = np.arange(frames) / frames
    open_by = np.clip(1 - np.abs(time - 0.5) / 0.2, 0, 1)
    for side, (shoulder, elbow, wrist) in enumerate(ARMS):
        out = 1.0 if side == LEFT else -1.0
        middle = (body[:, 5, :2] + body[:, 2, :2]) / 2
        goal = middle + np.stack(
            [out * person.shoulders * (apart / 2 + 0.6 * open_by), np.full(frames, 0.95 * person.shoulders)], 1
        )
        centre = hands[:, side][:, [0, 5, 9, 13, 17], :2].mean(1)
        hands[:, side, :, :2] += (goal - centre)[:, None]
        body[:, wrist, :2] = hands[:, side, 0, :2]
        start, end = body[:, shoulder, :2], body[:, wrist, :2]
        side_way = np.stack([end[:, 1] - start[:, 1], start[:, 0] - end[:, 0]], 1) * out
        body[:, elbow, :2] = (start + end) / 2 + 0.25 * side_way
    return replace(clip, body=body, hands=hands)


@many
@given(people, people, st.integers(0, 1000), st.floats(0.05, 0.35))
def test_near_hands_keep_their_distance_on_another_body(person, driver, seed, apart):
    clip = folded(driver, seed=seed, apart=apart)
    loose, _ = calibrate(still(person, seed), clip, CalibrationOptions(contact=False))
    kept, report = calibrate(still(person, seed), clip)
    near = np.linalg.norm(gap(clip), axis=1) < 0.45
    near = np.convolve(near, np.ones(9), "same") == 9  # away from where the smoothing hands over
    larger = np.clip(np.linalg.norm(gap(kept)[near], axis=1) / np.linalg.norm(gap(clip)[near], axis=1), 1, 1.3)
    error = np.linalg.norm(gap(kept)[near] - gap(clip)[near] * larger[:, None], axis=1)
    before = np.linalg.norm(gap(loose)[near] - gap(clip)[near], axis=1)
    assert error.mean() < max(0.02, 0.35 * before.mean())
    assert report.contact is not None and 0.3 < report.contact.near < 1


@many
@given(people, people, st.integers(0, 1000))
def test_no_bone_changes_its_length_and_no_hand_its_shape(person, driver, seed):
    clip = gestures(driver, 24, seed) if seed % 2 else folded(driver, 24, seed)
    loose, _ = calibrate(still(person, seed), clip, CalibrationOptions(contact=False))
    kept, _ = calibrate(still(person, seed), clip)
    for side, chain in enumerate(ARMS):
        for a, b in pairwise(chain):
            lengths = [np.linalg.norm(each.body[:, a, :2] - each.body[:, b, :2], axis=1) for each in (loose, kept)]
            np.testing.assert_allclose(*lengths, atol=0.01)
        shapes = [each.hands[:, side, :, :2] - each.hands[:, side, :1, :2] for each in (loose, kept)]
        np.testing.assert_allclose(*shapes, atol=0.01)
    rest = [k for k in range(18) if k not in (3, 4, 6, 7)]
    np.testing.assert_array_equal(kept.body[:, rest], loose.body[:, rest])


@many
@given(people, people, st.integers(0, 1000))
def test_movement_stays_as_smooth_as_it_was(person, driver, seed):
    clip = folded(driver, seed=seed)
    loose, _ = calibrate(still(person, seed), clip, CalibrationOptions(contact=False))
    kept, report = calibrate(still(person, seed), clip)
    moved = (kept.hands - loose.hands)[..., 0, :2]
    steps = np.linalg.norm(np.diff(moved, axis=0), axis=2).max() / report.unit
    # a Gaussian of SMOOTH = 1.5 frames makes of a leap from one extreme to the other 2 / (1.5 sqrt(2 pi)) a frame
    assert steps <= 0.54 * max(report.contact.moved, 0.01)


@many
@given(people, people, st.integers(0, 1000))
def test_mirrored_inputs_give_the_mirrored_output(person, driver, seed):
    reference, clip = clip_of(still(person, seed)), folded(driver, 24, seed)
    straight, _ = calibrate(reference.frame(0), clip)
    turned, _ = calibrate(mirrored(reference).frame(0), mirrored(clip))
    assert_same(mirrored(straight), turned, 0.05)


def test_hands_far_from_each_other_are_left_alone():
    clip = folded(Person(), apart=1.6)
    reference = still(Person(shoulders=180, forearm=0.75))
    kept, report = calibrate(reference, clip)
    loose, _ = calibrate(reference, clip, CalibrationOptions(contact=False))
    np.testing.assert_array_equal(stacked(kept), stacked(loose))
    assert report.contact.near == 0 and report.contact.moved == 0


def test_the_driver_itself_is_left_alone():
    clip = clip_of(folded(Person()).frame(0))
    kept, report = calibrate(clip.frame(0), clip)
    assert_same(kept, clip, 0.05)
    assert report.contact.moved < 1e-3


def test_touching_hands_meet_on_narrow_and_on_broad_shoulders():
    clip = folded(Person(), apart=0.1)
    for shoulders in (170, 310):
        person = Person(shoulders=shoulders, forearm=0.75, upper_arm=0.75)
        loose, _ = calibrate(still(person), clip, CalibrationOptions(contact=False))
        kept, _ = calibrate(still(person), clip)
        errors = [np.linalg.norm(gap(each) - gap(clip), axis=1)[:12].mean() for each in (kept, loose)]
        assert errors[0] < 0.02 < errors[1]


@pytest.mark.parametrize("missing", ["left_hand", "right_hand", "shoulders"])
def test_where_hands_or_shoulders_are_not_seen_nothing_is_done(missing):
    clip = without(folded(Person()), {missing})
    kept, report = calibrate(still(Person(shoulders=200)), clip)
    assert np.isfinite(stacked(kept)).all()
    if missing != "shoulders":
        assert report.contact is None


def test_the_report_says_what_was_done_and_older_ones_can_still_be_read():
    _, report = calibrate(still(Person(shoulders=180, forearm=0.8)), folded(Person()))
    assert CalibrationReport.from_json(report.to_json()).to_json() == report.to_json()
    assert "to keep their distance" in "\n".join(report.summary())
    data = json.loads(report.to_json())
    del data["contact"], data["options"]["contact"]
    older = CalibrationReport.from_json(json.dumps(data))
    assert older.contact is None and older.options.contact
    assert older.canvas == CANVAS


def test_the_page_shows_it():
    from vivid.ui.report_table import report_table

    person = still(Person(shoulders=180, forearm=0.8))
    assert "Hands moved" in report_table(calibrate(person, folded(Person()))[1])
    off = calibrate(person, folded(Person()), CalibrationOptions(contact=False))[1]
    assert "Hands moved" not in report_table(off)
