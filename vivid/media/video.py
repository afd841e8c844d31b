"""Video in and out: frames at 24 a second from any common file; one encode into MP4."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ..config import FPS, Limits
from ..errors import InputError, Message
from ..speech.types import Speech
from .children import Child
from .ffmpeg import MediaInfo, command, describe, safe_input, too_slow
from .files import check_file
from .outputs import NO_SPACE, OutputError, is_full, reserve
from .provenance import Provenance, metadata_arguments
from .sound import write_wav

if TYPE_CHECKING:
    from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter

Frames = NDArray[np.uint8]

QUALITY = 14
"""x264's constant rate factor: visually lossless. With preset veryfast, files are as large and pictures as sharp as
with medium one step up, for less than half the work. At 17 a face lost 4 % more sharpness, at two thirds the size."""
SOUND_BITRATE = "160k"
SMALLEST_SIDE = 16
OPENING_SECONDS = 15.0
"""Time allowed for the decoder to start, and in total on top of what its frames allow."""
FRAME_SECONDS = 0.1
"""Time that each frame adds, per megapixel."""
DECODING_SECONDS = 120.0
"""The most that decoding may take in total."""


def probe(path: str | Path, limits: Limits | None = None) -> MediaInfo:
    """What the headers of a video say, checked against the limits (file size, picture size, length).

    Nothing is decoded. Errors: InputError.
    """
    limits = limits or Limits()
    path = check_file(path, "video", limits)
    info = describe(path)
    if not info.width:
        raise InputError("{} has no pictures in it: choose a video file such as MP4, MOV or WebM.", path.name)
    if info.width * info.height > limits.picture_pixels:
        raise InputError(
            "{} has {} x {} pixels a frame, the limit is {} megapixels: scale it down.",
            path.name,
            info.width,
            info.height,
            f"{limits.picture_pixels / 1e6:.0f}",
        )
    if min(info.width, info.height) < SMALLEST_SIDE:
        raise InputError("{} has only {} x {} pixels a frame: choose a larger one.", path.name, info.width, info.height)
    if info.seconds is not None and info.seconds > limits.motion_seconds + 1 / FPS:
        raise _too_long(path.name, limits, info.seconds)
    return info


def read_frames(
    path: str | Path, fps: float = FPS, limits: Limits | None = None, max_side: int | None = None
) -> Iterator[Frames]:
    """Upright RGB frames, each uint8 (H, W, 3), resampled in time to `fps`; one at a time, so memory stays flat.

    With `max_side` larger frames are scaled down to it. Square pixels; any frame rate, also a variable one. Errors:
    InputError, before the first frame if the header allows it, else at the limit.
    """
    limits = limits or Limits()
    path = Path(path)
    info = probe(path, limits)
    width, height = info.width, info.height
    if max_side is not None and max(width, height) > max_side:
        shrink = max_side / max(width, height)
        width, height = max(round(width * shrink), 1), max(round(height * shrink), 1)
    return _decode(path, (width, height), fps, limits, info)


def _decode(path: Path, size: tuple[int, int], fps: float, limits: Limits, info: MediaInfo) -> Iterator[Frames]:
    # Not with moviepy's reader: it cannot refuse protocols and containers, needs a length in the header (a browser's
    # recordings have none), and counts frames by number, which is wrong for a variable frame rate.
    width, height = size
    most = int(limits.motion_seconds * fps) + 1
    # Scaling comes first, so that the frames filling a gap are one picture, not thousands. The filters are not rebuilt
    # when a recording changes its size, because the clock would start again.
    filters = (
        f"scale={width}:{height}:flags=area,setsar=1,setpts='{_clock(info.start, limits)}',fps={fps:g}:start_time=0"
    )
    arguments = command(
        "-copyts", "-reinit_filter", "0", *safe_input(path), "-filter_threads", "1",
        "-map", f"0:V:{info.track}", "-vf", filters,
        "-frames:v", str(most + 1), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1",
    )  # fmt: skip
    count, length = 0, width * height * 3
    allowed = max(width * height / 1e6, 1.0) * FRAME_SECONDS
    with Child(arguments, OPENING_SECONDS, lambda: too_slow(path.name)) as child:
        spare = DECODING_SECONDS - OPENING_SECONDS
        while len(data := child.read(length)) == length:
            count += 1
            if count > most:
                raise _too_long(path.name, limits)
            yield np.frombuffer(data, np.uint8).reshape(height, width, 3)  # (H, W, 3)
            more = min(allowed, spare)
            child.left, spare = child.left + more, spare - more
    if not count:
        raise InputError("No frame of {} can be decoded: convert it to MP4 (H.264) first.", path.name)


def _clock(start: float, limits: Limits) -> str:
    """The time of each frame for ffmpeg's setpts: from `start` on, without the jumps of a broken clock.

    A step backwards, or forwards by more than any video may last, counts as one frame: filling it with copies would
    never end.
    """
    longest = limits.motion_seconds + 1
    first = f"if(between(T-{start:f},0,{longest:g}),PTS-{start:f}/TB,0)"
    step = f"if(between((PTS-PREV_INPTS)*TB,0,{longest:g}),PTS-PREV_INPTS,1/({FPS}*TB))"
    return f"if(isnan(PREV_OUTPTS),{first},PREV_OUTPTS+{step})"


def _too_long(name: str, limits: Limits, seconds: float | None = None) -> InputError:
    length = Message("{} seconds", f"{seconds:.0f}") if seconds is not None else "longer"
    return InputError(
        "{} is {} long, the limit is {} seconds: cut it shorter.", name, length, f"{limits.motion_seconds:g}"
    )


class VideoWriter:
    """Encode frames into an MP4 (H.264 yuv420p, AAC, faststart), once, as they come.

    A context manager: the file appears at `path` only when the block ends without error; after an error, an interrupt
    or a closed generator nothing is left behind and an earlier file at `path` is untouched. `size` is (width, height),
    both even; `preset` and `quality` (constant rate factor) are x264's. Errors: InputError when the path or the size
    cannot be used.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        fps: float = FPS,
        speech: Speech | None = None,
        provenance: Provenance | None = None,
        preset: str = "veryfast",
        quality: int = QUALITY,
    ) -> None:
        self.path = Path(path)
        self.size = size
        self.fps = fps
        self.speech = speech
        self.provenance = provenance
        self.preset = preset
        self.quality = quality
        self.count = 0
        self._stack = ExitStack()
        self._part = self.path
        self._writer: FFMPEG_VideoWriter | None = None
        self._log: IO[bytes] | None = None
        width, height = size
        if width % 2 or height % 2 or min(size) < SMALLEST_SIDE:
            raise InputError(f"A video of {width} x {height} cannot be written: width and height must be even.")
        if self.path.suffix.lower() != ".mp4":
            raise InputError(f"The video is an MP4 file: let the name {self.path.name!r} end in .mp4.")
        if self.path.is_dir():
            raise InputError(f"{self.path} is a folder: give the name of a file in it.")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._part = stack.enter_context(reserve(self.path.absolute(), replace=True))
            self._log = stack.enter_context((self._part.parent / "log").open("w+b"))
            try:
                self._writer = self._start(self._part.parent)
            except (OSError, RuntimeError) as error:  # the sound library raises its own errors for a full disk
                raise self._failure("ffmpeg does not start") from error
            stack.callback(self._stop)
            self._stack = stack.pop_all()
        return self

    def _start(self, folder: Path) -> FFMPEG_VideoWriter:
        from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter

        # Unless the matrix is stated, players guess differently and the colours shift.
        colour = "colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
        convert = f"scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,setparams={colour}"
        options = ["-vf", convert, "-pix_fmt", "yuv420p"]
        options += ["-crf", str(self.quality), "-movflags", "+faststart"]
        sound = None
        if self.speech is not None:
            sound = str(folder / "sound.wav")
            write_wav(sound, self.speech)
            options += ["-b:a", SOUND_BITRATE, "-ar", "48000"]
        if self.provenance is not None:
            options += metadata_arguments(self.provenance)
        return FFMPEG_VideoWriter(
            str(folder / "video.mp4"),
            self.size,
            self.fps,
            # Under the name libx264, moviepy would ask for yuva420p after our own yuv420p.
            codec="h264",
            audiofile=sound,
            audio_codec="aac",
            preset=self.preset,
            logfile=self._log,
            ffmpeg_params=options,
        )

    def write(self, frames: Frames) -> None:
        """Append frames, uint8 (n, H, W, 3) or one (H, W, 3)."""
        width, height = self.size
        frames = frames[None] if frames.ndim == 3 else frames
        if frames.dtype != np.uint8 or frames.shape[1:] != (height, width, 3):
            raise ValueError(f"frames are {frames.dtype} {frames.shape}, expected uint8 (n, {height}, {width}, 3)")
        if self._writer is None:
            raise ValueError("the writer is not open")
        try:
            for frame in frames:
                self._writer.proc.stdin.write(np.ascontiguousarray(frame).data)
                self.count += 1
        except BrokenPipeError as error:
            raise self._failure("ffmpeg stopped") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._finish()

    def _finish(self) -> None:
        assert self._writer is not None
        if not self.count:
            raise ValueError("no frame was written")
        process = self._writer.proc
        with suppress(BrokenPipeError):  # the exit status reports the failure
            self._writer.close()  # waits
        if process.wait() != 0:  # moviepy ignores it
            raise self._failure("ffmpeg failed")
        os.replace(self._part.with_name("video.mp4"), self._part)

    def _failure(self, what: str) -> Exception:
        """Why the encoder failed: a full disk is for the user to solve, anything else is a bug."""
        assert self._log is not None
        self._log.seek(0)
        complaint = self._log.read().decode("utf-8", "replace").strip()[-500:]
        if "No space left" in complaint or "quota exceeded" in complaint or is_full(self._part.parent):
            return OutputError(NO_SPACE)
        return RuntimeError(f"{what}: {complaint or 'without a message'}")

    def _stop(self) -> None:
        if self._writer is not None and self._writer.proc is not None:
            self._writer.proc.kill()
            with suppress(BrokenPipeError):  # frames that the stopped program no longer takes
                self._writer.close()
        self._writer = None
