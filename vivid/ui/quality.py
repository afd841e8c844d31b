"""Quality levels and sizes to offer for a generator, derived from its capabilities."""

from __future__ import annotations

from ..generators import Capabilities

QUALITIES = ("fast", "balanced", "best")
STEPS_SHARE = {"fast": 0.5, "balanced": 1.0, "best": 2.0}
LARGEST_SIDE = 1024
"""Larger sizes are not offered, even where they are possible."""
SHAPES = ((768, 768), (576, 1024), (1024, 576))
"""Sizes offered besides the portrait's own if the generator has no fixed size: square, upright for phones, wide."""


def has_quality(can: Capabilities) -> bool:
    """Whether the number of sampling steps can be chosen."""
    return can.steps is not None and can.steps > 1


def steps_of(can: Capabilities | None, quality: str) -> int | None:
    """Sampling steps of a quality: the generator's default for balanced, half of it for fast, twice for best.

    None, the default, if there is nothing to choose or the generator is not loaded yet.
    """
    if can is None or can.steps is None or not has_quality(can):
        return None
    return max(2, round(can.steps * STEPS_SHARE[quality]))


def sizes(can: Capabilities | None, portrait_size: tuple[int, int] | None) -> list[tuple[int, int]]:
    """Sizes to offer: the generator's own, one in the portrait's shape, and a larger one.

    SHAPES if it has no size of its own.
    """
    if can is None:
        return []
    if can.size is None:
        return list(SHAPES)
    width, height = can.size
    found = [(width, height)]
    if portrait_size is not None:
        found.append(like(portrait_size, width * height, can.size_multiple))
    grown = (_snapped(width * 1.5, can.size_multiple), _snapped(height * 1.5, can.size_multiple))
    if max(grown) <= min(LARGEST_SIDE, can.largest_side):
        found.append(grown)
    return list(dict.fromkeys(found))


def like(size: tuple[int, int], area: int, multiple: int) -> tuple[int, int]:
    """Width and height of about `area` pixels in the shape of `size`, in multiples of `multiple`."""
    ratio = (size[0] / size[1]) ** 0.5
    return _snapped(area**0.5 * ratio, multiple), _snapped(area**0.5 / ratio, multiple)


def _snapped(value: float, multiple: int) -> int:
    return int(min(max(round(value / multiple), 1) * multiple, LARGEST_SIDE))
