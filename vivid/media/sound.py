"""Sound in: any common file, or the sound of a video, becomes 16 kHz mono speech."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..config import SAMPLE_RATE, Limits
from ..errors import InputError, Message
from ..speech.types import Speech
from .children import Child
from .ffmpeg import MediaInfo, command, describe, run_ffmpeg, safe_input, too_slow
from .files import check_file

SHORTEST_SECONDS = 0.2
CANCELLED = 0.05
"""Channels whose mean has less than this share of the loudest channel's level cancel each other."""
MOST_CHANNELS = 16
DECODING_SECONDS = 20
_PADDING_SECONDS = 0.08
"""Padding that encoders add to a sound; this much beyond the limit is cut off silently."""
_ON_TIME = 0.04
"""About one frame: a sound that starts no later than this after its pictures counts as on time."""
_BASS = 3
"""Index of the low-frequency channel among 6 or 8; it carries no voice."""
_AU_HEADER = 24

Samples = NDArray[np.float32]


class TooLongError(InputError):
    """More sound than the limit; `seconds` is its length, if the header states it."""

    def __init__(self, name: str, longest: float, seconds: float | None) -> None:
        length = Message("{} seconds", f"{seconds:.0f}") if seconds is not None else "more"
        super().__init__("{} has {} of sound, the limit is {} seconds: cut it shorter.", name, length, f"{longest:g}")
        self.seconds = seconds


def load_speech(
    path: str | Path, max_seconds: float | None = None, limits: Limits | None = None, cut: bool = False
) -> Speech:
    """The sound in `path` as mono float32 at 16 kHz in -1..1, at most `max_seconds` long (default: the limits').

    Longer ones are refused (TooLongError), or with `cut` only their beginning is taken. The length is counted in
    samples, because headers are wrong too often. No more than the limit is decoded. If a video's sound starts after its
    pictures, silence is put in front. Silence counts as sound. Errors: InputError.
    """
    limits = limits or Limits()
    longest = limits.speech_seconds if max_seconds is None else max_seconds
    path = check_file(path, "sound file", limits)
    info = describe(path)
    if not info.has_sound:
        raise InputError("{} has no sound: choose a file with speech in it.", path.name)
    samples = mix(_finite(_decode(path, longest + 1), path.name))
    if info.width and (late := _late(path, info)):
        samples = np.concatenate([np.zeros(round(min(late, longest) * SAMPLE_RATE), np.float32), samples])
    most = round(longest * SAMPLE_RATE)
    if len(samples) > most + _PADDING_SECONDS * SAMPLE_RATE and not cut:
        known = info.seconds if info.seconds is not None and info.seconds > longest else None
        raise TooLongError(path.name, longest, known)
    samples = samples[:most]
    if len(samples) < SHORTEST_SECONDS * SAMPLE_RATE:
        raise InputError(
            "{} has only {} seconds of sound: choose one of at least {} seconds.",
            path.name,
            f"{len(samples) / SAMPLE_RATE:.2f}",
            SHORTEST_SECONDS,
        )
    return Speech(np.clip(samples, -1.0, 1.0, out=samples))


def mix(channels: Samples) -> Samples:
    """Channels (N, C) as one (N,), as loud as the loudest of them: a voice sounds the same in one channel or in all.

    Their mean, without the bass channel of 5.1 and 7.1, is raised to the level (root mean square) of the loudest
    channel, but not over full scale; where the channels cancel each other, the loudest one is taken alone.
    """
    count = channels.shape[1]
    if count == 1:
        return channels[:, 0]
    if count in (6, 8):
        channels = channels[:, [place for place in range(count) if place != _BASS]]
    levels = np.sqrt(np.square(channels, dtype=np.float64).mean(0))
    loudest = channels[:, int(levels.argmax())]
    mean = channels.mean(1)
    level = float(np.sqrt(np.square(mean, dtype=np.float64).mean()))
    if level <= CANCELLED * levels.max():
        return loudest
    ceiling = max(float(np.abs(channels).max()), 1.0)
    gain = min(levels.max() / level, ceiling / float(np.abs(mean).max()))
    return (mean * gain).astype(np.float32)


def write_wav(path: str | Path, speech: Speech) -> None:
    """Speech as a 16-bit WAV file."""
    soundfile.write(path, speech.samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")


def _decode(path: Path, seconds: float) -> Samples:
    """All channels of at most the first `seconds` as (N, C) at 16 kHz; damaged samples may be NaN or infinite."""
    # Mixing is done here, not by ffmpeg, whose mix depends on the file's sample format and channel layout.
    output = ["-ar", str(SAMPLE_RATE), "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]  # the AU header states the channels
    arguments = command(*safe_input(path), "-map", "0:a:0", "-t", f"{seconds:g}", *output)
    with Child(arguments, DECODING_SECONDS, lambda: too_slow(path.name)) as child:
        header = child.read(_AU_HEADER)
        if len(header) < _AU_HEADER or header[:4] != b".snd":
            raise InputError("The sound in {} cannot be decoded: convert it to WAV or MP3.", path.name)
        offset, channels = int.from_bytes(header[4:8], "big"), int.from_bytes(header[20:24], "big")
        if not 1 <= channels <= MOST_CHANNELS:
            raise InputError("{} has {} channels of sound: mix it down to mono or stereo first.", path.name, channels)
        child.read(offset - _AU_HEADER)
        samples = np.zeros((round(seconds * SAMPLE_RATE), channels), np.float32)
        whole = child.readinto(samples.data.cast("B")) // (4 * channels)
    if not whole:
        raise InputError("{} is empty or damaged: there is no moment of sound in it. Record it anew.", path.name)
    return samples[:whole].byteswap(inplace=True) if sys.byteorder == "little" else samples[:whole]


def _late(path: Path, info: MediaInfo) -> float:
    """Seconds from the beginning of a video to the beginning of its sound."""
    arguments = command("-copyts", *safe_input(path), "-map", "0:a:0", "-frames:a", "1", "-f", "framecrc", "pipe:1")
    text = run_ffmpeg(arguments, path.name, DECODING_SECONDS, 4096).decode("ascii", "replace")
    base, start = None, None
    for line in text.splitlines():
        if line.startswith("#tb 0:"):
            over, _, under = line.removeprefix("#tb 0:").strip().partition("/")
            base = int(over) / int(under)
        elif not line.startswith("#"):
            start = int(line.split(",")[2])
            break
    late = start * base - info.start if start is not None and base is not None else 0.0
    return late if late > _ON_TIME else 0.0


def _finite(samples: Samples, name: str) -> Samples:
    """The samples with damaged ones (NaN, infinite) silenced in place; a file with no other samples is refused."""
    damaged = ~np.isfinite(samples)
    if damaged.all():
        raise InputError("{} holds no valid samples: export it again as WAV.", name)
    samples[damaged] = 0.0
    return samples
