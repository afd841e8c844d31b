"""The room behind a person, continued to where arms are taken out."""

from __future__ import annotations

import cv2
import numpy as np

from .figure import Layer
from .geometry import there_and_back, thrice, where
from .outline import Figure
from .patch_match import patch_fill
from .plate import Mask, membrane, wide_blur

RIM, FARTHER = 3.0, 20.0
"""How wide two rims around what is filled are, filled on trial, and how far into the body the room is continued, in
units."""
BETTER = 0.5
"""The share of a mirrored room's error on the rim which patches must stay under to be used instead."""
MOST_ERROR = 60.0
"""Most grey levels by which the tones of a filled room are corrected."""
STRAIGHT = 120.0
"""Over how many units above and below the lines are straight about which a room is mirrored."""
SMOOTH, ROUGH = 2.0, 5.0
"""Mean difference, in grey levels, of a room from its blurred self: below the first it is smooth, above the second not.
"""
SQUEEZE = 4
"""How many times closer a room's tones are along a row than from row to row."""


def continued_room(figure: Figure, removed: Mask, needed: Mask) -> Layer:
    """The picture (H, W, 3) with room where it is `needed` (H, W) instead of arms.

    removed: (H, W), where arms are taken out.
    """
    photo, unit = figure.photo.astype(np.float32), figure.unit
    person = figure.grow(figure.person > 0.1, 6) | removed
    near = figure.grow(needed, RIM) & ~person
    wide = figure.grow(near, RIM) & ~person
    # farther in, the fill goes on: what ends at a body would bend towards its outline
    hole = needed | wide | (person & figure.grow(needed, FARTHER))
    patches = patch_fill(photo, hole, ~hole & ~person, side=120)
    rows = mirror_fill(photo, person | needed | wide, float(figure.shoulders[:, 0].mean()), unit)
    rims = near & ~needed, wide & ~near
    filled, error = better_of(rows, patches, photo, *rims, unit)
    return plain_where_smooth(filled, error, photo, ~(person | needed), *rims, unit)


def mirror_fill(picture: Layer, hole: Mask, middle: float, unit: float) -> Layer:
    """The room (H, W, 3) behind a person: rows are mirrored about upright lines outside of their hole, on the left and
    on the right of `middle`.

    Walls, boards and horizontal lines continue, and textures stay sharp; about an arm's own outline they would bend
    into swirls. picture: (H, W, 3) 0..255; hole: (H, W); unit: pixels.
    """
    height, width = hole.shape
    columns = np.arange(width, dtype=np.float32)[None]
    rows, tall = np.arange(height, dtype=np.float32)[:, None].repeat(width, 1), 2 * round(STRAIGHT * unit) + 1
    sides, weights = [], []
    for way in (1, -1):  # seen from the left border, and from the right one
        x = columns if way > 0 else width - 1 - columns
        mine = hole & (((columns - middle) * way) < 0)
        mine = mine if way > 0 else mine[:, ::-1]
        edge = np.where(mine.any(1), mine.argmax(1), width).astype(np.float32)[:, None]
        edge = cv2.erode(edge, np.ones((tall, 1)))
        edge = np.minimum(edge, np.float32(middle if way > 0 else width - 1 - middle))
        edge = cv2.GaussianBlur(edge, (1, tall), tall / 6, borderType=cv2.BORDER_REPLICATE) - 1
        source = edge - 1 - there_and_back(x - edge, np.maximum(edge - 1, 1))
        source = source if way > 0 else width - 1 - source
        sides.append(cv2.remap(picture, source.astype(np.float32), rows, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE))
        here = np.clip(0.5 + (middle - columns) * way / (24 * unit), 0, 1)
        weights.append(here * np.where(edge < 0.04 * width, 1e-3, 1))  # next to nothing is seen there
    return sides[0] + thrice(weights[1] / np.maximum(weights[0] + weights[1], 1e-6)) * (sides[1] - sides[0])


def better_of(
    a: Layer, b: Layer, picture: Layer, inner: Mask, outer: Mask, unit: float, share_of_first: float = BETTER
) -> tuple[Layer, Layer]:
    """Two fillings (H, W, 3), mixed by how well each foretells the picture nearby, on the hole's rim.

    The second's error must be below `share_of_first` of the first's. Their tones are corrected on the rim's outer half
    (H, W), so that its inner half (H, W) compares what they show. Returned with the error there (H, W), continued.
    """
    share = wide_blur(inner.astype(np.float32), 4 * unit)
    fillings, errors = [], []
    for filling in (a, b):
        corrected = filling + membrane(np.clip(picture - filling, -MOST_ERROR, MOST_ERROR), outer)
        error = np.abs(cv2.GaussianBlur(corrected - picture, (0, 0), unit)).mean(2) * inner
        errors.append(wide_blur(error.astype(np.float32), 4 * unit) / np.maximum(share, 1e-3))
        fillings.append(corrected)
    first, second = errors
    mix = preference(share_of_first * first, second)
    layers = membrane(np.stack([mix, first, second], 2), share > 0.02)
    mix = wide_blur(layers[..., 0], 3 * unit)
    mixed = fillings[0] + thrice(mix) * (fillings[1] - fillings[0])
    error = layers[..., 1] + mix * (layers[..., 2] - layers[..., 1])
    return mixed + membrane(np.clip(picture - mixed, -MOST_ERROR, MOST_ERROR), inner | outer), error


def preference(first: Layer, second: Layer) -> Layer:
    """How much the second of two fillings is to be seen, 0 to 1, by their errors."""
    return np.clip(0.5 + 4 * (first - second) / (first + second + 2), 0, 1)


def plain_where_smooth(
    filled: Layer, error: Layer, picture: Layer, known: Mask, inner: Mask, outer: Mask, unit: float
) -> Layer:
    """Where the room is smooth, and they foretell it as well, its continued tones with the filling's grain, (H, W, 3).

    filled, error: (H, W, 3) and (H, W), of `better_of`; picture: (H, W, 3), of which `known` (H, W) is room; inner,
    outer: (H, W), the hole's rim; unit: pixels.
    """
    share, (height, width) = known.astype(np.float32), known.shape
    k = max(1, round(2 * unit))  # tones are smooth: a fraction of the size is enough
    size = (-(-width // k), -(-height // k))
    weight, *rims = (
        cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) for mask in (known, inner, outer)
    )
    mean = cv2.resize(picture * thrice(share), size, interpolation=cv2.INTER_AREA)
    small, sure, (inner, outer) = mean * thrice(1 / np.maximum(weight, 1e-6)), weight > 0.2, (rim > 0.5 for rim in rims)
    even, along = membrane(small, sure & ~inner), _along_membrane(small, sure & ~inner)
    tones = membrane(small, sure), *better_of(even, along, small, inner, outer, unit / k, 1.0)
    level, plain, plain_error = (cv2.resize(each, (width, height), interpolation=cv2.INTER_LINEAR) for each in tones)
    rough = np.abs(picture - wide_blur(level, 5 * unit)).mean(2) * share
    size = (max(8, round(width / (5 * unit))), max(8, round(height / (5 * unit))))
    # a room is more alike along its rows than from row to row
    near, rough = (
        cv2.resize(
            cv2.GaussianBlur(cv2.resize(layer, size, interpolation=cv2.INTER_AREA), (0, 0), sigmaX=5, sigmaY=1.2),
            (width, height),
            interpolation=cv2.INTER_LINEAR,
        )
        for layer in (share, rough)
    )
    rough = rough / np.maximum(near, 1e-3)
    if (near < 0.02).any():
        rough = membrane(thrice(rough), near >= 0.02)[..., 0]
    share = np.clip((ROUGH - rough) / (ROUGH - SMOOTH), 0, 1) * preference(error + 1.5, plain_error)
    grain, most = filled - wide_blur(filled, 1.5 * unit), thrice(2 * np.minimum(rough, 3) + 1)
    smooth = wide_blur(plain, 2 * unit) + np.clip(grain, -most, most)
    return filled + thrice(share) * (smooth - filled)


def _along_membrane(picture: Layer, known: Mask) -> Layer:
    """`membrane` that reaches farther along rows: the tone of a wall does not run over its ledge into a board."""
    height, width = known.shape
    size, share = (-(-width // SQUEEZE), height), known.astype(np.float32)
    weight, mean = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (share, picture * thrice(share)))
    narrow = membrane(mean * thrice(1 / np.maximum(weight, 1e-6)), weight > 0.5)
    return where(known, picture, cv2.resize(narrow, (width, height), interpolation=cv2.INTER_LINEAR))
