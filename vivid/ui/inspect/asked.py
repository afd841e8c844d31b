"""Requests from the Inspect page, which are untrusted, and error answers."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from typing import Any

from ...errors import InputError
from ...pose.edits import checked_edits
from ..strings import chinese
from .annotators import Annotators
from .decisions import DecisionBook, checked_nudges
from .fitting import Correction

log = logging.getLogger("vivid")

OUR_FAULT = "Something went wrong on our side; your decisions are safe. Please try again."

Answer = dict[str, Any]
MOST_SECONDS = 6 * 3600


def answering(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """Errors become {"error": sentence}, which the page shows."""

    @functools.wraps(method)
    def call(self: Any, data: Any = None) -> Answer:
        try:
            return method(self, Asked(data))
        except InputError as error:
            return _refusal(error.message)
        except Exception:
            log.exception("%s failed", method.__name__)
            return _refusal(OUR_FAULT)

    return call


def _refusal(text: str) -> Answer:
    return {"error": text, "chinese": in_chinese([text])}


def in_chinese(texts: Iterable[str]) -> dict[str, str]:
    """English -> Chinese, as plain strings, the only keys that Gradio's JSON encoder accepts."""
    return {str(text): chinese(text) for text in texts}


def plain_function(method: Callable[..., Answer]) -> Callable[[Any], Answer]:
    def call(data: Any = None) -> Answer:
        return method(data)

    call.__name__ = method.__name__
    return call


class Asked:
    """The data of a request, which is untrusted."""

    def __init__(self, data: Any) -> None:
        self._data = data if isinstance(data, dict) else {}

    def book(self, annotators: Annotators) -> DecisionBook:
        """The sender's decisions. Errors: InputError without the right secret."""
        return annotators.book(self.text("name"), self.text("secret"))

    def text(self, name: str, limit: int = 200) -> str:
        value = self._data.get(name, "")
        if not isinstance(value, str) or (limit and len(value) > limit):
            raise InputError("The page sent a strange {}: reload it.", name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.items(name)
        if not all(isinstance(item, str) for item in value):
            raise InputError("The page sent strange {}: reload it.", name)
        return tuple(value)

    def items(self, name: str) -> list[Any]:
        value = self._data.get(name) or []
        if not isinstance(value, list):
            raise InputError("The page sent strange {}: reload it.", name)
        return value

    def frame(self) -> Any:
        return self._data.get("frame")

    def seconds(self) -> float:
        """Seconds of work since the previous request."""
        value = self._data.get("seconds", 0)
        known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_SECONDS
        return float(value) if known else 0.0

    def correction(self) -> Correction:
        """The requested changes to a calibration. Errors: InputError."""
        return Correction.of(checked_nudges(self.numbers("nudges")), checked_edits(self.items("edits")))

    def numbers(self, name: str) -> dict[str, Any]:
        value = self._data.get(name) or {}
        if not isinstance(value, dict):
            raise InputError("The page sent strange {}: reload it.", name)
        return value
