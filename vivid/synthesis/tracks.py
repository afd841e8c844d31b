"""Motion over time: gestures that land on stressed syllables, head and torso that follow the phrases, blinks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..generators.layered.geometry import smootherstep
from .gestures import LEAVING, NAMES, POSITIONS, RESTING, gesture_vector
from .transforms import Array, smoothstep, value_noise
from .visemes import Phone


def gesture_track(
    rng: np.random.Generator,
    count: int,
    fps: float,
    stresses: list[float],
    names: list[str] | None = None,
    pool: Sequence[str] = NAMES,
    leaving: bool = False,
) -> Array:
    """(count, 50): strokes that land on stressed syllables, holds, and small beats on the other stresses.

    `names` are played first, then random ones of `pool`; `leaving` mixes in gestures that leave the picture.
    """
    seconds = count / fps
    queue = list(names or [])
    current = gesture_vector(str(rng.choice(LEAVING if leaving and rng.random() < 0.5 else RESTING)))
    keys: list[tuple[float, float, Array]] = []  # (start, end, target)
    t = -1.0
    for s in [x for x in stresses if x > 0.35] or [seconds * 0.4]:
        duration = rng.uniform(0.45, 0.75)
        if s - duration < t or (not queue and rng.random() < 0.2):
            continue
        name = queue.pop(0) if queue else str(rng.choice(LEAVING if leaving and rng.random() < 0.5 else pool))
        target = gesture_vector(name)
        target[POSITIONS] += rng.normal(0, 0.035, 6)
        keys.append((s - duration, s + 0.02, target))
        t = s + rng.uniform(0.35, 1.0)
    if keys and seconds - keys[-1][1] > 0.9 and rng.random() < 0.6:  # settle at the end
        keys.append((keys[-1][1] + 0.35, keys[-1][1] + 1.0, gesture_vector(str(rng.choice(RESTING)))))
    time = np.arange(count) / fps
    out = np.tile(current, (count, 1))
    for start, end, target in keys:
        w = smootherstep((time - start) / (end - start))[:, None]
        blend = current + (target - current) * w
        arc = 0.10 * np.sin(np.pi * np.clip((time - start) / (end - start), 0, 1))  # hands lift and come forward
        moving = np.abs(target - current)
        for k in (0, 25):
            if moving[k : k + 3].max() > 0.12:
                blend[:, k + 1] += 0.5 * arc
                blend[:, k + 2] += arc
        out = np.where((time >= start)[:, None], blend, out)
        current = target
    beat = np.zeros(count)
    for s in stresses:  # up before the syllable, sharply down on it
        x = time - s
        beat += 0.035 * np.exp(-(((x + 0.14) / 0.09) ** 2)) - 0.045 * np.exp(-(((x - 0.03) / 0.07) ** 2))
    for k in (0, 25):
        gain = rng.uniform(0.5, 1.2)
        out[:, k + 1] += gain * beat
        out[:, k + 2] += 0.4 * gain * beat
        out[:, k : k + 3] += 0.010 * value_noise(rng, count, fps, 1.2, 3)
        out[:, k + 9 : k + 24] += 0.035 * value_noise(rng, count, fps, 1.0, 15)
        out[:, k + 3 : k + 9] += 0.04 * value_noise(rng, count, fps, 0.8, 6)
    return out


def spoken_phrases(phones: list[Phone]) -> list[tuple[float, float]]:
    """(start, end) in seconds of the runs of speech between pauses."""
    out: list[list[float]] = []
    for p in phones:
        if p.viseme == "sil":
            continue
        if out and p.start - out[-1][1] < 0.14:
            out[-1][1] = p.end
        else:
            out.append([p.start, p.end])
    return [(a, b) for a, b in out if b - a > 0.12]


def stress_times(phones: list[Phone]) -> list[tuple[float, float]]:
    """(time, strength) of stressed syllables; long vowels are stronger, about 1 on average."""
    return [
        (p.start + 0.3 * (p.end - p.start), float(np.clip((p.end - p.start) / 0.11, 0.7, 1.4)))
        for p in phones
        if p.stress
    ]


def head_track(
    rng: np.random.Generator, count: int, fps: float, phones: list[Phone], liveliness: float = 1.0, scale: float = 1.0
) -> tuple[Array, Array, Array]:
    """(head, torso, gaze) angles in radians per frame: pitch (down), yaw, roll; `scale` multiplies head and torso.

    Nearly all of it follows from the speech: nods on stressed syllables, as deep as the vowel is long; in every
    phrase the head rises, turns slowly across and sinks at its end; a little noise remains.
    """
    time = np.arange(count) / fps
    head = value_noise(rng, count, fps, 0.6, 3) * [0.010, 0.022, 0.012]
    torso = value_noise(rng, count, fps, 0.3, 3) * [0.006, 0.018, 0.008]
    last = -1.0
    for s, strength in stress_times(phones):
        if s - last < 0.26:  # the head is too heavy to follow every syllable of quick speech
            continue
        last = s
        depth = 0.085 * liveliness * strength * (1 + 0.12 * rng.normal())
        head[:, 0] += depth * np.exp(-(((time - s - 0.05) / 0.10) ** 2))
        head[:, 0] -= 0.35 * depth * np.exp(-(((time - s + 0.16) / 0.10) ** 2))
    for start, end in spoken_phrases(phones):
        length = end - start
        inside = smoothstep(start - 0.20, start + 0.15, time) * smoothstep(end + 0.35, end - 0.05, time)
        u = np.clip((time - start) / length, 0, 1)
        size = liveliness * min(1.0, 0.4 + length / 2.5)
        head[:, 0] += inside * size * (-0.050 + 0.085 * u * u)
        head[:, 1] += inside * size * 0.075 * np.cos(np.pi * u)
        head[:, 2] += inside * size * 0.035 * np.sin(np.pi * u)
        torso[:, 0] += inside * size * 0.018
        torso[:, 1] += inside * size * 0.025 * np.cos(np.pi * u)
    head, torso = head * scale, torso * scale
    gaze = value_noise(rng, count, fps, 0.6, 2) * [0.030, 0.014]
    gaze[:, 0] -= 0.6 * head[:, 1]  # the eyes stay near the camera
    gaze[:, 1] -= 0.5 * head[:, 0]
    return head, torso, gaze


def brow_track(count: int, fps: float, phones: list[Phone]) -> Array:
    """Brow raise in [0, 1]: high on the first stress of a phrase, low on the others."""
    time, out = np.arange(count) / fps, np.zeros(count)
    stresses = stress_times(phones)
    firsts = {next((s for s, _ in stresses if s >= a - 0.01), -9.0) for a, _ in spoken_phrases(phones)}
    for s, strength in stresses:
        out += (0.5 if s in firsts else 0.14) * strength * np.exp(-(((time - s) / 0.17) ** 2))
    return np.clip(out, 0, 0.8)


def blink_track(rng: np.random.Generator, count: int, fps: float, phones: list[Phone]) -> Array:
    """Eyelid closure in [0, 1] per frame: at the end of phrases, and now and then."""
    time, out, t = np.arange(count) / fps, np.zeros(count), rng.uniform(0.5, 2.5)
    for _, end in spoken_phrases(phones):
        out = np.maximum(out, np.clip(1 - np.abs(time - end - 0.06) / 0.11, 0, 1))
    while t < count / fps:
        out = np.maximum(out, np.clip(1 - np.abs(time - t - 0.08) / 0.11, 0, 1))
        t += rng.uniform(2.5, 6.0)
    return out
