"""The hand codebook, trained alone on hand close-ups and frozen afterwards (paper, section 3.2.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..media.tensors import from_unit, pixels_to_unit
from ..method.hcc import HandCodebook, perplexity_of
from .batches import Batch
from .loop import LoopConfig, TrainingStage

BATCH = 16
"""Crops measured at the same time."""


@dataclass(frozen=True)
class HccConfig:
    """Codebook training; the paper: Adam 1e-4, batch 256, 200k steps, centred 256-px crops, beta 0.25."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(minutes=2, learning_rate=1e-3, weight_decay=0.0))
    batch: int = 16
    jitter: float = 0.1
    """Random shift and zoom of the crops, as a share of their size."""
    restart_below: float = 0.5
    """Codes chosen less often than this per batch are restarted: short runs cannot wait for them to fade."""


PAPER_HCC = HccConfig(
    LoopConfig(steps=200_000, learning_rate=1e-4, final_rate=1.0, warmup_steps=0, betas=(0.9, 0.999), weight_decay=0.0),
    batch=256,
    jitter=0.0,
)


class HccStage(TrainingStage):
    """Trains the VQ-VAE on L2 + 0.25 commitment; codes are updated by moving averages, and dead codes restarted."""

    def __init__(self, config: HccConfig, crops: NDArray[np.uint8], codebook: HandCodebook) -> None:
        super().__init__()
        if len(crops) < 2:
            raise InputError("There are no sharp pictures of hands to train on: give --hands, or other clips.")
        # the last twentieth is never trained on: the sample picture and the report use it
        self.config, self.crops, self.codebook = config, crops, codebook
        self.held_out = min(max(8, len(crops) // 20), len(crops) - 1)
        codebook.quantiser.restart_below = config.restart_below

    def batch(self, rng: np.random.Generator) -> Batch:
        import cv2

        last = len(self.crops) - self.held_out
        crops = np.array(self.crops[np.sort(rng.integers(last, size=self.config.batch))])
        size, jitter = crops.shape[1], self.config.jitter
        for crop in crops:
            zoom = float(rng.uniform(1 - jitter, 1 + jitter))
            shift = rng.uniform(-jitter / 2, jitter / 2, 2) * size + (1 - zoom) * size / 2
            matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
            moved = cv2.warpAffine(crop, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
            crop[:] = moved[:, ::-1] if rng.random() < 0.5 else moved
        return {"crops": torch.from_numpy(crops)}

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        output = self.codebook(pixels_to_unit(batch["crops"]))
        psnr = -10 * torch.log10(output.reconstruction_loss.detach() / 4)
        stats = output.stats
        return output.loss, {
            "psnr": psnr,
            "commitment": output.quantiser_loss.detach(),
            "perplexity": stats.perplexity,
            "used": stats.used,
            "restarted": stats.restarted,
        }

    @torch.no_grad()
    def sample(self) -> np.ndarray:
        """Held-out crops above their reconstructions."""
        device = next(self.codebook.parameters()).device
        crops = np.array(self.crops[-8:])
        pictures = from_unit(self.codebook(pixels_to_unit(torch.from_numpy(crops).to(device))).reconstruction)
        return np.concatenate([np.concatenate(list(crops), 1), np.concatenate(list(pictures), 1)], 0)

    def export(self, folder: Path) -> None:
        self.codebook.save_pretrained(folder / "codebook")


@torch.no_grad()
def hcc_metrics(codebook: HandCodebook, crops: NDArray[np.uint8]) -> dict[str, float]:
    """Reconstruction PSNR (dB, of the mean error) and code usage over `crops` (N, 256, 256, 3) uint8."""
    device = next(codebook.parameters()).device
    errors: list[float] = []
    counts = torch.zeros(codebook.config.codes)
    codebook.eval()
    for first in range(0, len(crops), BATCH):
        pictures = pixels_to_unit(torch.from_numpy(np.array(crops[first : first + BATCH])).to(device))
        output = codebook(pictures)
        error = (output.reconstruction.clamp(-1, 1).float() - pictures).square().mean((1, 2, 3)) / 4
        errors += error.tolist()
        counts += torch.bincount(output.indices.flatten().cpu(), minlength=len(counts)).float()
    return {
        "psnr": float(-10 * np.log10(np.mean(errors))),
        "perplexity": float(perplexity_of(counts)),
        "codes_used": int((counts > 0).sum()),
        "pictures": len(crops),
    }
