"""Measures of finished videos that can be computed here, without any network but the pose detector.

They say how videos of the same inputs differ; none of them says which one is better.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...evaluation.metrics import hand_confidence, hand_variance, head_motion_variance, luma, trembling
from ...media.video import read_frames
from ...pose.skeleton import NOSE, PoseClip

MEASURED_SIDE = 256
"""Videos are measured at this longer side, so that numbers of different sizes can be compared."""


def video_measures(path: Path, first: Path | None = None) -> dict[str, float | None]:
    """Measures of a video file, in levels of luminance 0..255; read once, frame by frame.

    motion: mean |x[t+1] - x[t]|; flicker: the evaluation's trembling of the whole picture, background and person alike;
    difference: mean |x - y| over the frames common with `first`, None without one or where the sizes differ.
    """
    moved, bent, apart = [], [], []
    others = _luminance(first) if first is not None else iter(())
    before: list[NDArray[np.float32]] = []
    for frame in _luminance(path):
        if before:
            moved.append(float(np.abs(frame - before[-1]).mean()))
        if len(before) > 1:
            bent.append(float(trembling(before[-2], before[-1], frame).mean()))
        other = next(others, None)
        if other is not None and other.shape == frame.shape:
            apart.append(float(np.abs(frame - other).mean()))
        before = [*before[-1:], frame]
    return {"motion": _mean(moved), "flicker": _mean(bent), "difference": _mean(apart)}


def _luminance(path: Path) -> Iterator[NDArray[np.float32]]:
    return (luma(frame) for frame in read_frames(path, max_side=MEASURED_SIDE))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def pose_measures(clip: PoseClip) -> dict[str, float | None]:
    """Measures of the pose that a detector finds in a video.

    HKC, HKV and HMV of vivid.evaluation.metrics, the two variances in per cent of the picture's height, squared; they
    are not the paper's numbers, whose unit is not stated. None where the points are not seen in two frames.
    """
    unit = (100.0 / clip.canvas[1]) ** 2
    hands, nose = clip.hands.reshape(len(clip), -1, 3), clip.body[:, NOSE : NOSE + 1]
    return {
        "hkc": hand_confidence(clip),
        "hkv": hand_variance(clip) * unit if _seen_twice(hands) else None,
        "hmv": head_motion_variance(clip) * unit if _seen_twice(nose) else None,
    }


def _seen_twice(points: NDArray[np.float32]) -> bool:
    """Whether any of the points (T, N, 3) is present in two frames."""
    return bool(((points[..., 2] > 0).sum(0) >= 2).any())


def used_motion(report: dict[str, Any], calibrated: bool) -> dict[str, float | None]:
    """How well the motion that drove the video fits the portrait, from the calibration report."""
    measured = report["after" if calibrated else "before"]
    return {name: measured[name] for name in ("bone_error", "reach", "inside")}


def rounded(measures: dict[str, Any], digits: int = 4) -> dict[str, Any]:
    """The same with numbers cut to what means something."""
    return {name: round(value, digits) if isinstance(value, float) else value for name, value in measures.items()}
