"""What was hidden behind arms and head, continued from what the picture shows around: tones, and cloth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .figure import Layer
from .geometry import smootherstep, there_and_back, thrice, where

Mask = NDArray[np.bool_]
SHADE = 55.0
"""Most grey levels by which an arm's shadow darkens the cloth beside it."""
TOUCH = 6.0
"""Grey levels by which cloth must be darker than the expected tone to count as touched."""
WAIST = 75.0
"""How much of a row of cloth must be seen, in units, to tell what garment its side is of."""
TINGE, LEAST_HUE = 0.12, 20.0
"""Share of the difference in hue between cloth and hands that their reflection gives the cloth, and the difference, in
grey levels, below which it is not looked for."""
EDGE = 16.0
"""Grey levels between the tones of two garments, or of two parts of one; folds differ by less."""
MEMBRANE_SIDE = 192
"""Pictures at least twice as large are filled at a size near this."""


def membrane(picture: NDArray[np.generic], known: Mask) -> Layer:
    """Colours (H, W, 3) float32, continued smoothly from the `known` (H, W) pixels into the others (push-pull pyramid).

    The pyramid ends in a single pixel, so that every level has a colour everywhere. The result is smooth, so large
    pictures are filled at a fraction of their size.
    """
    height, width = known.shape
    colour, weight, mask = picture.astype(np.float32), known.astype(np.float32), known.astype(np.uint8)
    colours = cv2.copyTo(colour, mask)
    shrink = max(height, width) // MEMBRANE_SIDE
    if shrink > 1:
        size = (-(-width // shrink), -(-height // shrink))
        share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
        mean = cv2.resize(colours, size, interpolation=cv2.INTER_AREA) * thrice(1 / np.maximum(share, 1e-6))
        smooth = cv2.resize(membrane(mean, share > 0.2), (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.copyTo(colour, mask, smooth))
    levels = [(colours, weight)]
    while max(levels[-1][1].shape) > 1:
        colours, weights = levels[-1]
        down = cv2.pyrDown(weights)
        full = np.minimum(2 * down, 1)  # a rim one pixel thin stays known in its place
        levels.append((cv2.pyrDown(colours) * thrice(full / np.maximum(down, 1e-6)), full))
    colours, weights = levels[-1]
    result = colours / np.maximum(weights, 1e-6).reshape(*weights.shape, 1)
    for colours, weights in levels[-2::-1]:
        up = cv2.pyrUp(result, dstsize=weights.shape[::-1]).reshape(colours.shape)
        sure = np.minimum(1.5 * weights, 1)
        own = colours * thrice(sure / np.maximum(weights, 1e-6))
        result = own + up * thrice(1 - sure)
    for _ in range(3):  # smooth away the pyramid's blocks
        result = cv2.copyTo(colour, mask, cv2.GaussianBlur(result, (0, 0), 3))
    return result


def wide_blur(picture: Layer, deviation: float) -> Layer:
    """A Gaussian blur of (H, W) or (H, W, 3), whose deviation is in pixels; a wide blur is computed at a fraction of
    the size, which is invisible in so smooth a result."""
    k = int(deviation / 2.5)
    if k < 2:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation))
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (-(-width // k), -(-height // k)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), deviation / k)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def touched_cloth(picture: Layer, hole: Mask, near: Mask, beside: Mask, known: Mask, step: float) -> Mask:
    """Where cloth beside hands shows their shadow or the colour of their skin: (H, W), part of `near` or `beside`.

    There it is darker than the cloth farther away predicts, or has some of the hands' hue, without a gap up to them.
    picture: (H, W, 3) 0..255; hole: (H, W), what is taken out; near: (H, W), where it may have left traces; beside:
    (H, W), where only the dark crease between an arm and the body counts; known: (H, W), cloth; step: pixels.
    """
    near, beside = near & ~hole, beside & ~hole
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.5 * step)
    apart = known & ~near & ~beside
    # a belt, or trousers below a shirt, are expected where they are seen farther along the row
    wide = apart & (apart.sum(1, keepdims=True) > WAIST * step)
    expected = _closer(picture, membrane(smooth, apart), _along_rows(smooth, wide))
    darker = (expected - smooth).mean(2) > TOUCH
    away = np.stack([smooth, np.broadcast_to(np.median(picture[hole], 0), smooth.shape)]) - expected
    tinge, hand = away - away.mean(-1, keepdims=True)  # in hue alone: the highlight of a fold is the cloth's own
    tinged = (tinge * hand).sum(2) > TINGE * np.maximum(np.square(hand).sum(2), LEAST_HUE**2)
    touched = near & (darker | tinged)
    side = 2 * max(1, round(3 * step)) + 1
    round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    closed = cv2.morphologyEx((touched | hole).astype(np.uint8), cv2.MORPH_CLOSE, round_)
    _, labels = cv2.connectedComponents(closed, connectivity=4)
    touched = near & (labels > 0) & np.isin(labels, np.unique(labels[hole]))
    crease = beside & ((expected - picture).mean(2) > SHADE)
    side = 2 * max(1, round(step)) + 1
    grown = cv2.dilate(crease.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return touched | (beside & (grown > 0))


def _closer(picture: Layer, a: Layer, b: Layer) -> Layer:
    """Of two guesses (H, W, 3) the one that is closer to the picture, pixel by pixel."""
    apart = [cv2.transform(cv2.absdiff(picture, guess), np.ones((1, 3), np.float32)) for guess in (a, b)]
    return where(apart[1] < apart[0], b, a)


def _along_rows(picture: Layer, known: Mask) -> Layer:
    """(H, W, 3): for every pixel the nearest known one of its row, or infinity where there is none."""
    height, width = known.shape
    columns = np.arange(width, dtype=np.float32)[None].repeat(height, 0)
    rows, nowhere = np.arange(height, dtype=np.float32)[:, None].repeat(width, 1), np.float32(4 * width)
    left = np.maximum.accumulate(np.where(known, columns, -nowhere), 1)
    right = np.minimum.accumulate(np.where(known, columns, nowhere)[:, ::-1], 1)[:, ::-1]
    nearest = np.where(columns - left < right - columns, left, right)
    return cv2.remap(picture, nearest, rows, cv2.INTER_NEAREST, None, cv2.BORDER_CONSTANT, (np.inf,) * 3)


def column_fill(picture: Layer, hole: Mask, known: Mask, body: Layer, fallback: Layer, step: float) -> Layer:
    """Fill cloth behind hands: every column continues straight from above its hole to below it.

    Plackets, zips and lapels run downwards; pockets and buttons are not repeated. Where cloth is known on one side
    only, that side is continued and loses narrow features on the way.

    picture, fallback: (H, W, 3) 0..255; hole, known: (H, W); body: (H, W), opacity of what is filled; step: pixels.
    Columns that have nothing on either side show `fallback`.
    """
    out = picture.astype(np.float32)
    if hole.any():
        x, y, w, h = cv2.boundingRect(hole.astype(np.uint8))
        margin = round(60 * step)
        box = np.s_[max(0, y - margin) : y + h + margin, max(0, x - margin) : x + w + margin]
        out[box] = _columns_filled(picture[box], hole[box], known[box], body[box], fallback[box], step)
    return out


def _columns_filled(picture: Layer, hole: Mask, known: Mask, body: Layer, fallback: Layer, step: float) -> Layer:
    """`column_fill` within the box that matters."""
    height, width = hole.shape
    rows = np.arange(height, dtype=np.float32)[:, None].repeat(width, 1)
    columns = np.arange(width, dtype=np.float32)[None].repeat(height, 0)
    share = known.astype(np.float32)
    nowhere = 4.0 * height
    above = np.maximum.accumulate(np.where(known, rows, -nowhere), 0)
    below = np.minimum.accumulate(np.where(known, rows, nowhere)[::-1], 0)[::-1]
    # the farther from the edge, the wider the average: single rows and columns would make streaks
    levels = [_mean_where(picture, share, 2 * wide * step, 2 * tall * step) for wide, tall in ((0, 0.5), (0.6, 5))]
    levels.append(_flat_between_edges(_mean_where(picture, share, step, 2 * step), known, 6 * step))
    sides, weights = [], []
    for edge, way in ((above, -1), (below, 1)):
        distance = np.abs(rows - edge)
        near, far, plain = (
            cv2.remap(
                level,
                columns,
                np.clip(edge + way * shift * step, 0, height - 1).astype(np.float32),
                cv2.INTER_LINEAR,
            )
            for level, shift in zip(levels, (0.5, 5, 2), strict=True)
        )
        far, plain = (_with_edges_of(near, level, step) for level in (far, plain))
        found = far + thrice(np.exp(-distance / (4 * step))) * (near - far)
        sides.append(plain + thrice(np.exp(-distance / (45 * step))) * (found - plain))
        # columns beside those with nothing known are blended towards them, to avoid vertical seams
        there = cv2.distanceTransform((np.abs(edge) < nowhere / 2).astype(np.uint8), cv2.DIST_L2, 5)
        weights.append(np.minimum(there / (12 * step), 1) / (1 + distance) ** 2)
    # another garment below, such as trousers, does not mix with the shirt
    other = (1 - np.exp(-np.square(np.abs(sides[0] - sides[1]).mean(2) / 35))) * (weights[0] > 0)
    weights[1] = weights[1] * (1 - other * (1 - np.exp(-np.abs(rows - below) / (3 * step))))
    total = weights[0] + weights[1]
    found = sides[0] * thrice(weights[0] / np.maximum(total, 1e-12))
    found += sides[1] * thrice(weights[1] / np.maximum(total, 1e-12))
    # where a sleeve was, the cloth beside it is nearer than that far above and below, and a better guide
    left = np.maximum.accumulate(np.where(known, columns, -nowhere), 1)
    right = np.minimum.accumulate(np.where(known, columns, nowhere)[:, ::-1], 1)[:, ::-1]
    beside = np.minimum(columns - left, right - columns)
    # at the side of a waist, where a column only shows trousers below, the shirt beside it is continued
    row = _along_rows(levels[1], known)
    outermost = ((left < 0) | (right >= width)) & (known.sum(1, keepdims=True) > WAIST * step / 3)
    side = (outermost & (below - rows < rows - above)) * np.clip(2 - beside / (4 * step), 0, 1)
    row = where(side > 0, row, found)
    found += thrice(side * (1 - np.exp(-np.square(np.abs(found - row).mean(2) / 35)))) * (row - found)
    lost = smootherstep(np.minimum(rows - above, below - rows) / (1.5 * beside + 4 * step) - 1)
    lost = wide_blur(lost.astype(np.float32), 4 * step) * (total > 0)
    around = wide_blur(membrane(picture, known), 2 * step)
    found += thrice(lost) * (around - found)
    found = where(total > 0, found, around)
    mirrored, flanks = _mirrored_flanks(where(known, picture, found), known, step)
    found = where(flanks, mirrored, found)
    fine = fallback - wide_blur(fallback, 1.5 * step)
    spread = np.percentile(np.abs(fine[hole]), 60)
    found += np.clip(fine, -spread, spread)  # the weave, not prints on it
    some = (total > 0) | flanks
    share = cv2.GaussianBlur(some.astype(np.float32), (0, 0), 2 * step) * some
    filled = fallback + thrice(share) * (found - fallback)
    # cloth that stays visible beside the hole may lie in the arm's shadow: its tones hold at the rim and fade inwards
    rim = (cv2.dilate(hole.astype(np.uint8), np.ones((5, 5))) > 0) & ~hole & (body > 0.9)
    rim &= cv2.dilate(known.astype(np.uint8), np.ones((2 * max(1, round(3 * step)) + 1,) * 2)) > 0  # and no room
    errors = picture[rim] - filled[rim]
    ratio = np.log((picture[rim] + 8) / (np.maximum(filled[rim], 0) + 8))
    shaded = (np.ptp(ratio, 1) < 0.25) & (ratio.mean(1) < 0) & (ratio.mean(1) > -1.2)
    # other differences are no shade but a cuff or a garment's edge
    rim[rim] = shaded | (np.abs(errors).mean(1) < SHADE)
    if rim.any():
        fade = np.exp(-cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5) / (15 * step))
        filled += membrane(picture - filled, rim) * thrice(fade)
    return where(hole, np.clip(filled, 0, 255), picture)


def _flat_between_edges(picture: Layer, known: Mask, reach: float) -> Layer:
    """Tones (H, W, 3) averaged over `reach` pixels without crossing strong edges, such as those of lapels."""
    k = max(1, int(reach / 5))
    height, width = known.shape
    small = cv2.resize(membrane(picture, known), (-(-width // k), -(-height // k)), interpolation=cv2.INTER_AREA)
    small = cv2.bilateralFilter(small, -1, 3 * EDGE, reach / k)  # it adds up the channels
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _with_edges_of(near: Layer, averaged: Layer, step: float) -> Layer:
    """Tones `averaged` (H, W, 3) over many rows, with the edges of the `near` row (H, W, 3).

    The edge of a lapel is not upright, so that the mean of many rows has it blurred: what is mixed there counts little.
    Both hardly change from row to row, and few rows of them are enough.
    """
    height, width = near.shape[:2]
    size = (width, max(2, round(height / (8 * step))))
    guide, tones = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (near, averaged))
    sure = np.exp(-np.square((tones - guide).mean(2, keepdims=True) / (2 * EDGE))) + np.float32(1e-3)
    reach = max(1, round(3 * step))
    beside = ((0, 0), (reach, reach), (0, 0))
    guides, both = np.pad(guide, beside, "edge"), np.pad(np.concatenate([tones * sure, sure], 2), beside, "edge")
    sums = np.zeros((*guide.shape[:2], 4), np.float32)
    for shift in range(2 * reach + 1):  # a bilateral filter along the rows
        there = slice(shift, shift + width)
        apart = np.abs(guides[:, there] - guide).sum(2, keepdims=True) / (3 * EDGE)
        sums += both[:, there] * np.exp(-0.5 * (((shift - reach) / (2 * step)) ** 2 + np.square(apart)))
    return np.asarray(cv2.resize(sums[..., :3] / sums[..., 3:], (width, height), interpolation=cv2.INTER_LINEAR))


def _mirrored_flanks(cloth: Layer, known: Mask, step: float) -> tuple[Layer, Mask]:
    """Cloth (H, W, 3) with what lies beside it, where sleeves were, mirrored outwards, and where that is (H, W).

    known: (H, W), where there is cloth. Folds continue; the mirrored band is narrow, so that no lapel repeats.
    """
    height, width = known.shape
    flanks = np.zeros_like(known)
    if not known.any():
        return cloth, flanks
    known = np.maximum.accumulate(known, 0)  # below what is known, its columns continue
    nearest = np.maximum(np.arange(height), known.any(1).argmax())
    kernel, band = 2 * max(1, round(8 * step)) + 1, np.full((1, 1), 4 * step, np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None].repeat(width, 1)
    columns = np.arange(width, dtype=np.float32)[None]
    for first, way in ((known.argmax(1), 1), (width - 1 - known[:, ::-1].argmax(1), -1)):
        edge = first[nearest].astype(np.float32)[:, None]
        edge = cv2.erode(edge, np.ones((kernel, 1))) if way > 0 else cv2.dilate(edge, np.ones((kernel, 1)))
        edge = cv2.GaussianBlur(edge, (1, kernel), 2 * step, borderType=cv2.BORDER_REPLICATE) + way * 2 * step
        beyond = (edge - columns) * way
        source = np.where(beyond > 0, edge + way * (band - there_and_back(beyond, band)), columns).astype(np.float32)
        # a fold that is mirrored again and again would make a row of streaks
        inside = (beyond <= 0).astype(np.float32)
        smooth = wide_blur(cloth * thrice(inside), 2 * step)
        smooth *= thrice(1 / np.maximum(wide_blur(inside, 2 * step), 1e-3))
        mirrored = cv2.remap(smooth, source, rows, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        cloth = cloth + thrice(np.clip(beyond / step, 0, 1)) * (mirrored - cloth)
        flanks |= beyond > 0
    return cloth.astype(np.float32), flanks


def _mean_where(picture: Layer, share: Layer, wide: float, tall: float) -> Layer:
    """(H, W, 3): the mean of the known pixels, weighted by `share` (H, W), in a box of `wide` by `tall` pixels."""
    box = (2 * round(wide / 2) + 1, 2 * round(tall / 2) + 1)
    return np.asarray(cv2.blur(picture * thrice(share), box) * thrice(1 / np.maximum(cv2.blur(share, box), 1e-3)))
