"""Append-only files of JSON lines, written by several windows, threads and servers at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ...errors import InputError

try:
    import fcntl
except ImportError:  # Windows: the lock below then holds between the threads of this server only
    fcntl = None  # type: ignore[assignment]

SPARE_BYTES = 2**28
"""Free disk space below which nothing is written."""

_threads = threading.Lock()


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """Open the file, created if missing, with an exclusive lock, at its start. Errors: InputError, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        if shutil.disk_usage(path.parent).free < SPARE_BYTES:
            raise InputError("The server's disk is nearly full: try again later.")
    with _threads, path.open("a+b") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)  # released by closing the file
        file.seek(0)
        yield file


def append_line(file: BinaryIO, line: bytes) -> None:
    """Append a line, given without its newline, to a locked file; it is on disk when this returns."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        if file.read(1) != b"\n":  # an earlier server died while writing a line
            line = b"\n" + line
    file.write(line + b"\n")  # append mode: always at the end
    file.flush()
    os.fsync(file.fileno())
