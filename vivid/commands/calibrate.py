"""`python -m vivid calibrate`: fit a gesture clip to the body in a portrait."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from ..pose.report import CalibrationOptions

STEPS = ("scale", "segments", "anchor", "contact", "shapes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `calibrate`."""
    parser.add_argument("--portrait", type=Path, required=True, help="half-body picture of one person")
    parser.add_argument("--motion", required=True, help="gesture clip: a file, a folder, a video, or a shipped name")
    parser.add_argument("--out", type=Path, required=True, help="the calibrated clip to write (.npz)")
    parser.add_argument("--report", type=Path, help="write every factor, clamp and measure here (.json)")
    parser.add_argument("--preview", type=Path, help="write the calibrated skeleton over the portrait here (.mp4)")
    parser.add_argument("--strip", type=Path, help="write pictures before and after side by side here (.png)")
    parser.add_argument("--corrections", type=Path, help="repeat the options and corrections of an earlier report")
    parser.add_argument("--detector", default="auto", choices=("auto", "mediapipe", "dwpose", "openpose"))
    parser.add_argument("--smooth", action="store_true", help="smooth a jittery clip first")
    for step in STEPS:
        parser.add_argument(f"--no-{step}", action="store_true", help=f"leave out the step {step!r}")


def run(args: argparse.Namespace) -> int:
    """Calibrate, write what was asked for, print a summary."""
    for path, ending in ((args.out, ".npz"), (args.report, ".json"), (args.preview, ".mp4"), (args.strip, ".png")):
        if path is not None:
            _check_output(path, ending)
    options = _options(args)

    from ..inputs import load_motion, load_portrait
    from ..pose.calibrate import calibrate
    from ..pose.clips import save_clip

    motion = load_motion(args.motion, notice=to_stderr)
    portrait = load_portrait(args.portrait, args.detector)
    for notice in portrait.notices:
        to_stderr(notice)
    clip, report = calibrate(portrait.pose, motion, options)
    save_clip(clip, args.out)
    if args.report is not None:
        args.report.write_text(report.to_json() + "\n", encoding="utf-8")
    if args.strip is not None:
        from PIL import Image

        from ..pose.preview import compare

        Image.fromarray(compare(portrait.image, portrait.pose, motion, clip)).save(args.strip)
    if args.preview is not None:
        from ..pose.preview import preview_video

        preview_video(portrait.image, clip, args.preview)
    print("\n".join(report.summary()))
    return 0


def to_stderr(notice: str) -> None:
    """Tell the user."""
    print(notice, file=sys.stderr)


def _check_output(path: Path, ending: str) -> None:
    """Refuse an output before any work that could not be kept."""
    if path.suffix.lower() != ending:
        raise InputError(f"The output is {path}: give it a name that ends in {ending}.")
    if path.exists():
        raise InputError(f"{path} exists already: choose another name, nothing is overwritten.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent}: make it first, or choose another.")


def _options(args: argparse.Namespace) -> CalibrationOptions:
    """The options of the command line, on top of those of an earlier report."""
    from ..pose.report import CalibrationOptions, CalibrationReport

    options = CalibrationOptions()
    if args.corrections is not None:
        try:
            text = args.corrections.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{args.corrections} cannot be read: give a report that `calibrate` wrote.") from error
        options = CalibrationReport.from_json(text).options
    return replace(
        options,
        scale=options.scale and not args.no_scale,
        segments=options.segments and not args.no_segments,
        anchor=options.anchor and not args.no_anchor,
        contact=options.contact and not args.no_contact,
        shapes=options.shapes and not args.no_shapes,
        smoothing=options.smoothing or args.smooth,
    )
