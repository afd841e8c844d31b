"""An annotator's corrections on top of calibration: kept in the report, so that they can be repeated.

All lengths are in shoulder widths of the reference, so the same nudges fit the same portrait at any size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError


def _number(value: object, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InputError(
            "The correction {} is {}: choose a number from {} to {}.", name, repr(value), f"{low:g}", f"{high:g}"
        )
    return float(value)


def _pair(value: object, name: str) -> tuple[float, float]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise InputError(f"The correction {name} is {value!r}: give two numbers, across and down.")
    return _number(value[0], name, -5, 5), _number(value[1], name, -5, 5)


def _fields(kind: str, data: object, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(data, dict) or set(data) - set(known):
        raise InputError(f"The stored corrections of {kind} cannot be read: known are {', '.join(known)}.")
    return data


@dataclass(frozen=True)
class ArmNudge:
    """A correction of one arm.

    angle: degrees by which the whole arm is turned at the shoulder, away from the body for a hanging arm (either side);
    length: factor of upper arm and forearm; hand: factor of the hand's size; offset: (across, down) of the hand, in
    shoulder widths, half of which the elbow follows.
    """

    angle: float = 0.0
    length: float = 1.0
    hand: float = 1.0
    offset: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "angle", _number(self.angle, "angle", -180, 180))
        object.__setattr__(self, "length", _number(self.length, "arm length", 0.25, 4))
        object.__setattr__(self, "hand", _number(self.hand, "hand size", 0.25, 4))
        object.__setattr__(self, "offset", _pair(self.offset, "arm offset"))

    @property
    def turn(self) -> tuple[float, float]:
        """Cosine and sine of the angle."""
        return math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))

    @classmethod
    def from_dict(cls, data: object) -> ArmNudge:
        """From the plain values of JSON; InputError if they are something else."""
        return cls(**_fields("an arm", data, ("angle", "length", "hand", "offset")))


@dataclass(frozen=True)
class Nudges:
    """Corrections of the whole: arms first, then scale about the torso's centre, then offset (shoulder widths)."""

    offset: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    left_arm: ArmNudge = field(default_factory=ArmNudge)
    right_arm: ArmNudge = field(default_factory=ArmNudge)

    def __post_init__(self) -> None:
        object.__setattr__(self, "offset", _pair(self.offset, "offset"))
        object.__setattr__(self, "scale", _number(self.scale, "scale", 0.25, 4))

    @property
    def any(self) -> bool:
        """Whether they change anything."""
        return self != Nudges()

    @classmethod
    def from_dict(cls, data: object) -> Nudges:
        """From the plain values of JSON; InputError if they are something else."""
        values = dict(_fields("the pose", data, ("offset", "scale", "left_arm", "right_arm")))
        for arm in ("left_arm", "right_arm"):
            if arm in values:
                values[arm] = ArmNudge.from_dict(values[arm])
        return cls(**values)
