"""Whole videos for `bench`: the diffusion generator from noise to pictures, with random weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..config import FPS, SAMPLE_RATE, ModelInfo, ResolvedSettings
from ..devices import peak_memory, reset_peak_memory
from ..events import Step
from ..generators import Inputs
from ..generators.diffusion.generator import DiffusionGenerator
from ..method.factory import Models
from ..pose.calibrate import place
from ..pose.library import DEFAULT_MOTION, at_positions, loop_positions, shipped_motion
from ..pose.regions import hand_crops, head_box
from ..speech.encoder import Samples, SpeechEncoder
from ..speech.types import Speech

WINDOW, OVERLAP = 12, 3
"""Frames of a window and how many it shares with the next, as the public base is run."""


class RandomSpeech(SpeechEncoder):
    """Random tokens instead of speech: their content does not change what a video costs."""

    name = "random"

    def __init__(self) -> None:
        self.module = nn.Linear(1, 1)

    def states(self, samples: Samples) -> Tensor:
        """See SpeechEncoder."""
        return torch.randn(max(1, len(samples) // 320), 5, 384, generator=torch.Generator().manual_seed(0))

    def windows(self, samples: Samples, frames: int) -> Callable[[range], Tensor]:
        """See SpeechEncoder."""
        tokens = torch.randn(frames, 50, 384, generator=torch.Generator().manual_seed(0))
        return lambda window: tokens[window.start : window.stop]


class VideoBench:
    """The generator around random networks, and a portrait of noise with the default motion."""

    def __init__(self, models: Models, size: tuple[int, int], steps: int, guidance: float, offload: bool) -> None:
        device = models.vae.device
        info = ModelInfo(
            "random", RandomSpeech.name, "any", size, WINDOW, OVERLAP, steps, guidance, guidance, noise_clamp=1.5
        )
        self.generator = DiffusionGenerator(models, RandomSpeech(), info)
        if offload:
            self.generator.enable_model_cpu_offload(device)
        self.settings = ResolvedSettings(*size, steps, guidance, guidance)

    def measure(self, frames: int) -> dict[str, Any]:
        """Frames a second from inputs to pictures, and the most memory in bytes on the way."""
        device = self.generator.device
        reset_peak_memory(device)
        started = time.perf_counter()
        made = sum(len(block) for block in self._session(frames).frames() if not isinstance(block, Step))
        seconds = time.perf_counter() - started
        return {
            "frames": made,
            "seconds": round(seconds, 3),
            "frames_per_second": round(made / seconds, 3),
            "peak_memory": peak_memory(device),
        }

    def left_after_cancel(self, frames: int) -> int | None:
        """Additional bytes on the GPU after a video was started and cancelled; None without a GPU."""
        if not self.generator.device.startswith("cuda"):
            return None
        before = torch.cuda.memory_allocated()
        stream = self._session(frames).frames()
        next(stream)
        stream.close()
        return torch.cuda.memory_allocated() - before

    def _session(self, frames: int) -> Any:
        width, height = self.settings.width, self.settings.height
        motion = shipped_motion(DEFAULT_MOTION)
        positions = loop_positions(len(motion), frames)
        clip = at_positions(place(motion, (width, height))[0], positions)
        picture = np.random.default_rng(0).integers(256, size=(height, width, 3), dtype=np.uint8)
        crops = hand_crops(picture, clip.frame(0))
        inputs = Inputs(
            picture=picture,
            pose=clip.frame(0),
            head_box=head_box(clip.frame(0)),
            clip=clip,
            crops=crops.crops,
            crops_present=crops.present,
            motion=motion,
            positions=positions,
        )
        silence = np.zeros(frames * SAMPLE_RATE // FPS, np.float32)
        return self.generator.prepare(inputs, Speech(silence), self.settings)
