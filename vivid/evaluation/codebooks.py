"""Hand codebooks side by side on hands they never saw: numbers and pictures (the paper's figure 3)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..media.outputs import write_png, write_text
from ..media.tensors import from_unit, pixels_to_unit
from ..method.hcc import HandCodebook
from ..training.hcc import hcc_metrics

SHOWN = 8
"""Hands shown in the picture, evenly spread over all of them."""


@torch.no_grad()
def compare_codebooks(codebooks: Mapping[str, HandCodebook], crops: NDArray[np.uint8], folder: Path) -> str:
    """Write codebooks.md and codebooks.png (first row: the crops themselves); returns the Markdown.

    crops: (N, 256, 256, 3) uint8. PSNR in dB over all crops, usage as perplexity and as the number of codes that
    occur.
    """
    shown = np.array(crops[np.linspace(0, len(crops) - 1, min(SHOWN, len(crops))).round().astype(int)])
    strips = [np.concatenate(list(shown), 1)]
    lines = ["| codebook | grid | PSNR | perplexity | codes used | hands |", "|---|---|---|---|---|---|"]
    for name, codebook in codebooks.items():
        numbers = hcc_metrics(codebook, crops)
        size = f"{codebook.grid} x {codebook.grid}"
        lines.append(
            f"| {name} | {size} | {numbers['psnr']:.2f} | {numbers['perplexity']:.0f} | {numbers['codes_used']} of "
            f"{codebook.config.codes} | {len(crops)} |"
        )
        pictures = from_unit(codebook(pixels_to_unit(torch.from_numpy(shown))).reconstruction)
        strips.append(np.concatenate(list(pictures), 1))
    text = "\n".join(lines) + "\n"
    write_text(folder / "codebooks.md", text)
    write_png(folder / "codebooks.png", np.concatenate(strips, 0))
    return text
