"""DSAA: what the head stream pools over, wherever its condition is made."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.dummies import dummy_generator, dummy_pipeline
from tests.test_pipeline import gestures, portrait
from vivid.config import FPS, SAMPLE_RATE, RunSettings
from vivid.generators.diffusion.conditioner import Conditioner
from vivid.method.dsaa import HEAD_WINDOW, pool_rhythm, stream_tokens
from vivid.method.factory import COMPACT, COMPACT_TINY, FULL, MICRO
from vivid.speech.types import Speech


def speech(frames: int) -> Speech:
    """Another loudness in each frame."""
    loudness = np.random.default_rng(0).uniform(0.1, 1, frames).repeat(SAMPLE_RATE // FPS + 1)
    return Speech(loudness.astype(np.float32)[: frames * SAMPLE_RATE // FPS + 1])


def test_the_rhythm_of_a_frame_is_the_mean_over_a_second_around_it() -> None:
    audio = torch.randn(60, 50, 384, generator=torch.Generator().manual_seed(0))
    first, middle, last = pool_rhythm(audio, [0, 30, 59])
    torch.testing.assert_close(middle, audio[18:42].mean(0))
    torch.testing.assert_close(first, audio[:12].mean(0))  # at the ends, over the frames there are
    torch.testing.assert_close(last, audio[47:].mean(0))
    assert torch.equal(pool_rhythm(audio, range(60), window=1), audio)


@pytest.mark.parametrize("window", [1, 24])
def test_no_more_of_a_long_speech_is_read_than_is_needed(window: int) -> None:
    audio = torch.randn(60, 50, 384, generator=torch.Generator().manual_seed(0))
    asked: list[range] = []

    def tokens(frames: range) -> torch.Tensor:
        asked.append(frames)
        return audio[frames.start : frames.stop]

    for frames in (range(0, 5), range(20, 32), range(50, 60)):
        lip, head = stream_tokens(tokens, frames, 60, window)
        assert torch.equal(lip, audio[frames.start : frames.stop])
        assert torch.equal(head, pool_rhythm(audio, frames, window))
        assert len(asked[-1]) <= len(frames) + window - 1


@torch.no_grad()
@pytest.mark.parametrize("untrained", [(), ("motion",)])
def test_the_head_condition_of_a_frame_does_not_depend_on_the_denoising_window(untrained: tuple[str, ...]) -> None:
    pipeline = dummy_pipeline(untrained=untrained)
    generator, length = dummy_generator(untrained=untrained), 40
    inputs = pipeline.prepare(portrait(), speech(length), gestures(), RunSettings()).inputs
    tokens = generator.speech_encoder.windows(speech(length).samples, length)
    settings = generator.resolve(RunSettings(), (64, 64))
    cpu = torch.device("cpu")
    conditioner = Conditioner(
        generator.models, inputs, tokens, settings, cpu, torch.float32, single_frames=generator.single_frames
    )
    frame, found = 20, []
    for window in (range(20, 21), range(16, 24), range(13, 21)):
        conditions = conditioner.window(window)
        assert conditions.rhythm is not None and conditions.prepared is not None and conditions.prepared.head
        found.append(conditions.rhythm.flatten(0, 1)[frame - window.start])
        keys = next(iter(conditions.prepared.head.values()))[0]
        assert len(keys) == len(window), "each frame has a condition of its own"
    whole = tokens(range(length))
    expected = whole[frame - HEAD_WINDOW // 2 : frame + HEAD_WINDOW // 2].mean(0)
    for rhythm in found:
        assert torch.equal(rhythm, found[0])
        torch.testing.assert_close(rhythm, expected)
    assert not torch.allclose(found[0], whole[frame], atol=1e-3)


def test_every_preset_pools_as_the_paper_does() -> None:
    assert {config.head_window for config in (FULL, MICRO, COMPACT, COMPACT_TINY)} == {HEAD_WINDOW} == {24}
