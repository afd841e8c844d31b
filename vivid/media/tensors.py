"""The one place that converts between 8-bit pictures and tensors in -1..1."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor


def to_unit(images: NDArray[np.uint8], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Pictures (N, H, W, 3) uint8 -> (N, 3, H, W) in -1..1."""
    return pixels_to_unit(torch.from_numpy(np.array(images)).to(device), dtype)


def pixels_to_unit(pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Pictures (N, H, W, 3) as a uint8 tensor -> (N, 3, H, W) in -1..1."""
    return rearrange(pixels, "n h w c -> n c h w").to(dtype) / 127.5 - 1


def from_unit(pictures: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) in -1..1 -> (N, H, W, 3) uint8, rounded and clipped."""
    pixels = (pictures.float() * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8)
    return rearrange(pixels, "n c h w -> n h w c").cpu().numpy()
