"""Triangles to pixels without a graphics card.

They are painted far to near as numbers, then every pixel takes its triangle's affine functions. A painted layer is a
premultiplied picture with its place in the frame.
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
"""The factor on the skin's colour that a texture stores as 255."""
SLENDER = 0.12
"""A triangle whose height is at most this share of its longest side is slender."""
THIN = 0.25
"""Triangles of at most half this area, in samples, are not painted."""


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
    """Which triangles are seen where, with 2 x 2 samples a pixel.

    window: in the frame; opacity: (h, w) covered share of each pixel; corners: (S, 3, 2) in samples of the window and
    chosen: (S,) numbers of the triangles that are painted; flat, face: (N,) covered samples of a raster (2 h, 2 w) and
    their triangles among the chosen ones. Of the samples only those on one diagonal of each pixel are kept: two smooth
    edges within the picture well enough at half of the cost. pixels: (M,) of the flat picture that have samples.
    """

    window: Window
    opacity: NDArray[np.float32]
    corners: Floats
    chosen: NDArray[np.int64]
    flat: NDArray[np.int64]
    face: NDArray[np.int64]
    pixels: NDArray[np.int64]

    def interpolate(self, values: NDArray) -> NDArray[np.float32]:
        """Values (N, K) at the covered samples, from those of the chosen triangles' corners (S, 3, K)."""
        rows = affine(self.corners, values)
        x_slope, y_slope, start = (np.take(np.ascontiguousarray(rows[:, k]), self.face, 0) for k in range(3))
        y, x = np.divmod(self.flat, 2 * self.opacity.shape[1])
        x_slope *= x[:, None].astype(np.float32) + np.float32(0.5)
        y_slope *= y[:, None].astype(np.float32) + np.float32(0.5)
        x_slope += y_slope
        x_slope += start
        return x_slope

    def mean(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(M, K): values (N, K) of the samples of each pixel, averaged."""
        h, w = self.opacity.shape
        y, x = np.divmod(self.flat, 2 * w)
        place = np.zeros(h * w, np.int64)
        place[self.pixels] = np.arange(len(self.pixels))
        at, lower = place[(y >> 1) * w + (x >> 1)], (y & 1).astype(bool)
        # a pixel has at most one sample in its upper row and one in its lower
        total, count = np.zeros((len(self.pixels), values.shape[1]), np.float32), np.zeros(len(self.pixels), np.float32)
        for row in (np.flatnonzero(~lower), np.flatnonzero(lower)):
            total[at[row]] += np.take(values, row, 0)
            count[at[row]] += 1
        total /= count[:, None]
        return total

    def picture(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w, K): values (M, K) of the pixels in their places, zeros elsewhere."""
        h, w = self.opacity.shape
        out = np.zeros((h * w, values.shape[1]), np.float32)
        out[self.pixels] = values
        return out.reshape(h, w, -1)


def paint_numbers(
    points: Floats, tri: NDArray[np.int64], order: NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.int32]:
    """(h, w): number of the triangle that is seen, from 1; points (V, 2), order: which triangles, far to near."""
    label = np.zeros(size, np.int32)
    corners = np.round((points[tri] - 0.5) * 16).astype(np.int32)
    for f in order.tolist():
        cv2.fillConvexPoly(label, corners[f], f + 1, 8, 4)
    return label


def affine(points: Floats, values: NDArray) -> NDArray[np.float32]:
    """(F, 3, K): values (F, 3, K) of the corners of triangles (F, 3, 2) as functions of x, y, 1.

    Slender triangles get the mean of their corners: samples on their rims lie far outside of them in their own measure.
    """
    e1, e2 = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    det = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    longest = np.maximum(np.square(e1).sum(1), np.square(e2).sum(1))
    slender = np.abs(det) <= SLENDER * np.maximum(longest, np.square(e2 - e1).sum(1))
    det = np.where(slender, np.inf, det)[:, None]
    u1, u2 = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    ax = (u1 * e2[:, 1:2] - u2 * e1[:, 1:2]) / det
    ay = (u2 * e1[:, 0:1] - u1 * e2[:, 0:1]) / det
    c = np.where(slender[:, None], values.mean(1), values[:, 0] - ax * points[:, 0, :1] - ay * points[:, 0, 1:])
    return np.stack([ax, ay, c], 1).astype(np.float32)


def window_of(points: Floats, size: tuple[int, int], margin: int = 3) -> Window | None:
    """The part of a frame (height, width) that points (V, 2) reach; None if they are outside of it."""
    low, high = np.floor(points.min(0)) - margin, np.ceil(points.max(0)) + margin
    x0, y0 = np.clip(low, 0, (size[1], size[0])).astype(int).tolist()
    x1, y1 = np.clip(high, 0, (size[1], size[0])).astype(int).tolist()
    return (x0, y0, x1, y1) if x1 - x0 > 2 and y1 - y0 > 2 else None


def cover(verts: Floats, tri: NDArray[np.int64], size: tuple[int, int], cull: bool, margin: int = 3) -> Coverage | None:
    """Rasterise verts (V, 3) in pixels; None where nothing is inside the frame.

    cull: whether triangles that face away are left out.
    """
    if not len(tri):
        return None
    window = window_of(verts[np.unique(tri), :2], size, margin)
    if window is None:
        return None
    x0, y0, x1, y1 = window
    points = (verts[:, :2] - [x0, y0]) * 2
    w, h = (x1 - x0) * 2, (y1 - y0) * 2
    a, b, c = (points[tri[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    seen = area < -THIN if cull else np.abs(area) > THIN
    seen &= (high[:, 0] >= 0) & (high[:, 1] >= 0) & (low[:, 0] < w) & (low[:, 1] < h)
    chosen = np.flatnonzero(seen)
    depth = verts[tri[chosen, 0], 2] + verts[tri[chosen, 1], 2] + verts[tri[chosen, 2], 2]
    chosen = chosen[np.argsort(depth, kind="stable")]
    number = paint_numbers(points, tri[chosen], np.arange(len(chosen)), (h, w))
    opacity = cv2.resize((number > 0).astype(np.float32), (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    kept = (number[::2, ::2] | number[1::2, 1::2]) > 0
    for other in (number[::2, 1::2], number[1::2, ::2]):  # rims seen by the other diagonal alone keep it
        other[kept] = 0
    flat = np.flatnonzero(number)
    if not len(flat):
        return None
    face = number.ravel()[flat] - 1
    pixels = np.flatnonzero(opacity)
    return Coverage(window, np.asarray(opacity, np.float32), points[tri[chosen]], chosen, flat, face, pixels)


def mesh_map(
    points: Floats, source: Floats, tri: NDArray[np.int64], size: tuple[int, int]
) -> tuple[Window, NDArray[np.float32], NDArray[np.float32]] | None:
    """Window and maps (h, w) of x and y into a picture, for a flat mesh moved from `source` to `points` (V, 2).

    Both maps are -1e4 outside of the mesh.
    """
    window = window_of(points[np.unique(tri)], size, 0)
    if window is None:
        return None
    x0, y0, x1, y1 = window
    local = points - [x0, y0]
    number = paint_numbers(local, tri, np.arange(len(tri)), (y1 - y0, x1 - x0))
    rows = affine(local[tri], (source - 0.5)[tri])
    outside = np.array([[[0, 0], [0, 0], [-1e4, -1e4]]], np.float32)
    per_pixel = np.take(np.concatenate([outside, rows]).reshape(-1, 6), number, axis=0)
    xs = np.arange(x1 - x0, dtype=np.float32)[None] + 0.5
    ys = np.arange(y1 - y0, dtype=np.float32)[:, None] + 0.5
    map_x, map_y = (per_pixel[..., k] * xs + per_pixel[..., k + 2] * ys + per_pixel[..., k + 4] for k in (0, 1))
    return window, map_x, map_y


def lookup(picture: NDArray, x: NDArray, y: NDArray) -> NDArray:
    """(N, 3) of a picture at places x, y (N,), linearly; OpenCV wants maps with short sides."""
    count, side = len(x), 512
    full = -(-count // side) * side
    map_x, map_y = (np.pad(m.astype(np.float32), (0, full - count)).reshape(-1, side) for m in (x, y))
    found = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1, picture.shape[2])[:count]
