"""A worker that dies. In a file of its own because the workers' processes import it, and little else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vivid.data.prepare import Piece, Preparer, find_pieces


class Deadly(Preparer):
    """Dies at every piece of b.mp4, and once at the first of a.mp4."""

    def run(self, jobs: Sequence[Path | Piece]) -> list[list[Piece] | str]:
        (job,) = jobs
        if isinstance(job, Path):
            scenes = [(0.0, 2.0), (2.0, 3.0)] if job.name == "a.mp4" else [(0.0, 3.0)]
            return [find_pieces(job, self.root, self.out, lambda path: scenes)]
        first = self.out / "first"
        if job.video.name == "b.mp4" or not first.exists():
            first.touch()
            os._exit(9)
        return super().run(jobs)
