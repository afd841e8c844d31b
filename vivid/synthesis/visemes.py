"""Phones, their mouth shapes, and mouth curves over time."""

from __future__ import annotations

import dataclasses

import numpy as np

from .transforms import Array


@dataclasses.dataclass
class Phone:
    """One phone: start and end in seconds, IPA symbol, viseme class, stressed vowel or not."""

    start: float
    end: float
    symbol: str
    viseme: str
    stress: bool = False


def _both(name: str, value: float) -> dict[str, float]:
    return {name + "Left": value, name + "Right": value}


VISEMES: dict[str, dict[str, float]] = {
    "sil": {},
    "PP": {
        "jawOpen": 0.06,
        "mouthClose": 0.07,
        **_both("mouthPress", 0.55),
        "mouthRollLower": 0.35,
        "mouthRollUpper": 0.25,
    },
    "FF": {"jawOpen": 0.10, "mouthRollLower": 0.75, **_both("mouthUpperUp", 0.35), "mouthShrugLower": 0.2},
    "TH": {"jawOpen": 0.20, "tongueOut": 0.35, **_both("mouthLowerDown", 0.25)},
    "DD": {"jawOpen": 0.16, **_both("mouthLowerDown", 0.35), **_both("mouthUpperUp", 0.15)},
    "kk": {"jawOpen": 0.22, **_both("mouthLowerDown", 0.2), **_both("mouthStretch", 0.1)},
    "CH": {"jawOpen": 0.10, "mouthFunnel": 0.65, **_both("mouthLowerDown", 0.25), **_both("mouthUpperUp", 0.2)},
    "SS": {
        "jawOpen": 0.05,
        **_both("mouthStretch", 0.3),
        **_both("mouthLowerDown", 0.45),
        **_both("mouthUpperUp", 0.25),
    },
    "nn": {"jawOpen": 0.15, **_both("mouthLowerDown", 0.25)},
    "RR": {"jawOpen": 0.14, "mouthFunnel": 0.4, "mouthPucker": 0.2},
    "aa": {"jawOpen": 0.66, **_both("mouthLowerDown", 0.28), **_both("mouthUpperUp", 0.18)},
    "E": {"jawOpen": 0.40, **_both("mouthStretch", 0.35), **_both("mouthLowerDown", 0.28), **_both("mouthSmile", 0.15)},
    "I": {"jawOpen": 0.20, **_both("mouthStretch", 0.45), **_both("mouthSmile", 0.3), **_both("mouthLowerDown", 0.32)},
    "O": {"jawOpen": 0.44, "mouthFunnel": 0.75, "mouthPucker": 0.15},
    "U": {"jawOpen": 0.16, "mouthPucker": 0.85, "mouthFunnel": 0.25},
    "AX": {"jawOpen": 0.28, **_both("mouthLowerDown", 0.15)},
}


VISEME_NAMES = tuple(VISEMES)


_CLASSES = [
    ("PP", "p b m"),
    ("FF", "f v"),
    ("TH", "θ ð"),
    ("CH", "tʃ dʒ ʃ ʒ"),
    ("SS", "s z"),
    ("DD", "t d ɾ l ɫ"),
    ("nn", "n ŋ"),
    ("kk", "k ɡ g h x ʔ"),
    ("RR", "ɹ r ɚ ɝ ɜ"),
    ("U", "w u ʊ"),
    ("O", "o ɔ oʊ ɔɪ əʊ ɒ"),
    ("I", "i ɪ j eɪ"),
    ("E", "e ɛ æ"),
    ("aa", "a ɑ aɪ aʊ ɐ ʌ"),
    ("AX", "ə ᵻ"),
]


_VISEME_OF = {p: v for v, symbols in _CLASSES for p in symbols.split()}


PHONE_NAMES = ("",) + tuple(sorted(_VISEME_OF))


UNITS = tuple(sorted({u for shape in VISEMES.values() for u in shape}))


def clean_symbol(symbol: str) -> str:
    """IPA symbol without stress and length marks, reduced to an entry of PHONE_NAMES ('' for silence)."""
    s = symbol.replace("ˈ", "").replace("ˌ", "").replace("ː", "").strip()
    return next((k for k in (s, s[:2], s[:1]) if k in _VISEME_OF), "")


def viseme(symbol: str) -> str:
    return _VISEME_OF.get(clean_symbol(symbol), "sil")


def mouth_curves(phones: list[Phone], fps: float, count: int, gain: float = 1.0) -> Array:
    """(count, len(UNITS)): phone targets blended by dominance; lips lead the sound slightly."""
    time = np.arange(count) / fps + 0.03
    total, weight = np.zeros((count, len(UNITS))), np.full(count, 1e-3)
    speaking = np.zeros(count)
    for p in phones:
        centre, half = (p.start + p.end) / 2, (p.end - p.start) / 2
        strength = {"PP": 3.0, "FF": 2.2, "sil": 0.7}.get(p.viseme, 1.3 if p.stress else 1.0)
        w = strength * np.exp(-0.5 * ((time - centre) / (min(half, 0.12) * 0.75 + 0.022)) ** 2)
        scale = 1.12 if p.stress else 1.0
        total += w[:, None] * np.array([VISEMES[p.viseme].get(u, 0.0) * scale for u in UNITS])
        weight += w
        if p.viseme != "sil":
            speaking = np.maximum(
                speaking, 1 / (1 + np.exp(-(time - p.start + 0.06) / 0.02)) / (1 + np.exp((time - p.end - 0.06) / 0.02))
            )
    return total / weight[:, None] * speaking[:, None] * gain


def frame_tracks(phones: list[Phone], fps: float, count: int) -> tuple[Array, Array, Array]:
    """Per frame: index into PHONE_NAMES, index into VISEME_NAMES, stressed vowel (0/1); uint8."""
    phone, shape, stress = np.zeros(count, "u1"), np.zeros(count, "u1"), np.zeros(count, "u1")
    time = (np.arange(count) + 0.5) / fps
    for p in phones:
        inside = (time >= p.start) & (time < p.end)
        phone[inside] = PHONE_NAMES.index(clean_symbol(p.symbol))
        shape[inside] = VISEME_NAMES.index(p.viseme)
        stress[inside] = p.stress
    return phone, shape, stress
