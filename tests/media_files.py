"""Small sound and video files for tests, made with the program's own ffmpeg."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import soundfile

from vivid.media.ffmpeg import ffmpeg_program


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg and insist that it worked."""
    command = [ffmpeg_program(), "-y", "-hide_banner", "-nostdin", "-loglevel", "error", *map(str, arguments)]
    subprocess.run(command, check=True)


def tone(seconds: float = 1.0, rate: int = 16_000, hertz: float = 440.0, level: float = 0.4) -> np.ndarray:
    """A sine, float32 (N,)."""
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def wav(path: Path, samples: np.ndarray, rate: int = 16_000, subtype: str = "FLOAT") -> Path:
    """Write samples as they are."""
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def pitch(samples: np.ndarray, rate: int = 16_000) -> float:
    """The strongest frequency, in hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


def video(path: Path, *options: str, size: str = "64x48", rate: str = "24", seconds: float = 1.0) -> Path:
    """A test picture with a running counter; options go in front of the output."""
    source = f"testsrc=size={size}:rate={rate}:duration={seconds:g}"
    ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", *options, path)
    return path
