"""Looking at a calibration before anything expensive runs: before/after strips and a quick video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .calibrate import place
from .draw import overlay, strip
from .skeleton import Pose, PoseClip

PREVIEW_SIDE = 448
"""Shorter side of a preview video, at most."""
_DIMMED = 0.6
"""Factor by which the portrait is dimmed behind the skeleton."""


def shrunk(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The picture (H, W, 3) with its shorter side at most `side`, both sides even, as video requires."""
    height, width = image.shape[:2]
    factor = min(1.0, side / min(height, width))
    size = tuple(max(2 * round(length * factor / 2), 2) for length in (width, height))
    if size == (width, height):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def compare(
    image: NDArray[np.uint8], reference: Pose, before: PoseClip, after: PoseClip, height: int = 480
) -> NDArray[np.uint8]:
    """A strip: the portrait, its pose, and two telling frames of the clip before (raw) and after calibration."""
    small = shrunk(image, height)
    placed, _ = place(before, after.canvas)
    background = (small * _DIMMED).astype(np.uint8)
    pictures, captions = [small, overlay(small, reference)], ["portrait", "its pose"]
    for frame in telling_frames(after):
        seconds = f"{frame / after.fps:.1f} s"
        pictures += [overlay(background, placed.frame(frame)), overlay(background, after.frame(frame))]
        captions += [f"before, {seconds}", f"after, {seconds}"]
    return strip(pictures, captions, height)


def telling_frames(clip: PoseClip) -> tuple[int, ...]:
    """The frame with the hands lowest and the one with them highest: where a bad fit shows."""
    seen = np.where(clip.hands[..., 2] > 0, clip.hands[..., 1], np.nan).reshape(len(clip), -1)
    known = np.isfinite(seen).any(axis=1)
    if not known.any():
        return (0,)
    heights = np.array([np.nanmean(row) if ok else np.nan for row, ok in zip(seen, known, strict=True)])
    return tuple(dict.fromkeys((int(np.nanargmax(heights)), int(np.nanargmin(heights)))))


def preview_video(image: NDArray[np.uint8], clip: PoseClip, path: str | Path) -> None:
    """Write the calibrated skeleton over the dimmed portrait (H, W, 3) as an MP4; clip: on the portrait's canvas.

    Raises InputError when the file cannot be written.
    """
    from ..media.video import VideoWriter

    background = (shrunk(image, PREVIEW_SIDE) * _DIMMED).astype(np.uint8)
    height, width = background.shape[:2]
    with VideoWriter(path, (width, height), clip.fps) as writer:
        for index in range(len(clip)):
            writer.write(overlay(background, clip.frame(index)))
