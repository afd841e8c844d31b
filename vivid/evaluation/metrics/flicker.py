"""Flicker: how much of what should be still trembles."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .base import Frames, Metric

_UNIT = "grey levels of 255"


def luma(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness (H, W), 0 to 255, of a picture (H, W, 3)."""
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)


def trembling(before: NDArray[np.float32], now: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """|before - 2 now + after| / 2 of three frames in a row, which smooth motion leaves small."""
    return np.abs(before - 2 * now + after) / 2


def flicker(frames: Frames, still: NDArray[np.bool_] | None = None) -> float:
    """Mean |f[t-1] - 2 f[t] + f[t+1]| / 2, in grey levels, inside `still` (H, W) if given."""
    if len(frames) < 3:
        return 0.0
    grey = np.stack([luma(frame) for frame in frames])
    second = trembling(grey[:-2], grey[1:-1], grey[2:]).mean(0)
    return float(second[still].mean() if still is not None and still.any() else second.mean())


METRICS = (
    Metric(
        "flicker",
        "Flicker, still parts",
        _UNIT,
        "lower",
        "video",
        "mean absolute second difference in time over pixels that no head or hand box of any frame touches",
        lambda sample, networks: flicker(sample.frames, sample.exact().still),
    ),
    Metric(
        "flicker_whole",
        "Flicker",
        _UNIT,
        None,  # a still picture has the least
        "video",
        "mean absolute second difference in time over all pixels, person and background alike",
        lambda sample, networks: flicker(sample.frames),
    ),
)
