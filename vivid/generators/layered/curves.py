"""Curves over time: smooth noise, loudness and syllables of speech, one value a video frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...config import FPS, SAMPLE_RATE
from .geometry import Array

Samples = NDArray[np.float32]

QUIET = 45.0
"""Decibels below the loudest moments that count as silence."""
FAINTEST = -50.0
"""Decibels (1 is full scale) that the loudest moments of a recording must reach to count as more than hiss."""
SYLLABLE_GAP = 0.28
"""Seconds between prominent syllables, at least."""


def smooth(x: Array, seconds: float) -> Array:
    """Gaussian smoothing of (T, ...) along the first axis; seconds: its deviation."""
    sigma = max(seconds * FPS, 1e-3)
    reach = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    kernel /= kernel.sum()
    columns = np.pad(x.reshape(len(x), -1).astype(np.float64), ((reach, reach), (0, 0)), mode="edge").T
    return np.stack([np.convolve(column, kernel, "valid") for column in columns], 1).reshape(x.shape)


def smooth_noise(rng: np.random.Generator, frames: int, hertz: float, columns: int) -> Array:
    """(frames, columns) random curves of deviation 1 that change about `hertz` times a second."""
    margin = 100
    out = smooth(rng.normal(size=(columns, frames + 2 * margin)).T, 0.35 / hertz)[margin:-margin]
    return out / max(float(out.std()), 1e-6)


def power(samples: Samples, window: int) -> Array:
    """(N,) mean power around each sample, weighted by a Hann window of `window` samples."""
    if not len(samples):
        return np.zeros(1)
    weights = np.hanning(window)
    size = 1 << (len(samples) + window - 2).bit_length()  # the whole convolution, without wrapping around
    spectrum = np.fft.rfft(np.square(samples, dtype=np.float64), size) * np.fft.rfft(weights / weights.sum(), size)
    start = (window - 1) // 2
    return np.maximum(np.fft.irfft(spectrum, size)[start : start + len(samples)], 0)


def at_frames(values: Array, frames: int) -> Array:
    """Values (N,) at the sample rate in the middle of each frame."""
    middle = (np.arange(frames) + 0.5) * SAMPLE_RATE / FPS
    return values[np.clip(middle.astype(int), 0, len(values) - 1)]


def loudness(samples: Samples, frames: int) -> Array:
    """(frames,) in 0-1: the level in decibels, 1 at the loudest moments, 0 at QUIET below them."""
    level = 10 * np.log10(power(samples, 800) + 1e-10)
    loudest = max(float(np.percentile(level, 99.5)), FAINTEST)
    return np.clip((at_frames(level, frames) - loudest + QUIET) / QUIET, 0, 1)


def accents(samples: Samples, frames: int) -> Array:
    """(frames,) from 0.5 in the dips between syllables to 1.25 on loud ones."""
    amplitude = np.sqrt(at_frames(power(samples, 640), frames) + 1e-12)
    around = smooth(amplitude, 0.45) + 0.15 * np.percentile(amplitude, 95)
    return np.clip(0.45 + 0.62 * amplitude / around, 0.5, 1.25)


def syllables(level: Array, stress: Array) -> list[tuple[int, float]]:
    """Frames and strengths (0-1) of prominent syllables: peaks of loudness times stress."""
    curve = smooth(np.clip(level, 0, 1) ** 2 * (0.5 + np.clip(stress, 0, 1)), 0.05)
    inner = curve[1:-1]
    peaks = 1 + np.flatnonzero((inner >= curve[:-2]) & (inner > curve[2:]) & (inner > 0.25 * curve.max()))
    chosen: list[int] = []
    for i in sorted(peaks.tolist(), key=lambda i: -curve[i]):
        if all(abs(i - j) > SYLLABLE_GAP * FPS for j in chosen):
            chosen.append(i)
    return [(i, float(curve[i] / curve.max())) for i in sorted(chosen)]
