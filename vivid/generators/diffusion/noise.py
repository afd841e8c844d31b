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


def noisy_steps(steps: int, strength: float | None) -> int:
    """How many of `steps` sampling steps are left when sampling starts from noised frames: all for None and 1, none
    for 0, otherwise the share `strength`, at least one (Meng et al. 2022, SDEdit)."""
    if strength is None or strength == 1:
        return steps
    return max(1, int(steps * strength)) if strength else 0


def noised(scheduler: Any, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
    """Clean latents with the noise of `timestep` added; same shape."""
    alpha = scheduler.alphas_cumprod[int(timestep)].to(clean)
    return alpha.sqrt() * clean + (1 - alpha).sqrt() * noise


def predicted_clean(scheduler: Any, sample: Tensor, prediction: Tensor, timestep: Tensor) -> Tensor:
    """The clean latents that a prediction at `timestep` implies; same shape. Used for previews."""
    alpha = scheduler.alphas_cumprod[int(timestep)].to(sample)
    if scheduler.config.prediction_type == "v_prediction":
        return alpha.sqrt() * sample - (1 - alpha).sqrt() * prediction
    return (sample - (1 - alpha).sqrt() * prediction) / alpha.sqrt().clamp(min=1e-3)
