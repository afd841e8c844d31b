"""Where sampling starts, and what a prediction on the way implies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


def initial_noise(
    shape: Iterable[int], seed: int, device: torch.device, dtype: torch.dtype, clamp: float | None = None
) -> Tensor:
    """Seeded noise, drawn on the CPU so that one seed means one video on every device; the base clamps it to 1.5."""
    generator = torch.Generator("cpu").manual_seed(seed)
    noise = torch.randn(tuple(shape), generator=generator)
    if clamp is not None:
        noise = noise.clamp(-clamp, clamp)
    return noise.to(device, dtype)


def predicted_clean(scheduler: Any, sample: Tensor, prediction: Tensor, timestep: Tensor) -> Tensor:
    """The clean latents that a prediction at `timestep` implies; same shape. Used for previews."""
    alpha = scheduler.alphas_cumprod[int(timestep)].to(sample)
    if scheduler.config.prediction_type == "v_prediction":
        return alpha.sqrt() * sample - (1 - alpha).sqrt() * prediction
    return (sample - (1 - alpha).sqrt() * prediction) / alpha.sqrt().clamp(min=1e-3)
