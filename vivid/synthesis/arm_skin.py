"""Details of an arm's skin that depend only on the place, as colour factors: rosier tips, knuckles, nails, folds."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ..generators.layered.arm_mesh import ArmModel, normals_of
from ..generators.layered.raster import BRIGHT, affine, paint_numbers

Floats = NDArray[np.float64]

ATLAS = 2048
"""Side, in texels, of the whole body's atlas, of which the arm's part is kept."""
PALM_LINES = (
    (((0.66, 1.12), (0.76, 0.85), (0.84, 0.5), (0.98, 0.22)), 0.9),  # heart
    (((0.70, -0.12), (0.66, 0.2), (0.56, 0.6), (0.44, 0.9)), 0.75),  # head
    (((0.72, -0.12), (0.62, 0.12), (0.42, 0.36), (0.22, 0.46), (0.06, 0.46)), 1.0),  # life
    (((0.0, 0.1), (-0.01, 0.5), (0.0, 0.95)), 0.6),  # wrist
)
"""Folds of the palm: places (along the palm, across it from index to little finger) and depth."""


def skin_factors(arm: ArmModel, texel: NDArray[np.float32], nails: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(h, w, 3) RGB factors on the skin's colour, BRIGHT stored as 255.

    texel (F, 3, 2): the triangles' corners; nails (h, w): how much of each texel is fingernail, 0..1.
    """
    h, w = nails.shape
    corners = texel.reshape(-1, 2).astype(float)
    number = paint_numbers(corners.reshape(-1, 3, 2), (h, w))
    y, x = np.nonzero(number)
    shares = np.stack([arm.weights[:, 4 + 3 * j : 7 + 3 * j].sum(1) for j in range(5)], 1)
    facing = normals_of(arm.rest, arm.tri) @ arm.normal
    vertex = np.concatenate([arm.rest, arm.palm[:, None], arm.along[:, None], facing[:, None], shares], 1)
    rows = affine(texel.astype(float), vertex[arm.tri])[number[y, x] - 1]
    v = rows[:, 0] * (x[:, None] + 0.5) + rows[:, 1] * (y[:, None] + 0.5) + rows[:, 2]
    rest, palm, where, facing, finger = v[:, :3].astype(float), np.clip(v[:, 3], 0, 1), v[:, 4], v[:, 5], v[:, 6:]
    factor = _complexion(arm, rest, palm, where, facing, finger)
    hand = np.clip((where - 1.9) / 0.1, 0, 1)
    factor *= 1 - (_lines(arm, rest, palm, finger) * hand)[:, None] * np.array([0.04, 0.07, 0.07])
    factor *= 1 - (_wrinkles(arm, rest, facing, finger) * hand)[:, None] * np.array([0.16, 0.20, 0.21])
    factor = _with_nails(factor, nails[y, x], cv2.dilate(nails, np.ones((5, 5), np.uint8))[y, x], arm, rest)
    picture = np.zeros((h, w, 3), np.uint8)
    picture[y, x] = (factor / BRIGHT * 255).round().clip(0, 255)
    blank = (number == 0).astype(np.uint8)
    for _ in range(6):  # carry the borders of the islands outwards
        grown = cv2.dilate(picture, np.ones((3, 3)))
        new = (blank > 0) & (cv2.erode(blank, np.ones((3, 3))) == 0)
        picture[new] = grown[new]
        blank[new] = 0
    return picture


def _complexion(arm: ArmModel, rest: Floats, palm: Floats, where: Floats, facing: Floats, finger: Floats) -> Floats:
    """(N, 3): rosier tips, knuckles and palms, a forearm browner outside than inside, veins and tendons, mottle."""
    out = np.ones((len(rest), 3))
    hand, back = np.clip((where - 1.9) / 0.15, 0, 1), np.clip(-facing, 0, 1)
    blush = np.zeros(len(rest))
    for j in range(5):
        for k, amount, reach in ((3, 0.9, 0.17), (2, 0.55, 0.10), (1, 0.8, 0.12), (0, 0.7, 0.15)):
            far = np.linalg.norm(rest - arm.joints[j, k], axis=1)
            side = 1.0 if k == 3 else 0.35 + 0.65 * back
            blush = np.maximum(blush, amount * side * np.exp(-np.square(far / reach)))
    # on six photographed hands fingers had 0.7 to 1, mostly 0.85, of the green over red of the backs of the hands
    blush = np.maximum(blush, 0.55 * finger.max(1)) * (1 + 0.25 * noise(rest, 6.0, 23))
    out *= 1 - np.array([0.02, 0.19, 0.18]) * (blush * hand)[:, None]
    # between fingers skin lights itself
    out *= 1 - np.array([0.05, 0.11, 0.11]) * (finger.max(1) * hand * np.clip(1 - np.abs(facing) / 0.7, 0, 1))[:, None]
    # pads of the palm: below the thumb and the little finger, and the fingers' roots
    pads = np.clip(0.55 + 0.6 * noise(rest, 7.0, 21), 0, 1) * palm
    out *= 1 + (np.array([1.045, 0.965, 0.955]) - 1) * pads[:, None]
    out *= 1 + (np.array([1.03, 1.03, 1.02]) - 1) * (palm * (1 - pads))[:, None]
    fore = np.clip((where - 0.2) / 0.3, 0, 1) * (1 - hand)
    out *= 1 + (np.array([0.985, 0.965, 0.95]) - 1) * (fore * np.clip(0.5 - facing, 0, 1))[:, None]
    out *= 1 + np.array([0.016, 0.030, 0.034]) * noise(rest, 5.0, 3)[:, None]
    out *= 1 + np.array([0.020, 0.022, 0.022]) * noise(rest, 13.0, 7)[:, None]
    tendon, vein = _tendons_and_veins(arm, rest)
    out *= 1 + (0.075 * (tendon - 0.3) * back * hand * (1 - finger.max(1)))[:, None]
    out *= 1 - np.array([0.11, 0.055, 0.050]) * (vein * back * np.clip((where - 1.6) / 0.4, 0, 1))[:, None]
    inside = np.clip(facing - 0.2, 0, 1) * np.clip((where - 1.2) / 0.3, 0, 1) * np.clip((2.05 - where) / 0.1, 0, 1)
    return out * (1 - np.array([0.05, 0.022, 0.018]) * (_inner_veins(arm, rest) * inside)[:, None])


def _tendons_and_veins(arm: ArmModel, rest: Floats) -> tuple[Floats, Floats]:
    """(N,), (N,): ridges from the knuckles to the wrist, and crooked lines between them, 0..1 each."""
    tendon, vein = np.zeros(len(rest)), np.zeros(len(rest))
    bent = rest + 0.05 * np.stack([noise(rest, 3.5, 31 + k) for k in range(3)], 1)
    for j in range(1, 5):
        tendon = np.maximum(tendon, _near_line(rest, arm.joints[j, 0], 0.15 * arm.joints[j, 0], 0.045))
    for j in range(1, 4):
        fork = (arm.joints[j, 0] + arm.joints[j + 1, 0]) / 2
        root = 0.2 * arm.joints[2, 0] + 0.12 * (2.5 - j) * (arm.joints[1, 0] - arm.joints[4, 0])
        vein = np.maximum(vein, _near_line(bent, fork * 0.97, root, 0.030))
    vein = np.maximum(vein, _near_line(bent, 0.25 * arm.joints[2, 0], 0.4 * arm.elbow, 0.032))
    return tendon, vein


def _inner_veins(arm: ArmModel, rest: Floats) -> Floats:
    """(N,) 0..1: two crooked lines from the wrist up the inside of the forearm."""
    bent = rest + 0.09 * np.stack([noise(rest, 2.0, 41 + k) for k in range(3)], 1)
    across = 0.10 * (arm.joints[1, 0] - arm.joints[4, 0])
    return np.maximum(*(_near_line(bent, s * across, 0.6 * arm.elbow + s * across, 0.035) for s in (1.0, -0.7)))


def _near_line(p: Floats, a: Floats, b: Floats, width: float) -> Floats:
    """(N,) 0..1: how near points (N, 3) are to the line from a to b, seen from the back of the hand."""
    d = b - a
    t = np.clip((p - a) @ d / (d @ d), 0, 1)
    away = p - a - t[:, None] * d
    # the line lies under the skin: only its distance across counts
    depth = np.linalg.norm(away, axis=1)
    across = np.abs(away @ np.cross(d, _BACK)) / (np.linalg.norm(np.cross(d, _BACK)) + 1e-9)
    return (
        np.exp(-np.square(across / width))
        * np.exp(-np.square(depth / 0.35))
        * np.clip(8 * t, 0, 1)
        * np.clip(8 * (1 - t), 0, 1)
    )


_BACK = np.array([0.0, 0.6, 0.8])
"""Roughly the outward direction from the back of the hand at rest, which hangs half turned to the front."""


def _wrinkles(arm: ArmModel, rest: Floats, facing: Floats, finger: Floats) -> Floats:
    """(N,) 0..1: fine folds across the back of the fingers over their joints."""
    out = np.zeros(len(rest))
    back = np.clip((0.2 - facing) / 0.6, 0, 1)
    wave, broken = 0.022 * noise(rest, 9.0, 51), np.clip(0.5 + 0.9 * noise(rest, 14.0, 53), 0, 1)
    for j in range(5):
        mine = np.nonzero(finger[:, j] > 0.5)[0]
        for k, reach in ((1, 0.070), (2, 0.042)):
            step = arm.joints[j, k + 1] - arm.joints[j, k]
            far = (rest[mine] - arm.joints[j, k]) @ (step / np.linalg.norm(step)) + wave[mine]
            folds = (0.5 + 0.5 * np.cos(2 * np.pi * far / (0.55 * reach))) ** 2 * broken[mine]
            out[mine] = np.maximum(out[mine], back[mine] * folds * np.exp(-np.square(far / reach)))
    return out


def _with_nails(factor: Floats, nail: NDArray, wide: NDArray, arm: ArmModel, rest: Floats) -> Floats:
    """Nails: rosy, paler at their free end, with a darker rim of skin around them."""
    end = np.min(
        [
            np.linalg.norm(rest - (arm.joints[j, 3] + 0.25 * (arm.joints[j, 3] - arm.joints[j, 2])), axis=1)
            for j in range(5)
        ],
        0,
    )
    nail = np.clip((nail - 0.3) / 0.5, 0, 1)  # a smaller one
    free = np.clip((0.115 - end) / 0.03, 0, 1)[:, None]
    rim = np.clip(wide - nail, 0, 1)[:, None]
    factor = factor * (1 - rim * np.array([0.08, 0.12, 0.12]))
    plate = np.array([1.05, 0.91, 0.96]) * (1 - free) + np.array([1.13, 1.08, 1.05]) * free
    return factor * (1 - nail[:, None]) + nail[:, None] * plate


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


def _lines(arm: ArmModel, rest: Floats, palm_side: Floats, finger: Floats) -> Floats:
    """(N,) 0..1 darkness of the lines of palm and fingers at rest positions (N, 3); finger (N, 5): their shares."""
    out = np.zeros(len(rest))
    u_axis = arm.joints[2, 0] / np.linalg.norm(arm.joints[2, 0])
    v_axis = arm.joints[4, 0] - arm.joints[1, 0]
    v_axis = v_axis - u_axis * (v_axis @ u_axis)
    breadth = np.linalg.norm(v_axis)
    v_axis /= breadth
    u = rest @ u_axis
    v = (rest - arm.joints[1, 0]) @ v_axis / breadth  # 0 at the index finger, 1 at the little finger
    near = np.nonzero((palm_side > 0.05) & (u < 1.15) & (u > -0.15))[0]
    for points, depth in PALM_LINES:
        p = np.array(points)
        best = np.full(len(near), 9.0)
        for a, b in pairwise(p):
            d = b - a
            t = np.clip(((u[near] - a[0]) * d[0] + (v[near] - a[1]) * d[1]) / (d @ d), 0, 1)
            best = np.minimum(best, np.hypot(u[near] - a[0] - t * d[0], (v[near] - a[1] - t * d[1]) * breadth))
        out[near] = np.maximum(out[near], depth * palm_side[near] * np.exp(-np.square(best / 0.024)))
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
