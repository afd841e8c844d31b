"""Every network of a model from one configuration: the same classes at every size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from diffusers import AutoencoderKL

from .autoencoder import ShortcutAutoencoderKL
from .denoiser import Denoiser
from .dsaa import AUDIO_DIM, HEAD_WINDOW
from .hand_encoder import HandEncoder
from .hcc import HandCodebook
from .reference import ReferenceNet
from .schedule import Prediction


@dataclass(frozen=True)
class ModelConfig:
    """What a model is made of; widths are per level, from the finest to the coarsest.

    `down_attention` and `up_attention` say which levels have spatial transformer blocks, in the order in which a U-Net
    visits them (up: coarsest first). `channels` etc. belong to both U-Nets, which are twins.
    """

    name: str
    channels: tuple[int, ...]
    down_attention: tuple[bool, ...]
    up_attention: tuple[bool, ...]
    heads: tuple[int, ...]
    layers: int = 1
    motion: bool = True
    motion_heads: int = 4
    window_limit: int = 32
    linear_projection: bool = True
    norm_groups: int = 32
    lip_scale: float = 1.0
    concat_reference: bool = True
    reference_shift: bool = True
    prediction_type: Prediction = "v_prediction"
    audio_token_embedding: bool = True
    head_window: int = HEAD_WINDOW
    speech_width: int = AUDIO_DIM
    trim_reference: bool = True
    stream_ratio: float = 0.5
    stream_heads: int = 4
    hand_encoder_channels: tuple[int, ...] = (16, 32, 64, 96)
    latent_channels: int = 16
    vae_channels: tuple[int, ...] = (16, 48, 96, 128)
    vae_layers: int = 1
    vae_norm_groups: int = 8
    vae_attention: bool = False
    vae_shortcut: bool = True
    latent_scale: float = 1.0
    codebook_channels: tuple[int, ...] = (32, 64, 96, 128, 128)
    codebook_norm_groups: int = 16
    codebook_layers: int = 1
    codebook_patch: int = 1
    codes: int = 1024
    code_dim: int = 256
    hand_size: int = 256
    sample_size: int = 256
    speech: str = "whisper-tiny.en"


@dataclass(frozen=True)
class Models:
    """The networks of one model."""

    vae: AutoencoderKL
    reference: ReferenceNet
    denoiser: Denoiser
    hand_encoder: HandEncoder
    codebook: HandCodebook


def component_classes() -> dict[str, type]:
    """Every class that a model folder may name in a component's configuration."""
    classes = (AutoencoderKL, ShortcutAutoencoderKL, ReferenceNet, Denoiser, HandEncoder, HandCodebook)
    return {cls.__name__: cls for cls in classes}


COMPACT = ModelConfig(
    name="compact",
    channels=(96, 128, 160),
    down_attention=(True, True, True),
    up_attention=(True, True, False),
    heads=(2, 4, 5),
)
"""The model that ships: 256 px, two CPU cores."""

COMPACT_TINY = ModelConfig(
    name="compact-tiny",
    channels=(48, 96, 144),
    down_attention=(False, True, True),
    up_attention=(True, True, False),
    heads=(2, 3, 4),
    norm_groups=16,
    hand_encoder_channels=(16, 16, 32, 48),
    codebook_channels=(48, 96, 128),
    codebook_patch=4,
)
"""A cheaper, narrower variant: attention only at 16 x 16 and 8 x 8 (of 256 px), so that two CPU cores can train it.

The hand codebook folds 4 x 4 pixels before its first convolution: a training pass costs a sixth, with the same grid.
"""

FULL = ModelConfig(
    name="full",
    channels=(320, 640, 1280, 1280),
    down_attention=(True, True, True, False),
    up_attention=(False, True, True, True),
    heads=(8, 8, 8, 8),
    layers=2,
    motion_heads=8,
    linear_projection=False,
    lip_scale=3.0,
    concat_reference=False,
    reference_shift=False,
    audio_token_embedding=False,
    trim_reference=False,
    stream_heads=8,
    hand_encoder_channels=(16, 32, 96, 256),
    latent_channels=4,
    vae_channels=(128, 256, 512, 512),
    vae_layers=2,
    vae_norm_groups=32,
    vae_attention=True,
    vae_shortcut=False,
    latent_scale=0.18215,
    codebook_channels=(64, 128, 128, 256, 256),
    codebook_norm_groups=32,
    codebook_layers=2,
    sample_size=512,
    speech="whisper-tiny",
)
"""SD-1.5 size: takes EchoMimicV2's public weights key for key."""

MICRO = replace(
    FULL,
    name="micro",
    channels=(32, 64, 64, 64),
    vae_channels=(8, 8, 16, 16),
    vae_norm_groups=8,
    codebook_channels=(8, 8, 16, 16, 16),
    codebook_norm_groups=8,
    codes=32,
    code_dim=16,
    sample_size=128,
    stream_heads=4,
    vae_layers=1,
    vae_attention=False,
    codebook_layers=1,
)
"""FULL with every width shrunk: the whole full-size code path in a second (and the public fixture's shape)."""


def build_vae(config: ModelConfig) -> AutoencoderKL:
    """The picture autoencoder: (B, 3, H, W) in -1..1 <-> latents (B, latent_channels, H/8, W/8).

    `vae_shortcut` adds the linear shortcut that shortens training (`autoencoder.py`). Latents are multiplied by
    `vae.config.scaling_factor` before they are noised; a VAE of our own measures that number on its training set and
    stores it there.
    """
    levels = len(config.vae_channels)
    cls = ShortcutAutoencoderKL if config.vae_shortcut else AutoencoderKL
    return cls(
        block_out_channels=config.vae_channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=config.vae_layers,
        latent_channels=config.latent_channels,
        norm_num_groups=config.vae_norm_groups,
        mid_block_add_attention=config.vae_attention,
        sample_size=config.sample_size,
        scaling_factor=config.latent_scale,
        force_upcast=False,
    )


def build_codebook(config: ModelConfig) -> HandCodebook:
    """The hand VQ-VAE."""
    return HandCodebook(
        channels=config.codebook_channels,
        layers=config.codebook_layers,
        codes=config.codes,
        code_dim=config.code_dim,
        norm_groups=config.codebook_norm_groups,
        image_size=config.hand_size,
        patch=config.codebook_patch,
    )


def _twin_options(config: ModelConfig) -> dict[str, Any]:
    """What both U-Nets have in common."""
    return {
        "sample_size": config.sample_size // 8,
        "out_channels": config.latent_channels,
        "block_out_channels": config.channels,
        "layers_per_block": config.layers,
        "norm_num_groups": config.norm_groups,
        "cross_attention_dim": AUDIO_DIM,
        "use_linear_projection": config.linear_projection,
    }


def build_denoiser(config: ModelConfig) -> Denoiser:
    """The denoising U-Net; head stream, codebook attention and motion modules begin without effect."""
    return Denoiser(
        **_twin_options(config),
        in_channels=config.latent_channels * (2 if config.concat_reference else 1),
        down_block_types=tuple("CrossAttnDownBlockMotion" if a else "DownBlockMotion" for a in config.down_attention),
        up_block_types=tuple("CrossAttnUpBlockMotion" if a else "UpBlockMotion" for a in config.up_attention),
        num_attention_heads=config.heads,
        motion_num_attention_heads=config.motion_heads,
        motion_max_seq_length=config.window_limit,
        use_motion_mid_block=True,
        motion=config.motion,
        lip_scale=config.lip_scale,
        concat_reference=config.concat_reference,
        reference_shift=config.reference_shift,
        prediction_type=config.prediction_type,
        audio_token_embedding=config.audio_token_embedding,
        head_window=config.head_window,
        speech_width=config.speech_width,
        code_dim=config.code_dim,
        stream_ratio=config.stream_ratio,
        stream_heads=config.stream_heads,
    )


def build_reference(config: ModelConfig) -> ReferenceNet:
    """The denoiser's twin for the portrait."""
    return ReferenceNet(
        **_twin_options(config),
        in_channels=config.latent_channels,
        down_block_types=tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in config.down_attention),
        up_block_types=tuple("CrossAttnUpBlock2D" if a else "UpBlock2D" for a in config.up_attention),
        attention_head_dim=config.heads,
        trim=config.trim_reference,
    )


def build_hand_encoder(config: ModelConfig) -> HandEncoder:
    """The encoder of hand maps; its output is as wide as the denoiser's finest level."""
    return HandEncoder(out_channels=config.channels[0], channels=config.hand_encoder_channels)


def build_models(config: ModelConfig) -> Models:
    """All networks of a configuration, with random weights (seed torch before)."""
    return Models(
        vae=build_vae(config),
        reference=build_reference(config),
        denoiser=build_denoiser(config),
        hand_encoder=build_hand_encoder(config),
        codebook=build_codebook(config),
    )
