"""Body measures of poses, by which calibration is judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .regions import confident, present
from .skeleton import LEFT_SHOULDER, NECK, NOSE, RIGHT_SHOULDER, PoseClip, stacked

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

SHOULDERS_OF_BODY, ELBOWS_OF_BODY, WRISTS_OF_BODY, HIPS_OF_BODY = [5, 2], [6, 3], [7, 4], [11, 8]
"""Body indices, left then right, like the hands axis."""
SIDES = ("left", "right")
PAIRED = ("upper_arm", "forearm", "hand")
BONES = ("shoulders", "torso", *(f"{side}_{part}" for part in PAIRED for side in SIDES))
"""The lengths over which the bone error is taken."""
LIMB_PERCENTILE = 90
"""A limb that points at the camera only looks shorter: its length is this percentile over the clip, not the median."""
REACH = 1.05
"""A wrist farther from its shoulder than this many arm lengths is impossible."""
_NOSE_OF_FACE, _CHIN, _BRIDGE, _JAW_RIGHT, _JAW_LEFT = 30, 8, 27, 0, 16
_MIDDLE_KNUCKLE = 9
_FEWEST_FRAMES = 5


@dataclass
class Joints:
    """The joints that carry the others, in float64; NaN where absent in a frame. Sides: left, right.

    neck, nose, hips (the middle of both): (T, 2); shoulders, elbows, wrists: (T, 2 sides, 2). `sure` holds, under
    the same names, which of them are confident.
    """

    neck: Array
    nose: Array
    hips: Array
    shoulders: Array
    elbows: Array
    wrists: Array
    sure: dict[str, Flags]


def _where(points: NDArray[np.floating]) -> Array:
    return np.where(present(points)[..., None], points[..., :2].astype(np.float64), np.nan)


def _mean(points: NDArray[np.floating]) -> tuple[Array, Flags]:
    """The middle of points (..., 2, 3): NaN unless both are present; sure when both are."""
    return _where(points).mean(axis=-2), confident(points).all(axis=-1)


def joints_of(clip: PoseClip) -> Joints:
    """The carrying joints of a clip.

    What detectors leave out is derived per frame: the neck from the shoulders, the nose from the tip of the face's
    nose, a wrist from the hand's root.
    """
    body, hands, face = clip.body, clip.hands, clip.face
    sure: dict[str, Flags] = {}

    def first(name: str, own: NDArray[np.floating], other: Array, other_sure: Flags) -> Array:
        here = present(own)
        sure[name] = np.where(here, confident(own), other_sure)
        return np.where(here[..., None], own[..., :2].astype(np.float64), other)

    shoulders = body[:, SHOULDERS_OF_BODY]
    neck = first("neck", body[:, NECK], *_mean(body[:, [LEFT_SHOULDER, RIGHT_SHOULDER]]))
    tip = face[:, _NOSE_OF_FACE]
    nose = first("nose", body[:, NOSE], _where(tip), confident(tip))
    root = hands[:, :, 0]
    wrists = first("wrists", body[:, WRISTS_OF_BODY], _where(root), confident(root))
    hips, sure["hips"] = _mean(body[:, HIPS_OF_BODY])
    elbows = body[:, ELBOWS_OF_BODY]
    sure["shoulders"], sure["elbows"] = confident(shoulders), confident(elbows)
    return Joints(neck, nose, hips, _where(shoulders), _where(elbows), wrists, sure)


def _statistic(lengths: Array, sure: Flags, percentile: float) -> float | None:
    values = lengths[sure]
    if len(values) < max(1, min(_FEWEST_FRAMES, len(lengths) // 10)):
        return None
    value = float(np.percentile(values, percentile))
    return value if value > 1e-6 else None


def lengths_of(clip: PoseClip, joints: Joints | None = None) -> dict[str, float | None]:
    """Body lengths over the confident frames, in pixels; None where no frame shows one.

    The BONES, "neck_nose" and "face" (the mean of jaw width and nose bridge to chin): medians, but the 90th
    percentile for upper arms, forearms and hands (wrist to middle knuckle).
    """
    j = joints or joints_of(clip)
    sure = j.sure

    def far(a: Array, b: Array) -> Array:
        return np.linalg.norm(a - b, axis=-1)

    def both(*names: str) -> Flags:
        return np.logical_and.reduce([sure[name] for name in names])

    result: dict[str, float | None] = {
        "shoulders": _statistic(far(j.shoulders[:, 0], j.shoulders[:, 1]), sure["shoulders"].all(axis=-1), 50),
        "torso": _statistic(far(j.neck, j.hips), both("neck", "hips"), 50),
        "neck_nose": _statistic(far(j.neck, j.nose), both("neck", "nose"), 50),
    }
    palm = far(_where(clip.hands[:, :, 0]), _where(clip.hands[:, :, _MIDDLE_KNUCKLE]))
    palm_sure = confident(clip.hands[:, :, [0, _MIDDLE_KNUCKLE]]).all(axis=-1)
    for s, side in enumerate(SIDES):
        for part, length, known in (
            ("upper_arm", far(j.shoulders, j.elbows), both("shoulders", "elbows")),
            ("forearm", far(j.elbows, j.wrists), both("elbows", "wrists")),
            ("hand", palm, palm_sure),
        ):
            result[f"{side}_{part}"] = _statistic(length[:, s], known[:, s], LIMB_PERCENTILE)
    marks = clip.face[:, [_JAW_RIGHT, _JAW_LEFT, _BRIDGE, _CHIN]]
    xy = _where(marks)
    across, down = far(xy[:, 0], xy[:, 1]), far(xy[:, 2], xy[:, 3])
    result["face"] = _statistic((across + down) / 2, confident(marks).all(axis=-1), 50)
    return result


@dataclass(frozen=True)
class Measures:
    """How well a clip fits a reference; None where nothing could be measured.

    bone_error: mean of |length - reference length| / reference length over the trusted BONES; bones: the error of each
    of them; reach: share of frames (of both arms) whose wrist is within 1.05 arm lengths of its shoulder;
    inside: share of confident hand points inside the picture; jump: largest way of any point from one frame to the
    next, in pixels.
    """

    bone_error: float | None
    bones: dict[str, float]
    reach: float | None
    inside: float | None
    jump: float


def measure_clip(clip: PoseClip, reference: dict[str, float | None], believed: set[str] | frozenset[str]) -> Measures:
    """Measure a clip against reference lengths; bones outside `believed` (clamped, fallen back) do not count."""
    joints = joints_of(clip)
    lengths = lengths_of(clip, joints)
    bones: dict[str, float] = {}
    for name in BONES:
        target, own = reference.get(name), lengths[name]
        if name in believed and target is not None and own is not None:
            bones[name] = abs(own - target) / target
    return Measures(
        bone_error=float(np.mean(list(bones.values()))) if bones else None,
        bones=bones,
        reach=_reach(joints, reference),
        inside=_inside(clip),
        jump=largest_jump(clip),
    )


def _reach(joints: Joints, reference: dict[str, float | None]) -> float | None:
    far = np.linalg.norm(joints.wrists - joints.shoulders, axis=-1)
    known = joints.sure["wrists"] & joints.sure["shoulders"]
    within: list[Flags] = []
    for s, side in enumerate(SIDES):
        upper, fore = reference.get(f"{side}_upper_arm"), reference.get(f"{side}_forearm")
        if upper is not None and fore is not None:
            within.append(far[known[:, s], s] <= REACH * (upper + fore))
    seen = np.concatenate(within) if within else np.empty(0, bool)
    return float(seen.mean()) if len(seen) else None


def _inside(clip: PoseClip) -> float | None:
    sure = confident(clip.hands)
    if not sure.any():
        return None
    xy = clip.hands[..., :2][sure]
    return float(((xy >= 0) & (xy < np.array(clip.canvas))).all(axis=-1).mean())


def largest_jump(clip: PoseClip) -> float:
    """The longest way of any point between neighbouring frames in which it is present, in pixels."""
    return float(ways(clip).max(initial=0.0))


def ways(clip: PoseClip) -> Array:
    """How far each point moves from one frame to the next, (T - 1, 128) in pixels; 0 unless it is present in both."""
    points = stacked(clip)
    here = present(points)
    places = np.where(here[..., None], points[..., :2].astype(np.float64), 0.0)
    return np.linalg.norm(np.diff(places, axis=0), axis=-1) * (here[1:] & here[:-1])
