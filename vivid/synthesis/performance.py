"""What a person says and does in one clip: speech, mouth, gestures, head, eyes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..config import SAMPLE_RATE
from ..speech.types import Speech
from . import speech
from .character import Character
from .gestures import HELD_OUT, NAMES
from .sentences import SENTENCES, random_text
from .tracks import blink_track, brow_track, gesture_track, head_track, stress_times
from .transforms import Array, value_noise
from .visemes import UNITS, Phone, mouth_curves

SPLITS = ("train", "held-out", "all")
"""Which voices, sentences and gestures a clip may use: those for training, those held out, or all."""
SILENT_SHARE, LEAVING_SHARE = 0.05, 0.10


@dataclasses.dataclass
class Performance:
    """Everything that drives the frames of one clip; T frames."""

    text: str
    voice: speech.Voice
    samples: Array  # int16, 16 kHz, exactly the clip length
    phones: list[Phone]
    vectors: Array  # (T, 50) gestures
    head: Array  # (T, 3)
    torso: Array  # (T, 3)
    gaze: Array  # (T, 2)
    face: list[dict[str, float]]  # face units per frame
    leaving: bool = False  # hands may leave the picture

    @property
    def speech(self) -> Speech:
        """The samples as they are passed around in the program."""
        return Speech(self.samples.astype(np.float32) / 32768)


def allowed(split: str) -> tuple[list[speech.Voice], list[str], list[str]]:
    """Voices, sentences and gestures of a split; every ninth voice and sentence is held out."""
    if split not in SPLITS:
        raise ValueError(f"split {split!r}: choose one of {', '.join(SPLITS)}")
    voices, sentences, gestures = speech.voices(), list(SENTENCES), list(NAMES)
    if split == "all":
        return voices, sentences, gestures
    back = split == "held-out"
    return (
        [v for v in voices if (v.key % 9 == 4 or v.name == "awb") == back],
        [s for i, s in enumerate(sentences) if (i % 9 == 4) == back],
        [g for g in gestures if (g in HELD_OUT) == back],
    )


def _timed_speech(
    rng: np.random.Generator, male: bool, seconds: float, text: str | None, split: str
) -> tuple[str, speech.Voice, Array, list[Phone]]:
    """Text, voice, samples of exactly `seconds`, phones; a few clips are silent, some start late."""
    voices, sentences, _ = allowed(split)
    voice = speech.choose_voice(rng, male, voices)
    length = round(seconds * SAMPLE_RATE)
    if text is None and rng.random() < SILENT_SHARE:
        return "", voice, np.zeros(length, "i2"), []
    lead = float(rng.choice([0.15, rng.uniform(0.15, 0.4), rng.uniform(0.4, 1.0)], p=[0.5, 0.35, 0.15]))
    text = text or random_text(rng, seconds, sentences)
    samples, phones = speech.synthesise(text, voice, rng)
    phones = [dataclasses.replace(p, start=p.start + lead, end=p.end + lead) for p in phones]
    phones = [p for p in phones if p.start < seconds]
    samples = np.concatenate([np.zeros(int(lead * SAMPLE_RATE), "i2"), samples])
    return text, voice, np.pad(samples, (0, max(0, length - len(samples))))[:length], phones


def _face(rng: np.random.Generator, person: Character, count: int, fps: float, phones: list[Phone]) -> list[dict]:
    """Face units per frame: mouth from the phones, smile, brows, blinks."""
    mouth = mouth_curves(phones, fps, count, rng.uniform(0.97, 1.1))
    blink = blink_track(rng, count, fps, phones)
    brow = brow_track(count, fps, phones)
    smile = person.spec["smile"] * (1 + 0.25 * value_noise(rng, count, fps, 0.5, 1)[:, 0])
    talking = np.clip(mouth.sum(1), 0, 1)
    out = []
    for i in range(count):
        units = {u: float(v) for u, v in zip(UNITS, mouth[i], strict=True) if v > 0.005}
        corner = float(np.clip(smile[i], 0, 0.5) * (1 - 0.45 * talking[i]))
        for side in ("Left", "Right"):
            units["mouthSmile" + side] = units.get("mouthSmile" + side, 0.0) + corner
            units["cheekSquint" + side] = 0.5 * corner
            units["eyeBlink" + side] = float(blink[i])
            units["browOuterUp" + side] = float(0.4 * brow[i])
        units["browInnerUp"] = float(0.5 * brow[i])
        out.append(units)
    return out


def perform(
    rng: np.random.Generator,
    person: Character,
    seconds: float,
    fps: float,
    text: str | None = None,
    gestures: Sequence[str] | None = None,
    split: str = "all",
    head_motion: float = 1.0,
) -> Performance:
    """One clip's speech and motion, all drawn from `rng`; `text` and `gestures` fix what is said and shown first.

    head_motion: how far head and torso move; 1 is natural.
    """
    text, voice, samples, phones = _timed_speech(rng, person.spec["male"], seconds, text, split)
    count = round(seconds * fps)
    leaving = gestures is None and rng.random() < LEAVING_SHARE
    stresses = [s for s, _ in stress_times(phones)]
    vectors = gesture_track(rng, count, fps, stresses, list(gestures or ()), pool=allowed(split)[2], leaving=leaving)
    head, torso, gaze = head_track(rng, count, fps, phones, person.spec["liveliness"], head_motion)
    face = _face(rng, person, count, fps, phones)
    return Performance(text, voice, samples, phones, vectors, head, torso, gaze, face, leaving)
