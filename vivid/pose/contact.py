"""Calibration's fourth step: hands that are near each other in the driving clip keep their distance.

Limbs are fitted one by one, so a small error in the length of a forearm or in the width of the shoulders moves hands
that touch into each other or apart. Both hands' centres are therefore put as far from each other, in shoulder widths,
as in the driving clip (farther where the reference's hands are the larger ones). No bone changes its length.
"""

from __future__ import annotations

import numpy as np

from .joint_tree import JointTree
from .measures import Array, Flags
from .regions import present
from .report import Contact
from .skeleton import LEFT, RIGHT, PoseClip

NEAR, FAR = 0.5, 1.2
"""Distances between the hands in shoulder widths: up to NEAR they are kept fully, beyond FAR not at all."""
LARGER = 1.3
"""Hands that are larger than the driving ones are kept farther apart, by at most this factor."""
SMOOTH = 1.5
"""Standard deviation in frames over which the correction is smoothed."""
CENTRE = (0, 5, 9, 13, 17)
"""Wrist and knuckles, whose mean is the hand's centre."""
MIDDLE_KNUCKLE = 9
ROUNDS = 8
"""Rounds of moving elbow and wrist until the hand is where it should be."""
LEAST_MOVE = 1e-4


def keep_contact(tree: JointTree, driving: JointTree, like: PoseClip) -> Contact | None:
    """Move the hands of a calibrated tree in place; driving: the tree as it was, like: the clip with its confidences.

    Returns what was done, None where shoulders or hands are not seen.
    """
    both = present(like.hands[:, :, list(CENTRE)]).all((1, 2))  # (T,)
    width, own = (_width(each) for each in (tree, driving))
    if not both.any() or width is None or own is None:
        return None
    wanted, found = _centres(driving) / own, _centres(tree) / width
    ratio = _palms(tree, both) / width / np.maximum(_palms(driving, both) / own, 1e-9)
    gap, gap_now = wanted[:, LEFT] - wanted[:, RIGHT], found[:, LEFT] - found[:, RIGHT]
    near = np.clip((FAR - np.linalg.norm(gap, axis=1)) / (FAR - NEAR), 0, 1)
    share = (near * near * (3 - 2 * near) * both)[:, None]
    apart = _smoothed(share * (gap * float(np.clip(ratio, 1, LARGER)) - gap_now))
    # the middle of both hands keeps its place across the torso; its height follows from the limbs
    aside = _smoothed(share * (wanted.mean(1) - found.mean(1)) * [1.0, 0.0])
    moved = np.zeros(2)
    for side, way in ((LEFT, 0.5), (RIGHT, -0.5)):
        moved[side] = _move_hand(tree, side, (aside + way * apart) * width, both)
    return Contact(float((share > 0.5).mean()), float(moved.max() / width))


def _width(tree: JointTree) -> float | None:
    """The median distance between the shoulders; None where they coincide."""
    width = float(np.median(np.linalg.norm(tree.shoulders[:, LEFT] - tree.shoulders[:, RIGHT], axis=1)))
    return width if width > 1e-6 else None


def _centres(tree: JointTree) -> Array:
    """(T, 2, 2): the hands' centres from the middle between the shoulders."""
    return tree.wrists + tree.hands[:, :, list(CENTRE)].mean(2) - tree.shoulders.mean(1)[:, None]


def _palms(tree: JointTree, both: Flags) -> float:
    """The usual length of a palm that is not foreshortened, over the frames that show both hands."""
    return float(np.percentile(np.linalg.norm(tree.hands[both, :, MIDDLE_KNUCKLE], axis=2), 80))


def _smoothed(track: Array) -> Array:
    """A track (T, 2) smoothed in time."""
    reach = int(4 * SMOOTH)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTH) ** 2)
    padded = np.pad(track, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, kernel / kernel.sum(), "valid") for column in padded.T], 1)


def _move_hand(tree: JointTree, side: int, way: Array, shown: Flags) -> float:
    """Move one hand by about `way` (T, 2) and turn its arm with it; returns the longest way of a visible hand."""
    shoulder, elbow, wrist = tree.shoulders[:, side], tree.elbows[:, side].copy(), tree.wrists[:, side].copy()
    upper, fore = elbow - shoulder, wrist - elbow
    lengths = [np.linalg.norm(bone, axis=1, keepdims=True) for bone in (upper, fore)]
    goal, before = wrist + way, wrist.copy()
    active = np.linalg.norm(way, axis=1) > LEAST_MOVE  # elsewhere not even rounding changes anything
    if not active.any():
        return 0.0
    guess = elbow + way / 2
    for _ in range(ROUNDS):
        elbow = shoulder + _directed(guess - shoulder, upper) * lengths[0]
        wrist = elbow + _directed(goal - elbow, fore) * lengths[1]
        guess = elbow + (goal - wrist)
    tree.elbows[active, side], tree.wrists[active, side] = elbow[active], wrist[active]
    went = np.linalg.norm(wrist - before, axis=1)[active & shown]
    return float(went.max()) if len(went) else 0.0


def _directed(vector: Array, otherwise: Array) -> Array:
    """Unit vectors (T, 2), those of `otherwise` where a vector has length zero."""
    length = np.linalg.norm(vector, axis=1, keepdims=True)
    vector = np.where(length > 1e-9, vector, otherwise)
    return vector / np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-9)
