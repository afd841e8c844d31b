"""Several videos and moving pictures side by side in one video, each under a caption."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..config import FPS, Limits
from .provenance import Provenance
from .sound import load_speech
from .video import VideoWriter, probe, read_frames

OWN = Limits(upload_bytes=2**34, motion_seconds=3600.0, speech_seconds=3600.0)
"""Limits for videos that this program has made: it must read whatever it makes."""
TALLEST = 720
WIDEST = 3840
GAP = 8
"""Pixels between two pictures."""
PAPER, INK = (20, 22, 26), (240, 242, 247)


@dataclass(frozen=True)
class Drawn:
    """Frames (H, W, 3) of one proportion, `size` is (width, height), that stand beside videos without being one."""

    size: tuple[int, int]
    frames: Iterable[NDArray[np.uint8]]


def write_beside(
    videos: Sequence[Path | Drawn], captions: Sequence[str], output: Path, provenance: Provenance | None = None
) -> None:
    """Write the videos, made by this program, and what is drawn side by side to an MP4, at the height of the highest
    video, none squashed, as long as the shortest, with the sound of the first that is a video. Each caption stands
    above its picture, in as many lines as it has or needs. One frame of each is in memory at a time. Errors:
    InputError.
    """
    infos = {path: probe(path, OWN) for path in videos if isinstance(path, Path)}
    sizes = [each.size if isinstance(each, Drawn) else (infos[each].width, infos[each].height) for each in videos]
    height = min(TALLEST, max(info.height for info in infos.values()))
    share = (WIDEST - GAP * (len(sizes) - 1)) / sum(height * size[0] / size[1] for size in sizes)
    height = _even(height * min(share, 1.0))
    widths = [_even(height * size[0] / size[1]) for size in sizes]
    heads = [draw_caption(text, width, height) for text, width in zip(captions, widths, strict=True)]
    top = _even(max(len(head) for head in heads))
    whole = np.full((top + height, sum(widths) + GAP * (len(widths) - 1), 3), PAPER, np.uint8)
    lefts = [sum(widths[:k]) + GAP * k for k in range(len(widths))]
    for head, left in zip(heads, lefts, strict=True):
        whole[: len(head), left : left + head.shape[1]] = head
    first = next(iter(infos))
    sound = load_speech(first, limits=OWN) if infos[first].has_sound else None
    shown = [each.frames if isinstance(each, Drawn) else read_frames(each, limits=OWN) for each in videos]
    with VideoWriter(output, (whole.shape[1], whole.shape[0]), FPS, sound, provenance) as writer:
        # Lengths are already equal, except for what a video is cut to.
        for frames in zip(*shown, strict=False):
            for frame, left, width in zip(frames, lefts, widths, strict=True):
                larger = frame.shape[0] < height
                how = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
                whole[top:, left : left + width] = cv2.resize(frame, (width, height), interpolation=how)
            writer.write(whole)


def draw_caption(text: str, width: int, height: int) -> NDArray[np.uint8]:
    """A caption (h, width, 3) for a picture of that size: in letters large enough to read when the video is shown
    small, broken into lines between words."""
    size = max(12, round(height * 0.042))
    font = ImageFont.load_default(size)
    pad = round(size * 0.5)
    rows: list[str] = []
    for line in text.splitlines():
        row = ""
        for word in line.split():
            longer = f"{row} {word}".strip()
            if row and font.getlength(longer) > width - 2 * pad:
                rows.append(row)
                longer = word
            row = longer
        rows.append(row)
    step = round(size * 1.3)
    image = Image.new("RGB", (width, 2 * pad + step * len(rows)), PAPER)
    draw = ImageDraw.Draw(image)
    for k, row in enumerate(rows):
        draw.text((pad, pad + k * step), row, fill=INK, font=font)
    return np.asarray(image)


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)
