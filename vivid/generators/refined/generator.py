"""The refined generator: what the layers draw, refined."""

from __future__ import annotations

import time
from collections.abc import Generator as Stream
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...config import ModelInfo, ResolvedSettings, RunSettings
from ...devices import default_device, prepare_for_cpu
from ...errors import InputError
from ...events import Step
from ...method.autoencoder import ShortcutAutoencoderKL
from ...method.factory import Models
from ...speech.encoder import SpeechEncoder, load_speech_encoder
from ...speech.types import Speech
from ...weights.store import load_model
from .. import Capabilities, Frames, Inputs
from ..diffusion.pictures import reconstruct_hands
from ..layered.generator import LONGEST_SIDE, LayeredGenerator, LayeredSession
from ..settings import resolve
from .refiner import FrameRefiner

USUAL_SECONDS = 0.15
"""Seconds to refine a frame on two ordinary cores, assumed until a run has measured it."""


def capabilities_of(info: ModelInfo) -> Capabilities:
    """What the model of a folder can do: the layered generator's part, and which of the networks are trained."""
    return replace(
        LayeredGenerator.capabilities,
        name=info.name,
        switches=info.switches,
        untrained=info.untrained,
        speech_encoder=info.speech_encoder,
    )


class RefinedGenerator:
    """A layered generator and the networks that mend its frames; works wherever the layers do."""

    def __init__(self, models: Models, speech_encoder: SpeechEncoder, info: ModelInfo) -> None:
        """Errors: InputError for networks that were not made for layered frames."""
        if not (models.denoiser.reads_layers and isinstance(models.vae, ShortcutAutoencoderKL)):
            raise InputError(f"Model {info.name} was not made to refine layered frames: choose another one.")
        self.models, self.speech_encoder, self.info = models, speech_encoder, info
        self.layers = LayeredGenerator()
        self.capabilities = capabilities_of(info)
        self.seconds: float | None = None
        """Seconds to draw, refine and encode one frame, in the last run."""

    @classmethod
    def load(
        cls, folder: Path, device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> RefinedGenerator:
        """The model of a folder; the device defaults to the best this machine has.

        dtype: float32 by default; any other reproduces the layered frame less exactly.
        """
        device = torch.device(device or default_device())
        models, info = load_model(folder, dtype or torch.float32)
        for network in vars(models).values():
            torch.nn.Module.to(network, device)
        if device.type == "cpu":
            prepare_for_cpu(vars(models).values())
        return cls(models, load_speech_encoder(info.speech_encoder), info)

    @property
    def device(self) -> str:
        """Where the networks are; the layers are drawn on the CPU."""
        return str(self.models.vae.device)

    def resolve(self, settings: RunSettings, portrait_size: tuple[int, int]) -> ResolvedSettings:
        """See `Generator.resolve`; the size is resolved by the layered generator."""
        own = resolve(self.capabilities, settings, (LONGEST_SIDE, LONGEST_SIDE))
        sized = self.layers.resolve(replace(settings, head_stream=True, lip_stream=True, codebook=True), portrait_size)
        return replace(sized, head_stream=own.head_stream, lip_stream=own.lip_stream, codebook=own.codebook)

    def prepare(self, inputs: Inputs, speech: Speech, settings: ResolvedSettings) -> RefinedSession:
        """See `Generator.prepare`. Errors: InputError for portraits that the layers refuse."""
        return RefinedSession(self, inputs, speech, settings)

    def measure_speed(self) -> None:
        """Measures nothing: until the first run, `expected_seconds` uses an ordinary machine's figure."""

    def expected_seconds(self, frames: int, settings: ResolvedSettings) -> float | None:
        """Seconds to draw the layers and refine them."""
        layers = self.layers.expected_seconds(frames if self.seconds is None else 0, settings)
        assert layers is not None
        return layers + frames * (self.seconds or USUAL_SECONDS)

    def reconstruct_hands(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Generator.reconstruct_hands`."""
        return reconstruct_hands(self.models.codebook, crops)


class RefinedSession:
    """One video in the making: a layered session with every frame refined."""

    def __init__(self, generator: RefinedGenerator, inputs: Inputs, speech: Speech, settings: ResolvedSettings) -> None:
        self._layers: LayeredSession = generator.layers.prepare(inputs, speech, settings)
        self.size, self.notices, self.still = self._layers.size, self._layers.notices, self._layers.still
        tokens = generator.speech_encoder.windows(speech.samples, len(inputs.clip))
        self._refiner = FrameRefiner(generator.models, inputs, tokens, settings, self.still)
        self._generator = generator

    def frames(self) -> Stream[Step | Frames, None, None]:
        """Blocks of finished frames, in order."""
        index, began = 0, time.perf_counter()
        for block in self._layers.blocks():
            yield np.stack([self._refiner.refine(frame, index + i) for i, frame in enumerate(block)])
            index += len(block)
        self._generator.seconds = (time.perf_counter() - began) / max(index, 1)

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Frame `index` (H, W, 3) of the video."""
        return self._refiner.refine(self._layers.frame(index), index)
