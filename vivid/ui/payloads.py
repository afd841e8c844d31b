"""Checks of the payloads that clients send to events.

A client may send any JSON, so the checks do not rely on the expected structure: wherever a payload refers to a file,
it must be one that this visitor has uploaded or was granted, and only its path and name are passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

NOT_YOURS = "This file is not here, or not yours: upload it (again), and send what the upload answered."
DEEPEST = 32
"""Levels of lists and objects in a payload; the page's own have a handful."""
LONGEST_NAME = 200


class NotYoursError(Exception):
    """A payload refers to a file that is not the visitor's."""


def checked(value: Any, granted: Callable[[object], Path | None], depth: int = 0) -> Any:
    """The payload with every file replaced by the path that `granted` returns.

    `granted` takes what a client sent as a path, which may be anything, and returns the file, or None if the client
    may not use it. An object without a file (`path` and `url` both null) becomes None. Errors: NotYoursError.
    """
    if depth > DEEPEST:
        raise NotYoursError
    if isinstance(value, dict):
        if "path" in value or "url" in value:
            return _file(value, granted)
        return {str(name): checked(inner, granted, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [checked(inner, granted, depth + 1) for inner in value]
    return value


def _file(value: dict[str, Any], granted: Callable[[object], Path | None]) -> dict[str, Any] | None:
    if value.get("path") is None and value.get("url") is None:
        return None
    path = granted(value.get("path"))
    if path is None:
        raise NotYoursError
    name = value.get("orig_name")
    return {
        "path": str(path),
        "orig_name": name[:LONGEST_NAME] if isinstance(name, str) else None,
        "meta": {"_type": "gradio.FileData"},
    }


def files_in(value: Any) -> Iterator[str]:
    """The path of every file in the output of an event."""
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str):
            yield path
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from files_in(inner)
