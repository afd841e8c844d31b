"""From the table of jobs to the table of results."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..media.outputs import NO_SPACE
from ..workers import DEATHS, Pool, run_jobs
from .rows import Row, chunks
from .worker import Outcome

RESULTS = "results.csv"
HEAD = ("row", "state", "video", "frames", "seconds", "cpu_seconds", "portrait", "audio", "motion", "error")
DIED = f"The worker died at this row {DEATHS} times, perhaps for want of memory: try a smaller size or a shorter voice."


@dataclass
class Count:
    """How far a batch is. cpu_seconds, seconds: of the videos that this run has made."""

    made: int = 0
    kept: int = 0
    failed: int = 0
    frames: int = 0
    cpu_seconds: float = 0.0

    @property
    def done(self) -> int:
        """Rows that are answered."""
        return self.made + self.kept + self.failed

    def add(self, outcome: Outcome) -> None:
        """Count a row."""
        if outcome.error:
            self.failed += 1
        elif outcome.kept:
            self.kept += 1
        else:
            self.made += 1
            self.frames += outcome.frames
            self.cpu_seconds += outcome.cpu_seconds


def run_batch(rows: Iterator[Row], pool: Pool, folder: Path, report: Callable[[Count], None]) -> Count:
    """Let the pool make all rows, and write the outcome of each to `folder`/results.csv as soon as it is known.

    The table is started afresh: videos made by earlier runs are found by their records and listed again. A row whose
    worker dies is tried once more, alone. Errors: InputError when no worker can be made or the disk is full.
    """
    count = Count()
    with (folder / RESULTS).open("w", encoding="utf-8", newline="") as file, closing(pool):
        table = csv.writer(file)
        table.writerow(HEAD)
        for row, outcome in run_jobs(chunks(rows), pool, lambda row: Outcome(row.number, error=DIED)):
            count.add(outcome)
            state = "failed" if outcome.error else "done"
            numbers = ("", "", "") if outcome.error else (outcome.frames, outcome.seconds, outcome.cpu_seconds)
            inputs = ("", "", "") if row.error else (row.portrait, row.audio, row.motion)
            table.writerow([row.number, state, outcome.video, *numbers, *inputs, outcome.error])
            file.flush()
            report(count)
            if outcome.error == NO_SPACE:
                raise InputError(f"{NO_SPACE} What is finished is kept: run the same command again.")
    return count


def progress_of(total: int, show: Callable[[str], None]) -> Callable[[Count], None]:
    """A report that says how far the batch is, how fast, and how long it will still take."""
    began = last = time.monotonic()

    def report(count: Count) -> None:
        nonlocal last
        now = time.monotonic()
        if count.done < total and now - last < 0.5:
            return
        last = now
        worked = count.made + count.failed
        left = (now - began) / worked * (total - count.done) if worked else 0.0
        failed = f", {count.failed} failed" if count.failed else ""
        show(f"{count.done} of {total} rows{failed}, {worked / (now - began) * 60:.1f} a minute, {left:.0f} s left")

    return report
