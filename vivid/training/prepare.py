"""Everything computed once before the stages: latents, speech features, hand maps, masks and codebook indices of clips.

A training step then only runs networks. Everything is made as the pipeline makes it at run time (same masks, same
crops, same windows), so that the networks see in use what they saw in training.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..config import SAMPLE_RATE
from ..media.sound import load_speech
from ..media.tensors import from_unit, to_unit
from ..method.autoencoder import ShortcutAutoencoderKL, decode_latents, encode_pictures
from ..method.hcc import HandCodebook
from ..pose.draw import hand_map
from ..pose.regions import box_mask, hand_boxes, hand_crops, head_box
from ..speech.encoder import SpeechEncoder
from ..speech.states import load_states
from ..speech.windows import gather, window_indices
from .clips import Clip

FORMAT = 4
"""Changes whenever `PreparedClip` changes, so that an old cache is not read."""
BATCH = 8
"""Frames that the autoencoder takes at a time."""
REFERENCE_EVERY = 6
"""Every n-th frame of a clip may serve as a reference: its hand codes and head mask are kept."""
HEAD_POINTS = (27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45)
"""Face points that move with the skull alone: nose and corners of the eyes."""
MOUTH_ROOM = 1.5
"""Factor by which the mouth's box is enlarged for the weight of the loss: lips move out of their own box."""


@dataclass(frozen=True)
class PreparedClip:
    """One clip, ready for training; T frames, R reference frames, latent grid h x w.

    latents (T, C, h, w) float16, scaled; audio (T, 50, 384) float16; hand_maps (T, H, W, 3) uint8; hand_mask,
    mouth_mask (T, h, w) bool; head_mask (R, h, w) bool of the reference frames; references (R) frame numbers;
    hand_pictures (R, 2, 256, 256, 3) uint8 crops, hand_indices (R, 2, g, g) int16 their codes, hand_present (R, 2)
    bool; face (T, 68, 2) float32 points in pixels, NaN where not seen; scene: a number shared by clips that may use
    each other's frames as references.
    """

    latents: NDArray[np.float16]
    audio: NDArray[np.float16]
    hand_maps: NDArray[np.uint8]
    hand_mask: NDArray[np.bool_]
    mouth_mask: NDArray[np.bool_]
    head_mask: NDArray[np.bool_]
    references: NDArray[np.int64]
    hand_pictures: NDArray[np.uint8]
    hand_indices: NDArray[np.int16]
    hand_present: NDArray[np.bool_]
    face: NDArray[np.float32]
    scene: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.latents)

    @property
    def head_points(self) -> NDArray[np.float32]:
        """Points of the head that facial expressions do not move: (T, 11, 2)."""
        return self.face[:, HEAD_POINTS]


@torch.no_grad()
def encode_frames(vae: ShortcutAutoencoderKL, frames: NDArray[np.uint8]) -> torch.Tensor:
    """Scaled latents (T, C, H/8, W/8) of frames (T, H, W, 3) uint8: the mean of the posterior."""
    device = next(vae.parameters()).device
    parts = []
    for first in range(0, len(frames), BATCH):
        pictures = to_unit(frames[first : first + BATCH], device, torch.float32)
        parts.append(encode_pictures(vae, pictures).float())
    return torch.cat(parts)


@torch.no_grad()
def decode_frames(vae: ShortcutAutoencoderKL, latents: torch.Tensor) -> NDArray[np.uint8]:
    """Frames (T, H, W, 3) uint8 of scaled latents (T, C, h, w)."""
    weight = next(vae.parameters())
    parts = []
    for first in range(0, len(latents), BATCH):
        chunk = latents[first : first + BATCH].to(weight.device, weight.dtype)
        parts.append(from_unit(decode_latents(vae, chunk)))
    return np.concatenate(parts)


def scene_of(clip: Clip, number: int) -> int:
    """A number shared by clips of one person, room and camera; a clip without labels has its own."""
    if clip.identity < 0 or "camera" not in clip.meta:
        return -1 - number
    text = f"{clip.identity}|{clip.meta['camera']}|{clip.meta.get('room', '')}"
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


@torch.no_grad()
def hand_codes(codebook: HandCodebook, pictures: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Codes (R, 2, g, g) of hand crops (R, 2, 256, 256, 3)."""
    device = next(codebook.parameters()).device
    codes = []
    for pair in pictures:
        grid = codebook.encode(to_unit(pair, device, torch.float32))
        codes.append(codebook.quantise(grid)[1].cpu().numpy())
    return np.stack(codes).astype(np.int16)


def prepare_clip(
    clip: Clip, number: int, vae: ShortcutAutoencoderKL, codebook: HandCodebook, speech: SpeechEncoder
) -> PreparedClip:
    """Everything a stage needs of one clip."""
    canvas = clip.pose.canvas
    latents = encode_frames(vae, clip.frames)
    grid = (latents.shape[2], latents.shape[3])
    sound = load_speech(clip.video)
    samples = sound.samples
    needed = -(-len(clip) * SAMPLE_RATE // 24)
    if len(samples) < needed:  # an encoder may drop the sound of the last frame
        samples = np.pad(samples, (0, needed - len(samples)))
    states = load_states(clip.video, speech.name)  # `vivid data prepare` has computed them
    if states is None:
        audio = speech.features(samples, len(clip))
    else:
        audio = gather(states, window_indices(len(states), len(clip)))
    maps = np.stack([hand_map(clip.pose.frame(i), canvas) for i in range(len(clip))])
    found = hand_boxes(clip.pose)
    hand_mask = box_mask(np.where(found.present[..., None], found.boxes, 0), canvas, grid).any(axis=1)
    middle = (clip.mouth_boxes[:, :2] + clip.mouth_boxes[:, 2:]) / 2
    half = (clip.mouth_boxes[:, 2:] - clip.mouth_boxes[:, :2]) / 2 * MOUTH_ROOM
    mouth = box_mask(np.nan_to_num(np.concatenate([middle - half, middle + half], -1)), canvas, grid)
    references = np.arange(0, len(clip), REFERENCE_EVERY)
    found_hands = [hand_crops(clip.frames[i], clip.pose.frame(i)) for i in references]
    pictures = np.stack([hands.crops for hands in found_hands])
    present = np.stack([hands.present for hands in found_hands])
    codes = hand_codes(codebook, pictures)
    heads = np.stack([box_mask(head_box(clip.pose.frame(i)), canvas, grid) for i in references])
    return PreparedClip(
        latents=latents.cpu().numpy().astype(np.float16),
        audio=audio.cpu().numpy().astype(np.float16),
        hand_maps=maps,
        hand_mask=hand_mask,
        mouth_mask=mouth,
        head_mask=heads,
        references=references,
        hand_pictures=pictures,
        hand_indices=codes,
        hand_present=present,
        face=np.where(clip.pose.face[..., 2:] > 0, clip.pose.face[..., :2], np.nan).astype(np.float32),
        scene=np.array(scene_of(clip, number)),
    )


def _key(clip: Clip, *modules: torch.nn.Module) -> str:
    """Changes when the clip or any of the networks changes."""
    stat = clip.video.stat()
    digest = hashlib.sha256(
        f"{FORMAT}|{clip.video.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{clip.frames.shape}".encode()
    )
    for module in modules:
        for name, tensor in module.state_dict().items():
            if name.startswith("detail."):
                continue  # nothing computed here depends on it
            digest.update(np.float64(tensor.double().sum().item()).tobytes())
    return digest.hexdigest()[:20]


def prepare_clips(
    clips: list[Clip],
    vae: ShortcutAutoencoderKL,
    codebook: HandCodebook,
    speech: SpeechEncoder,
    cache: Path,
    report: Callable[[str], None] = print,
) -> list[PreparedClip]:
    """Prepare all clips; results of an earlier run with the same networks are taken from the cache.

    The clips are mapped from disk, not loaded: memory does not grow with their number.
    """
    prepared = []
    cache.mkdir(parents=True, exist_ok=True)
    vae.requires_grad_(False)
    networks = [network.eval() for network in (vae, codebook)]
    for number, clip in enumerate(clips):
        target = cache / f"{clip.name}-{_key(clip, *networks)}-{speech.name}"
        if not target.exists():
            item = prepare_clip(clip, number, vae, codebook, speech)
            partial = target.with_suffix(f".{os.getpid()}")  # several processes may prepare at once
            partial.mkdir()
            for name, array in vars(item).items():
                np.save(partial / f"{name}.npy", array)
            try:
                partial.rename(target)
            except OSError:  # another process was faster
                shutil.rmtree(partial)
            if number % 10 == 0:
                report(f"prepared {number + 1} of {len(clips)} clips")
        prepared.append(
            PreparedClip(**{f.name: np.load(target / f"{f.name}.npy", mmap_mode="r") for f in fields(PreparedClip)})
        )
    return prepared
