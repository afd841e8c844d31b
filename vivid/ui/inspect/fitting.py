"""Clips fitted to portraits for the Inspect tab: poses, calibration, corrections by hand, finished frames."""

from __future__ import annotations

import base64
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...cache import Cache
from ...config import Limits, RunSettings
from ...errors import InputError
from ...framing import crop_box
from ...media.files import kind_of
from ...media.pictures import load_picture, shrink
from ...pose.calibrate import calibrate, place
from ...pose.detect import detect_picture
from ...pose.edits import Edit, apply_edits
from ...pose.library import read_clip
from ...pose.portrait import make_portrait
from ...pose.report import ArmNudge, CalibrationOptions, CalibrationReport, Nudges
from ...pose.skeleton import Pose, PoseClip, clip_of
from ...pose.worst import worst_frames
from ..engine import at_low_priority
from ..jpeg import data_uri
from ..previews import Previews, Wanted, preview_settings
from .pairs import Pair, Source, file_sha256

SHOWN_SIDE = 1400
"""Longer side, in pixels, of the picture sent to the page."""
PATIENCE_SECONDS = 20.0
"""Maximum wait for the frames of other visitors to be drawn."""
Worst = dict[str, tuple[int, float]]


@dataclass(frozen=True)
class Correction:
    """What an annotator has changed about a calibration: sliders (see `decisions.NUDGE_LIMITS`), then points."""

    nudges: tuple[tuple[str, float], ...] = ()
    edits: tuple[Edit, ...] = ()

    @classmethod
    def of(cls, nudges: dict[str, float], edits: tuple[Edit, ...] = ()) -> Correction:
        """From the fields of a mark."""
        return cls(tuple(sorted(nudges.items())), edits)


@dataclass(frozen=True)
class Portrayed:
    """A portrait's pose and the notices about it."""

    pose: Pose
    notices: tuple[str, ...]


class Fitting:
    """Cached poses of pictures and clips, and calibrated and corrected clips. All methods raise InputError."""

    def __init__(self, limits: Limits, previews: Previews) -> None:
        self._limits, self._previews = limits, previews
        self._portraits, self._clips = Cache(1000), Cache(64)
        self._calibrated, self._corrected, self._wanted = Cache(32), Cache(32), Cache(4)
        self._surveyed = Cache(10_000)
        self._in_picture, self._in_video, self._in_look = threading.Lock(), threading.Lock(), threading.Semaphore(2)
        self._watching: dict[str, tuple[int, int]] = {}

    def portrait(self, source: Source) -> Portrayed:
        """The pose in a picture."""

        def make() -> Portrayed:
            with self._in_picture, naming(source):
                image = load_picture(source.path, self._limits)
                found = detect_picture(image)
                return Portrayed(found.pose, make_portrait(image, found.pose, found.notices).notices)

        return self._portraits.get(file_sha256(source.path), make)

    def clip(self, source: Source) -> tuple[PoseClip, tuple[str, ...]]:
        """The clip and the notices about it."""
        key = file_sha256(source.path)

        def make() -> tuple[PoseClip, tuple[str, ...]]:
            with naming(source):
                if not _is_video(source):
                    return read_clip(source.path, limits=self._limits)
                try:
                    with self._in_video:
                        return at_low_priority(read_clip)(source.path, progress=watch, limits=self._limits)
                finally:
                    self._watching.pop(key, None)

        def watch(done: int, total: int) -> None:
            self._watching[key] = (done, total)

        return self._clips.get(key, make)

    def watched(self, source: Source) -> tuple[int, int]:
        """How many frames of a video have been read, and of how many; zeros before that starts."""
        return self._watching.get(file_sha256(source.path), (0, 0))

    def calibrated(self, pair: Pair, nudges: dict[str, float]) -> tuple[PoseClip, CalibrationReport]:
        """The clip fitted to the portrait, without corrections of single points."""

        def make() -> tuple[PoseClip, CalibrationReport]:
            options = CalibrationOptions(nudges=nudges_of(nudges))
            return calibrate(self.portrait(pair.portrait).pose, self.clip(pair.clip)[0], options)

        return self._calibrated.get((*_content(pair), Correction.of(nudges)), make)

    def corrected(self, pair: Pair, correction: Correction) -> tuple[PoseClip, CalibrationReport, Worst]:
        """The clip with all corrections, the calibration's report, and the worst frames."""

        def make() -> tuple[PoseClip, CalibrationReport, Worst]:
            fitted, report = self.calibrated(pair, dict(correction.nudges))
            clip = apply_edits(fitted, correction.edits)
            lengths = {segment.name: segment.reference for segment in report.segments}
            return clip, report, worst_frames(clip, lengths, report.unit)

        return self._corrected.get((*_content(pair), correction), make)

    def surveyed(self, pair: Pair) -> Worst | None:
        """The worst frames without corrections; None for videos not opened yet, which would take seconds."""
        if _is_video(pair.clip) and not self._clips.holds(file_sha256(pair.clip.path)):
            return None
        return self._surveyed.get(_content(pair), lambda: self.corrected(pair, Correction())[2])

    def raw(self, pair: Pair) -> PoseClip:
        """The clip as recorded, on the portrait's canvas."""
        return place(self.clip(pair.clip)[0], self.portrait(pair.portrait).pose.canvas)[0]

    def picture(self, source: Source) -> str:
        """The portrait as a data URI."""
        return data_uri(shrink(load_picture(source.path, self._limits), SHOWN_SIDE))

    def look(self, pair: Pair, correction: Correction, frame: int, visitor: str) -> tuple[str, list[float]]:
        """The finished frame as a data URI, and the part of the portrait's canvas that it shows (x0, y0, x1, y1).

        One pair is cached for each of the latest visitors.
        """
        wanted, box = self._wanted.get((*_content(pair), correction), lambda: self._to_look_at(pair, correction))
        if not self._in_look.acquire(timeout=PATIENCE_SECONDS):
            raise InputError("The server is drawing for others: show the finished look again in a moment.")
        try:
            picture = self._previews.of(f"inspect {visitor}", wanted).frame(frame)
        finally:
            self._in_look.release()
        return data_uri(picture), box

    def _to_look_at(self, pair: Pair, correction: Correction) -> tuple[Wanted, list[float]]:
        with naming(pair.portrait):
            pose = self.portrait(pair.portrait).pose
            portrait = make_portrait(shrink(load_picture(pair.portrait.path, self._limits)), pose)
        clip, report, _ = self.corrected(pair, correction)
        across, down = (own / other for own, other in zip(portrait.size, pose.canvas, strict=True))
        clip = clip.map_points((across, down), (0.0, 0.0), portrait.size)
        settings = preview_settings(self._previews.generator, portrait, RunSettings())
        x0, y0, x1, y1 = crop_box(portrait, (settings.width, settings.height))[0]
        # Hands are shaped after the motion: if it was corrected, use the corrected one.
        motion = self.clip(pair.clip)[0] if correction == Correction() else clip
        wanted = Wanted(portrait, None, motion, (clip, report), settings)
        return wanted, [x0 / across, y0 / down, x1 / across, y1 / down]


@contextmanager
def naming(source: Source) -> Iterator[None]:
    """Add the file's name to messages: there may be two hundred files."""
    try:
        yield
    except InputError as error:
        raise InputError("{}: {}", source.name, error.message) from None


def _is_video(source: Source) -> bool:
    return kind_of(source.path) in ("media", "moving picture")


def _content(pair: Pair) -> tuple[str, str]:
    return file_sha256(pair.portrait.path), file_sha256(pair.clip.path)


def nudges_of(flat: dict[str, float]) -> Nudges:
    """The sliders' values as calibration expects them."""
    arms = {
        side: ArmNudge(
            angle=flat.get(f"{side}_angle", 0.0),
            length=flat.get(f"{side}_length", 1.0),
            hand=flat.get(f"{side}_hand", 1.0),
        )
        for side in ("left", "right")
    }
    offset = flat.get("offset_x", 0.0), flat.get("offset_y", 0.0)
    return Nudges(offset, flat.get("scale", 1.0), arms["left"], arms["right"])


def packed(clip: PoseClip | Pose) -> str:
    """All points (T, 128, 3), compressed so that they can be sent at every nudge: base64 of zlib of int16.

    Planes x, y, confidence, each (T, 128), differences from frame to frame; x and y in units of 1 / 4096 of the
    canvas' longer side, confidence in 1 / 100.
    """
    if isinstance(clip, Pose):
        clip = clip_of(clip)
    points = np.concatenate([clip.body, clip.hands.reshape(len(clip), -1, 3), clip.face], axis=1)  # (T, 128, 3)
    unit = np.array([4096 / max(clip.canvas)] * 2 + [100.0])
    whole: NDArray[np.int16] = np.clip(np.nan_to_num(points) * unit, -30_000, 30_000).round().astype(np.int16)
    steps = np.diff(whole, axis=0, prepend=np.zeros_like(whole[:1]))  # wraps around like the sum in the page
    return base64.b64encode(zlib.compress(steps.transpose(2, 0, 1).astype("<i2").tobytes(), 1)).decode()
