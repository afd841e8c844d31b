"""Several videos and moving pictures side by side in one video, each under a caption."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
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
FONTS = (
    "DejaVuSans.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSerifCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "msyh.ttc",
    "PingFang.ttc",
)
"""With accents and other alphabets, or with Chinese, Japanese and Korean letters, as Debian, Windows and macOS name
them; none has to be there."""
PAPER, INK = (20, 22, 26), (240, 242, 247)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Drawn:
    """Frames (H, W, 3) of one proportion, `size` is (width, height), that stand beside videos without being one."""

    size: tuple[int, int]
    frames: Iterable[NDArray[np.uint8]]


def write_beside(
    videos: Sequence[Path | Drawn],
    captions: Sequence[str],
    output: Path,
    provenance: Provenance | None = None,
    progress: Callable[[float], object] | None = None,
) -> None:
    """Write the videos, made by this program, and what is drawn side by side to an MP4, at the height of the highest
    video, none squashed, as long as the shortest, with the sound of the first that is a video. Each caption stands
    above its picture, in as many lines as it has or needs. One frame of each is in memory at a time. `progress` is told
    the share that is done. Errors: InputError.
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
    first, seconds = next(iter(infos)), min(info.seconds or 0.0 for info in infos.values())
    sound = load_speech(first, limits=OWN) if infos[first].has_sound else None
    shown = [each.frames if isinstance(each, Drawn) else read_frames(each, limits=OWN) for each in videos]
    with VideoWriter(output, (whole.shape[1], whole.shape[0]), FPS, sound, provenance) as writer:
        # Lengths are already equal, except for what a video is cut to.
        for done, frames in enumerate(zip(*shown, strict=False), 1):
            for frame, left, width in zip(frames, lefts, widths, strict=True):
                larger = frame.shape[0] < height
                how = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
                whole[top:, left : left + width] = cv2.resize(frame, (width, height), interpolation=how)
            writer.write(whole)
            if progress is not None and seconds:
                progress(min(done / (seconds * FPS), 1.0))


def draw_caption(text: str, width: int, height: int) -> NDArray[np.uint8]:
    """A caption (h, width, 3) for a picture of that size: in letters large enough to read when the video is shown
    small, broken into lines. What no font of this machine can draw is left out."""
    size = max(12, round(height * 0.042))
    font, text = font_for(text, size)
    pad = round(size * 0.5)
    rows = [row for line in text.splitlines() for row in _broken(line, font, width - 2 * pad)]
    step = round(size * 1.3)
    image = Image.new("RGB", (width, 2 * pad + step * len(rows)), PAPER)
    draw = ImageDraw.Draw(image)
    for k, row in enumerate(rows):
        draw.text((pad, pad + k * step), row, fill=INK, font=font)
    return np.asarray(image)


def font_for(text: str, size: int) -> tuple[Font, str]:
    """The font of this machine that draws most of a text, and what it draws of it: letters without the accents that it
    has none of, and nothing instead of a letter that it lacks."""
    best: tuple[Font, str] | None = None
    for font in _fonts(size):
        drawn = "".join(_drawn(letter, font) for letter in text)
        if best is None or len(drawn) > len(best[1]):
            best = font, drawn
        if drawn == text:
            break
    assert best is not None
    return best[0], "\n".join(line.rstrip(": ") for line in best[1].splitlines())


def _fonts(size: int) -> Iterator[Font]:
    """Pillow's own font, which has Latin letters, then those of FONTS that are installed."""
    yield ImageFont.load_default(size)
    for name in FONTS:
        with suppress(OSError):
            yield ImageFont.truetype(name, size)


def _drawn(letter: str, font: Font) -> str:
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    return next((each for each in (letter, plain) if each.isascii() or _has(font, each)), "")


def _has(font: Font, letters: str) -> bool:
    """Whether a font draws something else for each letter than for one that no font has."""
    nothing = bytes(font.getmask("\U0010fffe"))
    return all(bytes(font.getmask(letter)) not in (nothing, b"") for letter in letters)


def _broken(line: str, font: Font, room: int) -> Iterator[str]:
    """A line in rows of at most `room` pixels, broken between words, and within those that are wider."""
    row = ""
    for word in re.findall(r"\S+", line):
        longer = f"{row} {word}".strip()
        if row and font.getlength(longer) > room:
            yield row
            longer = word
        while len(longer) > 1 and font.getlength(longer) > room:
            fits = next((k for k in range(len(longer) - 1, 1, -1) if font.getlength(longer[:k]) <= room), 1)
            yield longer[:fits]
            longer = longer[fits:]
        row = longer
    yield row


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)
