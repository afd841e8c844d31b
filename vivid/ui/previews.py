"""Instant small previews of a video before it is made: any frame, and a few seconds in motion."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from ..config import FPS, SAMPLE_RATE, ResolvedSettings, RunSettings
from ..errors import InputError
from ..generators import Generator
from ..generators.drawing import draw_blocks
from ..media.provenance import sha256_of, stamp
from ..media.video import VideoWriter
from ..pose.library import DEFAULT_MOTION, shipped_motion
from ..pose.portrait import Portrait
from ..pose.regions import crop_squares
from ..pose.report import CalibrationReport
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from . import examples
from .engine import at_low_priority, lower_priority

if TYPE_CHECKING:
    from ..pipeline import Prepared, VividPipeline

log = logging.getLogger("vivid")

PREVIEW_SIDE = 512
"""Maximum shorter side of a preview."""
KEPT = 24
"""Visitors whose latest preview is cached, 35 MB each; for others every frame is prepared again, which takes 40 times
as long as drawing it."""
AT_ONCE = 2
"""Previews that are prepared at a time: each takes a core for seconds, and most of a gigabyte."""
PLAYED_SECONDS = 6.0


@dataclass(frozen=True, eq=False)
class Wanted:
    """The inputs of a preview. voice: None is silence as long as the motion; calibrated: the motion on this portrait.

    settings: with width and height, as `preview_settings` makes them.
    """

    portrait: Portrait
    voice: Speech | None
    motion: PoseClip
    calibrated: tuple[PoseClip, CalibrationReport]
    settings: RunSettings

    @cached_property
    def speech(self) -> Speech:
        """The voice, or silence."""
        return silence(len(self.motion)) if self.voice is None else self.voice

    @cached_property
    def key(self) -> tuple[str, RunSettings]:
        """Equal for equal contents, whoever sent them."""
        portrait, motion, speech = self.portrait, self.motion, self.speech
        arrays = (portrait.image, portrait.pose.body, motion.body, motion.hands, motion.face, speech.samples)
        return "".join(sha256_of(array) for array in arrays), self.settings


class Preview:
    """A prepared video, whose frames are drawn on request."""

    def __init__(self, wanted: Wanted, prepared: Prepared, drawn_by: str) -> None:
        self.wanted, self.prepared, self._drawn_by = wanted, prepared, drawn_by
        self._lock = threading.Lock()
        self.asked: int | None = None
        """The frame that the visitor has asked for last, if any."""

    @property
    def frames(self) -> int:
        """Number of frames of the video."""
        return self.prepared.frames

    @property
    def notices(self) -> tuple[str, ...]:
        """Which parts of the portrait stay still, and why."""
        return self.prepared.session.notices

    @property
    def still(self) -> tuple[bool, bool]:
        """Whether the left and the right arm stay as photographed."""
        return self.prepared.session.still

    def frame(self, index: int) -> NDArray[np.uint8]:
        """That frame (H, W, 3) of the video; the index is clipped to the valid range."""
        with self._lock:
            return self.prepared.session.frame(min(max(index, 0), self.frames - 1))

    def hands(self, picture: NDArray[np.uint8], index: int) -> dict[str, NDArray[np.uint8]]:
        """Squares around the visible hands in the finished frame `picture` of that index, by side."""
        inputs = self.prepared.inputs
        pose = inputs.clip.frame(min(max(index, 0), self.frames - 1))
        points = pose.hands.copy()
        for side in np.flatnonzero(self.still):
            points[side] = inputs.pose.hands[side]
        squares, present = crop_squares(replace(pose, hands=points))
        height, width = picture.shape[:2]
        found = {}
        for name, (x0, y0, x1, _), seen in zip(("left", "right"), squares, present, strict=True):
            if seen:
                side = min(round(float(x1 - x0)), width, height)
                left, top = min(max(round(float(x0)), 0), width - side), min(max(round(float(y0)), 0), height - side)
                found[name] = picture[top : top + side, left : left + side]
        return found

    def film(self, first: int, target: Path, seconds: float = PLAYED_SECONDS) -> Iterator[tuple[int, int]]:
        """Write a few seconds from about frame `first` as a video with sound; yields (frames done, of how many)."""
        from ..pipeline import provenance_of

        wanted = self.wanted
        count = min(self.frames, round(seconds * FPS))
        first = min(max(first, 0), self.frames - count)
        start, end = (k * SAMPLE_RATE // FPS for k in (first, first + count))
        note = provenance_of(self._drawn_by, wanted.portrait, wanted.speech, wanted.motion, wanted.settings)
        sound = Speech(wanted.speech.samples[start:end])
        with VideoWriter(target, self.prepared.session.size, FPS, sound, note) as writer:
            done = 0
            for block in draw_blocks(self.prepared.session.frame, range(first, first + count)):
                writer.write(stamp(block) if wanted.settings.mark else block)
                done += len(block)
                yield done, count


class Previews:
    """The previews of all visitors, drawn by one instant pipeline; one is cached for each of the latest KEPT.

    Equal ones are prepared once, and no more than AT_ONCE at a time, of which one of a visitor's.
    """

    def __init__(self, load: Callable[[], VividPipeline] | None = None) -> None:
        self._load = load or _layered
        self._kept: OrderedDict[str, Preview] = OrderedDict()
        self._guard, self._loading, self._expecting = threading.Lock(), threading.Lock(), threading.Lock()
        self._gates: WeakValueDictionary[Any, Any] = WeakValueDictionary()
        self._places = threading.Semaphore(AT_ONCE)

    @cached_property
    def _pipeline(self) -> VividPipeline:
        with self._loading:
            return self._load()

    @property
    def generator(self) -> Generator:
        """The generator that draws the previews."""
        return self._pipeline.generator

    def of(self, session: str | None, wanted: Wanted) -> Preview:
        """The visitor's preview, prepared unless it is cached. Errors: InputError for portraits that are refused."""
        name = session or ""
        with self._guard:
            gates = [self._gates.setdefault(key, threading.Lock()) for key in (name, wanted.key)]
        with gates[0], gates[1]:
            with self._guard:
                kept = self._kept.get(name)
                if kept is not None and kept.wanted.key == wanted.key:
                    self._kept.move_to_end(name)
                    return kept
                equal = (other.prepared for other in self._kept.values() if other.wanted.key == wanted.key)
                prepared = next(equal, None)
            self.forget(session)
            if prepared is None:
                with self._places:
                    prepared = self._prepare(wanted)
            preview = Preview(wanted, prepared, self._pipeline.capabilities.name)
            with self._guard:
                self._kept[name] = preview
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return preview

    def _prepare(self, wanted: Wanted) -> Prepared:
        calibrated = wanted.calibrated if wanted.settings.calibrate else None
        prepare = at_low_priority(self._pipeline.prepare)  # seconds: whoever waits for a verdict or a frame goes first
        return prepare(wanted.portrait, wanted.speech, wanted.motion, wanted.settings, calibrated=calibrated)

    def expect(self, portrait: Portrait) -> None:
        """Start in advance with the work that depends on the portrait alone.

        For one portrait at a time; the generator caches the result, and `of` reports errors.
        """
        if not self._expecting.acquire(blocking=False):
            return

        def begin() -> None:
            lower_priority(5)
            try:
                motion = shipped_motion(DEFAULT_MOTION)
                settings = preview_settings(self.generator, portrait, RunSettings())
                self._pipeline.prepare(portrait, silence(len(motion)), motion, settings)
            except InputError as error:
                log.debug("not begun with: %s", error)
            finally:
                self._expecting.release()

        threading.Thread(target=begin, name="expect", daemon=True).start()

    def forget(self, session: str | None) -> None:
        """Drop a visitor's preview."""
        with self._guard:
            self._kept.pop(session or "", None)

    def warm_up(self) -> None:
        """Draw one frame of an example, if one ships, so that the first visitor need not wait for networks."""
        from ..media.pictures import load_picture, shrink
        from ..pose.calibrate import calibrate
        from .verdicts import examine

        for example in examples.portraits()[:1]:
            portrait = examine(shrink(load_picture(example.path))).portrait
            if portrait is None:
                continue
            motion = shipped_motion(DEFAULT_MOTION)
            settings = preview_settings(self.generator, portrait, RunSettings())
            wanted = Wanted(portrait, None, motion, calibrate(portrait.pose, motion), settings)
            self.of("warm-up", wanted).frame(0)
            self.forget("warm-up")


def silence(frames: int) -> Speech:
    """Silence for that many frames."""
    return Speech(np.zeros(-(-frames * SAMPLE_RATE // FPS), np.float32))


def preview_settings(generator: Generator, portrait: Portrait, settings: RunSettings) -> ResolvedSettings:
    """The settings of a preview, in the shape of the video that `generator` would make with `settings`.

    Errors: InputError.
    """
    run = generator.resolve(settings, portrait.size)
    factor = min(1.0, PREVIEW_SIDE / min(run.width, run.height))
    width, height = (2 * round(side * factor / 2) for side in (run.width, run.height))
    return ResolvedSettings(width, height, seed=run.seed, calibrate=run.calibrate, mark=run.mark, crop=run.crop)


def _layered() -> VividPipeline:
    from ..pipeline import VividPipeline

    return VividPipeline.from_pretrained("layered")
