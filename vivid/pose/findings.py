"""Troubles of a portrait besides its hands, so that the page and the commands say the same about a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .regions import Boxes
from .skeleton import LEFT_SHOULDER, NOSE, RIGHT_SHOULDER, Pose

SEEN = 0.3
"""Confidence from which a point counts as seen."""
SMALL_FACE, TINY_FACE = 96, 48
"""Face heights in pixels below which a video looks soft, and below which it is not worth making."""
DARK = 50.0
"""A head is dark when nine tenths of its pixels are below this luma (0..255); in daylight they reach 150."""

Troubles = dict[str, dict[str, int]]
"""Name of each trouble -> values for its sentence."""

SENTENCES = {
    "upside_down": "The person in the portrait seems to lie or stand on the head: turn the picture upright.",
    "head_cut": "The head in the portrait is cut off at the top: leave some room above it.",
    "head_tiny": "The face in the portrait is only {} pixels high: use a larger picture or crop closer.",
    "head_small": "The face in the portrait is {} pixels high: from about 100 on the mouth gets sharp.",
    "dark": "The head in the portrait is very dark: use a picture in better light.",
    "no_shoulders": "A shoulder is outside the portrait: gestures may look cramped.",
}


def find_troubles(image: NDArray[np.uint8], pose: Pose, head: Boxes) -> Troubles:
    """What is wrong with a picture (H, W, 3) with this pose in its pixels and this head box (4,)."""
    body, (height, width) = pose.body, image.shape[:2]
    found: Troubles = {}
    if body[NOSE, 2] > 0 and not stands(pose):
        found["upside_down"] = {}
    face = pose.face[pose.face[:, 2] > SEEN]
    tall = float(np.ptp(face[:, 1])) if len(face) else float(head[3] - head[1])
    if len(face) and face[:, 1].min() < 0.01 * height:
        found["head_cut"] = {}
    elif tall < SMALL_FACE:
        found["head_tiny" if tall < TINY_FACE else "head_small"] = {"pixels": round(tall)}
    x0, y0, x1, y1 = np.clip(head, 0, (width, height, width, height)).astype(int)
    pixels = image[y0:y1, x0:x1] @ np.array([0.299, 0.587, 0.114])
    if pixels.size and np.percentile(pixels, 90) < DARK:
        found["dark"] = {}
    shoulders = body[[LEFT_SHOULDER, RIGHT_SHOULDER]]
    inside = (shoulders[:, 0] > 0) & (shoulders[:, 0] < width) & (shoulders[:, 1] < height)
    if not ((shoulders[:, 2] > SEEN) & inside).all():
        found["no_shoulders"] = {}
    return found


def stands(pose: Pose) -> bool:
    """Whether the nose is above the shoulders, as in an upright picture."""
    shoulders = pose.body[[LEFT_SHOULDER, RIGHT_SHOULDER]]
    seen = pose.body[NOSE, 2] > 0 and (shoulders[:, 2] > 0).all()
    return bool(seen and pose.body[NOSE, 1] < shoulders[:, 1].min())
