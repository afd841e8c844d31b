"""Where the lips part: the face mesh is one to three pixels off, which becomes visible when the mouth opens."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .face_mesh import (
    LEFT_CHEEK,
    LOWER_INNER,
    LOWER_OUTER,
    POINTS,
    RIGHT_CHEEK,
    UPPER_INNER,
    UPPER_OUTER,
    FaceMesh,
    Picture,
    pupil_distance,
)
from .geometry import Array

OPEN = 0.03
"""Inner lips farther apart than this share of the pupil distance are an open mouth."""
SEARCH = 0.07
"""Pupil distances above and below the mesh within which the line between closed lips is searched for."""
OPEN_SEARCH = 0.05
"""The same for each edge of an open mouth."""
GLOSS = 0.015
"""Pupil distances outside of the mesh's opening within which paleness still speaks for teeth: farther out it is gloss
on a lip, whereas darkness is the cavity."""
SMALLEST, CONTRAST = 25.0, 0.05
"""Least pupil distance in pixels for testing the line, and least contrast, relative to the face's, for seeing it."""
ABOVE_LIPS, BELOW_LIPS = (2, 92, 322, 267, 37), (18, 182, 406, 421, 201)
"""Polygons of the skin beside the lips."""
PLAIN = np.array([7.0, 4.0, 4.0])
"""Lab: bare lips differ more than this from the skin above or below them; covered ones do not."""
_CORNERS = np.array([0, 0.4, 0.7, 0.9, 1, 1, 1, 0.9, 0.7, 0.4, 0])
"""How far each edge point may follow the picture: near the corners the mesh is more reliable."""


def opening(points: Array) -> float:
    """Mean distance between the inner lips, without the corners, in the unit of the points (P, 3)."""
    gap = np.linalg.norm(points[list(UPPER_INNER)] - points[list(LOWER_INNER)], axis=1)
    return float(gap[3:-3].mean())


def refine_lips(picture: Picture, points: Array, scale: float) -> Array:
    """The mesh points (468, 3) with the inner lips moved onto what the RGB picture shows; scale: pupil distance."""
    if opening(points) > OPEN * scale:
        return _refine_open(picture, points, scale)
    return _refine_closed(picture, points, scale)


def _refine_closed(picture: Picture, points: Array, scale: float) -> Array:
    """Both edges on the dark line between the lips: the cheapest smooth path through vertical profiles."""
    upper, lower = list(UPPER_INNER), list(LOWER_INNER)
    grey = _blurred_grey(picture, scale)
    middle = (points[upper] + points[lower]) / 2
    reach = np.linspace(-SEARCH, SEARCH, 29) * scale
    columns = np.repeat(middle[:, :1], len(reach), 1)
    cost = _look(grey, columns, middle[:, 1:2] + reach).astype(np.float64)
    cost = (cost - cost.min(1, keepdims=True)) / (np.ptp(cost, axis=1)[:, None] + 12) + 0.3 * (reach / reach[-1]) ** 2
    jump = 6.0 * (np.subtract.outer(reach, reach) / reach[-1]) ** 2
    best, back = cost[0], []
    for column in cost[1:]:
        total = best[:, None] + jump
        back.append(total.argmin(0))
        best = total.min(0) + column
    path = [int(best.argmin())]
    for previous in back[::-1]:
        path.append(int(previous[path[-1]]))
    out = points.copy()
    out[upper, 1] = out[lower, 1] = middle[:, 1] + _smooth_chain(reach[path[::-1]])
    return out


def _refine_open(picture: Picture, points: Array, scale: float) -> Array:
    """Both edges where the lips end and cavity or teeth begin: per column, the span that is least like the lips."""
    sharp = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    lab = np.asarray(cv2.GaussianBlur(sharp, (0, 0), max(0.006 * scale, 0.5)), np.float32)
    top, up, low, bottom = (points[list(c), :2] for c in (UPPER_OUTER, UPPER_INNER, LOWER_INNER, LOWER_OUTER))
    # The colour of each lip, from its middle.
    lips = [(a + b)[3:-3] / 2 for a, b in ((top, up), (low, bottom))]
    lip_up, lip_low = (np.median(_look(lab, xy[:, 0], xy[:, 1]), 0) for xy in lips)
    reach, steps = OPEN_SEARCH * scale, 60
    new_up, new_low = up[:, 1].copy(), low[:, 1].copy()
    share = np.linspace(0, 1, steps)[:, None]
    for k in range(1, len(up) - 1):
        y0 = max(top[k, 1] + 0.02 * scale, up[k, 1] - reach)
        y1 = min(bottom[k, 1] - 0.02 * scale, low[k, 1] + reach)
        if y1 - y0 < 2:
            continue
        y = np.linspace(y0, y1, steps)
        x = np.interp(y, [top[k, 1], (up[k, 1] + low[k, 1]) / 2, bottom[k, 1]], [top[k, 0], up[k, 0], bottom[k, 0]])
        colour = _look(lab, x, y)
        off = lip_up * (1 - share) + lip_low * share - colour
        darker, paler = off[:, 0] / 14, off[:, 1] / 7
        tooth = -darker * 0.6 + np.maximum(paler, 0) * 0.8  # bright and not red, also where lips are pale
        outside = np.maximum(np.maximum(up[k, 1] - y, y - low[k, 1]), 0)
        prior = 0.35 - 0.9 * outside / reach
        pale = np.maximum(paler, tooth) * np.clip(1 - outside / (GLOSS * scale), 0, 1)
        score = np.clip(np.maximum(darker, pale), -1, 2.5) - 1 + prior
        # The span with the largest sum of scores.
        total = np.concatenate([[0], np.cumsum(score)])
        end = int((total - np.minimum.accumulate(total)).argmax())
        begin = int(total[: end + 1].argmin())
        if end > begin:
            new_up[k], new_low[k] = y[begin], y[min(end, steps - 1)]
        else:
            new_up[k] = new_low[k] = y[int(colour[:, 0].argmin())]
    out = points.copy()
    for chain, old, new in ((UPPER_INNER, up[:, 1], new_up), (LOWER_INNER, low[:, 1], new_low)):
        move = np.clip(new - old, -reach, reach)
        move[1:-1] = np.median(np.stack([move[:-2], move[1:-1], move[2:]]), 0)
        out[list(chain), 1] = old + _smooth_chain(move * _CORNERS)
    return out


def _smooth_chain(values: Array) -> Array:
    return np.convolve(np.pad(values, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")


def _blurred_grey(picture: Picture, scale: float) -> NDArray[np.float32]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), max(scale * 0.008, 0.6)), np.float32)


def _look(image: NDArray[np.float32], x: Array, y: Array) -> NDArray[np.float32]:
    """Values of an image at places of any shape (at most two axes), bilinear."""
    shape = np.shape(x)
    mx, my = (np.reshape(v, (1, -1)).astype(np.float32) for v in (x, y))
    values = np.asarray(cv2.remap(image, mx, my, cv2.INTER_LINEAR), np.float32)
    return values[0].reshape(*shape, *image.shape[2:])


def lips_share(picture: Picture, mesh: FaceMesh) -> float | None:
    """Share of the columns of closed lips in which a dark line parts them, 0-1; None for an open mouth or a tiny face.

    Below 0.4 the mouth is hidden or hardly seen: true of 30 of 39 masked and 18 of 187 other closed mouths.
    """
    points, scale = mesh.points[:POINTS], pupil_distance(mesh)
    if opening(points) > OPEN * scale or scale < SMALLEST:
        return None
    refined = refine_lips(picture, points, scale)
    line = (refined[list(UPPER_INNER)] + refined[list(LOWER_INNER)])[2:-2, :2] / 2
    grey = _blurred_grey(picture, scale)
    (x0, y0), (x1, y1) = np.maximum(points[:, :2].min(0), 0).astype(int), points[:, :2].max(0).astype(int)
    span = float(np.ptp(np.percentile(grey[y0:y1, x0:x1], [5, 95])))
    above, on, below = (_look(grey, line[:, 0], line[:, 1] + dy * scale) for dy in (-0.05, 0.0, 0.05))
    return float(((np.minimum(above, below) - on) / max(span, 1) > CONTRAST).mean())


def mouth_hidden(picture: Picture, mesh: FaceMesh) -> bool:
    """For lips without a line: whether the mouth is as bright as the cheeks, the lower face of another colour than the
    brow (a mask), lips and the skin around them of one colour (a hand), or all of it dark."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)

    def tone(*points: int) -> NDArray[np.float32] | None:
        area = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillConvexPoly(area, cv2.convexHull(np.round(mesh.points[list(points), :2]).astype(np.int32)), (1,))
        return np.median(lab[area > 0], 0) if area.any() else None

    mouth, chin, brow = tone(57, 287, 0, 17), tone(57, 287, 365, 136), tone(67, 297, 296, 66)
    cheeks = [c for c in (tone(*RIGHT_CHEEK), tone(*LEFT_CHEEK)) if c is not None]
    if mouth is None or chin is None or brow is None or not cheeks:
        return False
    lightest = max(float(c[0]) for c in cheeks)
    other_colour = float(np.hypot(*(brow - chin)[1:])) > 14
    around = [t for t in (tone(*ABOVE_LIPS), tone(*BELOW_LIPS)) if t is not None]
    covered = all((np.abs(mouth - t) < PLAIN).all() for t in around)
    return bool(mouth[0] > lightest - 2 or max(lightest, float(brow[0])) < 28 or other_colour or covered)
