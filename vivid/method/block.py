"""The spatial transformer blocks of the denoiser and of the ReferenceNet.

Order in the denoiser (figure 2 of the paper): self-attention over own and reference tokens; both streams of DSAA, the
lip stream everywhere and the head stream inside the head; attention to the hand codes inside the hands; feed-forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from einops import repeat
from torch import Tensor

from .attention import KeyValues, Regions, attend
from .dsaa import AUDIO_DIM, HeadStream, lip_stream
from .hcc import CodebookAttention


@dataclass(frozen=True, eq=False)
class BlockInputs:
    """What the blocks attend to in one denoiser call over B videos of F frames.

    Keys and values are by block name: reference (B or 1, N, C); lip (B * F, 50, C), or batch 1 for silence, None for
    silence that needs no attention at all; head (B * F, 50, width), or batch 1; codes (B, 2 * g * g, width).
    A stream without regions is left out. `reference_present` (B,) and `code_mask` (B, 2 * g * g) bool are as in
    `Conditions`.
    """

    reference: KeyValues | None
    reference_present: Tensor | None
    lip: KeyValues | None
    head: KeyValues | None
    codes: KeyValues | None
    code_mask: Tensor | None
    head_regions: Regions | None
    hand_regions: Regions | None


class DenoiserBlock(BasicTransformerBlock):
    """diffusers' block with the reference in its self-attention and with the streams of the method.

    Parameters of the base keep diffusers' names; `head_stream` and `codebook_attention` are added. The block is
    stateless: its inputs come in `cross_attention_kwargs["inputs"]`, a `BlockInputs`. `level` counts the U-Net's grids
    from the finest.
    """

    def __init__(
        self,
        name: str,
        level: int,
        dim: int,
        heads: int,
        lip_scale: float,
        head_dim: int,
        code_dim: int,
        stream_ratio: float,
        stream_heads: int,
    ) -> None:
        super().__init__(dim, heads, dim // heads, cross_attention_dim=AUDIO_DIM)
        self.name, self.level, self.lip_scale = name, level, lip_scale
        width = int(dim * stream_ratio)
        self.head_stream = HeadStream(dim, head_dim, width, stream_heads)
        self.codebook_attention = CodebookAttention(dim, code_dim, width, stream_heads)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        timestep: Tensor | None = None,
        cross_attention_kwargs: dict[str, Any] | None = None,
        class_labels: Tensor | None = None,
        added_cond_kwargs: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """(B * F, tokens, C) -> the same; the signature is diffusers', which passes most of it as None."""
        assert cross_attention_kwargs is not None
        inputs: BlockInputs = cross_attention_kwargs["inputs"]
        states = hidden_states
        states = states + self.self_attention(self.norm1(states), inputs)
        lip = None if inputs.lip is None else inputs.lip[self.name]
        audio = lip_stream(self.attn2, self.norm2(states), lip, self.lip_scale)
        if inputs.head is not None and inputs.head_regions is not None:  # both streams read the same state
            audio = audio + self.head_stream(states, inputs.head[self.name], inputs.head_regions[self.level])
        states = states + audio
        if inputs.codes is not None and inputs.hand_regions is not None:
            region = inputs.hand_regions[self.level]
            states = states + self.codebook_attention(states, inputs.codes[self.name], region, inputs.code_mask)
        return states + self.ff(self.norm3(states))

    def self_attention(self, states: Tensor, inputs: BlockInputs) -> Tensor:
        """Self-attention of states (B * F, tokens, C), normalised, over their own frame and the reference, if any."""
        key, value, mask = self.attn1.to_k(states), self.attn1.to_v(states), None
        if inputs.reference is not None:
            known = inputs.reference[self.name]
            frames = len(states) // len(known[0])  # one reference may serve all videos
            reference = (repeat(kv, "b m c -> (b f) m c", f=frames).to(key.dtype) for kv in known)
            key, value = (torch.cat(both, 1) for both in zip((key, value), reference, strict=True))
            if inputs.reference_present is not None:
                mask = repeat(inputs.reference_present, "b -> (b f) m", f=frames, m=key.shape[1]).clone()
                mask[:, : states.shape[1]] = True
        return attend(self.attn1, states, key, value, mask)


class ReferenceBlock(BasicTransformerBlock):
    """diffusers' block without cross-attention that leaves its normalised input in the bank."""

    def __init__(self, name: str, dim: int, heads: int) -> None:
        super().__init__(dim, heads, dim // heads)
        self.name = name

    def trim(self) -> None:
        """Drop everything after the first norm, for the last block of a ReferenceNet, whose output is never read."""
        for part in ("attn1", "norm3", "ff"):
            self.register_module(part, None)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        timestep: Tensor | None = None,
        cross_attention_kwargs: dict[str, Any] | None = None,
        class_labels: Tensor | None = None,
        added_cond_kwargs: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """(B, tokens, C) -> the same; writes into `cross_attention_kwargs["bank"]`."""
        assert cross_attention_kwargs is not None
        states = self.norm1(hidden_states)
        cross_attention_kwargs["bank"][self.name] = states
        if self.attn1 is None:
            return hidden_states
        hidden_states = hidden_states + attend(self.attn1, states, self.attn1.to_k(states), self.attn1.to_v(states))
        return hidden_states + self.ff(self.norm3(hidden_states))
