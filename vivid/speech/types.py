"""Speech as it is passed around in the program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config import FPS, SAMPLE_RATE


@dataclass(frozen=True)
class Speech:
    """Mono float32 samples (N,) in -1..1 at 16 kHz."""

    samples: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def frames(self) -> int:
        """Whole video frames that fit: floor(seconds * 24)."""
        return len(self.samples) * FPS // SAMPLE_RATE
