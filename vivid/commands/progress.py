"""The line on stderr that a command writes over itself while it works."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

_open = False


def show(text: str) -> None:
    """Write the line anew."""
    global _open
    print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)
    _open = True


def end() -> None:
    """Leave the line as it is: what is printed next begins below it."""
    global _open
    if _open:
        print(file=sys.stderr)
        _open = False


def bar(phase: str, done: int, total: int, seconds_left: float) -> None:
    """A bar for one phase of the work."""
    filled = 30 * done // total
    show(f"{phase:8s} [{'#' * filled}{'.' * (30 - filled)}] {done}/{total}  {seconds_left:5.0f} s left")


def frames_line() -> Callable[[int, int], None]:
    """A callback that counts frames on the line, or on a new line now and then where nobody watches."""
    live = sys.stderr.isatty()
    start = last = time.monotonic()

    def count(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done < total and now - last < (0.2 if live else 10):
            return
        last = now
        show(f"frame {done} of {total}, {(now - start) / done * (total - done):.0f} s left")
        if not live or done == total:
            end()

    return count
