"""A stretch of a video as a file of its own: cut, cropped, scaled down, its sound shifted; one encode."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ..config import Limits
from ..errors import InputError
from .ffmpeg import command, safe_input
from .outputs import reserve
from .video import probe

SECONDS = 600
"""How long one cut may take."""


def cut_video(
    source: Path,
    target: Path,
    start: float | None = None,
    end: float | None = None,
    box: tuple[int, int, int, int] | None = None,
    size: tuple[int, int] | None = None,
    sound_shift: float = 0.0,
    limits: Limits | None = None,
) -> None:
    """Write the part of `source` from `start` to `end` seconds to `target` (MP4), whole or not at all.

    box: x, y, width, height in pixels to crop to, even numbers; size: width and height to scale to, even;
    sound_shift: seconds that the sound is moved later (negative: earlier). Errors: InputError.
    """
    info = probe(source, limits)
    begin = start or 0.0
    if end is not None and end <= begin:
        raise InputError(f"{target.stem} ends before it begins: correct its times.")
    length = [] if end is None else ["-t", f"{end - begin:.6f}"]
    stretch = [] if start is None and end is None else ["-ss", f"{begin:.6f}", *length]
    filters = [] if box is None else [f"crop={box[2]}:{box[3]}:{box[0]}:{box[1]}"]
    filters += [] if size is None else [f"scale={size[0]}:{size[1]}:flags=area"]
    sound: list[str] = []
    if sound_shift:  # take a shifted stretch of the source's sound, with silence before its beginning
        other = begin - sound_shift
        sound = ["-ss", f"{max(other, 0.0):.6f}", *length, "-itsoffset", f"{max(-other, 0.0):.6f}", *safe_input(source)]
    with reserve(target, replace=True) as part:
        arguments = command(
            *stretch, *safe_input(source), *sound,
            "-map", f"0:V:{info.track}", "-map", f"{1 if sound_shift else 0}:a:0?",
            *(["-vf", ",".join(filters)] if filters else []),
            "-c:v", "libx264", "-crf", "12", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac",
            "-b:a", "192k", "-f", "mp4", str(part),
        )  # fmt: skip
        try:
            result = subprocess.run(arguments, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{source.name} takes too long to decode: convert it to MP4 first.") from error
        if result.returncode or not part.is_file():
            raise InputError(f"{source.name} cannot be cut: convert it to MP4 (H.264) first.")
