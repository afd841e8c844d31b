"""The hand encoder: drawn hand maps become features that are added to the first hidden state."""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from einops import rearrange
from torch import Tensor, nn


def maps_from_pixels(pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Hand maps (N, H, W, 3) uint8 -> (N, 3, H, W) in 0..1, as the encoder reads them."""
    return rearrange(pixels, "n h w c -> n c h w").to(dtype) / 255


class HandEncoder(ModelMixin, ControlNetConditioningEmbedding, ConfigMixin):
    """Hand maps (B * F, 3, H, W) in 0..1 -> (B * F, out_channels, H / 8, W / 8); its output starts at zero.

    The public base's pose encoder, key for key, with channels (16, 32, 96, 256) and 320 out.
    """

    @register_to_config
    def __init__(self, out_channels: int = 320, channels: tuple[int, ...] = (16, 32, 96, 256)) -> None:
        ControlNetConditioningEmbedding.__init__(self, out_channels, 3, tuple(channels))
        self._gradient_checkpointing_func = None


class ConditionedConv(nn.Conv2d):
    """The first convolution: surplus input channels are not convolved but added to the output.

    (N, in_channels + out_channels, h, w), or (N, in_channels, h, w) when nothing is added -> (N, out_channels, h, w).
    It carries the hand features past diffusers' forward, which has no place for them after `conv_in`.
    """

    def forward(self, input: Tensor) -> Tensor:
        out = super().forward(input[:, : self.in_channels])
        added = input[:, self.in_channels :]
        return out + added if added.shape[1] else out
