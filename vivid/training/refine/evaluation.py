"""What refining gains on people not seen in training: PSNR of the still portrait, of layered and refined frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .stage import Ready, RefineStage

REGIONS = ("whole", "hands", "mouth")
MADE = ("still portrait", "layers", "refined")
RULE = 1.0
"""dB by which hands and mouth must improve over the layers alone for the weights to ship."""


def squared_errors(clip: Ready, refined: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Summed squared errors and counts of a clip's pixels: (made, region, 2)."""
    pairs, out = clip.pairs, np.zeros((len(MADE), len(REGIONS), 2))
    size = (pairs.portrait.shape[0], pairs.portrait.shape[1])
    masks = [
        np.ones((len(pairs), *size), bool),
        _inside(clip.hand_boxes, size),
        _inside(clip.mouth_boxes[:, None], size),
    ]
    still = np.broadcast_to(pairs.portrait, pairs.true.shape)
    for row, made in enumerate((still, pairs.layered, refined)):
        error = np.square(made.astype(np.float64) - pairs.true).mean(-1)
        for column, mask in enumerate(masks):
            out[row, column] = error[mask].sum(), mask.sum()
    return out


def _inside(boxes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.bool_]:
    """(N, H, W): pixels in any of the boxes (N, K, 4)."""
    from ...evaluation.metrics.pixels import boxes_to_mask

    return boxes_to_mask(boxes, (size[1], size[0]))


def psnr_of(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """dB (made, region) from summed errors and counts (made, region, 2)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(10 * np.log10(255**2 * errors[..., 1] / errors[..., 0]), np.float64)


def evaluate_refiner(
    stage: RefineStage, clips: list[Ready], report: Callable[[str], None] = print
) -> NDArray[np.float64]:
    """Print the table and the rule's outcome; returns PSNR in dB (made, region), all pixels of all clips together."""
    stage.eval()
    each = np.array([squared_errors(clip, stage.refine_clip(clip)) for clip in clips])
    table = psnr_of(each.sum(0))
    report("| PSNR | " + " | ".join(REGIONS) + " |")
    report("|---" * (len(REGIONS) + 1) + "|")
    for name, row in zip(MADE, table, strict=True):
        report(f"| {name} | " + " | ".join(f"{value:.2f}" for value in row) + " |")
    gains = psnr_of(each)[:, 2] - psnr_of(each)[:, 1]
    for clip, row in zip(clips, gains, strict=True):
        text = ", ".join(f"{name} {value:+.2f}" for name, value in zip(REGIONS, row, strict=True))
        report(f"{clip.pairs.name} (person {clip.pairs.identity}): {text} dB")
    gain = table[2] - table[1]
    passed = "passed" if min(gain[1:]) >= RULE else "not passed"
    report(f"gain over the layers: hands {gain[1]:+.2f} dB, mouth {gain[2]:+.2f} dB; rule of {RULE} dB {passed}")
    return table
