"""`python -m vivid animate`: the main job on the command line."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Limits, RunSettings
from ..errors import InputError
from ..media.outputs import reserve
from . import progress
from .motion import add_rate

if TYPE_CHECKING:
    from ..events import Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `animate`."""
    parser.add_argument("--portrait", type=Path, required=True, help="half-body picture of one person")
    parser.add_argument("--audio", type=Path, required=True, help="speech: a sound file, or a video with sound")
    parser.add_argument("--motion", default="calm", help="gesture clip: a file, a folder, a video, or a shipped name")
    add_rate(parser)
    parser.add_argument("--out", type=Path, required=True, help="the video to write (.mp4)")
    parser.add_argument("--model", default=None, help="layered, compact, full or a folder (default: the best here)")
    parser.add_argument("--size", default=None, metavar="WxH", help="width and height (default: the model's own)")
    parser.add_argument("--steps", type=int, default=None, help="sampling steps (default: the model's own)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same machine, same video")
    parser.add_argument("--seconds", type=float, default=None, help="use only the first seconds of the speech")
    parser.add_argument("--guidance-audio", type=float, default=None, metavar="G", help="how strictly to follow sound")
    parser.add_argument("--guidance-image", type=float, default=None, metavar="G", help="how strictly to follow looks")
    parser.add_argument(
        "--from-layers", type=float, default=None, metavar="STRENGTH",
        help="diffusion: start from what layered draws, noised so far (0: it alone, 1: pure noise, the default)",
    )  # fmt: skip
    parser.add_argument(
        "--crop", type=float, default=None, metavar="PLACE",
        help="the part that a --size of another shape shows, 0 (left, top) to 1 (default: around head and hands)",
    )  # fmt: skip
    parser.add_argument("--detector", default="auto", choices=("auto", "mediapipe", "dwpose", "openpose"))
    parser.add_argument("--no-head-stream", action="store_true", help="ablation: without the head's audio stream")
    parser.add_argument("--no-codebook", action="store_true", help="ablation: without the hand codebook")
    parser.add_argument("--no-calibration", action="store_true", help="ablation: without pose calibration")
    parser.add_argument("--no-mark", action="store_true", help="leave the AI-generated mark out of the picture")


def run(args: argparse.Namespace) -> int:
    """Make the video; the last line on stdout is one JSON object."""
    settings = settings_of(args)
    with reserve(args.out, ".mp4") as part:
        result = _animate(args, settings, part)
    progress.end()
    for notice in result.notices:
        print(notice, file=sys.stderr)
    print(json.dumps(replace(result, path=args.out).to_dict()))
    return 0


def _animate(args: argparse.Namespace, settings: RunSettings, out: Path) -> Result:
    """The video at `out`, with progress on stderr."""
    from ..media.files import check_file

    check_file(args.portrait, "picture", Limits())  # before imports that take seconds: a refusal comes at once
    check_file(args.audio, "sound file", Limits())
    imports = threading.Thread(target=_import_ahead, name="imports")
    imports.start()
    try:
        return _from_files(args, settings, out)
    finally:
        imports.join()  # packages cannot be imported while Python ends


def _from_files(args: argparse.Namespace, settings: RunSettings, out: Path) -> Result:
    from ..inputs import load_motion, load_portrait, load_speech

    portrait = load_portrait(args.portrait, args.detector)
    # Only as much of a long recording is read as is asked for: the limit applies to what is used.
    longest = Limits().speech_seconds
    cut = args.seconds is not None
    speech = load_speech(args.audio, min(max(args.seconds, 1.0), longest) if cut else longest, cut=cut)
    motion = load_motion(args.motion, lambda text: print(text, file=sys.stderr), args.detector, args.fps)
    for notice in portrait.notices:
        print(notice, file=sys.stderr)

    from ..devices import keep_memory
    from ..generators import GENERATORS
    from ..pipeline import Done, VividPipeline
    from ..weights.hub import default_model

    model = args.model or default_model()
    if model not in GENERATORS:
        keep_memory()
    pipeline = VividPipeline.from_pretrained(model)
    for event in pipeline.animate(portrait, speech, motion, settings, out):
        if isinstance(event, Done):
            return event.result
        progress.bar(event.phase, event.done, event.total, event.seconds_left)
    raise RuntimeError("the stream of events ended without a result")


def _import_ahead() -> None:
    """Import slow packages while the portrait is analysed, which happens outside Python."""
    with suppress(Exception):  # whoever needs it will get the same error and report it
        for name in ("torch", "moviepy.video.io.ffmpeg_writer"):
            importlib.import_module(name)


def settings_of(args: argparse.Namespace) -> RunSettings:
    """The run settings that the arguments ask for."""
    width, height = parse_size(args.size) if args.size else (None, None)
    return RunSettings(
        width=width,
        height=height,
        steps=args.steps,
        guidance_audio=args.guidance_audio,
        guidance_image=args.guidance_image,
        seed=args.seed,
        seconds=args.seconds,
        head_stream=not args.no_head_stream,
        codebook=not args.no_codebook,
        calibrate=not args.no_calibration,
        mark=not args.no_mark,
        from_layers=args.from_layers,
        crop=args.crop,
    )


def parse_size(text: str) -> tuple[int, int]:
    """ "512x768" -> (512, 768)."""
    width, separator, height = text.lower().partition("x")
    if not (separator and width.isdecimal() and height.isdecimal()):
        raise InputError(f"The size is {text!r}: write it as WIDTHxHEIGHT, for example 512x512.")
    return int(width), int(height)
