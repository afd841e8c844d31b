"""Saying what a video is: a mark in the picture, and how it was made in the file's metadata."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..config import Limits
from ..errors import InputError
from .ffmpeg import command, run_ffmpeg, safe_input
from .files import check_file

Frames = NDArray[np.uint8]

MARK = "AI-generated"
SHORT_MARK = "AI"
PROGRAM = "VividAnimator"
_SMALLEST_TEXT = 9
_MOST_METADATA = 2**20
_TAG = re.compile(r"^((?:[^\\=\n]|\\.)*)=((?:[^\\\n]|\\.)*)", re.MULTILINE | re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Provenance:
    """How a video was made: enough to make it again from the same inputs."""

    model: str
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)
    inputs_sha256: dict[str, str] = field(default_factory=dict)
    ai_generated: bool = True

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps({"program": PROGRAM, **asdict(self)}, ensure_ascii=True, sort_keys=True)


def sha256_of(source: Path | bytes | NDArray[np.generic]) -> str:
    """SHA-256 of a file, of bytes, or of an array's values (type and shape included), in hexadecimal."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if isinstance(source, np.ndarray):
        header = f"{source.dtype.str}{source.shape}".encode()
        return hashlib.sha256(header + np.ascontiguousarray(source).tobytes()).hexdigest()
    return hashlib.sha256(source).hexdigest()


def metadata_arguments(provenance: Provenance) -> list[str]:
    """ffmpeg output arguments that put the provenance into an MP4: a title for people, a comment for programs."""
    title = f"{MARK} video, made with {PROGRAM}" if provenance.ai_generated else f"Video made with {PROGRAM}"
    return ["-metadata", f"title={title}", "-metadata", f"comment={provenance.to_json()}"]


def read_provenance(path: str | Path) -> dict[str, Any]:
    """What `VideoWriter` wrote into a video: program, model, seed, settings, inputs_sha256, ai_generated.

    Errors: InputError when the file is no video or carries no such note.
    """
    path = check_file(path, "video", Limits(upload_bytes=2**34))
    said = run_ffmpeg(command(*safe_input(path), "-f", "ffmetadata", "pipe:1"), path.name, 15, _MOST_METADATA)
    if not said:
        raise InputError(f"{path.name} cannot be read as a video: give an MP4 file made by {PROGRAM}.")
    comment = _tags(said.decode("utf-8", "replace")).get("comment", "")
    try:
        note = json.loads(comment)
    except (ValueError, RecursionError):
        note = None
    if not isinstance(note, dict) or note.get("program") != PROGRAM:
        raise InputError(f"{path.name} does not say how it was made: it was not made by {PROGRAM}, or was re-encoded.")
    return note


def _tags(text: str) -> dict[str, str]:
    """Key -> value of an ffmetadata text, whose `=;#\\` and line ends are escaped by a backslash."""
    # the first of several equal keys counts, as everywhere in ffmpeg
    return {_ESCAPE.sub(r"\1", key): _ESCAPE.sub(r"\1", value) for key, value in reversed(_TAG.findall(text))}


def stamp(frames: Frames) -> Frames:
    """Copies of frames (n, H, W, 3) or (H, W, 3) with a small mark in the lower right corner.

    Very small frames get only the two letters "AI". Errors: ValueError where not even these fit.
    """
    height, width = frames.shape[-3:-1]
    margin = max(3, round(min(width, height) * 0.015))
    for text in (MARK, SHORT_MARK):
        label, alpha = _label(min(width, height), text)
        rows, columns = label.shape[:2]
        top, left = height - rows - margin, width - columns - margin
        if top >= 0 and left >= 0:
            break
    else:
        raise ValueError(f"frames of {width} x {height} have no room for the mark")
    stamped = frames.copy()
    corner = stamped[..., top : top + rows, left : left + columns, :]
    corner[...] = np.rint(corner * (1.0 - alpha) + label * alpha).astype(np.uint8)
    return stamped


@lru_cache(maxsize=8)
def _label(side: int, text: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mark's colours (h, w, 3) and its opacity (h, w, 1): light letters on a dark rounded plate."""
    size = max(_SMALLEST_TEXT, round(side * 0.026))
    detail = 4  # drawn larger and scaled down, for smooth corners
    font = ImageFont.load_default(size * detail)
    left, top, right, bottom = font.getbbox(text)
    pad_x, pad_y = round(size * 0.55) * detail, round(size * 0.38) * detail
    plate_size = (round(right - left) + 2 * pad_x, round(bottom - top) + 2 * pad_y)
    plate = Image.new("L", plate_size, 0)
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, plate_size[0] - 1, plate_size[1] - 1), plate_size[1] * 0.35, 140)
    letters = Image.new("L", plate_size, 0)
    ImageDraw.Draw(letters).text((pad_x - left, pad_y - top), text, fill=255, font=font)
    final = (max(plate_size[0] // detail, 1), max(plate_size[1] // detail, 1))
    plate_opacity = np.asarray(plate.resize(final, Image.Resampling.BOX), np.float32) / 255
    letter_opacity = np.asarray(letters.resize(final, Image.Resampling.BOX), np.float32) / 255 * 0.95
    alpha = plate_opacity + letter_opacity - plate_opacity * letter_opacity
    grey = np.where(alpha > 0, 255 * letter_opacity / np.maximum(alpha, 1e-6), 0)  # white over black
    return np.repeat(grey[..., None], 3, axis=-1).astype(np.float32), alpha[..., None].astype(np.float32)
