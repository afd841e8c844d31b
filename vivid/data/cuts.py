"""Where a video is cut, and which stretches of it become clips."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path

from ..errors import InputError

SHORTEST, LONGEST = 5.0, 10.0
"""Seconds of a clip (the paper's)."""


def require() -> None:
    """Errors: InputError without the package that finds cuts."""
    if find_spec("scenedetect") is None:
        raise InputError("Cuts are found by PySceneDetect: run `pip install -r requirements-data.txt`.")


def find_scenes(video: Path) -> list[tuple[float, float]]:
    """Scenes (start, end) in seconds, by PySceneDetect's content detector."""
    from scenedetect import ContentDetector, detect

    scenes = detect(str(video), ContentDetector(), start_in_scene=True)
    return [(start.seconds, end.seconds) for start, end in scenes]


def pieces_of(
    scenes: list[tuple[float, float]], shortest: float = SHORTEST, longest: float = LONGEST
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Stretches to be clips, each within one scene and of equal length there, and scenes that are too short."""
    pieces, short = [], []
    for start, end in scenes:
        length = end - start
        if length < shortest - 1e-6:
            short.append((start, end))
            continue
        count = math.ceil(length / longest - 1e-6)
        pieces += [(start + length * i / count, start + length * (i + 1) / count) for i in range(count)]
    return pieces, short
