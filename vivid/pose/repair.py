"""Repairs of a detector's errors from frame to frame: exchanged sides, short gaps, stray single frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from . import skeleton as sk
from .skeleton import Points, PoseClip

MAX_GAP = 8
"""Longest gap filled, in frames (a third of a second); a gesture could have happened in longer ones."""
FILLED_CONFIDENCE = 0.5
"""Points filled into a gap get this share of their neighbours' confidence."""
_SIDES = ((2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13), (14, 15), (16, 17))
_SWAP_COST = 0.02
_SLOT_COST = 1.0


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every run of True in a 1-d mask."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(last) - 1) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def fill_gaps(clip: PoseClip) -> tuple[PoseClip, dict[str, NDArray[np.bool_]]]:
    """Interpolate points that are absent for at most MAX_GAP frames between two frames that have them.

    Also returned, for "body", "left hand", "right hand" and "face": the frames (T,) in which any point was filled.
    """
    filled: dict[str, NDArray[np.bool_]] = {}
    parts: dict[str, Points] = {}
    for name, points in named_parts(clip).items():
        parts[name] = points.copy()
        absent = points[..., 2] <= 0  # (T, N)
        marks = np.zeros(len(points), bool)
        for index in np.flatnonzero(absent.any(0) & ~absent.all(0)):
            for first, last in runs(absent[:, index]):
                if first == 0 or last == len(points) - 1 or last - first + 1 > MAX_GAP:
                    continue
                before, after = points[first - 1, index], points[last + 1, index]
                share = (np.arange(1, last - first + 2) / (last - first + 2))[:, None]
                parts[name][first : last + 1, index] = before + share * (after - before)
                parts[name][first : last + 1, index, 2] = FILLED_CONFIDENCE * min(before[2], after[2])
                marks[first : last + 1] = True
        filled[name] = marks
    return _joined(clip, parts), filled


def named_parts(clip: PoseClip) -> dict[str, Points]:
    """The parts by their everyday names, each (T, N, 3)."""
    return {
        "body": clip.body,
        "left hand": clip.hands[:, sk.LEFT],
        "right hand": clip.hands[:, sk.RIGHT],
        "face": clip.face,
    }


def _joined(clip: PoseClip, parts: dict[str, Points]) -> PoseClip:
    hands = np.stack([parts["left hand"], parts["right hand"]], 1)
    return replace(clip, body=parts["body"], hands=hands, face=parts["face"])


def repair_sides(clip: PoseClip) -> tuple[PoseClip, NDArray[np.bool_]]:
    """Undo exchanges of left and right, first of the body, then of the hands; also the frames (T,) that changed.

    Points cannot jump across the body between two frames: the assignment with the shortest paths through the whole clip
    is taken, or the detector's own where the paths do not decide.
    """
    right, left = (list(side) for side in zip(*_SIDES, strict=True))
    scale = _shoulder_width(clip)
    swapped = _best_swaps(clip.body[:, right], clip.body[:, left], scale)
    body = clip.body.copy()
    body[np.ix_(swapped, right)], body[np.ix_(swapped, left)] = (
        clip.body[np.ix_(swapped, left)],
        clip.body[np.ix_(swapped, right)],
    )
    hands, moved = _into_their_slots(clip.hands, body)
    hand_swaps = _best_swaps(hands[:, sk.LEFT], hands[:, sk.RIGHT], scale)
    hands[hand_swaps] = hands[hand_swaps][:, ::-1]
    return replace(clip, body=body, hands=hands), swapped | hand_swaps | moved


def _shoulder_width(clip: PoseClip) -> float:
    shoulders = clip.body[:, [sk.RIGHT_SHOULDER, sk.LEFT_SHOULDER]]
    seen = (shoulders[..., 2] > 0).all(1)
    if not seen.any():
        return max(clip.canvas) / 4
    width = np.median(np.linalg.norm(shoulders[seen, 0, :2] - shoulders[seen, 1, :2], axis=-1))
    return max(float(width), 1.0)


def _best_swaps(one: Points, other: Points, scale: float) -> NDArray[np.bool_]:
    """Frames (T,) in which `one` and `other` (T, N, 3) should be swapped: a shortest path over two states.

    Only frames that show both take part: where one is missing there is nothing to exchange it with.
    """
    swapped = np.zeros(len(one), bool)
    both = np.flatnonzero((one[..., 2] > 0).any(1) & (other[..., 2] > 0).any(1))
    if len(both) < 2:
        return swapped
    cost = np.array([0.0, _SWAP_COST])
    origin = np.zeros((len(both), 2), int)
    for step in range(1, len(both)):
        before, now = both[step - 1], both[step]
        straight = _way(one[before], one[now]) + _way(other[before], other[now])
        crossed = _way(one[before], other[now]) + _way(other[before], one[now])
        ways = np.array([[straight, crossed], [crossed, straight]]) / scale  # (from, to)
        total = cost[:, None] + ways
        origin[step] = total.argmin(0)
        cost = total.min(0) + [0.0, _SWAP_COST]
    state = int(cost.argmin())
    for step in range(len(both) - 1, -1, -1):
        swapped[both[step]] = bool(state)
        state = int(origin[step, state])
    return swapped


def _way(before: Points, now: Points) -> float:
    """Mean distance that the points present in both frames move, in pixels."""
    seen = (before[:, 2] > 0) & (now[:, 2] > 0)
    if not seen.any():
        return 0.0
    return float(np.linalg.norm(before[seen, :2] - now[seen, :2], axis=-1).mean())


def _into_their_slots(hands: Points, body: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Move a hand that is alone in its frame, and lies on the other side's wrist, to that side."""
    hands = hands.copy()
    there = (hands[..., 2] > 0).any(-1)  # (T, 2)
    wrists = body[:, [sk.LEFT_WRIST, sk.RIGHT_WRIST]]
    elbows = body[:, [sk.LEFT_ELBOW, sk.RIGHT_ELBOW]]
    moved = np.zeros(len(hands), bool)
    for frame in np.flatnonzero(there.sum(1) == 1):
        side = int(there[frame].argmax())
        if (wrists[frame, :, 2] <= 0).any() or (elbows[frame, :, 2] <= 0).any():
            continue
        off = np.linalg.norm(wrists[frame, :, :2] - hands[frame, side, 0, :2], axis=-1)
        forearm = np.linalg.norm(wrists[frame, :, :2] - elbows[frame, :, :2], axis=-1).max()
        if off[1 - side] < off[side] / 4 and off[side] > _SLOT_COST * forearm:
            hands[frame, 1 - side], hands[frame, side] = hands[frame, side].copy(), 0
            moved[frame] = True
    return hands, moved


def drop_strays(clip: PoseClip) -> tuple[PoseClip, int]:
    """Empty a hand in one or two frames where it lies more than its own size off the path between its neighbours.

    Also the number of hands emptied; `fill_gaps` closes these holes.
    """
    hands = clip.hands.copy()
    count = 0
    for side in (sk.LEFT, sk.RIGHT):
        hand = clip.hands[:, side]
        frames = np.flatnonzero((hand[..., 2] > 0).all(1))
        if len(frames) < 3:
            continue
        centre = hand[frames, :, :2].mean(1)
        size = float(np.median(np.ptp(hand[frames, :, :2], axis=1).max(1)))
        for length in (1, 2):
            for k in range(1, len(frames) - length):
                first, last = k, k + length - 1
                before, after = first - 1, last + 1
                if (
                    frames[after] - frames[before] != length + 1
                    or np.linalg.norm(centre[after] - centre[before]) > size
                ):
                    continue
                middle = (centre[before] + centre[after]) / 2
                if (np.linalg.norm(centre[first : last + 1] - middle, axis=-1) > 1.2 * size).all():
                    hands[frames[first] : frames[last] + 1, side] = 0
                    count += length
    return replace(clip, hands=hands), count
