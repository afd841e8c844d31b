"""Runs layered frames one by one through the networks of the method, at the size they were trained at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...config import RunSettings
from ...media.tensors import to_unit
from ...method.conditions import Conditions
from ...method.dsaa import stream_tokens
from ...method.factory import Models
from ...pose.draw import hand_map
from ...pose.regions import box_mask, hand_boxes
from ...pose.skeleton import PoseClip
from .. import Inputs
from ..diffusion.conditioner import hand_codes
from ..diffusion.pictures import encode_picture
from .networks import refine

SIDE = 256
"""Shorter side in pixels at which the difference is predicted, as in the training pairs."""
MULTIPLE = 32
"""Sides are padded to multiples of this: 8 for a latent cell times 4 for the U-Net."""


class FrameRefiner:
    """Refines frames of one video; everything that only the portrait decides is computed here once.

    tokens: the speech features (n, 50, 384) of a range of n frames; still: arms that stay as photographed; the networks
    must not be told of the clip's hands on them.
    """

    def __init__(
        self,
        models: Models,
        inputs: Inputs,
        tokens: Callable[[range], Tensor],
        settings: RunSettings,
        still: tuple[bool, bool],
    ) -> None:
        self.models, self.tokens, self.length = models, tokens, len(inputs.clip)
        self.device, self.dtype = models.vae.device, next(models.denoiser.parameters()).dtype
        height, width = inputs.picture.shape[:2]
        scale = SIDE / min(width, height)
        self.small = (max(1, round(width * scale)), max(1, round(height * scale)))
        self.canvas = (-(-self.small[0] // MULTIPLE) * MULTIPLE, -(-self.small[1] // MULTIPLE) * MULTIPLE)
        self.grid = (self.canvas[1] // 8, self.canvas[0] // 8)
        factor = (self.small[0] / width, self.small[1] / height)
        self.clip: PoseClip = inputs.clip.map_points(factor, (0.0, 0.0), self.canvas)
        hands = self.clip.hands.copy()
        hands[:, np.array(still), :, 2] = 0
        self.clip = replace(self.clip, hands=hands)
        with torch.no_grad():
            picture = to_unit(self._shrink(inputs.picture)[None], self.device, self.dtype)
            self.portrait = encode_picture(models.vae, picture)
            self.reference = models.denoiser.project_reference(models.reference.bank(self.portrait))
            self.codes, self.code_mask = (
                hand_codes(models, inputs, self.device, self.dtype) if settings.codebook else (None, None)
            )
        self.lip_stream = settings.lip_stream
        self.head_mask: Tensor | None = None
        if settings.head_stream:
            box = inputs.head_box * np.array(factor * 2, np.float32)
            self.head_mask = torch.from_numpy(box_mask(box, self.canvas, self.grid)).to(self.device)[None, None]

    def _shrink(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture (H, W, 3) at the small size, its last row and column repeated to fill the canvas."""
        small = picture
        if picture.shape[1::-1] != self.small:
            larger = picture.shape[0] < self.small[1]
            small = cv2.resize(picture, self.small, interpolation=cv2.INTER_CUBIC if larger else cv2.INTER_AREA)
        right, below = (whole - part for whole, part in zip(self.canvas, self.small, strict=True))
        return np.asarray(cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)

    def _conditions(self, index: int) -> tuple[Conditions, Tensor]:
        """Conditions of one frame as a video of its own, and its hand map (1, 3, H, W) in 0..1."""
        pose = self.clip.frame(index)
        drawn = torch.from_numpy(hand_map(pose)).to(self.device)
        hands = drawn.permute(2, 0, 1)[None].to(self.dtype) / 255
        found = hand_boxes(pose)
        mask = box_mask(np.where(found.present[:, None], found.boxes, 0), self.canvas, self.grid).any(0)
        window = self.models.denoiser.dsaa.head_window
        streams = stream_tokens(self.tokens, range(index, index + 1), self.length, window)
        audio, rhythm = (part[None].to(self.device, self.dtype) for part in streams)
        conditions = Conditions(
            audio=audio if self.lip_stream else torch.zeros_like(audio),
            rhythm=rhythm,
            hand_features=self.models.hand_encoder(hands)[:, :, None],
            reference=self.reference,
            reference_latents=self.portrait,
            hand_tokens=self.codes,
            hand_token_mask=self.code_mask,
            head_mask=self.head_mask,
            hand_mask=torch.from_numpy(mask).to(self.device)[None, None],
        )
        return conditions, hands

    @torch.no_grad()
    def refine(self, frame: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """A layered frame (H, W, 3) and the difference that the networks predict at the small size, scaled up."""
        vae: Any = self.models.vae
        small = self._shrink(frame)
        conditions, hands = self._conditions(index)
        layered = to_unit(small[None], self.device, self.dtype)
        made, _ = refine(vae, self.models.denoiser, layered, hands, conditions)
        difference = ((made - layered).float() * 127.5)[0].permute(1, 2, 0).cpu().numpy()
        difference = np.ascontiguousarray(difference[: self.small[1], : self.small[0]])
        if frame.shape[1::-1] != self.small:
            difference = cv2.resize(difference, frame.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        return np.asarray(np.clip(np.rint(frame + difference), 0, 255), np.uint8)
