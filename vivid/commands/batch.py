"""`python -m vivid batch`: many videos from a table, by several workers, resumable."""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from pathlib import Path

from ..errors import InputError
from . import progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `batch`."""
    parser.add_argument(
        "jobs", type=Path,
        help="CSV with a head: portrait, audio, and what else differs from row to row, named as animate's options",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for the videos, their records and results.csv")
    parser.add_argument("--model", default=None, help="layered, compact, full or a folder (default: the best here)")
    parser.add_argument("--device", default=None, help="cuda, mps or cpu (default: the best there is)")
    parser.add_argument("--workers", type=int, default=None, metavar="N", help="one model each (default: as fit)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="cores of a worker")
    parser.add_argument(
        "--ray", default=None, metavar="ADDRESS", help="workers of a Ray cluster: auto, HOST:PORT, or local"
    )


def run(args: argparse.Namespace) -> int:
    """Make all videos; the last line on stdout is one JSON object. 1 when some rows have failed."""
    from ..batch.rows import read_rows
    from ..batch.run import RESULTS, progress_of, run_batch
    from ..batch.worker import BatchWorker
    from ..media.outputs import run_folder
    from ..weights.hub import default_model, needs_gpu
    from ..workers import open_pool

    if args.threads < 1 or (args.workers is not None and args.workers < 1):
        raise InputError("Workers and threads are counted from 1: choose more.")
    total = sum(1 for _ in read_rows(args.jobs))
    if not total:
        raise InputError(f"{args.jobs} has no rows below its head: add a line for each video.")
    model = args.model or default_model()
    with run_folder(args.out.absolute()) as folder:
        make = functools.partial(BatchWorker.load, folder, model, args.device)
        pool = open_pool(make, args.workers, args.threads, args.ray, needs_gpu(model), total)
        began = time.monotonic()
        count = run_batch(read_rows(args.jobs), pool, folder, progress_of(total, progress.show))
    progress.end()
    if count.failed:
        print(f"{count.failed} of {total} rows failed: {args.out / RESULTS} says why.", file=sys.stderr)
    answer = {
        "rows": total, "made": count.made, "kept": count.kept, "failed": count.failed, "frames": count.frames,
        "seconds": round(time.monotonic() - began, 2), "cpu_seconds": round(count.cpu_seconds, 2),
        "results": str(args.out / RESULTS),
    }  # fmt: skip
    print(json.dumps(answer))
    return 1 if count.failed else 0
