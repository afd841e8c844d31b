"""`python -m vivid detect`: find the pose in a picture or a video and store it as a clip."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from ..errors import InputError
from ..media.outputs import reserve, write_text
from . import progress

CLIP_ENDINGS = (".npz", ".json", "")
"""How a clip is written: as the project's own file, as OpenPose JSON in one file, or as a folder of it."""


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
    with ExitStack() as stack:
        out = stack.enter_context(reserve(Path(args.out), *CLIP_ENDINGS))
        report = stack.enter_context(reserve(Path(args.report), ".json")) if args.report else None
        said = _detect(args, out, report)
    print(f"{args.out}: {said}")
    return 0


def _detect(args: argparse.Namespace, out: Path, report_file: Path | None) -> str:
    """Write clip and report; notices go to stderr, what was found is returned."""
    from ..config import Limits
    from ..media.files import check_file, kind_of
    from ..pose.detect import choose_detector, detect_picture, detect_video
    from ..pose.library import mirror
    from ..pose.skeleton import clip_of

    source = check_file(args.input, "picture or video", Limits())
    if kind_of(source) == "picture":
        from ..media.pictures import load_picture
        from ..pose.portrait import make_portrait

        if args.report:
            raise InputError("A picture has no report: leave out --report.")
        image = load_picture(source)
        found = detect_picture(image, args.detector)
        clip = clip_of(found.pose)
        clip, notices, detector = (
            mirror(clip) if args.mirrored else clip,
            make_portrait(image, found.pose, found.notices).notices,
            found.detector,
        )
    else:
        print(f"detector: {choose_detector(args.detector, video=True)}", file=sys.stderr)
        clip, report = detect_video(source, args.detector, args.smooth, args.mirrored, progress.frames_line())
        notices, detector = report.notices, report.detector
        if report_file is not None:
            write_text(report_file, report.to_json() + "\n")
    write_poses(clip, out)
    for notice in notices:
        print(notice, file=sys.stderr)
    frames = "1 frame" if len(clip) == 1 else f"{len(clip)} frames"
    return f"{frames} on {clip.canvas[0]} x {clip.canvas[1]}, found by {detector}"


def write_poses(clip, out: Path) -> Path:  # type: ignore[no-untyped-def]  # PoseClip, imported when a command runs
    """Write a PoseClip by the ending of `out`: .npz, else OpenPose JSON."""
    from ..pose.clips import save_clip
    from ..pose.foreign import save_openpose

    return save_clip(clip, out) if out.suffix.lower() == ".npz" else save_openpose(clip, out)
