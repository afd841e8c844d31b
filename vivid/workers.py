"""Many jobs for a few workers, in processes of this machine or as actors of a Ray cluster.

Jobs are given out in chunks. A worker that dies costs its chunk a second try, each job alone; what a job has left on
disk, and that it need not be done again, is the worker's matter.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from .errors import InputError

Chunk = tuple[Any, ...]
"""Jobs, hashable and picklable, that one worker does one after the other."""


class Worker(Protocol):
    """What does the jobs."""

    def run(self, chunk: Chunk) -> Sequence[Any]:
        """An outcome for each job, in their order; fewer when the rest is not worth trying."""
        ...


Make = Callable[[], Worker]
"""Makes a worker in the place where it will run; it is sent there as a pickle."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Read by libraries when they load."""
PARENT_SECONDS = 0.3
DEATHS = 2
"""After this many workers have died at a job, it is given up."""
MOST_IN_A_ROW = 6
"""Deaths with nothing done in between after which all ends: no worker will do better."""
DYING = "Worker after worker dies before it has done anything: choose fewer --workers, or look into the system's log."


class Pool(Protocol):
    """Workers that are given chunks of jobs."""

    @property
    def idle(self) -> int:
        """How many workers wait for a chunk."""
        ...

    @property
    def busy(self) -> int:
        """How many work on one."""
        ...

    def submit(self, chunk: Chunk) -> None:
        """Give a chunk to an idle worker."""
        ...

    def wait(self) -> Iterator[tuple[Chunk, Sequence[Any] | None]]:
        """Chunks whose worker has finished, at least one; None for a chunk whose worker has died, and a new worker
        replaces it. Errors: InputError when a worker cannot be made."""
        ...

    def close(self) -> None:
        """End every worker, at once."""
        ...


def run_jobs(chunks: Iterable[Chunk], pool: Pool, died: Callable[[Any], Any]) -> Iterator[tuple[Any, Any]]:
    """Each job with its outcome, as soon as it is known; `died` makes that of a job that workers died at.

    Errors: InputError when no worker can be made or none stays alive.
    """
    todo, again = iter(chunks), deque[Chunk]()
    deaths, in_a_row = Counter[Any](), 0
    while True:
        while pool.idle and (chunk := again.popleft() if again else next(todo, None)) is not None:
            pool.submit(chunk)
        if not pool.busy:
            return
        for chunk, outcomes in pool.wait():
            if outcomes is not None:
                in_a_row = 0
                yield from zip(chunk, outcomes, strict=False)
                continue
            in_a_row += 1
            if in_a_row >= MOST_IN_A_ROW:
                raise InputError(DYING)
            if len(chunk) > 1:  # which of them was it?
                again.extend((job,) for job in chunk)
                continue
            deaths[chunk[0]] += 1
            if deaths[chunk[0]] < DEATHS:
                again.append(chunk)
            else:
                yield chunk[0], died(chunk[0])


def usual_workers(threads: int = 1) -> int:
    """As many workers as this process has cores for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)


@dataclass
class _Process:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    cores: set[int] | None
    chunk: Chunk | None = None


class Processes:
    """`workers` processes of this machine with `threads` cores each. They end with this process, however that ends."""

    def __init__(self, make: Make, workers: int, threads: int) -> None:
        self._make, self._threads = make, threads
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        places = [set(cores[k * threads : (k + 1) * threads]) for k in range(workers)]
        fits = workers * threads <= len(cores)
        self._processes = [self._start(place if fits else None) for place in places]

    def _start(self, cores: set[int] | None) -> _Process:
        context = multiprocessing.get_context("spawn")  # a fork would copy locks held by threads that it does not have
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self._make, os.getpid(), self._threads, cores), daemon=True
        )
        process.start()
        theirs.close()
        return _Process(process, ours, cores)

    @property
    def idle(self) -> int:
        """See Pool."""
        return len(self._processes) - self.busy

    @property
    def busy(self) -> int:
        """See Pool."""
        return sum(each.chunk is not None for each in self._processes)

    def submit(self, chunk: Chunk) -> None:
        """See Pool."""
        each = next(each for each in self._processes if each.chunk is None)
        each.chunk = chunk
        with contextlib.suppress(OSError):  # it has died: `wait` finds that out
            each.pipe.send(chunk)

    def wait(self) -> Iterator[tuple[Chunk, Sequence[Any] | None]]:
        """See Pool."""
        ready = wait([each.pipe for each in self._processes if each.chunk is not None])
        for index, each in enumerate(self._processes):
            if each.pipe not in ready or each.chunk is None:
                continue
            chunk, each.chunk = each.chunk, None
            try:
                answer = each.pipe.recv()
            except (EOFError, OSError):
                each.process.join()
                each.pipe.close()
                self._processes[index] = self._start(each.cores)
                yield chunk, None
                continue
            if isinstance(answer, str):
                raise InputError(answer)
            yield chunk, answer

    def close(self) -> None:
        """See Pool."""
        for each in self._processes:
            each.process.kill()
        for each in self._processes:
            each.process.join()
            each.pipe.close()


def _serve(pipe: Connection, make: Make, parent: int, threads: int, cores: set[int] | None) -> None:
    """A worker's process: chunks come in, outcomes go out, a sentence when the worker cannot be made."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    os.environ.update({name: str(threads) for name in _THREADS})
    if cores is not None:
        os.sched_setaffinity(0, cores)  # encoders that it starts stay there too
    try:
        worker = make()
    except InputError as error:
        pipe.recv()
        pipe.send(str(error))
        return
    try:
        while True:
            pipe.send(worker.run(pipe.recv()))
    except (EOFError, OSError):  # the parent is gone
        return


def _end_with(parent: int) -> None:
    """End this process at once when the one that started it is gone: its jobs then belong to another run."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)


class RayActors:
    """The same as actors of a Ray cluster, which sees the project, the inputs and the output folder at the same places.

    address: "local" for a cluster of this machine alone, "auto" for the one that it belongs to, or HOST:PORT. workers:
    None for as many as have room. Errors: InputError.
    """

    def __init__(self, make: Make, workers: int | None, threads: int, address: str, gpu: bool) -> None:
        try:
            import ray
        except ImportError as error:
            raise InputError("--ray needs the package ray: run `pip install -r requirements-scale.txt`.") from error
        self._ray = ray
        root = str(Path(__file__).resolve().parents[1])
        try:
            ray.init(
                address=address, log_to_driver=False, include_dashboard=None if address == "local" else False,
                runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}},
            )  # fmt: skip
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise InputError(f"The Ray cluster {address} cannot be reached: check it with `ray status`.") from error
        there = ray.cluster_resources()
        room = int(there.get("GPU", 0)) if gpu else int(there.get("CPU", 1)) // threads
        self._actor = ray.remote(max_restarts=0, num_cpus=threads, num_gpus=1 if gpu else 0)(_Actor)
        self._new = lambda: self._actor.remote(make)
        self._free: list[Any] = [self._new() for _ in range(workers or max(room, 1))]
        self._working: dict[Any, tuple[Any, Chunk]] = {}

    @property
    def idle(self) -> int:
        """See Pool."""
        return len(self._free)

    @property
    def busy(self) -> int:
        """See Pool."""
        return len(self._working)

    def submit(self, chunk: Chunk) -> None:
        """See Pool."""
        actor = self._free.pop()
        self._working[actor.run.remote(chunk)] = (actor, chunk)

    def wait(self) -> Iterator[tuple[Chunk, Sequence[Any] | None]]:
        """See Pool."""
        ready, _ = self._ray.wait(list(self._working), num_returns=1)
        for reference in ready:
            actor, chunk = self._working.pop(reference)
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayActorError:
                self._free.append(self._new())
                yield chunk, None
                continue
            if isinstance(answer, str):
                raise InputError(answer)
            self._free.append(actor)
            yield chunk, answer

    def close(self) -> None:
        """See Pool."""
        self._ray.shutdown()


def open_pool(
    make: Make, workers: int | None, threads: int, address: str | None, gpu: bool = False, most: int | None = None
) -> Pool:
    """Actors of the Ray cluster at `address`, or processes of this machine, `most` at most; workers: None for as many
    as have room."""
    if address is not None:
        return RayActors(make, workers, threads, address, gpu)
    wanted = workers or (1 if gpu else usual_workers(threads))
    return Processes(make, min(wanted, most or wanted), threads)


class _Actor:
    """A worker on some node of the cluster."""

    def __init__(self, make: Make) -> None:
        self._worker: Worker | None = None
        self._refusal = ""
        try:
            self._worker = make()
        except InputError as error:
            self._refusal = str(error)

    def run(self, chunk: Chunk) -> Sequence[Any] | str:
        """As a worker's; a sentence when it could not be made."""
        return self._refusal if self._worker is None else self._worker.run(chunk)
