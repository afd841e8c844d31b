"""`data prepare`: footage becomes clips in shards that `train` reads (the paper's section 4.1)."""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..media.outputs import run_folder, write_text

if TYPE_CHECKING:
    from ..data.prepare import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Writes shard-*.tar, records/, pictures/, report.md and two contact sheets; what has a record is left alone."""
    actions = parser.add_subparsers(dest="what", metavar="{prepare}")
    part = actions.add_parser(
        "prepare", help="cut, filter and crop videos into shards", formatter_class=parser.formatter_class
    )
    part.add_argument("videos", type=Path, help="folder of videos")
    part.add_argument("--out", type=Path, required=True, help="folder for shards, records and the report")
    part.add_argument("--size", type=int, default=512, help="most pixels of a clip's side; nothing is scaled up")
    part.add_argument("--rights", type=Path, help="CSV file with video, licence, consent: carried into every record")
    part.add_argument("--weights-dir", type=Path, help="folder with SyncNet's weights")
    part.add_argument("--no-fetch", action="store_true", help="do not fetch SyncNet: sound is then not checked")
    part.add_argument("--detector", default="auto", choices=("auto", "mediapipe", "dwpose", "openpose"))
    part.add_argument("--per-shard", type=int, default=64, help="clips in one shard")
    part.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")


def run(args: argparse.Namespace) -> int:
    """Prepare, pack, report. Exit code 1 when a video could not be used or a process was lost."""
    if args.what is None:
        raise InputError("Say what to do: vivid data prepare.")
    if min(args.size, args.per_shard, args.workers) < 1 or args.size < 64:
        raise InputError("Size must be 64 or more, clips in a shard and workers at least 1.")
    from ..data.cuts import require
    from ..data.prepare import Options, load_records, report_of, write_sheets
    from ..data.shards import pack
    from ..evaluation.testset import VIDEOS

    require()
    if not args.videos.is_dir():
        raise InputError(f"There is no folder {args.videos}: name one with videos.")
    videos = sorted(path for path in args.videos.rglob("*") if path.suffix.lower() in VIDEOS)
    if not videos:
        raise InputError(f"There are no videos in {args.videos}: name a folder with MP4 files.")
    options = Options(args.size, args.detector, args.weights_dir, not args.no_fetch, _rights(args.rights))
    with run_folder(args.out):
        failed = _prepare_all(videos, args.videos, args.out, options, args.workers)
        shards = pack(args.out / "clips", args.out / "records", args.out, args.per_shard)
        records = list(load_records(args.out))
        text = report_of(records)
        write_sheets(records, args.out)
        write_text(args.out / "report.md", text)
    print(text)
    print(f"{len(shards)} new shards in {args.out}; `vivid train ... --data {args.out}` reads them.")
    return 1 if failed else 0


def _rights(path: Path | None) -> tuple[tuple[str, str, str], ...]:
    if path is None:
        return ()
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"video", "licence", "consent"} <= set(rows[0]):
        raise InputError(f"{path.name} states no rights: its first line names the columns video, licence, consent.")
    return tuple((row["video"], row["licence"], row["consent"]) for row in rows)


def _prepare_all(videos: list[Path], root: Path, out: Path, options: Options, workers: int) -> bool:
    """Each video in a process; says how far it is. Returns whether anything failed."""
    from ..data.prepare import prepare_video

    for left in out.glob(".clip-*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    failed = False
    with ProcessPoolExecutor(min(workers, len(videos)), get_context("spawn"), _end_with_parent) as pool, _ended(pool):
        tasks = {pool.submit(prepare_video, video, root, out, options): video for video in videos}
        for done, task in enumerate(as_completed(tasks), 1):
            video = tasks[task]
            try:
                print(f"{done}/{len(videos)} {video.name}: {len(task.result())} clips", flush=True)
            except InputError as error:
                failed = True
                print(f"{done}/{len(videos)} {error}", flush=True)
            except BrokenProcessPool:
                print("A process was killed. What is done is kept: the same command goes on.", flush=True)
                return True
    return failed


def _end_with_parent() -> None:
    """In a worker: end when the command was killed, instead of working on for nobody."""

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def _ended(pool: ProcessPoolExecutor) -> Iterator[None]:
    """When the command is stopped, its workers are too: the pool alone would wait until all is done."""
    try:
        yield
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.kill()
        raise
