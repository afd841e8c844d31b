"""From checked inputs to a queued job; on ZeroGPU, generation runs inside a decorated function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import RunSettings
from ..events import Done, Result
from ..framing import crop_box
from .jobs import Job
from .options import on_zero_gpu
from .quality import SHAPES

if TYPE_CHECKING:
    from ..pose.portrait import Portrait
    from ..pose.skeleton import PoseClip
    from ..speech.types import Speech
    from .context import Context

GPU_SPARE_SECONDS = 20.0
"""Requested from ZeroGPU on top of the estimate, for moving weights and writing the video."""
GPU_UNKNOWN_SECONDS = 120.0
"""Requested from ZeroGPU before anything has been measured."""


def expected_seconds(
    context: Context, frames: int, settings: RunSettings, portrait_size: tuple[int, int] | None = None
) -> float | None:
    """How long a video of `frames` will take on this machine; None while the model loads or nothing is measured.

    portrait_size: determines the video's size if the settings do not; a usual one by default. Errors: InputError.
    """
    pipeline = context.engine.loaded
    return None if pipeline is None else pipeline.expected_seconds(frames, settings, portrait_size or SHAPES[0])


def is_cropped(portrait: Portrait, settings: dict[str, Any]) -> bool:
    """Whether a video with these settings shows a chosen part of a portrait of another shape."""
    if settings.get("crop") is None:
        return False
    _, (left, top, right, bottom) = crop_box(portrait, (settings["width"], settings["height"]))
    return (left, top) != (right, bottom)


def gpu_function(context: Context) -> Callable[..., Iterator[Any]]:
    """`VividPipeline.animate` of the context's model; ZeroGPU requires it to be decorated before the page starts."""

    def animate(
        portrait: Portrait, speech: Speech, motion: PoseClip, settings: RunSettings, output: Path, calibrated: Any
    ) -> Iterator[Any]:
        pipeline = context.engine.pipeline()
        yield from pipeline.animate(portrait, speech, motion, settings, output, calibrated=calibrated)

    def gpu_seconds(
        portrait: Portrait, speech: Speech, motion: PoseClip, settings: RunSettings, output: Path, calibrated: Any
    ) -> int:
        known = expected_seconds(context, speech.frames, settings, portrait.size)
        return round((known if known is not None else GPU_UNKNOWN_SECONDS) + GPU_SPARE_SECONDS)

    if not on_zero_gpu():
        return animate
    import spaces

    return spaces.GPU(duration=gpu_seconds)(animate)


def queue_video(
    context: Context,
    portrait: Portrait,
    speech: Speech,
    motion: PoseClip,
    settings: RunSettings,
    output: Path,
    details: dict[str, Any] | None = None,
    model: str = "",
    finish: Callable[[Result], None] | None = None,
    **more: Any,
) -> Job:
    """Queue a video. InputError if the queue is full, or for settings that the loaded model does not accept.

    Calibration runs outside the function that holds a GPU; the job waits for the model, so a video may be queued while
    it loads. model: which generator (`Context.engine_of`); finish: called by the worker with the finished video before
    the job is reported as done; more: other fields of the Job.
    """
    engine = context.engine_of(model)

    def work() -> Iterator[Any]:
        from ..pose.calibrate import calibrate

        pipeline = engine.pipeline()
        animate = context.animate if engine is context.engine else pipeline.animate
        calibrated = calibrate(portrait.pose, motion) if settings.calibrate else None
        events: Any = animate(portrait, speech, motion, settings, output, calibrated)
        with closing(events):
            for event in events:
                if finish is not None and isinstance(event, Done):
                    finish(event.result)
                yield event

    if engine.loaded is not None:
        engine.loaded.generator.resolve(settings, portrait.size)
    inputs = (portrait, speech, motion, settings)
    return context.jobs.submit(Job(work=work, output=output, details=details or {}, inputs=inputs, **more))
