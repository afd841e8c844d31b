"""Attention over keys and values that are already projected, and attention restricted to some tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from einops import rearrange
from torch import Tensor, nn

KeyValue = tuple[Tensor, Tensor]
"""Keys and values of one attention, each (B, tokens, width), heads not yet split."""
KeyValues = dict[str, KeyValue]
"""Keys and values by the name of the block that reads them."""


@dataclass(frozen=True, eq=False)
class Region:
    """Tokens picked from the frames of B videos, as rows of the flattened (B * F * tokens, C) hidden states.

    rows: (B * n,) indices, n per video, where n is the largest number of marked tokens in any of them; valid: (B, n, 1)
    bool, False for padding rows.
    """

    rows: Tensor
    valid: Tensor

    @classmethod
    def of(cls, mask: Tensor, device: torch.device | None = None) -> Region:
        """The tokens that a mask (B, F, tokens) bool marks, at least one, for tensors on `device` (the mask's).

        With the mask in the CPU's memory nothing waits for a GPU.
        """
        flat = rearrange(mask, "b f t -> b (f t)")
        counts = flat.sum(1)
        most = int(counts.max())
        # A stable sort puts the marked tokens first, in order; the tokens after them pad the shorter lists.
        picked = flat.byte().sort(dim=1, descending=True, stable=True).indices[:, :most]
        offsets = torch.arange(len(flat), device=mask.device)[:, None] * flat.shape[1]
        valid = torch.arange(most, device=mask.device) < counts[:, None]
        return cls((picked + offsets).flatten().to(device), valid[..., None].to(device))


Regions = tuple[Region, ...]
"""The same part of the picture on each grid of a U-Net, from the finest to the coarsest."""


def mask_pyramid(mask: Tensor, levels: int) -> list[Tensor]:
    """A mask on each grid of a U-Net: (B, F, h, w) bool -> `levels` masks, each half the size (rounded up).

    A cell of a coarser grid is marked if any part of it is.
    """
    pyramid = [mask]
    while len(pyramid) < levels:
        pyramid.append(F.max_pool2d(pyramid[-1].float(), 2, ceil_mode=True) > 0)
    return pyramid


def regions_of(mask: Tensor | None, levels: int, device: torch.device | None = None) -> Regions | None:
    """The tokens inside `mask` (B, F, h, w) bool on each grid, for tensors on `device`; None if nothing is."""
    if mask is None or not bool(mask.any()):
        return None
    return tuple(Region.of(rearrange(level, "b f h w -> b f (h w)"), device) for level in mask_pyramid(mask, levels))


def attend(attention: Attention, states: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention with the weights of a diffusers module over keys and values that are already projected.

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


class MaskedCrossAttention(nn.Module):
    """Cross-attention from the tokens of a region to one context per video; it starts with no effect.

    The head stream and the codebook attention share this: a LayerNorm of their own, a narrow attention and an output
    projection that starts at zero. Only tokens inside the region are computed, so everywhere else the output is exactly
    zero.
    """

    def __init__(self, dim: int, context_dim: int, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.attn = Attention(dim, cross_attention_dim=context_dim, heads=heads, dim_head=width // heads)
        self.mute()

    def mute(self) -> None:
        """Zero the output projection, as at the start of training."""
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
