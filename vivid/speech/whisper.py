"""The encoder of Whisper (Radford et al. 2022), with its weights named as in transformers.

transformers has the same network but takes longer to import than a short video takes to draw.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention


class WhisperEncoder(nn.Module):
    """Log-mel spectrograms (B, bands, 2 positions) -> the states before the first block and after each, without the
    final norm: (B, count, width, blocks + 1), the first `count` positions or all."""

    def __init__(
        self,
        width: int = 384,
        blocks: int = 4,
        heads: int = 6,
        hidden: int = 1536,
        bands: int = 80,
        positions: int = 1500,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(bands, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding.from_pretrained(sinusoids(positions, width))
        self.layers = nn.ModuleList(_Block(width, heads, hidden) for _ in range(blocks))

    def forward(self, mel: Tensor, count: int | None = None) -> Tensor:
        """See the class."""
        x = gelu(self.conv2(gelu(self.conv1(mel)))).mT + self.embed_positions.weight
        states = [x]
        for layer in self.layers[:-1]:
            x = layer(x)
            states.append(x)
        # the last block need not compute states that nobody reads
        states.append(self.layers[-1](x, count))
        return torch.stack([state[:, :count] for state in states], -1)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj, self.q_proj, self.out_proj = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor, asking: Tensor) -> Tensor:
        """What `asking` (B, n, width) finds in x (B, T, width): (B, n, width)."""
        parts = (self.q_proj(asking), self.k_proj(x), self.v_proj(x))
        heads = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        return self.out_proj(scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))  # from (B, heads, n, C)


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = _Attention(width, heads)
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor, count: int | None = None) -> Tensor:
        """(B, T, width) -> the same, or only the first `count` positions."""
        normed = self.self_attn_layer_norm(x)
        x = x[:, :count] + self.self_attn(normed, normed[:, :count])
        return x + self.fc2(gelu(self.fc1(self.final_layer_norm(x))))


def sinusoids(positions: int, width: int) -> Tensor:
    """Position embeddings (positions, width): sines, then cosines, of wavelengths from 2 pi to 10000 times 2 pi."""
    rates = torch.exp(-np.log(10000.0) / (width // 2 - 1) * torch.arange(width // 2))
    turns = torch.arange(positions)[:, None] * rates
    return torch.cat([turns.sin(), turns.cos()], 1)
