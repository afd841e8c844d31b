"""Stick people with known proportions and natural gestures, for tests of poses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vivid.pose.regions import present
from vivid.pose.skeleton import FACE_COUNT, HAND_COUNT, LEFT, RIGHT, Pose, PoseClip, stacked

CANVAS = (768, 768)
_SIDES = ((0, 5, 6, 7, 11, 1.0), (1, 2, 3, 4, 8, -1.0))
"""Hand index, shoulder, elbow, wrist and hip of the body, direction across the picture; left then right."""


@dataclass(frozen=True)
class Person:
    """Lengths in pixels; arms in shoulder widths."""

    shoulders: float = 240.0
    torso: float = 350.0
    neck: float = 150.0
    upper_arm: float = 0.83
    forearm: float = 0.64
    hand: float = 0.29
    face: float = 110.0
    place: tuple[float, float] = (384.0, 330.0)

    def arm(self) -> float:
        """Length of the stretched arm in pixels."""
        return (self.upper_arm + self.forearm) * self.shoulders


def gestures(person: Person, frames: int, seed: int = 0, flat: bool = False) -> PoseClip:
    """A clip of smooth gestures; unless `flat`, limbs also turn towards the camera and look shorter."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / 24

    def wave(middle: float, size: float) -> np.ndarray:
        speed, phase = rng.uniform(0.2, 1.2), rng.uniform(0, 2 * np.pi)
        return middle + size * np.sin(2 * np.pi * speed * time + phase)

    def limb(angle: np.ndarray, length: float) -> np.ndarray:
        shown = length * (np.ones(frames) if flat else np.cos(wave(0.0, rng.uniform(0, 1.2))))
        return np.stack([np.sin(angle), np.cos(angle)], axis=-1) * shown[:, None]

    body = np.zeros((frames, 18, 3))
    hands = np.zeros((frames, 2, HAND_COUNT, 3))
    neck = np.stack([wave(person.place[0], 6), wave(person.place[1], 4)], axis=-1)
    tilt = wave(0.0, 0.04)
    along = np.stack([np.cos(tilt), np.sin(tilt)], axis=-1)
    body[:, 1, :2] = neck
    for hand, shoulder, elbow, wrist, hip, out in _SIDES:
        body[:, shoulder, :2] = neck + out * along * person.shoulders / 2
        upper, fore = wave(0.35, 0.3), wave(1.6, 1.0)
        body[:, elbow, :2] = body[:, shoulder, :2] + limb(out * upper, person.upper_arm * person.shoulders)
        body[:, wrist, :2] = body[:, elbow, :2] + limb(out * fore, person.forearm * person.shoulders)
        body[:, hip, :2] = neck + [out * person.shoulders * 0.3, person.torso]
        size, turn = person.hand * person.shoulders, wave(2.0, 0.8)
        for k in range(1, HAND_COUNT):
            finger, joint = (k - 1) // 4, (k - 1) % 4
            angle = out * (turn + 0.25 * (finger - 2))
            reach = size * (1 + 0.3 * joint) * (0.6 if finger == 0 else 1.0)
            hands[:, hand, k, :2] = np.stack([np.sin(angle), np.cos(angle)], axis=-1) * reach
        hands[..., hand, :, :2] += body[:, wrist, None, :2]
    nose = neck + np.stack([wave(0, 8), wave(-person.neck, 4)], axis=-1)
    body[:, 0, :2] = nose
    for index, across, down in ((14, -0.2, -0.2), (15, 0.2, -0.2), (16, -0.5, -0.1), (17, 0.5, -0.1)):
        body[:, index, :2] = nose + person.face * np.array([across, down])
    around = np.linspace(0, np.pi, 17)
    face = np.zeros((frames, FACE_COUNT, 3))
    shape = rng.uniform(-0.35, 0.35, (FACE_COUNT, 2))
    shape[:17] = np.stack([-0.5 * np.cos(around), 0.6 * np.sin(around)], axis=-1)
    shape[27], shape[30] = (0, -0.25), (0, 0)
    face[..., :2] = nose[:, None] + person.face * shape
    body[..., 2], hands[..., 2], face[..., 2] = (rng.uniform(0.5, 1.2, part.shape[:-1]) for part in (body, hands, face))
    body[:, [9, 10, 12, 13]] = 0  # a half-body clip: no legs
    return PoseClip(body, hands, face, CANVAS)


def still(person: Person, seed: int = 0, flat: bool = True) -> Pose:
    """One frame of a person's gestures."""
    return gestures(person, 1, seed, flat).frame(0)


def mirrored(clip: PoseClip) -> PoseClip:
    """The clip in a mirror: left and right swap, x runs the other way."""
    swap = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16]
    face = [*range(16, -1, -1), *range(17, 68)]  # the jaw is all that calibration measures by side

    def flip(points: np.ndarray) -> np.ndarray:
        points = points.copy()
        here = points[..., 2] > 0
        points[..., 0] = np.where(here, clip.canvas[0] - points[..., 0], 0)
        return points

    return PoseClip(
        flip(clip.body[:, swap]), flip(clip.hands[:, ::-1]), flip(clip.face[:, face]), clip.canvas, clip.fps
    )


def without(clip: PoseClip, missing: set[str], seed: int = 0, fill: float = 0.0) -> PoseClip:
    """The clip with whole parts gone, and with "some" a random tenth of all points; gone points get `fill`."""
    body, hands, face = clip.body.copy(), clip.hands.copy(), clip.face.copy()
    gone = np.zeros(3, np.float32) + [fill, fill, 0]
    for name, indices in (("hips", [8, 11]), ("neck", [1]), ("nose", [0]), ("left_elbow", [6]), ("right_arm", [3, 4]),
                          ("shoulders", [2, 5]), ("wrists", [4, 7])):  # fmt: skip
        if name in missing:
            body[:, indices] = gone
    for side, name in ((LEFT, "left_hand"), (RIGHT, "right_hand")):
        if name in missing:
            hands[:, side] = gone
    if "face" in missing:
        face[:] = gone
    if "some" in missing:
        rng = np.random.default_rng(seed)
        for part in (body, hands, face):
            part[rng.random(part.shape[:-1]) < 0.1] = gone
    return replace(clip, body=body, hands=hands, face=face)


def assert_same(one: PoseClip, other: PoseClip, within: float) -> None:
    a, b = stacked(one), stacked(other)
    here = present(a)
    assert (here == present(b)).all()
    assert np.abs(a - b)[here].max(initial=0) < within
