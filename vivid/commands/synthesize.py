"""`synthesize`: renders people who speak and gesture, hand crops, or clothes, with exact labels."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

from ..config import FPS
from ..errors import InputError
from ..media.outputs import run_folder
from . import progress

KINDS = ("people", "hands", "clothes", "portraits", "motions", "voices", "pairs")
MOTION_PERSON = 8
"""Who plays the gesture clips that ship."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to render and how much; the same seed gives the same pictures."""
    parser.add_argument(
        "what", choices=KINDS,
        help="clips of people, shards of hand crops, shards of people in random clothes, portraits, gesture clips, "
        "example voices, or layered frames beside true ones",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder to write to; finished files there are kept")
    parser.add_argument(
        "--count",
        type=int,
        default=8,
        help="number of clips, hand crops or dressed people (pairs: of people, with two clips each)",
    )
    parser.add_argument("--size", type=int, default=None, help="pixels (256; portraits 512)")
    parser.add_argument("--seed", type=int, default=0, help="number of the first clip or shard")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a clip")
    parser.add_argument("--fps", type=float, default=FPS, help="frames a second")
    parser.add_argument("--identities", type=_numbers, help="which people, such as 0,3,5 or 0-7 (default: all)")
    parser.add_argument("--people", type=Path, help="folder of baked people (default: those that ship)")
    parser.add_argument(
        "--fixed-camera", type=float, nargs="?", const=1.0, default=0.5, metavar="SHARE",
        help="share of clips with the person's own room and camera, as in the portraits (default 0.5; alone: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--head-motion", type=float, default=1.0, metavar="SCALE",
        help="how far head and torso move (1 as people do; less is easier to learn on a CPU)",
    )  # fmt: skip
    parser.add_argument(
        "--split", choices=["train", "held-out", "all"], default="train", help="voices, sentences and gestures to use"
    )
    parser.add_argument("--per-shard", type=int, help="pictures in one shard (hands 512, clothes 48)")
    parser.add_argument("--context", type=float, default=0.25, help="share of hand crops cut from full scenes")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")


def _numbers(text: str) -> list[int]:
    """0,3,8-11 as a list."""
    out: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            out += range(int(first), int(last or first) + 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 0,3,5 or 0-7") from None
    return out


def _check(args: argparse.Namespace) -> None:
    from ..pose.clips import MAX_FPS

    if args.per_shard is None:
        args.per_shard = 48 if args.what == "clothes" else 512
    if args.count < 1 or args.workers < 1 or args.per_shard < 1:
        raise InputError("--count, --workers and --per-shard must be at least 1.")
    if args.size is None:
        args.size = 512 if args.what == "portraits" else 256
    if not 64 <= args.size <= 2048:
        raise InputError(f"The size is {args.size}: choose 64 to 2048 pixels.")
    if args.size % 2:
        raise InputError(f"The size is {args.size}: choose an even number, video needs it.")
    if not 0.5 <= args.seconds <= 60:
        raise InputError(f"A clip of {args.seconds} seconds: choose 0.5 to 60.")
    if not 1 <= args.fps <= MAX_FPS:
        raise InputError(f"{args.fps:g} frames a second: choose 1 to {MAX_FPS:g}.")
    if not 0 <= args.head_motion <= 2:
        raise InputError(f"--head-motion is {args.head_motion}: choose 0 to 2.")
    if not 0 <= args.fixed_camera <= 1 or not 0 <= args.context <= 1:
        raise InputError("--fixed-camera and --context are shares: choose 0 to 1.")


def jobs_of(args: argparse.Namespace) -> Sequence:
    """The work that the arguments describe, finished or not."""
    from ..synthesis.basemesh import ASSETS
    from ..synthesis.workers import ClothesJob, HandsJob, MotionJob, PeopleJob, PortraitJob, VoiceJob, identity_files

    files = identity_files(args.people or ASSETS, args.identities)
    if args.what == "portraits":
        return [PortraitJob(args.out / file.stem, file, args.size) for file in files]
    if args.what == "voices":
        from ..synthesis.example_voices import VOICES

        return [VoiceJob(args.out / f"{name}.mp3", name) for name in VOICES]
    if args.what == "motions":
        from ..synthesis.motions import SCRIPTS

        player = identity_files(chosen=[MOTION_PERSON])[0]
        return [MotionJob(args.out / f"{name}.npz", player, name, args.seed) for name in SCRIPTS]
    if args.what == "pairs":
        from ..training.refine.render import PairsJob

        return [
            PairsJob(args.out / f"{seed:06d}", files[seed % len(files)], seed, 2, args.size, args.seconds, args.split)
            for seed in range(args.seed, args.seed + args.count)
        ]
    shards = -(-args.count // args.per_shard)
    if args.what == "clothes":
        if args.size != 256:
            raise InputError("Dressed people are rendered at 256 pixels: leave --size out.")
        return [
            ClothesJob(
                args.out / f"clothes_{args.seed + k:05d}.npz", tuple(files), args.seed + k,
                min(args.per_shard, args.count - k * args.per_shard),
            )
            for k in range(shards)
        ]  # fmt: skip
    if args.what == "hands":
        return [
            HandsJob(
                args.out / f"hands_{args.seed + k:05d}.npz", tuple(files), args.seed + k, args.size,
                min(args.per_shard, args.count - k * args.per_shard), args.context,
            )
            for k in range(shards)
        ]  # fmt: skip
    return [
        PeopleJob(
            args.out / f"{seed:06d}", files[seed % len(files)], seed, args.size, args.seconds, args.fps, args.split,
            args.fixed_camera, args.head_motion,
        )
        for seed in range(args.seed, args.seed + args.count)
    ]  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Renders what is missing in the folder and prints progress."""
    _check(args)
    with run_folder(args.out):
        _render(args)
    return 0


def _render(args: argparse.Namespace) -> None:
    from ..synthesis.workers import render

    jobs = jobs_of(args)
    units = {"people": (round(args.seconds * args.fps), "frames"), "hands": (args.per_shard, "crops")}
    units["clothes"] = (args.per_shard, "pictures")
    each, unit = units.get(args.what, (1, "files"))
    start, first = time.monotonic(), None
    for done, total in render(jobs, args.workers):
        first = done if first is None else first
        rate = (done - first) * each / max(time.monotonic() - start, 1e-6)
        progress.show(f"{done}/{total} files, {rate:.1f} {unit}/s")
    progress.end()
