"""What every file from outside must pass before anything opens it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from ..config import Limits
from ..errors import InputError


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write bytes to that appears at `path` only when the block ends well; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{uuid4().hex}{path.suffix}")
    try:
        with partial.open("xb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def megabytes(count: int) -> str:
    """A byte count as people read it."""
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
