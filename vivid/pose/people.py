"""Which of several people a picture is about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]


def main_person(boxes: Boxes, size: tuple[int, int], last: Boxes | None = None) -> int:
    """Index of the largest, central one of `boxes` (N, 4) x0, y0, x1, y1 in a picture of (width, height).

    With `last` (4,), where that person was a moment ago: the box that overlaps it most, if any does.
    """
    if last is not None:
        overlap = _overlap(boxes, last)
        if overlap.max() > 0.1:
            return int(overlap.argmax())
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    off = np.abs((boxes[:, 0] + boxes[:, 2]) / size[0] - 1)  # 0 in the middle, 1 at the edge
    return int((areas * (1 - 0.5 * np.clip(off, 0, 1))).argmax())


def count_people(boxes: Boxes) -> int:
    """How many of `boxes` (N, 4) are large enough to matter: at least a twentieth of the largest area."""
    if not len(boxes):
        return 0
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return int((areas >= areas.max() / 20).sum())


def _overlap(boxes: Boxes, other: Boxes) -> NDArray[np.float32]:
    """Intersection over union of each of (N, 4) with (4,)."""
    corner = np.maximum(boxes[:, :2], other[:2])
    sides = np.clip(np.minimum(boxes[:, 2:], other[2:]) - corner, 0, None)
    inner = sides.prod(1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(other[2:] - other[:2])
    return np.asarray(inner / np.maximum(areas - inner, 1e-6), np.float32)
