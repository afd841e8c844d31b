"""What the latents cannot hold: the portrait's details and hands, carried past them into every frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

UNMOVED = 0.1
"""Mean squared distance of scaled latents at which a patch counts as changed (a gate of 1/e at the start)."""


@dataclass(frozen=True, eq=False)
class PictureDetails:
    """What the decoder keeps of a picture: latents (1, C, h, w) and lost (1, 3, H, W), the picture minus its decoding.

    The hands in N frames come separately, as one tensor (N, 8, H, W): the hand map (3, 0 to 1), the picture's arms
    carried to the frame's pose (3, -1 to 1), how far those cover the frame (1, 0 to 1), and where the picture has its
    own arms (1, 0 to 1).
    """

    latents: Tensor
    lost: Tensor


def hands_from_pixels(pixels: Tensor) -> Tensor:
    """The tensor of hands that `PictureDetails` describes, from uint8 (N, H, W, 8) of `pose.warp.hands_beside`."""
    hands = pixels.permute(0, 3, 1, 2).float() / 255
    return torch.cat([hands[:, :3], 2 * hands[:, 3:6] - 1, hands[:, 6:]], 1)


class DetailNetwork(nn.Module):
    """Decides pixel by pixel whether the portrait's lost details still fit, and corrects the frame where they do not.

    Most of a frame is where it was in the portrait, so what the latents lose can be copied from the portrait: a small
    version of the dual-reference decoder of ToonCrafter (Xing et al. 2024). Arms and hands move most, but where they
    are is known: the portrait's own are carried to the frame's pose (`pose.warp`) and given beside the hand map. The
    network works on the latents' grid, where a pixel is cheap. Before training it corrects nothing: details stay where
    both latents agree, and carried arms cover the frame within their outlines.
    """

    def __init__(self, latent_channels: int, channels: int, patch: int = 8, blocks: int = 5) -> None:
        super().__init__()
        self.patch = patch
        self.conv_in = nn.Conv2d(2 * latent_channels + 11 * patch**2, channels, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(channels) for _ in range(blocks))
        self.conv_out = nn.Conv2d(channels, 5 * patch**2, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        assert self.conv_out.bias is not None
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, latents: Tensor, plain: Tensor, details: PictureDetails, hands: Tensor) -> Tensor:
        """Frames (N, 3, H, W) from scaled `latents` (N, C, h, w) and what they decode to, `plain`.

        details: of 1 or N pictures; hands: (N, 8, H, W) as `PictureDetails` describes.
        """
        moved = latents - details.latents
        distance = F.avg_pool2d(moved.square().mean(1, keepdim=True), 3, 1, 1, count_include_pad=False)
        distance = F.interpolate(distance, scale_factor=self.patch, mode="bilinear")
        known = torch.cat([details.latents, 4 * F.pixel_unshuffle(details.lost, self.patch)], 1)
        hand_map, carried, cover, before = hands.split([3, 3, 1, 1], 1)
        seen = torch.cat([hand_map, cover * (carried - plain), cover, before], 1)
        known = known.expand(len(latents), -1, -1, -1)
        hidden = self.conv_in(torch.cat([moved, known, F.pixel_unshuffle(seen, self.patch)], 1))
        for block in self.blocks:
            hidden = block(hidden)
        learnt = 0.3 * F.pixel_shuffle(self.conv_out(hidden), self.patch)
        gate = ((-distance / UNMOVED).exp() + learnt[:, :1]).clamp(0, 1.2)
        frames = plain + gate * details.lost
        cover = torch.where(cover > 0, (cover + learnt[:, 1:2]).clamp(0, 1), 0)
        return frames + cover * (carried - frames) + learnt[:, 2:]


class _Block(nn.Module):
    """A residual block of two convolutions; without effect before training."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.second(F.silu(self.first(F.silu(hidden))))
