"""`data prepare`: footage becomes clips in shards that `train` reads (the paper's section 4.1)."""

from __future__ import annotations

import argparse
import csv
import functools
from contextlib import closing
from pathlib import Path

from ..errors import InputError
from ..media.outputs import run_folder, write_text


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
    part.add_argument("--weights-dir", type=Path, help="folder with weights of SyncNet and of super-resolution")
    part.add_argument("--no-fetch", action="store_true", help="fetch no weights: a weaker measure then checks lips")
    part.add_argument("--detector", default="auto", choices=("auto", "mediapipe", "dwpose", "openpose"))
    part.add_argument("--per-shard", type=int, default=64, help="clips in one shard")
    part.add_argument("--speech-encoder", default=None, help="whose features go into the shards (default: what ships)")
    part.add_argument("--workers", type=int, default=None, help="one for each core by default")
    part.add_argument(
        "--ray", default=None, metavar="ADDRESS", help="workers of a Ray cluster: auto, HOST:PORT, or local"
    )


def run(args: argparse.Namespace) -> int:
    """Prepare, pack, report. Exit code 1 when a video could not be used."""
    if args.what is None:
        raise InputError("Say what to do: vivid data prepare.")
    if args.size < 64 or args.per_shard < 1 or (args.workers is not None and args.workers < 1):
        raise InputError("Size must be 64 or more, clips in a shard and workers at least 1.")
    if not args.videos.is_dir():
        raise InputError(f"There is no folder {args.videos}: name one with videos.")
    if args.weights_dir is not None and not args.weights_dir.is_dir():
        raise InputError(f"There is no folder {args.weights_dir}: name one with weights, or leave it out.")
    from ..data.cuts import require
    from ..data.prepare import PrepareOptions, Preparer, load_records, prepare_all, report_of, write_sheets
    from ..data.shards import write_shards
    from ..evaluation.testset import VIDEOS
    from ..speech.encoder import ENCODERS, SHIPPED
    from ..workers import open_pool

    require()
    videos = sorted(path for path in args.videos.rglob("*") if path.suffix.lower() in VIDEOS)
    if not videos:
        raise InputError(f"There are no videos in {args.videos}: name a folder with MP4 files.")
    encoder = args.speech_encoder or SHIPPED
    if encoder not in ENCODERS:
        raise InputError(f"There is no speech encoder {encoder}: choose one of {', '.join(ENCODERS)}.")
    rights = _rights(args.rights)
    options = PrepareOptions(args.size, args.detector, args.weights_dir, not args.no_fetch, encoder, rights)
    root = args.videos.absolute()
    videos = [root / video.relative_to(args.videos) for video in videos]
    with run_folder(args.out.absolute()) as out:
        make = functools.partial(Preparer, root, out, options)
        with closing(open_pool(make, args.workers, 1, args.ray)) as pool:
            failed = prepare_all(videos, root, out, options, pool, functools.partial(print, flush=True))
        shards = write_shards(args.out / "clips", args.out / "records", args.out, args.per_shard)
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
