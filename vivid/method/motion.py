"""The motion modules: temporal self-attention after the spatial blocks, as in AnimateDiff (Guo et al. 2023)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from torch import Tensor, nn


class FrameGroupNorm(nn.GroupNorm):
    """Group norm of (B, C, F, H, W) whose statistics are each frame's own, as in the public base."""

    def forward(self, input: Tensor) -> Tensor:
        frames = input.transpose(1, 2)  # (B, F, C, H, W)
        return super().forward(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).transpose(1, 2)


class MotionModule(AnimateDiffTransformer3D):
    """diffusers' motion module with per-frame statistics and an output that starts at zero.

    With `Denoiser.enable_gradient_checkpointing` it is computed again in the backward pass, as the spatial blocks are;
    diffusers leaves it out.
    """

    gradient_checkpointing = False
    _gradient_checkpointing_func: Any = None

    def __init__(self, channels: int, heads: int, groups: int, window_limit: int) -> None:
        super().__init__(
            num_attention_heads=heads,
            attention_head_dim=channels // heads,
            in_channels=channels,
            norm_num_groups=groups,
            positional_embeddings="sinusoidal",
            num_positional_embeddings=window_limit,
        )
        self.norm = FrameGroupNorm(groups, channels, eps=1e-6)
        for parameter in self.proj_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """(B * F, C, h, w) -> the same; the arguments are diffusers'."""
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return self._gradient_checkpointing_func(partial(super().forward, **kwargs), hidden_states, *args)
        return super().forward(hidden_states, *args, **kwargs)


class NoMotion(nn.Module):
    """Stands in for a motion module in models of single frames."""

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """(B * F, C, h, w) -> the same."""
        return hidden_states
