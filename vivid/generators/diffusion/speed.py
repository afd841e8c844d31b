"""How long a run takes: what there is to do, how fast this machine does it, what is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


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
        """Expected seconds of the whole run, without loading."""
        return self.frames_evaluated * speed.evaluate + (self.frames_decoded + self.previews) * speed.decode


class Clock:
    """Estimates the time left, from the speed of this run itself as soon as it is known."""

    def __init__(self, work: Workload, speed: Speed | None) -> None:
        self.work, self.speed = work, speed or Speed(0.0, 0.0)
        self._phase_started = time.perf_counter()
        self._denoise_seconds = 0.0

    def layers_left(self, done: int, total: int) -> float:
        """Seconds left after `done` of `total` layered frames have been drawn to start from."""
        elapsed = time.perf_counter() - self._phase_started
        return elapsed / done * (total - done) + self.work.seconds(self.speed)

    def start_denoising(self) -> None:
        """Note that everything before denoising is over."""
        self._phase_started = time.perf_counter()

    def denoise_left(self, done: int, total: int) -> float:
        """Seconds left after `done` of `total` denoising units."""
        self._denoise_seconds = time.perf_counter() - self._phase_started
        return self._denoise_seconds / done * (total - done) + self.work.frames_decoded * self.speed.decode

    def start_decoding(self) -> None:
        """Note that denoising is over."""
        self._phase_started = time.perf_counter()

    def measured(self) -> Speed:
        """The speed of this machine as this run measured it, once all frames are decoded."""
        decode = (time.perf_counter() - self._phase_started) / max(self.work.frames_decoded, 1e-9)
        evaluate = (self._denoise_seconds - self.work.previews * decode) / max(self.work.frames_evaluated, 1e-9)
        return Speed(max(evaluate, 0.0), decode)


def fastest(work: Callable[[], Any], device: torch.device, rounds: int = 2) -> float:
    """Seconds of the fastest of a few calls; the first one warms up."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return best
