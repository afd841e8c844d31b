"""The picture autoencoder: crops of frames, most of them centred on hands and mouths."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..media.tensors import from_unit, pixels_to_unit, to_unit
from ..method.autoencoder import ShortcutAutoencoderKL
from ..method.factory import COMPACT, ModelConfig, build_vae
from .batches import Batch
from .clips import Clip
from .loop import LoopConfig, TrainingStage


@dataclass(frozen=True)
class VaeConfig:
    """Autoencoder training, at compact size by default (16 channels: from a linear bound on held-out frames)."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(minutes=10, learning_rate=1e-3, ema_decay=0.998, weight_decay=0.0)
    )
    model: ModelConfig = COMPACT
    batch: int = 8
    crop: int = 96
    centred: float = 0.6
    whole_share: float = 0.2
    """Share of steps on one whole frame instead of crops: group norms see other statistics there."""
    edge_weight: float = 0.5
    square_weight: float = 1.0
    kl_weight: float = 1e-6
    channels_last: bool = True


def crop_corner(
    clip: Clip, index: int, rng: np.random.Generator, size: int, centred: float, step: int = 1
) -> tuple[int, int]:
    """First row and column (multiples of `step` pixels) of a crop of a frame, `size` pixels wide and high.

    With probability `centred` it lies near the mouth, the head or a hand.
    """
    height, width = clip.frames.shape[1:3]
    x, y = rng.uniform(0, width - size), rng.uniform(0, height - size)
    if rng.random() < centred:
        targets = [clip.mouth_boxes[index], clip.mouth_boxes[index], clip.head_boxes[index], *clip.hand_boxes[index]]
        box = targets[int(rng.integers(len(targets)))]
        if np.isfinite(box).all():
            jitter = rng.normal(0, 0.15 * size, 2)
            x = (box[0] + box[2]) / 2 - size / 2 + jitter[0]
            y = (box[1] + box[3]) / 2 - size / 2 + jitter[1]
    spans = ((y, height), (x, width))
    top, left = (int(np.clip(round(first / step), 0, (side - size) // step)) * step for first, side in spans)
    return top, left


def random_crop(clip: Clip, rng: np.random.Generator, size: int, centred: float) -> np.ndarray:
    """A crop (size, size, 3) uint8 of a random frame, possibly mirrored; see `crop_corner`."""
    index = int(rng.integers(len(clip)))
    frame = clip.frames[index]
    size = min(size, *frame.shape[:2])
    top, left = crop_corner(clip, index, rng, size, centred)
    crop = frame[top : top + size, left : left + size]
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def edges(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbours along x and y."""
    return picture[..., :, 1:] - picture[..., :, :-1], picture[..., 1:, :] - picture[..., :-1, :]


def weighted_error(error: Tensor, weight: Tensor, square_weight: float, edge_weight: float) -> Tensor:
    """Absolute error of pictures (N, 3, H, W) with shares of the squared one and of the neighbours' differences', all
    weighted by (N, 1, H, W)."""
    across, down = edges(error)
    edge = (weight[..., 1:] * across.abs()).mean() + (weight[..., 1:, :] * down.abs()).mean()
    return (weight * (error.abs() + square_weight * error.square())).mean() + edge_weight * edge


class VaeStage(TrainingStage):
    """Trains the autoencoder on L1 + squared error + edges + a little KL."""

    def __init__(self, config: VaeConfig, clips: list[Clip], model: ShortcutAutoencoderKL | None = None) -> None:
        super().__init__()
        self.config, self.clips = config, clips
        torch.manual_seed(config.loop.seed)
        if model is None:
            model = build_vae(config.model)
            assert isinstance(model, ShortcutAutoencoderKL), "only these start from a linear map"
            model.start_from_patches(self._patches(np.random.default_rng(config.loop.seed)))
        self.vae = model.with_networks()
        if config.channels_last:
            self.vae.to(memory_format=torch.channels_last)

    def _patches(self, rng: np.random.Generator) -> Tensor:
        """Crops (400, 3, 128, 128) in -1..1, from which the linear shortcut starts."""
        picks = rng.integers(len(self.clips), size=400)
        crops = np.stack([random_crop(self.clips[int(i)], rng, 128, 0.7) for i in picks])
        return pixels_to_unit(torch.from_numpy(crops))

    def batch(self, rng: np.random.Generator) -> Batch:
        config = self.config
        if rng.random() < config.whole_share:
            clip = self.clips[int(rng.integers(len(self.clips)))]
            area = clip.frames.shape[1] * clip.frames.shape[2]
            count = max(1, config.batch * config.crop**2 // area)
            frames = np.stack([clip.frames[int(i)] for i in rng.integers(len(clip), size=count)])
            return {"pictures": torch.from_numpy(frames[:, :, ::-1].copy() if rng.random() < 0.5 else frames)}
        picks = rng.integers(len(self.clips), size=config.batch)
        crops = [random_crop(self.clips[int(i)], rng, config.crop, config.centred) for i in picks]
        return {"pictures": torch.from_numpy(np.stack(crops))}

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        config = self.config
        pictures = pixels_to_unit(batch["pictures"])
        if config.channels_last:
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        posterior = self.vae.encode(pictures).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator, device=pictures.device)
        latents = posterior.mean + posterior.std * noise
        decoded = self.vae.decode(latents).sample
        error = decoded.float() - pictures
        plain, square = error.abs().mean(), error.square().mean()
        edge = sum(part.abs().mean() for part in edges(error))
        kl = posterior.kl().mean() / (latents.shape[-1] * latents.shape[-2])
        loss = plain + config.square_weight * square + config.edge_weight * edge + config.kl_weight * kl
        psnr = -10 * torch.log10(square.detach() / 4)
        numbers = {"l1": plain.detach(), "edge": edge.detach(), "kl": kl.detach(), "psnr": psnr}  # type: ignore[union-attr]
        return loss, numbers

    @torch.no_grad()
    def sample(self) -> np.ndarray:
        """Crops above their reconstructions."""
        rng = np.random.default_rng(123)
        device = next(self.vae.parameters()).device
        picks = rng.integers(len(self.clips), size=8)
        crops = np.stack([random_crop(self.clips[int(i)], rng, self.config.crop, 0.8) for i in picks])
        pictures = pixels_to_unit(torch.from_numpy(crops).to(device))
        decoded = self.vae.decode(self.vae.encode(pictures).latent_dist.mean).sample
        rebuilt = from_unit(decoded)
        return np.concatenate([np.concatenate(list(crops), 1), np.concatenate(list(rebuilt), 1)], 0)

    @torch.no_grad()
    def measure_scale(self) -> float:
        """1 / standard deviation of the latents over 64 random whole frames."""
        rng = np.random.default_rng(7)
        device = next(self.vae.parameters()).device
        total = squares = number = 0.0
        for _ in range(64):
            clip = self.clips[int(rng.integers(len(self.clips)))]
            frame = clip.frames[int(rng.integers(len(clip)))][None]
            latents = self.vae.encode(to_unit(frame, device, torch.float32)).latent_dist.mean.double()
            total, squares = total + float(latents.sum()), squares + float(latents.square().sum())
            number += latents.numel()
        return float(1 / np.sqrt(squares / number - (total / number) ** 2))

    def export(self, folder: Path) -> None:
        self.vae.register_to_config(scaling_factor=self.measure_scale())
        self.vae.without_mute_networks().save_pretrained(folder / "vae")
