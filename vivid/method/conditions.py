"""What the denoiser is told about the frames it denoises."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from .attention import KeyValues
from .block import BlockInputs
from .dsaa import AudioKeyValues


@dataclass(frozen=True, eq=False)
class Conditions:
    """Tensors of one denoiser call over B videos of F frames, at latent size (h, w); absent parts are None.

    Reference and hand tokens may have a batch of 1, which then serves all videos.

    audio, rhythm: (B, F, 50, 384), what the lip stream and the head stream read for each frame (`dsaa.stream_tokens`).
    hand_features: (B, C0, F, h, w) from the hand encoder.
    reference: keys and values of the reference bank by block name, each (B, N, C), from `project_reference`.
    reference_latents: (B, C, h, w), scaled as the sample is; read by models with `concat_reference` only.
    layered_latents: (B, C, F, h, w), of frames drawn by the layers; read by models with `concat_layers` only.
    hand_tokens: (B, 2 * g * g, 256) from the hand codebook, or their projection by `project_codes`.
    hand_token_mask: (B, 2 * g * g) bool, False for tokens of a hand that the reference does not show; None = all.
    head_mask, hand_mask: (B, F, h, w) bool; a stream without its mask is left out. Masks (and the hand tokens') may lie
        in the CPU's memory whatever the device.
    reference_present: (B,) bool, for training with dropped conditions: False = that video has no reference bank.
    silence: keys and values of absent speech (`Denoiser.project_silence`), the same for every window of a video.
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
    silence: AudioKeyValues | None = None
    prepared: BlockInputs | None = None

    def unconditional(self, keep_image: bool) -> Conditions:
        """These conditions without sound and, unless `keep_image`, without anything visual.

        Absent audio means zero tokens through the same layers; without reference and codes their attention is skipped;
        absent hands mean a zero feature. The head mask stays: it only says where the head is.
        """
        prepared = self.prepared
        if prepared is not None:
            assert self.silence is not None
            prepared = replace(prepared, lip=self.silence.lip, head=self.silence.head)
        if keep_image:
            return replace(self, audio=None, rhythm=None, prepared=prepared)
        if prepared is not None:
            prepared = replace(prepared, reference=None, codes=None, hand_regions=None)
        return Conditions(head_mask=self.head_mask, silence=self.silence, prepared=prepared)

    def window_bytes(self) -> int:
        """Memory of the tensors of this window alone; reference, codes and silence belong to the whole video."""
        tensors = [self.audio, self.rhythm, self.hand_features, self.layered_latents, self.head_mask, self.hand_mask]
        if self.prepared is not None:
            for kind in (self.prepared.lip, self.prepared.head):
                tensors += [tensor for pair in (kind or {}).values() for tensor in pair]
            for regions in (self.prepared.head_regions, self.prepared.hand_regions):
                tensors += [tensor for region in regions or () for tensor in (region.rows, region.valid)]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)
