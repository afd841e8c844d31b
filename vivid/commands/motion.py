"""`python -m vivid motion`: list, convert, cut and look at gesture clips."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..media.outputs import reserve
from . import progress
from .detect import CLIP_ENDINGS, write_poses

if TYPE_CHECKING:
    from ..pose.skeleton import PoseClip

_MOTION = "the name of a clip that ships, a .npz, .json, .tar.gz or .zip file, a folder, or a video"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-subcommands and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="import|info|preview|trim|list")

    one = actions.add_parser("import", help="turn a clip of another program, or a video, into a pose clip")
    _motion(one)
    one.add_argument("out", help="clip to write: .npz, .json (OpenPose) or a folder")
    one.add_argument("--smooth", action="store_true", help="take out a detector's tremble")

    one = actions.add_parser("info", help="print what is in a clip as JSON")
    _motion(one)

    one = actions.add_parser("preview", help="show a clip as a moving figure")
    _motion(one)
    one.add_argument("out", help="animation to write: .webp (first 5 seconds) or .mp4 (all)")
    one.add_argument("--size", type=int, default=320, help="width and height in pixels, 32 to 1024 (default 320)")

    one = actions.add_parser("trim", help="cut a clip, change its speed, mirror or loop it")
    _motion(one)
    one.add_argument("out", help="clip to write: .npz, .json (OpenPose) or a folder")
    one.add_argument("--start", type=float, default=0.0, metavar="S", help="first second to keep")
    one.add_argument("--end", type=float, metavar="S", help="second to stop before")
    one.add_argument("--speed", type=float, default=1.0, metavar="X", help="0.25 to 4, 2 is twice as fast")
    one.add_argument("--loop", type=float, metavar="S", help="play back and forth to this many seconds")
    one.add_argument("--mirror", action="store_true", help="exchange left and right")

    actions.add_parser("list", help="list the clips that ship")


def _motion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("motion", help=_MOTION)
    parser.add_argument("--detector", default="auto", help="for videos: auto, mediapipe, dwpose or openpose")
    parser.add_argument("--mirrored", action="store_true", help="it was recorded as a mirror image: turn it round")
    add_rate(parser)


def add_rate(parser: argparse.ArgumentParser) -> None:
    """The option that every command with a gesture clip has."""
    parser.add_argument("--fps", type=float, metavar="N", help="frames a second of a clip that does not tell them")


def run(args: argparse.Namespace) -> int:
    """Do what `args.action` says."""
    if args.action == "list":
        return _list()
    if args.action == "info":
        print(json.dumps(summary(_read(args)), indent=2))
        return 0
    if args.action == "preview" and (not 32 <= args.size <= 1024 or args.size % 2):
        raise InputError(f"The size is {args.size}: choose an even number from 32 to 1024.")
    with reserve(Path(args.out), *((".webp", ".mp4") if args.action == "preview" else CLIP_ENDINGS)) as part:
        clip = _read(args)
        if args.action == "preview":
            said = ""
            _preview(clip, part, args.size)
        else:
            clip = _changed(clip, args)
            said = f": {len(clip)} frames, {clip.seconds:.2f} seconds"
            write_poses(clip, part)
    print(f"{args.out}{said}")
    return 0


def _read(args: argparse.Namespace) -> PoseClip:
    """The clip that is named, with what a person should know about it on stderr."""

    from ..config import Limits
    from ..pose.library import read_motion

    # The file is the caller's own: what bounds it is the clip reader's limit of frames, not that of uploads.
    limits = Limits(upload_bytes=2**34, motion_seconds=3600)
    clip, notices = read_motion(args.motion, args.detector, args.mirrored, progress.frames_line(), limits, args.fps)
    for notice in notices:
        print(notice, file=sys.stderr)
    return clip


def _changed(clip: PoseClip, args: argparse.Namespace) -> PoseClip:
    from ..pose.clips import MAX_FRAMES
    from ..pose.library import change_speed, loop, mirror, trim
    from ..pose.smooth import smooth_clip

    if args.action == "import":
        return smooth_clip(clip) if args.smooth else clip
    clip = change_speed(trim(clip, args.start, args.end), args.speed)
    if args.mirror:
        clip = mirror(clip)
    if args.loop is None:
        return clip
    longest = MAX_FRAMES / clip.fps
    if not 1 / clip.fps <= args.loop <= longest:
        raise InputError(f"The loop is {args.loop:g} seconds long: choose up to {longest:.0f}.")
    return loop(clip, round(args.loop * clip.fps))


def _preview(clip: PoseClip, path: Path, size: int) -> None:
    from ..pose.thumbnail import figures, thumbnail

    if path.suffix.lower() == ".webp":
        thumbnail(clip, path, size)
        return
    from ..media.video import VideoWriter

    with VideoWriter(path, (size, size), clip.fps) as writer:
        for frame in figures(clip, size):
            writer.write(frame[None])


def summary(clip: PoseClip) -> dict[str, Any]:
    """What a clip holds: length, canvas, and per part how often it is there, how surely, and where it is missing."""
    from ..pose.repair import named_parts, runs

    parts = {}
    for name, points in named_parts(clip).items():
        there = points[..., 2] > 0
        seen = there.any(1)
        parts[name] = {
            "frames": int(seen.sum()),
            "confidence": round(float(points[there][:, 2].mean()), 3) if seen.any() else 0.0,
            "missing": runs(~seen),
        }
    return {
        "frames": len(clip),
        "seconds": round(clip.seconds, 3),
        "fps": clip.fps,
        "canvas": list(clip.canvas),
        "parts": parts,
    }


def _list() -> int:
    from ..pose.library import list_motions

    motions = list_motions()
    if not motions:
        raise InputError("No gesture clip is installed: reinstall the project with its assets.")
    width = max(len(motion.name) for motion in motions)
    for motion in motions:
        print(f"{motion.name:<{width}}  {motion.seconds:4.1f} s  {motion.title}")
    return 0
