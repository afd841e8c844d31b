"""The denoising U-Net: diffusers' UNetMotionModel with the blocks of the method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch
from diffusers import UNetMotionModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.utils.accelerate_utils import apply_forward_hook
from einops import rearrange, repeat
from torch import Tensor, nn

from ..errors import InputError
from .attention import KeyValues, MaskedCrossAttention, regions_of
from .block import BlockInputs, DenoiserBlock
from .conditions import Conditions
from .dsaa import AUDIO_DIM, AUDIO_TOKENS, HEAD_WINDOW, AudioKeyValues, DualStreamAudio
from .hand_encoder import ConditionedConv
from .motion import MotionModule, NoMotion
from .options import with_options_of
from .schedule import Prediction

DIFFERENCE = 0.35
"""Standard deviation of the difference to the reference that `reference_shift` expects, in scaled latents."""


class Denoiser(UNetMotionModel):
    """Predicts noise or velocity of latents from noisy latents and `Conditions`.

    Own options besides UNetMotionModel's:
    lip_scale: factor of the lip stream (3.0 in the public base, a part of its weights; 1.0 in ours).
    concat_reference: `conv_in` also reads the reference latents, so that a static background costs nothing to copy.
    reference_shift: the network sees the difference to the reference latents and predicts the residual of the best
        linear guess, assuming that this difference is normal with standard deviation DIFFERENCE (Karras et al. 2022,
        "skip"; exact for v-prediction on the schedule of `schedule.make_scheduler`): without any training it returns
        the still portrait.
    prediction_type: whether velocity or noise is predicted.
    concat_layers: the latents of the layered frames are read as well, and `reference_shift` uses them in place of the
        reference: without any training the network returns the layered frames.
    audio_token_embedding, head_window, speech_width: see `DualStreamAudio`; tokens are not embedded in the base.
    motion: whether there are motion modules; without them each frame is made alone.
    head_dim, code_dim: widths of the pooled head tokens and of the hand codes.
    stream_ratio, stream_heads: width (as a share of the block's) and heads of head stream and codebook attention.
    """

    @register_to_config
    @with_options_of(UNetMotionModel)
    def __init__(
        self,
        *,
        lip_scale: float = 1.0,
        concat_reference: bool = False,
        reference_shift: bool = False,
        concat_layers: bool = False,
        prediction_type: Prediction = "v_prediction",
        audio_token_embedding: bool = False,
        motion: bool = True,
        head_window: int = HEAD_WINDOW,
        speech_width: int = AUDIO_DIM,
        head_dim: int = 192,
        code_dim: int = 256,
        stream_ratio: float = 0.5,
        stream_heads: int = 4,
        **options: Any,
    ) -> None:
        if reference_shift and prediction_type != "v_prediction":
            raise ValueError("reference_shift is for models that predict velocities")
        super().__init__(**options)
        first: nn.Conv2d = self.get_submodule("conv_in")
        self.conv_in = ConditionedConv(first.in_channels, first.out_channels, 3, padding=1)
        self.dsaa = DualStreamAudio(audio_token_embedding, head_dim, head_window, speech_width)
        self.code_norm = nn.LayerNorm(code_dim)  # a trained codebook may have any scale
        names = []
        for level, path, module in list(self._parts_by_level()):
            if isinstance(module, Transformer2DModel):
                blocks: Any = module.transformer_blocks
                for i, block in enumerate(blocks):
                    names.append(f"{path}.transformer_blocks.{i}")
                    blocks[i] = DenoiserBlock(
                        names[-1],
                        level,
                        block.dim,
                        block.num_attention_heads,
                        lip_scale,
                        head_dim,
                        code_dim,
                        stream_ratio,
                        stream_heads,
                    )
            elif path.endswith(".motion_modules"):
                for i, part in enumerate(module):
                    limit = part.transformer_blocks[0].num_positional_embeddings
                    shape = part.in_channels, part.num_attention_heads, part.norm.num_groups, limit
                    module[i] = MotionModule(*shape) if motion else NoMotion()
        self.block_names = tuple(names)
        config: Any = self.config
        self.levels, self.window_limit = len(config.block_out_channels), config.motion_max_seq_length
        self.reads_reference, self.shifts_reference = concat_reference, concat_reference and reference_shift
        self.reads_layers = concat_layers

    def _parts_by_level(self) -> Iterator[tuple[int, str, Any]]:
        """Level of the grid (0 is the finest), path and module of everything in the blocks of the U-Net."""
        ups: Any = self.up_blocks
        levels = {f"down_blocks.{level}": level for level in range(len(ups))}
        levels |= {f"up_blocks.{i}": len(ups) - 1 - i for i in range(len(ups))}
        levels["mid_block"] = len(ups) - 1
        for block, level in levels.items():
            for path, module in self.get_submodule(block).named_modules(prefix=block):
                yield level, path, module

    def motion_modules(self) -> list[MotionModule]:
        """All motion modules; none in a model of single frames."""
        return [module for module in self.modules() if isinstance(module, MotionModule)]

    def added_parts(self) -> list[nn.Module]:
        """What the public base lacks: the head stream with its projection, and the codebook attention."""
        blocks = [self.block(name) for name in self.block_names]
        streams = [part for block in blocks for part in (block.head_stream, block.codebook_attention)]
        own = [self.dsaa.head_projection, self.code_norm]
        if self.dsaa.speech_projection is not None:
            own.append(self.dsaa.speech_projection)
        return [*own, *streams]

    def added_names(self) -> set[str]:
        """Names in the state dict of `added_parts`."""
        added = {id(parameter) for part in self.added_parts() for parameter in part.parameters()}
        return {name for name, parameter in self.named_parameters() if id(parameter) in added}

    def block(self, name: str) -> DenoiserBlock:
        """The spatial block of that name."""
        block = self.get_submodule(name)
        assert isinstance(block, DenoiserBlock)
        return block

    def reset_added_parts(self) -> None:
        """Reset the parts that the public base lacks to no effect; allocate them if they have no memory yet."""
        for part in self.added_parts():
            if next(part.parameters()).is_meta:
                part.to_empty(device="cpu")
            for module in part.modules():
                if isinstance(module, nn.Linear | nn.LayerNorm):
                    module.reset_parameters()
            if isinstance(part, MaskedCrossAttention):
                part.mute()

    @apply_forward_hook
    def project_reference(self, bank: dict[str, Tensor]) -> KeyValues:
        """Keys and values of the reference bank (ReferenceNet.bank), once a video: each (B, N, C) -> two (B, N, C)."""
        attentions = {name: self.block(name).attn1 for name in self.block_names}
        return {name: (attn.to_k(bank[name]), attn.to_v(bank[name])) for name, attn in attentions.items()}

    @apply_forward_hook
    def project_codes(self, hand_tokens: Tensor) -> KeyValues:
        """Keys and values of the hand codes (B, 2 * g * g, code_dim), once a video."""
        tokens = self.code_norm(hand_tokens)
        return {name: self.block(name).codebook_attention.project(tokens) for name in self.block_names}

    @apply_forward_hook
    def prepare(self, conditions: Conditions) -> Conditions:
        """The same conditions with everything precomputed that is the same at all noise levels, for windows used again.

        Holds the audio keys and values of every block (about 50 * 2 * C numbers per frame and block), those of the hand
        codes unless they were projected before, and which tokens the masks mark on each grid.
        """
        silence = conditions.silence or self.project_silence()
        return replace(conditions, silence=silence, prepared=self._block_inputs(conditions))

    @apply_forward_hook
    def project_silence(self) -> AudioKeyValues:
        """Keys and values of absent speech (zero tokens) in both streams."""
        return self._project_audio(None, None, with_head=True)

    def _block_inputs(self, conditions: Conditions) -> BlockInputs:
        head_regions, device = None, self.code_norm.weight.device
        if conditions.head_mask is not None:  # each frame has its own rhythm, so every frame counts as a video
            head_regions = regions_of(rearrange(conditions.head_mask, "b f h w -> (b f) 1 h w"), self.levels, device)
        codes, code_mask, hand_regions = None, None, None
        if conditions.hand_tokens is not None and conditions.hand_mask is not None:
            code_mask, hand_mask = conditions.hand_token_mask, conditions.hand_mask
            if code_mask is not None:
                # A softmax over no tokens at all is undefined, so without any hand this attention is skipped.
                some = code_mask.any(1)
                hand_mask = hand_mask & rearrange(some, "b -> b 1 1 1").to(hand_mask.device)
                code_mask = (code_mask | ~some[:, None]).to(device)
            hand_regions = regions_of(hand_mask, self.levels, device)
            if hand_regions:
                tokens = conditions.hand_tokens
                codes = tokens if isinstance(tokens, dict) else self.project_codes(tokens)
        lip, head = self._project_audio(conditions.audio, conditions.rhythm, with_head=head_regions is not None)
        return BlockInputs(
            conditions.reference, conditions.reference_present, lip, head, codes, code_mask, head_regions, hand_regions
        )

    def _project_audio(self, audio: Tensor | None, rhythm: Tensor | None, with_head: bool) -> AudioKeyValues:
        silent = audio is None
        if audio is None:
            audio = rhythm = self.code_norm.weight.new_zeros(1, 1, AUDIO_TOKENS, self.dsaa.speech_width)
        lip = head = None
        if not silent or self.dsaa.embedding is not None:
            tokens = self.dsaa.lip_tokens(audio).flatten(0, 1)  # (B * F, 50, 384)
            attentions = {name: self.block(name).attn2 for name in self.block_names}
            lip = {name: (attn.to_k(tokens), attn.to_v(tokens)) for name, attn in attentions.items()}
        if with_head:
            if rhythm is None:
                raise ValueError("the head stream needs the rhythm of the speech: see dsaa.stream_tokens")
            tokens = self.dsaa.head_tokens(rhythm).flatten(0, 1)  # (B * F, 50, head_dim)
            head = {name: self.block(name).head_stream.project(tokens) for name in self.block_names}
        return AudioKeyValues(lip, head)

    def forward(  # type: ignore[override]
        self, sample: Tensor, timestep: Tensor | int, conditions: Conditions
    ) -> Tensor:
        """One evaluation: sample (B, C, F, h, w), timestep a number or (B,) -> prediction (B, C, F, h, w).

        InputError when the window has more frames than the motion modules have positions.
        """
        videos, _, frames, height, width = sample.shape
        if frames > self.window_limit:
            raise InputError(
                f"A window of {frames} frames is too long: this model takes at most {self.window_limit} at a time."
            )
        inputs = conditions.prepared or self._block_inputs(conditions)
        reference = conditions.reference_latents
        still = None
        if self.reads_reference:
            still = sample.new_zeros(videos, sample.shape[1], 1, height, width)
            if reference is not None:
                still = still + reference[:, :, None].to(sample.dtype)
        base = still
        if self.reads_layers:
            layers = conditions.layered_latents
            base = torch.zeros_like(sample) if layers is None else layers.to(sample.dtype)
        known = None
        if base is not None and self.shifts_reference:
            alpha, sigma = noise_levels(timestep, sample)
            sample = sample - alpha * base
            skip = alpha * sigma * (1 - DIFFERENCE**2) / ((alpha * DIFFERENCE) ** 2 + sigma**2)
            known = skip * sample - sigma * base
        channels = [sample]
        if still is not None:
            channels.append(still.expand(-1, -1, frames, -1, -1))
        if self.reads_layers and base is not None:
            channels.append(base)
        if conditions.hand_features is not None:
            channels.append(conditions.hand_features.to(sample.dtype))
        out = super().forward(
            torch.cat(channels, 1) if len(channels) > 1 else sample,
            timestep,
            encoder_hidden_states=None,
            cross_attention_kwargs={"inputs": inputs},
            return_dict=False,
        )[0]
        return out if known is None else out + known


@lru_cache(maxsize=4)
def _noise_table(device: torch.device) -> Tensor:
    from .schedule import make_scheduler

    alphas = make_scheduler().alphas_cumprod.double()  # type: ignore[attr-defined]
    return torch.stack([alphas.sqrt(), (1 - alphas).sqrt()], 1).float().to(device)


def noise_levels(timestep: Tensor | int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of picture and noise at a timestep (a number or (B,)): two (1 or B, 1, 1, 1, 1) of `like`'s type."""
    steps = torch.as_tensor(timestep, device=like.device).long().reshape(-1)
    alpha, sigma = repeat(_noise_table(like.device)[steps], "b s -> s b 1 1 1 1").to(like.dtype)
    return alpha, sigma
