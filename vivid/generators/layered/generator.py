"""The layered generator: prepares a portrait once, then draws frames of it."""

from __future__ import annotations

import os
import time
from collections.abc import Generator as Stream
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ...cache import Cache
from ...config import ResolvedSettings, RunSettings
from ...errors import InputError
from ...events import Step
from ...media.provenance import sha256_of
from ...speech.types import Speech
from .. import Capabilities, Frames, Inputs
from ..drawing import draw_blocks
from ..settings import resolve
from .compose import Compositor
from .drive import drive
from .head_motion import FaceMotion
from .person import Person, analyse

USUAL_SIDE, LARGEST_SIDE, LONGEST_SIDE, SMALLEST_SIDE = 768, 1080, 1920, 128
"""In pixels: default and largest shorter side of a video, largest longer side, and smallest side of either kind."""
PREPARING, DRAWING, ENCODING = (0.5, 3.5), (0.035, 0.040), (0.0, 0.025)
"""Seconds on an ordinary core, fixed and per megapixel, to take a portrait apart and encode the speech; to draw a
frame; to encode a frame."""
CORES = 1.6 if (os.cpu_count() or 1) > 1 else 1.0
"""Effective cores that draw frames: two threads, one of which sometimes waits for the interpreter lock."""
RUN = 1.6
"""How much longer a frame takes in a server's run than alone: 7 s promised took 12 with a browser running."""
KEPT_PEOPLE, KEPT_SPEECHES = 8, 16
"""Portraits whose analysis is kept, and speeches whose faces are (silence among them, which every first look has):
visitors change one of their inputs at a time."""


class Pace:
    """How much longer this machine takes than an ordinary one, shared by all generators of the process.

    Measured on whole runs; until the first one, single frames give an estimate.
    """

    def __init__(self) -> None:
        self.value = RUN
        self._known = False

    def of_run(self, ratio: float) -> None:
        """Note that a run's frames took `ratio` times as long as expected, including everything done with them."""
        self._follow(ratio, 0.7)
        self._known = True

    def of_frame(self, ratio: float) -> None:
        """The same for a single frame, times RUN: servers make videos at a low priority, beside busy pages."""
        if not self._known:
            self._follow(RUN * ratio, 0.15)

    def _follow(self, ratio: float, share: float) -> None:
        self.value += share * (float(np.clip(ratio, 0.2, 10)) - self.value)


PACE = Pace()


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
        self._people, self._speeches = Cache(KEPT_PEOPLE), Cache(KEPT_SPEECHES)

    def resolve(self, settings: RunSettings, portrait_size: tuple[int, int]) -> ResolvedSettings:
        """The portrait's own aspect with a shorter side of USUAL_SIDE, or the size asked for. Errors: InputError."""
        shrink = min(1.0, USUAL_SIDE / min(portrait_size), LONGEST_SIDE / max(portrait_size))
        usual = [2 * round(side * shrink / 2) for side in portrait_size]
        run = resolve(self.capabilities, settings, (usual[0], usual[1]))
        if not SMALLEST_SIDE <= min(run.width, run.height) <= LARGEST_SIDE:
            raise InputError(
                "The size is {} x {}: choose one whose shorter side has {} to {} pixels.",
                run.width,
                run.height,
                SMALLEST_SIDE,
                LARGEST_SIDE,
            )
        return run

    def prepare(self, inputs: Inputs, speech: Speech, settings: ResolvedSettings) -> LayeredSession:
        """Take the portrait apart and encode the speech (each once for all videos), and place the motion."""
        pool = ThreadPoolExecutor(1)
        try:
            faces_soon = pool.submit(self._faces, speech, len(inputs.clip), settings.seed)
            person = self._person(inputs)
            faces = faces_soon.result()
        finally:
            pool.shutdown(wait=False)  # a portrait that is refused need not wait for the speech
        compositor = Compositor(person, inputs.clip, inputs.motion, inputs.positions, faces, settings.seed)
        return LayeredSession(compositor, tuple(person.plan.sentences))

    def measure_speed(self) -> None:
        """Measures nothing: until the first run, `expected_seconds` uses an ordinary machine's figure."""

    def expected_seconds(self, frames: int, settings: ResolvedSettings) -> float | None:
        """Seconds to take the portrait apart, encode the speech, draw and encode, at the pace last measured."""
        pixels = settings.width * settings.height
        return PACE.value * (_seconds(PREPARING, pixels) + frames * _seconds_of_frame(pixels))

    def reconstruct_hands(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """There is no hand codebook here."""
        raise InputError("layered has no hand codebook: choose a diffusion model to look at one.")

    def _person(self, inputs: Inputs) -> Person:
        poses = (inputs.pose.body, inputs.pose.hands, inputs.pose.face)
        key = sha256_of(inputs.picture) + sha256_of(np.concatenate([part.ravel() for part in poses]))
        person: Person = self._people.get(key, lambda: analyse(inputs.picture, inputs.pose, inputs.head_box))
        return person

    def _faces(self, speech: Speech, frames: int, seed: int) -> list[FaceMotion]:
        key = (sha256_of(speech.samples), frames, seed)
        faces: list[FaceMotion] = self._speeches.get(key, lambda: drive(speech, frames, seed))
        return faces


def _seconds(cost: tuple[float, float], pixels: int) -> float:
    return cost[0] + cost[1] * pixels / 1e6


def _seconds_of_frame(pixels: int) -> float:
    """Expected seconds for one frame among many."""
    return (_seconds(DRAWING, pixels) + _seconds(ENCODING, pixels)) / CORES


class LayeredSession:
    """One video in the making."""

    def __init__(self, compositor: Compositor, notices: tuple[str, ...]) -> None:
        self.size = (compositor.width, compositor.height)
        self.notices = notices
        left, right = compositor.person.plan.still
        self.still = (left, right)
        self._compositor = compositor

    def frames(self) -> Stream[Step | Frames, None, None]:
        """Blocks of finished frames, in order."""
        began = time.perf_counter()
        yield from self.blocks()
        spent = time.perf_counter() - began  # includes what is done with the frames meanwhile: users wait for that too
        count, pixels = len(self._compositor.faces), self.size[0] * self.size[1]
        PACE.of_run(spent / (count * _seconds_of_frame(pixels)))

    def blocks(self) -> Stream[Frames, None, None]:
        """The same without measuring the pace, for callers that do more work on the frames."""
        yield from draw_blocks(self._compositor.frame, range(len(self._compositor.faces)))

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Frame `index` (H, W, 3) of the video."""
        began = time.thread_time()  # not wall-clock time: a frame that waits for others says nothing about a whole run
        drawn = self._compositor.frame(index)
        PACE.of_frame((time.thread_time() - began) / _seconds(DRAWING, drawn.size // 3))
        return drawn
