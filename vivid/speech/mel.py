"""Whisper's log-mel spectrogram, normalised by the loudest moment of the whole file."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..config import SAMPLE_RATE

WINDOW, HOP, BANDS = 400, 160, 80
"""Samples of the Fourier window (25 ms), samples between columns (10 ms), mel bands."""
FLOOR = 1e-10
RANGE = 8.0
"""Decades below the loudest point of the file at which the spectrogram is cut off."""


@cache
def _filters() -> Tensor:
    """(80, 201): triangles on the mel scale of Slaney's Auditory Toolbox (1998), each of the same area."""
    # linear up to 1000 Hz, then 27 steps for a factor of 6.4
    top = 15 + 27 * np.log(8000 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, BANDS + 2)
    corners = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    hertz = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
    bank = np.maximum(np.minimum(rising, falling), 0) * 2 / (high - low)
    return torch.from_numpy(bank.astype(np.float32))


def log_mel(samples: NDArray[np.float32]) -> Tensor:
    """Mono samples (N,) at 16 kHz -> float32 (80, N // 160), about -1..1.

    The floor depends on the maximum of the whole file, as in the public base; pipelines that cut the sound first have
    one floor per half minute. Sounds shorter than half a window are padded.
    """
    wave = torch.from_numpy(np.ascontiguousarray(samples, np.float32))
    columns = len(wave) // HOP
    if len(wave) <= WINDOW // 2:  # the Fourier transform mirrors half a window at each end
        wave = torch.nn.functional.pad(wave, (0, WINDOW // 2 + 1 - len(wave)))
    spectrum = torch.stft(wave, WINDOW, HOP, window=torch.hann_window(WINDOW), return_complex=True)
    power = spectrum[:, :columns].abs().square()
    mel = (_filters() @ power).clamp(min=FLOOR).log10()
    if columns:
        mel = mel.clamp(min=float(mel.max()) - RANGE)
    return (mel + 4.0) / 4.0
