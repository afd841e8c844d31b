"""Video clips with key points, as training and evaluation read them: rendered folders and ordinary videos + poses.

A rendered clip is NAME.mp4 beside NAME.npz with exact labels (`kp`, `vis`, `hand_box`, `head_box`, ...); an ordinary
one is NAME.mp4 beside NAME.npz in the pose clip layout (`body`, `hands`, `face`, ...), as `vivid detect` writes it.
Frames are decoded once into a file of plain pixels that is mapped, not loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import FPS, Limits
from ..data.shards import unpack_shard
from ..errors import InputError
from ..media.pictures import fit_of, fit_picture
from ..media.video import probe, read_frames
from ..pose.skeleton import PoseClip, unstacked

MOUTH = slice(48, 68)
"""Points of the mouth in the face 68 layout (outer and inner lips)."""
HIDDEN_CONFIDENCE = 0.5
"""Confidence given to a rendered key point that exists but is covered: detectors guess such points too."""

LIMITS = Limits(upload_bytes=2**40, motion_seconds=24 * 3600.0)
"""Limits for one's own videos, far above those for uploads."""

Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """One video: frames (T, H, W, 3) uint8 mapped from disk, its poses in pixels of the frames, and boxes x0 y0 x1 y1.

    `hand_boxes` (T, 2, 4) and `head_boxes` (T, 4) are NaN where absent; `openness` (T) is the inner lip distance over
    the distance between the eyes; `identity` and `voice` tell people and voices apart (-1: unknown).
    """

    name: str
    video: Path
    frames: NDArray[np.uint8]
    pose: PoseClip
    hand_boxes: Boxes
    head_boxes: Boxes
    mouth_boxes: Boxes
    openness: NDArray[np.float32]
    identity: int = -1
    voice: int = -1
    meta: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)


def _decode(video: Path, size: tuple[int, int], centre: tuple[float, float], target: Path) -> None:
    """Write the frames of a video, fitted to `size`, into `target` one by one: all of them, or no file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}")  # several processes may decode at once
    with partial.open("wb") as file:
        for frame in read_frames(video, FPS, LIMITS):
            file.write(fit_picture(frame, size, centre)[0].tobytes())
    partial.replace(target)


def decoded_frames(
    video: Path, size: tuple[int, int], cache: Path, centre: tuple[float, float] = (0.0, 0.0)
) -> NDArray[np.uint8]:
    """Frames (T, H, W, 3) of a video at `size` (width, height), scaled to cover it and cropped as near to `centre` as
    possible; mapped from the cache, and decoded first if missing. Errors: InputError."""
    stat = video.stat()
    key = f"{video.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{size}|{centre}"
    target = cache / f"{video.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.rgb"
    if not target.exists():
        _decode(video, size, centre, target)
    frames: NDArray[np.uint8] = np.memmap(target, np.uint8, "r").reshape(-1, size[1], size[0], 3)
    return frames


def _middle(pose: PoseClip) -> tuple[float, float]:
    """The middle of the area in which a clip shows head and hands, in pixels of its canvas."""
    points = np.concatenate([pose.face.reshape(-1, 3), pose.hands.reshape(-1, 3)])
    seen = points[points[:, 2] > 0, :2]
    if not len(seen):
        return pose.canvas[0] / 2, pose.canvas[1] / 2
    low, high = np.percentile(seen, (2, 98), axis=0)
    return float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2


def rendered_pose(labels: dict[str, NDArray[Any]], canvas: tuple[int, int]) -> PoseClip:
    """Poses of a rendered label file: key points in 1/16 pixel, covered points at half confidence."""
    points = labels["kp"].astype(np.float32) / 16
    visible = (labels["vis"] & 2) > 0
    confidence = np.where(visible, 1.0, HIDDEN_CONFIDENCE).astype(np.float32)
    return unstacked(np.concatenate([points, confidence[..., None]], axis=-1), canvas)


def box_around(points: NDArray[np.float32], enlarge: float = 1.0) -> Boxes:
    """Boxes (..., 4) around points (..., N, 3) with confidence above 0, enlarged about their centre; NaN if none."""
    where = np.where(points[..., 2:] > 0, points[..., :2], np.nan)
    missing = np.isnan(where).all(axis=-2, keepdims=True)
    low = np.where(missing, np.inf, where).copy()
    high = np.where(missing, -np.inf, where).copy()
    low, high = np.nanmin(low, axis=-2), np.nanmax(high, axis=-2)
    with np.errstate(invalid="ignore"):  # infinity minus infinity where there is no point
        middle, half = (low + high) / 2, (high - low) / 2 * enlarge
    boxes = np.concatenate([middle - half, middle + half], axis=-1)
    return np.where(np.isfinite(boxes), boxes, np.nan).astype(np.float32)


def openness_of(face: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inner lip distance (points 62 and 66) over the distance of the eyes' centres: face (T, 68, 3) -> (T)."""
    eyes = face[:, 36:42, :2].mean(1) - face[:, 42:48, :2].mean(1)
    lips = face[:, 62, :2] - face[:, 66, :2]
    return (np.linalg.norm(lips, axis=-1) / np.maximum(np.linalg.norm(eyes, axis=-1), 1e-3)).astype(np.float32)


def load_clip_folder(video: Path, cache: Path, size: tuple[int, int] | None = None) -> Clip:
    """One clip from its video; the label file beside it decides which of the two kinds it is.

    `size` (width, height) fits frames and poses into it, never squashed, around head and hands; None keeps the video's.
    """
    label_path = video.with_suffix(".npz")
    if not label_path.exists():
        raise InputError(f"{video.name} has no labels: put {label_path.name} beside it (vivid detect writes one).")
    with np.load(label_path, allow_pickle=False) as stored:
        labels = {name: stored[name] for name in stored.files}
    info = probe(video, LIMITS)
    original = (info.width, info.height)
    target = size or original
    meta: dict[str, Any] = {}
    if "kp" in labels:
        meta = json.loads(str(labels["meta"])) if "meta" in labels else {}
        pose = rendered_pose(labels, original)
    elif "body" in labels:
        canvas = (int(labels["canvas"][0]), int(labels["canvas"][1]))
        pose = PoseClip(labels["body"], labels["hands"], labels["face"], canvas)
        pose = pose.map_points((original[0] / canvas[0], original[1] / canvas[1]), (0, 0), original)
    else:
        raise InputError(f"{label_path.name} is neither a label file of rendered people nor a pose clip: remove it.")
    centre = _middle(pose)
    fit = fit_of(original, target, centre)
    frames = decoded_frames(video, target, cache, centre)
    shift = (-fit.corner[0] * fit.scale, -fit.corner[1] * fit.scale)
    pose = pose.map_points((fit.scale, fit.scale), shift, target)
    if "kp" in labels:
        scale, moved = np.float32(fit.scale / 16), np.array(shift * 2, np.float32)
        hand_boxes, head_boxes = labels["hand_box"] * scale + moved, labels["head_box"] * scale + moved
        openness = labels["mouth"][:, 0].astype(np.float32) / 200
    else:
        hand_boxes, head_boxes = box_around(pose.hands, 1.2), box_around(pose.face, 1.3)
        openness = openness_of(pose.face)
    count = min(len(frames), len(pose))
    keep = slice(0, count)
    return Clip(
        name=video.stem,
        video=video,
        frames=frames[keep],
        pose=pose.take(keep),
        hand_boxes=hand_boxes[keep].astype(np.float32),
        head_boxes=head_boxes[keep].astype(np.float32),
        mouth_boxes=box_around(pose.face[keep, MOUTH], 1.2),
        openness=openness[keep],
        identity=int(meta.get("identity", -1)),
        voice=int(meta.get("voice", -1)),
        meta=meta,
    )


def load_clips(folder: Path, cache: Path, size: tuple[int, int] | None = None, limit: int | None = None) -> list[Clip]:
    """All clips of a folder, also of shards in it (`data/shards.py`), in the order of their paths.

    Raises InputError when the folder has none.
    """
    folders = [folder, *(unpack_shard(shard, cache) for shard in sorted(folder.glob("shard-*.tar")))]
    videos = sorted(path for one in folders for path in one.rglob("*.mp4") if path.with_suffix(".npz").exists())
    if not videos:
        raise InputError(f"{folder} holds no videos with labels beside them: run `vivid synthesize people` first.")
    return [load_clip_folder(video, cache, size) for video in videos[:limit]]
