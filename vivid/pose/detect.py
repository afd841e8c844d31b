"""Find the pose of the person in a picture or a video, with whichever detector can run."""

from __future__ import annotations

import atexit
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..config import FPS, Limits
from ..errors import InputError, Message
from .gaps import absences, notices_of, refuse_empty
from .people import NOBODY, Boxes
from .repair import drop_strays, fill_gaps, repair_sides, runs
from .skeleton import Pose, PoseClip, no_pose

DETECTORS = ("auto", "mediapipe", "dwpose", "openpose")
_MAX_SIDE = 1280
"""Longest side in pixels at which videos are read; the networks look at crops of at most 384 pixels."""

SEVERAL = (
    "There are {} people in the picture; the largest one near the middle is used: "
    "crop the picture if that is not who you mean."
)
Image = NDArray[np.uint8]
Progress = Callable[[int, int], None]


class Detector(Protocol):
    """What every detector can do; see MediaPipeDetector."""

    name: str
    people: int
    boxes: Boxes

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def detect(self, image: Image) -> Pose | None:
        """The pose of the main person in an RGB picture (H, W, 3), in its pixels."""
        ...


@dataclass(frozen=True)
class DetectedPose:
    """A pose, notices about it for the user (one sentence each), and the name of the detector that found it.

    boxes: (N, 4) x0, y0, x1, y1 in pixels, of the faces or bodies of all people in the picture.
    """

    pose: Pose
    notices: tuple[str, ...]
    detector: str
    boxes: Boxes = field(default_factory=lambda: NOBODY)


@dataclass(frozen=True)
class VideoReport:
    """How a clip was found: frames are counted from 0; stretches are the (first, last) frames of a part of the body.

    `filled` were interpolated (at half the confidence), `absent` are empty, `swapped` had left and right exchanged.
    """

    detector: str
    frames: int
    people: int
    filled: dict[str, list[tuple[int, int]]]
    absent: dict[str, list[tuple[int, int]]]
    swapped: list[tuple[int, int]]
    stray_hands: int
    notices: tuple[str, ...]

    def to_json(self) -> str:
        """The report as JSON text."""
        return json.dumps(asdict(self), indent=2)


def choose_detector(name: str = "auto", video: bool = False) -> str:
    """The detector that will run for `name`.

    `auto` is DWPose if its weights are already here (and, for videos, a GPU), else MediaPipe. Raises InputError.
    """
    if name not in DETECTORS:
        raise InputError(f"There is no detector {name[:40]!r}: choose one of {', '.join(DETECTORS)}.")
    if name != "auto":
        return name
    from .onnx_detectors import dwpose_cached, has_gpu

    if dwpose_cached() and (has_gpu() or not video):
        return "dwpose"
    if find_spec("mediapipe") is None:
        raise InputError("No pose detector is installed: run `pip install mediapipe==0.10.21`.")
    return "mediapipe"


def open_detector(name: str = "auto", video: bool = False) -> Detector:
    """A ready detector, to be used in a `with` statement. Raises InputError when it cannot be made ready."""
    name = choose_detector(name, video)
    if name == "mediapipe":
        if find_spec("mediapipe") is None:
            raise InputError("MediaPipe is not installed: run `pip install mediapipe==0.10.21`.")
        from .mediapipe_detector import MediaPipeDetector

        return MediaPipeDetector(video)
    from .onnx_detectors import DWPoseDetector, OpenPoseDetector

    return DWPoseDetector(video) if name == "dwpose" else OpenPoseDetector(video)


_kept: dict[str, Detector] = {}
_keeping = threading.Lock()
_keeps = False


def keep_detector() -> None:
    """From now on keep one detector ready between pictures (some 250 MB): loading it takes longer than detecting.

    For servers. A command that looks at one picture frees the memory before it does its work.
    """
    global _keeps
    _keeps = True


@contextmanager
def _picture_detector(name: str) -> Iterator[Detector]:
    """A ready detector for one picture: the kept one, if there is one."""
    chosen = choose_detector(name)
    with _keeping:
        finder = _kept.pop(chosen, None)
    with ExitStack() as stack:
        if finder is None:
            finder = open_detector(chosen)
        stack.push(finder)  # closed after an error, and when another one has been kept meanwhile
        yield finder
        with _keeping:
            if _keeps and _kept.setdefault(chosen, finder) is finder:
                stack.pop_all()


@atexit.register
def _close_kept() -> None:
    for finder in _kept.values():
        finder.__exit__()


def detect_picture(image: Image, detector: str = "auto") -> DetectedPose:
    """The pose of the person in an RGB picture (H, W, 3), in its pixels; of several people the largest, central one.

    Raises InputError when nobody, or nobody's face, is found.
    """
    with _picture_detector(detector) as finder:
        pose = finder.detect(image)
        people, boxes, name = finder.people, finder.boxes, finder.name
    if pose is None:
        raise InputError("No person was found in the picture: use one that shows head, shoulders and arms, well lit.")
    if not pose.face[:, 2].any():
        raise InputError("No face was found in the picture: use one where the person looks towards the camera.")
    notices = []
    if people > 1:
        notices.append(Message(SEVERAL, people))
    return DetectedPose(pose, tuple(notices), name, boxes)


def detect_video(
    path: str | Path,
    detector: str = "auto",
    smooth: bool = False,
    mirrored: bool = False,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> tuple[PoseClip, VideoReport]:
    """The poses of the person in a video at 24 frames a second, in the video's pixels, and a report.

    Frames are read one by one, so memory does not grow with the length. `mirrored`: the video is a mirror image, as
    many webcams record; it is flipped first, so that left is the person's own left. `smooth` removes jitter.
    `progress(done, total)` is called after each frame; the total is never below `done`, and an estimate until the end.
    Raises InputError when the file cannot be used or most of it shows nobody.
    """
    from ..media.video import probe, read_frames

    info = probe(path, limits)
    total = round((info.seconds or 0) * FPS)
    frames: Any = read_frames(path, FPS, limits, _MAX_SIDE)  # a generator: closing it ends the decoder
    # Opened before the first frame is decoded: a detector that cannot run should say so at once.
    with closing(frames), open_detector(detector, video=True) as finder:
        clip, report = detect_frames(frames, finder, Path(path).name, mirrored, progress, total)
    scale = (info.width / clip.canvas[0], info.height / clip.canvas[1])
    clip = clip.map_points(scale, (0.0, 0.0), (info.width, info.height))
    if smooth:
        from .smooth import smooth_clip

        clip = smooth_clip(clip)
    return clip, report


def detect_frames(
    frames: Iterable[Image],
    finder: Detector,
    name: str,
    mirrored: bool = False,
    progress: Progress | None = None,
    total: int = 0,
) -> tuple[PoseClip, VideoReport]:
    """`detect_video` for RGB frames (H, W, 3) of one size, 24 a second, and a detector that is ready.

    Raises InputError when nobody is found in most of them.
    """
    poses: list[Pose | None] = []
    people = 0
    canvas = (0, 0)
    for frame in frames:
        canvas = (frame.shape[1], frame.shape[0])
        poses.append(finder.detect(frame[:, ::-1] if mirrored else frame))
        people = max(people, finder.people)
        if progress is not None:
            progress(len(poses), max(total, len(poses)))
    refuse_empty(np.array([pose is not None for pose in poses]), name)
    clip, swapped = repair_sides(_clip_of(poses, canvas))
    clip, strays = drop_strays(clip)
    clip, filled = fill_gaps(clip)
    absent = absences(clip)
    return clip, VideoReport(
        detector=finder.name,
        frames=len(clip),
        people=people,
        filled={part: runs(marks) for part, marks in filled.items()},
        absent=absent,
        swapped=runs(swapped),
        stray_hands=strays,
        notices=notices_of(name, len(clip), people, absent),
    )


def _clip_of(poses: list[Pose | None], canvas: tuple[int, int]) -> PoseClip:
    known = [no_pose(canvas) if pose is None else pose for pose in poses]
    return PoseClip(
        np.stack([pose.body for pose in known]),
        np.stack([pose.hands for pose in known]),
        np.stack([pose.face for pose in known]),
        canvas,
        FPS,
    )
