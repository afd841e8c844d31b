"""Frames of instant sessions, a few drawn at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Generator as Stream
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray

THREADS = 2
"""Frames drawn at a time: OpenCV and numpy release the interpreter lock during most of a frame."""
BLOCK = 4
"""Frames handed over at a time: cancelling takes no longer than one block."""
AHEAD = BLOCK + THREADS
"""Frames that are drawn or waiting, at most: while a block is encoded the next one is drawn."""


def draw_blocks(draw: Callable[[int], NDArray[np.uint8]], frames: range) -> Stream[NDArray[np.uint8], None, None]:
    """The `frames` in order, in blocks (n, H, W, 3); draw: draws one frame (H, W, 3), called from any thread."""
    with ThreadPoolExecutor(THREADS) as pool:
        ahead: deque[Future[NDArray[np.uint8]]] = deque()
        left = iter(frames)
        try:
            while True:
                ahead.extend(pool.submit(draw, index) for index in islice(left, AHEAD - len(ahead)))
                if not ahead:
                    return
                yield np.stack([ahead.popleft().result() for _ in range(min(BLOCK, len(ahead)))])
        finally:
            for future in ahead:
                future.cancel()
