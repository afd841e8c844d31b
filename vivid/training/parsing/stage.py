"""Clothes parsing as a stage of the training loop: renderings in, the parser's weights out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, max_pool2d, one_hot

from ...errors import InputError
from ...generators.layered.parsing import CLASSES, WEIGHTS, ClothesParser, network_inputs
from ..batches import Batch
from ..loop import LoopConfig, TrainingStage
from .looks import OUTSIDE, ParsingExample, make_example
from .textures import NOISES, ROOMS, Textures

COLOURS = np.array(
    [[40, 40, 40], [255, 200, 0], [255, 130, 130], [60, 160, 60], [40, 90, 255], [0, 230, 230], [255, 0, 255],
     [170, 60, 255]], np.uint8,
)  # fmt: skip
"""Colours of the classes in sample pictures."""


@dataclass(frozen=True)
class ParsingConfig:
    """Training of the parser. weights: of the classes in the cross entropy; edges count twice as much."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            minutes=60, learning_rate=2e-3, weight_decay=1e-3, warmup_steps=20, ema_decay=0.98, sample_minutes=10
        )
    )
    batch: int = 8
    weights: tuple[float, ...] = (0.7, 1, 1, 1, 1.3, 1.3, 1.4, 1.4)
    dice: float = 0.5
    noises: int = NOISES
    rooms: int = ROOMS
    held_out: int = 48
    """How many of the last renderings are used for validation."""


class Renderings:
    """All pictures of a folder of shards (`synthesis.parts.write_part_shard`), in memory."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        shards = sorted(folder.glob("clothes_*.npz"))
        if not shards:
            raise InputError(f"{folder} holds no dressed people: run `vivid synthesize clothes` first.")
        parts = []
        for shard in shards[:limit]:
            try:
                with np.load(shard, allow_pickle=False) as stored:
                    parts.append({key: stored[key] for key in ("rgba", "classes", "materials", "canon", "points")})
            except (OSError, KeyError, ValueError):
                raise InputError(f"{shard} is no shard of dressed people: delete it and render it again.") from None
        self.shards = parts
        self.places = [(i, k) for i, part in enumerate(parts) for k in range(len(part["classes"]))]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> dict[str, NDArray]:
        shard, row = self.places[index]
        return {key: values[row] for key, values in self.shards[shard].items()}


def parsing_loss(logits: Tensor, labels: Tensor, config: ParsingConfig) -> Tensor:
    """Cross entropy, weighted higher at edges, plus soft Dice: logits (B, 8, H, W), labels (B, H, W) with OUTSIDE."""
    known = labels != OUTSIDE
    target = labels.masked_fill(~known, 0).long()
    weights = torch.tensor(config.weights, dtype=logits.dtype, device=logits.device)
    losses = cross_entropy(logits, target, weights, reduction="none")
    plain = target[:, None].to(logits.dtype)
    edges = max_pool2d(plain, 3, 1, 1) + max_pool2d(-plain, 3, 1, 1) > 0
    losses = losses * (1 + edges[:, 0].to(logits.dtype)) * known
    entropy = losses.sum() / known.sum().clamp(min=1)
    shares = logits.softmax(1) * known[:, None]
    truth = one_hot(target, len(CLASSES)).permute(0, 3, 1, 2).to(logits.dtype) * known[:, None]
    both, sums = (shares * truth).sum((0, 2, 3)), (shares + truth).sum((0, 2, 3))
    return entropy + config.dice * (1 - (2 * both + 50) / (sums + 50)).mean()


class ParsingStage(TrainingStage):
    """Trains a ClothesParser on renderings that get new colours and a new camera each time."""

    def __init__(self, config: ParsingConfig, renderings: Renderings, network: ClothesParser) -> None:
        super().__init__()
        self.config, self.renderings, self.network = config, renderings, network
        self.textures = Textures(config.loop.seed, config.noises, config.rooms)
        held_out = min(config.held_out, len(renderings) // 2)
        self.training_count = len(renderings) - held_out
        self.network.to(memory_format=torch.channels_last)

    def examples(self, count: int, seed: int) -> list[ParsingExample]:
        """`count` examples of held-out renderings, the same for the same seed."""
        rng = np.random.default_rng([seed, 43])
        held_out = np.arange(self.training_count, len(self.renderings))
        chosen = [int(held_out[k % len(held_out)]) for k in range(count)]
        return [make_example(self.renderings[k], self.textures, rng) for k in chosen]

    def batch(self, rng: np.random.Generator) -> Batch:
        """See TrainingStage."""
        chosen = rng.integers(self.training_count, size=self.config.batch)
        return collate([make_example(self.renderings[int(k)], self.textures, rng) for k in chosen])

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """See TrainingStage."""
        logits = self.network(batch["picture"].contiguous(memory_format=torch.channels_last), batch["maps"])
        return parsing_loss(logits.float(), batch["labels"], self.config), {}

    @torch.inference_mode()
    def sample(self) -> np.ndarray:
        """Rows of picture, truth and prediction."""
        examples = self.examples(6, 0)
        batch = collate(examples)
        device = next(self.network.parameters()).device
        found = self.network(batch["picture"].to(device), batch["maps"].to(device)).argmax(1).cpu().numpy()
        rows = []
        for example, classes in zip(examples, found, strict=True):
            truth = np.where((example.labels == OUTSIDE)[..., None], 128, COLOURS[example.labels % len(CLASSES)])
            rows.append(np.hstack([example.picture, truth.astype(np.uint8), COLOURS[classes]]))
        half = len(rows) // 2
        return np.hstack([np.vstack(rows[:half]), np.vstack(rows[half:])])

    def export(self, folder: Path) -> None:
        """See TrainingStage."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = self.network.state_dict()
        half = {k: (v.half() if v.is_floating_point() else v).contiguous().cpu() for k, v in state.items()}
        save_file(half, folder / WEIGHTS)


def collate(examples: list[ParsingExample]) -> Batch:
    """Tensors of several examples: picture (B, 3, S, S), maps (B, MAPS, S/2, S/2), labels (B, S, S) uint8."""
    pairs = [network_inputs(e.picture, e.points, e.seen, e.mask) for e in examples]
    return {
        "picture": torch.stack([picture for picture, _ in pairs]),
        "maps": torch.stack([maps for _, maps in pairs]),
        "labels": torch.from_numpy(np.stack([e.labels for e in examples])),
    }


@torch.inference_mode()
def intersection_over_union(network: ClothesParser, examples: list[ParsingExample]) -> NDArray[np.float64]:
    """(8,) over all pixels of the examples; NaN for classes that occur in neither."""
    both, either = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
    network.eval()
    for example in examples:
        batch = collate([example])
        found = network(batch["picture"], batch["maps"])[0].argmax(0).numpy()
        known = example.labels != OUTSIDE
        for k in range(len(CLASSES)):
            a, b = (found == k) & known, example.labels == k
            both[k] += (a & b).sum()
            either[k] += (a | b).sum()
    return np.where(either > 0, both / np.maximum(either, 1), np.nan)
