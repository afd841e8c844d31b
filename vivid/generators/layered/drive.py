"""Speech to motion: one `FaceMotion` for every frame of a video."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ...config import FPS
from ...speech.encoder import SHIPPED, SpeechEncoder, load_speech_encoder
from ...speech.types import Speech
from ...speech.windows import STATE_RATE
from .curves import accents, loudness, smooth, syllables
from .geometry import Array
from .head_gestures import head_tracks
from .head_motion import FaceMotion
from .speech_motion import LIP, RHYTHM, SpeechMotion, load_speech_motion

OPENS_AHEAD = 0.07
"""Seconds by which the mouth starts to open before the sound does."""
GAIN = {
    "jawOpen": 0.62, "mouthFunnel": 0.75, "mouthPucker": 1.0, "mouthLowerDown": 1.0, "mouthUpperUp": 0.7,
    "mouthPress": 0.6, "mouthRollLower": 0.6, "mouthRollUpper": 0.3, "mouthShrugLower": 0.8, "mouthStretch": 0.7,
    "mouthSmile": 0.6,
}  # fmt: skip
"""Gains: the synthetic speakers' curves are bolder than suits a photograph; the lips' contact replaces mouthClose."""
SOFT, AUDIBLE, FULL = 0.5, 0.3, 0.7
"""Share of its opening that a mouth keeps in breaths, room noise and the stops between vowels: at loudness AUDIBLE and
below; from FULL on all of it. The network hears the phrase around them and keeps the lips apart."""
WIDEST = 0.40
"""jawOpen saturates here: speech, not a shout."""
AJAR = 0.2
"""Least jawOpen per unit of loudness above one half: nobody is loud through a mouth that is nearly shut."""
AGREES, DISAGREES = 0.7, 0.4
"""Correlation of jaw and loudness: above the first the network is trusted, below the second the loudness."""
MOST_BY_LOUDNESS = 0.7
BESIDE_CLOSURE = 0.5
"""Least closure of the lips in the frames beside a full closure."""
LONGEST_CLOSURE, NEAR_FRAMES, VOWEL = 4, 6, 0.9
"""Frames that lips stay closed on p, b or m, and share of the loudness nearby above which a moment is a vowel."""
SHARPEN = 0.6
"""Share of the difference to a 0.1 s mean that is added, because the regression is smoother than speech."""


@cache
def _encoder() -> SpeechEncoder:
    return load_speech_encoder(SHIPPED)


def encode(speech: Speech) -> Tensor:
    """The shipped speech encoder's states (n, 5, 384) at 50 Hz of a whole speech."""
    return _encoder().states(speech.samples)


def streams(states: Tensor, frames: int, network: SpeechMotion | None = None) -> dict[str, Array]:
    """Each channel of lip and head stream at every frame (frames,); states: (n, 5, 384).

    The mouth leads the sound by 0.03 s in the network's training data; no further lead is added.
    """
    network = load_speech_motion() if network is None else network
    with torch.no_grad():
        curves = network(states.flatten(1)[None])[0].double().numpy()
    at = np.clip(np.arange(frames) / FPS * STATE_RATE, 0, len(curves) - 1)
    index = np.arange(len(curves))
    return {name: np.interp(at, index, curve) for name, curve in zip((*LIP, *RHYTHM), curves.T, strict=True)}


def drive(
    speech: Speech, frames: int, seed: int, states: Tensor | None = None, network: SpeechMotion | None = None
) -> list[FaceMotion]:
    """What the face does in each frame at 24 frames a second.

    states: `encode(speech)`, if already computed; network: one to use instead of the one that ships. The seed decides
    blinks, glances and slow turns.
    """
    if not frames:
        return []
    samples = speech.samples
    lip = streams(encode(speech) if states is None else states, frames, network)
    level = loudness(samples, frames)
    # Without speech the mouth stays shut; it opens a little before the sound and closes softly.
    loud = np.clip((lip["speaking"] - 0.25) / 0.35, 0, 1) * np.clip((level - 0.15) / 0.2, 0, 1)
    shifted = [np.concatenate([loud[k:], np.repeat(loud[-1:], k)]) for k in range(round(OPENS_AHEAD * FPS) + 1)]
    voiced: Array = smooth(np.max([s[:frames] for s in shifted], 0), 0.035)
    beat = accents(samples, frames)
    for name in ("jawOpen", "mouthLowerDown", "mouthUpperUp"):
        lip[name] = (lip[name] + SHARPEN * (lip[name] - smooth(lip[name], 0.10))) * beat
    units = {name: np.maximum(lip[name], 0) * gain * voiced for name, gain in GAIN.items()}
    opening = SOFT + (1 - SOFT) * np.clip((level - AUDIBLE) / (FULL - AUDIBLE), 0, 1)
    for name in ("jawOpen", "mouthLowerDown", "mouthUpperUp"):
        units[name] *= opening
    units["jawOpen"] = np.maximum(units["jawOpen"], AJAR * np.clip(level - 0.5, 0, 0.5) * voiced)
    unsure = _unsure(lip["jawOpen"], level) * min(1.0, 5 * float(voiced.mean()))  # noise also correlates badly
    units["jawOpen"] += unsure * (0.8 * WIDEST * np.clip((level - 0.35) / 0.6, 0, 1) ** 1.5 * voiced - units["jawOpen"])
    units["jawOpen"] = WIDEST * np.tanh(units["jawOpen"] / WIDEST)
    units["mouthPucker"] = units["mouthPucker"] + 0.35 * units["mouthFunnel"]
    touch: Array = np.clip((lip["touch"] - 0.22) / 0.25, 0, 1)
    touch = _brief(np.where(voiced > 0.2, touch, 0), level)
    # A frame beside a closure is partly closed: mouths do not jump open.
    beside = np.pad(touch, 1, mode="edge")
    touch = np.maximum(touch, BESIDE_CLOSURE * np.maximum(beside[:-2], beside[2:]))
    tongue = np.clip(lip["tongueOut"] * 3, 0, 1)
    talking = smooth(voiced, 0.3)
    energy = np.clip(0.55 + 0.5 * lip["emphasis"] + 0.5 * lip["effort"], 0.5, 1.3)
    hits = syllables(level, lip["stress"])
    tracks = head_tracks(np.random.default_rng(seed), voiced, level, energy, hits)
    units["browInnerUp"] = units["browOuterUp"] = 0.45 * np.clip(tracks.brow, 0, 1)
    return [
        FaceMotion(
            units={name: float(curve[k]) for name, curve in units.items()},
            blink=float(tracks.blink[k]),
            pitch=float(tracks.turn[k, 0]),
            yaw=float(tracks.turn[k, 1]),
            roll=float(tracks.turn[k, 2]),
            shift=(float(tracks.shift[k, 0]), float(tracks.shift[k, 1])),
            gaze=(float(tracks.gaze[k, 0]), float(tracks.gaze[k, 1])),
            closed=float(touch[k]),
            tongue=float(tongue[k]),
            speaking=float(talking[k]),
        )
        for k in range(frames)
    ]


def _unsure(jaw: Array, level: Array) -> float:
    """How far the loudness `level` (T,) should replace the network's jaw opening `jaw` (T,), 0..1.

    In all speech the jaw opens with loudness (r 0.63 with the synthetic speakers' own curves). Where the network's jaw
    does not, the voice is unlike those that it learnt from.
    """
    if min(jaw.std(), level.std()) < 1e-6:
        return 0.0
    agreement = float(np.corrcoef(jaw, level)[0, 1])
    return float(np.clip((AGREES - agreement) / (AGREES - DISAGREES), 0, MOST_BY_LOUDNESS))


def _brief(touch: Array, level: Array) -> Array:
    """Closures (T,) 0..1, minus the loud parts of those that last too long: closed lips are not as loud as a vowel.

    For voices unlike those it learnt from, the network may keep lips closed through a syllable. level: (T,) loudness.
    """
    out, closed = touch.copy(), np.pad(touch > 0.5, 1)
    starts, ends = np.flatnonzero(closed[1:] & ~closed[:-1]), np.flatnonzero(~closed[1:] & closed[:-1])
    for start, end in zip(starts, ends, strict=True):
        if end - start > LONGEST_CLOSURE:
            around = level[max(0, start - NEAR_FRAMES) : end + NEAR_FRAMES].max()
            out[start:end] = np.where(level[start:end] > VOWEL * around, 0, touch[start:end])
    return out
