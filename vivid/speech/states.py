"""A speech encoder's states kept beside a video, so that they are computed once."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SUFFIX = ".speech.npz"


def save_states(states: Tensor, encoder: str, video: Path) -> Path:
    """Write states (n, layers, width) of the encoder of that name as float16 beside `video`."""
    path = video.with_suffix(SUFFIX)
    np.savez(path, states=states.cpu().half().numpy(), encoder=np.array(encoder))
    return path


def load_states(video: Path, encoder: str) -> Tensor | None:
    """What `save_states` wrote, as float32; None where there is nothing or another encoder's."""
    try:
        with np.load(video.with_suffix(SUFFIX), allow_pickle=False) as stored:
            if str(stored["encoder"]) != encoder:
                return None
            states = torch.from_numpy(stored["states"]).float()
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None
    return states if states.ndim == 3 and len(states) else None
