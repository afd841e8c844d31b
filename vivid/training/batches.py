"""The batch of every step: drawn from the step's own seed, and made while the one before is trained on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import cv2
import numpy as np
from torch.utils.data import DataLoader, Dataset

Batch = dict[str, Any]


def step_seed(seed: int, rank: int, step: int) -> np.random.Generator:
    """The random source of one step: independent of how often the run was interrupted."""
    return np.random.default_rng([seed, rank, step])


@dataclass(frozen=True)
class _Batches(Dataset[Batch]):
    """The batch of every step, for worker processes."""

    make: Callable[[np.random.Generator], Batch]
    seed: int
    rank: int

    def __getitem__(self, step: int) -> Batch:
        return self.make(step_seed(self.seed, self.rank, step))


def prefetch(
    make: Callable[[np.random.Generator], Batch], seed: int, rank: int, start: int, workers: int
) -> Generator[Batch, None, None]:
    """Batches from step `start` on; `make` (a stage's `batch`) makes the next while the current one is trained on.

    By a thread, or by `workers` processes where making a batch takes longer than training on it; the batches are the
    same.
    """
    if workers:
        steps: Any = count(start)
        batches = _Batches(make, seed, rank)
        # OpenCV's own threads do not survive a fork: work handed to them would never return, and ending them there
        # would wait forever. So they are ended here, before the fork.
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield from DataLoader(batches, None, sampler=steps, num_workers=workers)
        finally:
            cv2.setNumThreads(threads)
        return
    with ThreadPoolExecutor(1) as pool:
        step = start
        future = pool.submit(make, step_seed(seed, rank, step))
        while True:
            current = future.result()
            step += 1
            future = pool.submit(make, step_seed(seed, rank, step))
            yield current
