"""Which encoder states belong to a video frame.

States come at 50 Hz. Frame i at f frames a second is centred on state c = int(i * 50 / f) and takes the ten states
c - 4 .. c + 5, clamped to those that exist; with five layers a state that makes 50 tokens, ordered time before layer.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..config import FPS

STATE_RATE = 50
"""Encoder states a second."""
BEFORE, AFTER = 4, 5
POSITIONS = BEFORE + 1 + AFTER
LAYERS = 5
WIDTH = 384


def window_indices(states: int, frames: int, fps: float = FPS) -> NDArray[np.int64]:
    """Indices (frames, 10) into `states` encoder states. Errors: ValueError without states."""
    if states < 1:
        raise ValueError("there are no states to choose from")
    centres = (np.arange(frames) * STATE_RATE / fps).astype(np.int64)
    return np.clip(centres[:, None] + np.arange(-BEFORE, AFTER + 1), 0, states - 1)


def gather(states: Tensor, indices: NDArray[np.int64]) -> Tensor:
    """States (n, layers, width) at indices (frames, positions) -> tokens (frames, positions * layers, width).

    With a slice of a video's indices this makes the tokens of one context window, so that the tokens of a long
    video (ten times its states) never exist at once.
    """
    return states[torch.from_numpy(indices).to(states.device)].flatten(1, 2)
