"""`python -m vivid inspect VIDEO`: print how a video was made."""

from __future__ import annotations

import argparse
import json

from ..media.provenance import read_provenance
from ..media.video import probe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("video", help="an MP4 file made by this program")


def run(args: argparse.Namespace) -> int:
    """Print the video's note (model, seed, settings, hashes of the inputs) and its measures as JSON."""
    from ..config import Limits

    note = read_provenance(args.video)
    # The file is ours and only its header is read, so the limits for uploads do not matter here.
    info = probe(args.video, Limits(upload_bytes=2**34, motion_seconds=1e9))
    note["video"] = {"width": info.width, "height": info.height, "fps": info.fps, "seconds": info.seconds}
    print(json.dumps(note, indent=2, sort_keys=True))
    return 0
