"""The diffusion model behind the seam: its networks, where they run, what it can do and how fast it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...config import ModelInfo, ResolvedSettings, RunSettings
from ...devices import default_device, default_dtype, prepare_for_cpu
from ...errors import InputError
from ...method.conditions import Conditions
from ...method.factory import Models
from ...pose.calibrate import place
from ...pose.library import DEFAULT_MOTION, shipped_motion
from ...speech.encoder import SpeechEncoder, load_speech_encoder
from ...speech.types import Speech
from ...weights.hub import model_folder
from ...weights.store import load_model
from .. import Capabilities, Inputs
from ..layered.generator import LayeredGenerator
from ..settings import resolve
from .compiling import compile_networks
from .guidance import guidance_coefficients
from .noise import noisy_steps
from .pictures import decode_pictures, portrait_features, reconstruct_hands
from .session import DECODE_CHUNK, DiffusionSession
from .speed import Speed, Workload, fastest
from .windows import batches, context_windows

SINGLE_FRAMES = 8
"""Frames in one call of a model without motion modules."""
SIZE_MULTIPLE = 64
"""Width and height of a video are multiples of this: 8 for the VAE times 8 for the U-Net."""
LARGEST_SIDE = 2048
TRAINED_STEPS = 1000
"""Noise levels of the schedule: no run can take more steps."""
OFFLOADED = ("reference", "codebook", "hand_encoder", "denoiser", "vae")
"""Networks in the order of a run: each makes room for the next one."""


class DiffusionGenerator:
    """Networks and speech encoder of one model; keeps nothing of a run but the speed of the last one."""

    def __init__(self, models: Models, speech_encoder: SpeechEncoder, info: ModelInfo) -> None:
        """Errors: InputError for another speech encoder than the model was made with."""
        if speech_encoder.name != info.speech_encoder:
            raise InputError(
                f"Model {info.name} was made with {info.speech_encoder}, not with {speech_encoder.name}: "
                "the features have the same shapes and another meaning."
            )
        self.models, self.speech_encoder, self.info = models, speech_encoder, info
        self.capabilities = capabilities_of(info)
        self.single_frames = not models.denoiser.config.motion
        self.execution_device = models.vae.device
        self.speed: Speed | None = None
        self._hooks: list[Any] = []
        self._layers = LayeredGenerator()

    @classmethod
    def load(
        cls, name: str | Path, device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> DiffusionGenerator:
        """ "compact", "full" or a model folder; device and type default to the best this machine has."""
        device = torch.device(device or default_device())
        models, info = load_model(model_folder(name), dtype or default_dtype(device))
        if device.type == "cpu":
            prepare_for_cpu(vars(models).values())
        return cls(models, load_speech_encoder(info.speech_encoder), info).to(device)

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> DiffusionGenerator:
        """Move the networks, or change their type; the speech encoder stays on the CPU."""
        for network in vars(self.models).values():
            # torch's own `to`: that of diffusers warns about layers kept in float32, and there are none
            torch.nn.Module.to(network, device=device, dtype=dtype)
        self.execution_device = self.models.vae.device
        return self

    def compile(self) -> None:
        """Compile the networks where they are: the first video takes a minute longer, the others are faster."""
        compile_networks(self.models, DECODE_CHUNK)

    def enable_model_cpu_offload(self, device: str | torch.device = "cuda") -> None:
        """Keep the networks in the CPU's memory and fetch each one when it is used, for smaller GPUs."""
        from accelerate import cpu_offload_with_hook

        self.to("cpu")
        hook = None
        for name in OFFLOADED:
            _, hook = cpu_offload_with_hook(getattr(self.models, name), device, prev_module_hook=hook)
            self._hooks.append(hook)
        self.execution_device = torch.device(device)

    def free_memory(self) -> None:
        """Send offloaded networks back; does nothing without offloading."""
        for hook in self._hooks:
            hook.offload()

    @property
    def device(self) -> str:
        """Where the networks run; with offloading they are stored elsewhere."""
        return str(self.execution_device)

    @property
    def weights_dtype(self) -> torch.dtype:
        """The type of the denoiser's weights."""
        return next(self.models.denoiser.parameters()).dtype

    def resolve(self, settings: RunSettings, portrait_size: tuple[int, int]) -> ResolvedSettings:
        """See `Generator.resolve`; the size is the model's own whatever the portrait's."""
        return resolve(self.capabilities, settings, self.info.size)

    def prepare(self, inputs: Inputs, speech: Speech, settings: ResolvedSettings) -> DiffusionSession:
        """See `Generator.prepare`; nothing is computed before the first frame is asked for, and no portrait is refused
        unless sampling starts from layered frames. Errors: InputError."""
        layers = None
        if noisy_steps(settings.steps or 1, settings.from_layers) < (settings.steps or 1):
            layers = self._layers.prepare(inputs, speech, settings)
        return DiffusionSession(self, inputs, speech, settings, layers)

    def expected_seconds(self, frames: int, settings: ResolvedSettings) -> float | None:
        """See `Generator.expected_seconds`."""
        return None if self.speed is None else self.workload(frames, settings).seconds(self.speed)

    def workload(self, frames: int, settings: ResolvedSettings) -> Workload:
        """What a video of `frames` frames costs with resolved settings."""
        area = settings.width * settings.height / (self.info.size[0] * self.info.size[1])
        evaluations = sum(map(bool, guidance_coefficients(*settings.guidance)))
        steps = noisy_steps(settings.steps or 1, settings.from_layers)
        evaluated = sum(len(window) for step in range(steps) for window in self.windows(frames, step))
        return Workload(area * evaluations * evaluated, area * frames, area * steps)

    @torch.no_grad()
    def measure_speed(self) -> None:
        """Time one short denoiser call and one decoded frame, for an estimate before the first run."""
        width, height = self.info.size
        device, dtype, models = self.execution_device, self.weights_dtype, self.models
        frames = 4 if self.single_frames else min(4, self.info.window)
        latents = torch.zeros(1, models.vae.config.latent_channels, frames, height // 8, width // 8).to(device, dtype)
        sample = self.as_videos(latents)
        bank = models.reference.bank(latents[:, :, 0])
        conditions = Conditions(
            audio=torch.zeros(len(sample), sample.shape[2], 50, models.denoiser.dsaa.speech_width).to(device, dtype),
            reference=models.denoiser.project_reference(bank),
            reference_latents=latents[:, :, 0],
        )
        timestep = torch.tensor(500, device=device)
        evaluate = fastest(lambda: models.denoiser(sample, timestep, conditions), device) / frames
        pose = place(shipped_motion(DEFAULT_MOTION), (width, height))[0].take(slice(1))
        portrait = portrait_features(models.vae, np.zeros((height, width, 3), np.uint8), pose.frame(0), device, dtype)
        decode = fastest(lambda: decode_pictures(models.vae, latents[:, :, 0], portrait, pose), device)
        self.speed = Speed(evaluate, decode)

    def reconstruct_hands(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Generator.reconstruct_hands`."""
        return reconstruct_hands(self.models.codebook, crops)

    def windows(self, frames: int, step: int) -> list[range]:
        """The windows of frames on which the denoiser is called in one sampling step, in order."""
        if self.single_frames:
            return batches(frames, SINGLE_FRAMES)
        return context_windows(frames, self.info.window, self.info.overlap, step)

    def as_videos(self, latents: Tensor) -> Tensor:
        """Latents (1, C, F, h, w) of a window as the denoiser takes them: single frames are F videos (F, C, 1, h, w).

        The function is its own inverse: applied to a prediction, it restores the window's shape.
        """
        return latents.transpose(0, 2) if self.single_frames else latents


def capabilities_of(info: ModelInfo) -> Capabilities:
    """What the model of a folder can do; a model made for one step was trained for no other number."""
    return Capabilities(
        name=info.name,
        portraits="rendered" if info.domain == "rendered" else "any",
        size_multiple=SIZE_MULTIPLE,
        largest_side=LARGEST_SIDE,
        steps=info.steps,
        most_steps=1 if info.steps == 1 else TRAINED_STEPS,
        guidance=(info.guidance_audio, info.guidance_image),
        switches=info.switches,
        seeded=info.noise_clamp != 0,
        untrained=info.untrained,
        instant=False,
        size=info.size,
        speech_encoder=info.speech_encoder,
        takes_layers=info.steps > 1,
    )
