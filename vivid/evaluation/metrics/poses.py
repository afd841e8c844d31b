"""HKC, HKV and HMV: what a pose detector finds in the finished video.

HKC and HKV are CyberHost's (Lin et al. 2025), which names them in one sentence each: the detector's mean confidence in
the hands' key points, and how much these vary over a video. What that leaves open is settled below. HMV is the paper's
own (section 4.2) and not defined there. The paper states no unit for the variances; ours does not depend on the size
of the video, so its numbers cannot be set beside the paper's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...pose.skeleton import NOSE, PoseClip
from .base import Metric, NotMeasuredError, Sample
from .networks import Networks


def hand_confidence(clip: PoseClip) -> float:
    """HKC: mean confidence of all hand key points over all frames, at most 1 each, absent hands counting as 0."""
    return float(np.clip(np.nan_to_num(clip.hands[..., 2]), 0, 1).mean())


def _variance(points: NDArray[np.floating]) -> float:
    """Mean over points of the variance over time of x plus that of y; points (T, N, 3), absent ones left out."""
    known = points[..., 2] > 0
    where = np.where(known[..., None], points[..., :2], np.nan)
    enough = known.sum(0) >= 2
    if not enough.any():
        return 0.0
    return float(np.nanvar(where[:, enough], axis=0).sum(-1).mean())


def hand_variance(clip: PoseClip) -> float:
    """HKV in pixels squared of the clip's canvas."""
    return _variance(_hands(clip))


def head_motion_variance(clip: PoseClip) -> float:
    """HMV in pixels squared of the clip's canvas."""
    return _variance(_nose(clip))


def _hands(clip: PoseClip) -> NDArray[np.float32]:
    return clip.hands.reshape(len(clip), -1, 3)


def _nose(clip: PoseClip) -> NDArray[np.float32]:
    return clip.body[:, NOSE : NOSE + 1]


def _relative(points: Callable[[PoseClip], NDArray[np.float32]], name: str) -> Callable[[Sample, Networks], float]:
    """The variance of some points in per cent of the picture's height, squared."""

    def compute(sample: Sample, networks: Networks) -> float:
        clip = sample.found()
        if not ((points(clip)[..., 2] > 0).sum(0) >= 2).any():
            raise NotMeasuredError(f"the detector found no {name} in two frames of the video")
        return _variance(points(clip)) * (100.0 / clip.canvas[1]) ** 2

    return compute


_UNIT = "% of height, squared"
METRICS = (
    Metric(
        "hkc",
        "HKC",
        "",
        "higher",
        "video",
        "mean confidence of the detector in the 42 hand key points over all frames, absent hands counting as 0",
        lambda sample, networks: hand_confidence(sample.found()),
    ),
    Metric(
        "hkv",
        "HKV",
        _UNIT,
        "higher",
        "video",
        "variance over time of each detected hand key point (of x plus of y), mean over the points",
        _relative(_hands, "hand"),
    ),
    Metric(
        "hmv",
        "HMV",
        _UNIT,
        "higher",
        "video",
        "variance over time of the detected tip of the nose (of x plus of y), in the picture's own coordinates",
        _relative(_nose, "nose"),
    ),
)
