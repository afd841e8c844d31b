"""Points of a clip moved by hand: a wrist with its hand, an elbow, a shoulder, a point of a finger.

An edit says where a point was dragged in one frame and over which frames this applies. Arms keep their lengths unless
an edit frees them. The page does the same while the mouse is down (`vivid/ui/inspect/edit.js`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .clips import MAX_CANVAS, MAX_FRAMES
from .measures import ELBOWS_OF_BODY, SHOULDERS_OF_BODY, WRISTS_OF_BODY, Array
from .regions import present
from .skeleton import BODY_COUNT, HAND_COUNT, NECK, Points, PoseClip

MOST_EDITS = 100
"""Most edits of one clip."""
BLEND = 6
"""Frames (a quarter of a second) over which a correction of a range fades in and out."""
ARMS = tuple(zip(SHOULDERS_OF_BODY, ELBOWS_OF_BODY, WRISTS_OF_BODY, strict=True))
"""Body indices of shoulder, elbow and wrist: left, then right."""
OUTWARDS = (-1.0, 1.0)
"""On which side of its arm an elbow points away from the body, for a person who faces the camera."""
STRAIGHT = 0.02
"""Sine of the angle at the shoulder from which an arm counts as bent to one side."""
FINGERS = tuple(BODY_COUNT + hand * HAND_COUNT + k for hand in range(2) for k in range(1, HAND_COUNT))
POINTS = (*(joint for arm in ARMS for joint in arm), *FINGERS)
"""What can be moved: joints of the arms, and points of the hands, numbered after the body's, left then right."""


@dataclass(frozen=True)
class Edit:
    """One of POINTS moved by (across, down) pixels in `frame`, and alike in the frames from `first` to `last`.

    At the range's ends nothing changes, unless they are the clip's ends; within BLEND frames of them the edit fades in
    and out; a range of one frame is that frame alone. free: the point moves by itself (a wrist with its hand), whatever
    happens to the arm's lengths.
    """

    point: int
    frame: int
    by: tuple[float, float]
    first: int
    last: int
    free: bool = False

    def __post_init__(self) -> None:
        whole = all(type(number) is int for number in (self.point, self.frame, self.first, self.last))
        if not whole or self.point not in POINTS or not 0 <= self.first <= self.frame <= self.last < MAX_FRAMES:
            raise InputError("The correction names no point or no range of frames: undo it and make it again.")
        by = self.by
        if not isinstance(by, tuple | list) or len(by) != 2 or not all(_usable(number) for number in by):
            raise InputError("The correction moves a point out of reach: undo it and make it again.")
        if type(self.free) is not bool:
            raise InputError("The correction is neither free nor bound: undo it and make it again.")
        object.__setattr__(self, "by", (float(by[0]), float(by[1])))

    @classmethod
    def from_dict(cls, data: object) -> Edit:
        """From the plain values of JSON. Errors: InputError."""
        known = {each.name for each in fields(cls)}
        if not isinstance(data, Mapping) or set(data) != known:
            raise InputError("The correction cannot be read: undo it and make it again.")
        return cls(**data)

    def weights(self, frames: int) -> Array:
        """How much of it counts in each frame of a clip, (frames,): 1 in `frame`. Errors: InputError."""
        if self.last >= frames:
            raise InputError("The correction ends in frame {}, the clip has {}: make it again.", self.last + 1, frames)
        at = np.arange(frames)
        if self.first == self.last:
            return (at == self.frame).astype(np.float64)
        weights = ((at >= self.first) & (at <= self.last)).astype(np.float64)
        for end, way, inner in ((self.first, 1, self.first > 0), (self.last, -1, self.last < frames - 1)):
            if inner:
                room = min(BLEND, way * (self.frame - end))
                if not room:
                    raise InputError("The correction's frame is an end of its range: choose a range around it.")
                share = np.clip(way * (at - end) / room, 0, 1)
                weights *= share * share * (3 - 2 * share)
        return weights


def _usable(number: Any) -> bool:
    known = isinstance(number, int | float) and not isinstance(number, bool)
    return known and abs(number) <= MAX_CANVAS  # false for NaN


def checked_edits(edits: Any) -> tuple[Edit, ...]:
    """Edits from the plain values of JSON, or as they are. Errors: InputError."""
    if not isinstance(edits, tuple | list):
        raise InputError("The corrections cannot be read: undo them and make them again.")
    if len(edits) > MOST_EDITS:
        raise InputError("The clip has {} corrections, which is the limit: correct whole ranges instead.", MOST_EDITS)
    return tuple(edit if isinstance(edit, Edit) else Edit.from_dict(edit) for edit in edits)


def apply_edits(clip: PoseClip, edits: Sequence[Edit]) -> PoseClip:
    """The clip after the edits, one after the other; absent points stay absent. Errors: InputError."""
    if not edits:
        return clip
    body, hands = clip.body.copy(), clip.hands.copy()
    for edit in edits:
        weights = edit.weights(len(clip))
        frames = np.flatnonzero(weights)
        shift = weights[frames, None] * np.array(edit.by)  # (n, 2)
        if edit.point in FINGERS:
            side, point = divmod(edit.point - BODY_COUNT, HAND_COUNT)
            _shift(hands[:, side, point], frames, shift)
        else:
            _move_joint(body, hands, edit, frames, shift)
    return replace(clip, body=body, hands=hands)


def _shift(points: Points, frames: NDArray[np.integer], by: Array) -> None:
    """Move points (T, 3) or (T, N, 3) of these frames in place by (n, 2), where they are present."""
    chosen = points[frames]
    by = by if points.ndim == 2 else by[:, None]
    moved = chosen[..., :2].astype(np.float64) + by
    chosen[..., :2] = np.where(present(chosen)[..., None], moved, chosen[..., :2])
    points[frames] = chosen


def _move_joint(body: Points, hands: Points, edit: Edit, frames: NDArray[np.integer], shift: Array) -> None:
    side = next(side for side, arm in enumerate(ARMS) if edit.point in arm)
    arm = ARMS[side]
    link = arm.index(edit.point)  # 0 shoulder, 1 elbow, 2 wrist
    chain, root = body[frames][:, [NECK, *arm]], hands[frames, side, 0]
    chain[:, 3] = np.where(present(chain[:, 3])[:, None], chain[:, 3], root)  # the hand gives the position of the wrist
    here = present(chain)[..., None]  # (n, 4, 1)
    places = chain[..., :2].astype(np.float64)
    shoulder, elbow, wrist = np.moveaxis(places[:, 1:], 1, 0)  # (n, 2) each
    above, joint = places[:, link], places[:, link + 1]
    if edit.free:
        moved = shift
    else:  # where its parent joint is absent, there is no length to keep
        moved = np.where(here[:, link], turned(above, joint, joint + shift) - joint, shift)
        if link == 2:
            new_elbow, new_wrist = two_bones(shoulder, elbow, wrist, wrist + shift, OUTWARDS[side])
            jointed = here[:, 1:].all(axis=1)
            moved = np.where(jointed, new_wrist - wrist, moved)
            _shift(body[:, arm[1]], frames, np.where(jointed, new_elbow - elbow, 0.0))
    moved = np.where(here[:, link + 1], moved, 0.0)
    carried = (edit.point,) if edit.free else arm[link:]  # unless free, a joint takes its children along
    for index in carried:
        _shift(body[:, index], frames, moved)
    if arm[2] in carried:
        _shift(hands[:, side], frames, moved)


def turned(root: Array, joint: Array, goal: Array) -> Array:
    """The joint (n, 2) turned about its root towards a goal, as far from it as before."""
    length = np.linalg.norm(joint - root, axis=-1, keepdims=True)
    return root + length * _direction(goal - root, joint - root)


def two_bones(shoulder: Array, elbow: Array, wrist: Array, goal: Array, outwards: float) -> tuple[Array, Array]:
    """Elbow and wrist (n, 2) for a wrist that should reach `goal`, or come as near as both lengths allow.

    The elbow stays on its side of the line from shoulder to wrist, 1 or -1; a straight arm's goes `outwards`.
    """
    upper = np.linalg.norm(elbow - shoulder, axis=-1, keepdims=True)
    fore = np.linalg.norm(wrist - elbow, axis=-1, keepdims=True)
    way = _direction(goal - shoulder, wrist - shoulder)
    far = np.clip(np.linalg.norm(goal - shoulder, axis=-1, keepdims=True), np.abs(upper - fore), upper + fore)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.nan_to_num((upper**2 + far**2 - fore**2) / (2 * upper * far), nan=0.0, posinf=1.0, neginf=-1.0)
    cosine = np.clip(cosine, -1, 1)
    (x, y), (u, v) = np.moveaxis(wrist - shoulder, -1, 0), np.moveaxis(elbow - shoulder, -1, 0)
    bend = x * v - y * u
    straight = np.abs(bend) <= STRAIGHT * np.hypot(x, y) * np.hypot(u, v)
    side = np.where(straight, outwards, np.where(bend < 0, -1.0, 1.0))[..., None]
    across = np.stack([-way[..., 1], way[..., 0]], axis=-1)
    new_elbow = shoulder + upper * (cosine * way + side * np.sqrt(1 - cosine**2) * across)
    return new_elbow, shoulder + far * way


def _direction(vector: Array, instead: Array) -> Array:
    """Unit vectors (n, 2); for vectors of length zero those of `instead`, else downwards."""
    for each in (vector, instead, np.broadcast_to([0.0, 1.0], vector.shape)):
        length = np.linalg.norm(each, axis=-1, keepdims=True)
        vector = np.where(np.linalg.norm(vector, axis=-1, keepdims=True) > 0, vector, each)
        if (length > 0).all():
            break
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)
