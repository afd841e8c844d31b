"""A worker whose model paints grey at once; some seeds are fatal. Imported by the workers' processes, too."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from vivid import inputs
from vivid.batch.worker import BatchWorker
from vivid.config import RunSettings
from vivid.errors import InputError
from vivid.events import Done, Result, Step
from vivid.media.video import VideoWriter

DIES, FAULTY, REFUSED = 666, 667, 668
"""Seeds at which the process ends, the program fails, the generator refuses the portrait."""


class Grey:
    """As VividPipeline; every video that is begun leaves a line in `log`."""

    device = "cpu"
    capabilities = SimpleNamespace(name="grey")

    def __init__(self, log: Path, pause: float = 0.0) -> None:
        self.log, self.pause = log, pause

    def animate(
        self, portrait: Any, speech: Any, motion: Any, settings: RunSettings, output: Path
    ) -> Iterator[Step | Done]:
        with self.log.open("a") as file:
            file.write(f"{settings.seed} {os.getpid()}\n")
        if settings.seed == DIES:
            os._exit(9)
        if settings.seed == FAULTY:
            raise RuntimeError("a secret\nof two lines")
        if settings.seed == REFUSED:
            raise InputError("The head is turned away: choose another picture.")
        with VideoWriter(output, (32, 32), 24) as writer:
            for frame in range(4):
                time.sleep(self.pause)
                writer.write(np.full((32, 32, 3), (20 * frame + settings.seed) % 256, np.uint8))
                yield Step(frame + 1, 4, "decode", 0.0)
        yield Done(
            Result(output, 4, 24, 0.1, settings.seed, "grey", (), 0, settings.to_dict(), None, ("One arm is still.",))
        )


def make_worker(folder: Path, pause: float = 0.0) -> BatchWorker:
    """A worker for `folder` whose log lies beside it. In a process of its own it looks at no portrait: that takes each
    several seconds, and the tests within one process do."""
    if multiprocessing.parent_process() is not None:
        inputs.load_portrait = lambda path: SimpleNamespace(notices=())  # type: ignore[assignment]
    return BatchWorker(folder, Grey(folder.with_suffix(".log"), pause))  # type: ignore[arg-type]


def refuse(folder: Path) -> BatchWorker:
    """A worker that cannot be made."""
    raise InputError("There is no model here: fetch it first.")


def die(folder: Path) -> BatchWorker:
    """A worker that dies before it works."""
    os._exit(3)
