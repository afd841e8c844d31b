"""Sampling as free functions: schedules, context windows, guidance, previews.

Nothing here knows of files, faces or pages; the pipeline joins these with the networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

if TYPE_CHECKING:
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

    from .models.conditions import Conditions

Solver = Literal["ddim", "dpm++"]


def make_scheduler(
    solver: Solver = "ddim", prediction_type: str = "v_prediction"
) -> DDIMScheduler | DPMSolverMultistepScheduler:
    """A diffusers scheduler on the public base's schedule.

    1000 steps, linear betas 0.00085..0.012 rescaled to zero terminal SNR, trailing spacing, no clipping
    (ECHOMIMIC_V2, "Sampler"; Lin et al. 2024, "Common diffusion noise schedules and sample steps are flawed").
    `ddim` is what the public base was made with; `dpm++` is the second-order multistep solver (Lu et al. 2022) that
    needs fewer steps.
    """
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

    common = {
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "linear",
        "prediction_type": prediction_type,
        "timestep_spacing": "trailing",
        "rescale_betas_zero_snr": True,
    }
    if solver == "ddim":
        return DDIMScheduler(**common, clip_sample=False, set_alpha_to_one=True, steps_offset=0)
    return DPMSolverMultistepScheduler(**common, algorithm_type="dpmsolver++", solver_order=2, final_sigmas_type="zero")


def context_windows(frames: int, window: int, overlap: int) -> list[range]:
    """Overlapping windows that cover 0..frames-1 without wrap-around; the last one is moved back to fit.

    A video shorter than one window is one short window.
    """
    if not 0 <= overlap < window:
        raise ValueError(f"overlap {overlap} must be at least 0 and less than the window {window}")
    if frames <= window:
        return [range(frames)]
    stride = window - overlap
    starts = list(range(0, frames - window, stride)) + [frames - window]
    return [range(start, start + window) for start in starts]


def window_weights(windows: list[range]) -> list[Tensor]:
    """Blending weights of each window, (len(window),): linear ramps over the overlaps that sum to 1 at every frame."""
    frames = windows[-1].stop
    weights = []
    for i, window in enumerate(windows):
        before = windows[i - 1].stop - window.start if i else 0
        after = window.stop - windows[i + 1].start if i + 1 < len(windows) else 0
        position = torch.arange(len(window), dtype=torch.float32)
        rising = (position + 1) / (before + 1)
        falling = (len(window) - position) / (after + 1)
        weights.append(torch.minimum(rising, falling).clamp(max=1.0))
    total = torch.zeros(frames)
    for window, weight in zip(windows, weights, strict=True):
        total[window.start : window.stop] += weight
    return [weight / total[window.start : window.stop] for window, weight in zip(windows, weights, strict=True)]


def guidance_coefficients(audio_scale: float, image_scale: float) -> tuple[float, float, float]:
    """Weights of the predictions (unconditional, image only, image and audio); a weight of 0 needs no evaluation.

    e = e() + s_img (e(img) - e()) + s_aud (e(img, aud) - e(img)) (METHOD section 5), gathered by prediction: three
    evaluations in general, two when the scales are equal, one when both are 1.
    """
    return 1.0 - image_scale, image_scale - audio_scale, audio_scale


def guided_prediction(
    predict: Callable[[Conditions], Tensor], conditions: Conditions, audio_scale: float, image_scale: float
) -> Tensor:
    """The guided combination of `predict` over what the scales need; same shape as one prediction."""
    unconditional, image, both = guidance_coefficients(audio_scale, image_scale)
    result: Tensor | float = 0.0
    if unconditional:
        result = unconditional * predict(conditions.unconditional(keep_image=False))
    if image:
        result = result + image * predict(conditions.unconditional(keep_image=True))
    if both or not (unconditional or image):
        result = result + both * predict(conditions)
    assert isinstance(result, Tensor)
    return result


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
