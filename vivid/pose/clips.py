"""Pose clips on disk: one versioned npz without pickles, read as untrusted input.

Layout, version 1: `version` int32 (), `fps` float32 (), `canvas` int32 (2,) width and height, `body` (T, 18, 3),
`hands` (T, 2, 21, 3) left then right of the person, `face` (T, 68, 3), each (x, y, confidence) float32 with x and y in
pixels of the canvas. A point may lie outside the canvas; confidence 0 means absent and some detectors exceed 1.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..media.outputs import written_whole
from .skeleton import BODY_COUNT, FACE_COUNT, HAND_COUNT, PoseClip

VERSION = 1
MAX_FRAMES = 20_000
"""Frames of one clip: nearly 14 minutes at 24 a second, 31 MB."""
MAX_FILE_BYTES = 64 * 2**20
MAX_CANVAS = 16_384
MAX_COORDINATE = 1e6
MAX_CONFIDENCE = 16.0
MAX_FPS = 240.0

_SHAPES: dict[str, tuple[int, ...]] = {"body": (BODY_COUNT, 3), "hands": (2, HAND_COUNT, 3), "face": (FACE_COUNT, 3)}
_MAX_HEADER = 4096
_HEADER = re.compile(
    rb"\{'descr': '([<>|]?[a-zA-Z]\d{0,4})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,18}, ?){0,6}(?:\d{1,18})?)\), ?\}\s*"
)


def save_clip(clip: PoseClip, path: str | Path, step: float | None = None) -> Path:
    """Write `clip` as npz; the file appears only when it is complete.

    `step` rounds coordinates to multiples of it, in pixels (confidences to 1/64), which makes the file about half as
    large. None keeps every bit. Raises InputError when the clip could not be read back.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise InputError(f"A pose clip is written as .npz: give {path.name!r} that ending.")
    check_clip(clip, path.name)
    arrays: dict[str, Any] = {name: getattr(clip, name) for name in _SHAPES}
    if step is not None:
        if not (math.isfinite(step) and step > 0):
            raise InputError(f"The rounding step is {step}: choose a positive number of pixels.")
        arrays = {name: _rounded(array, step) for name, array in arrays.items()}
    arrays |= {
        "version": np.array(VERSION, np.int32),
        "fps": np.array(clip.fps, np.float32),
        "canvas": np.array(clip.canvas, np.int32),
    }
    with written_whole(path) as file:
        np.savez_compressed(file, **arrays)
    return path


def load_clip(path: str | Path) -> PoseClip:
    """Read a clip that `save_clip` (or anyone) wrote.

    Shapes and types are taken from the headers and checked before anything is allocated; nothing is unpickled. Raises
    InputError in one sentence for whatever does not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("There is no pose clip {}: check its path.", repr(path.name))
    if path.stat().st_size > MAX_FILE_BYTES:
        raise InputError("{} is larger than {} MB: trim the clip.", path.name, MAX_FILE_BYTES >> 20)
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_archive(archive, path.name)
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError, OSError) as error:
        raise InputError("{} is damaged or not a pose clip: export it again as .npz.", path.name) from error


def check_clip(clip: PoseClip, name: str) -> PoseClip:
    """Return `clip` if its length, canvas, rate and numbers are usable, else raise InputError naming the frame."""
    if not 1 <= len(clip) <= MAX_FRAMES:
        raise InputError("{} has {} frames: 1 to {} are allowed.", name, len(clip), MAX_FRAMES)
    if not (math.isfinite(clip.fps) and 1 <= clip.fps <= MAX_FPS):
        raise InputError("{} says {} frames a second: 1 to {} are allowed.", name, f"{clip.fps:g}", f"{MAX_FPS:g}")
    if not all(1 <= side <= MAX_CANVAS for side in clip.canvas):
        raise InputError(
            "{} has a canvas of {} x {}: 1 to {} pixels a side are allowed.",
            name,
            clip.canvas[0],
            clip.canvas[1],
            MAX_CANVAS,
        )
    for part in _SHAPES:
        points = getattr(clip, part)
        with np.errstate(invalid="ignore"):
            usable = (np.abs(points[..., :2]) <= MAX_COORDINATE).all(-1)
            usable &= (points[..., 2] >= 0) & (points[..., 2] <= MAX_CONFIDENCE)
        if not usable.all():  # comparisons with NaN are false, so NaN and infinity are refused as well
            frame = int(np.argwhere(~usable)[0][0])
            raise InputError(
                "{} has a {} point in frame {} that is no usable number: repair or trim that frame "
                "(absent points are 0, 0, 0).",
                name,
                part,
                frame,
            )
    return clip


def _rounded(points: NDArray[np.float32], step: float) -> NDArray[np.float32]:
    grid = np.array([step, step, 1 / 64], np.float64)
    return (np.round(points / grid) * grid).astype(np.float32)


def _read_archive(archive: zipfile.ZipFile, name: str) -> PoseClip:
    entries: dict[str, zipfile.ZipInfo] = {}
    infos = archive.infolist()
    if len(infos) > 64:
        raise InputError("{} holds {} arrays, a pose clip has six: export it again as .npz.", name, len(infos))
    for info in infos:
        entries.setdefault(info.filename.removesuffix(".npy"), info)

    def array(key: str, kinds: str, tail: tuple[int, ...] | None) -> NDArray[np.generic]:
        if key not in entries:
            raise InputError(
                "{} has no array {}: a pose clip has version, fps, canvas, body, hands, face.", name, repr(key)
            )
        with archive.open(entries[key]) as stream:
            return _read_array(stream, f"{key!r} in {name}", kinds, tail)

    version = array("version", "iu", None)
    if version.size != 1 or int(version.reshape(-1)[0]) != VERSION:
        raise InputError("{} is not version {} of the pose clip: export it again with this program.", name, VERSION)
    fps = array("fps", "fiu", None)
    canvas = array("canvas", "fiu", None)
    if fps.size != 1 or canvas.shape != (2,) or not np.isfinite(canvas.astype(np.float64)).all():
        raise InputError("{} needs one number for fps and two for canvas: export it again.", name)
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit float32 becomes infinite and is refused
        points = {key: array(key, "f", tail).astype(np.float32) for key, tail in _SHAPES.items()}
    if len({len(part) for part in points.values()}) != 1:
        lengths = ", ".join(f"{key} {len(part)}" for key, part in points.items())
        raise InputError("{} has parts of different lengths ({}): export it again.", name, lengths)
    width, height = (int(side) for side in canvas.astype(np.float64).clip(-1, MAX_CANVAS + 1))
    clip = PoseClip(**points, canvas=(width, height), fps=float(fps.astype(np.float64).reshape(-1)[0]))
    return check_clip(clip, name)


def _read_array(stream: IO[bytes], what: str, kinds: str, tail: tuple[int, ...] | None) -> NDArray[np.generic]:
    """One .npy from a stream; `tail` is the expected shape after the frames, None allows up to 8 numbers."""
    shape, fortran, dtype = read_npy_header(stream, what)
    if dtype.hasobject or dtype.kind not in kinds or dtype.itemsize > 8:
        raise InputError("Array {} has type {}, which is not accepted: store plain float32 numbers.", what, dtype)
    count = math.prod(shape)
    if tail is None:
        if count > 8 or len(shape) > 1:
            raise InputError("Array {} has shape {}, a number or two were expected.", what, shape)
    elif shape[1:] != tail or len(shape) != len(tail) + 1:
        expected = "(frames, " + ", ".join(map(str, tail)) + ")"
        raise InputError("Array {} has shape {}, expected {}.", what, shape, expected)
    elif not 1 <= shape[0] <= MAX_FRAMES:
        raise InputError("Array {} announces {} frames: 1 to {} are allowed.", what, shape[0], MAX_FRAMES)
    size = count * dtype.itemsize
    data = stream.read(size)
    if len(data) != size or stream.read(1):
        raise InputError("Array {} is longer or shorter than its header says: export the clip again.", what)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def read_npy_header(stream: IO[bytes], what: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type from the head of a .npy stream.

    numpy's own reader evaluates the header as a Python expression; here it must look as numpy itself writes it.
    Raises InputError.
    """
    magic = stream.read(8)
    length = stream.read({1: 2, 2: 4}.get(magic[6] if len(magic) == 8 else 0, 0))
    size = int.from_bytes(length, "little")
    if magic[:6] != b"\x93NUMPY" or not 0 < size <= _MAX_HEADER:
        raise InputError("Array {} has a damaged header: export the clip again.", what)
    found = _HEADER.fullmatch(stream.read(size))
    if found is None:
        raise InputError("Array {} has a header that is not accepted: store plain float32 numbers.", what)
    try:
        dtype = np.dtype(found[1].decode())
    except TypeError as error:
        raise InputError("Array {} has an unknown type: store plain float32 numbers.", what) from error
    return tuple(int(side) for side in found[3].split(b",") if side.strip()), found[2] == b"True", dtype
