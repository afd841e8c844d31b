"""Numbered files of poses in a folder, a tar or a zip archive: read in memory, with limits, never written anywhere."""

from __future__ import annotations

import gzip
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ..errors import InputError
from ..media.files import kind_of
from . import inert_pickle
from .clips import MAX_FILE_BYTES, MAX_FRAMES

MAX_JSON_FRAME = 512 * 2**10
MAX_UNPACKED = 128 * 2**20
_MOST_FILES = 2 * MAX_FRAMES
_NUMBER = re.compile(r"\d{1,30}")
_LARGEST = {".npy": inert_pickle.MAX_BYTES, ".json": MAX_JSON_FRAME}


def numbered_files(path: Path) -> tuple[str, dict[int, bytes]]:
    """The ending (".npy" or ".json") and the contents of a clip's frames, by the last number in each name.

    If both kinds are present, the .npy files are the clip. Errors: InputError, also when neither is.
    """
    try:
        files = _in_folder(path) if path.is_dir() else _in_archive(path)
        found = _collected(files, path.name)
    except InputError:
        raise
    # Damaged archives make their readers raise nearly anything, including RecursionError and struct.error.
    except Exception as error:
        if path.is_dir():
            raise InputError(f"The folder {path.name} cannot be read: check its permissions.") from error
        raise InputError("{} is damaged or no tar archive: pack the folder of poses again.", path.name) from error
    for ending in (".npy", ".json"):
        if found[ending]:
            return ending, found[ending]
    raise InputError(
        "There are no poses in {}: it needs 0.npy, 1.npy, ... (EchoMimicV2) or numbered OpenPose JSON files.", path.name
    )


def number_in(name: str) -> int | None:
    """The last number in a file's name, without its ending and "_keypoints": 12 of "take2_000012_keypoints.json"."""
    stem = PurePosixPath(name).stem.removesuffix("_keypoints")
    numbers = _NUMBER.findall(stem)
    return int(numbers[-1]) if numbers and not stem.startswith(".") else None  # "._0.npy" is metadata of macOS


def _collected(files: Iterator[tuple[str, bytes]], name: str) -> dict[str, dict[int, bytes]]:
    frames: dict[str, dict[int, bytes]] = {".npy": {}, ".json": {}}
    total = 0
    for file_name, data in files:
        kind, number = frames[PurePosixPath(file_name).suffix.lower()], number_in(file_name)
        if number is None:
            continue
        if number in kind:
            raise InputError("{} holds frame {} twice: keep one clip in a folder or archive.", name, number)
        kind[number] = data
        total += len(data)
        if len(kind) > MAX_FRAMES or total > MAX_UNPACKED:
            raise InputError(
                "{} holds more than {} frames or {} MB: trim the clip.", name, MAX_FRAMES, MAX_UNPACKED >> 20
            )
    return frames


def _largest(file_name: str) -> int | None:
    """The size limit in bytes of a frame's file; None for files that are not frames."""
    return _LARGEST.get(PurePosixPath(file_name).suffix.lower()) if number_in(file_name) is not None else None


def _in_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for count, path in enumerate(folder.iterdir()):
        if count > _MOST_FILES:
            raise InputError("{} holds more than {} files: trim the clip.", folder.name, _MOST_FILES)
        most = _largest(path.name)
        if most is None or path.is_dir():
            continue
        if path.is_symlink() or not path.is_file():
            raise InputError("{} in {} is a link or no file: copy the real file there.", path.name, folder.name)
        if path.stat().st_size > most:
            raise InputError("{} in {} is too large for one pose.", repr(path.name[:60]), folder.name)
        yield path.name, path.read_bytes()


def _in_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
        raise InputError("{} is no archive of at most {} MB: choose another file.", path.name, MAX_FILE_BYTES >> 20)
    return _in_zip(path) if kind_of(path) == "zip" else _in_tar(path)


def _in_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > _MOST_FILES:
            raise InputError("{} holds more than {} files: trim the clip.", path.name, _MOST_FILES)
        for member in members:
            most = _largest(member.filename)
            if most is None or member.is_dir():
                continue
            with archive.open(member) as stream:
                data = stream.read(most + 1)
            if len(data) > most:
                raise InputError("{} in {} is too large for one pose.", repr(member.filename[:60]), path.name)
            yield member.filename, data


def _in_tar(path: Path) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        source: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        bounded: Any = _Bounded(source, path.name)
        with tarfile.open(fileobj=bounded, mode="r|") as archive:
            for count, member in enumerate(archive):
                if count > _MOST_FILES:
                    raise InputError("{} holds more than {} files: trim the clip.", path.name, _MOST_FILES)
                most = _largest(member.name)
                if member.isdir() or (most is None and member.isreg()):
                    continue
                if not member.isreg() or member.issparse() or most is None:
                    raise InputError(
                        "{} holds {}, a link or device: pack plain files.", path.name, repr(member.name[:60])
                    )
                if member.size > most:
                    raise InputError("{} in {} is too large for one pose.", repr(member.name[:60]), path.name)
                stream = archive.extractfile(member)
                assert stream is not None
                yield member.name, stream.read()


class _Bounded:
    """A byte stream that stops reading when it unpacks to more than any clip can hold."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream, self._name, self._left = stream, name, MAX_UNPACKED

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        if not 0 <= size <= self._left:
            raise InputError("{} unpacks to more than {} MB: trim the clip.", self._name, MAX_UNPACKED >> 20)
        data = self._stream.read(size)
        self._left -= len(data)
        return data
