"""Pairs of a layered frame and the true one, as training and evaluation read them.

NAME.mp4 holds the layered frames to the left of the true ones, after one frame with the portrait twice; NAME.npz the
rest. Reading needs neither the renderer nor a detector, so the files can be taken to any machine.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...config import SAMPLE_RATE
from ...errors import InputError
from ...media.outputs import written_whole
from ...media.video import VideoWriter, read_frames
from ...pose.skeleton import PoseClip, stacked, unstacked
from ..clips import LIMITS

RATE = 8
"""Frames a second in the file; they are single moments, and the rate means nothing."""
QUALITY = 23
"""x264's constant rate factor."""
SUBPIXEL = 16
"""Stored points are integers of 1/16 pixel."""


@dataclass(frozen=True)
class Pairs:
    """N frames of one person before one camera.

    portrait (H, W, 3) uint8, another moment of the same clip; layered, true (N, H, W, 3) uint8; clip: true poses, of
    the portrait first and then of the N frames; moments (N,): its frame in the speech, at 24 a second;
    samples: the speech, mono float32 at 16 kHz; length: its frames; identity: of the person.
    """

    name: str
    portrait: NDArray[np.uint8]
    layered: NDArray[np.uint8]
    true: NDArray[np.uint8]
    clip: PoseClip
    moments: NDArray[np.int64]
    samples: NDArray[np.float32]
    length: int
    identity: int

    def __len__(self) -> int:
        return len(self.true)


def save_pairs(path: Path, pairs: Pairs) -> None:
    """Write NAME.mp4 and NAME.npz; `path` is without suffix. The npz comes last, so a pair with it is complete."""
    portrait = np.concatenate([pairs.portrait] * 2, 1)
    size = (portrait.shape[1], portrait.shape[0])
    with VideoWriter(path.with_suffix(".mp4"), size, RATE, preset="slow", quality=QUALITY) as writer:
        writer.write(portrait)
        writer.write(np.concatenate([pairs.layered, pairs.true], 2))  # (N, H, 2W, 3)
    points = stacked(pairs.clip)
    sound = io.BytesIO()
    soundfile.write(sound, pairs.samples, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=0.95)
    with written_whole(path.with_suffix(".npz")) as file:
        np.savez_compressed(
            file,
            points=np.clip(np.round(points[..., :2] * SUBPIXEL), -32768, 32767).astype(np.int16),
            confidence=np.round(points[..., 2] * 2).astype(np.uint8),
            moments=pairs.moments.astype(np.int16),
            sound=np.frombuffer(sound.getvalue(), np.uint8),
            length=np.int32(pairs.length),
            identity=np.int32(pairs.identity),
        )


def load_pairs(folder: Path, limit: int | None = None) -> list[Pairs]:
    """All pairs of a folder, in the order of their names. Errors: InputError when there are none, or one is damaged."""
    files = sorted(file for file in folder.glob("*.npz") if file.with_suffix(".mp4").exists())
    if not files:
        raise InputError(f"{folder} holds no pairs: run `vivid synthesize pairs` first.")
    return [_load(file) for file in files[:limit]]


def _load(file: Path) -> Pairs:
    with np.load(file, allow_pickle=False) as stored:
        data = {name: stored[name] for name in stored.files}
    frames = np.stack(list(read_frames(file.with_suffix(".mp4"), RATE, LIMITS)))
    if len(frames) != len(data["points"]):
        raise InputError(f"{file.stem}.mp4 is damaged: make that pair again.")
    size = frames.shape[1]
    points = np.concatenate([data["points"] / SUBPIXEL, data["confidence"][..., None] / 2], -1).astype(np.float32)
    samples, _ = soundfile.read(io.BytesIO(data["sound"].tobytes()), dtype="float32")
    return Pairs(
        name=file.stem,
        portrait=frames[0, :, :size],
        layered=frames[1:, :, :size],
        true=frames[1:, :, size:],
        clip=unstacked(points, (size, size)),
        moments=data["moments"].astype(np.int64),
        samples=samples,
        length=int(data["length"]),
        identity=int(data["identity"]),
    )
