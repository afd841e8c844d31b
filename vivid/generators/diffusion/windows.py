"""Windows of frames: what the denoiser is called on, and how its predictions are blended."""

from __future__ import annotations

import torch
from torch import Tensor

MOVE = 3
"""Frames by which windows shift from one sampling step to the next, as in the public base."""


def context_windows(frames: int, window: int, overlap: int, step: int = 0) -> list[range]:
    """Overlapping windows that cover 0..frames-1 without wrap-around; those at the ends are moved back to fit.

    They shift with every sampling step, so that their seams fall elsewhere each time. A video shorter than one window
    is one short window.
    """
    if not 0 <= overlap < window:
        raise ValueError(f"overlap {overlap} must be at least 0 and less than the window {window}")
    if frames <= window:
        return [range(frames)]
    stride = window - overlap
    first = step * MOVE % stride
    starts = {0, *range(first, frames - window, stride), frames - window}
    return [range(start, start + window) for start in sorted(starts)]


def window_weights(windows: list[range]) -> list[Tensor]:
    """Blending weights of each window, (len(window),): linear ramps over the overlaps that sum to 1 at every frame."""
    frames = windows[-1].stop
    weights = []
    for i, window in enumerate(windows):
        before = windows[i - 1].stop - window.start if i else 0
        after = window.stop - windows[i + 1].start if i + 1 < len(windows) else 0
        position = torch.arange(len(window), dtype=torch.float32)
        rising = (position + 1) / (before + 1)
        falling = (len(window) - position) / (after + 1)
        weights.append(torch.minimum(rising, falling).clamp(max=1.0))
    total = torch.zeros(frames)
    for window, weight in zip(windows, weights, strict=True):
        total[window.start : window.stop] += weight
    return [weight / total[window.start : window.stop] for window, weight in zip(windows, weights, strict=True)]


def batches(frames: int, size: int) -> list[range]:
    """0..frames-1 in pieces of at most `size` frames that do not overlap."""
    return [range(start, min(start + size, frames)) for start in range(0, frames, size)]
