"""Looping, resampling, trimming and mirroring of clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pose_clips import random_clip

from vivid.config import Limits
from vivid.errors import InputError
from vivid.inputs import load_motion
from vivid.pose.clips import save_clip
from vivid.pose.foreign import save_openpose
from vivid.pose.library import (
    DEFAULT_MOTION,
    MOTIONS,
    change_speed,
    list_motions,
    loop,
    loop_positions,
    mirror,
    read_motion,
    resample,
    shipped_motion,
    trim,
)
from vivid.pose.skeleton import PoseClip


def moving_clip(frames: int, fps: float = 24) -> PoseClip:
    """Every point moves 2 pixels a frame to the right."""
    clip = random_clip(1, fps=fps)
    shift = np.arange(frames, dtype=np.float32)[:, None] * np.array([2, 0, 0], np.float32)
    parts = {
        name: np.repeat(getattr(clip, name), frames, 0)
        + shift.reshape(frames, *[1] * (getattr(clip, name).ndim - 2), 3)
        for name in ("body", "hands", "face")
    }
    return PoseClip(**parts, canvas=clip.canvas, fps=fps)


@given(length=st.integers(2, 60), frames=st.integers(2, 400))
def test_loop_positions_never_jump(length: int, frames: int) -> None:
    positions = loop_positions(length, frames)
    steps = np.diff(positions)
    assert positions[0] == 0 and positions.min() >= 0 and positions.max() <= length - 1
    assert np.abs(steps).max() <= 1 + 1e-9
    # The velocity changes by at most 1 / turn a frame, the rate of the easing.
    turn = min(8.0, length - 1.0)
    assert len(steps) < 2 or np.abs(np.diff(steps)).max() <= 1 / turn + 1e-9


def test_loop_visits_both_ends_and_does_not_stand_still() -> None:
    positions = loop_positions(48, 48 * 6)
    assert positions.max() > 46.9 and positions[60:].min() < 0.1
    assert not (np.diff(positions) == 0).any()


@settings(max_examples=30)
@given(length=st.integers(1, 30), frames=st.integers(1, 120), seed=st.integers(0, 5))
def test_loop_moves_no_point_further_than_the_clip(length: int, frames: int, seed: int) -> None:
    clip = random_clip(length, seed)
    looped = loop(clip, frames)
    assert len(looped) == frames
    if frames <= length:
        assert np.array_equal(looped.body, clip.body[:frames])
    elif length > 1:
        jump = np.linalg.norm(np.diff(clip.body[..., :2], axis=0), axis=-1).max(0)
        assert (np.linalg.norm(np.diff(looped.body[..., :2], axis=0), axis=-1).max(0) <= jump + 1e-2).all()


def test_absent_points_do_not_drag_their_neighbours() -> None:
    clip = moving_clip(10, fps=30)
    body = clip.body.copy()
    body[4, 3] = 0
    slow = change_speed(PoseClip(body, clip.hands, clip.face, clip.canvas, clip.fps), 0.25)
    present = slow.body[:, 3, 2] > 0
    assert 0 < (~present).sum() <= 4
    assert slow.body[present, 3, 0].min() >= body[0, 3, 0]


def test_resample_keeps_time_and_shape() -> None:
    clip = moving_clip(50, fps=25)
    again = resample(clip)
    assert again.fps == 24 and len(again) == 48
    assert again.body[24, 0, 0] == pytest.approx(clip.body[25, 0, 0], abs=1e-2)  # both are second 1.0
    assert resample(again) is again


def test_trim_and_its_limits() -> None:
    clip = moving_clip(48)
    assert np.array_equal(trim(clip, 0.5, 1.0).body, clip.body[12:24])
    assert len(trim(clip, 1.5, 99)) == 12
    for start, end in ((2.0, None), (1.0, 1.0), (-1.0, None), (float("nan"), None), (0.0, float("nan"))):
        with pytest.raises(InputError, match="Nothing is left"):
            trim(clip, start, end)


def test_mirror_twice_is_the_same_and_swaps_sides() -> None:
    clip = random_clip(3)
    once, twice = mirror(clip), mirror(mirror(clip))
    for part in ("body", "hands", "face"):
        assert np.allclose(getattr(twice, part), getattr(clip, part), atol=1e-3)
    assert once.hands[0, 0, 4, 0] == pytest.approx(640 - clip.hands[0, 1, 4, 0])
    assert once.face[0, 36, 0] == pytest.approx(640 - clip.face[0, 45, 0])  # outer corners of the eyes
    assert once.face[0, 48, 0] == pytest.approx(640 - clip.face[0, 54, 0])  # corners of the mouth


def test_unknown_motion_is_refused() -> None:
    with pytest.raises(InputError, match="no gesture clip named 'nothing'"):
        load_motion("nothing")


def test_clips_that_ship_are_whole_and_small() -> None:
    motions = list_motions()
    assert len(motions) >= 8 and motions[0].name == DEFAULT_MOTION
    assert sum(path.stat().st_size for path in MOTIONS.iterdir()) < 3 * 2**20
    for motion in motions:
        clip = shipped_motion(motion.name)
        assert clip.fps == 24 and clip.seconds >= 2 and motion.thumbnail.is_file()
        assert (clip.body[:, :8, 2] > 0).mean() > 0.9 and (clip.hands[..., 2] > 0).any()


def test_no_forearm_of_a_shipped_motion_points_at_the_camera() -> None:
    for motion in list_motions():
        body = shipped_motion(motion.name).body[..., :2]
        width = np.linalg.norm(body[:, 2] - body[:, 5], axis=1)
        for elbow, wrist in ((3, 4), (6, 7)):
            length = np.linalg.norm(body[:, wrist] - body[:, elbow], axis=1) / width
            assert np.median(length) > 0.2, motion.name


def test_names_are_never_paths(tmp_path: Path) -> None:
    save_clip(moving_clip(3), tmp_path / "secret.npz")
    for name in ("../secret", str(tmp_path / "secret"), "secret.npz", "", "a\x00b", "%2e%2e/secret"):
        with pytest.raises(InputError, match="no gesture clip named"):
            shipped_motion(name, tmp_path / "motions")
    assert len(shipped_motion("secret", tmp_path)) == 3
    assert [motion.title for motion in list_motions(tmp_path)] == ["Secret"]


def test_motion_from_any_kind_of_file(tmp_path: Path) -> None:
    clip = moving_clip(10, fps=30)
    path = save_clip(clip, tmp_path / "a.npz")
    assert len(load_motion(path)) == 8 and load_motion(path).fps == 24
    assert np.allclose(load_motion(save_openpose(clip, tmp_path / "frames")).body, load_motion(path).body, atol=2e-3)
    turned, notices = read_motion(path, mirrored=True)
    assert np.allclose(mirror(turned).hands, load_motion(path).hands, atol=1e-3) and notices == ()
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for wrong, words in (("empty", "no poses"), ("a.png", "does not move"), ("none.tar.gz", "no file, folder")):
        with pytest.raises(InputError, match=words):
            load_motion(tmp_path / wrong)
    with pytest.raises(InputError, match=r"the limit is 0\.2"):
        read_motion(save_clip(moving_clip(48), tmp_path / "b.npz"), limits=Limits(motion_seconds=0.2))
