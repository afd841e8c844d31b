"""Measures of finished videos that can be computed here, without any network but the pose detector.

They say how videos of the same inputs differ; none of them says which one is better.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..media.video import read_frames
from ..pose.skeleton import NOSE, PoseClip

MEASURED_SIDE = 256
"""Videos are measured at this longer side, so that numbers of different sizes can be compared."""


def video_measures(path: Path, first: Path | None = None) -> dict[str, float | None]:
    """Measures of a video file, in levels of luminance 0..255; read once, frame by frame.

    motion: mean |x[t+1] - x[t]|; flicker: mean |x[t-1] - 2 x[t] + x[t+1]| / 2, which smooth motion leaves small;
    difference: mean |x - y| over the frames common with `first`, None without one or where the sizes differ.
    """
    moved, bent, apart = [], [], []
    others = _luminance(first) if first is not None else iter(())
    before: list[NDArray[np.float32]] = []
    for frame in _luminance(path):
        if before:
            moved.append(float(np.abs(frame - before[-1]).mean()))
        if len(before) > 1:
            bent.append(float(np.abs(before[-2] - 2 * before[-1] + frame).mean() / 2))
        other = next(others, None)
        if other is not None and other.shape == frame.shape:
            apart.append(float(np.abs(frame - other).mean()))
        before = [*before[-1:], frame]
    return {"motion": _mean(moved), "flicker": _mean(bent), "difference": _mean(apart)}


def _luminance(path: Path) -> Iterator[NDArray[np.float32]]:
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    for frame in read_frames(path, max_side=MEASURED_SIDE):
        yield (frame @ weights).astype(np.float32)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def pose_measures(clip: PoseClip) -> dict[str, float | None]:
    """Measures of the pose that a detector finds in a video.

    HKC: mean confidence of the 42 hand points, absent ones 0; HKV: variance of the present hand points over time,
    x and y summed, mean over points; HMV: the same of the nose. Lengths in per cent of the picture's height, so HKV
    and HMV are in its squares; they are not the paper's numbers, whose unit is not stated.
    """
    hands = clip.hands.reshape(len(clip), -1, 3)
    unit = 100.0 / clip.canvas[1]
    nose = clip.body[:, NOSE : NOSE + 1]
    return {
        "hkc": float(np.minimum(hands[..., 2], 1.0).mean()),
        "hkv": _variance(hands, unit),
        "hmv": _variance(nose, unit),
    }


def _variance(points: NDArray[np.float32], unit: float) -> float | None:
    """Mean over points (T, N, 3) of their variance over the frames in which they are present."""
    values = []
    for k in range(points.shape[1]):
        track = points[points[:, k, 2] > 0, k, :2] * unit
        if len(track) > 1:
            values.append(float(track.var(axis=0).sum()))
    return float(np.mean(values)) if values else None


def used_motion(report: dict[str, Any], calibrated: bool) -> dict[str, float | None]:
    """How well the motion that drove the video fits the portrait, from the calibration report."""
    measured = report["after" if calibrated else "before"]
    return {name: measured[name] for name in ("bone_error", "reach", "inside")}


def rounded(measures: dict[str, Any], digits: int = 4) -> dict[str, Any]:
    """The same with numbers cut to what means something."""
    return {name: round(value, digits) if isinstance(value, float) else value for name, value in measures.items()}
