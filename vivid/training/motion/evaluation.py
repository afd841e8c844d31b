"""How well mouths follow speech not used in training: other sentences and voices, with known mouths."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import torch

from ...config import FPS
from ...evaluation.metrics.mouth import correlation_and_lag, correlation_at
from ...generators.layered.drive import drive
from ...generators.layered.speech_motion import LIP, MOUTH, RHYTHM, SpeechMotion
from ...speech.encoder import SHIPPED, load_speech_encoder
from ...speech.types import Speech
from ...speech.windows import STATE_RATE
from ...synthesis.transforms import Array
from .languages import LANGUAGES
from .recordings import Recording, RecordingConditions, record, targets

CASES: dict[str, dict[str, Any]] = {
    "clean": {},
    "room and noise": {"room": True, "microphone": True, "noise": 15.0},
    "music": {"music": 8.0},
    "whispered": {"manner": "whispered"},
    "shouted": {"manner": "shouted", "noise": 30.0},
    "sung": {"manner": "sung", "music": 15.0},
}
SHOWN = ("jawOpen", "mouthPucker", "mouthLowerDown", "touch")
"""Channels whose correlations are reported."""
FURTHEST = 3
"""The largest lag looked at, in steps of a curve."""
TOUCH_TRUE, TOUCH_FOUND, TOUCH_NONE = 0.9, 0.4, 0.1
"""Target above which lips touch, prediction that counts as touching, target below which they should not touch."""


def held_out_recordings(every: bool = True) -> list[Recording]:
    """A recording for each language and case, and some without any speech; `every` False: the clean ones only."""
    out = []
    for language in LANGUAGES:
        for name, case in CASES.items():
            if every or name == "clean":
                rng = np.random.default_rng([7, zlib.crc32(f"{language} {name}".encode())])
                out.append(record(rng, RecordingConditions(language, **case), held_out=True))
    if every:
        for seed, conditions in enumerate((RecordingConditions(None, noise=0.0), RecordingConditions(None, music=0.0))):
            out.append(record(np.random.default_rng([8, seed]), conditions, held_out=True))
    return out


def closures(found: Array, truth: Array, limit: float = TOUCH_FOUND) -> tuple[float, float]:
    """Share of the moments of touching lips that are found, and share of all others found touching by mistake."""
    on, off = truth > TOUCH_TRUE, truth < TOUCH_NONE
    return (
        float((found[on] > limit).mean()) if on.any() else 1.0,
        float((found[off] > limit).mean()) if off.any() else 0.0,
    )


def evaluate_motion(network: SpeechMotion, recordings: list[Recording] | None = None) -> dict[str, dict[str, float]]:
    """Numbers for each recording of `held_out_recordings`, of the network's curves and of the driven face.

    NAME r: correlations at 50 Hz; lag: in 20 ms; found, false: see `closures`; open: mean jaw without speech; driven
    jaw r, lag (in frames), found, false: the same for the output of `drive` at 24 frames a second.
    """
    encoder = load_speech_encoder(SHIPPED)
    out: dict[str, dict[str, float]] = {}
    cases = {tuple(sorted(case.items())): name for name, case in CASES.items()}
    for recording in held_out_recordings() if recordings is None else recordings:
        states = encoder.states(recording.samples)
        with torch.no_grad():
            curves = network(states.flatten(1)[None])[0].numpy()
        goals = targets(recording, len(curves))
        found, truth = (dict(zip((*LIP, *RHYTHM), x.T.astype(float), strict=True)) for x in (curves, goals))
        speech = Speech(recording.samples)
        motions = drive(speech, speech.frames, 0, states, network)
        jaw = np.array([m.units["jawOpen"] for m in motions])
        shut = np.array([m.closed for m in motions])
        language = recording.conditions.language
        if language is None:
            name = "no speech, " + ("music" if recording.conditions.music is not None else "noise")
            out[name] = {"open": float(np.maximum(found["jawOpen"], 0).mean()), "driven open": float(jaw.mean())}
            continue
        given = {k: v for k, v in vars(recording.conditions).items() if k != "language" and v not in (None, False)}
        if given.get("manner") == "spoken":
            del given["manner"]
        reported = (*SHOWN, *RHYTHM[:3])
        numbers = {f"{channel} r": correlation_at(found[channel], truth[channel], 0) for channel in reported}
        numbers["effort"] = float(found["effort"][truth["talk"] > 0.5].mean())
        numbers["lag"] = correlation_and_lag(found["jawOpen"], truth["jawOpen"], FURTHEST)[1]
        numbers["found"], numbers["false"] = closures(found["touch"], truth["touch"])
        at = np.clip(np.round(np.arange(len(jaw)) / FPS * STATE_RATE).astype(int), 0, len(goals) - 1)
        numbers["driven jaw r"], numbers["driven lag"] = correlation_and_lag(jaw, truth["jawOpen"][at], FURTHEST)
        numbers["driven found"], numbers["driven false"] = closures(shut, truth["touch"][at], 0.5)
        quiet = truth["speaking"][at] < 0.02
        numbers["driven quiet"] = float(jaw[quiet].mean()) if quiet.any() else 0.0
        out[f"{language}, {cases[tuple(sorted(given.items()))]}"] = numbers
    return out


def report_lines(numbers: dict[str, dict[str, float]]) -> list[str]:
    """The numbers as text, one line a recording, and the means of languages and cases."""
    groups: dict[str, list[dict[str, float]]] = {}
    for name, row in numbers.items():
        language, case = name.split(", ")
        if language != "no speech":
            for group in (language, case, "all"):
                groups.setdefault(f"mean of {group}", []).append(row)
    means = {name: {k: float(np.mean([row[k] for row in rows])) for k in rows[0]} for name, rows in groups.items()}
    return [
        f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in row.items())
        for name, row in (numbers | means).items()
    ]


assert set(SHOWN) <= {*MOUTH, "touch"}
