"""Tiny clips on disk in both layouts that training reads."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from tests.media_files import tone
from vivid.media.video import VideoWriter
from vivid.pose.clips import save_clip
from vivid.pose.skeleton import PoseClip
from vivid.speech.types import Speech

SIZE, FRAMES = 64, 12


def key_points(frames: int = FRAMES, size: int = SIZE) -> np.ndarray:
    """128 points (T, 128, 2): a head above, two hands below that move to the right, lips that open."""
    rng = np.random.default_rng(0)
    points = np.zeros((frames, 128, 2), np.float32)
    points[:, :18] = rng.uniform(0.3, 0.7, (18, 2)) * size
    points[:, 0] = (0.5 * size, 0.25 * size)
    for first, x in ((18, 0.7), (39, 0.3)):
        points[:, first : first + 21] = rng.uniform(-0.08, 0.08, (21, 2)) * size + np.array([x, 0.75]) * size
        points[:, first : first + 21, 0] += np.arange(frames)[:, None]
    points[:, 60:] = rng.uniform(-0.1, 0.1, (68, 2)) * size + np.array([0.5, 0.25]) * size
    points[:, 60 + 36 : 60 + 42] = np.array([0.45, 0.22]) * size
    points[:, 60 + 42 : 60 + 48] = np.array([0.55, 0.22]) * size
    points[:, 60 + 48 :] = np.array([0.5, 0.32]) * size + rng.uniform(-2, 2, (20, 2))
    points[:, 60 + 66, 0] = points[:, 60 + 62, 0]
    points[:, 60 + 66, 1] = points[:, 60 + 62, 1] + np.arange(frames) % 4
    return points


def write_video(path: Path, frames: int = FRAMES, size: int = SIZE, seed: int = 0) -> None:
    """A video with sound: a square that moves over a fixed pattern."""
    pattern = cv2.resize(np.random.default_rng(seed).integers(60, 200, (8, 8, 3), np.uint8), (size, size))
    pictures = []
    for t in range(frames):
        picture = pattern.copy()
        picture[size * 2 // 3 : size * 5 // 6, 10 + t : 22 + t] = (220, 160, 140)
        pictures.append(picture)
    with VideoWriter(
        path, (size, size), speech=Speech(tone(frames / 24, hertz=200.0, level=0.125)), quality=10
    ) as writer:
        writer.write(np.stack(pictures))


def write_rendered(folder: Path, name: str, identity: int = 0, seed: int = 0) -> Path:
    """A clip as `vivid synthesize people` writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_video(folder / f"{name}.mp4", seed=seed)
    points = key_points()

    def box(first: int, last: int) -> np.ndarray:
        part = points[:, first:last]
        return np.concatenate([part.min(1), part.max(1)], -1) * 16

    np.savez(
        folder / f"{name}.npz",
        kp=np.round(points * 16).astype(np.int16),
        vis=np.full((FRAMES, 128), 3, np.uint8),
        hand_box=np.stack([box(18, 39), box(39, 60)], 1).astype(np.int16),
        head_box=box(60, 128).astype(np.int16),
        mouth=np.stack([np.arange(FRAMES) * 10, np.full(FRAMES, 100)], 1).astype(np.uint8),
        meta=np.array(json.dumps({"identity": identity, "voice": 3, "camera": {"own": True}})),
    )
    return folder / f"{name}.mp4"


def write_ordinary(folder: Path, name: str) -> Path:
    """A video with a pose clip beside it, as `vivid detect` writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_video(folder / f"{name}.mp4", seed=5)
    full = np.concatenate([key_points(), np.ones((FRAMES, 128, 1), np.float32)], -1)
    hands = full[:, 18:60].reshape(FRAMES, 2, 21, 3)
    save_clip(PoseClip(full[:, :18], hands, full[:, 60:], (SIZE, SIZE)), folder / f"{name}.npz")
    return folder / f"{name}.mp4"
