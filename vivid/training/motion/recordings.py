"""Recordings of synthetic speech with known mouths: several sentences of one voice, spoken, whispered, shouted or sung,
in rooms, with noise or with music.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import LinAlgError, solve_toeplitz
from scipy.signal import butter, lfilter, oaconvolve

from ...config import SAMPLE_RATE
from ...generators.layered.speech_motion import LIP, MOUTH, RHYTHM
from ...speech.windows import STATE_RATE
from ...synthesis.transforms import Array
from ...synthesis.visemes import UNITS, Phone, mouth_curves
from . import languages

Manner = Literal["spoken", "whispered", "shouted", "sung"]
SECONDS = 28.0
"""One segment of the speech encoder."""
MANNERS: tuple[Manner, ...] = ("spoken", "whispered", "shouted", "sung")
EFFORT = {"whispered": 0.0, "spoken": 0.5, "sung": 0.5, "shouted": 1.0}


@dataclass(frozen=True)
class RecordingConditions:
    """How a recording is made. language: None for one without speech; noise, music: decibels below the speech, None
    without."""

    language: str | None
    manner: Manner = "spoken"
    room: bool = False
    microphone: bool = False
    noise: float | None = None
    music: float | None = None


@dataclass(frozen=True)
class Recording:
    """samples: (N,) float32 at 16 kHz; phones: what is said when."""

    samples: Array
    phones: list[Phone]
    conditions: RecordingConditions


def random_conditions(rng: np.random.Generator) -> RecordingConditions:
    """Random conditions of a training recording."""
    manner: Manner = rng.choice(MANNERS, p=[0.7, 0.08, 0.1, 0.12])
    return RecordingConditions(
        language=None if rng.random() < 0.04 else str(rng.choice(languages.LANGUAGES, p=[0.42, 0.29, 0.29])),
        manner=manner,
        room=bool(rng.random() < 0.5),
        microphone=bool(rng.random() < 0.5),
        noise=rng.uniform(8, 45) if rng.random() < 0.6 else None,
        music=rng.uniform(3, 25) if rng.random() < 0.3 else None,
    )


def record(
    rng: np.random.Generator, conditions: RecordingConditions, held_out: bool = False, seconds: float = SECONDS
) -> Recording:
    """One recording, all drawn from `rng`; held_out: from sentences and voices not used in training."""
    wave: Array = np.zeros(int(seconds * SAMPLE_RATE))
    phones: list[Phone] = []
    if conditions.language is not None:
        wave, phones = _say(rng, conditions.language, conditions.manner, held_out, seconds)
    loud = float(wave.std()) or 0.05
    if conditions.room:
        t = np.arange(int(0.3 * SAMPLE_RATE)) / SAMPLE_RATE
        tail = rng.normal(size=len(t)) * np.exp(-t / rng.uniform(0.02, 0.09)) * rng.uniform(0.01, 0.06)
        tail[0] = 1
        wave = oaconvolve(wave, tail)[: len(wave)]
    if conditions.music is not None:
        wave = wave + _music(rng, len(wave)) * loud * 10 ** (-conditions.music / 20)
    if conditions.noise is not None:
        wave = wave + _noise(rng, len(wave)) * loud * 10 ** (-conditions.noise / 20)
    if conditions.microphone:
        b, a = butter(1, rng.uniform(0.25, 0.9))
        wave = rng.uniform(0.4, 1) * lfilter(b, a, wave) + rng.uniform(0, 0.5) * wave
    peak = max(float(np.abs(wave).max()), 1e-3)
    return Recording((wave / peak * rng.uniform(0.1, 0.95)).astype(np.float32), phones, conditions)


def _say(
    rng: np.random.Generator, language: str, manner: Manner, held_out: bool, seconds: float
) -> tuple[Array, list[Phone]]:
    """Sentences of one voice with pauses between them; played faster or slower to imitate other vocal tracts."""
    pool = languages.voices_of(language, held_out)
    sung = manner == "sung"
    engines = ("espeak",) if sung or language != "english" or rng.random() < 0.6 else ("flite",)
    pool = [v for v in pool if v.engine in engines] or pool
    voice, sentences = pool[rng.integers(len(pool))], languages.texts(language, held_out)
    speed = rng.uniform(0.88, 1.14)
    parts: list[Array] = []
    phones: list[Phone] = []
    at = 0.0
    while at < seconds * speed:
        gap = float(rng.choice([rng.uniform(0.05, 0.3), rng.uniform(0.4, 1.4)]))
        parts.append(np.zeros(int(gap * SAMPLE_RATE)))
        at += gap
        text = sentences[rng.integers(len(sentences))]
        samples, these = languages.speak(text, language, voice, rng, rng.uniform(1.4, 2.2) if sung else 1.0)
        samples = samples / max(float(np.abs(samples).max()), 1e-3) * rng.uniform(0.4, 0.95)
        phones += [dataclasses.replace(p, start=p.start + at, end=p.end + at) for p in these]
        parts.append(samples)
        at += len(samples) / SAMPLE_RATE
    wave = np.concatenate(parts)
    count = int(seconds * SAMPLE_RATE)
    wave = np.interp(np.arange(count) * speed, np.arange(len(wave)), wave)
    phones = [dataclasses.replace(p, start=p.start / speed, end=p.end / speed) for p in phones]
    if manner == "whispered":
        wave = _whisper(rng, wave)
    elif manner == "shouted":
        b, a = butter(1, 0.2, "high")
        wave = np.tanh(3 * (wave + rng.uniform(0.5, 2.0) * lfilter(b, a, wave)))
    elif sung:
        wave = _vibrato(rng, wave)
    return wave, [p for p in phones if p.start < seconds]


def _whisper(rng: np.random.Generator, wave: Array, order: int = 18) -> Array:
    """The same resonances, excited by breath: linear prediction with noise as the residual."""
    frame, hop = 512, 256
    window = np.hanning(frame)
    out = np.zeros(len(wave) + frame)
    for start in range(0, len(wave) - frame, hop):
        part = wave[start : start + frame] * window
        energy = float(part @ part)
        if energy < 1e-6:
            continue
        lags = np.correlate(part, part, "full")[frame - 1 : frame + order]
        lags[0] *= 1.001
        try:
            coefficients = solve_toeplitz(lags[:order], lags[1 : order + 1])
        except LinAlgError:
            continue
        breath = lfilter([1.0], np.concatenate([[1.0], -coefficients]), rng.normal(size=frame)) * window
        out[start : start + frame] += breath * np.sqrt(energy / max(float(breath @ breath), 1e-9))
    return out[: len(wave)]


def _vibrato(rng: np.random.Generator, wave: Array) -> Array:
    """Up to half a semitone, five to seven times a second; sounds move by less than two milliseconds."""
    t = np.arange(len(wave)) / SAMPLE_RATE
    rate = rng.uniform(5, 7)
    depth = rng.uniform(0.005, 0.03) / (2 * np.pi * rate)
    return np.interp(t + depth * np.sin(2 * np.pi * rate * t), t, wave)


def _noise(rng: np.random.Generator, count: int) -> Array:
    """Hiss, hum or wind of deviation 1, steady or in gusts."""
    noise = rng.normal(size=count)
    if rng.random() < 0.6:
        b, a = butter(1, rng.uniform(0.01, 0.3))
        noise = lfilter(b, a, noise)
    if rng.random() < 0.3:
        points = np.abs(rng.normal(size=count // 4000 + 2))
        noise = noise * np.interp(np.arange(count) / 4000, np.arange(len(points)), points)
    return noise / max(float(noise.std()), 1e-9)


def _music(rng: np.random.Generator, count: int) -> Array:
    """Chords of a few harmonics over a bass and a beat, deviation 1."""
    t = np.arange(count) / SAMPLE_RATE
    beat = rng.uniform(0.35, 0.7)
    out = np.zeros(count)
    harmonics = 0.5 ** np.arange(rng.integers(2, 7))
    root = 220 * 2 ** (rng.integers(-9, 6) / 12)
    for start in np.arange(0, count / SAMPLE_RATE, 2 * beat):
        span = slice(int(start * SAMPLE_RATE), int((start + 2 * beat) * SAMPLE_RATE))
        local = t[span] - start
        fade = np.exp(-local * rng.uniform(0.2, 3))
        step = rng.choice([0, 5, 7, 9])
        for note in (step - 12, step, step + rng.choice([3, 4]), step + 7):
            pitch = root * 2 ** (note / 12)
            for k, strength in enumerate(harmonics, 1):
                out[span] += fade * strength * np.sin(2 * np.pi * k * pitch * local + rng.uniform(0, 6))
    if rng.random() < 0.7:
        phase = np.mod(t, beat)
        out += rng.uniform(0.5, 3) * rng.normal(size=count) * np.exp(-phase / 0.03)
        out += rng.uniform(0.5, 4) * np.sin(2 * np.pi * 60 * phase) * np.exp(-phase / 0.08)
    return out / max(float(out.std()), 1e-9)


def targets(recording: Recording, states: int) -> Array:
    """(states, LIP + RHYTHM) float32 at 50 Hz: the targets of the two streams."""
    phones = recording.phones
    curves = mouth_curves(phones, STATE_RATE, states)
    column = {unit: k for k, unit in enumerate(UNITS)}
    mouth = np.stack([curves[:, column[m if m in column else m + "Left"]] for m in MOUTH], 1)
    time = np.arange(states) / STATE_RATE + 0.02
    extra = {name: np.zeros(states) for name in ("speaking", "touch", "stress")}
    syllables, stresses = np.zeros(states), np.zeros(states)
    for p in phones:
        if p.viseme == "sil":
            continue
        middle, half = (p.start + p.end) / 2, (p.end - p.start) / 2
        here = np.clip(1.5 - np.abs(time - middle) / (half + 0.04), 0, 1)
        extra["speaking"] = np.maximum(extra["speaking"], here)
        if p.viseme in ("PP", "FF"):
            full = 1.0 if p.viseme == "PP" and p.symbol != languages.APPROXIMANT else 0.5
            bump = np.exp(-0.5 * ((time - middle) / (min(half, 0.05) + 0.015)) ** 2)
            extra["touch"] = np.maximum(extra["touch"], full * bump)
        if p.stress:
            extra["stress"] = np.maximum(extra["stress"], np.exp(-0.5 * ((time - middle) / 0.08) ** 2))
        at = min(int(middle * STATE_RATE), states - 1)
        syllables[at] += p.viseme in ("aa", "E", "I", "O", "U", "AX")
        stresses[at] += p.stress
    assert (*MOUTH, *extra) == LIP
    second = np.ones(STATE_RATE) / STATE_RATE
    talk = np.convolve(extra["speaking"], second, "same")
    rhythm = {
        "talk": talk,
        "pace": np.convolve(syllables, second, "same") * STATE_RATE / 8,
        "emphasis": np.convolve(stresses, second, "same") * STATE_RATE / 4,
        "effort": EFFORT[recording.conditions.manner] * np.minimum(1, 2 * talk),
    }
    assert tuple(rhythm) == RHYTHM
    return np.concatenate([mouth, *(np.stack(list(v.values()), 1) for v in (extra, rhythm))], 1).astype(np.float32)
