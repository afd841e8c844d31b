"""Findings about a portrait, one sentence each, and a suggested fix if there is one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import RunSettings
from ..errors import InputError, Message
from ..generators import Generator
from ..inputs import portrait_of, upright_turns
from ..pose import skeleton as sk
from ..pose.detect import SEVERAL
from ..pose.people import room_of
from ..pose.portrait import BLURRED, Portrait, find_troubles, make_portrait, stands

Picture = NDArray[np.uint8]

FAR_AWAY = 0.16
"""Share of the picture's height below which a head counts as far away and a crop is suggested."""
OFF_CENTRE = 0.3


@dataclass(frozen=True)
class Finding:
    """One sentence: level (ok, warn, bad), text key and values."""

    level: str
    key: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fix:
    """A suggested fix: `turns` quarter turns counter-clockwise, then the crop (x0, y0, x1, y1)."""

    kind: str
    turns: int = 0
    crop: tuple[int, int, int, int] | None = None

    def apply(self, image: Picture) -> Picture:
        """The picture (H, W, 3) after the fix."""
        image = np.rot90(image, self.turns)
        if self.crop is not None:
            x0, y0, x1, y1 = self.crop
            image = image[y0:y1, x0:x1]
        return np.ascontiguousarray(image)


@dataclass(frozen=True)
class Verdict:
    """`portrait` is None when the picture cannot be used."""

    findings: tuple[Finding, ...]
    portrait: Portrait | None
    fix: Fix | None = None

    @property
    def usable(self) -> bool:
        """Whether a video can be made from it."""
        return self.portrait is not None


def examine(image: Picture, generator: Generator | None = None) -> Verdict:
    """Examine a picture (H, W, 3), already reduced by `shrink`; `generator`: which one is to make a video of it."""
    try:
        portrait = portrait_of(image)
    except InputError as error:
        turns = upright_turns(image)
        if turns:
            return Verdict((Finding("bad", "portrait_turned"),), None, Fix("rotate", turns))
        return Verdict((Finding("bad", "portrait_refused", {"reason": error.message}),), None)
    try:
        if generator is not None:
            generator.resolve(RunSettings(), portrait.size)
    except InputError:
        width, height = portrait.size
        return Verdict((Finding("bad", "portrait_too_small", {"width": width, "height": height}),), None)
    turns = 0 if stands(portrait.pose) else upright_turns(image)
    fix = Fix("rotate", turns) if turns else _closer(portrait)
    own = make_portrait(image, portrait.pose).notices  # these are covered by findings, which have both languages
    several = len(portrait.people)
    own = (*own, Message(SEVERAL, several))
    said = tuple(
        Finding("warn", "portrait_notice", {"text": Message(text)}) for text in portrait.notices if text not in own
    )
    if several > 1:
        said = (Finding("warn", "portrait_several", {"count": several}), *said)
    return Verdict((*said, *_findings(portrait, fix)), portrait, fix)


def _findings(portrait: Portrait, fix: Fix | None) -> list[Finding]:
    width, height = portrait.size
    troubles = find_troubles(portrait.image, portrait.pose, portrait.head_box)
    found = {name: Finding("warn", f"portrait_{name}", dict(values)) for name, values in troubles.items()}
    result = [found.get("upside_down", Finding("ok", "portrait_person"))]
    head = [found[name] for name in ("head_cut", "head_tiny", "head_small", "dark") if name in found]
    result += head or [Finding("ok", "portrait_head")]
    result.append(found.get("no_shoulders", Finding("ok", "portrait_shoulders")))
    result.append(_hands(portrait))
    result.append(
        Finding("ok", "portrait_size", {"width": width, "height": height})
        if min(width, height) >= 256
        else Finding("warn", "portrait_small", {"width": width, "height": height})
    )
    if fix is not None and fix.kind == "crop":
        result.append(Finding("info", "portrait_far"))
    return result


def _hands(portrait: Portrait) -> Finding:
    present = portrait.hand_present
    blurred = present & (portrait.hand_sharpness < BLURRED)
    if not present.any():
        return Finding("warn", "portrait_no_hands")
    if not present.all():
        return Finding("warn", "portrait_left_only" if present[sk.LEFT] else "portrait_right_only")
    return Finding("warn", "portrait_hands_blurred") if blurred.any() else Finding("ok", "portrait_hands")


def _closer(portrait: Portrait) -> Fix | None:
    """A crop to the upper body if the person is far away or well off the middle."""
    width, height = portrait.size
    body = portrait.pose.body
    shoulders = body[[sk.LEFT_SHOULDER, sk.RIGHT_SHOULDER]]
    if (shoulders[:, 2] <= 0).any():
        return None
    span = float(abs(shoulders[0, 0] - shoulders[1, 0]))
    middle = float(shoulders[:, 0].mean())
    head = portrait.head_box
    far = (head[3] - head[1]) < FAR_AWAY * 1.6 * height and span < 0.25 * width
    aside = abs(middle - width / 2) > OFF_CENTRE * width
    if not (far or aside) or span < 24:
        return None
    x0, y0, x1, y1 = _half_body(portrait)
    if (x1 - x0) * (y1 - y0) > 0.7 * width * height or min(x1 - x0, y1 - y0) < 128:
        return None
    return Fix("crop", 0, (x0, y0, x1, y1))


def _half_body(portrait: Portrait) -> tuple[int, int, int, int]:
    """The part (x0, y0, x1, y1) of a picture that shows a person, whose shoulders are known, down to the hips."""
    shoulders = portrait.pose.body[[sk.LEFT_SHOULDER, sk.RIGHT_SHOULDER]]
    span, middle, head = float(np.ptp(shoulders[:, 0])), float(shoulders[:, 0].mean()), portrait.head_box
    boxes = [np.array([middle - 1.35 * span, head[1] - 0.2 * span, middle + 1.35 * span, head[1] + 2.7 * span])]
    boxes += [box for box, seen in zip(portrait.hand_boxes, portrait.hand_present, strict=True) if seen]
    every = np.stack(boxes)
    x0, y0 = np.maximum(every[:, :2].min(0), 0)
    x1, y1 = np.minimum(every[:, 2:].max(0), portrait.size)
    return int(x0), int(y0), int(x1), int(y1)


def crop_to(portrait: Portrait, index: int) -> Fix:
    """Crop a picture of several people to the one of that index, down to the hips, if possible without the others."""
    x0, y0, x1, y1 = room_of(portrait.people, index, portrait.size)
    with contextlib.suppress(InputError):  # then use all available room
        alone = portrait_of(np.ascontiguousarray(portrait.image[y0:y1, x0:x1]))
        if (alone.pose.body[[sk.LEFT_SHOULDER, sk.RIGHT_SHOULDER], 2] > 0).all():
            left, top, right, bottom = _half_body(alone)
            x0, y0, x1, y1 = x0 + left, y0 + top, x0 + right, y0 + bottom
    return Fix("crop", 0, (x0, y0, x1, y1))


def person_at(portrait: Portrait) -> int:
    """The index of the person whom the portrait is about."""
    head = (portrait.head_box[:2] + portrait.head_box[2:]) / 2
    centres = (portrait.people[:, :2] + portrait.people[:, 2:]) / 2
    return int(np.linalg.norm(centres - head, axis=1).argmin())
