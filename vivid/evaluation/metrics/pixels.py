"""PSNR and SSIM: pixels against pixels, of whole frames and of regions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .base import Frames, Metric, Sample
from .networks import Networks

SSIM_WINDOW = 7
Boxes = NDArray[np.floating]
Mask = NDArray[np.bool_]


def boxes_to_mask(boxes: Boxes, size: tuple[int, int]) -> Mask:
    """Pixels (T, H, W) inside any box of each frame; boxes (T, 4) or (T, N, 4), x0 y0 x1 y1 in pixels, NaN or 0 where
    absent; size (width, height)."""
    width, height = size
    boxes = boxes[:, None] if boxes.ndim == 2 else boxes
    mask = np.zeros((len(boxes), height, width), bool)
    for frame, row in zip(mask, boxes, strict=True):
        for box in row:
            if np.isfinite(box).all():
                x0, y0 = np.floor(np.clip(box[:2], 0, None)).astype(int)
                x1, y1 = np.ceil(np.clip(box[2:], 0, None)).astype(int)
                frame[y0:y1, x0:x1] = True
    return mask


def psnr(made: Frames, truth: Frames, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB, inside the mask (T, H, W) if given; infinite for equal pictures.

    From the mean squared error of all pixels over all frames together.
    """
    error = np.square(made.astype(np.float32) - truth.astype(np.float32)).mean(-1)
    mean = float(error[mask].mean() if mask is not None else error.mean())
    return float("inf") if mean == 0 else float(10 * np.log10(255**2 / mean))


def ssim(made: Frames, truth: Frames, mask: Mask | None = None) -> float:
    """Structural similarity (Wang et al. 2004) on luma, 7 x 7 windows of equal weight; mean over frames and pixels,
    inside the mask (T, H, W) if given."""
    total, weight = 0.0, 0.0
    for index, (one, other) in enumerate(zip(made, truth, strict=True)):
        a, b = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in (one, other))
        mean_a, mean_b, square_a, square_b, product = (
            cv2.blur(part, (SSIM_WINDOW, SSIM_WINDOW)) for part in (a, b, a * a, b * b, a * b)
        )
        unbiased = SSIM_WINDOW**2 / (SSIM_WINDOW**2 - 1)
        var_a, var_b = (unbiased * (s - m * m) for s, m in ((square_a, mean_a), (square_b, mean_b)))
        covariance = unbiased * (product - mean_a * mean_b)
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        values = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
        values /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
        inside = np.ones(a.shape, bool) if mask is None else mask[index]
        total, weight = total + float(values[inside].sum()), weight + float(inside.sum())
    return total / max(weight, 1.0)


def _compared(
    measure: Callable[[Frames, Frames, Mask | None], float], region: Literal["hands", "mouth"] | None = None
) -> Callable[[Sample, Networks], float]:
    def compute(sample: Sample, networks: Networks) -> float:
        made, truth = sample.pair()
        return measure(made, truth, None if region is None else getattr(sample.exact(), region)[sample.first :])

    return compute


_PSNR = "peak signal-to-noise ratio, from the mean squared error of all pixels {} over all frames together"
_SSIM = "structural similarity (Wang et al. 2004) on luma, 7 x 7 windows of equal weight, mean over frames and pixels{}"
_PLACES: dict[Literal["hands", "mouth"] | None, str] = {
    None: "",
    "hands": "inside the boxes of the hands",
    "mouth": "inside the box of the mouth",
}

METRICS = tuple(
    metric
    for region, where in _PLACES.items()
    for metric in (
        Metric(
            f"psnr_{region}" if region else "psnr",
            f"PSNR, {region}" if region else "PSNR",
            "dB",
            "higher",
            "frame pair",
            _PSNR.format(where).replace("  ", " "),
            _compared(psnr, region),
            compares=True,
        ),
        Metric(
            f"ssim_{region}" if region else "ssim",
            f"SSIM, {region}" if region else "SSIM",
            "",
            "higher",
            "frame pair",
            _SSIM.format(" " + where if where else ""),
            _compared(ssim, region),
            compares=True,
        ),
    )
)
