"""Sound in: any common file, or the sound of a video, becomes 16 kHz mono speech."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..config import SAMPLE_RATE, Limits
from ..errors import InputError
from ..speech.types import Speech
from .ffmpeg import command, describe, safe_input
from .files import check_file

SHORTEST_SECONDS = 0.2
RATES = (4_000, 384_000)
"""Sample rates that are believed, in hertz."""
LOUDEST_MEAN = 0.05
"""Channels that cancel each other to less than this share of the loudest one are not averaged."""
DECODING_SECONDS = 120
_BLOCK = 2**16

Samples = NDArray[np.float32]


def load_speech(path: str | Path, max_seconds: float | None = None, limits: Limits | None = None) -> Speech:
    """The sound in `path` as mono float32 at 16 kHz in -1..1, at most `max_seconds` long (default: the limits').

    Length, rate and file size are checked on the headers, before any sample is decoded; a file whose header does
    not tell its length is decoded up to the limit. Silence is sound. Errors: InputError.
    """
    limits = limits or Limits()
    longest = limits.speech_seconds if max_seconds is None else max_seconds
    path = check_file(path, "sound file", limits)
    try:
        samples, rate = _read_soundfile(path, longest)
    except soundfile.LibsndfileError:
        samples, rate = _read_ffmpeg(path, longest), SAMPLE_RATE
    samples = _finite(samples, path.name)
    if rate != SAMPLE_RATE:
        samples = resample(samples, rate)
    if len(samples) > round(longest * SAMPLE_RATE):
        raise _too_long(path.name, longest)
    if len(samples) < SHORTEST_SECONDS * SAMPLE_RATE:
        raise InputError(
            f"{path.name} has only {len(samples) / SAMPLE_RATE:.2f} seconds of sound: "
            f"choose one of at least {SHORTEST_SECONDS} seconds."
        )
    return Speech(np.clip(samples, -1.0, 1.0))


def resample(samples: Samples, rate: int) -> Samples:
    """Mono float32 samples of `rate` hertz at 16 kHz, band-limited, with the length that the ratio demands."""
    arguments = command("-f", "f32le", "-ar", str(rate), "-ac", "1", "-i", "pipe:0", *_raw_output())
    done = subprocess.run(arguments, input=samples.astype("<f4").tobytes(), capture_output=True, check=True)
    resampled = np.frombuffer(done.stdout, "<f4").astype(np.float32)
    length = len(samples) * SAMPLE_RATE // rate
    return np.pad(resampled, (0, max(length - len(resampled), 0)))[:length]


def write_wav(path: str | Path, speech: Speech) -> None:
    """Speech as a 16-bit WAV file."""
    soundfile.write(path, speech.samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")


def _raw_output() -> list[str]:
    return ["-ar", str(SAMPLE_RATE), "-ac", "1", "-f", "f32le", "pipe:1"]


def _too_long(name: str, longest: float, seconds: float | None = None) -> InputError:
    length = f"{seconds:.0f} seconds" if seconds is not None else "more"
    return InputError(f"{name} has {length} of sound, the limit is {longest:g} seconds: cut it shorter.")


def _read_soundfile(path: Path, longest: float) -> tuple[Samples, int]:
    """Mono samples and their rate; LibsndfileError when the library does not know the format."""
    with soundfile.SoundFile(path) as file:
        rate = file.samplerate
        if not RATES[0] <= rate <= RATES[1]:
            raise InputError(f"{path.name} has a sample rate of {rate} Hz: convert it to 16000 Hz.")
        if file.frames > longest * rate:
            raise _too_long(path.name, longest, file.frames / rate)
        if file.format != "MP3":
            return _read_mono(file), rate
    # libsndfile's MP3 decoder prints complaints about harmless first frames where users would see them
    return _read_ffmpeg(path, longest), SAMPLE_RATE


def _read_mono(file: soundfile.SoundFile) -> Samples:
    """All channels as one (N,): their mean, or the loudest one where they cancel each other.

    Block by block, because a small compressed file can hold many channels.
    """
    means = [np.zeros(0, np.float32)]
    energy, mean_energy = np.zeros(file.channels), 0.0
    for block in file.blocks(_BLOCK, dtype="float32", always_2d=True):
        means.append(block.mean(axis=1))
        energy += np.square(np.nan_to_num(block, posinf=0.0, neginf=0.0), dtype=np.float64).sum(axis=0)
        mean_energy += float(np.square(np.nan_to_num(means[-1], posinf=0.0, neginf=0.0), dtype=np.float64).sum())
    if file.channels > 1 and mean_energy < LOUDEST_MEAN**2 * energy.max():
        loudest = int(energy.argmax())
        file.seek(0)
        return np.concatenate([b[:, loudest] for b in file.blocks(_BLOCK, dtype="float32", always_2d=True)])
    return np.concatenate(means)


def _read_ffmpeg(path: Path, longest: float) -> Samples:
    info = describe(path)
    if not info.has_sound:
        raise InputError(f"{path.name} has no sound: choose a file with speech in it.")
    # Containers count their own padding, so whether a little more is too much is decided after decoding.
    if info.seconds is not None and info.seconds > longest + 1:
        raise _too_long(path.name, longest, info.seconds)
    arguments = command(*safe_input(path), "-map", "0:a:0", "-t", f"{longest + 1:g}", *_raw_output())
    try:
        done = subprocess.run(arguments, capture_output=True, timeout=DECODING_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{path.name} takes too long to decode: convert it to WAV first.") from error
    samples = np.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], "<f4").astype(np.float32)
    if not len(samples):
        raise InputError(f"The sound in {path.name} cannot be decoded: convert it to WAV or MP3.")
    return samples


def _finite(samples: Samples, name: str) -> Samples:
    """Samples with damaged ones (NaN, infinite) silenced; a file of nothing else is refused."""
    sound = np.isfinite(samples)
    if len(samples) and not sound.any():
        raise InputError(f"{name} holds no valid samples: export it again as WAV.")
    return np.where(sound, samples, np.float32(0))
