"""Synthetic speech with phone times (espeak-ng, flite) and mouth curves derived from the phones.

espeak-ng (GPL-3) and flite (BSD-like) are called as external tools/libraries; none of their code is included.
"""

from __future__ import annotations

import ctypes as ct
import ctypes.util
import dataclasses
import difflib
import functools
import multiprocessing
import os
import pathlib
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable
from typing import Any

import numpy as np

from ..config import SAMPLE_RATE
from .transforms import Array
from .visemes import Phone, viseme

EVENT_PHONEME = 7
AUDIO_SYNCHRONOUS, PHONEME_EVENTS, PHONEME_IPA = 2, 1, 2
RATE, PITCH, RANGE = 1, 3, 4
FLITE_SHARE = 0.3
"""How often flite speaks where it is installed."""


@dataclasses.dataclass
class Voice:
    """A synthesiser voice; `key` identifies voice and prosody class in the data set."""

    engine: str
    name: str
    male: bool
    key: int


_ESPEAK_MALE = [
    "", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "adam", "Alex", "Andy", "david", "ed", "edward", "Gene",
    "john", "Lee", "michael", "Mike", "paul", "rob", "robert", "travis", "klatt", "klatt4",
]  # fmt: skip


_ESPEAK_FEMALE = [
    "f1", "f2", "f3", "f4", "f5", "Alicia", "Andrea", "Annie", "belinda", "linda", "steph", "steph2", "steph3",
    "anika",
]  # fmt: skip


_ACCENTS = ["en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp"]


_FLITE = [("rms", True), ("awb", True), ("kal16", True), ("slt", False)]


@functools.lru_cache(None)
def voices() -> list[Voice]:
    """All voices in a fixed order (`key` is the index)."""
    out = []
    for accent in _ACCENTS:
        out += [Voice("espeak", f"{accent}+{v}" if v else accent, True, 0) for v in _ESPEAK_MALE]
        out += [Voice("espeak", f"{accent}+{v}", False, 0) for v in _ESPEAK_FEMALE]
    out += [Voice("flite", name, male, 0) for name, male in _FLITE]
    return [dataclasses.replace(v, key=i) for i, v in enumerate(out)]


def choose_voice(rng: np.random.Generator, male: bool, pool: list[Voice] | None = None) -> Voice:
    """A random voice of the given gender; flite only where its program is installed."""
    same = [v for v in (voices() if pool is None else pool) if v.male == male]
    flite = [v for v in same if v.engine == "flite"]
    if flite and shutil.which("flite") and rng.random() < FLITE_SHARE:
        return flite[rng.integers(len(flite))]
    espeak = [v for v in same if v.engine == "espeak"]
    return espeak[rng.integers(len(espeak))]


class _Id(ct.Union):
    _fields_ = [("number", ct.c_int), ("name", ct.c_char_p), ("string", ct.c_char * 8)]


class _Event(ct.Structure):
    _fields_ = [
        ("type", ct.c_int),
        ("uid", ct.c_uint),
        ("text_pos", ct.c_int),
        ("length", ct.c_int),
        ("audio_pos", ct.c_int),
        ("sample", ct.c_int),
        ("user", ct.c_void_p),
        ("id", _Id),
    ]


def _in_child(function: Callable[..., Any], *args: object) -> Any:
    """The result of a call made in a forked process: espeak-ng keeps state from one text to the next, and a clip must
    not depend on what was spoken before. Called directly where there is no fork.
    """
    if not hasattr(os, "fork"):
        return function(*args)
    reader, writer = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        try:
            writer.send(function(*args))
        finally:
            os._exit(0)
    writer.close()
    try:
        return reader.recv()
    except EOFError:
        raise RuntimeError("espeak-ng ended without speaking") from None
    finally:
        os.waitpid(child, 0)


def _espeak() -> tuple[ct.CDLL, int]:
    lib = ct.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
    lib.espeak_TextToPhonemes.restype = ct.c_char_p
    lib.espeak_TextToPhonemes.argtypes = [ct.POINTER(ct.c_char_p), ct.c_int, ct.c_int]
    return lib, lib.espeak_Initialize(AUDIO_SYNCHRONOUS, 0, None, PHONEME_EVENTS | PHONEME_IPA)


def _stress_marks(lib: ct.CDLL, text: str) -> list[str]:
    """IPA symbols of the text in order; primary stress is kept as a leading mark."""
    pointer = ct.c_char_p(text.encode("utf8"))
    out: list[str] = []
    while pointer.value:
        part = lib.espeak_TextToPhonemes(ct.byref(pointer), 1, 0x02 | (ord("_") << 8))
        if part is None:
            break
        out += [s for word in part.decode("utf8", "ignore").split() for s in word.split("_") if s]
    return out


def _espeak_speech(text: str, name: str, rate: float, pitch: float, spread: float) -> tuple[Array, int, list[Phone]]:
    lib, rate_hz = _espeak()
    pcm: list[Array] = []
    events: list[tuple[float, str]] = []
    callback_type = ct.CFUNCTYPE(ct.c_int, ct.POINTER(ct.c_short), ct.c_int, ct.POINTER(_Event))

    def callback(samples: Any, count: int, event_list: Any) -> int:
        if count and samples:
            pcm.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while event_list[i].type:
            e = event_list[i]
            if e.type == EVENT_PHONEME:
                events.append((e.audio_pos / 1000.0, e.id.string.decode("utf8", "ignore")))
            i += 1
        return 0

    keep = callback_type(callback)
    lib.espeak_SetSynthCallback(keep)
    lib.espeak_SetVoiceByName(name.encode())
    for key, value in ((RATE, rate), (PITCH, pitch), (RANGE, spread)):
        lib.espeak_SetParameter(key, int(value), 0)
    data = text.encode("utf8")
    lib.espeak_Synth(data, len(data) + 1, 0, 0, 0, 1, None, None)
    lib.espeak_Synchronize()
    samples = np.concatenate(pcm) if pcm else np.zeros(1, np.int16)
    total = len(samples) / rate_hz
    symbols = [s for _, s in events]
    marked = _stress_marks(lib, text)
    plain = [m.replace("ˈ", "").replace("ˌ", "") for m in marked]
    stressed = set()
    for block in difflib.SequenceMatcher(None, symbols, plain, autojunk=False).get_matching_blocks():
        stressed |= {block.a + k for k in range(block.size) if "ˈ" in marked[block.b + k]}
    phones = []
    for i, (start, symbol) in enumerate(events):
        end = events[i + 1][0] if i + 1 < len(events) else total
        phones.append(Phone(start, max(end, start + 0.01), symbol, viseme(symbol), i in stressed))
    return samples, rate_hz, phones


# fmt: off
_ARPA = {
    'aa': 'ɑ', 'ae': 'æ', 'ah': 'ʌ', 'ao': 'ɔ', 'aw': 'aʊ', 'ax': 'ə', 'axr': 'ɚ', 'ay': 'aɪ',
    'b': 'b', 'ch': 'tʃ', 'd': 'd', 'dh': 'ð', 'dx': 'ɾ', 'eh': 'ɛ', 'el': 'l', 'em': 'm', 'en': 'n',
    'er': 'ɝ', 'ey': 'eɪ', 'f': 'f', 'g': 'g', 'hh': 'h', 'hv': 'h', 'ih': 'ɪ', 'iy': 'i', 'jh': 'dʒ',
    'k': 'k', 'l': 'l', 'm': 'm', 'n': 'n', 'ng': 'ŋ', 'ow': 'oʊ', 'oy': 'ɔɪ', 'p': 'p', 'r': 'ɹ',
    's': 's', 'sh': 'ʃ', 't': 't', 'th': 'θ', 'uh': 'ʊ', 'uw': 'u', 'v': 'v', 'w': 'w', 'y': 'j',
    'z': 'z', 'zh': 'ʒ', 'pau': '',
}
# fmt: on


_VOWELS = set("aeiouɑæʌɔəɚɛɝɪʊɐɒᵻ")


def _flite_speech(text: str, name: str, stretch: float) -> tuple[Array, int, list[Phone]]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "speech.wav")
        done = subprocess.run(
            ["flite", "-voice", name, "--setf", f"duration_stretch={stretch:.2f}", "-psdur", "-t", text, "-o", path],
            capture_output=True,
            text=True,
            check=True,
        )
        with wave.open(path) as f:
            rate_hz = f.getframerate()
            samples = np.frombuffer(f.readframes(f.getnframes()), np.int16)
    items = (done.stdout + " " + done.stderr).replace(":", " ").split()
    phones, start = [], 0.0
    offset = 0.0
    for symbol, end_text in zip(items[::2], items[1::2], strict=False):
        end = float(end_text) + offset
        if end < start - 0.05:  # flite restarts its clock with every sentence
            offset = start
            end = float(end_text) + offset
        ipa = _ARPA.get(symbol.rstrip("012"), "")
        phones.append(Phone(start, end, ipa, viseme(ipa)))
        start = end
    # flite prints no stress: full vowels that are long compared with their neighbours count as stressed
    vowels = [p for p in phones if p.symbol and p.symbol[0] in _VOWELS and p.symbol not in ("ə", "ɚ")]
    lengths = np.array([p.end - p.start for p in vowels])
    for i, p in enumerate(vowels):
        p.stress = lengths[i] > np.median(lengths[max(0, i - 3) : i + 4]) * 1.05
    return samples, rate_hz, phones


def _resampled(samples: Array, rate_hz: int) -> Array:
    """The samples at SAMPLE_RATE."""
    if rate_hz == SAMPLE_RATE:
        return samples
    from scipy.signal import resample_poly

    divisor = int(np.gcd(rate_hz, SAMPLE_RATE))
    return resample_poly(samples.astype(float), SAMPLE_RATE // divisor, rate_hz // divisor)


def espeak(text: str, name: str, rate: float, pitch: float, spread: float) -> tuple[Array, list[Phone]]:
    """A text in any of espeak-ng's voices: samples at SAMPLE_RATE in the range of int16, and the phones.

    rate: words a minute; pitch, spread (of the pitch): 0-100.
    """
    samples, rate_hz, phones = _in_child(_espeak_speech, text, name, rate, pitch, spread)
    return _resampled(samples, rate_hz), phones


def synthesise(text: str, voice: Voice, rng: np.random.Generator) -> tuple[Array, list[Phone]]:
    """int16 mono at 16 kHz and the phones."""
    if voice.engine == "flite":
        samples, rate_hz, phones = _flite_speech(text, voice.name, rng.uniform(0.9, 1.2))
        samples = _resampled(samples, rate_hz)
    else:
        samples, phones = espeak(text, voice.name, rng.integers(135, 175), rng.uniform(30, 60), rng.uniform(45, 80))
    samples = samples / max(1.0, np.abs(samples).max()) * 32767 * rng.uniform(0.5, 0.9)
    return samples.astype(np.int16), phones
