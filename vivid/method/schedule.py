"""The noise schedule that the networks are trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

Solver = Literal["ddim", "dpm++"]
Prediction = Literal["v_prediction", "epsilon"]
"""What the denoiser predicts: the velocity, as the public base does, or the noise (equation 3 of the paper)."""


def make_scheduler(
    solver: Solver = "ddim", prediction_type: Prediction = "v_prediction"
) -> DDIMScheduler | DPMSolverMultistepScheduler:
    """A diffusers scheduler on the public base's schedule.

    1000 steps, linear betas 0.00085..0.012, trailing spacing, no clipping. For velocities the betas are rescaled to
    zero terminal SNR (Lin et al. 2024, "Common diffusion noise schedules and sample steps are flawed"); noise cannot be
    the prediction there, because a sample of pure noise would then say nothing about the picture. `ddim` is what the
    public base was made with; `dpm++` is the second-order multistep solver (Lu et al. 2022) that needs fewer steps.
    """
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

    common = {
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "linear",
        "prediction_type": prediction_type,
        "timestep_spacing": "trailing",
        "rescale_betas_zero_snr": prediction_type == "v_prediction",
    }
    if solver == "ddim":
        return DDIMScheduler(**common, clip_sample=False, set_alpha_to_one=True, steps_offset=0)
    return DPMSolverMultistepScheduler(**common, algorithm_type="dpmsolver++", solver_order=2, final_sigmas_type="zero")
