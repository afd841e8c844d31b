"""What is measured once on a portrait's head: its pose, its face units, colours, teeth and glasses."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from .face_mesh import (
    CHIN,
    EYES,
    LEFT_CHEEK,
    LIP_BODIES,
    LOWER_INNER,
    LOWER_OUTER,
    OVAL,
    POINTS,
    RIGHT_CHEEK,
    STABLE,
    UPPER_INNER,
    UPPER_OUTER,
    FaceMesh,
    Picture,
    pupil_distance,
    strip_triangles,
)
from .face_units import face_units
from .geometry import Array, similarity, smootherstep
from .glasses import BAR, eyes_hidden, nose_bar
from .lips import OPEN, lips_share, mouth_hidden, refine_lips
from .teeth import Mask, empty_mouth, lip_colour, split_teeth, tooth_mask

__all__ = ["Head", "analyse_head", "head_rotation", "lips_share", "mouth_hidden", "pupil_distance", "yaw_of"]

Triangles = NDArray[np.int64]

SIDE, HEIGHT = 2.3, 2.9
"""The crop reaches this many pupil distances to each side, and up and down, from the middle of the face."""
GRID = 0.22
"""Pupil distances between points around the face."""
STEEPEST = 1.1
"""Depth along an edge of the mesh over its length: steeper edges would fold at small turns."""
CLOSED_GAP = 0.012
"""Photographed openings below this share of the pupil distance count as closed."""
NEUTRAL_RAISE = 0.04
"""Mouth corners raised by up to this many pupil distances over those of the units' own face are not yet a smile."""


@dataclass(frozen=True)
class Head:
    """A head taken apart. All places are in pixels of its crop; colours are RGB.

    Points: the 468 of the face mesh, then those of a grid around it (P in all); x right, y down, z away from the
    camera. `scale`, the pupil distance in pixels, is the unit of everything else.
    """

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 of the crop in the picture."""
    picture: Picture
    """(h, w, 3) the crop without arms, with an open mouth emptied."""
    photo: Picture
    """(h, w, 3) the crop with the mouth as photographed."""
    points: Array
    """(P, 3) as photographed."""
    closed: Array
    """(P, 3) offsets that close the photographed mouth."""
    units: dict[str, Array]
    """Face units: name -> (P, 3) offsets at weight 1."""
    follow: Array
    """(P,) share of the head's motion that each point follows."""
    triangles: Triangles
    """(T, 3) in painting order, the surroundings first."""
    surroundings: int
    """How many triangles are surroundings."""
    mouth_hole: Triangles
    eye_hole: Triangles
    pivot: Array
    """(3,) where the head turns."""
    rotation: Array
    """(3, 3) of the head in the picture."""
    scale: float
    gap: float
    """Photographed opening of the inner lips, in pupil distances."""
    skin: Array
    sclera: Array
    lips: Array
    """(3,) each: cheeks, white of the eyes, lips."""
    teeth_colour: Array | None
    """(3,) where the photograph shows teeth."""
    upper_teeth: Mask | None
    lower_teeth: Mask | None
    """(h, w) in 0-1, where `photo` shows them."""
    glasses: bool
    blinking: float
    """How far the eyes can close, 0-1."""
    smile: float
    """Weight of the photographed smile, 0-1."""


def head_rotation(mesh: FaceMesh) -> Array:
    """Rotation (3, 3) of the head in picture axes; the identity for a head that looks into the camera."""
    stable = list(STABLE)
    return similarity(face_units().rest[stable], mesh.points[stable])[1]


def yaw_of(mesh: FaceMesh) -> float:
    """Degrees that the head is turned sideways, about -90 to 90, positive to the picture's right."""
    return float(np.degrees(_angles(head_rotation(mesh))[1]))


def _angles(rotation: Array) -> tuple[float, float]:
    """Pitch (positive looks down) and yaw (positive to the picture's right) in radians."""
    yaw = np.arctan2(-rotation[0, 2], rotation[2, 2])
    return float(np.arcsin(np.clip(-rotation[1, 2], -1, 1))), float(yaw)


def _blinking(points: Array, rotation: Array, scale: float) -> float:
    """How far these eyes can close, 0-1: where the mesh cannot follow the lids, they stay as photographed.

    This holds for heads turned more than 30 degrees (the far eye smears, and one eye alone would wink), for heads that
    look far up, and for wide-open eyes (of cartoons).
    """
    pitch, yaw = np.degrees(_angles(rotation))
    lids = [np.linalg.norm(points[list(eye.upper)] - points[list(eye.lower)], axis=1).max() for eye in EYES.values()]
    return float(np.clip(min((34 - abs(yaw)) / 6, (31 + pitch) / 6, (0.27 - max(lids) / scale) / 0.03), 0, 1))


def _crop_box(mesh: FaceMesh, scale: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1: all of the head and the upper chest within a picture of (width, height)."""
    x, y = mesh.points[list(OVAL), :2].mean(0)
    x0, x1 = int(max(0, x - SIDE * scale)), int(min(size[0], x + SIDE * scale))
    y0, y1 = int(max(0, y - HEIGHT * scale)), int(min(size[1], y + HEIGHT * scale))
    return x0, y0, x1, y1


def analyse_head(picture: Picture, mesh: FaceMesh, plain: Picture) -> Head:
    """Everything that the animation of a head needs.

    picture, plain: (H, W, 3) RGB, the portrait and the portrait without arms, whose pixels are moved.
    """
    scale, rotation = pupil_distance(mesh, deep=True), head_rotation(mesh)
    points = refine_lips(picture, mesh.points[:POINTS], scale)
    height, width = picture.shape[:2]
    box = x0, y0, x1, y1 = _crop_box(mesh, scale, (width, height))
    photo = np.ascontiguousarray(plain[y0:y1, x0:x1])
    detected = mesh.points - [x0, y0, 0]
    points = _limit_slope(points - [x0, y0, 0])
    cut_sides = x0 > 0 and x1 < width
    face = face_units()
    mouth_width = float(np.linalg.norm(points[61] - points[291]))
    usual = float(np.linalg.norm(face.rest[61] - face.rest[291])) * scale
    stretch = float(np.clip(mouth_width / usual, 0.8, 1.25))
    units = {name: scale * (d * [stretch, 1, 1]) @ rotation.T for name, d in face.offsets.items()}
    down = rotation[:, 1] / np.linalg.norm(rotation[:, 1])

    grid, weights, distance = _surroundings(points, (x1 - x0, y1 - y0), scale)
    fade = np.exp(-((distance / 0.32) ** 2))[:, None]
    points = np.concatenate([points, grid])
    units = {name: np.concatenate([d, (weights @ d[list(OVAL)]) * fade]) for name, d in units.items()}
    closed, gap = _closing(points, units["jawOpen"], down, scale)

    # The surroundings also lie under the face, so that no crack can open along its outline.
    around = np.concatenate([list(OVAL), np.arange(POINTS, len(points))])
    outside = around[Delaunay(points[around, :2]).simplices]
    back = float(points[[127, 356, 234, 454], 2].mean() + 0.15 * scale)
    pivot = np.array([points[[127, 356], 0].mean(), points[CHIN, 1] - 0.15 * scale, back]) + 0.1 * scale * down
    skin, sclera, teeth_colour = _colours(photo, detected, gap * scale)
    upper_teeth = lower_teeth = None
    emptied = photo
    if gap > OPEN:
        if teeth_colour is not None:
            tooth = tooth_mask(photo, points, skin, scale)
            upper_teeth, lower_teeth = split_teeth(tooth, photo, points, scale)
        emptied = empty_mouth(photo, points, scale)
    return Head(
        box=box,
        picture=emptied,
        photo=photo,
        points=points,
        closed=closed,
        units=units,
        follow=_follow(points, down, scale, x1 - x0, cut_sides),
        triangles=np.concatenate([outside, face.triangles]),
        surroundings=len(outside),
        mouth_hole=strip_triangles(UPPER_INNER, LOWER_INNER),
        eye_hole=np.concatenate([strip_triangles(eye.upper, eye.lower) for eye in EYES.values()]),
        pivot=pivot,
        rotation=rotation,
        scale=scale,
        gap=gap,
        skin=skin,
        sclera=sclera,
        lips=lip_colour(photo, points),
        teeth_colour=teeth_colour,
        upper_teeth=upper_teeth,
        lower_teeth=lower_teeth,
        glasses=nose_bar(photo, points, scale) > BAR,
        blinking=0.0 if eyes_hidden(photo, points, scale, skin) else _blinking(points, rotation, scale),
        smile=_smile(points[:POINTS], rotation, scale),
    )


def _smile(points: Array, rotation: Array, scale: float) -> float:
    """Weight of mouthSmile in the portrait, 0-1, from how far the corners are raised above the lips' middle."""

    def raised(p: Array) -> float:
        return float(p[[13, 14], 1].mean() - p[[61, 291], 1].mean())

    face = face_units()
    unit = raised(face.rest + face.offsets["mouthSmile"]) - raised(face.rest)
    more = raised(points @ rotation / scale) - raised(face.rest) - NEUTRAL_RAISE
    return float(np.clip(more / unit, 0, 1))


def _limit_slope(points: Array, rounds: int = 40) -> Array:
    """Depths no steeper than STEEPEST along any edge (the deeper end comes forward), so small turns fold nothing."""
    t = face_units().triangles
    a, b = np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]).T
    a, b = np.concatenate([a, b]), np.concatenate([b, a])
    length = STEEPEST * np.linalg.norm(points[a, :2] - points[b, :2], axis=1)
    z = points[:, 2].copy()
    for _ in range(rounds):
        np.minimum.at(z, b, z[a] + length)
    return np.column_stack([points[:, :2], z])


def _surroundings(points: Array, size: tuple[int, int], scale: float) -> tuple[Array, Array, Array]:
    """Grid points (G, 3) around the face, weights (G, 36) of the outline's points on each, and distances (G,) from it
    in pupil distances."""
    oval = points[list(OVAL)]
    axes = [np.linspace(0, n - 1, max(2, round(n / (GRID * scale)) + 1)) for n in size]
    grid = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
    hull = oval[:, :2].astype(np.float32)
    inside = np.array([cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in grid])
    grid = grid[inside < -0.45 * GRID * scale]
    d = np.linalg.norm(grid[:, None] - oval[None, :, :2], axis=2) / scale
    nearest = d.min(1)
    weights = np.exp((nearest[:, None] / 0.18) ** 2 - (d / 0.18) ** 2)
    weights /= weights.sum(1, keepdims=True)
    ears = points[[127, 356, 234, 454], 2].mean() + 0.15 * scale
    z = weights @ oval[:, 2]
    z = z + (ears - z) * smootherstep(nearest / 0.7)
    return np.column_stack([grid, z]), weights, nearest


def _follow(points: Array, down: Array, scale: float, width: int, cut_sides: bool) -> Array:
    """(P,) share of the head's motion: all for the face, none for the shoulders, a little for hair beside the neck."""
    below = ((points - points[CHIN]) @ down) / scale
    follow = 1 - smootherstep((below - 0.05) / 0.95)
    follow[:POINTS] = 1
    sideways = np.abs(points[:, 0] - points[list(OVAL), 0].mean()) / scale
    follow = follow * (1 - smootherstep((sideways - 1.5) / 0.75))
    if cut_sides:
        edge = np.minimum(points[:, 0], width - 1 - points[:, 0]) / scale
        follow = follow * smootherstep(edge / 0.4)
    return follow


def _closing(points: Array, jaw: Array, down: Array, scale: float) -> tuple[Array, float]:
    """Offsets (P, 3) that close a photographed opening, most of it by the jaw, the rest on the lips; the opening in
    pupil distances."""
    upper, lower = list(UPPER_INNER), list(LOWER_INNER)
    gap = float(max(((points[lower] - points[upper]) @ down)[3:-3].mean(), 0)) / scale
    closed = np.zeros_like(points)
    if gap <= CLOSED_GAP:
        return closed, gap
    per = ((jaw[lower] - jaw[upper]) @ down)[3:-3].mean()
    closed -= 0.7 * gap * scale / per * jaw
    left = (points + closed)[lower] - (points + closed)[upper]
    for side, inner, outer, share in (("lower", lower, LOWER_OUTER, -0.6), ("upper", upper, UPPER_OUTER, 0.4)):
        closed[inner] += share * left
        closed[list(outer)] += 0.5 * share * left
        for row, along in LIP_BODIES[side]:
            closed[list(row)] += share * along * left[1:-1]
    return closed, gap


def _colours(photo: Picture, detected: Array, gap: float) -> tuple[Array, Array, Array | None]:
    """RGB of skin, white of the eyes, and teeth where an opening of `gap` pixels shows them."""

    def inside(*polygon: int) -> Array:
        area = np.zeros(photo.shape[:2], np.uint8)
        cv2.fillPoly(area, [np.round(detected[list(polygon), :2]).astype(np.int32)], (1,))
        return photo[area > 0].astype(float)

    cheeks = np.concatenate([inside(*RIGHT_CHEEK), inside(*LEFT_CHEEK)])
    skin = np.median(cheeks, 0) if len(cheeks) else np.array([180.0, 140, 120])
    sclera = skin * 1.1
    eyes = np.concatenate([inside(*eye.upper, *eye.lower[::-1]) for eye in EYES.values()])
    if len(eyes) > 20:
        level = eyes.mean(1)
        sclera = np.median(eyes[level >= np.percentile(level, 70)], 0)
    mouth = inside(*UPPER_INNER, *LOWER_INNER[::-1]) if gap > 2.5 else eyes[:0]
    if len(mouth) <= 12:
        return skin, sclera, None
    most = mouth.max(1)
    grey = 1 - (most - mouth.min(1)) / np.maximum(most, 1)
    bright = mouth[(mouth.mean(1) > 0.5 * skin.mean()) & (grey > 0.72)]
    return skin, sclera, np.percentile(bright, 75, axis=0) if len(bright) > 0.12 * len(mouth) else None
