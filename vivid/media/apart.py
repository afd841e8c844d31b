"""Pictures are decoded in a process of their own, which is kept for the next one and ended when it takes too much.

A thread cannot be stopped and a library cannot be told how much memory it may take; a process can. Starting one takes
a quarter of a second, asking one that is kept a few milliseconds.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..config import Limits
from ..errors import InputError
from .children import Deadline, limit

SECONDS = 20.0
"""How long one picture may take, and in processor time half of it: 40 megapixels of JPEG take two."""
_PROCESSOR_TIME = getattr(signal, "SIGXCPU", 0)
_KEPT = 2
_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from vivid.media.apart import serve; serve()"

Picture = NDArray[np.uint8]


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

    def ask(self, question: dict[str, Any]) -> tuple[dict[str, Any], Picture | None]:
        """An answer and the picture that belongs to it. Errors: EOFError when the process has ended over it."""
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
        if "shape" not in answer:
            return answer, None
        picture = np.empty(answer["shape"], np.uint8)
        if answers.readinto(picture.data.cast("B")) != picture.nbytes:  # type: ignore[attr-defined]
            raise EOFError
        return answer, picture

    def end(self) -> None:
        """Kill the process and let go of everything."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self.process.wait()


_idle: list[_Worker] = []
_lock = threading.Lock()


def decode_apart(path: Path, limits: Limits) -> Picture:
    """`pictures.decode_file` in another process. Errors: InputError, also when it takes too long or too much."""
    question = {"path": str(path.absolute()), "pixels": limits.picture_pixels}
    while True:
        with _lock:
            worker = _idle.pop() if _idle else None
        kept = worker is not None
        worker = worker or _Worker()
        with Deadline(SECONDS, worker.process) as deadline:
            try:
                answer, picture = worker.ask(question)
                break
            except EOFError:
                worker.end()
        if deadline.passed or worker.process.returncode == -_PROCESSOR_TIME:
            raise InputError(f"{path.name} takes too long to decode: save it again as JPEG or PNG.")
        if not kept:  # a kept one may have ended since for another reason: a new one is asked
            raise InputError(f"{path.name} is damaged or incomplete: save or download it again.")
    with _lock:
        keep = len(_idle) < _KEPT and not deadline.passed
        if keep:
            _idle.append(worker)
    if not keep:
        worker.end()
    if picture is None:
        raise InputError(answer["error"])
    return picture


@atexit.register
def _end_all() -> None:
    with _lock:
        while _idle:
            _idle.pop().end()


def _forget() -> None:
    """After a fork the processes still belong to the parent alone."""
    global _lock
    _lock = threading.Lock()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def serve() -> None:
    """Answer questions on the standard input until it ends: one line of JSON each, then the picture's bytes."""
    from .pictures import decode_file

    asks, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library may print is no answer
    for line in asks:
        question = json.loads(line)
        _limit_processor_time()
        try:
            picture = decode_file(Path(question["path"]), Limits(picture_pixels=question["pixels"]))
        except InputError as error:
            _answer(answers, {"error": str(error)})
        except MemoryError:
            too_much = InputError(f"{Path(question['path']).name} takes too much memory to decode: scale it down.")
            _answer(answers, {"error": str(too_much)})
        else:
            _answer(answers, {"shape": picture.shape}, picture)
            del picture


def _answer(stream: IO[bytes], answer: dict[str, Any], picture: Picture | None = None) -> None:
    stream.write(json.dumps(answer).encode() + b"\n")
    if picture is not None:
        stream.write(np.ascontiguousarray(picture).data)
    stream.flush()


def _limit_processor_time() -> None:
    """For this one question, should nobody be left to end the process."""
    if sys.platform != "win32":
        import resource

        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used + SECONDS / 2) + 1, hard))
