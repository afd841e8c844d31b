"""Training of the autoencoder's detail network, on frames predicted by the trained model and their portraits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..media.tensors import from_unit, pixels_to_unit
from ..method.autoencoder import ShortcutAutoencoderKL, decode_latents
from ..method.detail import hands_from_pixels
from ..method.options import rebuilt
from ..pose.warp import Arms, cut_arms, hands_beside
from .batches import Batch
from .clips import Clip
from .loop import LoopConfig, TrainingStage
from .prepare import PreparedClip, decode_frames
from .stages import DiffusionStage
from .vae import crop_corner, weighted_error
from .windows import WindowSampler, WindowShape


@dataclass(frozen=True)
class DetailConfig:
    """Training of the detail network. Sides of crops are in latent cells."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            minutes=60, learning_rate=1e-3, ema_decay=0.99, warmup_steps=100, clip_norm=0.3
        )
    )
    channels: int = 128
    batch: int = 16
    crop: int = 16
    centred: float = 0.75
    """Share of crops around a mouth, a head or a hand; the others are anywhere."""
    windows: int = 1100
    window: WindowShape = field(default_factory=lambda: WindowShape(4, stride=14))
    """How many windows the model predicts beforehand, and their frames; all frames of a window share a reference."""
    motion: bool = False
    """Predict with the motion modules: for models that went through stage 2."""
    guidance: float = 2.5
    """Predictions are mixed between no guidance and this audio guidance, so that one network serves both."""
    true_share: float = 0.1
    """Share of latents that are the true ones instead of a prediction."""
    edge_weight: float = 0.5
    square_weight: float = 0.5
    mouth_weight: float = 8.0
    hand_weight: float = 3.0
    """Weights of the loss, relative to 1, on cells of the mouth, and where hands are or the portrait had them."""


@dataclass(frozen=True)
class Predictions:
    """Latents that the model predicts for frames of clips, and what each was predicted from.

    cond, uncond, true (N, C, h, w) float16, scaled: predicted with and without the speech, and the frame's own;
    source (N, 4) int: clip, frame, the reference's clip and its frame.
    """

    cond: NDArray[np.float16]
    uncond: NDArray[np.float16]
    true: NDArray[np.float16]
    source: NDArray[np.int64]


@torch.no_grad()
def predict(
    stage: DiffusionStage, clips: list[PreparedClip], config: DetailConfig, report: Callable[[str], None] = print
) -> Predictions:
    """Let the model predict `config.windows` windows of the clips, with references chosen as in its own training."""
    sampler = WindowSampler(clips, config.window, 1, stage.config.same_head, head_window=stage.head_window)
    numbers = [n for n, clip in enumerate(clips) if len(clip) >= config.window.frames]  # the sampler skips the rest
    rng = np.random.default_rng(config.loop.seed)
    device = next(stage.denoiser.parameters()).device
    stage.eval()
    cond: list[NDArray[np.float16]] = []
    uncond: list[NDArray[np.float16]] = []
    true, source = [], []
    for count in range(config.windows):
        number, window, reference_clip, frame = sampler.pick(rng)
        batch = {k: v.to(device) for k, v in sampler.whole(number, window, reference_clip, frame).items()}
        silent = {**batch, "keep_audio": torch.zeros_like(batch["keep_audio"])}
        for kept, conditions in ((cond, batch), (uncond, silent)):
            kept.append(stage.generate(conditions, stage.config.sample_steps, seed=count)[0].half().cpu().numpy())
        true.append(batch["latents"][0].half().cpu().numpy())
        shown = range(window.start, window.stop, window.step)
        source += [(numbers[number], index, numbers[reference_clip], frame) for index in shown]
        if (count + 1) % 50 == 0:
            report(f"predicted {count + 1} of {config.windows} windows")
    return Predictions(np.concatenate(cond), np.concatenate(uncond), np.concatenate(true), np.array(source))


class DetailStage(TrainingStage):
    """Trains the detail network alone: latents, and the rest of the autoencoder, stay as they are."""

    def __init__(
        self,
        config: DetailConfig,
        vae: ShortcutAutoencoderKL,
        clips: list[Clip],
        prepared: list[PreparedClip],
        predictions: Predictions,
    ) -> None:
        """`clips` and `prepared` are the same clips, those of `predictions`."""
        super().__init__()
        self.config, self.clips, self.prepared, self.predictions = config, clips, prepared, predictions
        torch.manual_seed(config.loop.seed)
        vae = vae if vae.detail is not None else rebuilt(vae, detail_channels=config.channels)
        vae.requires_grad_(False)
        assert vae.detail is not None
        self.detail = vae.detail.requires_grad_(True)
        # not registered: frozen networks belong neither to the optimiser nor to checkpoints
        self.frozen = {"vae": vae.eval()}
        with ThreadPoolExecutor() as pool:
            references = {
                (reference_clip, reference): None for *_, reference_clip, reference in predictions.source.tolist()
            }
            arms = dict(zip(references, pool.map(self._arms, references), strict=True))
            self.hands = list(pool.map(lambda source: self._hands(arms, *source), predictions.source.tolist()))

    def _arms(self, source: tuple[int, int]) -> Arms:
        number, frame = source
        return cut_arms(np.array(self.clips[number].frames[frame]), self.clips[number].pose.frame(frame))

    def _hands(self, arms: dict[tuple[int, int], Arms], *source: int) -> NDArray[np.uint8]:
        """The hands of a predicted frame (H, W, 8), carried from its reference."""
        number, frame, reference_clip, reference = source
        return hands_beside(arms[reference_clip, reference], self.clips[number].pose.frame(frame))

    def _latents(self, index: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """One prediction at a random guidance scale, or sometimes the true latents."""
        if rng.random() < self.config.true_share:
            return self.predictions.true[index].astype(np.float32)
        return self._guided(index, rng.uniform(1.0, self.config.guidance))

    def _guided(self, index: int, scale: float) -> NDArray[np.float32]:
        cond, uncond = (part[index].astype(np.float32) for part in (self.predictions.cond, self.predictions.uncond))
        return scale * cond + (1 - scale) * uncond

    def _weight(self, number: int, frame: int, reference_clip: int, reference: int) -> NDArray[np.float32]:
        """Weight of the loss for each cell (h, w) of a frame."""
        hands = self.prepared[number].hand_mask[frame] | self.prepared[reference_clip].hand_mask[reference]
        mouth = self.prepared[number].mouth_mask[frame]
        weight = 1 + (self.config.hand_weight - 1) * hands + (self.config.mouth_weight - 1) * mouth
        return weight.astype(np.float32)

    def batch(self, rng: np.random.Generator) -> Batch:
        patch = self.detail.patch
        parts: dict[str, list[NDArray[Any]]] = defaultdict(list)
        for index in rng.integers(len(self.predictions.source), size=self.config.batch).tolist():
            number, frame, reference_clip, reference = self.predictions.source[index]
            latents, clip = self._latents(index, rng), self.clips[number]
            side = min(self.config.crop, *latents.shape[1:]) * patch
            top, left = crop_corner(clip, frame, rng, side, self.config.centred, step=patch)
            pixels = np.s_[top : top + side, left : left + side]
            cells = np.s_[top // patch : (top + side) // patch, left // patch : (left + side) // patch]
            parts["latents"].append(latents[:, *cells])
            parts["truth"].append(clip.frames[frame][pixels])
            parts["portrait"].append(self.clips[reference_clip].frames[reference][pixels])
            parts["hands"].append(self.hands[index][pixels])
            parts["weight"].append(self._weight(number, frame, reference_clip, reference)[cells])
        return {name: torch.from_numpy(np.stack(values)) for name, values in parts.items()}

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        vae = self.frozen["vae"].to(batch["latents"].device)
        truth = pixels_to_unit(batch["truth"])
        with torch.no_grad():
            details = vae.details_of(pixels_to_unit(batch["portrait"]))
            plain = decode_latents(vae, batch["latents"])
        hands = hands_from_pixels(batch["hands"])
        error = self.detail(batch["latents"], plain, details, hands) - truth
        weight = F.interpolate(batch["weight"][:, None], scale_factor=self.detail.patch)
        weight = weight / weight.mean()
        loss, before = self._loss(error, weight), self._loss(plain - truth, weight)
        ratio = error.detach().square().mean() / (plain - truth).square().mean()
        return loss, {"ratio": loss.detach() / before, "gain_db": -10 * torch.log10(ratio)}

    def _loss(self, error: Tensor, weight: Tensor) -> Tensor:
        return weighted_error(error, weight, self.config.square_weight, self.config.edge_weight)

    @torch.no_grad()
    def sample(self) -> np.ndarray:
        """Rows: true frames, the result of the latents alone, and the result with details."""
        vae = self.frozen["vae"]
        device = next(vae.parameters()).device
        truths, plains, mended = [], [], []
        for index in np.linspace(0, len(self.predictions.source) - 1, 6).astype(int):
            number, frame, reference_clip, reference = self.predictions.source[index]
            latents = torch.from_numpy(self._guided(index, self.config.guidance))[None].to(device)
            portrait = torch.from_numpy(np.array(self.clips[reference_clip].frames[reference]))[None].to(device)
            hands = hands_from_pixels(torch.from_numpy(self.hands[index])[None].to(device))
            frames = vae.decode_beside(latents, vae.details_of(pixels_to_unit(portrait)), hands)
            truths.append(self.clips[number].frames[frame])
            plains.append(decode_frames(vae, latents)[0])
            mended.append(from_unit(frames)[0])
        return np.concatenate([np.concatenate(row, 1) for row in (truths, plains, mended)], 0)

    def export(self, folder: Path) -> None:
        self.frozen["vae"].save_pretrained(folder / "vae")
