"""The data that a portrait is taken apart into, as passed between the parts of the layered generator."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...pose.skeleton import LEFT_ELBOW, LEFT_SHOULDER, LEFT_WRIST, RIGHT_ELBOW, RIGHT_SHOULDER, RIGHT_WRIST, Pose
from .skin import Look

Floats = NDArray[np.float64]
Layer = NDArray[np.float32]

SHOULDERS, ELBOWS, WRISTS = (LEFT_SHOULDER, RIGHT_SHOULDER), (LEFT_ELBOW, RIGHT_ELBOW), (LEFT_WRIST, RIGHT_WRIST)
"""Joints of the body by side: the person's left first, as hands are."""
PLACES = np.linspace(0.05, 1.0, 10)
"""Where along the upper arm (0 shoulder, 1 elbow) its half-widths are measured."""

SLEEVELESS, ELBOW_LENGTH, LONG = 0.0, 0.92, 1.4
"""The hem of an arm that is bare from the shoulder on; hems (1 elbow, 2 wrist) beyond which a sleeve covers the elbow,
and is long."""
HEM_KNOTS = np.linspace(-0.3, 0.3, 13)
"""Offsets from the upper arm's bone at which its hem is given, in shoulder widths; positive is outwards."""


def hem_bow(outward: Floats) -> Floats:
    """How much farther down an unseen hem is assumed in the middle of the arm than at its sides; outward: offset from
    the bone in shoulder widths."""
    return np.asarray(0.02 * (1 - np.square(np.clip(outward / 0.2, -1, 1))))


@dataclass
class ArmOutline:
    """What the portrait shows of one arm, in pixels.

    shoulder, elbow, wrist: (2,); hem: where cloth ends (0 shoulder, 1 elbow, 2 wrist; over 1.4 is a long sleeve), and
    hem_curve: (13,) how much farther down it ends at each of HEM_KNOTS; outer, inner: (10,) half-widths of sleeve or
    arm beside the bone at PLACES, away from and towards the torso; hand_seen: whether the portrait shows the hand;
    bare: whether the upper arm below the hem is the photograph's own skin, down to `bare_to` of its length;
    middle: how far outwards from the bone the middle of a short sleeve's hem is.
    """

    shoulder: Floats
    elbow: Floats
    wrist: Floats
    hem: float
    outer: Floats
    inner: Floats
    hand_seen: bool
    bare: bool = False
    bare_to: float = 0.86
    hem_curve: Floats = field(default_factory=lambda: hem_bow(HEM_KNOTS))
    middle: float = 0.0

    @property
    def sleeveless(self) -> bool:
        """Whether the arm is bare from the shoulder on."""
        return self.hem <= SLEEVELESS

    def hem_at(self, outward: NDArray[np.floating]) -> Floats:
        """Where cloth ends along the arm, at an offset of `outward` shoulder widths from the bone."""
        return self.hem + np.interp(outward, HEM_KNOTS, self.hem_curve)


@dataclass
class Layers:
    """A portrait (H, W) with its arms taken out.

    photo: (H, W, 3) uint8 RGB as it came; plate: (H, W, 3) float32 0..255, without arms; cloth: the same, the photo
    with skin and room painted over by cloth, which sleeves are cut from; sleeve: (2, H, W) opacity 0..1 of the upper
    arms; torso: (H, W) opacity 0..1 of the body without arms; person: (H, W) soft mask of the whole person; removed:
    (H, W) bool, where arms were taken out; pose: in these pixels; palm: usual length of this person's palm in pixels;
    shoulders: distance between the shoulders in pixels; entering: no arm is seen, nothing was taken out, and forearms
    enter from outside; bare: (2, H, W) bool, where each arm's skin is surely seen.
    """

    photo: NDArray[np.uint8]
    plate: Layer
    cloth: Layer
    sleeve: Layer
    torso: Layer
    person: Layer
    removed: NDArray[np.bool_]
    pose: Pose
    arms: list[ArmOutline]
    look: Look
    palm: float
    shoulders: float
    entering: bool = False
    bare: NDArray[np.bool_] | None = None
