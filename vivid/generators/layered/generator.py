"""The layered generator: prepares a portrait once, then draws frames of it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Generator as Stream
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ...config import RunSettings
from ...errors import InputError
from ...events import Step
from ...media.provenance import sha256_of
from ...speech.types import Speech
from .. import Capabilities, Frames, Inputs
from ..settings import resolve
from .compose import Compositor
from .drive import drive
from .person import Person, analyse

USUAL_SIDE, LARGEST_SIDE, LONGEST_SIDE, SMALLEST_SIDE = 768, 1080, 1920, 128
"""The shorter side of a video by default and at most, the longer one at most, and any at least, in pixels."""
PREPARING_SECONDS, USUAL_SECONDS = 5.0, 0.21
"""What a run takes besides drawing, and what drawing a megapixel takes on two ordinary cores."""
THREADS = 2
"""Frames drawn at a time: OpenCV and numpy leave the interpreter free for most of a frame."""
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

    device = "cpu"

    def __init__(self) -> None:
        self._people: OrderedDict[str, Person] = OrderedDict()
        self._lock = threading.Lock()
        self._seconds_per_megapixel: float | None = None
        """Of one frame, in the last run."""

    def resolve(self, settings: RunSettings, portrait_size: tuple[int, int]) -> RunSettings:
        """The portrait's own shape with a shorter side of USUAL_SIDE, or what was asked for. Errors: InputError."""
        shrink = min(1.0, USUAL_SIDE / min(portrait_size), LONGEST_SIDE / max(portrait_size))
        usual = [2 * round(side * shrink / 2) for side in portrait_size]
        run = resolve(self.capabilities, settings, (usual[0], usual[1]))
        assert run.width and run.height
        if not SMALLEST_SIDE <= min(run.width, run.height) <= LARGEST_SIDE:
            raise InputError(
                f"The size is {run.width} x {run.height}: "
                f"choose one whose shorter side has {SMALLEST_SIDE} to {LARGEST_SIDE} pixels."
            )
        return run

    def prepare(self, inputs: Inputs, speech: Speech, settings: RunSettings) -> LayeredSession:
        """Take the portrait apart (once for each picture), listen to the speech, place the motion."""
        pool = ThreadPoolExecutor(1)
        try:
            faces_soon = pool.submit(drive, speech, len(inputs.clip), settings.seed)
            person = self._person(inputs)
            faces = faces_soon.result()
        finally:
            pool.shutdown(wait=False)  # a portrait that is refused need not wait for the speech
        compositor = Compositor(person, inputs.clip, inputs.motion, inputs.positions, faces, settings.seed)
        return LayeredSession(compositor, tuple(person.plan.sentences), self._measured)

    def measure_speed(self) -> None:
        """Nothing is slow before the first run: `expected_seconds` has a usual machine's figure until then."""

    def expected_seconds(self, frames: int, settings: RunSettings) -> float | None:
        """Of taking the portrait apart, listening, and drawing."""
        assert settings.width and settings.height
        each = self._seconds_per_megapixel or USUAL_SECONDS
        return PREPARING_SECONDS + frames * each * settings.width * settings.height / 1e6

    def reconstruct_hands(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """There is no hand codebook here."""
        raise InputError("layered has no hand codebook: choose a diffusion model to look at one.")

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

    def __init__(
        self, compositor: Compositor, notices: tuple[str, ...], measured: Callable[[float, int], None]
    ) -> None:
        self.size = (compositor.width, compositor.height)
        self.notices = notices
        left, right = compositor.person.plan.still
        self.still = (left, right)
        self._compositor, self._measured = compositor, measured

    def frames(self) -> Stream[Step | Frames, None, None]:
        """Blocks of finished frames, in order."""
        count = len(self._compositor.faces)
        spent = 0.0
        with ThreadPoolExecutor(THREADS) as pool:
            for start in range(0, count, BLOCK):
                began = time.perf_counter()
                block = np.stack(list(pool.map(self.frame, range(start, min(start + BLOCK, count)))))
                spent += time.perf_counter() - began
                yield block
        self._measured(spent / count, self.size[0] * self.size[1])

    def frame(self, index: int) -> NDArray[np.uint8]:
        """That very frame (H, W, 3) of the video."""
        return self._compositor.frame(index)
