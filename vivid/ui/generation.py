"""From checked inputs to events, through the line of jobs; on ZeroGPU inside a decorated function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import RunSettings
from .jobs import Job, follow
from .options import on_zero_gpu

if TYPE_CHECKING:
    from ..pipeline import Done, Step
    from ..pose.portrait import Portrait
    from ..pose.skeleton import PoseClip
    from ..speech.types import Speech
    from .context import Context

GPU_SPARE_SECONDS = 20.0
"""Asked of ZeroGPU on top of the estimate: moving weights and writing the video."""


def expected_seconds(context: Context, frames: int, settings: RunSettings) -> float | None:
    """How long a video of `frames` will take on this machine; None while the model loads."""
    pipeline = context.engine.loaded
    if pipeline is None:
        return None
    from ..pipeline import estimate_seconds

    return estimate_seconds(pipeline, frames, settings)


def _work(
    context: Context, portrait: Portrait, speech: Speech, motion: PoseClip, settings: RunSettings, output: Path
) -> Callable[[], Iterator[Any]]:
    """The work of one job. The model is waited for inside, so a job may be lined up while it loads."""

    def animate() -> Iterator[Any]:
        yield from context.engine.pipeline().animate(portrait, speech, motion, settings, output)

    if not on_zero_gpu():
        return animate

    def on_gpu() -> Iterator[Any]:
        import spaces

        context.engine.pipeline()
        seconds = (expected_seconds(context, speech.frames, settings) or 60.0) + GPU_SPARE_SECONDS
        yield from spaces.GPU(duration=lambda: int(seconds) + 1)(animate)()

    return on_gpu


def line_up(
    context: Context,
    portrait: Portrait,
    speech: Speech,
    motion: PoseClip,
    settings: RunSettings,
    output: Path,
    details: dict[str, Any] | None = None,
) -> Job:
    """Put a video in the line. InputError when the line is full."""
    work = _work(context, portrait, speech, motion, settings, output)
    return context.jobs.submit(Job(work=work, output=output, details=details or {}))


def generate(
    context: Context, portrait: Portrait, speech: Speech, motion: PoseClip, settings: RunSettings, output: Path
) -> Iterator[Step | Done]:
    """Make a video when its turn comes: Step ... Done. Closing the generator stops it."""
    yield from follow(line_up(context, portrait, speech, motion, settings, output), context.jobs)
