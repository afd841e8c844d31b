"""Hand close-ups: rendered shards, or crops cut from clips, as one uint8 array mapped from disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..pose.regions import hand_crops
from .clips import Clip

SIZE = 256
"""Side of a crop in pixels."""
SHARPEST_BLUR = 30.0
"""Crops of clips below this variance of the Laplacian are left out: they would teach the codebook blur."""


def _shard_pictures(shard: Path) -> Iterator[NDArray[np.uint8]]:
    with np.load(shard, allow_pickle=False) as stored:
        data, offset = stored["jpeg"], stored["offset"]
    for first, last in pairwise(offset):
        picture = cv2.imdecode(data[first:last], cv2.IMREAD_COLOR)
        if picture is None:
            raise InputError(f"{shard.name} holds a damaged picture: render it again.")
        if picture.shape[:2] != (SIZE, SIZE):
            picture = cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        yield np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def load_hand_shards(folder: Path, cache: Path) -> NDArray[np.uint8]:
    """All hand pictures of a folder of shards (hands_*.npz): (N, 256, 256, 3) uint8, decoded once into the cache."""
    shards = sorted(folder.rglob("hands_*.npz"))
    if not shards:
        raise InputError(f"{folder} holds no hand shards: run `vivid synthesize hands` first.")
    text = "|".join(f"{shard.resolve()}{shard.stat().st_size}{shard.stat().st_mtime_ns}" for shard in shards)
    target = cache / f"hands-{SIZE}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npy"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        counts = []
        for shard in shards:
            with np.load(shard, allow_pickle=False) as stored:
                counts.append(len(stored["offset"]) - 1)
        partial = target.with_suffix(f".{os.getpid()}.npy")  # several processes may decode at once
        array = np.lib.format.open_memmap(partial, "w+", np.uint8, (sum(counts), SIZE, SIZE, 3))
        position = 0
        for shard in shards:
            for picture in _shard_pictures(shard):
                array[position] = picture
                position += 1
        array.flush()
        del array
        partial.replace(target)
    return np.load(target, mmap_mode="r")


def crops_of_clips(clips: list[Clip], every: int) -> NDArray[np.uint8]:
    """Sharp hand crops of every n-th frame of clips: (N, 256, 256, 3) uint8."""
    found = []
    for clip in clips:
        for index in range(0, len(clip), every):
            crops, present, sharpness = hand_crops(clip.frames[index], clip.pose.frame(index))
            found += [crops[side] for side in range(2) if present[side] and sharpness[side] >= SHARPEST_BLUR]
    return np.stack(found) if found else np.zeros((0, SIZE, SIZE, 3), np.uint8)
