"""Does a model listen and look? What another voice, other gestures and silence change in its video of one clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import RunSettings
from ..errors import InputError
from ..media.video import read_frames
from ..pipeline import VividPipeline
from ..pose.regions import hand_boxes
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from .compare import Case
from .measure import detect
from .metrics.base import Frames, Sample
from .metrics.mouth import detected
from .metrics.pixels import boxes_to_mask


def probes(
    pipeline: VividPipeline, cases: Sequence[Case], settings: RunSettings, folder: Path, detector: str
) -> dict[str, float]:
    """Mean grey levels of change at mouth and hands, and openness of the mouth, in the first of two cases.

    Voice and gestures are borrowed from the second one. Errors: InputError.
    """
    if len(cases) < 2:
        raise InputError("Probes need two clips: one lends the other its voice and gestures.")
    case, other = cases[:2]
    width, height = case.portrait.size
    settings = replace(settings, width=width, height=height)

    def made(name: str, speech: Speech, motion: PoseClip) -> Frames:
        path = folder / f"{name}.mp4"
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            for _ in pipeline.animate(case.portrait, speech, motion, settings, path):
                pass
        return np.stack(list(read_frames(path)))[: case.frames]

    samples = np.zeros_like(case.speech.samples)
    count = min(len(samples), len(other.speech.samples))
    samples[:count] = other.speech.samples[:count]
    silence = Speech(np.zeros_like(samples))
    motion = other.motion.take(np.minimum(np.arange(case.frames), len(other.motion) - 1))
    plain, voice = made("plain", case.speech, case.motion), made("voice", Speech(samples), case.motion)
    gestures, silent = made("gestures", case.speech, motion), made("silence", silence, case.motion)
    size = case.clip.pose.canvas
    hands = boxes_to_mask(case.clip.hand_boxes[: case.frames], size)
    mouth = boxes_to_mask(case.clip.mouth_boxes[: case.frames], size)

    def change(frames: Frames, mask: NDArray[np.bool_]) -> float:
        return float(np.abs(frames.astype(np.float32) - plain.astype(np.float32)).mean(-1)[mask].mean())

    spoken, quiet = (detected(Sample(frames, poses=detect(frames, detector))) for frames in (plain, silent))
    return {
        "other voice changes mouth by": change(voice, mouth),
        "other voice changes hands by": change(voice, hands),
        "other gestures change hands by": change(gestures, hands | boxes_to_mask(hand_boxes(motion).boxes, size)),
        "other gestures change mouth by": change(gestures, mouth),
        "openness with speech, mean": float(np.nanmean(spoken)),
        "openness with speech, 90th percentile": float(np.nanpercentile(spoken, 90)),
        "openness in silence, mean": float(np.nanmean(quiet)),
        "openness in silence, 90th percentile": float(np.nanpercentile(quiet, 90)),
    }
