"""What the denoiser is told about the frames it denoises."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .block import KeyValues, Region


@dataclass(frozen=True, eq=False)
class Prepared:
    """All of one window's conditions that no noise level changes, computed by `Denoiser.prepare`.

    Keys and values are by block name: lip (B * F, 50, C), or batch 1 for silence, None for silence that needs no
    attention at all; head (B, 50, width); codes (B, 2 * g * g, width). Regions are by number of tokens of a grid.
    `silence` holds lip and head of the unconditional twin.
    """

    lip: KeyValues | None
    head: KeyValues | None
    silence: tuple[KeyValues | None, KeyValues | None]
    codes: KeyValues | None
    code_mask: Tensor | None
    head_regions: dict[int, Region]
    hand_regions: dict[int, Region]


@dataclass(frozen=True, eq=False)
class Conditions:
    """Tensors of one denoiser call over B videos of F frames, at latent size (h, w); absent parts are None.

    Reference and hand tokens may have a batch of 1, which then serves all videos.

    audio: (B, F, 50, 384) speech features of each frame.
    hand_features: (B, C0, F, h, w) from the hand encoder.
    reference: keys and values of the reference bank by block name, each (B, N, C), from `project_reference`.
    rhythm: (B, 50, 384), what the head stream hears: the mean of `audio` over the second around each video; None: over
        the video's own frames.
    reference_latents: (B, C, h, w), scaled as the sample is; read by models with `concat_reference` only.
    layered_latents: (B, C, F, h, w), of frames that the layers drew; read by models with `concat_layers` only.
    hand_tokens: (B, 2 * g * g, 256) from the hand codebook, or their projection by `project_codes`.
    hand_token_mask: (B, 2 * g * g) bool, False for tokens of a hand that the reference does not show; None = all.
    head_mask, hand_mask: (B, F, h, w) bool; a stream without its mask is left out.
    reference_present: (B,) bool, for training with dropped conditions: False = that video has no reference bank.
    prepared: what `Denoiser.prepare` computed from the rest; it then replaces audio, tokens and masks.
    """

    audio: Tensor | None = None
    rhythm: Tensor | None = None
    hand_features: Tensor | None = None
    reference: KeyValues | None = None
    reference_latents: Tensor | None = None
    layered_latents: Tensor | None = None
    hand_tokens: Tensor | KeyValues | None = None
    hand_token_mask: Tensor | None = None
    head_mask: Tensor | None = None
    hand_mask: Tensor | None = None
    reference_present: Tensor | None = None
    prepared: Prepared | None = None

    def unconditional(self, keep_image: bool) -> Conditions:
        """These conditions without sound and, unless `keep_image`, without all that is visual (METHOD section 5).

        Absent audio means zero tokens through the same layers; absent reference and codes mean that attention is not
        done; absent hands mean a zero feature. The head mask only says where, and stays.
        """
        prepared = self.prepared
        if prepared is not None:
            lip, head = prepared.silence
            prepared = replace(prepared, lip=lip, head=head)
        if keep_image:
            return replace(self, audio=None, rhythm=None, prepared=prepared)
        if prepared is not None:
            prepared = replace(prepared, codes=None, code_mask=None, hand_regions={})
        return Conditions(head_mask=self.head_mask, prepared=prepared)

    def window_bytes(self) -> int:
        """Memory of what belongs to this window alone (neither the reference nor the codes, made once a video)."""
        tensors = [self.audio, self.rhythm, self.hand_features, self.layered_latents, self.head_mask, self.hand_mask]
        if self.prepared is not None:
            for kind in (self.prepared.lip, self.prepared.head, *self.prepared.silence):
                tensors += [tensor for pair in (kind or {}).values() for tensor in pair]
            for regions in (self.prepared.head_regions, self.prepared.hand_regions):
                tensors += [tensor for region in regions.values() for tensor in (region.rows, region.valid)]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


def mask_pyramid(mask: Tensor, levels: int) -> list[Tensor]:
    """A mask on each grid of a U-Net: (B, F, h, w) bool -> `levels` masks, each half the size (rounded up).

    A cell of a coarser grid is inside when any part of it is.
    """
    pyramid = [mask]
    while len(pyramid) < levels:
        pyramid.append(F.max_pool2d(pyramid[-1].float(), 2, ceil_mode=True) > 0)
    return pyramid


def regions_of(mask: Tensor | None, levels: int) -> dict[int, Region]:
    """The tokens inside `mask` (B, F, h, w) bool on each grid, by the grid's number of tokens; {} if nothing is."""
    if mask is None or not bool(mask.any()):
        return {}
    grids = (rearrange(level, "b f h w -> b f (h w)") for level in mask_pyramid(mask, levels))
    return {grid.shape[2]: Region.of(grid) for grid in grids}
