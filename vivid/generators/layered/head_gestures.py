"""What a head does while its person speaks: posture by phrase, motion with the voice, accents, blinks, glances.

The rhythm comes from the speech (phrases and accents from the lip stream, energy from the head stream); the direction
of head movements and the times of extra blinks are drawn from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...config import FPS
from .curves import smooth, smooth_noise
from .geometry import Array, smootherstep

PAUSE = 0.25
"""Seconds of silence that separate two phrases."""
POSTURE = np.array([0.020, 0.036, 0.018])
"""Standard deviation in radians (pitch, yaw, roll) of a phrase's posture from the photographed one."""
FARTHEST = np.array([0.055, 0.075, 0.045])
"""Radians beyond which a head does not turn."""
BEAT = 0.024
"""Radians of pitch with the voice's ups and downs."""
ACCENT, ACCENT_GAP = np.array([0.032, 0.016, 0.011]), 0.7
"""Radians of the strongest accents, and the least seconds between two of them."""
SPRING = 2.6
"""Hertz of the critically damped spring that models the neck."""
BLINK_DOWN, BLINK_SHUT, BLINK_UP = 0.085, 0.04, 0.19
"""Seconds of the phases of a blink."""
GLANCE = np.array([0.020, 0.007])
"""Standard deviation of the eyes' sideways looks, in pupil distances."""


@dataclass(frozen=True)
class HeadTracks:
    """Curves over T frames: turn (T, 3) pitch, yaw, roll in radians; shift, gaze (T, 2) in pupil distances; brow and
    blink (T,) in 0-1."""

    turn: Array
    shift: Array
    gaze: Array
    brow: Array
    blink: Array


def head_tracks(
    rng: np.random.Generator, voiced: Array, level: Array, energy: Array, hits: list[tuple[int, float]]
) -> HeadTracks:
    """voiced: (T,) in 0-1, where something is said; level: (T,) loudness in 0-1; energy: (T,) about 1, how lively the
    speech is around each frame; hits: frames and strengths of prominent syllables."""
    frames = len(voiced)
    time = np.arange(frames) / FPS
    parts = phrases(voiced)
    turn = smooth_noise(rng, frames, 0.3, 3) * np.array([0.007, 0.012, 0.007])
    turn += _postures(rng, frames, parts) * energy[:, None]
    # Ups and downs of the voice on a time scale between phrases and single sounds.
    beat = smooth(level, 0.09) - smooth(level, 0.45)
    strength = np.repeat(1.0, frames)
    for first, last in parts:
        strength[first:last] = rng.uniform(0.3, 1.0)
    turn[:, 0] += BEAT * np.clip(beat / 0.25, -1, 1) * smooth(strength, 0.2) * energy
    brow = np.zeros(frames)
    at = -9.0
    for frame, weight in hits:
        s = frame / FPS
        if weight < 0.55 or s - at < ACCENT_GAP or rng.random() < 0.25:
            continue
        at = s
        direction = np.array([1.0, rng.normal(), rng.normal()]) * rng.uniform(0.5, 1.0) * weight
        turn += _nod(time - s)[:, None] * ACCENT * direction * energy[:, None]
        if rng.random() < 0.45:
            brow = np.maximum(brow, rng.uniform(0.4, 0.9) * weight * np.exp(-(((time - s + 0.04) / 0.24) ** 2)))
    for first, _ in parts:  # many phrases begin with raised brows
        if rng.random() < 0.4:
            brow = np.maximum(brow, rng.uniform(0.3, 0.7) * np.exp(-(((time - first / FPS) / 0.3) ** 2)))
    turn = FARTHEST * np.tanh(_spring(turn) / FARTHEST)
    start = smootherstep(time / 0.9)[:, None]  # begins as photographed
    turn = turn - turn[:1] * (1 - start)
    shift = smooth_noise(rng, frames, 0.25, 2) * [0.012, 0.008] * start
    gaze, looks = _glances(rng, frames, parts)
    return HeadTracks(turn, shift, gaze, brow, _blinks(rng, frames, parts, looks))


def phrases(voiced: Array) -> list[tuple[int, int]]:
    """First frame, and the frame after the last, of each stretch of speech without a pause."""
    on = np.flatnonzero(voiced > 0.3)
    if not len(on):
        return []
    cuts = np.flatnonzero(np.diff(on) > PAUSE * FPS)
    firsts, lasts = on[np.concatenate([[0], cuts + 1])], on[np.concatenate([cuts, [len(on) - 1]])]
    return [(int(a), int(b) + 1) for a, b in zip(firsts, lasts, strict=True)]


def _postures(rng: np.random.Generator, frames: int, parts: list[tuple[int, int]]) -> Array:
    """(T, 3) steps from posture to posture: a new one with each phrase, and more within long phrases."""
    out = np.zeros((frames, 3))
    for first, last in parts:
        at = float(first) - 0.15 * FPS
        while at < last - 0.5 * FPS or at < first:
            out[max(0, int(at)) :] = np.clip(rng.normal(size=3), -1.6, 1.6) * POSTURE
            at += rng.uniform(1.2, 2.6) * FPS
        out[last:] *= 0.4  # and back towards the photograph in the pause
    return smooth(out, 0.16)


def _nod(time: Array) -> Array:
    """A quick fall shortly before an accent and a slow return."""
    return np.where(time < 0, np.exp(-((time / 0.09) ** 2)), np.exp(-((time / 0.26) ** 2)))


def _spring(target: Array) -> Array:
    """(T, K): a critically damped spring that follows its target, in steps of an eighth of a frame."""
    steps = 8
    omega, dt = 2 * np.pi * SPRING, 1 / (FPS * steps)
    place, speed = target[0].copy(), np.zeros(target.shape[1])
    out = np.empty_like(target)
    for k, goal in enumerate(target):
        for _ in range(steps):
            speed += dt * (omega**2 * (goal - place) - 2 * omega * speed)
            place += dt * speed
        out[k] = place
    return out


def _glances(rng: np.random.Generator, frames: int, parts: list[tuple[int, int]]) -> tuple[Array, list[int]]:
    """(T, 2) quick shifts of the eyes: small ones now and then, and glances away before some phrases and back as they
    begin; and the frames of the large ones."""
    out, looks = np.zeros((frames, 2)), []
    t = rng.uniform(0.5, 1.2)
    while t < frames / FPS:
        out[int(t * FPS) :] = np.clip(0.5 * rng.normal(size=2), -0.8, 0.8) * GLANCE
        t += rng.uniform(0.6, 2.0)
    for first, _ in parts[1:]:
        if rng.random() < 0.35:
            away = max(0, first - int(rng.uniform(0.3, 0.7) * FPS))
            out[away : first + 2] = np.array([rng.choice([-1.0, 1.0]), rng.uniform(-1, 0.4)]) * GLANCE
            looks.append(away)
    return smooth(out, 0.02), looks


def _blinks(rng: np.random.Generator, frames: int, parts: list[tuple[int, int]], looks: list[int]) -> Array:
    """(T,): blinks at the ends of most phrases, at glances away, and every few seconds."""
    times = [last / FPS + rng.uniform(-0.05, 0.12) for _, last in parts if rng.random() < 0.7]
    times += [frame / FPS for frame in looks]
    t = rng.uniform(0.8, 1.6)
    while t < frames / FPS:
        times.append(t)
        t += rng.uniform(2.2, 5.0)
    time, blink, before = np.arange(frames) / FPS, np.zeros(frames), -9.0
    for t in sorted(times):
        if t - before < 0.9 or t > frames / FPS - 0.3 or t < 0.3:
            continue
        before = t
        x = time - t
        fall, rise = np.clip(1 + x / BLINK_DOWN, 0, 1), np.clip(1 - (x - BLINK_SHUT) / BLINK_UP, 0, 1)
        blink = np.maximum(blink, np.where(x < 0, fall, rise))
    return blink * blink * (3 - 2 * blink)
