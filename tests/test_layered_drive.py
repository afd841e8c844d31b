"""Speech to the motion of a face."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from vivid.config import SAMPLE_RATE
from vivid.generators.layered import curves
from vivid.generators.layered.drive import _brief, _unsure, drive, encode
from vivid.generators.layered.head_gestures import FARTHEST, phrases
from vivid.generators.layered.speech_motion import LIP, RHYTHM, SECOND, SpeechMotion, load_speech_motion
from vivid.media.sound import load_speech
from vivid.speech.types import Speech

VOICES = Path(__file__).resolve().parents[1] / "examples" / "voices"


@pytest.fixture(scope="module")
def speech() -> Speech:
    spoken = load_speech(VOICES / "story_rms.mp3").samples
    pause = np.zeros(SAMPLE_RATE, np.float32)
    return Speech(np.concatenate([pause, spoken[: 5 * SAMPLE_RATE], pause]))


@pytest.fixture(scope="module")
def states(speech: Speech) -> torch.Tensor:
    return encode(speech)


def test_silence_keeps_the_mouth_shut(speech: Speech, states: torch.Tensor) -> None:
    motions = drive(speech, speech.frames, 0, states)
    assert len(motions) == speech.frames
    jaw = np.array([m.units["jawOpen"] for m in motions])
    assert jaw[:18].max() < 0.005 and jaw[-18:].max() < 0.005
    assert jaw.max() > 0.12


def test_soft_moments_between_sounds_nearly_close_the_mouth(speech: Speech, states: torch.Tensor) -> None:
    """Breaths and stops: lips apart there were read as a mouth that never rests."""
    motions = drive(speech, speech.frames, 0, states)
    level = curves.loudness(speech.samples, speech.frames)
    opening = np.array([m.units["jawOpen"] + 0.25 * m.units["mouthLowerDown"] for m in motions])
    soft = (level > 0.05) & (level < 0.4)
    assert soft.sum() > 5
    assert opening[soft].mean() < 0.25 * opening[level > 0.8].mean()


@pytest.mark.parametrize("samples", [np.zeros(3 * SAMPLE_RATE, np.float32), np.zeros(700, np.float32)])
def test_silence_alone_is_a_quiet_face(samples: np.ndarray) -> None:
    motions = drive(Speech(samples), 60, 0)
    assert len(motions) == 60
    assert max(max(v for n, v in m.units.items() if n.startswith(("jaw", "mouth"))) for m in motions) < 0.01
    assert max(m.blink for m in motions) > 0.9  # it still lives


def test_noise_is_no_speech() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 2 * SAMPLE_RATE).astype(np.float32)
    jaw = [m.units["jawOpen"] for m in drive(Speech(noise), 48, 0)]
    assert np.mean(jaw) < 0.01 and max(jaw) < 0.08


def test_the_mouth_is_in_time_with_the_sound(speech: Speech, states: torch.Tensor) -> None:
    motions = drive(speech, speech.frames, 0, states)
    jaw = np.array([m.units["jawOpen"] for m in motions])
    level = curves.loudness(speech.samples, speech.frames)
    lags = range(-4, 5)
    scores = [np.corrcoef(np.roll(jaw, lag)[6:-6], level[6:-6])[0, 1] for lag in lags]
    assert abs(list(lags)[int(np.argmax(scores))]) <= 1
    assert max(scores) > 0.6


def test_a_delay_of_the_sound_delays_the_mouth(speech: Speech) -> None:
    shift = 12
    later = Speech(np.concatenate([np.zeros(shift * SAMPLE_RATE // 24, np.float32), speech.samples]))
    first, then = (np.array([m.units["jawOpen"] for m in drive(s, s.frames, 0)]) for s in (speech, later))
    lags = range(shift - 3, shift + 4)
    scores = [np.corrcoef(first[: 90 - lag], then[lag:90])[0, 1] for lag in lags]
    assert list(lags)[int(np.argmax(scores))] == shift
    assert max(scores) > 0.95


def test_the_seed_decides_blinks_but_not_the_mouth(speech: Speech, states: torch.Tensor) -> None:
    one, same, other = (drive(speech, speech.frames, seed, states) for seed in (1, 1, 2))
    assert one == same
    assert [m.blink for m in one] != [m.blink for m in other]
    assert [m.units["jawOpen"] for m in one] == [m.units["jawOpen"] for m in other]


def test_a_shorter_or_longer_video_is_filled(speech: Speech, states: torch.Tensor) -> None:
    assert len(drive(speech, 10, 0, states)) == 10
    assert len(drive(speech, speech.frames + 30, 0, states)) == speech.frames + 30
    assert drive(speech, 0, 0, states) == []


def test_a_minute_takes_little_memory(states: torch.Tensor, speech: Speech) -> None:
    repeats = 60 // int(speech.seconds)
    minute = Speech(np.tile(speech.samples, repeats))
    long = states.repeat(repeats, 1, 1)
    tracemalloc.start()
    motions = drive(minute, 60 * 24, 0, long)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(motions) == 60 * 24
    assert peak < 120e6


def test_each_stream_of_the_network_hears_its_own_time() -> None:
    """The lip stream 0.28 s to each side, the head stream one second."""
    network = load_speech_motion()
    states = torch.randn(1, 120, 1920, generator=torch.Generator().manual_seed(0))
    changed = states.clone()
    changed[:, 60] += 1
    before, after = network(states)[0], network(changed)[0]
    assert before.shape == (120, len(LIP) + len(RHYTHM))
    moved = (before - after).abs() > 1e-5
    lip, head = moved[:, : len(LIP)].any(1).nonzero(), moved[:, len(LIP) :].any(1).nonzero()
    assert lip.min() >= 60 - 14 and lip.max() <= 60 + 14
    assert head.min() == 60 - SECOND // 2 and head.max() == 60 + SECOND // 2
    assert sum(p.numel() for p in SpeechMotion().parameters()) < 1_000_000


def test_a_head_moves_smoothly_within_limits_and_begins_as_photographed(speech: Speech, states: torch.Tensor) -> None:
    for seed in range(3):
        motions = drive(speech, speech.frames, seed, states)
        turn = np.array([(m.pitch, m.yaw, m.roll) for m in motions])
        assert np.abs(turn[0]).max() < 1e-6
        assert (np.abs(turn) <= FARTHEST + 1e-9).all()
        assert turn.std(0).max() > 0.005
        assert np.abs(np.diff(turn, 2, axis=0)).max() < np.radians(0.8)


def test_mouths_do_not_jump_open_after_a_closure(speech: Speech, states: torch.Tensor) -> None:
    closed = np.array([m.closed for m in drive(speech, speech.frames, 0, states)])
    shut = np.flatnonzero(closed > 0.95)
    assert len(shut), "this sentence closes the lips"
    for k in shut:
        assert closed[max(k - 1, 0)] >= 0.45 and closed[min(k + 1, len(closed) - 1)] >= 0.45


def test_phrases_are_parted_by_pauses_alone() -> None:
    voiced = np.zeros(100)
    voiced[10:40] = voiced[44:60] = voiced[80:90] = 1
    assert phrases(voiced) == [(10, 60), (80, 90)]
    assert phrases(np.zeros(9)) == []


def test_curves_are_smoothed_and_measured_as_scipy_does() -> None:
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import oaconvolve

    rng = np.random.default_rng(0)
    for frames, seconds in ((1, 0.3), (30, 0.0), (30, 0.035), (200, 2.0)):
        x = rng.normal(size=(frames, 3))
        expected = gaussian_filter1d(x, max(seconds * 24, 1e-3), axis=0, mode="nearest")
        np.testing.assert_allclose(curves.smooth(x, seconds), expected, atol=1e-12)
        np.testing.assert_allclose(curves.smooth(x[:, 0], seconds), expected[:, 0], atol=1e-12)
    samples, window = rng.normal(size=5000).astype(np.float32), np.hanning(640)
    expected = oaconvolve(np.square(samples, dtype=float), window / window.sum(), "same")
    np.testing.assert_allclose(curves.power(samples, 640), expected, atol=1e-12)
    assert len(curves.power(samples[:7], 640)) == 7


def test_lips_are_not_closed_through_a_loud_syllable() -> None:
    level, touch = np.full(40, 0.8), np.zeros(40)
    touch[3:6] = 1  # a stop in loud speech
    touch[12:20], level[12:14] = 0.9, 0.3  # a stop, and a vowel that is taken for more of it
    touch[26:34], level[26:34] = 1, 0.2  # a pause with closed lips
    brief = _brief(touch, level)
    assert np.array_equal(np.flatnonzero(brief), [3, 4, 5, 12, 13, *range(26, 34)])


def test_a_voice_that_the_network_does_not_understand_opens_the_mouth_by_its_loudness(
    speech: Speech, states: torch.Tensor
) -> None:
    class Lost(SpeechMotion):
        def forward(self, states: torch.Tensor) -> torch.Tensor:
            out = torch.zeros(1, states.shape[1], len(LIP) + len(RHYTHM))
            out[..., LIP.index("jawOpen")] = 0.2 + 0.05 * torch.randn(
                states.shape[1], generator=torch.Generator().manual_seed(0)
            )
            out[..., LIP.index("speaking")] = 1
            return out

    jaw = np.array([motion.units["jawOpen"] for motion in drive(speech, speech.frames, 0, states, Lost())])
    level = curves.loudness(speech.samples, speech.frames)
    assert np.corrcoef(jaw, level)[0, 1] > 0.8
    assert _unsure(level, level) == 0 and _unsure(np.zeros(9), np.zeros(9)) == 0


def test_a_speech_is_listened_to_once_for_all_portraits(monkeypatch: pytest.MonkeyPatch) -> None:
    from vivid.generators.layered import generator

    listened: list[int] = []
    monkeypatch.setattr(generator, "drive", lambda speech, frames, seed: listened.append(frames) or [frames])
    layered, speech = generator.LayeredGenerator(), Speech(np.zeros(16_000, np.float32))
    assert layered._faces(speech, 24, 0) is layered._faces(Speech(speech.samples.copy()), 24, 0)
    layered._faces(speech, 24, 1)
    layered._faces(speech, 20, 0)
    assert listened == [24, 24, 20]
