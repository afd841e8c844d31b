"""A hand's pose over time: a few angles, from which the turns of all phalanges and the 21 points follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .arm_mesh import ArmModel, load_arm

Floats = NDArray[np.float64]

ANGLES = 21
"""Bends of five fingers (15), spread of four (4), roll and side of the thumb (2)."""


@dataclass(frozen=True, eq=False)
class HandTrack:
    """Both hands (the person's left first) over T frames.

    turn: (2, T, 3, 3) of the hand; angles: (2, T, ANGLES) in radians; place: (2, T, 2) of the wrist and palm: (2, T)
    length from wrist to middle knuckle, both in pixels of the clip's canvas; error: (2, T) mean distance of the fitted
    points from the clip's, in palms, NaN where the clip shows no hand.
    """

    turn: Floats
    angles: Floats
    place: Floats
    palm: Floats
    error: Floats

    def __len__(self) -> int:
        return self.turn.shape[1]

    def fingers(self) -> Floats:
        """(2, T, 5, 3, 3, 3): turns of the phalanges relative to the hand."""
        return np.stack([fingers_of(HandModel.of(side), self.angles[side]) for side in range(2)])

    def at(self, positions: Floats) -> HandTrack:
        """The hands at fractional frame numbers (N,) in 0 .. T - 1; turns along the shortest way."""
        low = np.clip(np.floor(positions).astype(int), 0, len(self) - 1)
        high = np.minimum(low + 1, len(self) - 1)
        share = np.clip(positions - low, 0, 1)
        way = log_of(self.turn[:, high] @ np.swapaxes(self.turn[:, low], -1, -2))
        turn = rotations(way * share[:, None]) @ self.turn[:, low]

        def between(values: Floats) -> Floats:
            weight = share.reshape(-1, *[1] * (values.ndim - 2))
            return values[:, low] + weight * (values[:, high] - values[:, low])

        return HandTrack(turn, *(between(v) for v in (self.angles, self.place, self.palm, self.error)))


@dataclass(frozen=True, eq=False)
class HandModel:
    """The part of an arm model that the hand's points depend on: joints (5, 4, 3) in palms, axes (5, 3) of bending,
    normal (3,) out of the palm, roll and side (3,): the thumb's own axes; sign: of the spread of the fingers (5,)."""

    joints: Floats
    axes: Floats
    normal: Floats
    roll: Floats
    side: Floats
    sign: Floats

    @staticmethod
    @lru_cache
    def of(side: int) -> HandModel:
        """The average build's hand; side 0 is the person's left."""
        return hand_of(load_arm(side))


def hand_of(arm: ArmModel) -> HandModel:
    """The hand of an arm."""
    way = 1.0 if arm.side else -1.0
    roll = arm.joints[0, 3] - arm.joints[0, 0]
    roll = roll / np.linalg.norm(roll)
    side = np.cross(arm.axes[0], roll)
    return HandModel(arm.joints, arm.axes, arm.normal, way * roll, way * side, way * np.array([0.0, 1, 1, 1, 1]))


def fingers_of(hand: HandModel, angles: Floats) -> Floats:
    """(N, 5, 3, 3, 3) turns of the phalanges relative to the hand, from angles (N, ANGLES)."""
    return _chain(hand, angles)[0]


def _chain(hand: HandModel, angles: Floats) -> tuple[Floats, Floats]:
    """Turns (N, 5, 3, 3, 3) and the axes (N, 5, 3), about which each finger's three joints bend, in the hand."""
    count = len(angles)
    bend = angles[:, :15].reshape(count, 5, 3)
    before = rotations(hand.sign[1:, None] * angles[:, 15:19, None] * hand.normal)  # (N, 4, 3, 3)
    thumb = rotations(angles[:, 19:20] * hand.roll + angles[:, 20:21] * hand.side)
    before = np.concatenate([thumb[:, None], before], 1)
    total = np.cumsum(bend, 2)  # the three joints of a finger share one axis
    local = rotations(total[..., None] * hand.axes[:, None])
    return before[:, :, None] @ local, (before @ hand.axes[..., None])[..., 0]


def points_of(hand: HandModel, turn: Floats, angles: Floats) -> Floats:
    """(N, 21, 3) in palms with the wrist at the origin, from turns (N, 3, 3) and angles (N, ANGLES)."""
    return _placed(hand, turn, _chain(hand, angles)[0])


def _placed(hand: HandModel, turn: Floats, fingers: Floats) -> Floats:
    steps = (fingers @ (hand.joints[:, 1:] - hand.joints[:, :-1])[..., None])[..., 0]  # (N, 5, 3, 3)
    first = np.broadcast_to(hand.joints[:, :1], (len(turn), 5, 1, 3))
    local = np.cumsum(np.concatenate([first, steps], 2), 2).reshape(-1, 20, 3)
    return np.concatenate([np.zeros((len(turn), 1, 3)), local @ np.swapaxes(turn, 1, 2)], 1)


def points_and_slopes(hand: HandModel, turn: Floats, angles: Floats) -> tuple[Floats, Floats]:
    """Points (N, 21, 3) and derivatives (N, 21, 3, 3 + ANGLES) by a small turn from the left, then by the angles."""
    count = len(turn)
    fingers, axes = _chain(hand, angles)
    points = _placed(hand, turn, fingers)
    slopes = np.zeros((count, 21, 3, 3 + ANGLES))
    slopes[..., :3] = -skew(points)
    tree = points[:, 1:].reshape(count, 5, 4, 3)
    bent = axes @ np.swapaxes(turn, 1, 2)  # (N, 5, 3)
    by_finger = slopes[:, 1:].reshape(count, 5, 4, 3, 3 + ANGLES)  # a view
    for k in range(3):
        arm = tree[:, :, k + 1 :] - tree[:, :, k : k + 1]
        moved = np.cross(bent[:, :, None], arm)  # (N, 5, 3 - k, 3)
        for j in range(5):
            by_finger[:, j, k + 1 :, :, 3 + 3 * j + k] = moved[:, j]
    reach = tree[:, :, 1:] - tree[:, :, :1]
    apart = np.cross((turn @ hand.normal)[:, None, None], reach[:, 1:]) * hand.sign[1:, None, None]
    for j in range(1, 5):
        by_finger[:, j, 1:, :, 3 + 15 + j - 1] = apart[:, j - 1]
    vector = angles[:, 19:20] * hand.roll + angles[:, 20:21] * hand.side
    own = turn @ left_jacobian(vector)
    for k, axis in enumerate((hand.roll, hand.side)):
        by_finger[:, 0, 1:, :, 3 + 19 + k] = np.cross((own @ axis)[:, None], reach[:, 0])
    return points, slopes


def skew(v: Floats) -> Floats:
    """Matrices (..., 3, 3) of the cross product with v (..., 3)."""
    x, y, z = np.moveaxis(np.asarray(v), -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*np.shape(v)[:-1], 3, 3)


def rotations(v: Floats) -> Floats:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3)."""
    angle = np.sqrt((v * v).sum(-1) + 1e-18)[..., None, None]
    k = skew(v)
    return np.eye(3) + np.sin(angle) / angle * k + (1 - np.cos(angle)) / angle**2 * (k @ k)


def left_jacobian(v: Floats) -> Floats:
    """(..., 3, 3): maps a change of the rotation vector v (..., 3) to the small turn from the left that it makes."""
    angle = np.sqrt((v * v).sum(-1) + 1e-12)[..., None, None]
    k = skew(v)
    return np.eye(3) + (1 - np.cos(angle)) / angle**2 * k + (angle - np.sin(angle)) / angle**3 * (k @ k)


def log_of(turn: Floats) -> Floats:
    """Rotation vectors (..., 3) of matrices (..., 3, 3), angles up to pi."""
    q = quaternions(turn)
    q = np.where(q[..., :1] < 0, -q, q)
    size = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(size, q[..., :1])
    return q[..., 1:] * np.where(size > 1e-9, angle / np.maximum(size, 1e-9), 2.0)


def quaternions(turn: Floats) -> Floats:
    """Unit quaternions (..., 4), scalar first, of rotation matrices (..., 3, 3)."""
    m = turn
    trace = np.trace(m, axis1=-2, axis2=-1)
    d = np.stack([trace, m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]], -1)
    # four formulas; the one with the largest divisor is the most exact
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    e, f, g = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    rows = [
        np.stack([1 + trace, a, b, c], -1),
        np.stack([a, 1 + 2 * d[..., 1] - trace, e, f], -1),
        np.stack([b, e, 1 + 2 * d[..., 2] - trace, g], -1),
        np.stack([c, f, g, 1 + 2 * d[..., 3] - trace], -1),
    ]
    best = np.take_along_axis(np.stack(rows, -2), d.argmax(-1)[..., None, None], -2)[..., 0, :]
    return best / np.linalg.norm(best, axis=-1, keepdims=True)


def turns_of(q: Floats) -> Floats:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4) of any length but 0, scalar first."""
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return np.stack(rows, -1).reshape(*q.shape[:-1], 3, 3)
