"""A fair event queue: one visitor's many events do not delay everybody else's."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Collection
from typing import Any

from gradio.queueing import Event, Queue

from .border import TOO_MANY
from .serving import EXAMINE, PREVIEW
from .visitors import SCOPE, Visitor

MOST_WAITING = 64
"""Waiting events of one visitor."""
MOST_WAITING_FROM_ADDRESS = 128
MOST_LISTENING = 8
"""Running events of one visitor at a time, for events without a concurrency limit (which only follow a job)."""
MOST_FROM_ADDRESS = 32
"""The same for all visitors behind one public address."""
MAY_BE_LONG = (PREVIEW["concurrency_id"], EXAMINE["concurrency_id"])
LONG = 2.0
"""Seconds after which an event of these kinds counts as long; its work then gives way (see media/children.py)."""


class FairQueue(Queue):
    """Gradio's queue, in which no visitor can occupy all slots of a kind of event.

    A visitor gets at most half of a kind's slots, all visitors behind one public address all but one. The next event is
    that of the visitor with the fewest running events, and among those the oldest. Long previews no longer count, up to
    the number of slots, but their visitors may start no other meanwhile: several people with heavy files do not hold
    up everybody else's short events.
    """

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The next event to run, None if none may."""
        kinds = list(self.event_queue_per_concurrency_id)
        random.shuffle(kinds)
        for kind in kinds:
            line = self.event_queue_per_concurrency_id[kind]
            limit = line.concurrency_limit
            if not line.queue:
                continue
            running = [event for events in self.active_jobs if events for event in events]
            running = [event for event in running if event.concurrency_id == kind]
            long = [event for event in running if kind in MAY_BE_LONG and _runs_long(event)]
            if limit is not None and len(running) - min(len(long), limit) >= limit:
                continue
            event = next_event(line.queue, running, limit, {visitor_of_event(other).name for other in long})
            if event is not None:
                vars(event)["begun"] = time.monotonic()
                line.queue.remove(event)
                return [event], False, kind
        return None

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """The same, but refused if too many of the visitor's events are waiting."""
        visitor = _visitor(body.session_hash, request)
        lines = [line.queue for line in self.event_queue_per_concurrency_id.values()]
        waiting = [visitor_of_event(event) for line in lines for event in line]
        own = sum(other.name == visitor.name for other in waiting)
        near = sum(other.address == visitor.address for other in waiting) if visitor.address is not None else 0
        if own >= MOST_WAITING or near >= MOST_WAITING_FROM_ADDRESS:
            return False, TOO_MANY.format(MOST_WAITING), "queue_full"
        return await super().push(body=body, request=request, username=username)


def next_event(
    waiting: list[Event], running: list[Event], limit: int | None, barred: Collection[str] = ()
) -> Event | None:
    """The event of `waiting` (oldest first) to run next, given the running ones of its kind; None for none.

    Visitors whose names are in `barred` have to wait.
    """
    visitors = [visitor_of_event(event) for event in running]
    names = Counter(visitor.name for visitor in visitors)
    addresses = Counter(visitor.address for visitor in visitors)
    share = MOST_LISTENING if limit is None else max(1, limit // 2)
    together = MOST_FROM_ADDRESS if limit is None else max(1, limit - 1)
    best: Event | None = None
    fewest = share
    for event in waiting:
        visitor = visitor_of_event(event)
        if visitor.address is not None and addresses[visitor.address] >= together:
            continue
        if names[visitor.name] < fewest and visitor.name not in barred:
            best, fewest = event, names[visitor.name]
    return best


def visitor_of_event(event: Event) -> Visitor:
    """The visitor of a queued event, stored in it because the queue is searched a thousand times a second."""
    known: Visitor | None = vars(event).get("visitor")
    if known is None:
        known = _visitor(event.session_hash, event.request)
        vars(event)["visitor"] = known
    return known


def _runs_long(event: Event) -> bool:
    return time.monotonic() - vars(event).get("begun", math.inf) > LONG


def _visitor(session: str | None, request: Any) -> Visitor:
    visitor: Visitor = getattr(request, "scope", {}).get(SCOPE, Visitor())
    return visitor.within(session)
