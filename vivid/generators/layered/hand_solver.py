"""The 3D hands behind the 21 points of a clip: orthographic inverse kinematics of all frames at once.

The loss of the single frames (`hand_objective`) and smoothness in time are minimised by the Levenberg-Marquardt method,
whose normal equations couple a frame with only the next two. The palm's triangle has two mirror solutions in depth:
both are tried in every frame, and the cheapest path through time is refined.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...pose.skeleton import PoseClip
from .figure import ELBOWS, WRISTS
from .hand_objective import UNKNOWNS, FitState, FitTarget, loss, normal_equations
from .hand_track import ANGLES, HandModel, HandTrack, points_of

Floats = NDArray[np.float64]

FOREARM = 2.45
"""Forearm in palms, for a first guess of its depth."""
KNUCKLES = (0, 5, 9, 13, 17)
TIPS = (4, 8, 12, 16, 20)
POINT_WEIGHTS = np.ones(21)
POINT_WEIGHTS[list(KNUCKLES)] = 2.0
POINT_WEIGHTS[list(TIPS)] = 1.5
LEAST_POINTS = 15
"""A hand with fewer points in a frame counts as absent there."""
JUMP = 0.12
"""Cost of a turn between two frames on the path through mirror solutions, per squared difference of the matrices."""
USUAL_JITTER = 0.003
"""Jitter of points, in palms, above which frames are tied together more; a detector's is 0.007 to 0.012."""
BOTH_STEPS, CLIP_STEPS = 14, 14
REST = np.array([0.1] * 3 + [0.25] * 12 + [0.0] * 6)
"""Angles of a relaxed hand."""


def fit_clip(clip: PoseClip) -> HandTrack:
    """Fit both hands of a clip; a pure function of its points."""
    body = clip.body.astype(float)
    sides = [
        _fit_hand(side, clip.hands[:, side].astype(float), body[:, ELBOWS[side]], body[:, WRISTS[side]])
        for side in range(2)
    ]
    return HandTrack(*(np.stack(part) for part in zip(*sides, strict=True)))


def _fit_hand(side: int, hand: Floats, elbow: Floats, wrist: Floats) -> tuple[Floats, ...]:
    """turn, angles, place, palm, error of one hand (T, 21, 3) with its arm's elbow and wrist (T, 3)."""
    model, count = HandModel.of(side), len(hand)
    present = (hand[..., 2] > 0).sum(1) >= LEAST_POINTS
    present &= (hand[:, list(KNUCKLES), 2] > 0).all(1)
    raw = hand[..., :2]
    reach = np.linalg.norm(model.joints[1:, 0], axis=1)
    seen = np.linalg.norm(raw[:, KNUCKLES[1:]] - raw[:, :1], axis=2) / reach
    size = float(np.percentile(seen[present].max(1), 85)) if present.any() else 0.0
    if size < 1e-3:
        return _unseen(side, elbow, wrist, count)
    filled = _filled(raw, present, wrist)
    points, weight = trust(filled, np.where(present[:, None], hand[..., 2], 0), size)
    flat = (points[:, 0] - elbow[:, :2]) / size * [1, -1]
    depth = np.sqrt(np.maximum(FOREARM**2 - (flat**2).sum(1), 0.02))
    fore = np.column_stack([flat, depth])
    fore = np.where(elbow[:, 2:] > 0, fore, [0, 1.0, 0.3])
    fore /= np.linalg.norm(fore, axis=1, keepdims=True)
    up = np.array([1.0, -1.0])
    target = FitTarget(model, (points - points[:, :1]) / size * up, weight * POINT_WEIGHTS, fore)
    state = _smoothed(target, _cheapest_path(target, _both_solutions(model, target.goal)), _jitter(filled, size))
    angles, place, scale = state.rest[:, :ANGLES], state.rest[:, 21:23], np.exp(state.rest[:, 23])
    found = points_of(model, state.turn, angles)[..., :2] * scale[:, None, None] + place[:, None]
    off = np.linalg.norm(found * up * size + points[:, :1] - raw, axis=2) / size
    error = np.where(present, off.mean(1), np.nan)
    return state.turn, angles, points[:, 0] + place * up * size, size * scale, error


def _unseen(side: int, elbow: Floats, wrist: Floats, count: int) -> tuple[Floats, ...]:
    """A hand that no frame shows: relaxed, along the forearm where that is known."""
    model = HandModel.of(side)
    sure = (elbow[:, 2] > 0) & (wrist[:, 2] > 0)
    fore = np.where(sure[:, None], (wrist - elbow)[:, :2], [0.0, 1.0])
    length = np.linalg.norm(fore, axis=1)
    palm = float(np.median(length[sure])) / FOREARM if sure.any() else 0.0
    way = np.column_stack([fore * [1, -1], np.zeros(count)])
    way /= np.linalg.norm(way, axis=1, keepdims=True) + 1e-9
    pointing = model.joints[2, 0] / np.linalg.norm(model.joints[2, 0])
    # the back of the hand towards the camera
    across = np.cross(way, [0, 0, 1.0])
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    now = np.stack([way, across, np.broadcast_to([0.0, 0, 1], way.shape)], 2)
    rest = np.stack([pointing, np.cross(pointing, -model.normal), -model.normal], 1)
    left, _, right = np.linalg.svd(now @ rest.T)
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
    angles = np.tile(REST, (count, 1))
    return left @ right, angles, wrist[:, :2], np.full(count, max(palm, 1e-3)), np.full(count, np.nan)


def _filled(points: Floats, present: NDArray[np.bool_], wrist: Floats) -> Floats:
    """Points (T, 21, 2), filled in from neighbours where not `present` (T,), moving with the body's wrist (T, 3)."""
    known, frames = np.flatnonzero(present), np.arange(len(points))
    flat = np.stack([np.interp(frames, known, column) for column in points[known].reshape(len(known), -1).T], 1)
    sure = np.flatnonzero(present & (wrist[:, 2] > 0))
    away = np.zeros((len(points), 2))
    if len(sure):
        usual = np.stack([np.interp(frames, sure, wrist[sure, k]) for k in range(2)], 1)
        away = np.where(wrist[:, 2:] > 0, wrist[:, :2] - usual, 0.0)
    return np.where(present[:, None, None], points, flat.reshape(points.shape) + away[:, None])


def trust(points: Floats, sure: Floats, size: float, reach: int = 3) -> tuple[Floats, Floats]:
    """Points (T, 21, 2) without outliers in time, and weights (T, 21) in 0..1; sure: confidences, size: of a palm.

    A point that, relative to the palm, lies far from the median of its 2 reach + 1 frames, given how much it moves
    around then, is moved to that median. Its weight falls with that distance, with the detector's confidence relative
    to the clip's usual one, and where the detector repeated a frame (the same points twice: one of them is late).
    """
    count = len(points)
    palm = points[:, list(KNUCKLES)].mean(1, keepdims=True)
    local = (points - palm) / size

    def window(x: Floats) -> Floats:
        padded = np.pad(x, ((reach, reach),) + ((0, 0),) * (x.ndim - 1), mode="edge")
        return np.stack([padded[k : k + count] for k in range(2 * reach + 1)])

    around = window(local)
    middle = np.median(around, 0)
    # a steady movement is no outlier: compare also with the median of midpoints of its neighbours
    across = np.median(np.stack([(around[reach - k] + around[reach + k]) / 2 for k in range(1, reach + 1)]), 0)
    far = np.minimum(np.linalg.norm(local - middle, axis=2), np.linalg.norm(local - across, axis=2))
    common = np.median(far, 1, keepdims=True)  # a quick turn of the whole hand is a movement, not an outlier
    limit = np.maximum(np.maximum(0.05, 2.5 * np.median(window(far), 0)), 3 * common)
    over = np.clip((far - limit) / limit, 0, 1)[..., None]
    clean = local + over * (middle - local)
    held = np.zeros(count, bool)
    if count > 1:
        same = np.abs(np.diff(points, axis=0)).max((1, 2)) < 1e-3 * size
        held[1:] |= same
        held[:-1] |= same
    typical = float(np.median(sure[sure > 0])) if (sure > 0).any() else 1.0
    weight = np.clip(sure / typical, 0.05, 1) ** 2 / (1 + np.square(np.maximum(far - 2 * common, 0) / 0.10))
    weight = np.clip(weight * np.where(held, 0.6, 1.0)[:, None], 0.05, 1)
    return clean * size + palm, np.where(sure > 0, weight, 0.0)


def _both_solutions(model: HandModel, goal: Floats) -> Floats:
    """(2, T, 3, 3): the two turns that put the knuckles of index and little finger where they are seen."""
    a, b = model.joints[1, 0], model.joints[4, 0]
    rest = np.linalg.inv(np.stack([a, b, np.cross(a, b)], 1))
    u, v = goal[:, 5], goal[:, 17]
    za = np.sqrt(np.maximum(a @ a - (u * u).sum(1), 0))
    zb = np.sqrt(np.maximum(b @ b - (v * v).sum(1), 0))
    zb = np.where(a @ b < (u * v).sum(1), -zb, zb)
    turns = []
    for sign in (1, -1):
        p, q = np.column_stack([u, sign * za]), np.column_stack([v, sign * zb])
        left, _, right = np.linalg.svd(np.stack([p, q, np.cross(p, q)], 2) @ rest)
        left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
        turns.append(left @ right)
    return np.array(turns)


def _cheapest_path(target: FitTarget, turns: Floats) -> FitState:
    """Fit every frame by itself from both turns (2, T, 3, 3), then take the cheapest path through time."""
    count = turns.shape[1]
    target = target.twice()
    start = np.concatenate([REST, np.zeros(3)])
    state = FitState(turns.reshape(-1, 3, 3), np.tile(start, (2 * count, 1)))
    cost = loss(target, state)
    damping = np.full(2 * count, 1e-2)
    for _ in range(BOTH_STEPS):
        slope, curve = normal_equations(target, state)
        step = -np.linalg.solve(curve + damping[:, None, None] * np.eye(UNKNOWNS), slope[..., None])[..., 0]
        trial = state.moved(step)
        tried = loss(target, trial)
        better = tried < cost
        state, cost = trial.where(better, state), np.where(better, tried, cost)
        damping = np.clip(damping * np.where(better, 0.3, 5.0), 1e-6, 1e3)
    found, cost = state.turn.reshape(2, count, 3, 3), cost.reshape(2, count)
    jumps = JUMP * np.square(found[:, None, :-1] - found[None, :, 1:]).sum((-1, -2))  # (2, 2, T - 1)
    total, back = cost[:, 0], np.zeros((count, 2), int)
    for t in range(1, count):
        way = jumps[:, :, t - 1] + total[:, None]
        back[t] = way.argmin(0)
        total = way.min(0) + cost[:, t]
    path = np.zeros(count, int)
    path[-1] = total.argmin()
    for t in range(count - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    frames = np.arange(count)
    return FitState(found[path, frames], state.rest.reshape(2, count, -1)[path, frames])


def _jitter(points: Floats, size: float) -> float:
    """Jitter of points (T, 21, 2), in palms: the part of their motion that a local parabola does not describe."""
    if len(points) < 4:
        return 0.0
    local = (points - points[:, list(KNUCKLES)].mean(1, keepdims=True)) / size
    return float(np.median(np.linalg.norm(np.diff(local, 3, axis=0), axis=2)) / np.sqrt(20))


def _in_time(count: int, jitter: float) -> Floats:
    """(3, 5, T): the diagonals 0, 1, 2 of the forms that tie frames together: turn, bends, spreads, place, size.

    jitter: of the points, in palms; the noisier they are, the more turns and bends are tied.
    """
    noisy = (jitter / USUAL_JITTER) ** 2
    turn, bends = 3.0 * np.clip(noisy, 1, 8), 10.0 * np.clip(noisy / 2, 1, 4)
    first, second = np.zeros((3, count)), np.zeros((3, count))
    for form, weights in ((first, (-1.0, 1.0)), (second, (1.0, -2.0, 1.0))):
        rows = max(count - len(weights) + 1, 0)  # how many differences exist
        for k, a in enumerate(weights):
            for m, b in enumerate(weights[k:]):
                form[m, k : k + rows] += a * b
    kinds = (turn * second + 0.15 * first, bends * second + 0.1 * first, bends * second, second, 10.0 * first)
    return np.stack(kinds, 1)


def _smoothed(target: FitTarget, state: FitState, jitter: float) -> FitState:
    """The state with the frames tied together in time; jitter: of the points, in palms."""
    count = len(state.rest)
    ties = _in_time(count, jitter)
    kinds = np.repeat([1, 2, 3, 4], [15, 6, 2, 1])
    plain = ties[:, kinds]  # (3, 24, T)

    def tied(form: Floats, values: Floats) -> Floats:
        """The banded form (3, T) or (3, K, T) times values (T, K)."""
        form = form[:, None] if form.ndim == 2 else form
        out = values * form[0].T
        for k in (1, 2):
            if count > k:
                out[:-k] += form[k, :, :-k].T * values[k:]
                out[k:] += form[k, :, :-k].T * values[:-k]
        return out

    def total(s: FitState) -> float:
        flat = s.turn.reshape(count, 9)
        return float(
            loss(target, s).sum() + (flat * tied(ties[:, 0], flat)).sum() + (s.rest * tied(plain, s.rest)).sum()
        )

    cost, damping = total(state), 1e-3
    for _ in range(CLIP_STEPS):
        slope, curve = normal_equations(target, state)
        flat = state.turn.reshape(count, 9)
        turned = np.swapaxes(_turn_slopes(state.turn), 1, 2)  # (T, 3, 9)
        slope[:, :3] += (turned @ tied(ties[:, 0], flat)[..., None])[..., 0]
        slope[:, 3:] += tied(plain, state.rest)
        bands = np.zeros((3, count, UNKNOWNS, UNKNOWNS))
        bands[0] = curve
        for k in range(3):
            n = max(count - k, 0)
            both = turned[:n] @ np.swapaxes(turned[k:], 1, 2)
            bands[k, :n, :3, :3] += ties[k, 0, :n, None, None] * both
            bands[k, :n, np.arange(3, 27), np.arange(3, 27)] += plain[k, :, :n]
        while damping < 1e4:
            damped = bands.copy()
            damped[0] += damping * np.eye(UNKNOWNS)
            trial = state.moved(-_solve_banded(damped, slope))
            tried = total(trial)
            if tried < cost:
                break
            damping *= 8
        else:
            return state
        gain, state, cost = cost - tried, trial, tried
        damping = max(damping * 0.2, 1e-6)
        if gain < 1e-5 * cost:
            break
    return state


def _turn_slopes(turn: Floats) -> Floats:
    """(T, 9, 3): derivatives of the matrices' entries by a small turn from the left."""
    units = np.zeros((3, 3, 3))
    units[0, 2, 1], units[0, 1, 2] = 1, -1
    units[1, 0, 2], units[1, 2, 0] = 1, -1
    units[2, 1, 0], units[2, 0, 1] = 1, -1
    return np.stack([(unit @ turn).reshape(-1, 9) for unit in units], 2)


def _solve_banded(bands: Floats, right: Floats) -> Floats:
    """Solve a symmetric system whose frames are tied to the next two: bands (3, T, K, K), right (T, K)."""
    count, k = right.shape
    pairs = -(-count // 2)
    whole = np.zeros((pairs * 2, k))
    whole[:count] = right
    centre = np.zeros((pairs, 2 * k, 2 * k))
    beside = np.zeros((pairs, 2 * k, 2 * k))  # from a pair to the next
    if count % 2:
        centre[-1, k:, k:] = np.eye(k)
    centre[:, :k, :k] = bands[0, ::2]
    half = count // 2
    centre[:half, k:, k:] = bands[0, 1::2]
    centre[:half, :k, k:] = bands[1, : 2 * half : 2]
    centre[:half, k:, :k] = np.swapaxes(bands[1, : 2 * half : 2], 1, 2)
    n = len(bands[2, ::2])
    beside[:n, :k, :k] = bands[2, ::2]
    beside[:half, k:, :k] = bands[1, 1::2]
    beside[:half, k:, k:] = bands[2, 1::2]
    x = whole.reshape(pairs, 2 * k)
    for p in range(1, pairs):  # block elimination
        ratio = np.linalg.solve(centre[p - 1], beside[p - 1]).T
        centre[p] -= ratio @ beside[p - 1]
        x[p] -= ratio @ x[p - 1]
    x[-1] = np.linalg.solve(centre[-1], x[-1])
    for p in range(pairs - 2, -1, -1):
        x[p] = np.linalg.solve(centre[p], x[p] - beside[p] @ x[p + 1])
    return x.reshape(-1, k)[:count]
