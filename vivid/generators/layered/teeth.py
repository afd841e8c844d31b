"""What a photographed mouth shows: teeth, upper and lower; and the picture without them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .face_mesh import LOWER_INNER, LOWER_OUTER, MOUTH, UPPER_INNER, UPPER_OUTER, Picture
from .geometry import Array

Mask = NDArray[np.float32]

BINS = 24
"""Number of rows into which the opening is straightened."""
SEEN = 0.25
"""Share of tooth pixels from which a row of the opening counts as teeth."""
DEEP = 0.22
"""Depth of the dark gap between upper and lower teeth, as a share of them."""
LOWEST = 0.03
"""Pupil distances; anything flatter is a glint and would float in an open mouth."""
TALL, FAINT = 0.20, 0.08
"""Pupil distances above which what looks like one row may be two that meet, and the depth of the gap between these."""
TALLEST = 0.26
"""Pupil distances; anything taller without a gap is not a row of teeth."""
LIP_EDGE = 30
"""How steeply photographed teeth end at their lip: over this part of the opening."""
_LIP_POINTS = [0, 17, 37, 267, 84, 314]


def fill_polygon(shape: tuple[int, ...], polygon: Array) -> NDArray[np.uint8]:
    """255 inside a polygon (N, 2) of pixel positions, with a soft edge of a pixel."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(polygon * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    return mask


def tooth_mask(picture: Picture, points: Array, skin: Array, scale: float) -> Mask:
    """(h, w) in 0-1: what is bright and hardly coloured inside the opening of the mouth; skin: its RGB."""
    inside = fill_polygon(picture.shape, points[list(MOUTH), :2])
    colour = picture.astype(np.float32)
    most = colour.max(2)
    level, grey = colour.mean(2), 1 - (most - colour.min(2)) / np.maximum(most, 1)
    tooth = np.clip((level / skin.mean() - 0.36) / 0.16, 0, 1) * np.clip((grey - 0.60) / 0.10, 0, 1)
    tooth *= inside.astype(np.float32) / 255
    tooth = cv2.morphologyEx(tooth.astype(np.float32), cv2.MORPH_CLOSE, np.ones((3, 3)))
    return np.asarray(cv2.GaussianBlur(tooth, (0, 0), max(0.006 * scale, 0.4)), np.float32)


def split_teeth(tooth: Mask, picture: Picture, points: Array, scale: float) -> tuple[Mask | None, Mask | None]:
    """The mask of photographed teeth as upper and lower ones, each None when there are none.

    The opening is straightened to rows between the inner lips; a dark gap separates the rows of teeth. Anything taller
    than teeth can be without a gap, or as pink as a tongue, is not teeth.
    """
    up, low = points[list(UPPER_INNER), :2], points[list(LOWER_INNER), :2]
    columns = np.arange(tooth.shape[1], dtype=np.float64)[None]
    rows = np.arange(tooth.shape[0], dtype=np.float64)[:, None]
    top, bottom = (np.interp(columns, *edge[edge[:, 0].argsort()].T) for edge in (up, low))
    high = np.maximum(bottom - top, 1.0)
    place = (rows - top) / high
    gap_columns = np.abs(columns[0] - up[5, 0]) < 0.16 * scale
    opening = float(np.median(high[0, gap_columns])) / scale if gap_columns.any() else 0.0
    share, level = _profile(tooth, picture, place, np.abs(columns - up[5, 0]) < 0.18 * scale)
    if share.max() < SEEN:
        return None, None
    seen = np.flatnonzero(share > 0.35 * share.max())
    first, last = seen[0] / BINS, (seen[-1] + 1) / BINS
    tall = (last - first) * opening
    cut = _dark_gap(share, level)
    if cut is None and tall > TALL:
        cut = _dark_gap(share, level, FAINT)
    lips = lip_colour(picture, points)
    if cut is not None:
        lower = tooth * np.clip((place - cut) / (0.03 * scale / high) + 0.5, 0, 1)
        upper = _if_teeth(tooth - lower, picture, lips, scale)
        if upper is not None:  # else the gap is a glint or a shadow on a single row
            return _to_lip(upper, place), _to_lip(_if_teeth(lower, picture, lips, scale), 1 - place)
    row = _if_teeth(tooth, picture, lips, scale)
    if first > 0.30 and 1 - last < first and first * opening > 0.035:  # they stand on the lower lip
        return None, _to_lip(row, 1 - place)
    return None if tall > TALLEST else _to_lip(row, place), None


def _to_lip(teeth: Mask | None, place: Array) -> Mask | None:
    """The mask with gums and shadows up to the lip that the teeth come from; place: (h, w), 0 at that lip, 1 at the
    other one."""
    if teeth is None:
        return None
    step = 1 if place[0, 0] > place[-1, 0] else -1  # towards the lip
    filled = np.maximum.accumulate(teeth[::step], axis=0)[::step]
    return np.asarray(filled * np.clip(LIP_EDGE * place + 1, 0, 1), np.float32)


def _profile(tooth: Mask, picture: Picture, place: Array, near: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Share of tooth and brightness of each straightened row near the middle of the mouth."""
    centre = near & (place > -0.1) & (place < 1.1)
    bins = np.clip((place[centre] * BINS).astype(int), 0, BINS - 1)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    total = np.maximum(np.bincount(bins, minlength=BINS), 1)
    smooth = [
        np.convolve(np.pad(np.bincount(bins, values[centre], BINS) / total, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
        for values in (tooth, grey)
    ]
    return smooth[0], smooth[1]


def _dark_gap(share: Array, level: Array, least: float = DEEP) -> float | None:
    """Place (0-1) of the deepest valley with teeth on both sides, or None where none is deeper than `least`."""
    cut, best = None, least
    for k in range(4, BINS - 4):
        above, below = share[1:k].max(), share[k + 1 : BINS - 1].max()
        light = min(level[1:k].max(), level[k + 1 : BINS - 1].max())
        depth = max(min(above, below) - share[k], (light - level[k]) / max(light, 1))
        if min(above, below) > SEEN and depth > best:
            cut, best = (k + 0.5) / BINS, depth
    return cut


def lip_colour(picture: Picture, points: Array) -> Array:
    """RGB (3,) of the lips."""
    at = np.round(points[_LIP_POINTS, 1::-1]).astype(int).clip(0, np.array(picture.shape[:2]) - 1)
    return np.median(picture[at[:, 0], at[:, 1]], 0)


def _if_teeth(mask: Mask, picture: Picture, lips: Array, scale: float) -> Mask | None:
    """The mask, or None when it is empty or pink."""
    inside = mask > 0.6
    columns = inside.sum(0)
    if inside.sum() < max(6, 0.002 * scale**2) or np.median(columns[columns > 0]) < LOWEST * scale:
        return None
    colour = picture[inside].astype(np.float32).mean(0)

    def red(rgb: Array) -> float:
        return float((rgb[0] - rgb[1]) / max(rgb.mean(), 1))

    pink = red(colour) > 0.20 and red(colour) > 0.55 * red(lips)
    return None if pink else mask.astype(np.float32)


def empty_mouth(picture: Picture, points: Array, scale: float) -> Picture:
    """The picture with the open mouth filled in a dark lip line's colour, so that no teeth stick to the moved lips."""
    mask = fill_polygon(picture.shape, points[list(MOUTH), :2])
    lips = np.zeros_like(mask)
    outline = points[list(UPPER_OUTER) + list(LOWER_OUTER)[::-1], :2]
    cv2.fillPoly(lips, [np.round(outline).astype(np.int32)], (255,))
    body = picture[(lips > 0) & (mask == 0)]
    if not len(body):
        return picture
    colour = np.percentile(body, 25, axis=0) * 0.62
    share = cv2.GaussianBlur(mask, (0, 0), max(0.005 * scale, 0.4)).astype(np.float32)[..., None] / 255
    return np.asarray(picture * (1 - share) + colour * share, np.float64).astype(np.uint8)
