"""Details of the portrait that the latents cannot hold, carried past them into every frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

UNMOVED = 0.1
"""Mean squared distance of scaled latents at which a patch counts as changed (a gate of 1/e at the start)."""


@dataclass(frozen=True, eq=False)
class PictureDetails:
    """A picture as the decoder remembers it: latents (1, C, h, w), and lost (1, 3, H, W), the picture less decoded."""

    latents: Tensor
    lost: Tensor


class DetailNetwork(nn.Module):
    """Says pixel by pixel whether the portrait's lost details still belong there, and mends where they do not.

    Most of a frame is where the portrait has it, so what the latents lose can be taken from there: the dual-reference
    decoder of ToonCrafter (Xing et al. 2024) in small. It works on the grid of the latents, where a pixel is cheap.
    Before training it adds no correction, and its gate is the distance between both latents alone.
    """

    def __init__(self, latent_channels: int, channels: int, patch: int = 8, blocks: int = 3) -> None:
        super().__init__()
        self.patch = patch
        self.conv_in = nn.Conv2d(2 * latent_channels + 3 * patch**2, channels, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(channels) for _ in range(blocks))
        self.conv_out = nn.Conv2d(channels, 4 * patch**2, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        assert self.conv_out.bias is not None
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, latents: Tensor, details: PictureDetails) -> Tensor:
        """What to add to frames decoded from scaled `latents` (N, C, h, w); details of 1 or N pictures.

        Returns (N, 3, H, W).
        """
        moved = latents - details.latents
        distance = F.avg_pool2d(moved.square().mean(1, keepdim=True), 3, 1, 1, count_include_pad=False)
        distance = F.interpolate(distance, scale_factor=self.patch, mode="bilinear")
        known = torch.cat([details.latents, 4 * F.pixel_unshuffle(details.lost, self.patch)], 1)
        hidden = self.conv_in(torch.cat([moved, known.expand(len(latents), -1, -1, -1)], 1))
        for block in self.blocks:
            hidden = block(hidden)
        learnt = 0.3 * F.pixel_shuffle(self.conv_out(hidden), self.patch)
        gate = ((-distance / UNMOVED).exp() + learnt[:, :1]).clamp(0, 1.2)
        return gate * details.lost + learnt[:, 1:]


class _Block(nn.Module):
    """Two convolutions around which the input is added; without effect before training."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.second(F.silu(self.first(F.silu(hidden))))
