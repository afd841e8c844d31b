"""What a run reports while it works, with the time it will still take."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Step:
    """Progress: `done` of `total` units of work in this phase: "layers" where layered frames are drawn to start from,
    "denoise" before there are frames, then "decode", whose units are finished frames.

    `seconds_left` covers everything that remains; `preview` is an RGB picture (H, W, 3) of one frame, now and then.
    """

    done: int
    total: int
    phase: str
    seconds_left: float
    preview: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Result:
    """What a finished run leaves behind; `peak_memory` in bytes (of the GPU, or of the process on a CPU).

    `notices` are the generator's sentences for the user: which parts of the portrait stay still, and why.
    """

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
    notices: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return dataclasses.asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True)
class Done:
    """The last event of a run."""

    result: Result


Event = Step | Done
