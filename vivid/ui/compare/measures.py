"""Measures of finished videos that need no network but the pose detector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...evaluation.metrics import REGISTRY
from ...evaluation.metrics.base import NotMeasuredError, Sample
from ...evaluation.metrics.flicker import luma, trembling
from ...evaluation.metrics.networks import Networks
from ...events import Result
from ...media.video import read_frames
from ...pose.calibrate import calibrate
from ...pose.portrait import Portrait
from ...pose.skeleton import PoseClip

MEASURED_SIDE = 256
"""Longer side to which videos are scaled, so that the numbers of different sizes are comparable."""


@dataclass(frozen=True)
class Quantity:
    """Unit of a number ("" for none) and its better direction (None for neither)."""

    unit: str
    better: Literal["higher", "lower"] | None = None


def _registered(key: str) -> Quantity:
    """Unit and direction from the evaluation's registry."""
    return Quantity(REGISTRY[key].unit, REGISTRY[key].direction)


LOOKED = ("hkc", "hkv", "hmv")
"""Metrics of the evaluation that need detected poses of the video, but no reference video."""

QUANTITIES: dict[str, Quantity] = {
    "frames": Quantity(""),
    "seconds": Quantity("s", "lower"),
    "per_second": Quantity("s of work per s of video", "lower"),
    "peak_memory": Quantity("MB", "lower"),
    "bone_error": Quantity("%", "lower"),
    "reach": Quantity("%", "higher"),
    "inside": Quantity("%", "higher"),
    "motion": Quantity("grey levels of 255"),
    "flicker": _registered("flicker_whole"),
    "difference": Quantity("grey levels of 255"),
    **{key: _registered(key) for key in LOOKED},
}
"""Every number of a comparison, in the order of its table."""


def measured(
    result: Result, portrait: Portrait, motion: PoseClip, first: Path | None, look: bool, on_gpu: bool
) -> dict[str, float | None]:
    """The numbers of one finished video, by the names in QUANTITIES; None where there is none.

    first: the video that it is compared with; look: whether to run the pose detector over it; on_gpu: whether its peak
    memory was measured for it alone, which only works on a GPU: a process's peak includes everything before.
    """
    report = result.calibration or calibrate(portrait.pose, motion)[1].to_dict()
    numbers: dict[str, float | None] = {
        "frames": result.frames,
        "seconds": result.seconds,
        "per_second": result.seconds / max(result.frames / result.fps, 1e-9),
        "peak_memory": round(result.peak_memory / 2**20) if on_gpu else None,
        **used_motion(report, bool(result.settings.get("calibrate", True))),
        **video_measures(result.path, first),
    }
    if look:
        from ...pose.detect import detect_video

        try:
            numbers |= pose_measures(detect_video(result.path)[0])
        except InputError:  # nobody is detected in the video, which is a result, too
            numbers |= {"hkc": 0.0}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in numbers.items()}


def video_measures(path: Path, first: Path | None = None) -> dict[str, float | None]:
    """Measures of a video file, in levels of luminance 0..255; read once, frame by frame.

    motion: mean |x[t+1] - x[t]|; flicker: the evaluation's trembling of the whole picture, including the background;
    difference: mean |x - y| over the frames common with `first`, None without one or where the sizes differ.
    """
    moved, bent, apart = [], [], []
    others = _luminance(first) if first is not None else iter(())
    before: list[NDArray[np.float32]] = []
    for frame in _luminance(path):
        if before:
            moved.append(float(np.abs(frame - before[-1]).mean()))
        if len(before) > 1:
            bent.append(float(trembling(before[-2], before[-1], frame).mean()))
        other = next(others, None)
        if other is not None and other.shape == frame.shape:
            apart.append(float(np.abs(frame - other).mean()))
        before = [*before[-1:], frame]
    return {"motion": _mean(moved), "flicker": _mean(bent), "difference": _mean(apart)}


def _luminance(path: Path) -> Iterator[NDArray[np.float32]]:
    return (luma(frame) for frame in read_frames(path, max_side=MEASURED_SIDE))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def pose_measures(clip: PoseClip) -> dict[str, float | None]:
    """The registry's metrics of the poses that a detector finds in a video; None where it finds too few."""
    sample = Sample(np.empty((len(clip), 0, 0, 3), np.uint8), poses=clip)  # these metrics use the poses only
    numbers: dict[str, float | None] = {}
    for key in LOOKED:
        try:
            numbers[key] = REGISTRY[key].compute(sample, Networks())
        except NotMeasuredError:
            numbers[key] = None
    return numbers


def used_motion(report: dict[str, Any], calibrated: bool) -> dict[str, float | None]:
    """How well the motion that drove the video fits the portrait, in per cent, from the calibration report."""
    found = report["after" if calibrated else "before"]
    return {name: None if found[name] is None else 100 * found[name] for name in ("bone_error", "reach", "inside")}
