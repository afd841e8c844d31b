"""A finished video beside what it should show, at the size at which everything is measured."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...config import FPS, SAMPLE_RATE
from ...framing import frame_inputs
from ...media.provenance import stamp
from ...media.video import read_frames
from ...pose.calibrate import calibrate
from ...pose.library import at_positions, loop_positions
from ...pose.portrait import Portrait
from ...pose.skeleton import PoseClip
from ...speech.types import Speech

Frames = NDArray[np.uint8]

WORKING_SIDE = 512
"""The longer side of every picture that is measured, in pixels: numbers of small and large videos can be compared."""
QUIETEST = 1e-4
"""Added to the loudness before its logarithm, so that digital silence is no minus infinity."""


@dataclass(frozen=True)
class Video:
    """A video of T frames, scaled to WORKING_SIDE, never squashed.

    frames (T, H, W, 3); reference (H, W, 3): the portrait as the video frames it; hands (T, 2, 21, 3): where the
    calibrated motion wants the person's left and right hand; loudness (T): of the voice, log10 of the RMS of each
    frame's samples, smoothed over three frames; mark (H, W): where the "AI-generated" mark is.
    """

    frames: Frames
    reference: NDArray[np.uint8]
    hands: NDArray[np.float32]
    loudness: NDArray[np.float64]
    mark: NDArray[np.bool_]


def load_video(path: Path, portrait: Portrait, speech: Speech, motion: PoseClip) -> Video:
    """Read a finished video; the motion is calibrated and looped here as for any video. Errors: InputError."""
    frames = np.stack(list(read_frames(path)))
    height, width = frames.shape[1:3]
    clip, _ = calibrate(portrait.pose, motion)
    positions = loop_positions(len(clip), len(frames))
    inputs = frame_inputs(portrait, motion, at_positions(clip, positions), positions, (width, height))
    scale = WORKING_SIDE / max(width, height)
    size = (round(width * scale), round(height * scale))
    hands = inputs.clip.hands.copy()
    hands[..., :2] *= scale
    return Video(
        np.stack([resized(frame, size) for frame in frames]),
        resized(inputs.picture, size),
        hands,
        log_loudness(speech, len(frames)),
        mark_of(frames.shape[1:3], size),
    )


def resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture at another size (width, height), by area where it shrinks and bicubic where it grows."""
    method = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)


def log_loudness(speech: Speech, frames: int) -> NDArray[np.float64]:
    """Loudness (T) of each frame, log10 of the root of its samples' mean square, smoothed over three frames."""
    edges = (np.arange(frames + 1) * SAMPLE_RATE / FPS).astype(int)
    parts = [speech.samples[a:b].astype(np.float64) for a, b in pairwise(edges)]
    levels = np.array([np.sqrt(np.mean(part**2)) if len(part) else 0.0 for part in parts])
    padded = np.pad(np.log10(levels + QUIETEST), 1, mode="edge")
    return np.convolve(padded, (0.25, 0.5, 0.25), "valid")


def mark_of(shape: tuple[int, ...], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where (H, W) the mark changes a video of `shape` (height, width), at the working size and a little around it."""
    black, white = np.zeros((*shape[:2], 3), np.uint8), np.full((*shape[:2], 3), 255, np.uint8)
    changed = ((stamp(black) != black) | (stamp(white) != white)).any(-1).astype(np.uint8) * 255
    return cv2.dilate(resized(changed, size), np.ones((9, 9), np.uint8)) > 0
