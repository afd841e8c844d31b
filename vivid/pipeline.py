"""From a portrait, speech and a gesture clip to a video file, as a stream of events."""

from __future__ import annotations

import time
from collections.abc import Generator as Stream
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .config import FPS, SAMPLE_RATE, ResolvedSettings, RunSettings
from .devices import peak_memory, reset_peak_memory
from .errors import InputError
from .events import Done, Event, Result, Step
from .framing import frame_inputs
from .generators import Capabilities, Generator, Inputs, Session, load_generator
from .media.provenance import Provenance, sha256_of, stamp
from .media.video import VideoWriter
from .pose.calibrate import calibrate, place
from .pose.library import at_positions, loop_positions
from .pose.portrait import Portrait
from .pose.report import CalibrationReport
from .pose.skeleton import PoseClip
from .speech.types import Speech

if TYPE_CHECKING:
    import torch

__all__ = ["Done", "Event", "Prepared", "Result", "Step", "VividPipeline"]

Calibrated = tuple[PoseClip, CalibrationReport]
"""A clip in a portrait's pixels, and what was done to bring it there."""


@dataclass(frozen=True)
class Prepared:
    """One video, ready to be made: `frames` frames of `session`, from `inputs`, with these resolved settings."""

    session: Session
    inputs: Inputs
    report: CalibrationReport | None
    settings: ResolvedSettings
    frames: int


class VividPipeline:
    """One generator, and everything around it that is the same for all generators."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    @classmethod
    def from_pretrained(
        cls, name: str | Path = "layered", device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> VividPipeline:
        """The pipeline around a generator by name or model folder (see `generators.load_generator`)."""
        return cls(load_generator(name, device, dtype))

    @property
    def capabilities(self) -> Capabilities:
        """What the generator can do."""
        return self.generator.capabilities

    @property
    def device(self) -> str:
        """Where the generator computes."""
        return self.generator.device

    def prepare(
        self,
        portrait: Portrait,
        speech: Speech,
        motion: PoseClip,
        settings: RunSettings,
        calibrated: Calibrated | None = None,
    ) -> Prepared:
        """Do everything up to the first frame.

        motion: the raw clip at 24 frames a second on its own canvas. It is calibrated here (or comes `calibrated`, in
        the portrait's pixels and with its report) and looped to the length of the speech. Errors: InputError.
        """
        run = self.generator.resolve(settings, portrait.size)
        frames = frame_count(speech, run)
        report: CalibrationReport | None = None
        if calibrated is not None:
            clip, report = calibrated
        elif run.calibrate:
            clip, report = calibrate(portrait.pose, motion)
        else:
            clip = place(motion, portrait.size)[0]
        positions = loop_positions(len(clip), frames)
        size = (run.width, run.height)
        inputs = frame_inputs(portrait, motion, at_positions(clip, positions), positions, size, run.crop)
        return Prepared(self.generator.prepare(inputs, speech, run), inputs, report, run, frames)

    def animate(
        self,
        portrait: Portrait,
        speech: Speech,
        motion: PoseClip,
        settings: RunSettings,
        output: Path,
        calibrated: Calibrated | None = None,
    ) -> Stream[Event, None, None]:
        """Make a video (see `prepare`); yields Step events and, last, Done.

        Closing the stream stops within one step and leaves no file. Errors: InputError.
        """
        started = time.perf_counter()
        reset_peak_memory(self.device)
        prepared = self.prepare(portrait, speech, motion, settings, calibrated)
        run, frames, session = prepared.settings, prepared.frames, prepared.session
        sound = Speech(speech.samples[: frames * SAMPLE_RATE // FPS])
        note = provenance_of(self.capabilities.name, portrait, speech, motion, run)
        stream: Any = session.frames()  # can be closed, which the type Iterator does not say
        with VideoWriter(output, session.size, FPS, sound, note) as writer, closing(stream) as parts:
            written, last_step = 0, time.perf_counter()
            for part in parts:
                if isinstance(part, Step):
                    last_step = time.perf_counter()
                    yield part
                    continue
                shown = stamp(part) if run.mark else part
                writer.write(shown)
                written += len(part)
                left = (time.perf_counter() - last_step) / written * (frames - written)
                yield Step(written, frames, "decode", left, shown[-1].copy())
        yield Done(
            Result(
                path=output,
                frames=frames,
                fps=FPS,
                seconds=round(time.perf_counter() - started, 2),
                seed=run.seed,
                model=self.capabilities.name,
                untrained=self.capabilities.untrained,
                peak_memory=peak_memory(self.device),
                settings=run.to_dict(),
                calibration=prepared.report.to_dict() if prepared.report else None,
                notices=session.notices,
            )
        )

    def expected_seconds(
        self, frames: int, settings: RunSettings, portrait_size: tuple[int, int] = (768, 768)
    ) -> float | None:
        """Expected seconds of a run on this machine; None before anything has been measured. Errors: InputError."""
        return self.generator.expected_seconds(frames, self.generator.resolve(settings, portrait_size))


def frame_count(speech: Speech, run: RunSettings) -> int:
    """Frames of the video: the length of the speech, or of its first `run.seconds`."""
    frames = speech.frames if run.seconds is None else int(min(speech.frames, run.seconds * FPS))
    if frames < 1:
        raise InputError("The speech is shorter than one frame of video: record at least a second.")
    return frames


def provenance_of(model: str, portrait: Portrait, speech: Speech, motion: PoseClip, run: RunSettings) -> Provenance:
    """The note in the video's metadata."""
    poses = np.concatenate([motion.body.ravel(), motion.hands.ravel(), motion.face.ravel()])
    inputs = {"portrait": portrait.image, "speech": speech.samples, "motion": poses}
    hashes = {name: sha256_of(array) for name, array in inputs.items()}
    return Provenance(model=model, seed=run.seed, settings=run.to_dict(), inputs_sha256=hashes)
