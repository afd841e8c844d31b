"""`python -m vivid calibrate`: fit a gesture clip to the body in a portrait."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..media.outputs import reserve, write_png, write_text
from .motion import add_rate

if TYPE_CHECKING:
    from ..pose.report import CalibrationOptions

STEPS = ("scale", "segments", "anchor", "contact", "shapes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `calibrate`."""
    parser.add_argument("--portrait", type=Path, required=True, help="half-body picture of one person")
    parser.add_argument("--motion", required=True, help="gesture clip: a file, a folder, a video, or a shipped name")
    add_rate(parser)
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
    options = _options(args)
    with ExitStack() as stack:
        parts = {
            name: stack.enter_context(reserve(path, ending))
            for name, ending in (("out", ".npz"), ("report", ".json"), ("preview", ".mp4"), ("strip", ".png"))
            if (path := getattr(args, name)) is not None
        }
        said = _calibrate(args, options, parts)
    print(said)
    return 0


def _calibrate(args: argparse.Namespace, options: CalibrationOptions, parts: dict[str, Path]) -> str:
    """Calibrate and write every one of `parts`; the report's summary."""

    from ..inputs import load_motion, load_portrait
    from ..pose.calibrate import calibrate
    from ..pose.clips import save_clip

    motion = load_motion(args.motion, to_stderr, args.detector, args.fps)
    portrait = load_portrait(args.portrait, args.detector)
    for notice in portrait.notices:
        to_stderr(notice)
    clip, report = calibrate(portrait.pose, motion, options)
    save_clip(clip, parts["out"])
    if "report" in parts:
        write_text(parts["report"], report.to_json() + "\n")
    if "strip" in parts:
        from ..pose.preview import compare

        write_png(parts["strip"], compare(portrait.image, portrait.pose, motion, clip))
    if "preview" in parts:
        from ..pose.preview import preview_video

        preview_video(portrait.image, clip, parts["preview"])
    return "\n".join(report.summary())


def to_stderr(notice: str) -> None:
    """Tell the user."""
    print(notice, file=sys.stderr)


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
