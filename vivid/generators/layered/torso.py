"""Where a torso ends at its sides, seen or guessed behind its arms."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .figure import Floats, Layer
from .outline import UNIT
from .plate import Mask

BESIDE = 0.06
"""How far cloth may end before the guessed side of a torso to be its side, in shoulder widths."""
CORNER = 7.0
"""How far above and below an arm the corner that it makes with the torso is round in the person's mask, in units."""


def torso_edges(person: Layer, arm: Mask, sure: Mask, shoulders: Floats, width: float) -> tuple[Layer, float]:
    """x of the torso's two edges in every row (H, 2), left in the picture first, and the row where they begin.

    Where an edge is seen it is used; elsewhere it is continued from there. person: (H, W); arm, sure: (H, W), where
    arms are taken out, and what is certainly torso; shoulders: (2, 2), left first.
    """
    left, right = shoulders[1], shoulders[0]  # in the picture
    height = len(person)
    rows = np.arange(height)
    unit = width / UNIT
    top = float(max(left[1], right[1])) + 0.30 * width
    middle = int((left[0] + right[0]) / 2)
    solid = person > 0.5
    edges = np.zeros((height, 2), np.float32)
    for k, (joint, sign) in enumerate(((left, -1), (right, 1))):
        fall = np.clip((rows - top) / (1.1 * width), 0, 1)
        line = joint[0] - sign * (0.03 + 0.07 * np.sin(np.pi * 0.5 * fall)) * width
        found_rows, found, least = _seen_edge(solid, arm, sure, int(top), middle, sign, line, width)
        if len(found) > 6 * unit:
            shift, near = _between_seen(rows, found_rows, found, unit)
            between = (rows > found_rows[0]) & (rows < found_rows[-1])
            line = line + shift * np.exp(-np.square(np.where(between, 0, near) / (0.4 * width)))
        known = np.flatnonzero(~np.isnan(least))
        if len(known) > 10 * unit:
            own: Floats = float(sign) * np.interp(rows, known, least[known]).astype(np.float64)
            reach = cv2.erode(own.reshape(-1, 1).astype(np.float32), np.ones((2 * max(1, round(2 * unit)) + 1, 1)))
            reach = cv2.blur(reach, (1, 2 * max(1, round(7 * unit)) + 1))[:, 0]
            inside = (rows >= known[0]) & (rows <= known[-1])
            line = np.where(inside, np.maximum(line * sign, reach) * sign, line)
            # cloth that ends near the guess ends there, with an arm beside it; farther in, an arm lies before it
            beside = inside & (np.abs(line * sign - own) < BESIDE * width)
            beside[found_rows] = False
            share = _smooth_rows(beside.astype(np.float64), 9 * unit, 3 * unit) * beside
            line = line + share * (_smooth_rows(own, 9 * unit, 3 * unit) * sign - line)
            seen = np.zeros(height)
            seen[found_rows] = 1
            smooth = _smooth_rows(line, 15 * unit, 5 * unit)
            line = smooth + _smooth_rows(seen, 9 * unit, 3 * unit) * (line - smooth)
        edges[:, k] = line
    return edges, top


def _between_seen(
    rows: NDArray[np.intp], found_rows: NDArray[np.intp], found: Floats, unit: float
) -> tuple[Floats, Floats]:
    """(H,), (H,): an edge's offset in every row, and the distance to the next row in which it is seen."""
    kernel = 2 * max(1, round(2 * unit)) + 1
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(found, kernel // 2, mode="edge"), kernel)
    shift = np.interp(rows, found_rows, np.median(windows, 1))
    near = np.abs(rows[:, None] - found_rows[None]).min(1)
    smooth = _smooth_rows(shift, 15 * unit, 8 * unit)
    return shift + np.clip(near / (6 * unit), 0, 1) * (smooth - shift), near


def _seen_edge(
    solid: Mask, arm: Mask, sure: Mask, top: int, middle: int, sign: int, line: Floats, width: float
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """From the middle outwards, row by row: rows where the torso's own edge is seen and its offset from `line`, and for
    every row the farthest pixel that is certainly torso (H,)."""
    height = len(solid)
    unit = width / UNIT
    least = np.full(height, np.nan)
    found_rows, found = [], []
    tall = 2 * max(1, round(CORNER * unit)) + 1
    corner = cv2.dilate(arm.astype(np.uint8), np.ones((tall, 1))) > 0
    inside = max(1, round(unit))
    steps = np.arange(int(min(0.9 * width, middle if sign < 0 else solid.shape[1] - 1 - middle)))
    if not len(steps):
        return np.zeros(0, int), np.zeros(0), least
    columns = middle + sign * steps
    for y in range(max(top, 0), height):
        person, covered = solid[y, columns], arm[y, columns]
        outside = ~person & ~covered
        end = int(outside.argmax()) if outside.any() else len(steps)
        free = np.flatnonzero(~covered[:end])
        if not len(free):
            continue
        last = columns[free[-1]]
        if abs(last - middle) < 0.62 * width:
            least[y] = last
        hidden = end == len(steps) or end - free[-1] > 3 * unit
        hidden = hidden or bool(corner[y, columns[end]] and not sure[y, columns[max(end - inside, 0)]])
        if not hidden and abs(last - line[y]) < 0.28 * width:
            found_rows.append(y)
            found.append(float(last - line[y]))
    return np.array(found_rows, int), np.array(found), least


def _smooth_rows(values: Floats, kernel: float, sigma: float) -> Floats:
    size = (1, 2 * max(1, round(kernel)) + 1)
    column = values.reshape(-1, 1).astype(np.float32)
    return cv2.GaussianBlur(column, size, sigma, borderType=cv2.BORDER_REPLICATE)[:, 0]
