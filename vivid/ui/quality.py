"""Fast, balanced, best: what they mean for a model, and how long they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import SIZE_MULTIPLE, RunSettings
from .context import Context
from .generation import expected_seconds

if TYPE_CHECKING:
    from ..pipeline import VividPipeline

QUALITIES = ("fast", "balanced", "best")
STEPS_SHARE = {"fast": 0.5, "balanced": 1.0, "best": 2.0}
FALLBACK_STEPS = 20
"""Shown while the model loads."""
LARGEST_SIDE = 1024


def steps_of(pipeline: VividPipeline | None, quality: str) -> int:
    """Sampling steps of a quality: the model's own number for balanced, half of it for fast, twice for best.

    A model made for a single step takes one whatever the quality: it was not trained for those in between.
    """
    own = pipeline.info.steps if pipeline is not None else FALLBACK_STEPS
    return 1 if own == 1 else max(2, round(own * STEPS_SHARE[quality]))


def one_step(pipeline: VividPipeline | None) -> bool:
    """Whether the model draws in a single step without noise: quality and seed have nothing to choose then."""
    return pipeline is not None and pipeline.info.steps == 1


def expected(context: Context, frames: int, settings: RunSettings, steps: int) -> float | None:
    """Seconds with `steps` steps and otherwise `settings`, None while the model loads."""
    import dataclasses

    return expected_seconds(context, frames, dataclasses.replace(settings, steps=steps))


def sizes(pipeline: VividPipeline | None, portrait_size: tuple[int, int] | None) -> list[tuple[int, int]]:
    """Sizes to offer: the model's own, one of the portrait's shape, and one larger than the model's own."""
    if pipeline is None:
        return []
    width, height = pipeline.default_size
    found = [(width, height)]
    if portrait_size is not None:
        found.append(like(portrait_size, width * height))
    grown = (_snapped(width * 1.5), _snapped(height * 1.5))
    if max(grown) <= LARGEST_SIDE:
        found.append(grown)
    return list(dict.fromkeys(found))


def like(size: tuple[int, int], area: int) -> tuple[int, int]:
    """Width and height of about `area` pixels in the shape of `size`, multiples of 64."""
    ratio = (size[0] / size[1]) ** 0.5
    return _snapped(area**0.5 * ratio), _snapped(area**0.5 / ratio)


def _snapped(value: float) -> int:
    return int(min(max(round(value / SIZE_MULTIPLE), 1) * SIZE_MULTIPLE, LARGEST_SIDE))
