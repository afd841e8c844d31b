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
            raise InputError(f"There is no {what} at {path}: check the path.")
        if not path.is_file():
            raise InputError(f"{path} is not a file: give the path of one {what}.")
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"The {what} {str(path)!r} cannot be opened: check its name and permissions.") from error
    if size == 0:
        raise InputError(f"The {what} {path.name} is empty: choose another one.")
    if size > limits.upload_bytes:
        raise InputError(
            f"The {what} {path.name} has {megabytes(size)}, the limit is {megabytes(limits.upload_bytes)}: "
            "choose a smaller or shorter one."
        )
    return path
