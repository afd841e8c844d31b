"""The detail network of the autoencoder, on frames that the trained model predicts beside their portraits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models.autoencoder import ShortcutAutoencoderKL
from .clips import Clip
from .hcc import to_pictures
from .loop import Batch, LoopConfig, Stage
from .prepare import Prepared, decode_frames
from .stages import DiffusionStage
from .vae import edges
from .windows import WindowSampler, WindowShape


@dataclass(frozen=True)
class DetailConfig:
    """Training of the detail network. Sides of crops are in latent cells."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(minutes=25, learning_rate=2e-3, ema_decay=0.99, warmup_steps=30)
    )
    channels: int = 96
    batch: int = 16
    crop: int = 16
    centred: float = 0.75
    """Share of crops around a mouth, a head or a hand; the others lie anywhere."""
    windows: int = 384
    window: WindowShape = field(default_factory=lambda: WindowShape(4, stride=14))
    """How many windows the model predicts beforehand, and of which frames; all frames of one share a reference."""
    motion: bool = False
    """Predict with the motion modules: for models that went through stage 2."""
    guidance: float = 2.0
    """Predictions are mixed between without guidance and with this audio guidance, so that one network serves both."""
    true_share: float = 0.1
    """Share of latents that are the truth's own instead of a prediction."""
    edge_weight: float = 0.5
    square_weight: float = 2.0


@dataclass(frozen=True)
class Predictions:
    """Latents that the model predicts for frames of clips, and what each was predicted from.

    heard, unheard, true (N, C, h, w) float16, scaled: predicted with and without the speech, and the frame's own;
    source (N, 4) int: clip, frame, the reference's clip and its frame.
    """

    heard: NDArray[np.float16]
    unheard: NDArray[np.float16]
    true: NDArray[np.float16]
    source: NDArray[np.int64]


@torch.no_grad()
def predict(
    stage: DiffusionStage, clips: list[Prepared], config: DetailConfig, report: Callable[[str], None] = print
) -> Predictions:
    """Let the model predict `config.windows` windows of the clips, with references chosen as in its own training."""
    sampler = WindowSampler(clips, config.window, 1, stage.config.same_head)
    numbers = [n for n, clip in enumerate(clips) if len(clip) >= config.window.frames]  # the sampler leaves out others
    rng = np.random.default_rng(config.loop.seed)
    device = next(stage.denoiser.parameters()).device
    stage.eval()
    heard: list[NDArray[np.float16]] = []
    unheard: list[NDArray[np.float16]] = []
    true, source = [], []
    for count in range(config.windows):
        number, window, lender, frame = sampler.pick(rng)
        batch = {k: v.to(device) for k, v in sampler.whole(number, window, lender, frame).items()}
        silent = {**batch, "keep_audio": torch.zeros_like(batch["keep_audio"])}
        for kept, conditions in ((heard, batch), (unheard, silent)):
            kept.append(stage.generate(conditions, stage.config.sample_steps, seed=count)[0].half().cpu().numpy())
        true.append(batch["latents"][0].half().cpu().numpy())
        shown = range(window.start, window.stop, window.step)
        source += [(numbers[number], index, numbers[lender], frame) for index in shown]
        if (count + 1) % 50 == 0:
            report(f"predicted {count + 1} of {config.windows} windows")
    return Predictions(np.concatenate(heard), np.concatenate(unheard), np.concatenate(true), np.array(source))


class DetailStage(Stage):
    """Trains the detail network alone: latents, and the rest of the autoencoder, stay as they are."""

    def __init__(
        self, config: DetailConfig, vae: ShortcutAutoencoderKL, clips: list[Clip], predictions: Predictions
    ) -> None:
        super().__init__()
        self.config, self.clips, self.predictions = config, clips, predictions
        torch.manual_seed(config.loop.seed)
        vae = vae if vae.detail is not None else ShortcutAutoencoderKL.with_detail(vae, config.channels)
        vae.requires_grad_(False)
        assert vae.detail is not None
        self.detail = vae.detail.requires_grad_(True)
        # not registered: what is frozen belongs neither to the optimiser nor to checkpoints
        self.frozen = {"vae": vae.eval()}

    def _latents(self, index: int, rng: np.random.Generator) -> Tensor:
        """One prediction at a random guidance, or now and then the truth."""
        if rng.random() < self.config.true_share:
            return torch.from_numpy(self.predictions.true[index]).float()
        return self._guided(index, rng.uniform(1.0, self.config.guidance))

    def _guided(self, index: int, scale: float) -> Tensor:
        heard, unheard = (part[index].astype(np.float32) for part in (self.predictions.heard, self.predictions.unheard))
        return torch.from_numpy(scale * heard + (1 - scale) * unheard)

    def _corner(self, clip: Clip, frame: int, rng: np.random.Generator, grid: tuple[int, int]) -> tuple[int, int]:
        """First row and column of a crop, in cells."""
        crop, patch = min(self.config.crop, *grid), self.detail.patch
        boxes = [clip.mouth_boxes[frame], clip.mouth_boxes[frame], clip.head_boxes[frame], *clip.hand_boxes[frame]]
        box = boxes[int(rng.integers(len(boxes)))]
        centre = rng.uniform(0, 1, 2) * (grid[1], grid[0])
        if rng.random() < self.config.centred and np.isfinite(box).all():
            centre = (box[:2] + box[2:]) / (2 * patch) + rng.normal(0, crop / 8, 2)
        column, row = (round(float(middle)) - crop // 2 for middle in centre)
        return int(np.clip(row, 0, grid[0] - crop)), int(np.clip(column, 0, grid[1] - crop))

    def batch(self, rng: np.random.Generator) -> Batch:
        patch = self.detail.patch
        latents, truths, portraits = [], [], []
        for index in rng.integers(len(self.predictions.source), size=self.config.batch):
            number, frame, lender, reference = self.predictions.source[int(index)]
            whole = self._latents(int(index), rng)
            grid = (whole.shape[1], whole.shape[2])
            crop = min(self.config.crop, *grid)
            row, column = self._corner(self.clips[number], frame, rng, grid)
            latents.append(whole[:, row : row + crop, column : column + crop])
            pixels = np.s_[row * patch : (row + crop) * patch, column * patch : (column + crop) * patch]
            truths.append(self.clips[number].frames[frame][pixels])
            portraits.append(self.clips[lender].frames[reference][pixels])
        return {
            "latents": torch.stack(latents),
            "truth": torch.from_numpy(np.stack(truths)),
            "portrait": torch.from_numpy(np.stack(portraits)),
        }

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        vae = self.frozen["vae"].to(batch["latents"].device)
        truth = to_pictures(batch["truth"])
        with torch.no_grad():
            details = vae.details_of(to_pictures(batch["portrait"]))
            plain = vae.decode(batch["latents"] / vae.config.scaling_factor).sample
        error = plain + self.detail(batch["latents"], details) - truth
        loss, before = self._loss(error), self._loss(plain - truth)
        ratio = error.detach().square().mean() / (plain - truth).square().mean()
        return loss, {"ratio": loss.detach() / before, "gain_db": -10 * torch.log10(ratio)}

    def _loss(self, error: Tensor) -> Tensor:
        edge = torch.stack([part.abs().mean() for part in edges(error)]).sum()
        return error.abs().mean() + self.config.square_weight * error.square().mean() + self.config.edge_weight * edge

    @torch.no_grad()
    def sample(self) -> np.ndarray:
        """Rows: true frames, what the latents alone give, and what the details add."""
        vae = self.frozen["vae"]
        device = next(vae.parameters()).device
        truths, plains, mended = [], [], []
        for index in np.linspace(0, len(self.predictions.source) - 1, 6).astype(int):
            number, frame, lender, reference = self.predictions.source[index]
            latents = self._guided(index, self.config.guidance)[None].to(device)
            portrait = torch.from_numpy(np.array(self.clips[lender].frames[reference]))[None].to(device)
            frames = vae.decode_beside(latents, vae.details_of(to_pictures(portrait)))
            truths.append(self.clips[number].frames[frame])
            plains.append(decode_frames(vae, latents)[0])
            mended.append(((frames[0].clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy())
        return np.concatenate([np.concatenate(row, 1) for row in (truths, plains, mended)], 0)

    def export(self, folder: Path) -> None:
        self.frozen["vae"].save_pretrained(folder / "vae")
