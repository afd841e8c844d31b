"""Running the ffmpeg program on untrusted files.

The program is the one that comes with imageio-ffmpeg. A file may only be what it looks like: the demuxers are a fixed
list without playlists and image sequences, and nothing but the file itself is opened, so that no input can make the
program read other files or the network. It runs with a memory limit and a deadline (`children`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ..errors import InputError, NoMediaError
from .children import Child

DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,asf,mpeg,mpegts,gif,apng,webp_anim,"
    "wav,w64,mp3,flac,ogg,aac,aiff,caf,amr,au,f32le"
)
PROBE_SECONDS = 15
_THREADS = "2"
"""Each thread of a decoder holds frames of its own."""
_MOST_DESCRIPTION = 2**20

_DURATION = re.compile(r"^  Duration: (?:(\d+):(\d\d):(\d\d(?:\.\d+)?)|N/A)(?:, start: (-?\d+\.\d+))?", re.M)
_STREAM = re.compile(r"^  Stream #0:(\d+)[^:\n]*: (Video|Audio): (.*)$", re.M)
_SIZE = re.compile(r"(?<![\w.])([1-9]\d{0,5})x([1-9]\d{0,5})(?![\w.])")
_RATE = re.compile(r"([\d.]+)(k?) (fps|tbr)")
_SAMPLE_ASPECT = re.compile(r"\bSAR (\d+):(\d+)")
_ROTATION = re.compile(r"^\s+display ?matrix: rotation of (-?[\d.]+) degrees", re.M | re.I)


@cache
def ffmpeg_program() -> str:
    """Path of the ffmpeg program; InputError when there is none."""
    import imageio_ffmpeg

    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise InputError("No ffmpeg program was found: `pip install imageio-ffmpeg` brings one.") from error


def safe_input(path: Path) -> list[str]:
    """Arguments that open one file and nothing else."""
    # The `file:` prefix keeps names such as "concat:a|b" or "-y" from meaning anything.
    whitelist = ["-protocol_whitelist", "file,pipe", "-format_whitelist", DEMUXERS]
    return [*whitelist, "-threads", _THREADS, "-i", f"file:{path.resolve()}"]


def command(*arguments: str) -> list[str]:
    """A quiet, non-interactive ffmpeg command line."""
    return [ffmpeg_program(), "-hide_banner", "-nostdin", "-loglevel", "error", *arguments]


def run_ffmpeg(arguments: list[str], name: str, seconds: float, most: int) -> bytes:
    """At most `most` bytes of a command's output. Errors: InputError after `seconds`."""
    with Child(arguments, seconds, lambda: too_slow(name)) as child:
        return child.read(most)


def too_slow(name: str) -> InputError:
    """The refusal of a file that takes too long to decode."""
    return InputError("{} takes too long to decode: convert it to MP4 or WAV first.", name)


@dataclass(frozen=True)
class MediaInfo:
    """What the headers of a file say; None where they say nothing. Width and height are upright display pixels, 0 in a
    file without pictures.

    start: the time in seconds at which the first of all tracks begins; track: which video track to use, not counting
    cover pictures.
    """

    seconds: float | None
    has_sound: bool
    width: int = 0
    height: int = 0
    fps: float | None = None
    rotation: int = 0
    start: float = 0.0
    track: int = 0


def describe(path: Path) -> MediaInfo:
    """Read the headers of a media file, without decoding it. Errors: InputError."""
    arguments = [ffmpeg_program(), "-hide_banner", "-nostdin", *safe_input(path)]

    def late() -> InputError:
        return InputError("{} takes too long to open: convert it to MP4 or WAV first.", path.name)

    with Child(arguments, PROBE_SECONDS, late, errors=True) as child:
        said = child.read(_MOST_DESCRIPTION)
    return parse_description(said.decode("utf-8", "replace"), path.name)


def parse_description(text: str, name: str) -> MediaInfo:
    """The MediaInfo in what `ffmpeg -i` prints. Errors: InputError when it found no stream."""
    # Titles and comments are printed with a deeper indent, so that they cannot imitate these lines.
    streams = list(_STREAM.finditer(text))
    if not streams:
        raise NoMediaError("{} is neither a sound nor a video file that can be read: use WAV, MP3, M4A or MP4.", name)
    seconds, begin = None, 0.0
    if found := _DURATION.search(text):
        seconds = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found[1] is not None else None
        begin = float(found[4] or 0.0)
    has_sound = any(stream[2] == "Audio" for stream in streams)
    tracks: list[MediaInfo] = []
    for place, stream in enumerate(streams):
        if stream[2] != "Video" or "(attached pic)" in stream[3]:
            continue
        size = _SIZE.search(stream[3])
        end = streams[place + 1].start() if place + 1 < len(streams) else len(text)
        details = text[stream.end() : end]
        tracks.append(_video_info(stream[3], details, (int(size[1]), int(size[2]))) if size else MediaInfo(None, False))
    usable = [index for index, track in enumerate(tracks) if track.width]
    if not usable:
        return MediaInfo(seconds, has_sound, start=begin)
    # A moving AVIF begins with a track that holds one still picture.
    track = next((index for index in usable if (tracks[index].fps or 0.0) > 1.0), usable[0])
    return replace(tracks[track], seconds=seconds, has_sound=has_sound, start=begin, track=track)


def _video_info(line: str, details: str, size: tuple[int, int]) -> MediaInfo:
    width, height = size
    if aspect := _SAMPLE_ASPECT.search(line):
        ratio = int(aspect[1]) / max(int(aspect[2]), 1)
        width = max(round(width * ratio), 1) if 0.1 < ratio < 10 else width
    rates = {unit: float(number) * (1000 if kilo else 1) for number, kilo, unit in _RATE.findall(line)}
    turned = _ROTATION.search(details)
    rotation = round(float(turned[1])) % 360 if turned else 0
    if rotation in {90, 270}:
        width, height = height, width
    return MediaInfo(None, False, width, height, rates.get("fps") or rates.get("tbr"), rotation)
