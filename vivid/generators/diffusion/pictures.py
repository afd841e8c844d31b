"""Latents to pictures, with what decoding keeps of the portrait, and pictures of hands through the codebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...media.tensors import from_unit, to_unit
from ...method.autoencoder import ShortcutAutoencoderKL, decode_latents
from ...method.detail import PictureDetails, hands_from_pixels
from ...method.hcc import HandCodebook
from ...pose.skeleton import Pose, PoseClip
from ...pose.warp import Arms, cut_arms, hands_beside


@dataclass(frozen=True)
class PortraitFeatures:
    """What decoding keeps of the portrait: the details that latents lose, and its arms and hands."""

    details: PictureDetails
    arms: Arms


def portrait_features(
    vae: Any, picture: NDArray[np.uint8], pose: Pose, device: torch.device, dtype: torch.dtype
) -> PortraitFeatures | None:
    """What `decode_pictures` takes from a portrait (H, W, 3); None for autoencoders that have no place for it."""
    if not isinstance(vae, ShortcutAutoencoderKL):
        return None
    details = vae.details_of(to_unit(picture[None], device, dtype))
    return None if details is None else PortraitFeatures(details, cut_arms(picture, pose))


def decode_pictures(vae: Any, latents: Tensor, portrait: PortraitFeatures | None, clip: PoseClip) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) of scaled latents (N, C, h, w).

    clip: the poses of the N frames, in the portrait's pixels; the portrait's hands are carried to them.
    """
    if portrait is None:
        return from_unit(decode_latents(vae, latents))
    hands = [hands_beside(portrait.arms, clip.frame(i)) for i in range(len(clip))]
    pixels = torch.from_numpy(np.stack(hands)).to(latents.device)
    return from_unit(vae.decode_beside(latents, portrait.details, hands_from_pixels(pixels).to(latents.dtype)))


@torch.no_grad()
def reconstruct_hands(codebook: HandCodebook, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The codebook's reconstruction of hand crops (N, 256, 256, 3), same shape: what it knows of hands."""
    weight = next(codebook.parameters())
    return from_unit(codebook(to_unit(crops, weight.device, weight.dtype)).reconstruction)
