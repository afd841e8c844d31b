"""One clip of a test set as the pipeline receives it, and baselines that need no generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..config import FPS, SAMPLE_RATE
from ..media.sound import load_speech
from ..media.tensors import to_unit
from ..pose.portrait import Portrait, make_portrait
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from ..training.clips import LIMITS, Clip

if TYPE_CHECKING:
    from ..pipeline import VividPipeline

BATCH = 8
PORTRAIT_FRAME = 0
"""The frame of a held-out clip that serves as its portrait; it is left out of all numbers."""


@dataclass(frozen=True)
class Case:
    """One clip as the pipeline receives it: portrait, speech and raw motion of `frames` frames.

    own_portrait: the portrait is the clip's own PORTRAIT_FRAME, not another person's picture.
    """

    name: str
    clip: Clip
    portrait: Portrait
    speech: Speech
    motion: PoseClip
    own_portrait: bool = True

    @property
    def frames(self) -> int:
        """How many frames are made and compared."""
        return len(self.motion)


def make_case(clip: Clip, frames: int | None = None, portrait: Portrait | None = None, name: str = "") -> Case:
    """The first `frames` frames of a clip (or all), with its own first frame or another portrait.

    Errors: InputError when the clip has no sound or no head.
    """
    frames = min(frames or len(clip), len(clip))
    samples = load_speech(clip.video, limits=LIMITS, cut=True).samples
    needed = -(-frames * SAMPLE_RATE // FPS)
    samples = np.pad(samples, (0, max(0, needed - len(samples))))[:needed]
    own = portrait is None
    if portrait is None:
        portrait = make_portrait(np.array(clip.frames[PORTRAIT_FRAME]), clip.pose.frame(PORTRAIT_FRAME))
    speech, motion = Speech(samples.astype(np.float32)), clip.pose.take(slice(0, frames))
    return Case(name or clip.name, clip, portrait, speech, motion, own)


def through_latents(pipeline: VividPipeline, case: Case) -> NDArray[np.uint8] | None:
    """The truth encoded and decoded, with the portrait's details: what the autoencoder leaves of a perfect result.

    None for generators without an autoencoder.
    """
    from ..generators.diffusion.generator import DiffusionGenerator
    from ..generators.diffusion.pictures import decode_pictures, portrait_features
    from ..method.autoencoder import encode_pictures

    generator = pipeline.generator
    if not isinstance(generator, DiffusionGenerator):
        return None
    vae, device, dtype, parts = generator.models.vae, generator.execution_device, generator.weights_dtype, []
    with torch.no_grad():
        portrait = portrait_features(vae, case.portrait.image, case.portrait.pose, device, dtype)
        for start in range(0, case.frames, BATCH):
            chunk = slice(start, min(start + BATCH, case.frames))
            latents = encode_pictures(vae, to_unit(np.array(case.clip.frames[chunk]), device, dtype))
            parts.append(decode_pictures(vae, latents, portrait, case.motion.take(chunk)))
    return np.concatenate(parts)


def still_portrait(case: Case) -> NDArray[np.uint8]:
    """The first trivial baseline: the portrait, unmoved."""
    return np.repeat(case.portrait.image[None], case.frames, 0)


def nearest_training_clip(case: Case, training: Sequence[Clip]) -> NDArray[np.uint8]:
    """The second trivial baseline: the stretch of a training clip of the same person whose hands are nearest to the
    driving ones.

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
