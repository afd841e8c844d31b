"""Does the mouth speak with the voice?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..metrics.mouth import correlation_and_lag, correlation_at
from .observer import Sight
from .video import Video

UPPER, LOWER, LEFT, RIGHT = 13, 14, 78, 308
"""Points of MediaPipe's face mesh: middles of the inner lips, corners of the mouth."""
FURTHEST = 3
"""The largest lag looked at, in frames."""


def measure_mouth(video: Video, sight: Sight) -> dict[str, float]:
    """Numbers about the mouth's openness, re-detected: the inner lips' distance over the mouth's width.

    - mouth_r (-1..1, higher is better): Pearson correlation with the voice's loudness at the lag where it is largest.
    - mouth_lag (frames, 0 is best): that lag; positive when the mouth is late.
    - mouth_quiet (widths, near 0 is best) and mouth_loud (widths, above mouth_quiet): mean openness in the quietest and
      in the loudest quarter of the frames.
    """
    curve = mouth_openness(sight)
    _, lag = correlation_and_lag(curve, video.loudness, FURTHEST)
    order = np.argsort(video.loudness, kind="stable")
    quarter = max(1, len(order) // 4)
    return {
        "mouth_r": correlation_at(curve, video.loudness, lag),
        "mouth_lag": float(lag),
        "mouth_quiet": _mean(curve[order[:quarter]]),
        "mouth_loud": _mean(curve[order[-quarter:]]),
    }


def mouth_openness(sight: Sight) -> NDArray[np.float64]:
    """The mouth's openness (T) in widths of the mouth, NaN where no face was found."""
    curve = np.full(len(sight.faces), np.nan)
    for index, face in enumerate(sight.faces):
        if face is not None:
            width = np.linalg.norm(face[LEFT] - face[RIGHT])
            curve[index] = np.linalg.norm(face[UPPER] - face[LOWER]) / max(float(width), 1.0)
    return curve


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
