"""What depends on the place on an arm's skin alone, as factors on its colour: rosier tips, knuckles, nails, folds."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ..generators.layered.arm_mesh import ArmModel
from ..generators.layered.raster import BRIGHT, affine, paint_numbers

Floats = NDArray[np.float64]

ATLAS = 2048
"""Texels of the side of the whole body's atlas, of which the arm's part is kept."""
PALM_LINES = (
    (((0.66, 1.12), (0.76, 0.85), (0.84, 0.5), (0.98, 0.22)), 0.9),  # heart
    (((0.70, -0.12), (0.66, 0.2), (0.56, 0.6), (0.44, 0.9)), 0.75),  # head
    (((0.72, -0.12), (0.62, 0.12), (0.42, 0.36), (0.22, 0.46), (0.06, 0.46)), 1.0),  # life
    (((0.0, 0.1), (-0.01, 0.5), (0.0, 0.95)), 0.6),  # wrist
)
"""Folds of the palm: places (along the palm, across it from fore- to little finger) and depth."""


def skin_factors(arm: ArmModel, texel: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(h, w, 3) RGB factors on the skin's colour, BRIGHT stored as 255; texel (F, 3, 2): the triangles' corners."""
    w, h = np.ceil(texel.reshape(-1, 2).max(0)).astype(int) + 8
    corners = texel.reshape(-1, 2).astype(float)
    number = paint_numbers(corners, np.arange(len(corners)).reshape(-1, 3), np.arange(len(texel)), (h, w))
    y, x = np.nonzero(number)
    shares = np.stack([arm.weights[:, 4 + 3 * j : 7 + 3 * j].sum(1) for j in range(5)], 1)
    values = np.concatenate([arm.rest, _albedo(arm), arm.palm[:, None], arm.along[:, None], shares], 1)[arm.tri]
    rows = affine(texel.astype(float), values)[number[y, x] - 1]
    v = rows[:, 0] * (x[:, None] + 0.5) + rows[:, 1] * (y[:, None] + 0.5) + rows[:, 2]
    rest, albedo, palm, where, finger = v[:, :3], v[:, 3:6], v[:, 6], v[:, 7], v[:, 8:]
    hand = np.clip((where - 1.8) / 0.3, 0, 1)
    folds = _lines(arm, rest, np.clip(palm, 0, 1), finger) * (where > 1.95)
    fine = 1 + 0.020 * hand * noise(rest, 26.0, 11) + 0.012 * noise(rest, 60.0, 5)
    factor = albedo * (1 - folds[:, None] * np.array([0.20, 0.30, 0.32])) * fine[:, None]
    picture = np.zeros((h, w, 3), np.uint8)
    picture[y, x] = (factor / BRIGHT * 255).round().clip(0, 255)
    blank = (number == 0).astype(np.uint8)
    for _ in range(6):  # carry the borders of the islands outwards
        grown = cv2.dilate(picture, np.ones((3, 3)))
        new = (blank > 0) & (cv2.erode(blank, np.ones((3, 3))) == 0)
        picture[new] = grown[new]
        blank[new] = 0
    return picture


def noise(p: NDArray, scale: float, seed: int) -> Floats:
    """Smooth value noise (N,) in -1..1 at points (N, 3)."""
    q = np.asarray(p, float) * scale + 100.0
    i = np.floor(q).astype(np.int64)
    f = q - i
    f = f * f * (3 - 2 * f)
    out = np.zeros(len(q))
    for dx, dy, dz in np.ndindex(2, 2, 2):
        h = ((i[:, 0] + dx) * 73856093) ^ ((i[:, 1] + dy) * 19349663) ^ ((i[:, 2] + dz) * 83492791)
        h = ((h ^ (seed * 2654435761)) * 1103515245 + 12345) & 0x7FFFFFFF
        value = (h >> 8) / float(0x7FFFFF) * 2 - 1
        weight = (f if dx else 1 - f)[:, 0] * (f if dy else 1 - f)[:, 1] * (f if dz else 1 - f)[:, 2]
        out += weight * value
    return out


def _albedo(arm: ArmModel) -> Floats:
    """(V, 3) factors: rosier tips, knuckles and palms, paler nails, darker folds."""
    count = len(arm.rest)
    out = np.ones((count, 3))
    tip = np.zeros(count)
    for j in range(5):
        for k, amount in ((3, 1.0), (1, 0.5), (2, 0.4)):
            far = np.linalg.norm(arm.rest - arm.joints[j, k], axis=1)
            tip = np.maximum(tip, amount * np.exp(-np.square(far / 0.16)))
    hand = np.clip((arm.along - 1.9) / 0.15, 0, 1)
    out *= 1 + (np.array([1.0, 0.90, 0.89]) - 1) * (0.75 * tip * hand)[:, None]
    out *= 1 + (np.array([1.05, 1.0, 0.985]) - 1) * arm.palm[:, None]
    out *= 1 + np.array([0.012, 0.028, 0.028]) * noise(arm.rest, 5.0, 3)[:, None]
    out *= 1 - (0.07 * _creases(arm) * hand)[:, None] * np.array([0.85, 1.05, 1.1])
    nail = arm.nail[:, None]
    return out * (1 - nail) + nail * np.array([1.05, 0.99, 0.99])


def _creases(arm: ArmModel) -> Floats:
    """(V,) 0..1: folds over and under the joints of the fingers."""
    out = np.zeros(len(arm.rest))
    for j in range(5):
        mine = arm.weights[:, 4 + 3 * j : 7 + 3 * j].sum(1) > 0.5
        for k in (1, 2):
            step = arm.joints[j, k + 1] - arm.joints[j, k]
            far = (arm.rest - arm.joints[j, k]) @ (step / np.linalg.norm(step))
            out = np.maximum(out, mine * np.exp(-np.square(far / 0.035)))
    return out


def _lines(arm: ArmModel, rest: Floats, palm_side: Floats, finger: Floats) -> Floats:
    """(N,) 0..1 darkness of the lines of palm and fingers at rest positions (N, 3); finger (N, 5): their shares."""
    out = np.zeros(len(rest))
    u_axis = arm.joints[2, 0] / np.linalg.norm(arm.joints[2, 0])
    v_axis = arm.joints[4, 0] - arm.joints[1, 0]
    v_axis = v_axis - u_axis * (v_axis @ u_axis)
    breadth = np.linalg.norm(v_axis)
    v_axis /= breadth
    u = rest @ u_axis
    v = (rest - arm.joints[1, 0]) @ v_axis / breadth  # 0 at the forefinger, 1 at the little finger
    near = np.nonzero((palm_side > 0.05) & (u < 1.15) & (u > -0.15))[0]
    for points, depth in PALM_LINES:
        p = np.array(points)
        best = np.full(len(near), 9.0)
        for a, b in pairwise(p):
            d = b - a
            t = np.clip(((u[near] - a[0]) * d[0] + (v[near] - a[1]) * d[1]) / (d @ d), 0, 1)
            best = np.minimum(best, np.hypot(u[near] - a[0] - t * d[0], (v[near] - a[1] - t * d[1]) * breadth))
        out[near] = np.maximum(out[near], depth * palm_side[near] * np.exp(-np.square(best / 0.017)))
    for j in range(5):
        for k in (0, 1, 2):
            if j == 0 and k == 0:
                continue
            step = arm.joints[j, k + 1] - arm.joints[j, k]
            mine = np.nonzero(finger[:, j] > 0.5)[0]
            far = (rest[mine] - arm.joints[j, k]) @ (step / np.linalg.norm(step)) - (0.16 if k == 0 else 0.0)
            fold = np.exp(-np.square(far / 0.014)) + 0.45 * np.exp(-np.square((np.abs(far) - 0.038) / 0.011)) * (k > 0)
            side = palm_side[mine] if k == 0 else 0.35 + 0.65 * palm_side[mine]
            out[mine] = np.maximum(out[mine], 0.8 * side * fold * np.clip(finger[mine, j] * 2 - 1, 0, 1))
    return out
