"""The 3D hands behind a clip's points: kinematics, recovery of known poses, symmetry, what is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pose_people import Person, gestures

from vivid.cache import Cache
from vivid.generators.layered import hand_fit
from vivid.generators.layered.hand_fit import content_key, fit_hands, pack, unpack
from vivid.generators.layered.hand_objective import HIGH, LOW
from vivid.generators.layered.hand_solver import _solve_banded, fit_clip
from vivid.generators.layered.hand_track import (
    ANGLES,
    HandModel,
    HandTrack,
    log_of,
    points_and_slopes,
    points_of,
    quaternions,
    rotations,
    turns_of,
)
from vivid.pose.library import list_motions, mirror, shipped_motion
from vivid.pose.skeleton import PoseClip


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Degrees between rotations (..., 3, 3)."""
    return np.degrees(np.linalg.norm(log_of(a @ np.swapaxes(b, -1, -2)), axis=-1))


def posed_clip(frames: int = 24, seed: int = 0) -> tuple[PoseClip, np.ndarray, np.ndarray]:
    """A clip whose hands are projections of the model's, with their turns (2, T, 3, 3) and angles (2, T, ANGLES)."""
    rng, time = np.random.default_rng(seed), np.arange(frames)[:, None] / 24
    clip = gestures(Person(), frames, seed, flat=True)
    hands, turns, every = clip.hands.copy(), [], []
    for side in range(2):
        phase = rng.uniform(0, 6, (2, ANGLES))
        middle = np.concatenate([np.full(3, 0.1), np.tile([0.6, 0.7, 0.43], 4), np.zeros(6)])
        angles = middle + np.concatenate([np.full(15, 0.15), np.full(6, 0.05)]) * np.sin(2 * time + phase[0])
        model = HandModel.of(side)
        wrist = clip.body[:, (7, 4)[side], :2].astype(float)
        fore = (wrist - clip.body[:, (6, 3)[side], :2]) * [1, -1]
        heading = np.arctan2(fore[:, 1], fore[:, 0]) - np.arctan2(*model.joints[2, 0, [1, 0]])
        turn = rotations(np.column_stack([np.zeros((frames, 2)), heading]))
        turn = turn @ rotations(0.3 * np.sin(time + phase[1, :3]))
        points = points_of(model, turn, angles)[..., :2] * [70, -70] + wrist[:, None]
        hands[:, side] = np.concatenate([points, np.ones((frames, 21, 1))], 2)
        turns.append(turn)
        every.append(angles)
    return replace(clip, hands=hands), np.array(turns), np.array(every)


@pytest.mark.parametrize("side", [0, 1])
def test_slopes_are_the_derivatives_of_the_points(side: int) -> None:
    rng = np.random.default_rng(side)
    model, turn, angles = HandModel.of(side), rotations(rng.normal(size=(3, 3))), rng.normal(size=(3, ANGLES)) * 0.4
    points, slopes = points_and_slopes(model, turn, angles)
    np.testing.assert_allclose(points, points_of(model, turn, angles), atol=1e-12)
    for k in range(3 + ANGLES):
        step = np.zeros(3 + ANGLES)
        step[k] = 1e-6
        moved = points_of(model, rotations(step[:3]) @ turn, angles + step[3:])
        np.testing.assert_allclose((moved - points) / 1e-6, slopes[..., k], atol=1e-4)


@given(st.integers(0, 2**31))
@settings(max_examples=40)
def test_turns_survive_quaternions_and_vectors(seed: int) -> None:
    v = np.random.default_rng(seed).normal(size=(5, 3)) * 3
    turn = rotations(v)
    np.testing.assert_allclose(turns_of(quaternions(turn)), turn, atol=1e-9)
    np.testing.assert_allclose(rotations(log_of(turn)), turn, atol=1e-7)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_banded_systems_are_solved(count: int) -> None:
    rng, k = np.random.default_rng(count), 3
    dense = np.zeros((count, k, count, k))
    bands = np.zeros((3, count, k, k))
    for a in range(count):
        for b in range(a, min(a + 3, count)):
            block = rng.normal(size=(k, k))
            block = block @ block.T + 20 * np.eye(k) if a == b else block
            bands[b - a, a] = dense[a, :, b] = block
            dense[b, :, a] = block.T
    right = rng.normal(size=(count, k))
    expected = np.linalg.solve(dense.reshape(count * k, -1), right.ravel()).reshape(count, k)
    np.testing.assert_allclose(_solve_banded(bands, right.copy()), expected, atol=1e-9)


def test_known_poses_are_recovered_from_their_projection() -> None:
    clip, turns, angles = posed_clip()
    track = fit_clip(clip)
    assert track.error.mean() < 0.025
    assert np.median(angle_between(track.turn, turns)) < 10  # depth is only known up to its sign and the priors
    bends = np.abs(track.angles[..., :15] - angles[..., :15])
    assert np.median(bends) < 0.1 and np.percentile(bends, 95) < 0.6
    assert ((track.angles > LOW - 0.1) & (track.angles < HIGH + 0.1)).all()


def test_a_mirrored_clip_gives_mirrored_hands() -> None:
    clip, _, _ = posed_clip()
    own, other = fit_clip(clip), fit_clip(mirror(clip))
    flip = np.diag([-1.0, 1, 1])
    assert angle_between(flip @ other.turn[::-1] @ flip, own.turn).max() < 0.1
    np.testing.assert_allclose(other.angles[::-1], own.angles, atol=2e-3)
    np.testing.assert_allclose(other.place[::-1] * [-1, 1] + [clip.canvas[0], 0], own.place, atol=0.05)


def test_a_fit_is_the_same_every_time_and_moves_with_its_clip() -> None:
    clip, _, _ = posed_clip(12)
    first, second = fit_clip(clip), fit_clip(clip)
    for name in ("turn", "angles", "place", "palm"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    moved = fit_clip(clip.map_points((2.0, 2.0), (30.0, -10.0), (1536, 1536)))
    assert angle_between(moved.turn, first.turn).max() < 0.5
    np.testing.assert_allclose(moved.place, first.place * 2 + [30, -10], atol=0.5)
    np.testing.assert_allclose(moved.palm, first.palm * 2, rtol=2e-3)


def test_jitter_of_the_points_does_not_become_flicker_of_the_fingers() -> None:
    clip, _, _ = posed_clip(48)
    noise = np.random.default_rng(0).normal(0, 0.02 * 70, clip.hands[..., :2].shape)
    noisy = replace(clip, hands=np.concatenate([clip.hands[..., :2] + noise, clip.hands[..., 2:]], -1))
    calm, fitted = fit_clip(clip), fit_clip(noisy)

    def flicker(track: HandTrack) -> np.ndarray:
        steps = log_of(track.turn[:, 1:] @ np.swapaxes(track.turn[:, :-1], -1, -2))
        return np.sqrt([np.square(np.diff(a, k, axis=1)).mean() for a, k in ((track.angles[..., :15], 2), (steps, 1))])

    # 0.02 palms of jitter on points that are 0.3 palms apart would turn a phalanx by 0.1 radians from frame to frame
    assert (flicker(fitted) < flicker(calm) + [0.006, 0.004]).all()
    assert np.median(angle_between(fitted.turn, calm.turn)) < 5
    assert np.nanmean(fitted.error) < 0.02 * 1.25 + np.nanmean(calm.error)


def test_missing_frames_are_carried_on_and_a_missing_hand_hangs_along_its_forearm() -> None:
    clip, _, _ = posed_clip(24)
    hands = clip.hands.copy()
    hands[8:15, 0] = 0
    hands[:, 1] = 0
    track = fit_clip(replace(clip, hands=hands))
    whole = fit_clip(clip)
    assert np.isnan(track.error[1]).all() and np.isnan(track.error[0, 8:15]).all()
    assert np.isfinite(track.turn).all() and np.isfinite(track.place).all()
    step = np.linalg.norm(np.diff(track.place[0], axis=0), axis=1)
    assert step.max() < 3 * np.linalg.norm(np.diff(whole.place[0], axis=0), axis=1).max()
    pointing = track.turn[1] @ HandModel.of(1).joints[2, 0]
    fore = (clip.body[:, 4, :2] - clip.body[:, 3, :2]) * [1, -1]
    cosine = (pointing[:, :2] * fore).sum(1) / np.linalg.norm(fore, axis=1) / np.linalg.norm(pointing, axis=1)
    assert cosine.min() > 0.99


@given(st.integers(0, 2**31), st.integers(1, 4))
@settings(max_examples=5)
def test_hostile_points_still_give_finite_hands(seed: int, frames: int) -> None:
    rng = np.random.default_rng(seed)
    clip = gestures(Person(), frames, seed % 100)
    hands = clip.hands * np.float32(rng.choice([0, 1e-6, 1, 1e4])) * (rng.random((frames, 2, 21, 1)) < 0.9)
    body = clip.body * (rng.random((frames, 18, 1)) < 0.8)
    track = fit_clip(replace(clip, hands=hands, body=body))
    for name in ("turn", "angles", "place", "palm"):
        assert np.isfinite(getattr(track, name)).all()
    np.testing.assert_allclose(
        track.turn @ np.swapaxes(track.turn, -1, -2), np.broadcast_to(np.eye(3), track.turn.shape), atol=1e-6
    )


def test_between_frames_hands_turn_the_shortest_way() -> None:
    clip, _, _ = posed_clip(12)
    track = fit_clip(clip)
    np.testing.assert_allclose(track.at(np.arange(12.0)).turn, track.turn, atol=1e-9)
    half = track.at(np.array([3.5]))
    whole = angle_between(track.turn[:, 4], track.turn[:, 3])
    np.testing.assert_allclose(angle_between(half.turn[:, 0], track.turn[:, 3]), whole / 2, atol=1e-4)
    np.testing.assert_allclose(half.place[:, 0], track.place[:, 3:5].mean(1))


def test_clips_that_ship_come_with_their_fit() -> None:
    stored = hand_fit._shipped()
    clips = {motion.name: shipped_motion(motion.name) for motion in list_motions()}
    assert {content_key(clip) for clip in clips.values()} == set(stored)
    for clip in clips.values():
        assert np.nanmean(unpack(stored[content_key(clip)], clip).error) < 0.06
    assert hand_fit.FILE.stat().st_size < 150 * 1024


@pytest.mark.parametrize("name", ["calm", pytest.param("explain", marks=pytest.mark.slow)])
def test_the_stored_fit_is_what_the_solver_finds(name: str) -> None:
    clip = shipped_motion(name)
    fresh, kept = fit_clip(clip), fit_hands(clip)
    assert angle_between(fresh.turn, kept.turn).max() < 0.5
    np.testing.assert_allclose(kept.angles, fresh.angles, atol=0.02)
    np.testing.assert_allclose(kept.place, fresh.place, atol=0.3)
    again = unpack(pack(fresh, clip), clip)
    assert angle_between(fresh.turn, again.turn).max() < 0.03


def test_a_clip_is_fitted_once_for_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(clip: PoseClip) -> HandTrack:
        calls.append(len(clip))
        return fit_clip(clip)

    monkeypatch.setattr(hand_fit, "fit_clip", counted)
    monkeypatch.setattr(hand_fit, "_tracks", Cache(2))
    clips = [gestures(Person(), 4, seed) for seed in range(3)]
    first = fit_hands(clips[0])
    assert fit_hands(replace(clips[0], fps=12.0)) is first and len(calls) == 1
    for clip in clips[1:]:
        fit_hands(clip)
    fit_hands(clips[0])
    assert len(calls) == 4
