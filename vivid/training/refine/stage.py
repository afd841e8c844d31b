"""Training of the refiner: the difference between a layered frame and the true one, in one step."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import get_worker_info

from ...generators.refined.networks import refine
from ...media.tensors import from_unit, pixels_to_unit
from ...method.autoencoder import ShortcutAutoencoderKL, encode_pictures
from ...method.conditions import Conditions
from ...method.dsaa import pool_rhythm
from ...method.factory import Models
from ...method.hand_encoder import maps_from_pixels
from ...pose.draw import hand_map
from ...pose.regions import box_mask, hand_boxes, hand_crops, head_box
from ...speech.encoder import SpeechEncoder
from ..ablations import FULL, Ablation
from ..batches import Batch
from ..clips import MOUTH, box_around
from ..loop import LoopConfig, TrainingStage
from ..prepare import BATCH, MOUTH_ROOM, hand_codes
from ..vae import weighted_error
from .augment import random_development
from .pairs import Pairs

CELL = 8
"""Pixels of a latent cell."""
THREADS = min(16, os.cpu_count() or 1)
HELD = 6
"""Frames shown in the sample picture."""


@dataclass(frozen=True)
class RefineConfig:
    """batch: clips in a step, of `frames` frames each; crops: sides in pixels that a step may have, besides whole
    pictures, which `whole_share` of them are; weights of the loss relative to 1: mouth_weight and hand_weight on those
    cells, square_weight and edge_weight beside the absolute error, latent_weight of the latents' squared error; drops:
    shares of clips without sound and without hand map and codes."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(minutes=4, learning_rate=8e-4, ema_decay=0.998, precision="bf16")
    )
    batch: int = 32
    frames: int = 4
    crops: tuple[int, ...] = (192, 224)
    whole_share: float = 0.5
    mouth_weight: float = 12.0
    hand_weight: float = 4.0
    square_weight: float = 3.0
    edge_weight: float = 0.3
    latent_weight: float = 0.5
    drops: tuple[float, float] = (0.05, 0.05)
    ablation: Ablation = FULL


CPU_REFINE = RefineConfig(
    LoopConfig(minutes=60, learning_rate=8e-4, ema_decay=0.99, warmup_steps=30), batch=2, frames=4, crops=(128, 160)
)


@dataclass(frozen=True)
class Ready:
    """One clip's pairs with everything that augmentation does not change; N frames.

    audio, rhythm (N, 50, 384) float16; hand_maps (N, H, W, 3) uint8; hand_boxes (N, 2, 4), zeros where absent,
    mouth_boxes (N, 4), portrait_hands (2, 4), head_box (4,) in pixels; codes (2, 2, g, g) int16 of the portrait's
    hands, as they are and mirrored; present (2,) bool.
    """

    pairs: Pairs
    audio: NDArray[np.float16]
    rhythm: NDArray[np.float16]
    hand_maps: NDArray[np.uint8]
    hand_boxes: NDArray[np.float32]
    mouth_boxes: NDArray[np.float32]
    portrait_hands: NDArray[np.float32]
    head_box: NDArray[np.float32]
    codes: NDArray[np.int16]
    present: NDArray[np.bool_]


def make_ready(
    pairs: list[Pairs], models: Models, speech: SpeechEncoder, report: Callable[[str], None] = print
) -> list[Ready]:
    """Everything that is computed once; speech encoder and codebook run on their current devices."""
    out, window = [], models.denoiser.dsaa.head_window
    with ThreadPoolExecutor(THREADS) as pool:
        for number, (item, maps) in enumerate(zip(pairs, pool.map(_maps, pairs), strict=True)):
            audio = speech.features(item.samples, item.length).float().cpu()
            sides = []
            crops = hand_crops(item.portrait, item.clip.frame(0))
            for pictures in (crops.crops, crops.crops[::-1, :, ::-1]):
                sides.append(hand_codes(models.codebook, np.ascontiguousarray(pictures)[None])[0])
            found = hand_boxes(item.clip)
            boxes = np.where(found.present[..., None], found.boxes, 0).astype(np.float32)
            mouth = np.nan_to_num(box_around(item.clip.face[:, MOUTH], 1.2 * MOUTH_ROOM))
            out.append(
                Ready(
                    pairs=item,
                    audio=audio[item.moments].numpy().astype(np.float16),
                    rhythm=pool_rhythm(audio, item.moments.tolist(), window).numpy().astype(np.float16),
                    hand_maps=maps,
                    hand_boxes=boxes[1:],
                    mouth_boxes=mouth[1:],
                    portrait_hands=boxes[0],
                    head_box=head_box(item.clip.frame(0)),
                    codes=np.stack(sides),
                    present=crops.present,
                )
            )
            if (number + 1) % 50 == 0:
                report(f"prepared {number + 1} of {len(pairs)} clips")
    return out


def _maps(pairs: Pairs) -> NDArray[np.uint8]:
    return np.stack([hand_map(pairs.clip.frame(i)) for i in range(1, len(pairs.clip))])


@dataclass(frozen=True)
class View:
    """What a batch shows of a clip: frames, a square of `side` pixels from `corner` (x, y), and whether mirrored."""

    frames: NDArray[np.int64]
    corner: tuple[int, int]
    side: int
    mirrored: bool = False


def view_clip(ready: Ready, view: View, rng: np.random.Generator | None) -> dict[str, NDArray[np.generic]]:
    """The parts of one clip in a batch; pictures are developed at random when `rng` is given."""
    pairs, (x, y), side = ready.pairs, view.corner, view.side
    size = pairs.portrait.shape[0]
    develop = random_development(rng, (side, side)) if rng is not None else None

    def cut(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        part = picture[:, ::-1] if view.mirrored else picture
        return np.ascontiguousarray(part[y : y + side, x : x + side])

    def mask(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        if view.mirrored:
            boxes = np.where(boxes[..., 2:3] > boxes[..., :1], boxes * [-1, 1, -1, 1] + [size, 0, size, 0], 0)
            boxes = boxes[..., [2, 1, 0, 3]]
        moved = np.where((boxes[..., 2:3] > boxes[..., :1]), boxes - [x, y, x, y], 0)
        return box_mask(moved, (side, side), (side // CELL, side // CELL))

    pictures = {
        "layered": [cut(pairs.layered[i]) for i in view.frames],
        "true": [cut(pairs.true[i]) for i in view.frames],
    }
    portrait = cut(pairs.portrait)
    if develop is not None:
        pictures = {name: [develop.apply(picture) for picture in parts] for name, parts in pictures.items()}
        portrait = develop.apply(portrait, other_noise=True)
    frames, order = view.frames, slice(None, None, -1 if view.mirrored else 1)
    return {
        "portrait": portrait,
        **{name: np.stack(parts) for name, parts in pictures.items()},
        "audio": ready.audio[frames],
        "rhythm": ready.rhythm[frames],
        "hand_maps": np.stack([cut(ready.hand_maps[i]) for i in frames]),
        "hand_mask": mask(ready.hand_boxes[frames]).any(1),
        "left_mask": mask(ready.portrait_hands).any(0),
        "mouth_mask": mask(ready.mouth_boxes[frames]),
        "head_mask": mask(ready.head_box),
        "codes": ready.codes[int(view.mirrored)].astype(np.int64),
        "present": ready.present[order].copy(),
    }


def as_batch(clips: list[dict[str, NDArray[np.generic]]]) -> Batch:
    """Clips of equally many frames and pixels as one batch of tensors."""
    return {name: torch.from_numpy(np.stack([clip[name] for clip in clips])) for name in clips[0]}


class RefineStage(TrainingStage):
    """Denoiser, ReferenceNet, hand encoder and detail network; autoencoder and codebook stay as they are."""

    def __init__(self, config: RefineConfig, models: Models, clips: list[Ready], held_out: list[Ready]) -> None:
        """`held_out` are for the sample pictures; without any, training clips are shown."""
        super().__init__()
        vae = models.vae
        assert isinstance(vae, ShortcutAutoencoderKL) and vae.detail is not None
        self.config, self.clips, self.shown = config, clips, held_out or clips
        self.denoiser, self.reference, self.hand_encoder = models.denoiser, models.reference, models.hand_encoder
        self.detail = vae.detail
        # not registered: frozen networks belong neither to the optimiser nor to checkpoints
        vae.requires_grad_(False)
        self.detail.requires_grad_(True)
        self.frozen = {"vae": vae, "codebook": models.codebook.requires_grad_(False)}

    def batch(self, rng: np.random.Generator) -> Batch:
        config, size = self.config, self.clips[0].pairs.portrait.shape[0]
        sides = [side for side in config.crops if side < size]
        side = size if not sides or rng.random() < config.whole_share else int(rng.choice(sides))
        views = []
        for number in rng.integers(len(self.clips), size=config.batch):
            clip = self.clips[number]
            frames = rng.permutation(len(clip.pairs))[: config.frames]
            frames = np.resize(frames, config.frames)  # a short clip shows frames twice
            x, y = (int(rng.integers(size - side + 1)) for _ in range(2))
            source = np.random.default_rng(int(rng.integers(2**62)))
            views.append((clip, View(frames, (x, y), side, bool(rng.random() < 0.5)), source))
        if get_worker_info() is None:
            with ThreadPoolExecutor(THREADS) as pool:
                batch = as_batch(list(pool.map(lambda one: view_clip(*one), views)))
        else:  # in one of several worker processes
            batch = as_batch([view_clip(*one) for one in views])
        silent, handless = rng.random((2, config.batch)) < np.array(config.drops)[:, None]
        batch["keep_audio"], batch["keep_hands"] = torch.from_numpy(~silent), torch.from_numpy(~handless)
        return batch

    def refine(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Refined pictures (B * F, 3, H, W) of a batch of B clips, and their latents."""
        vae, codebook = (self.frozen[name].to(batch["portrait"].device) for name in ("vae", "codebook"))
        frames = batch["layered"].shape[1]

        def each(tensor: Tensor) -> Tensor:
            return tensor.repeat_interleave(frames, 0)

        with torch.no_grad(), torch.autocast(batch["portrait"].device.type, enabled=False):
            portrait = encode_pictures(vae, pixels_to_unit(batch["portrait"]))
        bank = self.denoiser.project_reference(self.reference.bank(portrait))
        tokens = rearrange(codebook.quantiser.codes[batch["codes"]], "b s h w d -> b (s h w) d")
        codes = self.denoiser.project_codes(tokens)
        present = batch["present"].repeat_interleave(tokens.shape[1] // 2, 1) & batch["keep_hands"][:, None]
        maps = maps_from_pixels(batch["hand_maps"].flatten(0, 1)) * each(batch["keep_hands"])[:, None, None, None]
        keep_audio = each(batch["keep_audio"])[:, None, None]
        conditions = Conditions(
            audio=(batch["audio"].flatten(0, 1).float() * keep_audio)[:, None],
            rhythm=(batch["rhythm"].flatten(0, 1).float() * keep_audio)[:, None],
            hand_features=self.hand_encoder(maps)[:, :, None],
            reference={name: (each(k), each(v)) for name, (k, v) in bank.items()},
            reference_latents=each(portrait),
            hand_tokens={name: (each(k), each(v)) for name, (k, v) in codes.items()},
            hand_token_mask=each(present),
            head_mask=each(batch["head_mask"])[:, None],
            hand_mask=batch["hand_mask"].flatten(0, 1)[:, None],
        )
        layered = pixels_to_unit(batch["layered"].flatten(0, 1))
        return refine(vae, self.denoiser, layered, maps, self.config.ablation.conditions(conditions))

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        config, vae = self.config, self.frozen["vae"]
        made, latents = self.refine(batch)
        layered, true = (pixels_to_unit(batch[name].flatten(0, 1)) for name in ("layered", "true"))
        with torch.no_grad(), torch.autocast(true.device.type, enabled=False):
            goal = encode_pictures(vae, true)
        mouth, hands = (batch[name].flatten(0, 1).float() for name in ("mouth_mask", "hand_mask"))
        # the places of the portrait's hands need as much correction as those of the frame's hands
        left = batch["left_mask"].float().repeat_interleave(batch["layered"].shape[1], 0)
        cells = 1 + (config.mouth_weight - 1) * mouth + (config.hand_weight - 1) * torch.maximum(hands, left)
        cells = (cells / cells.mean())[:, None]
        weight = F.interpolate(cells, scale_factor=CELL)
        error = made.float() - true
        loss = weighted_error(error, weight, config.square_weight, config.edge_weight)
        loss = loss + config.latent_weight * (cells * (latents.float() - goal).square()).mean()
        numbers = {}
        for name, mask in (("whole", torch.ones_like(mouth)), ("mouth", mouth), ("hands", hands)):
            inside = F.interpolate(mask[:, None], scale_factor=CELL)
            after, before = ((inside * part.detach().square()).sum() for part in (error, layered - true))
            numbers[name] = 10 * torch.log10((before + 1e-6) / (after + 1e-6))
        return loss, numbers

    @torch.no_grad()
    def refine_clip(self, clip: Ready) -> NDArray[np.uint8]:
        """All frames of a clip refined, (N, H, W, 3)."""
        device = next(self.denoiser.parameters()).device
        size, parts = clip.pairs.portrait.shape[0], []
        for first in range(0, len(clip.pairs), BATCH):
            frames = np.arange(first, min(first + BATCH, len(clip.pairs)))
            one = as_batch([view_clip(clip, View(frames, (0, 0), size), None)])
            one |= {"keep_audio": torch.ones(1, dtype=torch.bool), "keep_hands": torch.ones(1, dtype=torch.bool)}
            parts.append(from_unit(self.refine({name: part.to(device) for name, part in one.items()})[0]))
        return np.concatenate(parts)

    @torch.no_grad()
    def sample(self) -> NDArray[np.uint8]:
        """Columns of frames: portrait, layered, refined and true."""
        columns = []
        for clip in [self.shown[i] for i in np.linspace(0, len(self.shown) - 1, HELD).astype(int)]:
            middle = len(clip.pairs) // 2
            one = replace(
                clip,
                pairs=replace(
                    clip.pairs,
                    layered=clip.pairs.layered[middle : middle + 1],
                    true=clip.pairs.true[middle : middle + 1],
                ),
                **{name: getattr(clip, name)[middle : middle + 1] for name in PER_FRAME},
            )
            pictures = [clip.pairs.portrait, one.pairs.layered[0], self.refine_clip(one)[0], one.pairs.true[0]]
            columns.append(np.concatenate(pictures))
        return np.concatenate(columns, 1)

    def export(self, folder: Path) -> None:
        names = {"denoiser": self.denoiser, "reference": self.reference, "hand_encoder": self.hand_encoder}
        for name, network in {**names, "vae": self.frozen["vae"]}.items():
            copy.deepcopy(network).half().save_pretrained(folder / name, max_shard_size="9MB")


PER_FRAME = ("audio", "rhythm", "hand_maps", "hand_boxes", "mouth_boxes")
