"""The One-Euro filter: little lag while a point moves fast, much smoothing while it rests.

Source: Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012. In a recorded clip the future is known too, so
`smooth_clip` runs the filter forwards and backwards and takes the mean: the two lags cancel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .skeleton import Points, PoseClip

CUTOFF, BETA, SPEED_CUTOFF = 1.5, 12.0, 1.5
"""The cut-off frequency at rest in hertz, how much speed (in canvas sides a second) raises it, and the speed's own:
values that remove a detector's jitter and leave gestures as they are."""


def smooth_clip(clip: PoseClip) -> PoseClip:
    """`clip` without the detector's jitter; absent points stay absent and confidences are kept."""
    size = float(max(clip.canvas))
    parts = {}
    for name in ("body", "hands", "face"):
        points = getattr(clip, name)
        flat = points.reshape(len(points), -1, 3)  # (T, N, 3)
        there = _one_euro(flat, clip.fps, size)
        back = _one_euro(flat[::-1], clip.fps, size)[::-1]
        parts[name] = ((there + back) / 2).reshape(points.shape)
    return replace(clip, body=parts["body"], hands=parts["hands"], face=parts["face"])


def _one_euro(points: Points, fps: float, size: float) -> Points:
    """Filter points (T, N, 3) forwards in time; `size` in pixels makes speeds comparable between canvases.

    A point that was absent starts afresh where it returns.
    """
    result = points.astype(np.float64)
    speed = np.zeros(points.shape[1:2] + (2,))
    speed_share = _share(np.array(SPEED_CUTOFF), fps)
    for now in range(1, len(points)):
        known = (points[now, :, 2] > 0) & (points[now - 1, :, 2] > 0)
        before = result[now - 1, :, :2]
        moved = (points[now, :, :2] - points[now - 1, :, :2]) * fps / size
        speed = np.where(known[:, None], speed + speed_share * (moved - speed), 0.0)
        cutoff = CUTOFF + BETA * np.linalg.norm(speed, axis=-1)
        share = _share(cutoff, fps)[:, None]
        filtered = before + share * (points[now, :, :2] - before)
        result[now, :, :2] = np.where(known[:, None], filtered, points[now, :, :2])
    return result.astype(np.float32)


def _share(cutoff: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    """The weight of the new value in an exponential mean with this cut-off frequency."""
    return 1 / (1 + fps / (2 * np.pi * cutoff))
