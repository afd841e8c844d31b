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

from ...config import ResolvedSettings
from ...media.tensors import to_unit
from ...method.factory import Models
from .. import Inputs
from ..diffusion.conditioner import Conditioner
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

    @torch.no_grad()
    def __init__(
        self,
        models: Models,
        inputs: Inputs,
        tokens: Callable[[range], Tensor],
        settings: ResolvedSettings,
        still: tuple[bool, bool],
    ) -> None:
        self.models = models
        self.device, self.dtype = models.vae.device, next(models.denoiser.parameters()).dtype
        height, width = inputs.picture.shape[:2]
        scale = SIDE / min(width, height)
        self.small = (max(1, round(width * scale)), max(1, round(height * scale)))
        self.canvas = (-(-self.small[0] // MULTIPLE) * MULTIPLE, -(-self.small[1] // MULTIPLE) * MULTIPLE)
        factor = (self.small[0] / width, self.small[1] / height)
        clip = inputs.clip.map_points(factor, (0.0, 0.0), self.canvas)
        hands = clip.hands.copy()
        hands[:, np.array(still), :, 2] = 0
        shown = replace(
            inputs,
            picture=self._shrink(inputs.picture),
            head_box=inputs.head_box * np.array(factor * 2, np.float32),
            clip=replace(clip, hands=hands),
        )
        once = replace(settings, steps=1)
        self.conditioner = Conditioner(models, shown, tokens, once, self.device, self.dtype, single_frames=True)

    def _shrink(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture (H, W, 3) at the small size, its last row and column repeated to fill the canvas."""
        small = picture
        if picture.shape[1::-1] != self.small:
            larger = picture.shape[0] < self.small[1]
            small = cv2.resize(picture, self.small, interpolation=cv2.INTER_CUBIC if larger else cv2.INTER_AREA)
        right, below = (whole - part for whole, part in zip(self.canvas, self.small, strict=True))
        return np.asarray(cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)

    @torch.no_grad()
    def refine(self, frame: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """A layered frame (H, W, 3) and the difference that the networks predict at the small size, scaled up."""
        vae: Any = self.models.vae
        small = self._shrink(frame)
        frame_alone = range(index, index + 1)
        conditions, hands = self.conditioner.window(frame_alone), self.conditioner.hand_maps(frame_alone)
        layered = to_unit(small[None], self.device, self.dtype)
        made, _ = refine(vae, self.models.denoiser, layered, hands, conditions)
        difference = ((made - layered).float() * 127.5)[0].permute(1, 2, 0).cpu().numpy()
        difference = np.ascontiguousarray(difference[: self.small[1], : self.small[0]])
        if frame.shape[1::-1] != self.small:
            difference = cv2.resize(difference, frame.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        return np.asarray(np.clip(np.rint(frame + difference), 0, 255), np.uint8)
