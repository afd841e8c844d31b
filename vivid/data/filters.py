"""The paper's filters (section 4.1), one function each: what it measures of a clip, and whether the clip is dropped.

Each puts its measures into the record and, where the clip must go, a sentence into `dropped`; what cannot be checked
here goes into `not_checked` instead of passing silently. Thresholds are this project's: the paper states none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib.util import find_spec
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config import FPS
from ..evaluation.metrics.base import MissingNetworkError, NotMeasuredError, Sample
from ..evaluation.metrics.flicker import luma
from ..evaluation.metrics.networks import Networks
from ..evaluation.metrics.poses import hand_variance
from ..evaluation.metrics.sync import RATE, sync_of
from ..pose.skeleton import LEFT_SHOULDER, RIGHT_SHOULDER, PoseClip
from ..speech.types import Speech
from ..training.clips import box_around
from .lip_sync import FURTHEST, lip_sync
from .record import ClipRecord

Frames = NDArray[np.uint8]

OTHERS = 0.1
"""Share of frames that may show more than one person."""
SEEN = 0.9
"""Share of frames in which face and shoulders must be found."""
SMALLEST_FACE = 48
"""Width of the face in pixels below which a clip cannot be mended here."""
SHARP = 14.5
"""A blur of 3 % of a face's width lessens its fine detail by at least this factor unless the face was blurred before.
Nine photographs have 21 to 33 and twelve frames of rendered people 43 to 82; made three quarters as large, 15 to 27 and
26 to 43 (and enlarged again); blurred over 15 % of their width, 4 to 9 and 8 to 18."""
BLURRED = 0.35
"""A frame with less detail than this share of that of the clip's sharpest tenth is blurred ..."""
BLURRED_SHARPNESS = 0.5
"""... and less than this share of their sharpness, since a hand that turns shows less detail, too ..."""
BLURRED_FRAMES = 0.3
"""... and the share of such frames that a clip may have."""
LOWER_THIRD = 2 / 3
TEXT_FRAMES = 0.3
"""Share of looked-at frames with text in the lower third from which on it may be subtitles ..."""
TEXT_WIDTH = 0.3
"""... which change, or are wider than this share of the picture."""
SURE = 0.8
"""Confidence from which on what was read tells one text from another."""
LOOKS = 8
"""Frames of a clip that are read for text."""
IN_SYNC = 1
"""Frames that the sound may be off."""
LEAST_CONFIDENCE = 1.5
"""SyncNet's confidence below which no offset explains the sound."""
LEAST_CORRELATION, LEAST_MARGIN = 0.3, 0.1
"""The same for `lip_sync`, where there is no SyncNet ..."""
MOVING_CORRELATION, MOVING_MARGIN = 0.5, 0.2
"""... and for moving sound by what it says: among so many offsets, one fits a stranger's words now and then."""
LARGE_MOTION = 20.0
"""HKV (per cent of the height, squared) from which on a clip is of large motion."""


class Upscaler(Protocol):
    """Super-resolution of one picture (H, W, 3)."""

    scale: int

    def __call__(self, picture: Frames) -> Frames:
        """The picture `scale` times as wide and high."""
        ...


@dataclass(frozen=True)
class CroppedClip:
    """One cropped clip: frames (T, H, W, 3), poses in their pixels, people in each frame (T), and its sound."""

    frames: Frames
    poses: PoseClip
    people: NDArray[np.integer]
    speech: Speech | None


def one_person(view: CroppedClip, record: ClipRecord) -> None:
    """Exactly one person, whose face and shoulders are seen."""
    others = float((view.people > 1).mean())
    face = float(((view.poses.face[..., 2] > 0).mean(1) > 0.5).mean())
    shoulders = view.poses.body[:, [LEFT_SHOULDER, RIGHT_SHOULDER], 2] > 0
    record.measures |= {"frames_with_others": others, "frames_with_face": face}
    record.measures["frames_with_shoulders"] = float(shoulders.all(1).mean())
    if others > OTHERS:
        record.dropped["one_person"] = f"{others:.0%} of the frames show more than one person"
    elif face < SEEN:
        record.dropped["one_person"] = f"a face is found in only {face:.0%} of the frames"
    elif record.measures["frames_with_shoulders"] < SEEN:
        record.dropped["one_person"] = "it does not show the upper body: both shoulders must be in the picture"


def resolution(view: CroppedClip, record: ClipRecord, networks: Networks) -> Upscaler | None:
    """The face is large enough, or can be made so by the super-resolution that is returned."""
    boxes = box_around(view.poses.face)
    widths = boxes[:, 2] - boxes[:, 0]
    width = float(np.nanmedian(widths)) if np.isfinite(widths).any() else 0.0
    record.measures["face_width"] = width
    if width >= SMALLEST_FACE:
        return None
    said = f"the face is {width:.0f} pixels wide, at least {SMALLEST_FACE} are needed"
    try:
        upscaler: Upscaler = networks.get("upscaler")
    except MissingNetworkError as error:
        record.dropped["resolution"] = f"{said}; super-resolution was not tried: {error}"
        return None
    if width * upscaler.scale < SMALLEST_FACE:
        record.dropped["resolution"] = f"{said}; super-resolution makes it only {upscaler.scale} times as wide"
        return None
    record.mended["resolution"] = f"the face was {width:.0f} pixels wide: made {upscaler.scale} times as large"
    return upscaler


def fine_detail(picture: Frames) -> float:
    """Fine detail of a picture: variance of its second differences, both directions."""
    return sum(_detail(_grey(picture, 128)))


def sharpness_of(picture: Frames) -> float:
    """The factor by which a blur of 3 % of a picture's width lessens its detail, in the direction that has less of it:
    motion blurs one direction only.

    Looked at in 64 pixels, because the finest detail goes whenever a picture is scaled, which is no blur.
    """
    grey = _grey(picture, 64)
    blurred = cv2.GaussianBlur(grey, (0, 0), 0.03 * len(grey))
    return min(f / max(c, 1e-6) for f, c in zip(_detail(grey), _detail(blurred), strict=True))


def _grey(picture: Frames, most: int) -> NDArray[np.float32]:
    side = min(most, *picture.shape[:2])  # enlarged, pixels would have edges of their own
    return np.asarray(cv2.resize(luma(picture), (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _detail(grey: NDArray[np.float32]) -> tuple[float, float]:
    """Variances of the second differences across and down."""
    across = np.array([[1, -2, 1]], np.float32)
    return float(cv2.filter2D(grey, cv2.CV_32F, across).var()), float(cv2.filter2D(grey, cv2.CV_32F, across.T).var())


def motion_blur(view: CroppedClip, record: ClipRecord) -> None:
    """Face and hands against the clip's own sharpest frames, and the face against a blur of itself.

    Detail is measured for equal light: half as bright, a picture has a quarter of it.
    """
    light = np.array([max(float(frame[::4, ::4].mean()), 1.0) for frame in view.frames])
    parts = {"face": box_around(view.poses.face, 1.1)}
    parts |= {f"hand_{side}": box_around(view.poses.hands[:, side], 1.2) for side in (0, 1)}
    for name, boxes in parts.items():
        details = []
        for frame, box, bright in zip(view.frames, boxes, light, strict=True):
            crop = _crop(frame, box)
            if crop is not None:
                details.append((fine_detail(crop) / bright**2, sharpness_of(crop)))
        if len(details) < 5:
            continue
        values = np.array(details)
        least = np.array([BLURRED, BLURRED_SHARPNESS]) * np.percentile(values, 90, axis=0)
        record.measures[f"blurred_frames_{name}"] = share = float((values < least).all(1).mean())
        if share > BLURRED_FRAMES:
            said = f"{name.replace('_', ' ')}: {share:.0%} of the frames are blurred"
            record.dropped.setdefault("motion_blur", said)
        if name == "face":
            record.measures["face_sharpness"] = sharp = float(np.percentile(values[:, 1], 90))
            if sharp < SHARP:
                record.dropped["motion_blur"] = "the face is blurred in every frame"


def _crop(frame: Frames, box: NDArray[np.floating]) -> Frames | None:
    if not np.isfinite(box).all():
        return None
    height, width = frame.shape[:2]
    x0, y0, x1, y1 = np.clip(box.round(), 0, (width, height, width, height)).astype(int)
    return frame[y0:y1, x0:x1] if min(x1 - x0, y1 - y0) >= 12 else None


Reader = Callable[[Frames], Sequence[tuple[NDArray[np.floating], str, float]]]
"""Text in a picture: corners (4, 2) in pixels, words, confidence."""


def open_reader() -> Reader | None:
    """rapidocr, whose models come with its package; None where that is not installed."""
    if find_spec("rapidocr_onnxruntime") is None:
        return None
    from rapidocr_onnxruntime import RapidOCR

    engine: Any = RapidOCR()
    return lambda picture: [(np.array(c), text, float(sure)) for c, text, sure in engine(picture[..., ::-1])[0] or ()]


def subtitles(view: CroppedClip, record: ClipRecord, reader: Reader | None) -> None:
    """Text that stays in the lower third and changes, or is as wide as a line of subtitles."""
    if reader is None:
        record.not_checked["subtitles"] = "it needs rapidocr-onnxruntime: run `pip install -r requirements-data.txt`"
        return
    height, width = view.frames.shape[1:3]
    picks = np.linspace(0, len(view.frames) - 1, min(LOOKS, len(view.frames))).round().astype(int)
    lines, widest = [], 0.0
    for index in picks:
        found = []
        for corners, text, sure in reader(view.frames[index]):
            if corners[:, 1].mean() > LOWER_THIRD * height and sure > 0.5 and len(text.strip()) >= 3:
                found.append("".join(filter(str.isalnum, text.lower())) if sure > SURE else "")
                widest = max(widest, float(np.ptp(corners[:, 0])) / width)
        lines.append(found)
    share = float(np.mean([bool(found) for found in lines]))
    texts: list[str] = []
    for line in sorted(("".join(found) for found in lines), key=len, reverse=True):
        if line and not any(_same_text(line, other) for other in texts):
            texts.append(line)
    different = len(texts)
    record.measures |= {"frames_with_text": share, "different_texts": float(different), "text_width": widest}
    if share >= TEXT_FRAMES and (different > 1 or widest >= TEXT_WIDTH):
        record.dropped["subtitles"] = f"text stands in the lower third of {share:.0%} of the frames"


def _same_text(part: str, whole: str) -> bool:
    """Whether a reading may be of the same words as a longer one: letters are misread, and hands hide some."""
    blocks = SequenceMatcher(None, part, whole, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size > 1) >= 0.6 * len(part)


def sync(view: CroppedClip, record: ClipRecord, networks: Networks) -> float:
    """Lips against sound, by SyncNet where it is and by `lip_sync` elsewhere.

    Returns the seconds that the sound must be moved later, 0 for none.
    """
    if view.speech is None:
        record.dropped["sync"] = "it has no sound"
        return 0.0
    try:
        found = sync_of(Sample(view.frames, poses=view.poses, speech=view.speech), networks)
        record.measures |= {"sync_confidence": found.confidence, "sync_offset": float(found.offset)}
        agree, sure = found.confidence >= LEAST_CONFIDENCE, f"confidence {found.confidence:.2f}"
        offset, rate = found.offset, RATE
    except MissingNetworkError:
        seen = lip_sync(view.poses, view.speech)
        record.measures |= {"lips_correlation": seen.correlation, "lips_margin": seen.margin}
        record.measures["lips_offset"] = float(seen.offset)
        stays = abs(seen.offset) <= IN_SYNC
        least = (LEAST_CORRELATION, LEAST_MARGIN) if stays else (MOVING_CORRELATION, MOVING_MARGIN)
        agree = seen.correlation >= least[0] and seen.margin >= least[1]
        agree = agree and abs(seen.offset) < FURTHEST  # at the end of what is looked at is no peak
        sure, offset, rate = f"correlation {seen.correlation:.2f}", seen.offset, FPS
    except NotMeasuredError as error:
        record.not_checked["sync"] = str(error)
        return 0.0
    if not agree:
        record.dropped["sync"] = f"lips and sound do not agree at any offset ({sure})"
    elif abs(offset) > IN_SYNC:
        record.mended["sync"] = f"the sound was {abs(offset)} frames {'late' if offset > 0 else 'early'}"
        return -offset / rate
    return 0.0


def motion_kind(view: CroppedClip, record: ClipRecord) -> None:
    """Subtle or large motion: the paper has 40 and 160 hours of them."""
    record.measures["hkv"] = hand_variance(view.poses) * (100.0 / view.poses.canvas[1]) ** 2
    record.motion = "large" if record.measures["hkv"] >= LARGE_MOTION else "subtle"
