"""Programs that decode untrusted files, bounded in memory, processor time and waiting time.

A small file can ask a decoder for any amount of memory and time. Here a child process does the decoding and is ended
when it takes too much; the program goes on with a one-sentence error.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Self, TypeVar

CHILD_BYTES = 1_450_000_000
"""Address space of one child. A film of 7680 x 4320 pixels needs 1.2 GB of it with two threads, 600 MB of them used."""

PATIENCE = 1.0
"""Seconds after which a child's priority is lowered: most files take less, so others need not wait for the rest."""
LOW = 5
"""By how many steps the priority is lowered then."""

T = TypeVar("T")


def limit(pid: int, cpu_seconds: float | None = None, memory: int = CHILD_BYTES) -> None:
    """Bound a child's memory, and its processor time in case nobody is left to end it. Linux only; a no-op elsewhere.

    Done from outside, after the start: code between fork and exec is not safe in a program with threads.
    """
    if sys.platform != "linux":
        return
    import resource

    bounds = {resource.RLIMIT_AS: memory, resource.RLIMIT_CORE: 0}
    if cpu_seconds is not None:
        bounds[resource.RLIMIT_CPU] = int(cpu_seconds) + 1
    for kind, most in bounds.items():
        with suppress(ProcessLookupError, PermissionError, ValueError):  # it has ended, or limiting it is not permitted
            _, hard = resource.prlimit(pid, kind)
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.prlimit(pid, kind, (bound, hard))


class Child:
    """A started program whose one output is read here, with a budget of seconds for waiting in all.

    A context manager: on exit the program is killed, whatever it is doing. Time that the caller spends between two
    reads is not counted. `late` makes the error raised when the budget is used up.
    """

    def __init__(
        self, arguments: Sequence[str], seconds: float, late: Callable[[], Exception], errors: bool = False
    ) -> None:
        self.left = seconds
        self._patience = PATIENCE
        self._late = late
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        if errors:  # read its messages instead of its output
            pipes |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(arguments, **pipes)
        limit(self.process.pid, cpu_seconds=2 * seconds + 10)
        output = self.process.stderr if errors else self.process.stdout
        assert output is not None
        self._output: IO[bytes] = output

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self._output.close()
        self.process.wait()

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end of the output. Errors: what `late` makes."""
        return self._in_time(lambda: self._output.read(size))

    def readinto(self, buffer: memoryview) -> int:
        """The same into existing memory; returns how many bytes came."""
        return self._in_time(lambda: self._output.readinto(buffer))  # type: ignore[attr-defined]

    def _in_time(self, read: Callable[[], T]) -> T:
        with Deadline(self.left, self.process, self._patience) as deadline:
            result = read()
        self.left -= deadline.taken
        self._patience = math.inf if deadline.lowered else max(self._patience - deadline.taken, 0.0)
        if deadline.passed:
            raise self._late()
        return result


class Deadline:
    """Kills a program when a block takes longer than `seconds`; then `passed` is True. `taken` is how long it took.

    After `patience` seconds the program's priority is lowered; then `lowered` is True.
    """

    def __init__(self, seconds: float, process: subprocess.Popen[bytes], patience: float = PATIENCE) -> None:
        self.passed = self.lowered = False
        self.taken = 0.0
        self._seconds, self._patience = max(seconds, 0.0), patience
        self._process = process
        self._over = threading.Event()
        self._lock = threading.Lock()

    def _watch(self) -> None:
        left = self._seconds
        if self._patience < left:
            if self._over.wait(self._patience):
                return
            left -= self._patience
            with self._lock:
                self.lowered = not self._over.is_set()
            if self.lowered:
                lower(self._process.pid)
        if not self._over.wait(left):
            self.passed = True
            self._process.kill()

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._over.set()
        self.taken = time.monotonic() - self._begun


def lower(pid: int) -> None:
    """Lower the priority of a program and all its threads."""
    if hasattr(os, "setpriority"):
        with suppress(OSError):  # it has ended
            threads = os.listdir(f"/proc/{pid}/task") if sys.platform == "linux" else [pid]
            for thread in threads:
                now = os.getpriority(os.PRIO_PROCESS, int(thread))
                os.setpriority(os.PRIO_PROCESS, int(thread), min(now + LOW, 19))
