"""One video from noise to frames; everything that a frame depends on belongs to the session."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from ...config import ResolvedSettings
from ...events import Step
from ...media.tensors import to_unit
from ...method.autoencoder import encode_pictures
from ...method.schedule import make_scheduler
from ...pose.skeleton import PoseClip
from ...speech.types import Speech
from .. import Frames, Inputs
from .conditioner import Conditioner
from .guidance import guided_prediction
from .noise import initial_noise, noised, noisy_steps, predicted_clean
from .pictures import PortraitFeatures, decode_pictures
from .speed import Clock
from .windows import window_weights

if TYPE_CHECKING:
    from ..layered.generator import LayeredSession
    from .generator import DiffusionGenerator

DECODE_CHUNK = 4
"""Frames decoded at a time: enough to keep the processor busy, few enough to keep memory flat."""


class DiffusionSession:
    """One video of len(inputs.clip) frames; the networks belong to the generator and hold nothing of a run."""

    notices: tuple[str, ...] = ()
    still = (False, False)

    def __init__(
        self,
        generator: DiffusionGenerator,
        inputs: Inputs,
        speech: Speech,
        settings: ResolvedSettings,
        layers: LayeredSession | None = None,
    ) -> None:
        """Takes resolved settings, and the layered video that sampling starts from; computes nothing yet."""
        self._layers = layers
        if layers is not None:
            self.notices, self.still = layers.notices, layers.still
        self.generator, self.inputs, self.speech, self.settings = generator, inputs, speech, settings
        self.info, self.models = generator.info, generator.models
        self.size = inputs.clip.canvas
        self.length = len(inputs.clip)

    @torch.no_grad()
    def frames(self) -> Generator[Step | Frames, None, None]:
        """A Step for each block of layered frames to start from, if any, and for each window of each sampling step,
        then the frames in blocks of DECODE_CHUNK."""
        generator = self.generator
        clock = Clock(generator.workload(self.length, self.settings), generator.speed)
        device, dtype = generator.execution_device, generator.weights_dtype
        try:
            conditioner = Conditioner(
                self.models,
                self.inputs,
                generator.speech_encoder.windows(self.speech.samples, self.length),
                self.settings,
                device,
                dtype,
                single_frames=generator.single_frames,
            )
            layers = (yield from self._layered_latents(clock)) if self._layers is not None else None
            clock.start_denoising()
            latents = yield from self._denoise(conditioner, clock, layers)
            portrait = conditioner.portrait
            del conditioner  # frees its memory for decoding
            clock.start_decoding()
            for start in range(0, self.length, DECODE_CHUNK):
                chunk = slice(start, start + DECODE_CHUNK)
                yield self._decode(latents[:, :, chunk], portrait, self.inputs.clip.take(chunk))
            generator.speed = clock.measured()
        finally:
            generator.free_memory()

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Frame `index`; the whole video is made for it, because no frame is made without its neighbours."""
        first = 0
        for block in self.frames():
            if isinstance(block, Step):
                continue
            if index < first + len(block):
                return block[index - first]
            first += len(block)
        raise IndexError(f"frame {index} of {self.length}")

    def _layered_latents(self, clock: Clock) -> Generator[Step, None, Tensor]:
        """Latents (1, C, T, H/8, W/8) of the layered frames; one Step for each block of them."""
        assert self._layers is not None
        device, dtype, parts, done = self.generator.execution_device, self.generator.weights_dtype, [], 0
        for block in self._layers.frames():
            if isinstance(block, Step):
                continue
            parts.append(encode_pictures(self.models.vae, to_unit(block, device, dtype)).float())
            done += len(block)
            yield Step(done, self.length, "layers", clock.layers_left(done, self.length), block[-1])
        return rearrange(torch.cat(parts), "n c h w -> 1 c n h w")

    def _denoise(self, conditioner: Conditioner, clock: Clock, layers: Tensor | None) -> Generator[Step, None, Tensor]:
        """Latents (1, C, T, H/8, W/8) from noise, or from noised latents of layered frames; one Step for each window of
        each sampling step."""
        run, info, generator = self.settings, self.info, self.generator
        denoiser: Any = self.models.denoiser  # diffusers' base classes are not typed
        device, dtype = generator.execution_device, generator.weights_dtype
        scheduler = make_scheduler(info.solver, denoiser.config.prediction_type)  # type: ignore[arg-type]
        scheduler.set_timesteps(run.steps, device=device)
        shape = (1, self.models.vae.config.latent_channels, self.length, *conditioner.grid)
        # The solver works in float32 whatever the weights are: its small differences matter more than memory.
        latents = initial_noise(shape, run.seed, device, torch.float32, info.noise_clamp)
        timesteps = scheduler.timesteps
        if layers is not None:
            timesteps = timesteps[len(timesteps) - noisy_steps(len(timesteps), run.from_layers) :]
            latents = noised(scheduler, layers, latents, timesteps[0]) if len(timesteps) else layers
        windows_of_steps = [generator.windows(self.length, step) for step in range(len(timesteps))]
        total, done = sum(map(len, windows_of_steps)), 0
        for timestep, windows in zip(timesteps, windows_of_steps, strict=True):
            weights = [rearrange(weight.to(device), "f -> 1 1 f 1 1") for weight in window_weights(windows)]
            prediction = torch.zeros_like(latents)
            for window, weight in zip(windows, weights, strict=True):
                part = slice(window.start, window.stop)
                sample = generator.as_videos(latents[:, :, part]).to(dtype)
                guided = guided_prediction(
                    partial(denoiser, sample, timestep), conditioner.window(window), *run.guidance
                )
                prediction[:, :, part] += generator.as_videos(guided) * weight
                done += 1
                preview = None
                # In a single step each window comes out finished; otherwise one frame gets clearer step by step.
                finished = len(timesteps) == 1
                if finished or window is windows[-1]:
                    middle = self.length // 2
                    one = slice(window.start, window.start + 1) if finished else slice(middle, middle + 1)
                    clean = predicted_clean(scheduler, latents[:, :, one], prediction[:, :, one], timestep)
                    preview = self._decode(clean, conditioner.portrait, self.inputs.clip.take(one))[0]
                yield Step(done, total, "denoise", clock.denoise_left(done, total), preview)
            latents = scheduler.step(prediction, timestep, latents).prev_sample
        return latents

    def _decode(self, latents: Tensor, portrait: PortraitFeatures | None, clip: PoseClip) -> Frames:
        """(1, C, n, h, w) latents -> (n, H, W, 3) pictures of the n poses of `clip`."""
        frames = rearrange(latents, "1 c n h w -> n c h w").to(self.generator.weights_dtype)
        return decode_pictures(self.models.vae, frames, portrait, clip)
