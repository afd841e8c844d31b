"""Where a video is cut, and which stretches of it become clips."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

SHORTEST, LONGEST = 5.0, 10.0
"""Seconds of a clip (the paper's)."""
BEFORE, AFTER = 0.15, 0.4
"""Seconds from a cut to the pictures that are compared: a flash is over by then."""
SAME_SCENE = 13.5
"""Mean difference of hue, saturation and value up to which they show one scene: half of what PySceneDetect calls a cut
from one frame to the next."""


def require() -> None:
    """Errors: InputError without the package that finds cuts."""
    if find_spec("scenedetect") is None:
        raise InputError("Cuts are found by PySceneDetect: run `pip install -r requirements-data.txt`.")


def find_scenes(video: Path) -> list[tuple[float, float]]:
    """Scenes (start, end) in seconds, by PySceneDetect's content detector; a flash within one does not end it."""
    from scenedetect import ContentDetector, detect, open_video

    scenes = [(start.seconds, end.seconds) for start, end in detect(str(video), ContentDetector(), start_in_scene=True)]
    if len(scenes) < 2:
        return scenes
    stream = open_video(str(video))
    joined = scenes[:1]
    for start, end in scenes[1:]:
        before, after = (_picture(stream, start + off) for off in (-BEFORE, AFTER))
        if before is not None and after is not None and np.abs(before - after).mean() < SAME_SCENE:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _picture(stream: Any, seconds: float) -> NDArray[np.float32] | None:
    """Hue, saturation and value of a small picture at a time; None at the ends of the video."""
    if not 0 <= seconds < stream.duration.seconds:
        return None
    stream.seek(seconds)
    frame = stream.read()
    if not isinstance(frame, np.ndarray):
        return None
    return cv2.cvtColor(cv2.resize(frame, (64, 64), None, 0, 0, cv2.INTER_AREA), cv2.COLOR_BGR2HSV).astype(np.float32)


def pieces_of(scenes: list[tuple[float, float]]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Stretches to be clips, each within one scene and of equal length there, and scenes that are too short."""
    pieces, short = [], []
    for start, end in scenes:
        length = end - start
        if length < SHORTEST - 1e-6:
            short.append((start, end))
            continue
        count = math.ceil(length / LONGEST - 1e-6)
        pieces += [(start + length * i / count, start + length * (i + 1) / count) for i in range(count)]
    return pieces, short
