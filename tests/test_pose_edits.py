"""Points moved by hand: arms keep their lengths, ranges their ends, and nothing else moves."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ui_people import waving

from vivid.errors import InputError
from vivid.pose.clips import load_clip, save_clip
from vivid.pose.edits import ARMS, FINGERS, MOST_EDITS, POINTS, Edit, apply_edits, checked_edits
from vivid.pose.skeleton import PoseClip, stacked

FRAMES = 30
CLIP = waving(FRAMES)
WRIST, ELBOW, SHOULDER = 7, 6, 5


@st.composite
def edits(draw: Any, free: bool | None = None) -> Edit:
    first = draw(st.integers(0, FRAMES - 3))
    last = draw(st.integers(first + 2, FRAMES - 1))
    frame = draw(st.integers(first + 1, last - 1))
    if draw(st.booleans()):
        first = last = frame
    by = draw(st.tuples(*[st.floats(-300, 300, allow_nan=False)] * 2))
    return Edit(draw(st.sampled_from(POINTS)), frame, by, first, last, draw(st.booleans()) if free is None else free)


def clips() -> st.SearchStrategy[PoseClip]:
    """Clips whose points lie anywhere, some on top of each other, some absent."""

    def made(seed: int) -> PoseClip:
        random = np.random.default_rng(seed)
        body, hands = CLIP.body.copy(), CLIP.hands.copy()
        body[..., :2] += random.normal(0, 40, (FRAMES, 18, 2))
        body[random.random((FRAMES, 18)) < 0.1] = 0
        body[3:6, ELBOW] = body[3:6, SHOULDER]
        return replace(CLIP, body=body, hands=hands)

    return st.integers(0, 10_000).map(made)


def lengths(clip: PoseClip) -> np.ndarray:
    """(T, 2 arms, 2 bones), NaN where an end is absent."""
    places = np.where(clip.body[..., 2:] > 0, clip.body[..., :2], np.nan)
    return np.stack([np.linalg.norm(np.diff(places[:, list(arm)], axis=1), axis=-1) for arm in ARMS], axis=1)


@given(clips(), st.lists(edits(free=False), max_size=5))
def test_arms_keep_their_lengths(clip: PoseClip, made: list[Edit]) -> None:
    np.testing.assert_allclose(lengths(apply_edits(clip, made)), lengths(clip), atol=2e-2)


@given(clips(), st.lists(edits(), min_size=1, max_size=4))
def test_what_lies_outside_the_range_is_untouched_to_the_bit(clip: PoseClip, made: list[Edit]) -> None:
    before = stacked(clip).copy()
    after = stacked(apply_edits(clip, made))
    assert np.isfinite(after).all()
    touched = np.zeros(FRAMES, bool)
    for edit in made:
        ends = {edit.first: edit.first > 0, edit.last: edit.last < FRAMES - 1} if edit.first < edit.last else {}
        touched[[k for k in range(edit.first, edit.last + 1) if not ends.get(k)]] = True
    assert after[~touched].tobytes() == before[~touched].tobytes()
    assert stacked(clip).tobytes() == before.tobytes()  # the clip that was given is another one
    assert (after[..., 2] == before[..., 2]).all()
    absent = before[..., 2] == 0
    np.testing.assert_array_equal(after[absent], before[absent])
    np.testing.assert_array_equal(after[:, 60:], before[:, 60:])


@given(clips(), edits(free=True))
def test_a_free_point_lies_where_it_was_dropped(clip: PoseClip, edit: Edit) -> None:
    before, after = stacked(clip)[edit.frame, edit.point], stacked(apply_edits(clip, [edit]))[edit.frame, edit.point]
    moved = (after - before)[:2] if before[2] > 0 else np.array(edit.by)
    np.testing.assert_allclose(moved, edit.by, atol=1e-3)


@given(clips(), st.lists(edits(), max_size=4), edits())
def test_undo_gives_the_same_bytes(clip: PoseClip, made: list[Edit], last: Edit) -> None:
    before = stacked(apply_edits(clip, made)).tobytes()
    apply_edits(clip, [*made, last])
    assert stacked(apply_edits(clip, made)).tobytes() == before
    assert apply_edits(clip, []) is clip


def test_a_wrist_within_reach_lies_where_it_was_dropped_and_takes_its_hand_along() -> None:
    edit = Edit(WRIST, 9, (-20.0, -30.0), 9, 9)
    after = apply_edits(CLIP, [edit])
    np.testing.assert_allclose(after.body[9, WRIST, :2] - CLIP.body[9, WRIST, :2], edit.by, atol=1e-3)
    np.testing.assert_allclose(after.hands[9, 0, :, :2] - CLIP.hands[9, 0, :, :2], [edit.by] * 21, atol=1e-3)
    others = [k for k in range(18) if k not in (WRIST, ELBOW)]
    np.testing.assert_array_equal(after.body[9, others], CLIP.body[9, others])
    np.testing.assert_array_equal(after.hands[9, 1], CLIP.hands[9, 1])
    out = apply_edits(CLIP, [replace(edit, by=(500.0, 0.0))])
    arm = out.body[9, [SHOULDER, ELBOW, WRIST], :2]
    straight = np.linalg.norm(np.diff(arm, axis=0), axis=1).sum()
    assert np.linalg.norm(arm[2] - arm[0]) == pytest.approx(straight, abs=0.01)  # as far as the arm is long


@pytest.mark.parametrize(("side", "way"), [(0, 1), (1, -1)])
def test_the_elbow_of_a_straight_arm_goes_outwards(side: int, way: int) -> None:
    shoulder, elbow, wrist = ARMS[side]
    body = CLIP.body.copy()
    for joint, below in ((elbow, 60), (wrist, 120)):
        body[:, joint, :2] = body[:, shoulder, :2] + (0, below)
    body[::2, elbow, 0] += 0.2  # what rounding may do to either side
    body[1::2, elbow, 0] -= 0.2
    after = apply_edits(replace(CLIP, body=body), [Edit(wrist, 4, (0.0, -40.0), 0, FRAMES - 1)])
    assert (way * (after.body[:, elbow, 0] - body[:, shoulder, 0]) > 30).all()


def test_an_elbow_turns_about_the_shoulder_and_carries_what_hangs_on_it() -> None:
    after = apply_edits(CLIP, [Edit(ELBOW, 4, (30.0, -10.0), 0, FRAMES - 1)])
    moved = (after.body - CLIP.body)[:, [ELBOW, WRIST], :2]
    np.testing.assert_allclose(moved[:, 0], moved[:, 1], atol=1e-3)
    np.testing.assert_allclose((after.hands - CLIP.hands)[:, 0, 5, :2], moved[:, 0], atol=1e-3)
    assert (moved[:, 0, 0] > 5).all()  # the whole clip, at full weight
    shoulder = apply_edits(CLIP, [Edit(SHOULDER, 4, (0.0, -12.0), 4, 4)])
    np.testing.assert_allclose((shoulder.body - CLIP.body)[4, WRIST], (shoulder.body - CLIP.body)[4, SHOULDER])
    alone = apply_edits(CLIP, [Edit(ELBOW, 4, (30.0, -10.0), 4, 4, free=True)])
    np.testing.assert_array_equal(alone.body[4, WRIST], CLIP.body[4, WRIST])


def test_a_range_comes_and_goes_smoothly() -> None:
    weights = Edit(FINGERS[7], 14, (5.0, 0.0), 4, 24).weights(FRAMES)
    assert weights[14] == 1 and (weights[10:19] == 1).all() and (weights[[3, 4, 24, 25]] == 0).all()
    assert (np.diff(weights[4:11]) > 0).all() and np.abs(np.diff(weights)).max() < 0.26
    early = Edit(FINGERS[7], 6, (5.0, 0.0), 4, 24).weights(FRAMES)
    assert early[6] == 1 and early[4] == 0
    assert (Edit(FINGERS[7], 0, (5.0, 0.0), 0, FRAMES - 1).weights(FRAMES) == 1).all()


def test_the_file_has_the_point_where_it_was_dropped(tmp_path: Any) -> None:
    edit = Edit(FINGERS[27], 3, (7.5, -2.25), 3, 3)
    after = load_clip(save_clip(apply_edits(CLIP, [edit]), tmp_path / "clip.npz"))
    np.testing.assert_allclose(after.hands[3, 1, 8, :2], CLIP.hands[3, 1, 8, :2] + edit.by, atol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"point": 0}, {"point": 18}, {"point": 60}, {"point": -1}, {"point": True}, {"point": 7.0}, {"point": "7"},
        {"frame": -1}, {"frame": 9}, {"first": 6}, {"last": 10**9}, {"last": None}, {"by": [1.0]}, {"by": "12"},
        {"by": [float("nan"), 0.0]}, {"by": [1e9, 0.0]}, {"by": [True, 0.0]}, {"by": None}, {"free": 1},
        {"more": 1}, {"by": [10**400, 0]},
    ],
)  # fmt: skip
def test_what_is_no_edit_is_refused(change: dict[str, Any]) -> None:
    good = asdict(Edit(WRIST, 5, (1.0, 2.0), 3, 8))
    assert checked_edits([good])[0] == Edit(WRIST, 5, (1.0, 2.0), 3, 8)
    with pytest.raises(InputError):
        checked_edits([good | change])


def test_lists_of_edits_have_limits() -> None:
    edit = Edit(WRIST, 5, (1.0, 2.0), 3, 8)
    assert len(checked_edits([edit] * MOST_EDITS)) == MOST_EDITS
    for wrong in ([edit] * (MOST_EDITS + 1), "all", {"point": 1}, [None], [[7]]):
        with pytest.raises(InputError):
            checked_edits(wrong)
    with pytest.raises(InputError, match="ends in frame 31"):
        apply_edits(CLIP, [Edit(WRIST, 5, (1.0, 2.0), 3, FRAMES)])
    with pytest.raises(InputError, match="range around it"):
        apply_edits(CLIP, [Edit(WRIST, 3, (1.0, 2.0), 3, 8)])
