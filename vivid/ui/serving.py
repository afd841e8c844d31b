"""Concurrency and visibility of events, and detection of outdated results."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

EXPENSIVE: dict[str, Any] = {"concurrency_id": "generate", "concurrency_limit": None}
"""Events that follow a job: JobRunner does the work, one job at a time, so these only wait for news."""
PREVIEW: dict[str, Any] = {"concurrency_id": "preview", "concurrency_limit": 4}
"""Work of well under a second: sounds, clips, calibration, overlays, frames of prepared previews."""
EXAMINE: dict[str, Any] = {"concurrency_id": "examine", "concurrency_limit": 4}
"""Looking for a person in a portrait, which takes a second; equal portraits are examined once (see context)."""
LOOK: dict[str, Any] = {"concurrency_id": "look", "concurrency_limit": 16}
"""Drawing one finished frame: fast once its portrait is separated into layers. That takes seconds and is limited apart
(see previews), so that whoever needs nothing separated does not wait for it."""
SLOW_PREVIEW: dict[str, Any] = {"concurrency_id": "slow-preview", "concurrency_limit": 1}
"""CPU work of seconds: pose detection in a video, preview animations."""
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
"""Not an API endpoint."""
QUIET: dict[str, Any] = {"show_progress": "hidden", **PREVIEW, **PRIVATE}
FOLLOWING: dict[str, Any] = {"show_progress": "hidden", **EXPENSIVE, **PRIVATE}


class Newest:
    """Tells which event of a visitor is the newest, since events may overtake each other on a busy machine.

    Call `begin` with the time when the event has read its inputs, and `outdated` before returning the result.
    """

    def __init__(self, keep: int = 1000) -> None:
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._keep = keep

    def begin(self, session: str | None, number: int) -> None:
        """An event has read its inputs at this time, or is otherwise known by a number that grows."""
        name = session or ""
        self._numbers[name] = max(number, self._numbers.pop(name, 0))
        while len(self._numbers) > self._keep:
            self._numbers.popitem(last=False)

    def outdated(self, session: str | None, number: int) -> bool:
        """Whether an event with a higher number has begun meanwhile."""
        return self._numbers.get(session or "", 0) > number
