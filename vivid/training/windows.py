"""Windows of prepared clips with a reference picture each: what a step of stage 1 or 2 sees."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from ..method.dsaa import HEAD_WINDOW, pool_rhythm
from .batches import Batch
from .prepare import PreparedClip

NEAREST = 6
"""A reference frame of the same clip is at least this many frames away from the window."""


@dataclass(frozen=True)
class DropRates:
    """How often a condition is dropped in training, which makes guidance possible."""

    audio: float = 0.1
    image: float = 0.1
    """Everything visual: reference, hand codes and hand map."""
    hands: float = 0.1
    """The hand map and the hand codes alone."""
    everything: float = 0.05


@dataclass(frozen=True)
class WindowShape:
    """The shape of a video in a batch: `frames` frames, at most `stride` apart, on `crop` x `crop` latent cells.

    crop None is the whole picture, and `whole_share` of the batches are whole pictures in any case (of fewer videos):
    attention and group norms see other statistics there. `face_share` and `hand_share` of the crops are centred on the
    mouth and on a hand, the rest anywhere. A stride above 1 makes the few frames of a window different, for stages
    without motion modules.
    """

    frames: int = 24
    stride: int = 1
    crop: int | None = None
    whole_share: float = 0.2
    face_share: float = 0.45
    hand_share: float = 0.4


class WindowSampler:
    """Draws windows of prepared clips; each video of a batch has one reference frame.

    The reference is a frame of the same scene (person, room and camera), but of another moment (NEAREST frames apart
    in the same clip), among those whose codes and head mask were prepared. With `same_head` it is the one of
    `candidates` random frames whose head is nearest to its place in the window. Nothing tells the network where the
    head goes; on a small budget it would learn the blurred mean of all places, so it is taught to keep the head of the
    portrait instead.
    """

    def __init__(
        self,
        clips: list[PreparedClip],
        shape: WindowShape,
        batch: int,
        same_head: bool = False,
        candidates: int = 96,
        head_window: int = HEAD_WINDOW,
    ) -> None:
        self.clips = [clip for clip in clips if len(clip) >= shape.frames]
        if not self.clips:
            raise ValueError(f"no clip has the {shape.frames} frames of a window")
        self.shape, self.batch_size, self.head_window = shape, batch, head_window
        self.candidates = candidates if same_head else 1
        scenes: dict[int, list[int]] = defaultdict(list)
        for number, clip in enumerate(self.clips):
            scenes[int(clip.scene)].append(number)
        self.same_scene = [scenes[int(clip.scene)] for clip in self.clips]

    def draw(self, rng: np.random.Generator, drops: DropRates) -> Batch:
        """One batch of tensors; see `PreparedClip` for the parts.

        `reference_hand_mask` (B, h, w) bool: where the reference's hands are; `keep_*` (B,) bool: what is kept.
        """
        items: dict[str, list[np.ndarray]] = defaultdict(list)
        shape = self.shape
        rows, columns = self.clips[0].latents.shape[2:]
        crop, batch = shape.crop, self.batch_size
        if crop is not None and (crop >= min(rows, columns) or rng.random() < shape.whole_share):
            batch = max(1, round(batch * crop**2 / (rows * columns)))
            crop = None
        for _ in range(batch):
            number, window, other, reference = self.pick(rng)
            clip, reference_clip = self.clips[number], self.clips[other]
            hands = clip.hand_mask[(window.start + window.stop) // 2] | reference_clip.hand_mask[reference]
            corner = self._corner(clip, window, hands, crop, rng) if crop is not None else None
            self._add(items, clip, window, reference_clip, reference, corner, crop)
            self._drop(items, rng, drops)
        return {name: torch.from_numpy(np.stack(values)) for name, values in items.items()}

    def pick(self, rng: np.random.Generator) -> tuple[int, slice, int, int]:
        """A window and its reference: number of a clip, frames of it, number of the reference's clip, frame of that."""
        shape, number = self.shape, int(rng.integers(len(self.clips)))
        clip = self.clips[number]
        stride = int(rng.integers(1, min(shape.stride, (len(clip) - 1) // max(1, shape.frames - 1)) + 1))
        start = int(rng.integers(len(clip) - (shape.frames - 1) * stride))
        window = slice(start, start + (shape.frames - 1) * stride + 1, stride)
        return number, window, *self._reference(number, window, rng)

    def whole(self, number: int, window: slice, reference_clip: int, reference: int) -> Batch:
        """What `pick` returned as a batch of one whole video, nothing dropped."""
        items: dict[str, list[np.ndarray]] = defaultdict(list)
        self._add(items, self.clips[number], window, self.clips[reference_clip], reference)
        for name in ("keep_audio", "keep_image", "keep_hands"):
            items[name].append(np.array(True))
        return {name: torch.from_numpy(np.stack(values)) for name, values in items.items()}

    def _reference(self, number: int, window: slice, rng: np.random.Generator) -> tuple[int, int]:
        """A clip and the frame of it that is the reference."""
        own = self.clips[number].references
        # of moments close to the window, mouth and hands would give the answer away
        own = own[(own <= window.start - NEAREST) | (own >= window.stop + NEAREST)]
        sources = [other for other in self.same_scene[number] if other != number or len(own)]
        place = self.clips[number].head_points[window].mean(0)
        best, found = np.inf, (number, 0)
        for _ in range(self.candidates if sources else 0):
            chosen = sources[int(rng.integers(len(sources)))]
            reference_clip = self.clips[chosen]
            frame = int(rng.choice(own if chosen == number else reference_clip.references))
            # an unseen head counts as far from everywhere, but is still better than no reference
            distance = float(np.nan_to_num(np.abs(reference_clip.head_points[frame] - place).mean(), nan=1e9))
            if distance < best:
                best, found = distance, (chosen, frame)
        return found

    def _corner(
        self, clip: PreparedClip, window: slice, hands: np.ndarray, crop: int, rng: np.random.Generator
    ) -> tuple[int, int]:
        """First row and column of a crop: near the mouth, near a hand (in the window or the reference), or anywhere."""
        rows, columns = clip.latents.shape[2:]
        middle = (window.start + window.stop) // 2
        kind = rng.random()
        mask = np.zeros((0, 0), bool)
        if kind < self.shape.face_share:
            mask = clip.mouth_mask[middle]
        elif kind < self.shape.face_share + self.shape.hand_share:
            mask = hands
        cells = np.argwhere(mask)
        if len(cells):
            centre = cells[int(rng.integers(len(cells)))] - crop // 2 + rng.integers(-crop // 4, crop // 4 + 1, size=2)
        else:
            centre = rng.integers(0, (rows - crop + 1, columns - crop + 1))
        return int(np.clip(centre[0], 0, rows - crop)), int(np.clip(centre[1], 0, columns - crop))

    def _add(
        self,
        items: dict[str, list[np.ndarray]],
        clip: PreparedClip,
        window: slice,
        reference_clip: PreparedClip,
        reference: int,
        corner: tuple[int, int] | None = None,
        crop: int | None = None,
    ) -> None:
        rows = columns = pixel_rows = pixel_columns = slice(None)
        if corner is not None and crop is not None:
            rows, columns = (slice(first, first + crop) for first in corner)
            factor = clip.hand_maps.shape[1] // clip.latents.shape[2]
            pixel_rows, pixel_columns = (slice(part.start * factor, part.stop * factor) for part in (rows, columns))
        items["latents"].append(clip.latents[window, :, rows, columns])
        items["audio"].append(clip.audio[window])
        items["rhythm"].append(self._rhythm(clip, range(*window.indices(len(clip)))))
        items["hand_maps"].append(clip.hand_maps[window, pixel_rows, pixel_columns])
        items["hand_mask"].append(clip.hand_mask[window, rows, columns])
        items["mouth_mask"].append(clip.mouth_mask[window, rows, columns])
        items["reference_hand_mask"].append(reference_clip.hand_mask[reference, rows, columns])
        items["reference"].append(reference_clip.latents[reference, :, rows, columns])
        row = int(np.flatnonzero(reference_clip.references == reference)[0])
        items["head_mask"].append(reference_clip.head_mask[row, rows, columns])
        items["hand_pictures"].append(reference_clip.hand_pictures[row])
        items["hand_indices"].append(reference_clip.hand_indices[row].astype(np.int64))
        items["hand_present"].append(reference_clip.hand_present[row])

    def _rhythm(self, clip: PreparedClip, frames: range) -> np.ndarray:
        """What the head stream reads for some frames, (n, 50, width)."""
        first = max(0, frames.start - self.head_window)
        around = torch.from_numpy(np.array(clip.audio[first : frames.stop + self.head_window]))
        return pool_rhythm(around, [frame - first for frame in frames], self.head_window).numpy()

    @staticmethod
    def _drop(items: dict[str, list[np.ndarray]], rng: np.random.Generator, drops: DropRates) -> None:
        audio, image, hands, everything = rng.random(4) < (drops.audio, drops.image, drops.hands, drops.everything)
        items["keep_audio"].append(np.array(not (audio or everything)))
        items["keep_image"].append(np.array(not (image or everything)))
        items["keep_hands"].append(np.array(not (hands or image or everything)))


def fixed_batch(clips: list[PreparedClip], frames: int, count: int, head_window: int = HEAD_WINDOW) -> Batch:
    """`count` windows that are always the same, spread over the clips, nothing dropped: for sample pictures."""
    sampler = WindowSampler(clips, WindowShape(frames), 1, head_window=head_window)
    videos = []
    for video in range(count):
        number = video * len(sampler.clips) // count
        start = (len(sampler.clips[number]) - frames) // 2
        videos.append(sampler.whole(number, slice(start, start + frames), number, 0))
    return {name: torch.cat([video[name] for video in videos]) for name in videos[0]}
