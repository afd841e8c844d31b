"""What a head does while its person speaks: nods on stressed syllables, slow turns, blinks, glances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...config import FPS
from .curves import smooth, smooth_noise
from .geometry import Array


@dataclass(frozen=True)
class HeadTracks:
    """Curves over T frames: turn (T, 3) pitch, yaw, roll in radians; shift, gaze (T, 2) in pupil distances; brow and
    blink (T,) in 0-1."""

    turn: Array
    shift: Array
    gaze: Array
    brow: Array
    blink: Array


def head_tracks(rng: np.random.Generator, talking: Array, hits: list[tuple[int, float]]) -> HeadTracks:
    """talking: (T,) in 0-1, how much is being said around each frame; hits: prominent syllables."""
    frames = len(talking)
    time = np.arange(frames) / FPS
    turn = smooth_noise(rng, frames, 0.35, 3) * np.array([0.010, 0.020, 0.010])
    turn *= (0.6 + 0.4 * talking)[:, None]
    brow = np.zeros(frames)
    last = -9.0
    for frame, strength in hits:
        s = frame / FPS
        turn[:, 0] += 0.040 * strength * _bump(time - s - 0.06, 0.13)
        turn[:, 0] -= 0.014 * strength * _bump(time - s + 0.18, 0.13)
        if strength > 0.75 and s - last > 0.9:
            brow += 0.6 * strength * _bump(time - s + 0.02, 0.22)
            turn[:, 1] += rng.choice([-1, 1]) * 0.03 * _bump(time - s - 0.1, 0.45)
            turn[:, 2] += rng.choice([-1, 1]) * 0.018 * _bump(time - s - 0.1, 0.5)
            last = s
    start = np.clip(time / 0.4, 0, 1)[:, None]  # begins as photographed
    turn = turn - turn[:1] * (1 - start)
    shift = smooth_noise(rng, frames, 0.25, 2) * [0.012, 0.008] * start
    blink = _blinks(rng, time)
    return HeadTracks(turn, shift, _glances(rng, frames), brow, blink)


def _bump(time: Array, width: float) -> Array:
    return np.exp(-((time / width) ** 2))


def _blinks(rng: np.random.Generator, time: Array) -> Array:
    """(T,) every few seconds: 0.1 s down, 0.17 s up."""
    blink = np.zeros(len(time))
    t = rng.uniform(0.6, 1.4)
    while t < len(time) / FPS - 0.3:
        x = time - t
        fall, rise = np.clip(1 + x / 0.10, 0, 1), np.clip(1 - (x - 0.04) / 0.17, 0, 1)
        blink = np.maximum(blink, np.where(x < 0, fall, rise))
        t += rng.uniform(2.2, 4.8)
    return blink * blink * (3 - 2 * blink)


def _glances(rng: np.random.Generator, frames: int) -> Array:
    """(T, 2) small quick shifts of the eyes, held for 0.6 to 2 seconds."""
    out, t = np.zeros((frames, 2)), rng.uniform(0.5, 1.2)
    while t < frames / FPS:
        out[int(t * FPS) :] = np.clip(rng.normal(0, 1, 2) * [0.010, 0.004], -0.018, 0.018)
        t += rng.uniform(0.6, 2.0)
    return smooth(out, 0.02)
