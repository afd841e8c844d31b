"""The worst frames of a fitted clip by each measure, to know where to look first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .measures import SIDES, Array, joints_of, ways
from .regions import confident
from .skeleton import PoseClip

MEASURES = ("bone", "reach", "jump", "outside")


def by_frame(clip: PoseClip, reference: Mapping[str, float | None], unit: float) -> dict[str, Array]:
    """How bad each frame is, (T,) each, 0 where nothing can be said.

    reference: the portrait's lengths in pixels; unit: its shoulder width. bone: by what share a part of an arm, or the
    shoulders, is longer than the reference's (a shorter one only points at the camera); reach: by what share a wrist is
    farther from its shoulder than the arm is long; jump: the farthest that a point moved since the frame before, in
    shoulder widths; outside: share of the confident hand points outside the picture.
    """
    joints = joints_of(clip)
    frames = len(clip)
    bone, reach, jump = np.zeros(frames), np.zeros(frames), np.zeros(frames)

    def excess(ends: Array, starts: Array, length: float | None) -> Array:
        if length is None:
            return np.zeros(frames)
        return np.nan_to_num(np.maximum(np.linalg.norm(ends - starts, axis=-1) / length - 1, 0.0))

    for s, side in enumerate(SIDES):
        upper, fore = reference.get(f"{side}_upper_arm"), reference.get(f"{side}_forearm")
        bone = np.maximum(bone, excess(joints.elbows[:, s], joints.shoulders[:, s], upper))
        bone = np.maximum(bone, excess(joints.wrists[:, s], joints.elbows[:, s], fore))
        arm = None if upper is None or fore is None else upper + fore
        reach = np.maximum(reach, excess(joints.wrists[:, s], joints.shoulders[:, s], arm))
    bone = np.maximum(bone, excess(joints.shoulders[:, 0], joints.shoulders[:, 1], reference.get("shoulders")))

    jump[1:] = ways(clip).max(axis=-1, initial=0.0) / max(unit, 1e-6)

    sure = confident(clip.hands)
    xy = clip.hands[..., :2]
    out = sure & ~((xy >= 0) & (xy < np.array(clip.canvas))).all(axis=-1)
    outside = out.sum(axis=(1, 2)) / np.maximum(sure.sum(axis=(1, 2)), 1)
    return {"bone": bone, "reach": reach, "jump": jump, "outside": outside}


def worst_frames(clip: PoseClip, reference: Mapping[str, float | None], unit: float) -> dict[str, tuple[int, float]]:
    """Measure -> the first of its worst frames and that frame's value, rounded; (0, 0) where none is bad."""
    found = {}
    for name, values in by_frame(clip, reference, unit).items():
        frame = int(values.argmax())
        found[name] = (frame, round(float(values[frame]), 3)) if values[frame] >= 5e-4 else (0, 0.0)
    return found
