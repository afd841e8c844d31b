"""The videos that are compared on one held-out clip: the model's, the truth, and two trivial answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..config import FPS, SAMPLE_RATE, RunSettings
from ..generators.diffusion.generator import DiffusionGenerator
from ..generators.diffusion.pictures import decode_pictures, encode_picture, portrait_features
from ..media.sound import load_speech
from ..media.tensors import to_unit
from ..media.video import read_frames
from ..pose.portrait import Portrait, make_portrait
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from ..training.clips import Clip

if TYPE_CHECKING:
    from ..pipeline import VividPipeline

PORTRAIT_FRAME = 0
"""The frame of a held-out clip that serves as its portrait; it is left out of all numbers."""


@dataclass(frozen=True)
class Case:
    """One held-out clip as the pipeline gets it: portrait, speech and raw motion of `frames` frames."""

    clip: Clip
    portrait: Portrait
    speech: Speech
    motion: PoseClip

    @property
    def frames(self) -> int:
        """How many frames are made and compared."""
        return len(self.motion)


def make_case(clip: Clip, frames: int) -> Case:
    """The first `frames` frames of a clip (or all, if it is shorter)."""
    frames = min(frames, len(clip))
    samples = load_speech(clip.video).samples
    needed = -(-frames * SAMPLE_RATE // FPS)
    samples = np.pad(samples, (0, max(0, needed - len(samples))))[:needed]
    pose = clip.pose.frame(PORTRAIT_FRAME)
    portrait = make_portrait(np.array(clip.frames[PORTRAIT_FRAME]), pose)
    return Case(clip, portrait, Speech(samples.astype(np.float32)), clip.pose.take(slice(0, frames)))


def generate(pipeline: VividPipeline, case: Case, settings: RunSettings, output: Path) -> NDArray[np.uint8]:
    """The model's frames (T, H, W, 3) for a case, through the whole pipeline and the written video."""
    if not output.exists():
        for _ in pipeline.animate(case.portrait, case.speech, case.motion, settings, output):
            pass
    return np.stack(list(read_frames(output)))[: case.frames]


def through_latents(pipeline: VividPipeline, case: Case, batch: int = 8) -> NDArray[np.uint8] | None:
    """The truth encoded and decoded, with the portrait's details: what the autoencoder leaves of a perfect answer.

    None for generators without an autoencoder.
    """
    generator = pipeline.generator
    if not isinstance(generator, DiffusionGenerator):
        return None
    vae, device, dtype, parts = generator.models.vae, generator.execution_device, generator.weights_dtype, []
    with torch.no_grad():
        portrait = portrait_features(vae, case.portrait.image, case.portrait.pose, device, dtype)
        for start in range(0, case.frames, batch):
            chunk = slice(start, min(start + batch, case.frames))
            latents = encode_picture(vae, to_unit(np.array(case.clip.frames[chunk]), device, dtype))
            parts.append(decode_pictures(vae, latents, portrait, case.motion.take(chunk)))
    return np.concatenate(parts)


def still_portrait(case: Case) -> NDArray[np.uint8]:
    """The first trivial answer: the portrait, unmoved."""
    return np.repeat(case.portrait.image[None], case.frames, 0)


def nearest_training_clip(case: Case, training: Sequence[Clip]) -> NDArray[np.uint8]:
    """The second one: the stretch of a training clip of the same person whose hands are nearest to the driving ones.

    Nearest by the mean distance of the 42 hand points over all frames; black when there is no clip of that person.
    """
    wanted = case.motion.hands[..., :2]
    best, found = np.inf, None
    for clip in training:
        if clip.identity != case.clip.identity or clip.frames.shape[1:] != case.clip.frames.shape[1:]:
            continue
        for start in range(0, len(clip) - case.frames + 1, 6):
            window = clip.pose.hands[start : start + case.frames, ..., :2]
            distance = float(np.linalg.norm(window - wanted, axis=-1).mean())
            if distance < best:
                best, found = distance, np.array(clip.frames[start : start + case.frames])
    return np.zeros_like(still_portrait(case)) if found is None else found


def with_speech(case: Case, speech: Speech) -> Case:
    """The same case speaking something else (padded or cut to the same length)."""
    samples = np.zeros_like(case.speech.samples)
    count = min(len(samples), len(speech.samples))
    samples[:count] = speech.samples[:count]
    return replace(case, speech=Speech(samples))


def with_motion(case: Case, motion: PoseClip) -> Case:
    """The same case with other gestures, of the same length."""
    count = case.frames
    return replace(case, motion=motion.take(np.minimum(np.arange(count), len(motion) - 1)))
