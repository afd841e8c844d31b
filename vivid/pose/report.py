"""What calibration was asked to do and what it did: options and report, as JSON and as sentences.

An annotator's corrections are options, so that they are kept in the report and can be repeated. Their lengths are in
shoulder widths of the reference: the same corrections fit the same portrait at any size.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ..errors import InputError
from .measures import Measures

REPORT_VERSION = 1


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


@dataclass(frozen=True)
class CalibrationOptions:
    """Which steps are done (paper, section 3.2.3) and what an annotator adds.

    scale: step 1, the global r_x and r_y; segments: step 2, the limb proportions; anchor: step 3, the torso's centre
    moves to the reference's; contact: step 4, hands near each other keep their distance; shapes: hands and face keep
    their own shape with one scale each, otherwise they are stretched by r_x and r_y like the rest; smoothing: One-Euro
    smoothing of the driving clip against detector jitter.
    """

    scale: bool = True
    segments: bool = True
    anchor: bool = True
    contact: bool = True
    shapes: bool = True
    smoothing: bool = False
    nudges: Nudges = field(default_factory=Nudges)

    @classmethod
    def from_dict(cls, data: object) -> CalibrationOptions:
        """From the plain values of JSON; InputError if they are something else."""
        switches = {f.name for f in fields(cls)} - {"nudges"}
        if (
            not isinstance(data, dict)
            or set(data) - switches - {"nudges"}
            or not all(isinstance(data[name], bool) for name in switches & set(data))
        ):
            raise InputError("The calibration's options cannot be read: each step is either true or false.")
        values = {name: data[name] for name in switches & set(data)}
        return cls(**values, nudges=Nudges.from_dict(data.get("nudges", {})))


@dataclass(frozen=True)
class Clamp:
    """A factor that was measured out of bounds and cut back."""

    factor: str
    measured: float
    used: float


@dataclass(frozen=True)
class Fallback:
    """A measure that could not be trusted, and what replaced it."""

    part: str
    reason: str


@dataclass(frozen=True)
class Segment:
    """One length and its factor: reference and driving (as used, after step 1) in pixels, None where unknown.

    state: "ok", "clamped", "fallback", or "off" when its step was switched off.
    """

    name: str
    reference: float | None
    driving: float | None
    factor: float
    state: str


@dataclass(frozen=True)
class Contact:
    """What step 4 did: near, the share of frames in which the hands are near each other; moved, the farthest that a
    hand was moved to keep their distance, in shoulder widths."""

    near: float
    moved: float


@dataclass(frozen=True)
class CalibrationReport:
    """Everything calibration decided for one clip and one reference.

    canvas, driving_canvas: (width, height); size: how large the reference is relative to the driving person, both in
    pixels; r_x, r_y: the factors of step 1 in pixels; segments: those of step 2, with factors after step 1 (hands and
    face keep their shape: theirs is one scale of the original clip); centre: the reference's torso; shift: by how much
    step 3 moved the clip's; unit: the shoulder width in which nudges are counted; largest_factor: of all that was
    applied; before: the clip merely fitted to the reference's canvas, the basis of `driving` lengths, `shift` and
    `largest_factor`; after: the result; contact: of step 4, None where it was switched off or did not see two hands.
    """

    frames: int
    canvas: tuple[int, int]
    driving_canvas: tuple[int, int]
    size: float
    r_x: float
    r_y: float
    segments: tuple[Segment, ...]
    centre: tuple[float, float]
    shift: tuple[float, float]
    unit: float
    largest_factor: float
    clamps: tuple[Clamp, ...]
    fallbacks: tuple[Fallback, ...]
    before: Measures
    after: Measures
    options: CalibrationOptions
    contact: Contact | None = None
    version: int = REPORT_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with numbers rounded to the digits that matter."""
        return {name: _rounded(value) for name, value in asdict(self).items()}

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> CalibrationReport:
        """Read `to_json`'s text; InputError if it is something else."""
        try:
            data = json.loads(text)
            if data["version"] != REPORT_VERSION:
                raise InputError(f"The report has version {data['version']}: this program reads {REPORT_VERSION}.")
            data["options"] = CalibrationOptions.from_dict(data["options"])
            data["clamps"] = tuple(Clamp(**each) for each in data["clamps"])
            data["segments"] = tuple(Segment(**each) for each in data["segments"])
            data["fallbacks"] = tuple(Fallback(**each) for each in data["fallbacks"])
            if data.get("contact") is not None:
                data["contact"] = Contact(**data["contact"])
            for name in ("before", "after"):
                data[name] = Measures(**data[name])
            for name in ("canvas", "driving_canvas", "centre", "shift"):
                first, second = data[name]
                data[name] = (first, second)
            return cls(**data)
        except InputError:
            raise
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError("The file is no calibration report: choose one that `calibrate` has written.") from error

    def summary(self) -> list[str]:
        """What a person should know, in sentences: fit before and after, clamps, fallbacks."""
        lines = [
            f"Bone error {_percent(self.before.bone_error)} before, {_percent(self.after.bone_error)} after.",
            f"Wrists within reach in {_percent(self.after.reach)} of the frames.",
            f"Hand points inside the picture: {_percent(self.before.inside)} before, {_percent(self.after.inside)} "
            "after.",
        ]
        if self.contact is not None and self.contact.near > 0:
            lines.append(
                f"Hands near each other in {_percent(self.contact.near)} of the frames: moved by at most "
                f"{_percent(self.contact.moved)} of the shoulder width to keep their distance."
            )
        lines += [f"{c.factor}: {c.measured:.2f} is out of bounds, {c.used:.2f} was used." for c in self.clamps]
        lines += [f"{f.part}: {f.reason}." for f in self.fallbacks]
        return lines


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(each) for each in value]
    return value
