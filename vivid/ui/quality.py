"""Fast, balanced, best: what they mean for a generator, and the sizes to offer; all from its capabilities."""

from __future__ import annotations

from ..generators import Capabilities

QUALITIES = ("fast", "balanced", "best")
STEPS_SHARE = {"fast": 0.5, "balanced": 1.0, "best": 2.0}
LARGEST_SIDE = 1024
"""Larger sizes are not offered, though they may be possible."""
SHAPES = ((768, 768), (576, 1024), (1024, 576))
"""What is offered beside the portrait's own shape where the generator has no size of its own: also for phones, and for
screens."""


def has_quality(can: Capabilities) -> bool:
    """Whether there is a number of sampling steps to choose."""
    return can.steps is not None and can.steps > 1


def steps_of(can: Capabilities | None, quality: str) -> int | None:
    """Sampling steps of a quality: the generator's own number for balanced, half of it for fast, twice for best.

    None, the generator's own, where there is nothing to choose or it is not known yet.
    """
    if can is None or can.steps is None or not has_quality(can):
        return None
    return max(2, round(can.steps * STEPS_SHARE[quality]))


def sizes(can: Capabilities | None, portrait_size: tuple[int, int] | None) -> list[tuple[int, int]]:
    """Sizes to offer: the generator's own, one of the portrait's shape, and one larger than its own.

    SHAPES where it has no size of its own and follows the portrait's.
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
