"""The one pose layout: OpenPose body 18, two hands of 21, face 68; x, y in pixels of a canvas, confidence.

Confidence 0 means absent; some detectors exceed 1 and are kept as they are. Points may lie outside the canvas.
Left and right are the person's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..config import FPS

Points = NDArray[np.float32]

BODY_NAMES = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
BODY_COUNT, HAND_COUNT, FACE_COUNT = len(BODY_NAMES), 21, 68
NOSE, NECK = 0, 1
RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST = 2, 3, 4
LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST = 5, 6, 7
RIGHT_HIP, LEFT_HIP = 8, 11
LEFT, RIGHT = 0, 1
"""Indices on the hands axis."""

BODY_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13),
    (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
HAND_BONES = tuple((0 if k % 4 == 1 else k - 1, k) for k in range(1, HAND_COUNT))
"""Wrist, then thumb to little finger, base to tip: 0-1-2-3-4, 0-5-6-7-8, ..."""


def _checked(array: Points, shape: tuple[int, ...], name: str) -> Points:
    array = np.asarray(array, np.float32)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    return array


@dataclass(frozen=True)
class Pose:
    """One frame: body (18, 3), hands (2, 21, 3) left then right, face (68, 3); canvas (width, height) in pixels."""

    body: Points
    hands: Points
    face: Points
    canvas: tuple[int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", _checked(self.body, (BODY_COUNT, 3), "body"))
        object.__setattr__(self, "hands", _checked(self.hands, (2, HAND_COUNT, 3), "hands"))
        object.__setattr__(self, "face", _checked(self.face, (FACE_COUNT, 3), "face"))

    def map_points(self, scale: tuple[float, float], shift: tuple[float, float], canvas: tuple[int, int]) -> Pose:
        """Every point p becomes p * scale + shift on another canvas."""
        return clip_of(self).map_points(scale, shift, canvas).frame(0)

    def on_canvas(self, canvas: tuple[int, int]) -> Pose:
        """The same pose of the same picture at another size (width, height)."""
        if canvas == self.canvas:
            return self
        return self.map_points((canvas[0] / self.canvas[0], canvas[1] / self.canvas[1]), (0.0, 0.0), canvas)


@dataclass(frozen=True)
class PoseClip:
    """T frames: body (T, 18, 3), hands (T, 2, 21, 3), face (T, 68, 3); canvas (width, height); frames a second."""

    body: Points
    hands: Points
    face: Points
    canvas: tuple[int, int]
    fps: float = FPS

    def __post_init__(self) -> None:
        count = len(self.body)
        object.__setattr__(self, "body", _checked(self.body, (count, BODY_COUNT, 3), "body"))
        object.__setattr__(self, "hands", _checked(self.hands, (count, 2, HAND_COUNT, 3), "hands"))
        object.__setattr__(self, "face", _checked(self.face, (count, FACE_COUNT, 3), "face"))

    def __len__(self) -> int:
        return len(self.body)

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return len(self) / self.fps

    def frame(self, index: int) -> Pose:
        """One frame as a Pose."""
        return Pose(self.body[index], self.hands[index], self.face[index], self.canvas)

    def take(self, indices: NDArray[np.integer] | slice) -> PoseClip:
        """The frames at `indices`, in that order."""
        return replace(self, body=self.body[indices], hands=self.hands[indices], face=self.face[indices])

    def map_points(self, scale: tuple[float, float], shift: tuple[float, float], canvas: tuple[int, int]) -> PoseClip:
        """Every point p becomes p * scale + shift on another canvas."""
        factor = np.array([*scale, 1.0], np.float32)
        offset = np.array([*shift, 0.0], np.float32)
        parts = {name: getattr(self, name) * factor + offset for name in ("body", "hands", "face")}
        return replace(self, canvas=canvas, **parts)


def no_pose(canvas: tuple[int, int]) -> Pose:
    """The pose of a picture in which nobody was found: every point absent."""
    shapes = ((BODY_COUNT, 3), (2, HAND_COUNT, 3), (FACE_COUNT, 3))
    body, hands, face = (np.zeros(shape, np.float32) for shape in shapes)
    return Pose(body, hands, face, canvas)


def clip_of(pose: Pose, fps: float = FPS) -> PoseClip:
    """A clip of one frame."""
    return PoseClip(pose.body[None], pose.hands[None], pose.face[None], pose.canvas, fps)


def stacked(clip: PoseClip) -> Points:
    """All points of a clip as (T, 128, 3): body, left hand, right hand, face."""
    return np.concatenate([clip.body, clip.hands.reshape(len(clip), -1, 3), clip.face], axis=1)


def unstacked(points: Points, canvas: tuple[int, int]) -> PoseClip:
    """The clip of points (T, 128, 3) in the order of `stacked`."""
    body, hands, face = np.split(points, (BODY_COUNT, BODY_COUNT + 2 * HAND_COUNT), axis=1)
    return PoseClip(body, hands.reshape(-1, 2, HAND_COUNT, 3), face, canvas)
