"""What a fitted hand is measured by: the loss of single frames and its normal equations.

Unknowns of a frame: turn of the hand (3), 21 angles, place (2) and size (1). Loss: robust distance of the points in
palms, joint limits, correlated bends, a limit on the wrist's bend. `hand_solver` minimises it and adds smoothness in
time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .hand_track import ANGLES, HandModel, points_and_slopes, points_of, rotations

Floats = NDArray[np.float64]

SPREAD, FAR = 0.05, 0.10
"""Squared palms at which the robust distance reaches half its maximum, and the weight of the plain squared distance."""
LOW = np.array([-0.4, -0.5, -0.6] + [-0.35, -0.05, -0.05] * 4 + [-0.3] * 4 + [-0.7] * 2)
HIGH = np.array([0.9, 1.0, 1.2] + [1.6, 1.85, 1.2] * 4 + [0.3] * 4 + [0.7] * 2)
"""Limits of the angles, in radians."""
AT_ONCE = 256
"""Frames whose derivatives are in memory at the same time."""
UNKNOWNS = 3 + ANGLES + 3
"""Unknowns of a frame: a small turn, the angles, the place and the logarithm of the size."""


@dataclass(frozen=True)
class FitTarget:
    """What one hand is fitted to: goal (N, 21, 2) in palms from the wrist, y up; weight (N, 21); fore (N, 3): direction
    of the forearm."""

    hand: HandModel
    goal: Floats
    weight: Floats
    fore: Floats

    def part(self, frames: slice) -> FitTarget:
        return FitTarget(self.hand, self.goal[frames], self.weight[frames], self.fore[frames])

    def twice(self) -> FitTarget:
        return FitTarget(self.hand, *(np.concatenate([a, a]) for a in (self.goal, self.weight, self.fore)))


@dataclass
class FitState:
    """turn (N, 3, 3); rest (N, 24): angles, place, logarithm of the size."""

    turn: Floats
    rest: Floats

    def moved(self, step: Floats) -> FitState:
        step = step.clip(-0.5, 0.5)
        return FitState(rotations(step[:, :3]) @ self.turn, self.rest + step[:, 3:])

    def where(self, better: NDArray[np.bool_], other: FitState) -> FitState:
        """This state where `better` (N,), else the other."""
        return FitState(
            np.where(better[:, None, None], self.turn, other.turn), np.where(better[:, None], self.rest, other.rest)
        )


def loss(target: FitTarget, state: FitState) -> Floats:
    """(N,) loss of single frames."""
    hand, rest = target.hand, state.rest
    points = points_of(hand, state.turn, rest[:, :ANGLES])
    seen = points[..., :2] * np.exp(rest[:, 23])[:, None, None] + rest[:, None, 21:23]
    off = np.square(seen - target.goal).sum(-1)
    data = ((SPREAD * (1 - 1 / (1 + off / SPREAD)) + FAR * off) * target.weight).sum(1)
    angles = rest[:, :ANGLES]
    limits = 2.0 * (np.square(np.maximum(LOW - angles, 0)) + np.square(np.maximum(angles - HIGH, 0))).sum(1)
    usual = np.einsum("ni,ij,nj->n", rest, PRIOR, rest)
    bent = _along_forearm(target, state)[1]
    return data + limits + usual + 0.5 * np.square(np.maximum(0.75 - bent, 0)) + 0.01 * (1 - bent)


def _along_forearm(target: FitTarget, state: FitState) -> tuple[Floats, Floats]:
    """Where the hand points (N, 3), and the cosine of the wrist's bend (N,)."""
    pointing = state.turn @ (target.hand.joints[2, 0] / np.linalg.norm(target.hand.joints[2, 0]))
    return pointing, (pointing * target.fore).sum(1)


def normal_equations(target: FitTarget, state: FitState) -> tuple[Floats, Floats]:
    """Gradient (N, 27) and Gauss-Newton Hessian (N, 27, 27) of the single frames' loss, both halved."""
    parts = [slice(k, k + AT_ONCE) for k in range(0, len(state.rest), AT_ONCE)]
    found = [_equations_of(target.part(p), FitState(state.turn[p], state.rest[p])) for p in parts]
    slopes, curves = (np.concatenate(each) for each in zip(*found, strict=True))
    return slopes, curves


def _equations_of(target: FitTarget, state: FitState) -> tuple[Floats, Floats]:
    rest, count = state.rest, len(state.rest)
    angles, size = rest[:, :ANGLES], np.exp(rest[:, 23])[:, None, None]
    points, slopes = points_and_slopes(target.hand, state.turn, angles)
    jacobian = np.zeros((count, 21, 2, UNKNOWNS))
    jacobian[..., :24] = slopes[:, :, :2] * size[..., None]
    jacobian[:, :, 0, 24] = jacobian[:, :, 1, 25] = 1
    jacobian[..., 26] = points[..., :2] * size
    off = points[..., :2] * size + rest[:, None, 21:23] - target.goal
    weight = target.weight * (1 / np.square(1 + np.square(off).sum(-1) / SPREAD) + FAR)
    flat = jacobian.reshape(count, 42, UNKNOWNS)
    weighted = flat * np.repeat(weight, 2, 1)[..., None]
    slope = (np.swapaxes(weighted, 1, 2) @ off.reshape(count, 42, 1))[..., 0]
    curve = np.swapaxes(weighted, 1, 2) @ flat
    over = np.maximum(angles - HIGH, 0) - np.maximum(LOW - angles, 0)
    slope[:, 3:24] += 2.0 * over
    curve[:, np.arange(3, 24), np.arange(3, 24)] += 2.0 * (over != 0)
    slope[:, 3:] += rest @ PRIOR
    curve[:, 3:, 3:] += PRIOR
    pointing, bent = _along_forearm(target, state)
    turned = np.cross(pointing, target.fore)  # derivative of the cosine by a small turn
    broken = np.maximum(0.75 - bent, 0)
    slope[:, :3] -= (0.5 * broken + 0.005)[:, None] * turned
    curve[:, :3, :3] += 0.5 * (broken > 0)[:, None, None] * turned[:, :, None] * turned[:, None]
    curve[:, :3, :3] += 0.005 * (np.eye(3) - pointing[:, :, None] * pointing[:, None])
    return slope, curve


def _prior() -> Floats:
    """(24, 24): the prior as a quadratic form: correlated bends, small spreads, one size."""
    rows: list[tuple[float, dict[int, float]]] = []
    for j in range(1, 5):
        rows.append((0.02, {3 * j + 2: 1.0, 3 * j + 1: -0.62}))
    rows += [(0.03, {k: 1.0}) for k in range(15, 21)]
    rows += [(0.003, {k: 1.0}) for k in range(15)]
    rows += [(0.01, {3 * j + k: 1.0, 3 * (j - 1) + k: -1.0}) for j in range(2, 5) for k in range(2)]
    rows.append((2.0, {23: 1.0}))
    form = np.zeros((24, 24))
    for weight, terms in rows:
        row = np.zeros(24)
        row[list(terms)] = list(terms.values())
        form += weight * np.outer(row, row)
    return form


PRIOR = _prior()
