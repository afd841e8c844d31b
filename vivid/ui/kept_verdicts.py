"""Portraits that were examined a moment ago: a program's next call need not find the person in its picture again."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from ..media.provenance import sha256_of
from .verdicts import Verdict

KEPT_BYTES = 128 * 2**20
"""Of pixels: twenty large portraits."""
KEPT_SECONDS = 600.0


class KeptVerdicts:
    """The last verdicts, by the contents of the file: whoever asks has the picture already."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, Verdict]] = OrderedDict()
        self._guard = threading.Lock()

    def of(self, path: Path, examine: Callable[[], Verdict]) -> Verdict:
        """The verdict over the file at `path`, made by `examine` where none is kept. Errors: what `examine` raises."""
        try:
            key = sha256_of(path)
        except OSError:
            return examine()
        self.forget_old()
        with self._guard:
            kept = self._kept.pop(key, None)
        verdict = examine() if kept is None else kept[1]
        with self._guard:
            self._kept[key] = (time.monotonic(), verdict)
            while sum(_size(other) for _, other in self._kept.values()) > KEPT_BYTES:
                self._kept.popitem(last=False)
        return verdict

    def forget_old(self) -> None:
        """Let go of what nobody has asked for lately."""
        with self._guard:
            while self._kept and time.monotonic() - next(iter(self._kept.values()))[0] > KEPT_SECONDS:
                self._kept.popitem(last=False)


def _size(verdict: Verdict) -> int:
    return 0 if verdict.portrait is None else verdict.portrait.image.nbytes
