"""Reading a mouth's openness from its pixels."""

from pathlib import Path

import numpy as np
import pytest

from tests.training_data import SIZE, key_points
from vivid.evaluation.metrics.mouth import slope_of
from vivid.evaluation.mouth import fit_reader
from vivid.pose.skeleton import PoseClip
from vivid.training.clips import Clip


def talking(seed: int, frames: int = 24, size: int = 96) -> Clip:
    """A noisy grey head that wanders, whose dark mouth is as tall as its label says."""
    rng = np.random.default_rng(seed)
    points = np.ones((frames, 128, 3), np.float32)
    points[..., :2] = key_points(1)[0] * size / SIZE
    points[..., :2] += rng.integers(-4, 5, (frames, 1, 2))
    openness = rng.uniform(0, 0.5, frames).astype(np.float32)
    pictures = rng.integers(150, 170, (frames, size, size, 3), np.uint8)
    mouths = np.zeros((frames, 4), np.float32)
    eyes = 0.1 * size
    for index in range(frames):
        x, y = points[index, 60 + 27 : 60 + 36, :2].mean(0) + (0, 0.07 * size)
        tall = max(1, round(float(openness[index]) * eyes))
        top = round(float(y)) - tall // 2
        pictures[index, top : top + tall, round(float(x)) - 5 : round(float(x)) + 5] = 40
        mouths[index] = (x - 5, y - 2, x + 5, y + 2)
    pose = PoseClip(points[:, :18], points[:, 18:60].reshape(-1, 2, 21, 3), points[:, 60:], (size, size))
    boxes = np.full((frames, 2, 4), np.nan, np.float32)
    return Clip("talking", Path("talking.mp4"), pictures, pose, boxes, boxes[:, 0], mouths, openness)


def test_openness_is_read_on_clips_it_was_not_fitted_on() -> None:
    reader = fit_reader([talking(seed) for seed in range(8)])
    assert reader is not None
    other = talking(99)
    curve = reader.read(other.frames, other.pose)
    assert np.corrcoef(curve, other.openness)[0, 1] > 0.9
    assert 0.7 < slope_of(curve, other.openness) < 1.2
    still = np.repeat(other.frames[:1], len(other), 0)
    fixed = other.pose.take(np.zeros(len(other), int))
    assert reader.read(still, fixed).std() == pytest.approx(0, abs=1e-6)


def test_a_head_that_is_not_seen_is_not_read() -> None:
    clip = talking(0)
    reader = fit_reader([clip])
    assert reader is not None
    clip.pose.face[3, :, 2] = 0
    curve = reader.read(clip.frames, clip.pose)
    assert np.isnan(curve[3]) and np.isfinite(np.delete(curve, 3)).all()
    clip.pose.face[..., 2] = 0
    assert fit_reader([clip]) is None and fit_reader([]) is None
    assert np.isnan(reader.read(clip.frames, clip.pose)).all()


def test_slope_is_how_far_one_curve_follows() -> None:
    truth = np.array([0.0, 1, 2, 3, np.nan])
    assert slope_of(0.5 * truth + 3, truth) == pytest.approx(0.5)
    assert slope_of(np.zeros(5), truth) == pytest.approx(0)
    assert slope_of(truth, np.ones(5)) == 0.0
