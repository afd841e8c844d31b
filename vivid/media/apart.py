"""Pictures and pose files are read in a process of their own, kept for the next file or ended if it takes too much.

A thread cannot be stopped, a library cannot be given a memory limit, and a JSON reader blocks all other threads of its
program; a process has none of these problems. Starting one takes a quarter of a second, asking a kept one milliseconds.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Message
from .children import Deadline, limit

PROCESSOR_SECONDS, SECONDS = 10.0, 60.0
"""Limits for one file, of processor time and of time: a busy machine is no fault of the file. 40 megapixels of JPEG
take two seconds."""
_PROCESSOR_TIME = getattr(signal, "SIGXCPU", 0)
_KEPT = 2
_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from vivid.media.apart import serve; serve()"

Arrays = list[NDArray[Any]]
Answer = tuple[dict[str, Any], Arrays]
"""What a reader returns: values that JSON can hold, and arrays."""


@dataclass(frozen=True)
class Refusals:
    """The refusals of a file that takes too long or too much memory, with `{}` for its name."""

    slow: str
    large: str


class _Worker:
    """A process that runs `serve`."""

    def __init__(self) -> None:
        single = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | single | {"MALLOC_ARENA_MAX": "1"},
        )
        limit(self.process.pid)

    def ask(self, question: dict[str, Any]) -> Answer:
        """An answer and the arrays that belong to it. Errors: EOFError when the process died on the question."""
        asks, answers = self.process.stdin, self.process.stdout
        assert asks is not None and answers is not None
        try:
            asks.write(json.dumps(question).encode() + b"\n")
            asks.flush()
        except OSError as error:
            raise EOFError from error
        text = answers.readline()
        if not text.endswith(b"\n"):
            raise EOFError
        answer = json.loads(text)
        arrays = [np.empty(shape, dtype) for dtype, shape in answer.pop("arrays", ())]
        for array in arrays:
            if array.size and answers.readinto(array.data.cast("B")) != array.nbytes:  # type: ignore[attr-defined]
                raise EOFError
        return answer, arrays

    def end(self) -> None:
        """Kill the process and let go of everything."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self.process.wait()


_idle: list[_Worker] = []
_lock = threading.Lock()


def call_apart(reader: Callable[..., Answer], path: Path, refusals: Refusals, **arguments: Any) -> Answer:
    """`reader(path, **arguments)` in another process; a function of a module, arguments that JSON can hold.

    Errors: InputError, also when it takes too long or too much memory; RuntimeError for any other failure there.
    """
    function = f"{reader.__module__}:{reader.__name__}"
    question = {"function": function, "path": str(path.absolute()), "arguments": arguments}
    while True:
        with _lock:
            worker = _idle.pop() if _idle else None
        kept = worker is not None
        worker = worker or _Worker()
        with Deadline(SECONDS, worker.process) as deadline:
            try:
                answer, arrays = worker.ask(question)
                break
            except EOFError:
                worker.end()
        if deadline.passed or worker.process.returncode == -_PROCESSOR_TIME:
            raise InputError(refusals.slow, path.name)
        if not kept:  # a kept process may have ended for another reason: ask a new one
            raise InputError("{} is damaged or incomplete: save or download it again.", path.name)
    with _lock:
        keep = len(_idle) < _KEPT and not deadline.passed and not deadline.lowered
        if keep:
            _idle.append(worker)
    if not keep:
        worker.end()
    if "fault" in answer:
        raise RuntimeError(answer["fault"])
    if "error" in answer:
        raise InputError(Message.unpacked(answer["error"]))
    if "large" in answer:
        raise InputError(refusals.large, path.name)
    return answer["values"], arrays


@atexit.register
def _end_all() -> None:
    with _lock:
        while _idle:
            _idle.pop().end()


def _forget() -> None:
    """After a fork, forget the processes: they belong to the parent alone."""
    global _lock
    _lock = threading.Lock()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def serve() -> None:
    """Answer questions on the standard input until it ends: one line of JSON each, then the arrays' bytes."""
    asks, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keep what a library may print out of the answers
    for line in asks:
        question = json.loads(line)
        _limit_processor_time()
        module, _, name = question["function"].partition(":")
        arrays: Arrays = []
        try:
            reader = getattr(importlib.import_module(module), name)
            values, arrays = reader(Path(question["path"]), **question["arguments"])
            answer = {"values": values, "arrays": [(array.dtype.str, array.shape) for array in arrays]}
        except InputError as error:
            answer = {"error": error.message.packed()}
        except MemoryError:
            answer = {"large": True}
        except Exception:  # an error of ours: report it to the caller
            answer = {"fault": traceback.format_exc()}
        answers.write(json.dumps(answer).encode() + b"\n")
        for array in arrays:
            answers.write(np.ascontiguousarray(array).data)
        answers.flush()
        del arrays


def _limit_processor_time() -> None:
    """Limit this one question, in case nobody is left to end the process."""
    if sys.platform != "win32":
        import resource

        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used + PROCESSOR_SECONDS) + 1, hard))
