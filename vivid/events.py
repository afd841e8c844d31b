"""What a run tells while it works, and how long it will still take."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Step:
    """Progress: `done` of `total` units of work in this phase ("denoise" or "decode").

    `seconds_left` covers everything that remains; `preview` is an RGB picture (H, W, 3) of the middle frame, once a
    sampling step.
    """

    done: int
    total: int
    phase: str
    seconds_left: float
    preview: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Result:
    """What a finished run leaves behind; `peak_memory` in bytes (of the GPU, or of the process on a CPU)."""

    path: Path
    frames: int
    fps: int
    seconds: float
    seed: int
    model: str
    untrained: tuple[str, ...]
    peak_memory: int
    settings: dict[str, Any]
    calibration: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return dataclasses.asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True)
class Done:
    """The last event of a run."""

    result: Result


Event = Step | Done


@dataclass(frozen=True)
class Speed:
    """Seconds of work on this machine at the model's own size: `evaluate` for each frame of one denoiser call,
    `decode` for each decoded frame."""

    evaluate: float
    decode: float


@dataclass(frozen=True)
class Workload:
    """How much a run has to do: frames through the denoiser, frames to decode, both as multiples of the model's size.

    frames_evaluated counts every sampling step, window and guidance evaluation; previews are one decoded frame a step.
    """

    frames_evaluated: float
    frames_decoded: float
    previews: float

    def seconds(self, speed: Speed) -> float:
        """Expected seconds of the whole run, loading aside."""
        return self.frames_evaluated * speed.evaluate + (self.frames_decoded + self.previews) * speed.decode


class Clock:
    """Time left, from the speed of this very run as soon as there is any."""

    def __init__(self, work: Workload, speed: Speed | None) -> None:
        self.work, self.speed = work, speed or Speed(0.0, 0.0)
        self.started = time.perf_counter()
        self._phase_started = self.started
        self._denoise_seconds = 0.0
        self._decode_seconds = 0.0

    def denoise_left(self, done: int, total: int) -> float:
        """Seconds left after `done` of `total` denoising units."""
        self._denoise_seconds = time.perf_counter() - self._phase_started
        return self._denoise_seconds / done * (total - done) + self.work.frames_decoded * self.speed.decode

    def start_decoding(self) -> None:
        """Denoising is over."""
        self._phase_started = time.perf_counter()

    def decode_left(self, done: int, total: int) -> float:
        """Seconds left after `done` of `total` decoded frames."""
        self._decode_seconds = time.perf_counter() - self._phase_started
        return self._decode_seconds / done * (total - done)

    def total(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    def measured(self) -> Speed:
        """What this run says about the machine."""
        decode = self._decode_seconds / max(self.work.frames_decoded, 1e-9)
        evaluate = (self._denoise_seconds - self.work.previews * decode) / max(self.work.frames_evaluated, 1e-9)
        return Speed(max(evaluate, 0.0), decode)
