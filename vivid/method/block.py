"""The spatial transformer block of the method, and what it is made of.

Order of the block (METHOD section 1): self-attention over own and reference tokens; the lip stream everywhere plus
the head stream inside the head; attention to the hand codes inside the hands; feed-forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from einops import rearrange, repeat
from torch import Tensor, nn

KeyValue = tuple[Tensor, Tensor]
"""Keys and values of one attention, each (B, tokens, width), heads not yet split."""
KeyValues = dict[str, KeyValue]
"""Keys and values by the name of the block that reads them."""


@dataclass(frozen=True, eq=False)
class Region:
    """Tokens picked from the frames of B videos, as rows of the flattened (B * F * tokens, C) hidden states.

    rows: (B * n,) indices, n of each video, n being the most that any of them has; valid: (B, n, 1) bool, False for
    the rows that only fill up.
    """

    rows: Tensor
    valid: Tensor

    @classmethod
    def of(cls, mask: Tensor) -> Region:
        """The tokens that a mask (B, F, tokens) bool marks; at least one must be marked."""
        flat = rearrange(mask, "b f t -> b (f t)")
        counts = flat.sum(1)
        most = int(counts.max())
        # A stable sort lists the marked tokens in order; what follows them fills up shorter lists.
        picked = flat.byte().sort(dim=1, descending=True, stable=True).indices[:, :most]
        offsets = torch.arange(len(flat), device=mask.device)[:, None] * flat.shape[1]
        valid = torch.arange(most, device=mask.device) < counts[:, None]
        return cls((picked + offsets).flatten(), valid[..., None])


@dataclass(frozen=True, eq=False)
class BlockInputs:
    """What one denoiser call hands to all its blocks; see `conditions.Prepared` for the shapes."""

    reference: KeyValues | None
    reference_present: Tensor | None
    lip: KeyValues | None
    head: KeyValues | None
    codes: KeyValues | None
    code_mask: Tensor | None
    head_regions: dict[int, Region]
    hand_regions: dict[int, Region]


def attend(attention: Attention, states: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention with the weights of a diffusers module over keys and values that are projected already.

    states (B, N, C); key, value (B or 1, M, width); mask (B, M) bool, False = not there -> (B, N, C).
    """
    batch, heads = states.shape[0], attention.heads
    query = rearrange(attention.to_q(states), "b n (h d) -> b h n d", h=heads)
    key = rearrange(key, "b m (h d) -> b h m d", h=heads).expand(batch, -1, -1, -1)
    value = rearrange(value, "b m (h d) -> b h m d", h=heads).expand(batch, -1, -1, -1)
    seen = None if mask is None else rearrange(mask, "b m -> b 1 1 m")
    out = F.scaled_dot_product_attention(query, key.to(query.dtype), value.to(query.dtype), attn_mask=seen)
    out = rearrange(out, "b h n d -> b n (h d)")
    for layer in attention.to_out:  # the linear layer, then dropout
        out = layer(out)
    return out


class MaskedStream(nn.Module):
    """Cross-attention of some tokens only, to one context per video; begins with no effect.

    Serves the head stream and the codebook attention: their own LayerNorm, a narrow attention, an output projection
    of zeros. Only tokens inside the region are computed, so everywhere else the output is exactly zero.
    """

    def __init__(self, dim: int, context_dim: int, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.attn = Attention(dim, cross_attention_dim=context_dim, heads=heads, dim_head=width // heads)
        self.mute()

    def mute(self) -> None:
        """Give the output no effect, as at the start of training."""
        for parameter in self.attn.to_out[0].parameters():
            nn.init.zeros_(parameter)

    def project(self, context: Tensor) -> KeyValue:
        """Keys and values of a context (B, tokens, context_dim)."""
        return self.attn.to_k(context), self.attn.to_v(context)

    def forward(self, states: Tensor, context: KeyValue, region: Region, mask: Tensor | None = None) -> Tensor:
        """What the stream adds: states (B * F, tokens, C), context of B videos, mask (B, context tokens) bool."""
        rows = states.flatten(0, 1)
        picked = rows.index_select(0, region.rows).unflatten(0, region.valid.shape[:2])  # (B, n, C)
        out = attend(self.attn, self.norm(picked), *context, mask=mask) * region.valid
        return torch.zeros_like(rows).index_add(0, region.rows, out.flatten(0, 1).to(rows.dtype)).view_as(states)


class DenoiserBlock(BasicTransformerBlock):
    """diffusers' block with the reference in its self-attention and with the streams of the method.

    Parameters of the base keep diffusers' names; `head` and `codes` are the added ones. Stateless: what it reads
    comes in `cross_attention_kwargs["inputs"]`, a `BlockInputs`.
    """

    def __init__(
        self,
        name: str,
        dim: int,
        heads: int,
        audio_dim: int,
        lip_scale: float,
        head_dim: int,
        code_dim: int,
        stream_ratio: float,
        stream_heads: int,
    ) -> None:
        super().__init__(dim, heads, dim // heads, cross_attention_dim=audio_dim)
        self.name, self.lip_scale = name, lip_scale
        width = int(dim * stream_ratio)
        self.head = MaskedStream(dim, head_dim, width, stream_heads)
        self.codes = MaskedStream(dim, code_dim, width, stream_heads)

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
        states = states + self._self_attention(self.norm1(states), inputs)
        states = states + self._audio(states, inputs)
        region = inputs.hand_regions.get(states.shape[1])
        if inputs.codes is not None and region is not None:
            states = states + self.codes(states, inputs.codes[self.name], region, inputs.code_mask)
        return states + self.ff(self.norm3(states))

    def _self_attention(self, states: Tensor, inputs: BlockInputs) -> Tensor:
        key, value = self.attn1.to_k(states), self.attn1.to_v(states)
        mask = None
        if inputs.reference is not None:
            frames = len(states) // len(inputs.reference[self.name][0])  # one reference may serve all videos
            reference = (repeat(kv, "b m c -> (b f) m c", f=frames) for kv in inputs.reference[self.name])
            key, value = (
                torch.cat([own, ref.to(own.dtype)], 1) for own, ref in zip((key, value), reference, strict=True)
            )
            if inputs.reference_present is not None:
                own = states.shape[1]
                mask = repeat(inputs.reference_present, "b -> (b f) m", f=frames, m=key.shape[1]).clone()
                mask[:, :own] = True
        return attend(self.attn1, states, key, value, mask)

    def _audio(self, states: Tensor, inputs: BlockInputs) -> Tensor:
        """Both audio streams, which read the same state."""
        if inputs.lip is not None:
            out = self.lip_scale * attend(self.attn2, self.norm2(states), *inputs.lip[self.name])
        else:  # attention to zero values is zero: only the bias of its output remains
            bias: Any = self.attn2.to_out[0].bias
            out = self.lip_scale * bias
        region = inputs.head_regions.get(states.shape[1])
        if inputs.head is not None and region is not None:
            out = out + self.head(states, inputs.head[self.name], region)
        return out


class ReferenceBlock(BasicTransformerBlock):
    """diffusers' block without cross-attention that leaves its normalised input in the bank."""

    def __init__(self, name: str, dim: int, heads: int) -> None:
        super().__init__(dim, heads, dim // heads)
        self.name = name

    def trim(self) -> None:
        """Drop all that follows the first norm: for the last block of a ReferenceNet, whose output nobody reads."""
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
