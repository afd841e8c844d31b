"""Skeleton of one identity: forward kinematics, two-bone arm IK, finger flexion."""

from __future__ import annotations

import dataclasses

import numpy as np

from .basemesh import BaseMesh
from .transforms import Array, frame, rotation, rotation_vector

SIDES = ("L", "R")
WRIST_LIMIT = 0.95  # largest angle between forearm and hand (radians)
ARM_BONES = ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")


@dataclasses.dataclass
class RigPose:
    """Targets for `Rig.solve`.

    rotations: bone -> 3x3 rotation in rest axes; arms: side -> (wrist position, elbow hint, palm direction,
    finger direction); fingers: side -> (5, 3) flexion in radians, thumb first; spread: side -> fan-out.
    """

    rotations: dict[str, Array]
    arms: dict[str, tuple[Array, Array, Array, Array]]
    fingers: dict[str, Array]
    spread: dict[str, float]


class Rig:
    """Joint positions `heads`/`tails` in the rest pose; `solve` fills `rotation` and `position` per bone."""

    def __init__(self, base: BaseMesh, heads: Array, tails: Array):
        self.heads, self.tails, self.parents, self.bones = heads, tails, base.parents, base.bones
        self.index = {n: i for i, n in enumerate(base.bones)}
        self.rotation = np.tile(np.eye(3), (len(heads), 1, 1))
        self.position = heads.copy()
        self.shoulder_width = float(np.linalg.norm(self.head("upperarm01.L") - self.head("upperarm01.R")))
        self.shoulder_centre = (self.head("upperarm01.L") + self.head("upperarm01.R")) / 2
        self.arm = {s: self._arm_geometry(s) for s in SIDES}
        self._finger_axes = {(s, j): self._finger_geometry(s, j) for s in SIDES for j in range(5)}

    def head(self, name: str) -> Array:
        return self.heads[self.index[name]]

    def tail(self, name: str) -> Array:
        return self.tails[self.index[name]]

    def posed_head(self, name: str) -> Array:
        return self.position[self.index[name]]

    def posed_tail(self, name: str) -> Array:
        i = self.index[name]
        return self.position[i] + self.rotation[i] @ (self.tails[i] - self.heads[i])

    def _arm_geometry(self, s: str) -> dict:
        shoulder, elbow, wrist = (self.head(f"{n}.{s}") for n in ("upperarm01", "lowerarm01", "wrist"))
        index, pinky, middle = (self.head(f"finger{k}-1.{s}") for k in (2, 5, 3))
        palm = np.cross(index - wrist, pinky - wrist) * (1 if s == "R" else -1)
        palm /= np.linalg.norm(palm)  # outward from the palm
        hinge = np.cross(elbow - shoulder, wrist - elbow)
        return dict(
            upper=np.linalg.norm(elbow - shoulder),
            lower=np.linalg.norm(wrist - elbow),
            palm=palm,
            upper_frame=frame(elbow - shoulder, hinge),
            lower_frame=frame(wrist - elbow, hinge),
            hand_frame=frame(middle - wrist, palm),
            hand_length=np.linalg.norm(middle - wrist),
            bones=[self.index[f"{n}.{s}"] for n in ARM_BONES],
        )

    def _finger_geometry(self, s: str, j: int) -> tuple[list[int], Array]:
        palm = self.arm[s]["palm"]
        names = [f"finger{j + 1}-{k}.{s}" for k in (1, 2, 3)]
        along = self.tail(names[2]) - self.head(names[0])
        along /= np.linalg.norm(along)
        if j == 0:  # the thumb flexes across the palm
            across = self.head(f"finger5-1.{s}") - self.head(f"finger2-1.{s}")
            across /= np.linalg.norm(across)
            axis = np.cross(along, np.cross(palm, along) * 0.2 + across + palm * 0.55)
        else:
            axis = np.cross(along, palm)
        return [self.index[n] for n in names], axis

    def solve(self, pose: RigPose) -> None:
        """Fills `rotation` and `position` for the pose."""
        n = len(self.parents)
        local: list[Array | None] = [None] * n
        for name, matrix in pose.rotations.items():
            local[self.index[name]] = matrix
        for (s, j), (ids, axis) in self._finger_axes.items():
            for k, i in enumerate(ids):
                local[i] = rotation(axis, pose.fingers[s][j][k])
            if j > 0:
                sign = 1 if s == "R" else -1
                local[ids[0]] = rotation(self.arm[s]["palm"], sign * pose.spread[s] * (j - 2.5) * 0.5) @ local[ids[0]]
        fixed: dict[int, Array] = {}
        shoulder_bone = {self.arm[s]["bones"][0]: s for s in pose.arms}
        for i in range(n):
            parent = self.parents[i]
            if parent < 0:
                self.rotation[i] = np.eye(3) if local[i] is None else local[i]
                self.position[i] = self.heads[i]
                continue
            above = self.rotation[parent]
            self.position[i] = self.position[parent] + above @ (self.heads[i] - self.heads[parent])
            if i in shoulder_bone:
                self._solve_arm(shoulder_bone[i], pose.arms[shoulder_bone[i]], self.position[i], above, fixed)
            if i in fixed:
                self.rotation[i] = fixed[i]
            else:
                self.rotation[i] = above if local[i] is None else above @ local[i]

    def _solve_arm(self, s: str, target: tuple, shoulder: Array, above: Array, fixed: dict[int, Array]) -> None:
        """Two-bone IK; global rotations of the five arm bones go to `fixed`, twist spread along the limb."""
        wrist_target, hint, palm, fingers = target
        a = self.arm[s]
        upper, lower = a["upper"], a["lower"]
        direction = wrist_target - shoulder
        length = np.linalg.norm(direction)
        direction = direction / (length + 1e-9)
        reach = np.clip(length, abs(upper - lower) * 1.05 + 0.03, (upper + lower) * 0.995)
        cosine = np.clip((upper**2 + reach**2 - lower**2) / (2 * upper * reach), -1, 1)
        side = hint - direction * (hint @ direction)
        side /= np.linalg.norm(side)
        elbow = shoulder + direction * upper * cosine + side * upper * np.sqrt(1 - cosine * cosine)
        wrist = shoulder + direction * reach
        hinge = np.cross(elbow - shoulder, wrist - elbow)
        upper_rot = frame(elbow - shoulder, hinge) @ a["upper_frame"].T
        lower_rot = frame(wrist - elbow, hinge) @ a["lower_frame"].T
        forearm = (wrist - elbow) / np.linalg.norm(wrist - elbow)
        hand = fingers / np.linalg.norm(fingers)
        if np.arccos(np.clip(hand @ forearm, -1, 1)) > WRIST_LIMIT:
            hand = rotation(np.cross(forearm, hand), WRIST_LIMIT) @ forearm
        hand_rot = frame(hand, palm) @ a["hand_frame"].T
        twist = rotation_vector(hand_rot @ lower_rot.T) @ forearm
        arm_axis = (elbow - shoulder) / upper
        upper_twist = np.clip(rotation_vector(upper_rot @ above.T) @ arm_axis, -2.4, 2.4)
        for bone, matrix in zip(
            a["bones"],
            (
                rotation(arm_axis, -0.5 * upper_twist) @ upper_rot,
                upper_rot,
                rotation(forearm, 0.25 * twist) @ lower_rot,
                rotation(forearm, 0.7 * twist) @ lower_rot,
                hand_rot,
            ),
            strict=True,
        ):
            fixed[bone] = matrix
