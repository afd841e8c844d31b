"""Every network as a tiny seeded version, so that the whole program runs on a CPU in seconds."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from vivid.config import ModelInfo
from vivid.method.conditions import Conditions
from vivid.method.factory import ModelConfig, Models, build_models

if TYPE_CHECKING:
    from vivid.generators.diffusion.generator import DiffusionGenerator
    from vivid.generators.refined.generator import RefinedGenerator
    from vivid.pipeline import VividPipeline

DUMMY = ModelConfig(
    name="dummy",
    channels=(16, 32),
    down_attention=(True, True),
    up_attention=(True, False),
    heads=(2, 4),
    motion_heads=2,
    window_limit=8,
    norm_groups=8,
    stream_heads=2,
    hand_encoder_channels=(4, 4, 8, 8),
    latent_channels=4,
    vae_channels=(8, 8, 8, 8),
    vae_norm_groups=4,
    codebook_channels=(8, 8, 8),
    codebook_norm_groups=4,
    codebook_patch=4,
    codes=32,
    code_dim=16,
    sample_size=64,
    speech="dummy",
)
"""Built like the compact models (reference concatenated and shifted, numbered audio tokens, trimmed ReferenceNet)."""

ROUNDING = 1e-4
"""How far two float32 outputs of these networks (up to 4 in size) may lie apart when only the way to them differs.

Bits are equal only where the same tensors run through the same code. A copy of a network (weights mapped from a file
lie at other addresses), another batch size or another processor gets other kernels, which add up in another order:
2e-6 to 4e-6 by address and instruction set on one machine, 1e-5 from a second one. What the tests look for moves the
outputs by 1e-3 and more.
"""


def fill(module: nn.Module, seed: int = 0) -> nn.Module:
    """Seeded weights of a useful size in every parameter, also where training would begin at zero.

    Each has a seed of its own, so that a parameter more or less changes none of the others.
    """
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            generator = torch.Generator().manual_seed(seed + zlib.crc32(name.encode()))
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                parameter.copy_(0.1 * noise + name.endswith("weight"))  # scales near one, biases near zero
            else:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
    return module.eval()


def dummy_models(config: ModelConfig = DUMMY, seed: int = 0, trained: bool = True) -> Models:
    """All networks, seeded; `trained` gives every part an effect, otherwise added parts are at their start (zero)."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        models = build_models(config)
    for i, module in enumerate(vars(models).values()):
        fill(module, seed + i) if trained else module.eval()
    return models


def dummy_conditions(models: Models, videos: int = 1, frames: int = 3, size: int = 8, seed: int = 0) -> Conditions:
    """Conditions with every part present: head above, hands below, on latents of size x size."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    head = torch.zeros(videos, frames, size, size, dtype=torch.bool)
    hands = head.clone()
    head[..., : size // 2, size // 4 : 3 * size // 4] = True
    hands[..., 3 * size // 4 :, : size // 2] = True
    config = models.denoiser.config
    width = config.speech_width
    latents = noise(videos, config.out_channels, size, size)
    tokens = 2 * models.codebook.grid**2
    return Conditions(
        audio=noise(videos, frames, 50, width),
        rhythm=torch.randn(videos, frames, 50, width, generator=torch.Generator().manual_seed(seed + 1)),
        hand_features=noise(videos, config.block_out_channels[0], frames, size, size),
        reference=models.denoiser.project_reference(models.reference.bank(latents)),
        reference_latents=latents,
        hand_tokens=noise(videos, tokens, config.code_dim),
        hand_token_mask=torch.ones(videos, tokens, dtype=torch.bool),
        head_mask=head,
        hand_mask=hands,
    )


class DummySpeech:
    """A speech encoder's interface; its tokens follow the loudness of each frame."""

    def __init__(self, name: str = "dummy") -> None:
        self.name = name
        self.pattern = torch.randn(50, 384, generator=torch.Generator().manual_seed(0))

    def windows(self, samples: Any, frames: int) -> Callable[[range], Tensor]:
        """A range of n of the frames -> (n, 50, 384)."""
        parts = np.array_split(np.asarray(samples, np.float32), frames)
        loudness = torch.tensor([float(np.sqrt(np.mean(part**2))) if len(part) else 0.0 for part in parts])
        return lambda window: loudness[window.start : window.stop, None, None] * self.pattern

    def states(self, samples: Any) -> Tensor:
        """At 50 Hz, (n, 5, 384)."""
        return self.features(samples, len(samples) // 320)[:, :5]

    def features(self, samples: Any, frames: int) -> Tensor:
        """Of all frames, (frames, 50, 384)."""
        return self.windows(samples, frames)(range(frames))

    def to(self, device: str | torch.device) -> DummySpeech:
        """Nothing to move."""
        return self


def dummy_generator(speech_encoder: str = "dummy", **changes: Any) -> DiffusionGenerator:
    """A diffusion model of dummies at 64 x 64, with `changes` to its ModelInfo.

    Its speech encoder may be given another name than the model asks for.
    """
    from vivid.generators.diffusion.generator import DiffusionGenerator

    info = ModelInfo(
        name="dummy",
        speech_encoder="dummy",
        domain="any",
        size=(64, 64),
        window=8,
        overlap=2,
        steps=2,
        guidance_audio=2.5,
        guidance_image=2.5,
    )
    speech: Any = DummySpeech(speech_encoder)
    info = replace(info, **changes)
    models = dummy_models(replace(DUMMY, motion="motion" not in info.untrained))
    return DiffusionGenerator(models, speech, info)


def dummy_pipeline(**changes: Any) -> VividPipeline:
    """The pipeline around `dummy_generator`."""
    from vivid.pipeline import VividPipeline

    return VividPipeline(dummy_generator(**changes))


def dummy_refiner(trained: bool) -> RefinedGenerator:
    """The layered generator with dummies on top; untrained ones change nothing."""
    from vivid.generators.refined.generator import RefinedGenerator
    from vivid.generators.refined.networks import start_refiner

    models = start_refiner(dummy_models())
    if trained:
        fill(models.denoiser, 5)
        with torch.no_grad():  # random autoencoders are wild: a difference that stays within a picture's range
            models.denoiser.conv_out.weight.mul_(0.05)
            models.denoiser.conv_out.bias.mul_(0.05)
    info = ModelInfo(
        name="refined",
        speech_encoder="dummy",
        domain="any",
        size=(64, 64),
        window=1,
        overlap=0,
        steps=1,
        guidance_audio=1.0,
        guidance_image=1.0,
        untrained=("motion",),
        refines_layers=True,
    )
    speech: Any = DummySpeech()
    return RefinedGenerator(models, speech, info)
