"""Triangles to pixels without a graphics card.

Triangle numbers are painted from far to near, all rows of all triangles at once; then every pixel evaluates the affine
functions of its triangle. A painted layer is a premultiplied picture with its place in the frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Window = tuple[int, int, int, int]
"""x0, y0, x1, y1 in the frame."""

BRIGHT = 1.3
"""The factor on the skin's colour that a value of 255 in a texture stands for."""
FINE = 4
"""Samples per pixel and axis in the picture that frames look up: at this fineness even a linear look-up, the quickest,
is as sharp as the kernel that made the picture."""
SLENDER = 0.12
"""A triangle whose height is at most this share of its longest side is slender."""
THIN = 0.25
"""Triangles of at most half this area, in samples, are not painted."""
TWO_SAMPLES = np.array([[0, 3, 2, 3, 1, 3, 1, 3] + [0] * 8, [0, 3, 2, 3, 1, 3, 2, 3] + [0, 3] * 4])
"""Which two of a pixel's 2 x 2 samples (0 1 above 2 3) count, indexed by the covered ones (8, 4, 2, 1): those on the
diagonal 0 and 3, or on the other diagonal where neither of them is covered."""
SHARE = np.array([bin(kind).count("1") / 4 for kind in range(16)], np.float32)
"""Covered share of a pixel."""


@dataclass(frozen=True, eq=False)
class PaintedLayer:
    """rgb (h, w, 3) float32 0..255, premultiplied with alpha (h, w) float32; x0, y0: its place in the frame."""

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32]
    x0: int
    y0: int

    def paint(self, out: NDArray[np.uint8]) -> None:
        """Onto (H, W, 3), in place."""
        h, w = self.alpha.shape
        view = out[self.y0 : self.y0 + h, self.x0 : self.x0 + w]
        keep = 1 - self.alpha
        mixed = cv2.multiply(view, cv2.merge([keep, keep, keep]), dtype=cv2.CV_32F)
        view[:] = cv2.add(mixed, self.rgb, dtype=cv2.CV_8U)


@dataclass(frozen=True, eq=False)
class Coverage:
    """Which triangles are seen where, with 2 x 2 samples a pixel, of which two on a diagonal count: they smooth edges
    within the picture well enough at half the cost.

    window: in the frame; opacity: (h, w) covered share of each pixel; corners: (S, 3, 2) in samples of the window and
    chosen: (S,) numbers of the triangles that are painted; pixels: (M,) of the flat picture that are covered. faces:
    (N,) triangles among the chosen ones and x, y: (N,) the places at which they are evaluated: first one place in each
    of the M pixels, which is their middle where both samples see the same triangle, then the second samples of the
    pixels `mixed`.
    """

    window: Window
    opacity: NDArray[np.float32]
    corners: NDArray[np.float32]
    chosen: NDArray[np.int64]
    pixels: NDArray[np.int64]
    faces: NDArray[np.int64]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    mixed: NDArray[np.int64]

    def interpolate(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (K, N) at the samples, from those of the chosen triangles' corners (S, 3, K)."""
        rows, width = affine(self.corners, values), values.shape[2]
        x_slope, y_slope, start = (np.take(np.ascontiguousarray(rows[:, k]), self.faces, 0) for k in range(3))
        # numpy is slow at broadcasting one factor per short row
        x_slope *= np.repeat(self.x, width).reshape(-1, width)
        y_slope *= np.repeat(self.y, width).reshape(-1, width)
        x_slope += y_slope
        x_slope += start
        return np.ascontiguousarray(x_slope.T)

    def mean(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K, M): values (K, N) of the samples of each pixel, averaged."""
        count = len(self.pixels)
        out = values[:, :count].copy()
        for mean, more in zip(out, values[:, count:], strict=True):
            mean[self.mixed] = (mean[self.mixed] + more) * np.float32(0.5)
        return out

    def picture(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w, ...): values (M, ...) of the pixels in their places, zeros elsewhere."""
        h, w = self.opacity.shape
        out = np.zeros((h * w, *values.shape[1:]), np.float32)
        out[self.pixels] = values
        return out.reshape(h, w, *values.shape[1:])


def paint_numbers(corners: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.integer]:
    """(h, w): number of the triangle that is seen, from 1; corners: (F, 3, 2), later ones lie over earlier ones.

    A triangle also covers pixels whose centres are up to half a pixel outside it, so that neighbours leave no holes.
    """
    h, w = size
    label: NDArray[np.integer] = np.zeros(h * w, np.int16 if len(corners) < 2**15 else np.int32)
    corners = corners.astype(np.float32) - np.float32(0.5)
    # corners sorted from top to bottom: every row crosses the long edge (first to last) and one of the others
    order = np.argsort(corners[..., 1], 1)
    x, y = (np.ascontiguousarray(np.take_along_axis(corners[..., k], order, 1).T) for k in (0, 1))
    least, most = (edge(edge(x[0], x[1]), x[2]) for edge in (np.minimum, np.maximum))
    first, last = np.rint(y[0]).clip(0, h).astype(np.int64), np.rint(y[2]).clip(-1, h - 1).astype(np.int64)
    count = np.where((most > -1) & (least < w), np.maximum(last - first + 1, 0), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = [(x[b] - x[a]) / (y[b] - y[a]) for a, b in ((0, 2), (0, 1), (1, 2))]
    for slope in slopes:
        slope[~np.isfinite(slope)] = 0  # horizontal edges: the other two end where they do

    face = np.repeat(np.arange(len(corners)), count)
    row = np.arange(len(face)) - np.repeat(np.cumsum(count) - count - first, count)
    table = np.stack([x[0], x[1], *y, *slopes, least - np.float32(0.5), most + np.float32(0.5)])
    x0, x1, y0, y1, y2, long, upper, lower, least, most = np.take(table, face, 1)
    # the part of the row's strip that the triangle crosses: its middle, and how far edges go sideways within it
    strip = row.astype(np.float32)
    top, bottom = np.maximum(strip - np.float32(0.5), y0), np.minimum(strip + np.float32(0.5), y2)
    middle, half = (top + bottom) * np.float32(0.5), (bottom - top) * np.float32(0.5)
    one, one_wide = x0 + (middle - y0) * long, np.maximum(np.abs(long) * half, np.float32(0.5))
    above = middle < y1
    short = np.where(above, upper, lower)
    other = np.where(above, x0, x1) + (middle - np.where(above, y0, y1)) * short
    other_wide = np.maximum(np.abs(short) * half, np.float32(0.5))
    one_left = one < other
    start = np.maximum(np.where(one_left, one - one_wide, other - other_wide), least)
    end = np.minimum(np.where(one_left, other + other_wide, one + one_wide), most)
    start = np.ceil(start).clip(0, w).astype(np.int64)
    length = np.maximum(np.floor(end).clip(-1, w - 1).astype(np.int64) - start + 1, 0)

    place = np.repeat(row * w + start - (np.cumsum(length) - length), length)
    place += np.arange(len(place))
    np.maximum.at(label, place, np.repeat((face + 1).astype(label.dtype), length))
    return label.reshape(h, w)


def affine(points: NDArray[np.floating], values: NDArray[np.floating], slender: float = SLENDER) -> NDArray[np.float32]:
    """(F, 3, K): values (F, 3, K) of the corners of triangles (F, 3, 2) as functions of x, y, 1.

    Slender triangles get the mean of their corners: samples on their rims would extrapolate far outside them.
    """
    x, y = points[..., 0].T.astype(np.float64), points[..., 1].T.astype(np.float64)
    e1, e2, f1, f2 = x[1] - x[0], x[2] - x[0], y[1] - y[0], y[2] - y[0]
    det = e1 * f2 - f1 * e2
    longest = np.maximum(np.maximum(e1 * e1 + f1 * f1, e2 * e2 + f2 * f2), (e2 - e1) ** 2 + (f2 - f1) ** 2)
    flat = np.abs(det) <= slender * longest
    det = 1 / np.where(flat, np.inf, det)
    shares = np.zeros((len(points), 3, 3))  # of the three corners' values in the slopes along x and y and the start
    for k, (along_x, along_y) in enumerate(((f1 - f2, e2 - e1), (f2, -e2), (-f1, e1))):
        shares[:, 0, k], shares[:, 1, k] = along_x * det, along_y * det
        shares[:, 2, k] = (k == 0) - shares[:, 0, k] * x[0] - shares[:, 1, k] * y[0]
    shares[flat, 2] = 1 / 3
    return np.matmul(shares, values).astype(np.float32)


def window_of(points: NDArray[np.floating], size: tuple[int, int], margin: int = 3) -> Window | None:
    """The part of a frame (height, width) that points (V, 2) reach; None if they lie outside it."""
    low = np.floor([points[:, 0].min(), points[:, 1].min()]) - margin
    high = np.ceil([points[:, 0].max(), points[:, 1].max()]) + margin
    x0, y0 = np.clip(low, 0, (size[1], size[0])).astype(int).tolist()
    x1, y1 = np.clip(high, 0, (size[1], size[0])).astype(int).tolist()
    return (x0, y0, x1, y1) if x1 - x0 > 2 and y1 - y0 > 2 else None


def cover(verts: Floats, tri: NDArray[np.int64], size: tuple[int, int], cull: bool, margin: int = 3) -> Coverage | None:
    """Rasterise verts (V, 3) in pixels; None where nothing is inside the frame.

    cull: whether triangles that face away are left out.
    """
    if not len(tri):
        return None
    corners = verts[:, :2].astype(np.float32)[tri]
    window = window_of(corners.reshape(-1, 2), size, margin)
    if window is None:
        return None
    x0, y0, x1, y1 = window
    corners = (corners - np.array([x0, y0], np.float32)) * np.float32(2)
    w, h = (x1 - x0) * 2, (y1 - y0) * 2
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
    chosen = np.flatnonzero(area < -THIN if cull else np.abs(area) > THIN)
    depth = verts[:, 2].astype(np.float32)[tri[chosen]].sum(1)
    chosen = chosen[np.argsort(depth, kind="stable")]
    corners = corners[chosen]
    number = paint_numbers(corners, (h, w))
    samples = np.stack([number[i::2, j::2].ravel() for i in (0, 1) for j in (0, 1)])
    kinds = np.zeros(h * w // 4, np.uint8)
    for covered in samples > 0:
        kinds += kinds
        kinds += covered
    pixels = np.flatnonzero(kinds)
    if not len(pixels):
        return None
    share = np.take(SHARE, kinds).reshape(h // 2, w // 2)
    first, second = (np.take(which, kinds[pixels]) for which in TWO_SAMPLES)
    face, other_face = (np.take(samples.ravel(), sample * (h * w // 4) + pixels) - 1 for sample in (first, second))
    mixed = np.flatnonzero(face != other_face)
    row, column = np.divmod(pixels.astype(np.int32), w // 2)
    places = []
    for shift, start in ((0, column), (1, row)):
        here, there = ((sample >> shift & 1).astype(np.float32) for sample in (first, second))
        both = (here + there) * np.float32(0.5)
        both[mixed] = here[mixed]
        corner = 2 * start + np.float32(0.5)
        places.append(np.concatenate([corner + both, (corner + there)[mixed]]))
    faces = np.concatenate([face, other_face[mixed]])
    return Coverage(window, share, corners, chosen, pixels, faces, places[0], places[1], mixed)


def affine_maps(
    number: NDArray[np.integer], rows: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Maps (h, w) of x and y: the affine functions (F, 3, 2) of each pixel's triangle `number` (h, w), from 1.

    Where there is no triangle the maps are undefined.
    """
    h, w = number.shape
    x, y = np.arange(w, dtype=np.float32)[None] + 0.5, np.arange(h, dtype=np.float32)[:, None] + 0.5
    maps = []
    for k in range(2):
        a, b, c = (np.take(np.ascontiguousarray(rows[:, i, k]), number - 1, mode="clip") for i in range(3))
        a *= x
        b *= y
        a += b
        a += c
        maps.append(a)
    return maps[0], maps[1]


def mesh_map(
    points: Floats, source: Floats, tri: NDArray[np.int64], size: tuple[int, int]
) -> tuple[Window, NDArray[np.float32], NDArray[np.float32]] | None:
    """Window and maps (h, w) of x and y into a picture, for a flat mesh moved from `source` to `points` (V, 2).

    Both maps are -1e4 outside the mesh.
    """
    window = window_of(points[np.unique(tri)], size, 0)
    if window is None:
        return None
    x0, y0, x1, y1 = window
    local = points - [x0, y0]
    number = paint_numbers(local[tri], (y1 - y0, x1 - x0))
    map_x, map_y = affine_maps(number, affine(local[tri], (source - 0.5)[tri]))
    outside = number == 0
    map_x[outside] = map_y[outside] = -1e4
    return window, map_x, map_y


def lookup(picture: NDArray, x: NDArray, y: NDArray) -> NDArray:
    """Values (N, 3) of a picture at places x, y (N,), interpolated linearly; OpenCV limits the sides of its maps."""
    count, side = len(x), 512
    full = -(-count // side) * side
    map_x, map_y = (np.pad(m.astype(np.float32), (0, full - count)).reshape(-1, side) for m in (x, y))
    found = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1, picture.shape[2])[:count]
