"""The conditions of one video: what is computed once, and what is built for each window of frames."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...config import ResolvedSettings
from ...media.tensors import to_unit
from ...method.attention import KeyValues
from ...method.autoencoder import encode_pictures
from ...method.conditions import Conditions
from ...method.dsaa import stream_tokens
from ...method.factory import Models
from ...method.hand_encoder import maps_from_pixels
from ...pose.draw import hand_map
from ...pose.regions import box_mask, hand_boxes
from .. import Inputs
from .pictures import PortraitFeatures, portrait_features

WINDOW_CACHE_BYTES = 48 * 2**20
"""Memory for the conditions of windows kept between steps; what does not fit is rebuilt, so memory stays flat."""


class Conditioner:
    """Builds `Conditions` window by window for one video with resolved settings.

    tokens: gives the speech features (n, 50, 384) of a range of n frames. Computed once, here: reference bank, codebook
    tokens and silence with their keys and values, and reference latents. Hand features, audio
    and masks are made for each window, and kept within a fixed budget if more than one sampling step uses them. A part
    that the settings switch off is left out of the conditions: the networks hold no switches.
    """

    def __init__(
        self,
        models: Models,
        inputs: Inputs,
        tokens: Callable[[range], Tensor],
        settings: ResolvedSettings,
        device: torch.device,
        dtype: torch.dtype,
        single_frames: bool = False,
    ) -> None:
        self.vae, self.denoiser, self.hand_encoder = models.vae, models.denoiser, models.hand_encoder
        self.device, self.dtype = device, dtype
        self.inputs, self.tokens, self.settings = inputs, tokens, settings
        self.single_frames = single_frames
        self.size = inputs.clip.canvas
        self.grid = (self.size[1] // 8, self.size[0] // 8)
        picture = to_unit(inputs.picture[None], device, dtype)
        self.reference_latents = encode_pictures(models.vae, picture)
        self.reference = self.denoiser.project_reference(models.reference.bank(self.reference_latents))
        self.codes, self.code_mask = (
            codebook_keys_values(models, inputs, device, dtype) if settings.codebook else (None, None)
        )
        self.silence = self.denoiser.project_silence()
        self._budget = 0 if settings.steps == 1 else WINDOW_CACHE_BYTES
        self._kept: dict[tuple[int, int], Conditions] = {}
        self._kept_bytes = 0
        self._maps: dict[int, bytes] = {}

    @cached_property
    def portrait(self) -> PortraitFeatures | None:
        """What decoding keeps of the portrait."""
        return portrait_features(self.vae, self.inputs.picture, self.inputs.pose, self.device, self.dtype)

    def window(self, frames: range) -> Conditions:
        """Conditions of the frames start..stop-1: of one video, or for models of single frames of a video per frame."""
        key = (frames.start, frames.stop)
        if key in self._kept:
            return self._kept[key]
        conditions = self._build(frames)
        size = conditions.window_bytes()
        if self._kept_bytes + size <= self._budget:
            self._kept[key] = conditions
            self._kept_bytes += size
        return conditions

    def _hand_map(self, index: int) -> NDArray[np.uint8]:
        """The hand map of a frame (H, W, 3), drawn once if there are more steps than one.

        Kept compressed, in a few kB: nearly all of it is black.
        """
        if index not in self._maps:
            drawn = hand_map(self.inputs.clip.frame(index))
            if self.settings.steps == 1:
                return drawn
            self._maps[index] = zlib.compress(drawn.tobytes(), 1)
        pixels = np.frombuffer(zlib.decompress(self._maps[index]), np.uint8)
        return pixels.reshape(self.size[1], self.size[0], 3)

    def hand_maps(self, frames: range) -> Tensor:
        """The hand maps (n, 3, H, W) of some frames, in 0..1."""
        maps = np.stack([self._hand_map(index) for index in frames])
        return maps_from_pixels(torch.from_numpy(maps).to(self.device), self.dtype)

    def _build(self, frames: range) -> Conditions:
        clip = self.inputs.clip.take(slice(frames.start, frames.stop))
        hand_features = self.hand_encoder(self.hand_maps(frames))
        found = hand_boxes(clip)
        hands = box_mask(np.where(found.present[..., None], found.boxes, 0), self.size, self.grid).any(axis=1)
        streams = stream_tokens(self.tokens, frames, len(self.inputs.clip), self.denoiser.dsaa.head_window)
        audio, rhythm = (part.to(self.device, self.dtype) for part in streams)
        if not self.settings.lip_stream:
            audio = torch.zeros_like(audio)
        videos = (len(frames), 1) if self.single_frames else (1, len(frames))
        head_mask = None
        if self.settings.head_stream:
            head = np.broadcast_to(box_mask(self.inputs.head_box, self.size, self.grid), hands.shape)
            head_mask = torch.from_numpy(head.copy()).unflatten(0, videos)
        return self.denoiser.prepare(
            Conditions(
                audio=audio.unflatten(0, videos),
                rhythm=rhythm.unflatten(0, videos),
                hand_features=hand_features.unflatten(0, videos).transpose(1, 2),
                reference=self.reference,
                reference_latents=self.reference_latents,
                hand_tokens=self.codes,
                hand_token_mask=self.code_mask,
                head_mask=head_mask,
                hand_mask=torch.from_numpy(hands).unflatten(0, videos),
                silence=self.silence,
            )
        )


def codebook_keys_values(
    models: Models, inputs: Inputs, device: torch.device, dtype: torch.dtype
) -> tuple[KeyValues | None, Tensor | None]:
    """Keys and values of the codebook tokens of the portrait's hands, and which exist; None if it shows no hand."""
    if not inputs.crops_present.any():
        return None, None
    left, right = to_unit(inputs.crops, device, dtype)
    tokens = models.codebook.tokens(left[None], right[None])
    present = torch.from_numpy(inputs.crops_present)
    return models.denoiser.project_codes(tokens), models.codebook.token_mask(present[None])
