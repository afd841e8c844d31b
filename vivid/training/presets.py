"""Sizes of training: the paper's, the compact model's on an accelerator, and the compact model's on a CPU."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..config import ModelInfo
from ..errors import InputError
from ..method.factory import COMPACT, COMPACT_TINY, FULL, ModelConfig
from .detail import DetailConfig
from .hcc import PAPER_HCC, HccConfig
from .loop import LoopConfig
from .refine.stage import CPU_REFINE, RefineConfig
from .stages import (
    COMPACT_STAGE_1,
    COMPACT_STAGE_2,
    CPU_STAGE_1,
    CPU_STAGE_2,
    PAPER_STAGE_1,
    PAPER_STAGE_2,
    DiffusionConfig,
)
from .vae import VaeConfig
from .windows import WindowShape


@dataclass(frozen=True)
class Preset:
    """One model size with the settings of all its trainings; `size` is the pictures' side in pixels.

    info: what an exported model says about itself; vae: None where Stable Diffusion's own is kept; int8: whether an
    exported model is stored in int8.
    """

    model: ModelConfig
    info: ModelInfo
    size: int
    vae: VaeConfig | None
    hcc: HccConfig
    stage1: DiffusionConfig
    stage2: DiffusionConfig
    detail: DetailConfig = field(default_factory=DetailConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    int8: bool = True


PAPER = replace(FULL, name="paper", prediction_type="epsilon")
"""The full model with equation 3 as its objective."""


def _info(model: ModelConfig, domain: str, steps: int, guidance: float, noise_clamp: float | None = None) -> ModelInfo:
    """The ModelInfo of an exported model: windows of 24 frames that overlap by 6."""
    size = (model.sample_size, model.sample_size)
    return ModelInfo(model.name, model.speech, domain, size, 24, 6, steps, guidance, guidance, noise_clamp=noise_clamp)


PRESETS = {
    "paper": Preset(
        PAPER, _info(PAPER, "any", 30, 2.5), 512, None, PAPER_HCC, PAPER_STAGE_1, PAPER_STAGE_2, int8=False
    ),
    "compact": Preset(
        COMPACT,
        _info(COMPACT, "rendered", 6, 1.0),
        256,
        VaeConfig(LoopConfig(minutes=4, learning_rate=3e-4, precision="bf16", weight_decay=0.0), batch=32, crop=128),
        HccConfig(LoopConfig(minutes=1.25, learning_rate=1e-3, weight_decay=0.0, precision="bf16"), batch=128),
        COMPACT_STAGE_1,
        COMPACT_STAGE_2,
        DetailConfig(
            LoopConfig(minutes=2, learning_rate=1e-3, precision="bf16", clip_norm=0.3),
            batch=128,
            windows=128,
            window=WindowShape(12),
            motion=True,
            guidance=1.0,
        ),
    ),
    "cpu": Preset(
        COMPACT_TINY,
        _info(COMPACT, "rendered", 1, 1.0, noise_clamp=0.0),
        256,
        VaeConfig(LoopConfig(minutes=10, learning_rate=3e-4, weight_decay=0.0, warmup_steps=20)),
        HccConfig(LoopConfig(minutes=25, learning_rate=1e-3, weight_decay=0.0, ema_decay=0.995, warmup_steps=30), 8),
        CPU_STAGE_1,
        CPU_STAGE_2,
        refine=CPU_REFINE,
    ),
}
PRESETS["paper-wav2vec2"] = replace(
    PRESETS["paper"],
    model=replace(PAPER, name="paper-wav2vec2", speech="wav2vec2", speech_width=768),
    info=replace(PRESETS["paper"].info, name="paper-wav2vec2", speech_encoder="wav2vec2"),
)
"""With the speech encoder that the paper names; the public base weights were trained with Whisper."""


def preset(name: str) -> Preset:
    """The preset of that name; InputError for an unknown one."""
    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}: choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]


def with_budget(
    loop: LoopConfig,
    minutes: float | None,
    steps: int | None,
    seed: int | None,
    learning_rate: float | None,
    workers: int = 0,
    shard: bool = False,
) -> LoopConfig:
    """The loop settings with the command line's changes; a given budget replaces the preset's."""
    if minutes is not None or steps is not None:
        loop = replace(loop, minutes=minutes, steps=steps)
    if seed is not None:
        loop = replace(loop, seed=seed)
    if learning_rate is not None:
        loop = replace(loop, learning_rate=learning_rate)
    return replace(loop, workers=workers, shard=shard)
