"""Texture for holes from what the picture shows elsewhere: multi-scale PatchMatch with the picture's own gradients.

Barnes et al. 2009, "PatchMatch"; Wexler et al. 2007, "Space-time completion of video". The first solution of the
coarsest level is greedy (Criminisi et al. 2004, "Region filling and object removal by exemplar-based inpainting").
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .figure import Layer
from .geometry import thrice, where
from .plate import Mask, membrane, wide_blur

RADIUS = 3
"""Patches are squares of 2 * RADIUS + 1 pixels."""
NEARBY = 60_000.0
"""Cost of a patch from one picture width away; four times as much from above or below."""
SPECTRAL_RADIUS = 0.999
"""Of Jacobi's iteration in a hole of some seventy pixels: cos(pi / 70)."""
WINDOW = np.stack(np.meshgrid(*[np.arange(-RADIUS, RADIUS + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)
SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))

Places = NDArray[np.intp]
"""(N, 2) rows and columns."""


def patch_fill(picture: Layer, hole: Mask, known: Mask, side: int = 160, seed: int = 0) -> Layer:
    """Fill `hole` (H, W) of a picture (H, W, 3) 0..255 from its `known` pixels.

    Correspondences are found on a picture of `side` pixels; colours come from the full picture, with their tones
    corrected to the coarse solution. Where next to nothing is known, only tones are continued.
    """
    known = known & ~hole
    base = membrane(picture, known)
    if not hole.any() or known.mean() < 0.01:
        return where(hole, base, picture)
    rng = np.random.default_rng(seed)
    offsets: Layer | None = None
    solution: Layer | None = None
    sizes = [side]
    while sizes[0] > 40:
        sizes.insert(0, sizes[0] // 2)
    for size in sizes:
        level = _level(picture, base, hole, known, size, solution)
        if level is None:
            continue
        if not len(level.target):
            solution = level.picture
            continue
        offsets = _search(level, offsets, rng, rounds=4 if size < side else 2)
        solution = _joined(level.picture, level.hole, level.known)
    if solution is None or offsets is None:
        return where(hole, base, picture)
    return where(hole, _full_size(picture, solution, offsets, known), picture)


@dataclass
class _Level:
    """One size of the picture: where patches may come from (source, places) and where they go (target)."""

    picture: Layer
    hole: Mask
    known: Mask
    source: Mask
    places: Places
    target: Places


def _level(picture: Layer, base: Layer, hole: Mask, known: Mask, size: int, solution: Layer | None) -> _Level | None:
    k = size / max(hole.shape)
    width, height = max(2 * RADIUS + 2, round(hole.shape[1] * k)), max(2 * RADIUS + 2, round(hole.shape[0] * k))

    def shrink(array: NDArray[np.generic]) -> Layer:
        return cv2.resize(array.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)

    share = shrink(known)
    small_hole, small_known = shrink(hole) > 0.01, share > 0.99
    # pixels that are neither (an arm's rim) are filled too: a gap would cut the hole off from the colours around it
    small_hole |= (cv2.dilate(small_hole.astype(np.uint8), np.ones((5, 5))) > 0) & ~small_known
    small = shrink(where(known, picture, np.zeros_like(picture))) * thrice(1 / np.maximum(share, 1e-3))
    small = np.where(small_known[..., None], small, shrink(base))
    if solution is not None:
        grown = cv2.resize(solution, (width, height), interpolation=cv2.INTER_LINEAR)
        small = np.where(small_known[..., None] & ~small_hole[..., None], small, grown)
    source = _inner(small_known, 2 * RADIUS + 1)
    if source.sum() < 30:
        source = _inner(small_known, 3)
    if source.sum() < 10:
        return None
    return _Level(small, small_hole, small_known, source, np.argwhere(source), np.argwhere(small_hole))


def _inner(known: Mask, side: int) -> Mask:
    source = cv2.erode(known.astype(np.uint8), np.ones((side, side)), borderValue=0) > 0
    source[:RADIUS], source[-RADIUS:], source[:, :RADIUS], source[:, -RADIUS:] = False, False, False, False
    return source


def _search(level: _Level, offsets: Layer | None, rng: np.random.Generator, rounds: int) -> Layer:
    """Offsets (h, w, 2) from every pixel of the hole to its source; `level.picture` becomes the solution."""
    hole, source, target = level.hole, level.source, level.target
    height, width = hole.shape
    size = np.array([height, width])
    number = np.full((height, width), -1)
    number[hole] = np.arange(len(target))
    if offsets is None:
        level.picture, match = _greedy(level)
    else:
        coarse = np.array(offsets.shape[:2])
        at = np.minimum((target * (coarse / size)).astype(int), coarse - 1)
        match = target + np.round(offsets[at[:, 0], at[:, 1]] * (size / coarse)).astype(int)
    match = _valid(match, level, rng)
    for _ in range(rounds):
        padded = np.pad(level.picture, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
        patches = np.lib.stride_tricks.sliding_window_view(padded, (2 * RADIUS + 1,) * 2, axis=(0, 1))  # type: ignore[call-overload]  # (h, w, 3, 7, 7)
        here = patches[target[:, 0], target[:, 1]]
        best = _cost(match, target, here, patches)
        for step in (4, 1):  # a neighbour's match, moved along
            for shift in SHIFTS:
                near = target + np.multiply(shift, step)
                usable = (near >= 0).all(1) & (near < size).all(1)
                neighbour = np.full(len(target), -1)
                neighbour[usable] = number[near[usable, 0], near[usable, 1]]
                usable = neighbour >= 0
                wish = match.copy()
                wish[usable] = match[neighbour[usable]] - np.multiply(shift, step)
                usable &= (wish >= 0).all(1) & (wish < size).all(1)
                usable[usable] = source[wish[usable, 0], wish[usable, 1]]
                _improve(match, best, wish, usable, target, here, patches)
        for reach in (max(size), max(size) // 3, max(size) // 8, 3):
            wish = np.clip(match + rng.integers(-reach, reach + 1, size=match.shape), 0, size - 1)
            _improve(match, best, wish, source[wish[:, 0], wish[:, 1]], target, here, patches)
        level.picture = np.where(hole[..., None], _votes(match, best, target, padded), level.picture)
    found = np.zeros((height, width, 2), np.float32)
    found[target[:, 0], target[:, 1]] = match - target
    return found


def _cost(match: Places, target: Places, here: Layer, patches: Layer) -> NDArray[np.float64]:
    """(N,) squared difference of the patches at `match` and `here`, plus the cost of distance."""
    gap = (patches[match[:, 0], match[:, 1]] - here).reshape(len(match), -1)
    far = (match - target) / max(patches.shape[:2])
    return np.einsum("nk,nk->n", gap, gap) + NEARBY * (4 * far[:, 0] ** 2 + far[:, 1] ** 2)


def _improve(
    match: Places, best: NDArray[np.float64], wish: Places, usable: Mask, target: Places, here: Layer, patches: Layer
) -> None:
    """Take over proposed matches that are usable and cheaper, in place."""
    which = np.flatnonzero(usable)
    if not len(which):
        return
    price = _cost(wish[which], target[which], here[which], patches)
    better = which[price < best[which]]
    best[better] = price[price < best[which]]
    match[better] = wish[better]


def _votes(match: Places, best: NDArray[np.float64], target: Places, padded: Layer) -> Layer:
    """The picture (h, w, 3) that the overlapping patches agree on."""
    height, width = padded.shape[:2]
    weight = np.maximum(np.exp(-best / (np.percentile(best, 60) + 1e-3)), 1e-5)
    flat = ((target[:, None] + WINDOW + RADIUS) @ [width, 1]).ravel()
    there = match[:, None] + WINDOW + RADIUS
    colours = padded[there[..., 0], there[..., 1]].reshape(-1, 3)
    each = np.repeat(weight, len(WINDOW))
    total = np.bincount(flat, each, height * width)
    sums = np.stack([np.bincount(flat, each * colours[:, c], height * width) for c in range(3)], 1)
    made = (sums / np.maximum(total, 1e-9)[:, None]).reshape(height, width, 3)
    return made[RADIUS:-RADIUS, RADIUS:-RADIUS].astype(np.float32)


def _valid(match: Places, level: _Level, rng: np.random.Generator) -> Places:
    height, width = level.source.shape
    match = np.clip(match, 0, [height - 1, width - 1])
    bad = ~level.source[match[:, 0], match[:, 1]]
    match[bad] = level.places[rng.integers(len(level.places), size=int(bad.sum()))]
    return match


def _greedy(level: _Level) -> tuple[Layer, Places]:
    """A first solution, patch by patch from the rim inwards, strong edges first; and the source of every target."""
    hole = level.hole
    height, width = hole.shape
    r, side = RADIUS, 2 * RADIUS + 1
    image = np.pad(level.picture, ((r, r), (r, r), (0, 0)), mode="edge").astype(np.float32)
    done = np.pad((level.known & ~hole), r).astype(np.float32)
    todo = np.pad(hole, r)
    origin = np.zeros((*todo.shape, 2), int)
    there = level.places[:, None] + WINDOW + r
    samples = image[there[..., 0], there[..., 1]]  # (S, 49, 3)
    grey = image.mean(2)
    while todo.any():
        confident = cv2.blur(done, (side, side))
        edges = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
        strength = cv2.dilate(edges * cv2.erode(done, np.ones((3, 3))), np.ones((side, side))) / 255
        rim = todo & (cv2.dilate(done, np.ones((3, 3))) > 0)
        if not rim.any():
            rim = todo
        urgent = np.where(rim, confident * (0.25 + np.minimum(strength, 1.0)), -1)
        y, x = (int(v) for v in np.unravel_index(int(urgent.argmax()), urgent.shape))
        if not (r <= y < height + r and r <= x < width + r):
            todo[y, x] = False
            continue
        here = WINDOW + [y, x]
        weight = done[here[:, 0], here[:, 1]]
        patch = image[here[:, 0], here[:, 1]]
        gap = np.square(samples - patch).sum(2) @ weight / max(weight.sum(), 1)
        far = (level.places + r - [y, x]) / max(height, width)
        best = int((gap * len(WINDOW) + NEARBY * (4 * far[:, 0] ** 2 + far[:, 1] ** 2)).argmin())
        fresh = todo[here[:, 0], here[:, 1]] & (weight == 0)
        ys, xs = here[fresh, 0], here[fresh, 1]
        image[ys, xs] = samples[best][fresh]
        origin[ys, xs] = level.places[best] + WINDOW[fresh]
        done[ys, xs] = 0.9 * confident[y, x] + 0.1
        todo[ys, xs] = False
        todo[y, x] = False
        grey[ys, xs] = image[ys, xs].mean(1)
    return image[r:-r, r:-r], origin[level.target[:, 0] + r, level.target[:, 1] + r]


def _joined(picture: Layer, hole: Mask, known: Mask, rounds: int = 100) -> Layer:
    """The solution with its own gradients inside the hole and the picture's colours around it (Poisson's equation).

    Jacobi's iteration, with Chebyshev's acceleration (Golub and Varga 1961): plain, it takes many hundreds of rounds.
    """
    inside = np.pad(hole, 1)
    free = np.pad(hole | known, 1).astype(np.float32)
    p = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge").astype(np.float32)
    pull = np.zeros_like(p)
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        pull += np.roll(inside, step, axis)[..., None] * (p - np.roll(p, step, axis))
    beside = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32)  # a pixel's four neighbours
    count = thrice(cv2.filter2D(free, -1, beside, borderType=cv2.BORDER_CONSTANT))
    share = 1 / np.maximum(count, 1)
    moving = (inside & (count[..., 0] > 0)).astype(np.uint8)
    before = q = p * thrice(free)
    weight = 1.0
    for k in range(rounds):
        new = cv2.filter2D(q, -1, beside, borderType=cv2.BORDER_CONSTANT)
        new += pull
        new *= share
        weight = 1.0 if k == 0 else 1 / (1 - SPECTRAL_RADIUS**2 * weight / (2 if k == 1 else 4))
        new = cv2.addWeighted(new, weight, before, 1 - weight, 0)
        before, q = q, cv2.copyTo(new, moving, q.copy())
    return np.where(inside[..., None], q, p)[1:-1, 1:-1].clip(0, 255)


def _full_size(picture: Layer, solution: Layer, offsets: Layer, known: Mask) -> Layer:
    """Colours of the full picture at the offsets' places, tones of the solution.

    Detail is copied where neighbouring pixels come from the same place. Elsewhere copied detail would be torn, and
    cloth without detail looks like wax: there it comes from the offset of the nearest pixel with a consistent one.
    """
    height, width = picture.shape[:2]
    k = height / len(offsets)
    sigma = 1.2 * k
    tones = cv2.resize(solution, (width, height), interpolation=cv2.INTER_CUBIC)
    variance = cv2.blur(np.square(offsets), (3, 3)) - np.square(cv2.blur(offsets, (3, 3)))
    hole = np.abs(offsets).sum(2) > 0
    calm = (variance.sum(2) < 1.5) & hole
    out = tones
    if hole.any():
        # finer than `sigma` pixels; zero where anything is unknown
        inner = thrice(cv2.erode(known.astype(np.uint8), np.ones((3, 3))))
        fine = (picture - wide_blur(picture, sigma)) * inner
        near, own = (_copied(fine, chosen) for chosen in (_nearest(offsets, calm if calm.any() else hole), offsets))
        share = thrice(cv2.resize(calm.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR))
        out = tones + near + share * (own - near)
    spread = wide_blur(np.abs(out - tones), sigma)
    return np.clip(out, tones - 2 * spread - 4, tones + 2 * spread + 4)


def _nearest(offsets: Layer, chosen: Mask) -> Layer:
    """For every pixel, the offset of the nearest chosen pixel."""
    _, labels = cv2.distanceTransformWithLabels(
        (~chosen).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros((labels.max() + 1, 2), np.float32)
    of_label[labels[chosen]] = offsets[chosen]
    return np.asarray(of_label[labels])


def _copied(fine: Layer, offsets: Layer) -> Layer:
    """Detail (H, W, 3) from the places at the coarse `offsets`."""
    height, width = fine.shape[:2]
    big = cv2.resize(offsets, (width, height), interpolation=cv2.INTER_NEAREST) * (height / len(offsets))
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    return np.asarray(cv2.remap(fine, columns + big[..., 1], rows + big[..., 0], cv2.INTER_LINEAR))
