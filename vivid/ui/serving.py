"""How events are served: which may wait in line, which clients may see, which answers still count."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

EXPENSIVE: dict[str, Any] = {"concurrency_id": "generate", "concurrency_limit": None}
"""Events that follow a generation: the work itself is lined up by JobRunner, one at a time, so these only listen."""
PREVIEW: dict[str, Any] = {"concurrency_id": "preview", "concurrency_limit": 4}
"""CPU work of well under a second: detection, calibration, overlays."""
LOOK: dict[str, Any] = {"concurrency_id": "look", "concurrency_limit": 2}
"""Drawing one finished frame: a moment once the portrait is taken apart, which takes a second or two."""
SLOW_PREVIEW: dict[str, Any] = {"concurrency_id": "slow-preview", "concurrency_limit": 1}
"""CPU work of seconds: pose detection in a video, preview animations."""
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
"""Not an API endpoint."""
QUIET: dict[str, Any] = {"show_progress": "hidden", **PREVIEW, **PRIVATE}
FOLLOWING: dict[str, Any] = {"show_progress": "hidden", **EXPENSIVE, **PRIVATE}


class Newest:
    """Which of several answers to one visitor is the newest: events overtake each other on a busy machine.

    `begin` with the number that the event's inputs carry, then `outdated` before its answer is given.
    """

    def __init__(self, keep: int = 1000) -> None:
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._keep = keep

    def begin(self, session: str | None, number: int) -> None:
        """An event with inputs of this number starts."""
        name = session or ""
        self._numbers[name] = max(number, self._numbers.pop(name, 0))
        while len(self._numbers) > self._keep:
            self._numbers.popitem(last=False)

    def outdated(self, session: str | None, number: int) -> bool:
        """Whether an event with newer inputs has started meanwhile."""
        return self._numbers.get(session or "", 0) > number
