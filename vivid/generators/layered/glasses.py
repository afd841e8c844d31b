"""Does the person wear glasses, and are the eyes seen through them?"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .face_mesh import EYES, Picture
from .geometry import Array

BAR = 0.11
"""`nose_bar` above this: glasses. Of 60 faces, those with glasses have 0.12 and more, bare noses 0.09 and less."""
ACROSS = 20
"""Percentile of the nose's columns that must show the bar: a frown or a shadow ends on the nose."""
SLACK = 0.04
"""Pupil distances by which a bar may lie higher or lower in a column, because bridges are arched."""
LENS = (0.27, 0.20)
"""Half width and height in pupil distances of the part of a lens that is looked at: the open eye and its lids."""
OPAQUE = 0.25
"""Brightest part of an opaque lens, as a share of the cheeks' brightness: 0.1 where it is black, 0.35 and more where
eyes are seen or lie in deep shadow."""


def nose_bar(photo: Picture, points: Array, scale: float) -> float:
    """Contrast of a thin bar across the whole nose between the eyes, over its brightness.

    points (P, 2 or more) of the face mesh in pixels of the RGB picture (H, W, 3); scale: pixels between the pupils.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), max(0.012 * scale, 0.6))
    a, b = points[133, :2], points[362, :2]
    right = (b - a) / np.linalg.norm(b - a)
    down = np.array([-right[1], right[0]])
    u, v = np.linspace(-0.09, 0.09, 13) * scale, np.linspace(-0.34, 0.30, 65) * scale
    xy = ((a + b) / 2 + u[None, :, None] * right + v[:, None, None] * down).astype(np.float32)
    columns = cv2.remap(grey, xy[..., 0], xy[..., 1], cv2.INTER_LINEAR)
    profile = np.median(columns, 1)
    bar = _ridge(profile)
    at = int(np.abs(bar).argmax())
    reach = round(SLACK * 100)  # a row is 0.01 pupil distances
    near = (np.sign(bar[at]) * _ridge(columns))[max(0, at - reach) : at + reach + 1].max(0)
    return float(max(np.percentile(near, ACROSS), 0) / max(profile.mean(), 1))


def _ridge(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """How much brighter each row (N, ...) is than those 0.06 pupil distances above and below it."""
    d = 6
    return values[d:-d] - (values[2 * d :] + values[: -2 * d]) / 2


def eyes_hidden(photo: Picture, points: Array, scale: float, skin: Array) -> bool:
    """Whether both eyes lie behind lenses that let nothing through; skin: RGB of the cheeks."""
    level = photo.mean(2)
    for eye in EYES.values():
        x, y = points[[*eye.upper, *eye.lower], :2].mean(0)
        lens = np.zeros(level.shape, np.uint8)
        half = (round(LENS[0] * scale), round(LENS[1] * scale))
        cv2.ellipse(lens, (round(x), round(y)), half, 0, 0, 360, (1,), -1)
        seen = level[lens > 0]
        if not len(seen) or np.percentile(seen, 90) > OPAQUE * skin.mean():
            return False
    return True
