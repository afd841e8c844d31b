"""Numbers about videos. Frames are (T, H, W, 3) uint8; boxes (T, ..., 4) x0 y0 x1 y1 in pixels, NaN or 0 = absent.

Definitions where the paper leaves them open:
- PSNR of a region: from the mean squared error of all its pixels over all frames together.
- SSIM: Wang et al. 2004 on luma, 7 x 7 windows of equal weight; of a region: the map's mean inside its boxes.
- mouth openness: distance of the inner lips' middles (face points 62 and 66) over the distance of the eyes' centres,
  by the detector's points; and read from the mouth's pixels (`mouth.py`), with the slope on the truth: 1 opens as far.
- HKC: mean confidence of the 42 hand key points over all frames, absent hands counting as 0.
- HKV: variance over time of each hand key point (x plus y, pixels squared at the given size), mean over the points.
- HMV: variance over time of the nose point (x plus y, pixels squared).
- flicker: mean absolute second difference in time, in grey levels of 255, over pixels that no head or hand box (of
  any frame, enlarged) touches.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..pose.skeleton import NOSE, PoseClip

Frames = NDArray[np.uint8]
Boxes = NDArray[np.floating]

SSIM_WINDOW = 7


def boxes_to_mask(boxes: Boxes, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels (T, H, W) inside any box of each frame; boxes (T, 4) or (T, N, 4), size (width, height)."""
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


def psnr(made: Frames, truth: Frames, mask: NDArray[np.bool_] | None = None) -> float:
    """Peak signal-to-noise ratio in dB, inside the mask (T, H, W) if given; infinite for equal pictures."""
    error = np.square(made.astype(np.float32) - truth.astype(np.float32)).mean(-1)
    mean = float(error[mask].mean() if mask is not None else error.mean())
    return float("inf") if mean == 0 else float(10 * np.log10(255**2 / mean))


def ssim(made: Frames, truth: Frames, mask: NDArray[np.bool_] | None = None) -> float:
    """Structural similarity, mean over frames and pixels, inside the mask (T, H, W) if given."""
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


FURTHEST = 4
"""The largest lag looked at, in frames: a sixth of a second."""


def joined(curves: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
    """Several clips' curves as one, each less its mean and too far apart for any lag to compare one with the next."""
    gap = np.full(FURTHEST, np.nan)
    means = [np.nanmean(curve) if np.isfinite(curve).any() else 0.0 for curve in curves]
    return np.concatenate([part for curve, mean in zip(curves, means, strict=True) for part in (curve - mean, gap)])


def correlation_at(made: NDArray[np.floating], truth: NDArray[np.floating], lag: int) -> float:
    """Pearson correlation of two curves when `made` is `lag` frames late; 0 where one does not move, NaN left out."""
    a = made[lag:] if lag >= 0 else made[:lag]
    b = truth[: len(truth) - lag] if lag >= 0 else truth[-lag:]
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    if len(a) < 3 or a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def correlation_and_lag(
    made: NDArray[np.floating], truth: NDArray[np.floating], furthest: int = FURTHEST
) -> tuple[float, int]:
    """Pearson correlation of two curves at lag 0, and the lag (frames, positive: made is late) where it is largest.

    NaN entries are left out; a curve that does not move has correlation 0.
    """
    values = {lag: correlation_at(made, truth, lag) for lag in range(-furthest, furthest + 1)}
    best = max(values, key=lambda lag: (values[lag], -abs(lag)))
    return values[0], best


def slope_of(made: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """How far one curve moves for each unit that the other does (regression of `made` on `truth`); NaN left out."""
    known = np.isfinite(made) & np.isfinite(truth)
    if known.sum() < 3 or truth[known].std() < 1e-6:
        return 0.0
    return float(np.polyfit(truth[known], made[known], 1)[0])


def hand_confidence(clip: PoseClip) -> float:
    """HKC: mean confidence of all hand key points, at most 1 each."""
    return float(np.clip(np.nan_to_num(clip.hands[..., 2]), 0, 1).mean())


def _variance(points: NDArray[np.floating]) -> float:
    """Mean over points of the variance over time of x plus that of y; points (T, N, 3), absent ones left out."""
    known = points[..., 2] > 0
    where = np.where(known[..., None], points[..., :2], np.nan)
    enough = known.sum(0) >= 2
    if not enough.any():
        return 0.0
    return float(np.nanvar(where[:, enough], axis=0).sum(-1).mean())


def hand_variance(clip: PoseClip) -> float:
    """HKV in pixels squared of the clip's canvas."""
    return _variance(clip.hands.reshape(len(clip), -1, 3))


def head_motion_variance(clip: PoseClip) -> float:
    """HMV in pixels squared of the clip's canvas."""
    return _variance(clip.body[:, NOSE : NOSE + 1])


def luma(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness (H, W), 0 to 255, of a picture (H, W, 3)."""
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)


def trembling(before: NDArray[np.float32], now: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """|before - 2 now + after| / 2 of three frames in a row, which smooth motion leaves small."""
    return np.abs(before - 2 * now + after) / 2


def flicker(frames: Frames, still: NDArray[np.bool_] | None = None) -> float:
    """Trembling of what should be still: mean |f[t-1] - 2 f[t] + f[t+1]| / 2 inside `still` (H, W)."""
    if len(frames) < 3:
        return 0.0
    grey = np.stack([luma(frame) for frame in frames])
    second = trembling(grey[:-2], grey[1:-1], grey[2:]).mean(0)
    return float(second[still].mean() if still is not None and still.any() else second.mean())
