"""The ReferenceNet: diffusers' U-Net without text, whose hidden states carry the identity of the portrait."""

from __future__ import annotations

from typing import Any

from diffusers import UNet2DConditionModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from .block import ReferenceBlock
from .options import with_options_of


class ReferenceNet(UNet2DConditionModel):
    """Runs once per video, at t = 0, and leaves one set of tokens for every spatial block of its twin, the denoiser.

    trim: leave out everything that the last token set does not need (the public base carries it along untrained).
    Other options are UNet2DConditionModel's.
    """

    @register_to_config
    @with_options_of(UNet2DConditionModel)
    def __init__(self, *, trim: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.register_module("conv_norm_out", None)
        self.register_module("conv_out", nn.Identity())
        for path, module in list(self.named_modules()):
            if isinstance(module, Transformer2DModel):
                blocks: Any = module.transformer_blocks
                for i, block in enumerate(blocks):
                    name = f"{path}.transformer_blocks.{i}"
                    blocks[i] = ReferenceBlock(name, block.dim, block.num_attention_heads)
        ups: Any = self.up_blocks
        last = max(i for i, up in enumerate(ups) if getattr(up, "has_cross_attention", False))
        transformer = ups[last].attentions[-1]
        block = transformer.transformer_blocks[-1]
        if trim:
            del ups[last + 1 :]
            ups[last].upsamplers = None
            transformer.proj_out = nn.Identity()
            block.trim()
        else:  # no gradient ever reaches these: distributed training would complain
            after = [block.attn1, block.norm3, block.ff, transformer.proj_out]
            after += [*(ups[last].upsamplers or []), *ups[last + 1 :]]
            for unread in after:
                unread.requires_grad_(False)

    @apply_forward_hook
    def bank(self, latents: Tensor) -> dict[str, Tensor]:
        """Scaled latents (B, C, h, w) of the portrait -> normalised tokens (B, N, C) by block name."""
        bank: dict[str, Tensor] = {}
        # The class's own forward: accelerate's offloading wraps the instance's and hands on a copy of the bank.
        ReferenceNet.forward(
            self, latents, 0, encoder_hidden_states=None, cross_attention_kwargs={"bank": bank}, return_dict=False
        )
        return bank
