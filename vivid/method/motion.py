"""Small layers that take the place of diffusers' own inside the two U-Nets, under the same parameter names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from torch import Tensor, nn

Init = TypeVar("Init", bound=Callable[..., None])


class ConditionedConv(nn.Conv2d):
    """The first convolution: surplus input channels are not convolved but added to the output.

    (N, in_channels + out_channels, h, w), or (N, in_channels, h, w) when nothing is added -> (N, out_channels, h, w).
    It carries the hand features past diffusers' forward, which has no place for them after `conv_in`.
    """

    def forward(self, input: Tensor) -> Tensor:
        out = super().forward(input[:, : self.in_channels])
        added = input[:, self.in_channels :]
        return out + added if added.shape[1] else out


class FrameGroupNorm(nn.GroupNorm):
    """Group norm of (B, C, F, H, W) whose statistics are each frame's own, as in the public base."""

    def forward(self, input: Tensor) -> Tensor:
        frames = input.transpose(1, 2)  # (B, F, C, H, W)
        return super().forward(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).transpose(1, 2)


class MotionModule(AnimateDiffTransformer3D):
    """diffusers' motion module with statistics per frame, an output of zero at first, and a switch."""

    enabled = True

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
        """(B * F, C, h, w) -> the same."""
        return super().forward(hidden_states, *args, **kwargs) if self.enabled else hidden_states


def with_options_of(parent: type) -> Callable[[Init], Init]:
    """Give an `__init__(self, *, own options, **options)` the options of `parent` by name.

    diffusers stores and restores a configuration by the signature of `__init__`, and a subclass that lists only its
    own options would lose the parent's.
    """

    def decorate(init: Init) -> Init:
        own = list(inspect.signature(init).parameters.values())[:-1]
        taken = {parameter.name for parameter in own}
        inherited = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in inspect.signature(parent.__init__).parameters.items()  # type: ignore[misc]
            if name not in taken
        ]
        init.__signature__ = inspect.Signature([*own, *inherited])  # type: ignore[attr-defined]
        return init

    return decorate
