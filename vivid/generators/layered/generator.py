"""The layered generator: prepares a portrait once, then draws frames of it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...config import RunSettings
from ...errors import InputError
from ...events import Step
from ...media.provenance import sha256_of
from ...speech.types import Speech
from .. import Capabilities, Frames, Inputs
from .compose import Compositor
from .drive import drive
from .person import Person, analyse

USUAL_SIDE, LARGEST_SIDE, LONGEST_SIDE, SMALLEST_SIDE = 768, 1080, 1920, 128
"""The shorter side of a video by default and at most, the longer one at most, and any at least, in pixels."""
BLOCK = 4
"""Frames handed over at a time: cancelling takes no longer than one block."""
KEPT_PEOPLE = 4
"""Portraits whose analysis is kept: a visitor changes voice and motion more often than the picture."""


class LayeredGenerator:
    """Moves the portrait's own pixels; works for any photograph, on a CPU."""

    capabilities = Capabilities(
        name="layered",
        portraits="any",
        size_multiple=2,
        largest_side=LONGEST_SIDE,
        steps=None,
        most_steps=None,
        guidance=None,
        switches=("calibrate",),
        seeded=True,
        untrained=(),
        instant=True,
    )

    def __init__(self) -> None:
        self._people: OrderedDict[str, Person] = OrderedDict()
        self._lock = threading.Lock()
        self._seconds_per_megapixel = 0.14
        """Of one frame, on one core of an ordinary machine, until a run has measured it."""

    def resolve(self, settings: RunSettings, portrait_size: tuple[int, int]) -> RunSettings:
        """The portrait's own shape with a shorter side of USUAL_SIDE, or what was asked for. Errors: InputError."""
        width, height = settings.width, settings.height
        if width is None or height is None:
            short = min(portrait_size)
            scale = min(USUAL_SIDE, short) / short
            scale = min(scale, LONGEST_SIDE / max(portrait_size))
            width, height = (max(SMALLEST_SIDE, 2 * round(side * scale / 2)) for side in portrait_size)
        odd = width % 2 or height % 2
        if odd or min(width, height) < SMALLEST_SIDE or max(width, height) > LONGEST_SIDE:
            raise InputError(
                f"The size is {width}x{height}: choose even numbers from {SMALLEST_SIDE} to {LONGEST_SIDE}."
            )
        if min(width, height) > LARGEST_SIDE:
            raise InputError(f"The size is {width}x{height}: the shorter side may have at most {LARGEST_SIDE} pixels.")
        return dataclasses.replace(settings, width=width, height=height)

    def prepare(self, inputs: Inputs, speech: Speech, settings: RunSettings) -> LayeredSession:
        """Take the portrait apart (once for each picture), listen to the speech, place the motion."""
        person = self._person(inputs)
        faces = drive(speech, len(inputs.clip), settings.seed)
        compositor = Compositor(person, inputs.clip, inputs.motion, inputs.positions, faces, settings.seed)
        return LayeredSession(compositor, tuple(person.plan.sentences), self._measured)

    def expected_seconds(self, frames: int, settings: RunSettings) -> float:
        """Of drawing; taking the portrait apart comes on top."""
        width, height = settings.width or USUAL_SIDE, settings.height or USUAL_SIDE
        return frames * self._seconds_per_megapixel * width * height / 1e6

    def _person(self, inputs: Inputs) -> Person:
        poses = (inputs.pose.body, inputs.pose.hands, inputs.pose.face)
        key = sha256_of(inputs.picture) + sha256_of(np.concatenate([part.ravel() for part in poses]))
        with self._lock:
            if key in self._people:
                self._people.move_to_end(key)
                return self._people[key]
        person = analyse(inputs.picture, inputs.pose, inputs.head_box)
        with self._lock:
            self._people[key] = person
            while len(self._people) > KEPT_PEOPLE:
                self._people.popitem(last=False)
        return person

    def _measured(self, seconds: float, pixels: int) -> None:
        self._seconds_per_megapixel = seconds / pixels * 1e6


class LayeredSession:
    """One video in the making."""

    def __init__(self, compositor: Compositor, notices: tuple[str, ...], measured: object) -> None:
        self.size = (compositor.width, compositor.height)
        self.notices = notices
        self._compositor, self._measured = compositor, measured

    def frames(self) -> Iterator[Step | Frames]:
        """Blocks of finished frames, in order."""
        count = len(self._compositor.faces)
        spent = 0.0
        for start in range(0, count, BLOCK):
            began = time.perf_counter()
            block = np.stack([self.frame(i) for i in range(start, min(start + BLOCK, count))])
            spent += time.perf_counter() - began
            yield block
        if callable(self._measured):
            self._measured(spent / count, self.size[0] * self.size[1])

    def frame(self, index: int) -> NDArray[np.uint8]:
        """That very frame (H, W, 3) of the video."""
        return self._compositor.frame(index)
