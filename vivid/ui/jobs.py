"""The queue of videos: a single worker, a limit, positions, and results that outlive a page.

A page only follows its job. If it is closed or reloaded, the job goes on, and the job's unguessable name, stored in the
visitor's browser, gives access to its progress and result.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import json
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import InputError
from ..media.outputs import OutputError, written_whole
from .engine import lower_priority
from .visitors import Visitor, current

log = logging.getLogger("vivid")

WAITING, RUNNING, DONE, FAILED, STOPPED = "waiting", "running", "done", "failed", "stopped"
FINISHED = (DONE, FAILED, STOPPED)
OUR_FAULT = "Something went wrong on our side; nothing of yours is lost. Please try again."
NO_MEMORY = "The graphics memory is not enough for this: choose a smaller picture size and try again."
NO_RAM = "The server's memory is not enough for this: choose a smaller picture size or a shorter voice."
NO_DISK = "The server's disk is full or cannot be written to: tell the person who runs this server."
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ENOENT)
MOST_EACH = 4
"""Unfinished videos of one visitor at a time."""
MOST_FROM_ADDRESS = 8
"""The same for all visitors behind one public address."""
TOO_FEW = 1.5
"""If the time left is this many times what is shown, the shown time is corrected upwards."""
POSTER_SIDE = 240
TRUSTED = 3.0
"""After 1/TRUSTED of the steps, the run's own estimate has fully replaced the promised time."""
KEPT_INPUTS = 32
"""Finished jobs whose inputs are kept in memory for another take."""


class LineFullError(InputError):
    """The queue is full."""


@dataclass
class Job:
    """One video to make.

    work: yields events (Step ... Done); output: its file; details: for display; inputs: kept for another take;
    preview: the latest preview picture; chosen: what the browser stores about its inputs; promised: the estimate shown
    beforehand, in seconds; started: when it left the queue (time.monotonic); share, left: the last values of
    `read_clock`; then: called by the worker once the job is done or has failed, not when it was stopped.
    """

    work: Callable[[], Iterator[Any]]
    output: Path
    details: dict[str, Any] = field(default_factory=dict)
    name: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: str = WAITING
    event: Any = None
    error: str = ""
    inputs: Any = None
    preview: Any = None
    chosen: Any = None
    promised: float | None = None
    started: float | None = None
    share: float = 0.0
    left: float | None = None
    created: float = field(default_factory=time.time)
    version: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    visitor: Visitor = field(default_factory=current.get)
    surroundings: contextvars.Context = field(default_factory=contextvars.copy_context)
    then: Callable[[Job], None] | None = None

    @property
    def finished(self) -> bool:
        """Whether the job has ended."""
        return self.state in FINISHED

    def read_clock(self, now: float | None = None) -> tuple[float, float | None]:
        """(share of the work that is done, seconds left): one estimate over all phases.

        It starts with the promised time and moves over to the run's own estimate; seconds are None without either. The
        share never decreases, and the seconds never increase, unless they were far too low.
        """
        if self.started is None:
            return 0.0, self.promised
        spent = (time.monotonic() if now is None else now) - self.started
        left = None if self.promised is None else max(self.promised - spent, 0.0)
        step = self.event
        if hasattr(step, "phase"):
            sure = min(1.0, TRUSTED * step.done / max(step.total, 1)) if left is not None else 1.0
            left = sure * step.seconds_left + (1 - sure) * (left or 0.0)
        if left is not None:
            shown = self.left
            self.left = left if shown is None or left > TOO_FEW * shown + 2 else min(shown, left)
            self.share = max(self.share, min(spent / max(spent + left, 1e-6), 0.99))
        return self.share, self.left

    def change(self, **values: Any) -> None:
        """Set fields and notify followers."""
        for name, value in values.items():
            setattr(self, name, value)
        self.version += 1


class JobRunner:
    """Runs jobs one after the other in a thread of low priority; at most `max_waiting` wait."""

    def __init__(self, max_waiting: int = 16, keep_hours: float = 24.0) -> None:
        self.max_waiting = max_waiting
        self.keep_seconds = keep_hours * 3600
        self._line: deque[Job] = deque()
        self._jobs: dict[str, Job] = {}
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def submit(self, job: Job) -> Job:
        """Queue a job. InputError if the queue, or this visitor's share of it, is full."""
        with self._change:
            self._forget_old()
            self._check_share(job.visitor)
            # If nothing is running, the first job does not wait.
            if len(self._line) >= self.max_waiting + (not self.busy):
                raise LineFullError(
                    "{} videos are waiting already, which is the limit: try again in a few minutes.", self.max_waiting
                )
            self._line.append(job)
            self._jobs[job.name] = job
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._loop, name="generate", daemon=True)
                self._thread.start()
            self._change.notify_all()
        return job

    def _check_share(self, visitor: Visitor) -> None:
        unfinished = [job.visitor for job in self._jobs.values() if not job.finished]
        own = visitor.known and sum(other.name == visitor.name for other in unfinished) >= MOST_EACH
        address = visitor.address is not None
        if own or (address and sum(other.address == visitor.address for other in unfinished) >= MOST_FROM_ADDRESS):
            raise InputError(
                "{} videos of yours are waiting already, which is the limit for one visitor: wait for "
                "one of them, or stop it.",
                MOST_EACH if own else MOST_FROM_ADDRESS,
            )

    def find(self, name: object) -> Job | None:
        """The job of that name, None if it does not exist (any more)."""
        return self._jobs.get(name) if isinstance(name, str) else None

    def position(self, job: Job) -> int:
        """Number of jobs before this one, including the running one; 0 if it is running or finished."""
        with self._change:
            if job not in self._line:
                return 0
            running = any(other.state == RUNNING for other in self._jobs.values())
            return list(self._line).index(job) + running

    @property
    def waiting(self) -> int:
        """Number of waiting jobs."""
        return len(self._line)

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return any(job.state == RUNNING for job in list(self._jobs.values()))

    def stop(self, job: Job) -> None:
        """Remove a job from the queue, or stop it within one step; no files remain."""
        with self._change:
            job.cancelled.set()
            if job in self._line:
                self._line.remove(job)
                job.change(state=STOPPED)

    def stop_all(self, seconds: float = 10.0) -> None:
        """Stop every job, and wait at most `seconds` for the running one to clean up."""
        for job in list(self._jobs.values()):
            if not job.finished:
                self.stop(job)
        end = time.monotonic() + seconds
        while self.busy and time.monotonic() < end:
            time.sleep(0.05)

    def _forget_old(self) -> None:
        limit = time.time() - self.keep_seconds
        finished = [job for job in self._jobs.values() if job.finished]
        for job in finished[:-KEPT_INPUTS]:
            job.inputs = job.preview = None
        for job in finished:
            if job.created < limit:
                del self._jobs[job.name]

    def _loop(self) -> None:
        lower_priority()
        while True:
            with self._change:
                while not self._line:
                    self._change.wait()
                job = self._line.popleft()
                job.change(state=RUNNING, started=time.monotonic())
            try:
                job.surroundings.run(self._run, job)
            except BaseException as error:  # an exception must end the job, never the only worker
                log.exception("A video could not be made")
                job.change(state=FAILED, error=said_of(error))
            job.work = lambda: iter(())  # it references the inputs
            if job.then is not None and job.state != STOPPED:
                try:
                    job.surroundings.run(job.then, job)
                except BaseException:
                    log.exception("What follows a video failed")
            del job  # or it would be referenced until the next job arrives

    def _run(self, job: Job) -> None:
        try:
            events = job.work()
            for event in events:
                if getattr(event, "preview", None) is not None:
                    job.preview = event.preview
                if hasattr(event, "result"):
                    job.details["result"] = event.result.to_dict()
                job.change(event=event)
                if job.cancelled.is_set():
                    events.close()  # type: ignore[attr-defined]
                    break
        except InputError as error:
            job.change(state=FAILED, error=error.message)
        except Exception as error:
            log.exception("A video could not be made")
            job.change(state=FAILED, error=said_of(error))
        else:
            finished = job.output.is_file() and not job.cancelled.is_set()
            if not finished and not job.cancelled.is_set():
                log.error("A job ended without its video")
                job.change(state=FAILED, error=OUR_FAULT)
                return
            if finished:
                self._describe(job)
            else:
                job.output.unlink(missing_ok=True)
            job.change(state=DONE if finished else STOPPED)

    @staticmethod
    def _describe(job: Job) -> None:
        """Write the settings and a poster beside the video; failing that, the video is kept."""
        try:
            with written_whole(job.output.with_suffix(".json")) as file:
                file.write(settings_text(job).encode())
            if job.preview is not None:
                image = Image.fromarray(job.preview)
                image.thumbnail((POSTER_SIDE, POSTER_SIDE))
                with written_whole(job.output.with_suffix(".jpg")) as file:
                    image.save(file, "JPEG", quality=85)
        except Exception:
            log.exception("The settings or the poster of a video could not be written")


def said_of(error: BaseException) -> str:
    """The message for a job that ended with an error."""
    if isinstance(error, OutputError):
        return NO_DISK
    if isinstance(error, InputError):
        return error.message
    if isinstance(error, MemoryError):
        return NO_RAM
    if "out of memory" in str(error).lower():
        return NO_MEMORY
    return NO_DISK if isinstance(error, OSError) and error.errno in _DISK_ERRORS else OUR_FAULT


async def listen(job: Job, every: float = 0.1, heartbeat: float = 1.0) -> AsyncIterator[Job]:
    """Yield the job whenever it has changed, and at least every `heartbeat` seconds, until it is finished."""
    seen, last = -1, 0.0
    while True:
        now = time.monotonic()
        if job.version != seen or now - last >= heartbeat:
            finished = job.finished
            seen, last = job.version, now
            yield job
            if finished:
                return
        await asyncio.sleep(every)


def settings_text(job: Job) -> str:
    """The details of a job as JSON, without paths on the server."""
    return json.dumps(_public(job.details), indent=2, ensure_ascii=False, default=str)


def _public(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, dict):
        return {name: _public(inner) for name, inner in value.items() if name != "path"}
    return value
