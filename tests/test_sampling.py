"""Windows, blending, guidance and schedules."""

import dataclasses
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vivid.generators.diffusion.guidance import guidance_coefficients, guided_prediction
from vivid.generators.diffusion.noise import initial_noise, noised, predicted_clean
from vivid.generators.diffusion.windows import context_windows, window_weights
from vivid.method.schedule import make_scheduler


@given(frames=st.integers(1, 400), window=st.integers(1, 32), data=st.data())
def test_windows_cover_every_frame_without_wrap_around_and_weights_sum_to_one(frames, window, data):
    overlap = data.draw(st.integers(0, window - 1))
    windows = context_windows(frames, window, overlap, data.draw(st.integers(0, 40)))
    assert windows[0].start == 0 and windows[-1].stop == frames
    assert all(len(w) == min(window, frames) for w in windows)
    for left, right in itertools.pairwise(windows):
        assert left.start < right.start <= left.stop - overlap
    total = torch.zeros(frames)
    for w, weight in zip(windows, window_weights(windows), strict=True):
        assert (weight > 0).all()
        total[w.start : w.stop] += weight
    assert torch.allclose(total, torch.ones(frames), atol=1e-5)


def sampled(moving: bool, steps: int = 12, frames: int = 60) -> torch.Tensor:
    """What DDIM makes of the best predictor of normal latents whose mean, wrongly, drifts along each window."""
    scheduler = make_scheduler()
    scheduler.set_timesteps(steps)
    sample = torch.zeros(frames)
    for step, t in enumerate(scheduler.timesteps):
        windows = context_windows(frames, 12, 3, step if moving else 0)
        mean = torch.zeros(frames)
        for window, weight in zip(windows, window_weights(windows), strict=True):
            mean[window.start : window.stop] += weight * torch.linspace(-1, 1, len(window))
        alpha = scheduler.alphas_cumprod[int(t)]
        clean = (1 - alpha) * mean + alpha.sqrt() * sample
        velocity = (alpha.sqrt() * sample - clean) / (1 - alpha).sqrt()
        sample = scheduler.step(velocity, t, sample).prev_sample
    return sample


def test_seams_fade_when_windows_move_on():
    fixed, moving = ((part[12:-12].diff().diff().abs()) for part in (sampled(False), sampled(True)))
    assert moving.max() < 0.7 * fixed.max(), (moving.max(), fixed.max())
    starts = {window.start for step in range(3) for window in context_windows(60, 12, 3, step)}
    assert len(starts) > 2 * len(context_windows(60, 12, 3))


def test_guidance_is_combined_in_float32():
    """In bfloat16 small differences between the predictions would be lost before guidance enlarges them."""
    values = iter([torch.tensor([1.0]).bfloat16(), torch.tensor([1.0078125]).bfloat16()])
    result = guided_prediction(lambda _: next(values), Named(100.0), 2.5, 2.5)
    assert result.dtype == torch.float32 and result.item() == pytest.approx(1 + 2.5 * 0.0078125)


def test_blending_ramps_are_linear():
    first, second = window_weights(context_windows(18, 12, 6))
    assert torch.allclose(first[6:], torch.arange(6, 0, -1) / 7)
    assert torch.allclose(second[:6], torch.arange(1, 7) / 7)


@dataclasses.dataclass
class Named:
    """Conditions that only carry a name."""

    value: float

    def unconditional(self, keep_image: bool) -> "Named":
        return Named(20.0 if keep_image else 3.0)


@pytest.mark.parametrize(
    ("audio", "image", "calls", "expected"),
    [
        (1.0, 1.0, [100.0], 100.0),
        (2.5, 2.5, [3.0, 100.0], 3 + 2.5 * 97),
        (3.0, 2.0, [3.0, 20.0, 100.0], 3 + 2 * 17 + 3 * 80),
        (3.0, 1.0, [20.0, 100.0], 20 + 3 * 80),
        (0.0, 0.0, [3.0], 3.0),
    ],
)
def test_guidance_evaluates_only_what_it_needs(audio, image, calls, expected):
    seen = []

    def predict(conditions):
        seen.append(conditions.value)
        return torch.tensor(conditions.value)

    result = guided_prediction(predict, Named(100.0), audio, image)
    assert seen == calls
    assert result.item() == pytest.approx(expected)
    assert sum(guidance_coefficients(audio, image)) == pytest.approx(1.0)


@pytest.mark.parametrize("prediction", ["v_prediction", "epsilon"])
@pytest.mark.parametrize("solver", ["ddim", "dpm++"])
def test_a_perfect_predictor_reaches_the_clean_latents(solver, prediction):
    scheduler = make_scheduler(solver, prediction)
    last = scheduler.alphas_cumprod[-1]
    assert last < 1e-6 if prediction == "v_prediction" else last > 1e-3, "noise alone says nothing to predict noise by"
    scheduler.set_timesteps(5)  # divides 1000, so that the last step ends at no noise at all
    assert int(scheduler.timesteps[0]) == 999
    clean = torch.randn(1, 4, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    sample = noised(scheduler, clean, initial_noise(clean.shape, 0, torch.device("cpu"), torch.float32), 999)
    for t in scheduler.timesteps:
        alpha = scheduler.alphas_cumprod[int(t)]
        noise = (sample - alpha.sqrt() * clean) / (1 - alpha).sqrt()
        velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
        predicted = velocity if prediction == "v_prediction" else noise
        assert torch.allclose(predicted_clean(scheduler, sample, predicted, t), clean, atol=1e-3)
        sample = scheduler.step(predicted, t, sample).prev_sample
        assert sample.isfinite().all()
    assert torch.allclose(sample, clean, atol=2e-2)


def test_noise_follows_the_seed_and_the_clamp():
    def draw(seed, clamp=None):
        return initial_noise((1, 4, 8, 8, 8), seed, torch.device("cpu"), torch.float32, clamp)

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))
    assert draw(3, 1.5).abs().max() == 1.5


def test_a_single_step_from_no_noise_is_the_prediction_itself():
    """Models trained for one step start from zeros (a noise clamp of 0) and return what they predict at once."""
    scheduler = make_scheduler("ddim")
    scheduler.set_timesteps(1)
    start = initial_noise((1, 4, 3, 2, 2), 5, torch.device("cpu"), torch.float32, clamp=0.0)
    assert scheduler.timesteps.tolist() == [999] and not start.any()
    velocity = torch.randn(start.shape, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(scheduler.step(velocity, 999, start).prev_sample, -velocity)
