"""Sync-C and Sync-D: SyncNet's confidence and distance between lips and sound (Chung and Zisserman 2016).

As in the published pipeline of its authors: face crops of 224 pixels at 25 frames a second, windows of five frames and
of 20 MFCC columns, the mean distance of their embeddings for every offset up to 15 frames. Sync-D is the smallest of
these, Sync-C the median less the smallest. One thing differs: crops come from our detector's face points, not from
S3FD's boxes, which they imitate. So numbers are near those of that pipeline, not equal to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...config import SAMPLE_RATE
from ...pose.skeleton import PoseClip
from .base import Features, Frames, Metric, NotMeasuredError, Sample
from .networks import Networks

RATE = 25
"""Frames a second that SyncNet was trained on."""
WINDOW = 5
COLUMNS = 4
"""MFCC columns of a frame, at 100 a second."""
FURTHEST = 15
"""Largest offset that is tried in both directions, in frames."""
SIDE = 224
CROP_SCALE = 0.4
"""How far the crop goes beyond the face's box, in halves of its side: to the sides, and below by twice that."""
FOREHEAD = 0.25
"""How much a face detector's box includes above the brows, in heights from brows to chin."""
SMOOTHED = 13
"""Frames of the median filter on the boxes."""
GREY = 110
BATCH = 20


@dataclass(frozen=True)
class Sync:
    """confidence (Sync-C), distance (Sync-D), and how many frames of 1/25 s the sound is late (negative: early)."""

    confidence: float
    distance: float
    offset: int


def synchrony(lips: Features, sound: Features) -> Sync:
    """From embeddings (N, D) of N windows of lips and of sound that begin together.

    Sound outside the clip counts as zeros, as in the published code.
    """
    count = len(lips)
    padded = np.pad(sound, ((FURTHEST, FURTHEST), (0, 0)))
    offsets = np.arange(2 * FURTHEST + 1)
    apart = np.array([np.linalg.norm(lips - padded[i : i + count] + 1e-6, axis=1).mean() for i in offsets])
    best = int(apart.argmin())
    return Sync(float(np.median(apart) - apart[best]), float(apart[best]), best - FURTHEST)


def mfcc(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cepstral coefficients (N, 13), 100 a second, of 16 kHz sound in 16-bit units: the defaults of
    python_speech_features, which SyncNet was trained on (25 ms rectangular windows, pre-emphasis 0.97, 26 mel bands,
    lifter 22, the first coefficient the logarithm of the energy)."""
    from scipy.fft import dct

    length, step, points, bands, kept, lifter = SAMPLE_RATE // 40, SAMPLE_RATE // 100, 512, 26, 13, 22
    signal = np.append(samples[0], samples[1:] - 0.97 * samples[:-1]).astype(np.float64)
    count = 1 + max(0, -(-(len(signal) - length) // step))
    signal = np.pad(signal, (0, max(0, (count - 1) * step + length - len(signal))))
    windows = np.lib.stride_tricks.sliding_window_view(signal, length)[::step][:count]
    power = np.square(np.abs(np.fft.rfft(windows, points))) / points  # (N, 257)
    least = np.finfo(float).eps
    mels = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), bands + 2)
    edges = np.floor((points + 1) * 700 * (10 ** (mels / 2595) - 1) / SAMPLE_RATE)[:, None]
    bins = np.arange(points // 2 + 1)
    rising, falling = (bins - edges[:-2]) / np.diff(edges, axis=0)[:-1], (edges[2:] - bins) / np.diff(edges, axis=0)[1:]
    bank = np.clip(np.minimum(rising, falling), 0, None)  # (26, 257)
    energies = power @ bank.T
    logs = np.log(np.where(energies == 0, least, energies))
    cepstrum = dct(logs, type=2, axis=1, norm="ortho")[:, :kept]
    cepstrum *= 1 + lifter / 2 * np.sin(np.pi * np.arange(kept) / lifter)
    total = power.sum(1)
    cepstrum[:, 0] = np.log(np.where(total == 0, least, total))
    return cepstrum


def face_crops(frames: Frames, poses: PoseClip) -> Frames:
    """Squares (T, 224, 224, 3) around the face, from a little above it to well below the chin."""
    from scipy.signal import medfilt

    seen = poses.face[..., 2] > 0
    known = np.flatnonzero(seen.mean(1) > 0.5)
    if not len(known):
        raise NotMeasuredError("no face was found in the video")
    points = np.where(seen[known, :, None], poses.face[known, :, :2], np.nan)
    low, high = np.nanmin(points, 1), np.nanmax(points, 1)
    low[:, 1] -= FOREHEAD * (high[:, 1] - low[:, 1])
    boxes = np.concatenate([(low + high) / 2, (high - low).max(1, keepdims=True) / 2], 1)  # centre, half side
    track = np.stack([np.interp(np.arange(len(frames)), known, values) for values in boxes.T], 1)
    size = min(SMOOTHED, len(track) - (len(track) + 1) % 2)
    edge = size // 2
    track = np.pad(track, ((edge, edge), (0, 0)), "edge")
    track = np.stack([medfilt(values, size) for values in track.T], 1)[edge : edge + len(frames)]
    crops = np.empty((len(frames), SIDE, SIDE, 3), np.uint8)
    for crop, frame, (x, y, half) in zip(crops, frames, track, strict=True):
        zoom = SIDE / (2 * half * (1 + CROP_SCALE))
        corner = x - half * (1 + CROP_SCALE), y - half
        matrix = np.array([[zoom, 0, -zoom * corner[0]], [0, zoom, -zoom * corner[1]]])
        border = (GREY, GREY, GREY)
        crop[:] = cv2.warpAffine(np.ascontiguousarray(frame), matrix, (SIDE, SIDE), borderValue=border)
    return crops


def sync_of(sample: Sample, networks: Networks) -> Sync:
    """SyncNet's verdict on a video with its sound; computed once for all three numbers. Errors: NotMeasuredError."""
    if "sync" not in sample.known:
        sample.known["sync"] = _measure(sample, networks)
    return sample.known["sync"]


def _measure(sample: Sample, networks: Networks) -> Sync:
    network = networks.get("syncnet")
    if sample.speech is None:
        raise NotMeasuredError("the video has no sound")
    samples = sample.speech.samples * 32768.0
    count = min(int(len(sample.frames) * RATE / sample.fps), len(samples) * RATE // SAMPLE_RATE)
    starts = range(count - WINDOW)
    if not starts:
        raise NotMeasuredError("the video or its sound is shorter than a quarter of a second")
    at = np.minimum((np.arange(count) * sample.fps / RATE).astype(int), len(sample.frames) - 1)  # 24 -> 25 a second
    crops = face_crops(sample.frames, sample.found())[at]
    columns = mfcc(samples)
    lips, sound = [], []
    for first in range(0, len(starts), BATCH):
        batch = starts[first : first + BATCH]
        lips.append(network.lips(np.stack([crops[i : i + WINDOW] for i in batch])))
        sound.append(network.sound(np.stack([columns[COLUMNS * i : COLUMNS * (i + WINDOW)] for i in batch])))
    return synchrony(np.concatenate(lips), np.concatenate(sound))


def _part(choose: Callable[[Sync], float]) -> Callable[[Sample, Networks], float]:
    return lambda sample, networks: choose(sync_of(sample, networks))


METRICS = (
    Metric(
        "sync_c",
        "Sync-C",
        "",
        "higher",
        "video",
        "SyncNet's confidence: the median over offsets of the mean distance of lips and sound, less the smallest",
        _part(lambda sync: sync.confidence),
        needs=("syncnet",),
    ),
    Metric(
        "sync_d",
        "Sync-D",
        "",
        "lower",
        "video",
        "SyncNet's distance: the smallest mean distance of lips and sound over offsets of up to 15 frames",
        _part(lambda sync: sync.distance),
        needs=("syncnet",),
    ),
    Metric(
        "sync_offset",
        "Sync offset",
        "frames of 1/25 s",
        None,
        "video",
        "the offset of that smallest distance; positive: the sound is late",
        _part(lambda sync: float(sync.offset)),
        needs=("syncnet",),
    ),
)
