"""Checks that every file from outside must pass before anything opens it."""

from __future__ import annotations

from pathlib import Path

from ..config import Limits
from ..errors import InputError


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
