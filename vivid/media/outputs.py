"""Where results go: checked before the work, locked against a second run, written whole, cleaned up after a kill.

While a result is being written, its parts lie in a hidden folder beside it, on the same file system, so that finishing
is a rename. The folder holds a lock, which the system releases when the process ends, however it ends. A locked folder
is in use; an unlocked one was left by a killed run.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

try:
    import fcntl
except ImportError:  # Windows: a second run is not noticed, and leftovers are not cleaned up
    fcntl = None  # type: ignore[assignment]

LEAST_BYTES = 2**20
"""A disk with less free space than this counts as full: no work is started for it."""
NO_SPACE = "No space is left on the disk: free some, or choose another folder."
PATIENCE_SECONDS = 1.0
"""How long a lock may be held by a process that only checks whether its owner is alive."""

_PLACE = re.compile(r"\.vivid-[0-9a-f]{32}")
_LOCK = "lock"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class OutputError(InputError):
    """A result cannot be written where it is wanted."""


class BusyError(OutputError):
    """Somebody else is writing there."""


@contextmanager
def reserve(path: Path, *endings: str, replace: bool = False) -> Iterator[Path]:
    """A place to write a file or a folder to; what is there when the block ends without error appears at `path`.

    Until then nobody else gets `path`; after an error, an interrupt or a kill nothing appears, and the next run in that
    folder cleans up. The place's own folder may hold temporary files. `endings` are those that the name may have (""
    for none, as for a folder). With `replace` the result replaces an earlier one, the last of several simultaneous runs
    wins, and missing folders are made. Errors: InputError where nothing can be written or something would be
    overwritten, if possible before the block.
    """
    if endings and path.suffix.lower() not in endings:
        named = [ending or "nothing, for a folder" for ending in endings]
        raise OutputError(f"The output is {path}: give it a name that ends in {' or '.join(named)}.")
    with _said(path):
        folder, lock = _occupy(path, replace)
    try:
        part = folder / "new" / path.name
        with _said(path):
            part.parent.mkdir()
        with _said(path, only=(*_FULL, errno.EROFS)):
            yield part
        with _said(path):
            _put_in_place(part, path, replace)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write bytes to that appears at `path` only when the block ends without error; its folder is made."""
    with reserve(path, replace=True) as part, part.open("xb") as file:
        yield file


@contextmanager
def run_folder(folder: Path) -> Iterator[Path]:
    """A folder that a long run adds finished files to: made if missing, checked, and locked against a second run.

    It is removed again if it was made here and stayed empty. Errors: InputError.
    """
    with _said(folder):
        made = not folder.exists()
        if not made and not folder.is_dir():
            raise OutputError(f"{folder} is not a folder: choose another name.")
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with reserve(folder / "run", replace=False):
            yield folder
    finally:
        if made:
            with suppress(OSError):
                folder.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, in UTF-8."""
    with written_whole(path) as file:
        file.write(text.encode("utf-8"))


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture (H, W, 3), RGB, whole as PNG."""
    from PIL import Image

    with written_whole(path) as file:
        Image.fromarray(picture).save(file, "PNG")


def write_jpeg(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture (H, W, 3), RGB, whole as JPEG."""
    from PIL import Image

    with written_whole(path) as file:
        Image.fromarray(picture).save(file, "JPEG", quality=92)


def is_full(folder: Path) -> bool:
    """Whether the disk of a folder has too little space left for any result."""
    usage = shutil.disk_usage(folder)
    return usage.total > 0 and usage.free < LEAST_BYTES  # some file systems that are no disks report 0 of 0


def said_of(error: OSError, path: Path | None = None) -> str | None:
    """What the user should do about a file that cannot be written or read; None where that is unknown."""
    named = path if path is not None else Path(os.fsdecode(error.filename)) if error.filename is not None else None
    if error.errno in _FULL:
        return NO_SPACE
    if named is None:
        return None
    if error.errno == errno.ENAMETOOLONG:
        return f"The name {named.name[:32]}... is too long: choose a shorter one."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{named} cannot be opened or written: check its permissions, or choose another folder."
    return None


@contextmanager
def _said(path: Path, only: tuple[int, ...] | None = None) -> Iterator[None]:
    """Turn file system errors about a result into one sentence; `only`: those with these numbers."""
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        if error.errno in (*_FULL, errno.ENAMETOOLONG):
            raise OutputError(str(said_of(error, path))) from error
        raise OutputError(f"Nothing can be written to {path.parent}: choose another folder.") from error


def _occupy(path: Path, replace: bool) -> tuple[Path, int]:
    """The locked folder that a result is written in, and its lock."""
    parent = path.parent
    if replace:
        parent.mkdir(parents=True, exist_ok=True)
    elif not parent.is_dir():
        raise OutputError(f"There is no folder {parent}: make it first, or choose another.")
    else:
        _refuse_existing(path)
    if is_full(parent):
        raise OutputError(NO_SPACE)
    _sweep(parent)
    # One folder per name lets a second run see the first; results that may be replaced each get their own.
    key = uuid4().hex if replace else hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]
    folder = parent / f".vivid-{key}"
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        lock = _lock(folder)
        if lock is not None:
            break
        if time.monotonic() > end:
            raise BusyError(f"{path} is being written by another run: wait for it, or choose another name.")
        time.sleep(0.02)
    _empty(folder)
    if not replace:
        try:
            _refuse_existing(path)  # the run that had the lock until now may have finished
        except InputError:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            raise
    return folder, lock


def _refuse_existing(path: Path) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not (stat.S_ISDIR(found.st_mode) and not any(path.iterdir())):  # an empty folder is no result
        raise OutputError(f"{path} exists already: choose another name, nothing is overwritten.")


def _lock(folder: Path) -> int | None:
    """The lock of a folder as an open file; None while another process has it or it has just been cleaned away."""
    found = os.lstat(folder) if os.path.lexists(folder) else None
    if found is None:
        return None
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
        raise PermissionError(errno.EACCES, "somebody else's", str(folder))  # it may have been put there to redirect us
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except FileNotFoundError:
        return None
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), os.stat(folder / _LOCK)):
            return lock
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            return lock  # a file system without locks
    os.close(lock)
    return None


def _sweep(parent: Path) -> None:
    """Remove what killed runs left in a folder; whatever cannot be examined stays."""
    if fcntl is None:
        return
    with suppress(OSError):
        for entry in os.scandir(parent):
            if not _PLACE.fullmatch(entry.name):
                continue
            with suppress(OSError):
                lock = _lock(Path(entry.path))
                if lock is not None:
                    shutil.rmtree(entry.path, ignore_errors=True)
                    os.close(lock)


def _empty(folder: Path) -> None:
    """Clear a killed run's leftovers from a folder that is now ours."""
    for entry in os.scandir(folder):
        if entry.name == _LOCK:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def _put_in_place(part: Path, path: Path, replace: bool) -> None:
    if not os.path.lexists(part):
        return
    if part.is_dir():
        with suppress(FileNotFoundError):
            path.rmdir()  # removes only an empty folder; Windows does not rename onto one
        os.rename(part, path)
        return
    with part.open("rb") as file:
        os.fsync(file.fileno())  # otherwise a power cut could leave the name with an empty file
    if replace:
        os.replace(part, path)
        return
    try:
        os.link(part, path)  # unlike a rename, a link never replaces what has appeared meanwhile
    except FileExistsError:
        _refuse_existing(path)
    except OSError:  # a file system without links
        _refuse_existing(path)
        os.rename(part, path)
