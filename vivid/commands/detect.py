"""`python -m vivid detect`: find the pose in a picture or a video and store it as a clip."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--input", required=True, metavar="FILE", help="a picture or a video of one person")
    parser.add_argument(
        "--out", required=True, metavar="CLIP", help="clip to write: .npz, .json (OpenPose) or a folder"
    )
    parser.add_argument(
        "--detector",
        default="auto",
        help="auto (default: the best that runs without a download), mediapipe, dwpose or openpose",
    )
    parser.add_argument("--smooth", action="store_true", help="take out the detector's tremble (videos)")
    parser.add_argument("--mirrored", action="store_true", help="the file is a mirror image, as from a webcam")
    parser.add_argument("--report", metavar="FILE", help="write what was filled, absent or repaired as JSON (videos)")


def run(args: argparse.Namespace) -> int:
    """Detect, write the clip, and say which detector ran and what a person should know."""
    from ..config import Limits
    from ..media.files import check_file
    from ..media.kinds import kind_of
    from ..pose.detect import choose_detector, detect_picture, detect_video
    from ..pose.library import mirror
    from ..pose.skeleton import clip_of

    check_output(args.out)
    source = check_file(args.input, "picture or video", Limits())
    if kind_of(source) == "picture":
        from ..media.pictures import load_picture

        if args.report:
            raise InputError("A picture has no report: leave out --report.")
        found = detect_picture(load_picture(source), args.detector)
        clip = clip_of(found.pose)
        clip, notices, detector = mirror(clip) if args.mirrored else clip, found.notices, found.detector
    else:
        print(f"detector: {choose_detector(args.detector, video=True)}", file=sys.stderr)
        clip, report = detect_video(source, args.detector, args.smooth, args.mirrored, progress_line())
        notices, detector = report.notices, report.detector
        if args.report:
            Path(args.report).write_text(report.to_json())
    path = write_clip(clip, args.out)
    for notice in notices:
        print(notice, file=sys.stderr)
    frames = "1 frame" if len(clip) == 1 else f"{len(clip)} frames"
    print(f"{path}: {frames} on {clip.canvas[0]} x {clip.canvas[1]}, found by {detector}")
    return 0


def check_output(out: str) -> None:
    """Refuse an output whose ending says something else, before any work. Raises InputError."""
    suffix = Path(out).suffix.lower()
    if suffix not in (".npz", ".json", ""):
        raise InputError(
            f"A clip is written as .npz, as .json (OpenPose) or as a folder: {Path(out).name!r} is neither."
        )


def write_clip(clip, out: str) -> Path:  # type: ignore[no-untyped-def]  # PoseClip, imported when a command runs
    """Write a PoseClip by the ending of `out`: .npz, else OpenPose JSON."""
    from ..pose.clips import save_clip
    from ..pose.foreign import save_openpose

    return save_clip(clip, out) if Path(out).suffix.lower() == ".npz" else save_openpose(clip, out)


def progress_line() -> Callable[[int, int], None]:
    """A callback that keeps one line on the error stream up to date, or writes one now and then into a file."""
    live = sys.stderr.isatty()
    start = last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done < total and now - last < (0.2 if live else 10):
            return
        last = now
        left = (now - start) / done * (total - done)
        text = f"frame {done} of {total}, {left:.0f} s left"
        print(f"\r{text:<50}" if live else text, end="" if live and done < total else "\n", file=sys.stderr, flush=True)

    return show
