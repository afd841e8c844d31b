"""Does the rest of the picture stay as it is?"""

from __future__ import annotations

import cv2
import numpy as np

from .observer import Sight
from .video import Video

AROUND_POINTS, AROUND_PERSON = 30, 12
"""Pixels around where the motion wants a hand, and around the person, that are not background."""
EVERY = 3


def measure_background(video: Video, sight: Sight) -> dict[str, float]:
    """background_change (grey levels of 255, lower is better, 0 is best): mean absolute difference from the portrait.

    Only of pixels where neither the portrait nor any frame has a person, nor the motion wants a hand, nor the mark
    is; every third frame. NaN where no such pixel is left.
    """
    person = sight.person.astype(np.uint8)
    points = video.hands[video.hands[..., 2] > 0][:, :2]
    height, width = person.shape
    for x, y in np.unique(np.clip(points, (0, 0), (width, height)).round().astype(int), axis=0):
        cv2.circle(person, (int(x), int(y)), AROUND_POINTS, 1, -1)
    kernel = np.ones((2 * AROUND_PERSON + 1,) * 2, np.uint8)
    still = (cv2.dilate(person, kernel) == 0) & ~video.mark
    if not still.any():
        return {"background_change": float("nan")}
    reference = video.reference.astype(np.int16)
    changes = [np.abs(frame.astype(np.int16) - reference)[still].mean() for frame in video.frames[::EVERY]]
    return {"background_change": float(np.mean(changes))}
