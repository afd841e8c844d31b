"""Which of several people a picture is about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
NOBODY: Boxes = np.zeros((0, 4), np.float32)


def main_person(boxes: Boxes, size: tuple[int, int], last: Boxes | None = None) -> int:
    """Index of the largest, central one of `boxes` (N, 4) x0, y0, x1, y1 in a picture of (width, height).

    With `last` (4,), where that person was a moment ago: the box that overlaps it most, if any does.
    """
    if last is not None:
        overlap = overlap_with(boxes, last)
        if overlap.max() > 0.1:
            return int(overlap.argmax())
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    off = np.abs((boxes[:, 0] + boxes[:, 2]) / size[0] - 1)  # 0 in the middle, 1 at the edge
    return int((areas * (1 - 0.5 * np.clip(off, 0, 1))).argmax())


def large_enough(boxes: Boxes) -> Boxes:
    """Those of `boxes` (N, 4) that are large enough to matter: at least a twentieth of the largest area."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return boxes[areas >= areas.max(initial=0.0) / 20]


def count_people(boxes: Boxes) -> int:
    """How many of them there are."""
    return len(large_enough(boxes))


def room_of(boxes: Boxes, index: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part (x0, y0, x1, y1) of a picture of (width, height) that is nearer to one of the people than to others.

    Beside each other they are parted by upright lines, nearer to the smaller one; who stands right behind and above is
    cut off at the top, and who sits right in front cannot be.
    """
    x0, y0, x1, y1 = 0.0, 0.0, float(size[0]), float(size[1])
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2] - boxes[:, 0]
    for other in set(range(len(boxes))) - {index}:
        way = (centres[other] - centres[index]) * sides[index] / max(sides[index] + sides[other], 1e-6)
        line = centres[index] + way
        if abs(centres[other, 0] - centres[index, 0]) >= 0.75 * max(sides[index], sides[other]):
            x0, x1 = (x0, min(x1, line[0])) if way[0] > 0 else (max(x0, line[0]), x1)
        elif way[1] < 0:
            y0 = max(y0, line[1])
    return int(x0), int(y0), int(np.ceil(x1)), int(np.ceil(y1))


def overlap_with(boxes: Boxes, other: Boxes) -> NDArray[np.float32]:
    """Intersection over union of each of (N, 4) with (4,)."""
    corner = np.maximum(boxes[:, :2], other[:2])
    sides = np.clip(np.minimum(boxes[:, 2:], other[2:]) - corner, 0, None)
    inner = sides.prod(1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(other[2:] - other[:2])
    return np.asarray(inner / np.maximum(areas - inner, 1e-6), np.float32)
