"""Checks that every file from outside must pass before anything opens it, and what it is: endings are often wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..config import Limits
from ..errors import InputError

Kind = Literal["picture", "moving picture", "zip", "tar", "json", "media"]
"""`media` is none of the others: whatever ffmpeg can read."""

_HEAD = 4096
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_STILL_BRANDS = {b"avif", b"mif1", b"heic", b"heix", b"heim", b"heis"}
_MOVING_BRANDS = {b"avis"}
_MOST_BLOCKS = 100_000


def megabytes(count: int) -> str:
    """A byte count in human-readable form."""
    return f"{count / 2**20:.0f} MB" if count >= 2**20 else f"{count / 1024:.0f} kB"


def check_file(path: str | Path, what: str, limits: Limits) -> Path:
    """`path` as a Path to a readable, non-empty ordinary file within the size limit.

    `what` names it in the message ("picture", "sound file"). Errors: InputError.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise InputError("There is no {} at {}: check the path.", what, path)
        if not path.is_file():
            raise InputError("{} is not a file: give the path of one {}.", path, what)
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(
            "The {} {} cannot be opened: check its name and permissions.", what, repr(str(path))
        ) from error
    if size == 0:
        raise InputError("The {} {} is empty: choose another one.", what, path.name)
    if size > limits.upload_bytes:
        raise InputError(
            "The {} {} has {}, the limit is {}: choose a smaller or shorter one.",
            what,
            path.name,
            megabytes(size),
            megabytes(limits.upload_bytes),
        )
    return path


def kind_of(path: Path) -> Kind:
    """The kind of a file, from its first bytes; for GIFs up to the second picture. Errors: OSError."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\x1f\x8b") or head[257:262] == b"ustar":
        return "tar"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "moving picture" if _gif_moves(path) else "picture"
    if head.startswith(b"\x89PNG"):
        return "moving picture" if _png_moves(head) else "picture"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "moving picture" if head[12:16] == b"VP8X" and len(head) > 20 and head[20] & 0x02 else "picture"
    if head[4:8] == b"ftyp" and head[8:12] in _MOVING_BRANDS:
        return "moving picture"
    if head.startswith(_PICTURES) or (head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS) or _is_bmp(head):
        return "picture"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return "json"
    return "media"


def _is_bmp(head: bytes) -> bool:
    return head[:2] == b"BM" and head[6:10] == b"\0\0\0\0"


def _png_moves(head: bytes) -> bool:
    """Whether the chunk that announces an animation comes before the picture."""
    place = 8
    while place + 8 <= len(head):
        name = head[place + 4 : place + 8]
        if name in (b"acTL", b"IDAT"):
            return name == b"acTL"
        place += 12 + int.from_bytes(head[place : place + 4], "big")
    return False


def _gif_moves(path: Path) -> bool:
    """Whether a GIF has a second picture."""
    with path.open("rb") as file:
        head = file.read(13)
        pictures, blocks = 0, 0
        if len(head) == 13 and head[10] & 0x80:
            file.seek(3 * 2 ** ((head[10] & 7) + 1), 1)
        while blocks < _MOST_BLOCKS and (mark := file.read(1)) in (b"!", b","):
            if mark == b",":
                pictures += 1
                if pictures == 2:
                    return True
                flags = file.read(9)[8:]
                if flags and flags[0] & 0x80:
                    file.seek(3 * 2 ** ((flags[0] & 7) + 1), 1)
            file.read(1)  # an extension's label, or the size of a picture's codes
            while blocks < _MOST_BLOCKS and (size := file.read(1)) not in (b"", b"\0"):
                file.seek(size[0], 1)
                blocks += 1
    return False
