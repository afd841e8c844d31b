"""Gesture clips: those that ship, and cutting, stretching and looping of any clip.

Between frames points are interpolated only where both neighbours are present, so an absent point never drags a present
one towards the corner (0, 0).
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import FPS, Limits
from ..errors import InputError, Message, NoMediaError
from ..media.apart import Answer, Refusals, call_apart
from ..media.files import check_file, kind_of
from .clips import MAX_FRAMES, check_clip, load_clip
from .containers import number_in, numbered_files
from .foreign import echomimic_of
from .gaps import close_gaps
from .keypoint_json import Keypoints, keypoints_of, load_keypoints
from .skeleton import Points, PoseClip

MOTIONS = Path(__file__).resolve().parents[2] / "assets" / "motions"
DEFAULT_MOTION = "calm"
"""The clip that is used when none was chosen."""
TURN_FRAMES = 8.0
"""Frames over which a looping clip slows down before it reverses."""
_REFUSALS = Refusals(
    slow="{} takes too long to read: trim the clip, or keep one person in it.",
    large="{} takes too much memory to read: trim the clip, or keep one person in it.",
)
_NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")


@dataclass(frozen=True)
class Motion:
    """A clip that ships: its name is what a user types, its title what a user reads."""

    name: str
    title: str
    path: Path
    thumbnail: Path
    seconds: float


def list_motions(folder: Path = MOTIONS) -> list[Motion]:
    """The clips that ship, the default first, then by name."""
    motions = []
    for path in sorted(folder.glob("*.npz")):
        title = path.stem.replace("_", " ").replace("-", " ").capitalize()
        motions.append(Motion(path.stem, title, path, path.with_suffix(".webp"), load_clip(path).seconds))
    return sorted(motions, key=lambda motion: (motion.name != DEFAULT_MOTION, motion.name))


def shipped_motion(name: str, folder: Path = MOTIONS) -> PoseClip:
    """The clip that ships under `name`; a name is never treated as a path. Raises InputError."""
    path = folder / f"{name}.npz"
    if not _NAME.fullmatch(name) or not path.is_file():
        names = ", ".join(path.stem for path in sorted(folder.glob("*.npz"))) or "none is installed"
        raise InputError("There is no gesture clip named {}: choose one of {}.", repr(name[:60]), names)
    return resample(load_clip(path))


def read_motion(
    motion: str | Path,
    detector: str = "auto",
    mirrored: bool = False,
    progress: Callable[[int, int], None] | None = None,
    limits: Limits | None = None,
    fps: float | None = None,
) -> tuple[PoseClip, tuple[str, ...]]:
    """A clip at 24 frames a second and notices for the user, from whatever holds one.

    `motion`: the name of a clip that ships, a folder of EchoMimicV2 poses or OpenPose JSON, or a file (`read_clip`).
    Never pass what a web user typed: this opens paths. Raises InputError, also for clips longer than the limit.
    """
    path = Path(motion)
    try:
        there = path.exists()
    except (OSError, ValueError):  # a name too long, a NUL in it
        there = False
    if there and not path.is_dir():
        return read_clip(path, detector, mirrored, progress, limits, fps)
    if there:
        clip, notices = _from_numbered_files(path, fps)
    elif _NAME.fullmatch(str(motion)):
        if fps is not None:
            raise InputError("{} ships with the program and tells its own frames a second: leave out --fps.", motion)
        clip, notices = shipped_motion(str(motion)), ()
    else:
        raise InputError(f"There is no file, folder or gesture clip {str(motion)[:200]!r}: check its name.")
    return _ready(clip, path.name, mirrored, limits), notices


def read_clip(
    path: Path,
    detector: str = "auto",
    mirrored: bool = False,
    progress: Callable[[int, int], None] | None = None,
    limits: Limits | None = None,
    fps: float | None = None,
    videos: bool = True,
) -> tuple[PoseClip, tuple[str, ...]]:
    """A clip at 24 frames a second and notices for the user, from a file of any kind, recognised by its contents.

    A pose clip (.npz); OpenPose, AlphaPose or MMPose JSON; an EchoMimicV2 or OpenPose archive (.tar, .tar.gz, .tgz,
    .zip); a video or moving picture, in which `detector` finds the poses (unless `videos` is False). `mirrored` flips a
    mirror image. `fps` is the rate of a clip that does not state it or states a wrong one. Raises InputError.
    """
    limits = limits or Limits()
    kind = kind_of(check_file(path, "motion", limits))
    if kind in ("media", "moving picture"):
        if not videos:
            raise InputError("{} is no gesture clip: give .npz, OpenPose .json or an EchoMimicV2 archive.", path.name)
        if fps is not None:
            raise InputError(f"{path.name} is a video, which tells its own frames a second: leave out --fps.")
        from .detect import detect_video

        try:
            clip, report = detect_video(path, detector, mirrored=mirrored, progress=progress, limits=limits)
        except NoMediaError as error:
            raise InputError(
                "{} is no gesture clip that can be read: use a video, .npz, OpenPose .json or an EchoMimicV2 archive.",
                path.name,
            ) from error
        return clip, report.notices
    if kind == "picture":
        raise InputError(
            "{} is a picture that does not move: give a video, .npz, .json, an archive or a clip's name.", path.name
        )
    told, (body, hands, face) = call_apart(
        _read_poses, path, _REFUSALS, mirrored=mirrored, fps=fps, seconds=limits.motion_seconds
    )
    return PoseClip(body, hands, face, tuple(told["canvas"]), told["fps"]), tuple(
        map(Message.unpacked, told["notices"])
    )


def _read_poses(path: Path, mirrored: bool, fps: float | None, seconds: float) -> Answer:
    """A file of poses, in another process: canvas, rate and notices; body, hands and face."""
    kind = kind_of(path)
    notices: tuple[str, ...] = ()
    if kind == "json":
        clip, notices = _gaps_filled(load_keypoints(path, fps=fps), path.name)
    elif kind == "zip" and _is_npz(path):
        clip = load_clip(path)
        clip = clip if fps is None else check_clip(replace(clip, fps=fps), path.name)
    else:
        clip, notices = _from_numbered_files(path, fps)
    clip = _ready(clip, path.name, mirrored, Limits(motion_seconds=seconds))
    return {"canvas": clip.canvas, "fps": clip.fps, "notices": [Message(notice).packed() for notice in notices]}, [
        clip.body,
        clip.hands,
        clip.face,
    ]


def _ready(clip: PoseClip, name: str, mirrored: bool, limits: Limits | None) -> PoseClip:
    """The clip at 24 frames a second, within the limit, flipped if it is a mirror image."""
    longest = (limits or Limits()).motion_seconds
    if clip.seconds > longest + 1 / FPS:
        raise InputError("{} lasts {} seconds, the limit is {}: trim it.", name, f"{clip.seconds:.0f}", f"{longest:g}")
    clip = resample(clip)
    return mirror(clip) if mirrored else clip


def _from_numbered_files(path: Path, fps: float | None) -> tuple[PoseClip, tuple[str, ...]]:
    ending, files = numbered_files(path)
    if ending == ".json":
        return _gaps_filled(keypoints_of(files, path.name, fps=fps), path.name)
    clip = echomimic_of(files, path.name)
    return (clip if fps is None else check_clip(replace(clip, fps=fps), path.name)), ()


def _gaps_filled(found: Keypoints, name: str) -> tuple[PoseClip, tuple[str, ...]]:
    """The same treatment as for a video's poses: short gaps closed, long ones named; and what had to be assumed."""
    clip, notices = close_gaps(found.clip, found.people, name)
    if not found.rate_told:
        notices = (
            Message(
                "{} does not tell its frames a second: {} are assumed (`--fps` on the command line takes "
                "another rate).",
                name,
                FPS,
            ),
            *notices,
        )
    return clip, notices


def _is_npz(path: Path) -> bool:
    """Whether a zip archive is a pose clip; damaged archives count, so that the clip reader reports them."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
    except Exception:  # whatever a damaged archive makes its reader raise
        return True
    return not any(number_in(name) is not None and name.lower().endswith((".npy", ".json")) for name in names)


def resample(clip: PoseClip) -> PoseClip:
    """The same movement at FPS: round(T * FPS / clip.fps) frames, at least one."""
    if math.isclose(clip.fps, FPS, rel_tol=1e-6):
        return clip if clip.fps == FPS else replace(clip, fps=FPS)
    return replace(_stretched(clip, clip.fps / FPS), fps=FPS)


def change_speed(clip: PoseClip, speed: float) -> PoseClip:
    """Play `clip` faster (over 1) or slower, at its own frame rate. Raises InputError outside 0.25 to 4."""
    if not 0.25 <= speed <= 4:
        raise InputError(f"The speed is {speed}: choose 0.25 to 4.")
    return _stretched(clip, speed) if speed != 1 else clip


def trim(clip: PoseClip, start: float = 0.0, end: float | None = None) -> PoseClip:
    """The part from `start` to `end` seconds (None: to the end). Raises InputError when nothing would be left."""
    stop = clip.seconds if end is None else min(end, clip.seconds)
    there = 0 <= start < stop  # False for NaN
    first, last = (round(start * clip.fps), round(stop * clip.fps)) if there else (0, 0)
    if not first < last:
        raise InputError(
            f"Nothing is left from {start:g} to {clip.seconds if end is None else end:g} seconds: "
            f"the clip lasts {clip.seconds:.2f} seconds."
        )
    return clip.take(slice(first, last))


def mirror(clip: PoseClip) -> PoseClip:
    """The clip as seen in a mirror: x reflected on the canvas, left and right swapped."""
    body, hands, face = (
        _reflected(points, clip.canvas[0])
        for points in (clip.body[:, list(_BODY_MIRRORED)], clip.hands[:, ::-1], clip.face[:, list(_FACE_MIRRORED)])
    )
    return replace(clip, body=body, hands=hands, face=face)


def _reflected(points: Points, width: int) -> Points:
    """x becomes width - x for every point that is present."""
    x = np.where(points[..., 2] > 0, width - points[..., 0], points[..., 0])
    return np.concatenate([x[..., None], points[..., 1:]], -1).astype(np.float32)


def loop(clip: PoseClip, frames: int) -> PoseClip:
    """`frames` frames of `clip`: cut when it is longer, else played back and forth.

    The movement slows down over `TURN_FRAMES` frames before each end and gathers speed again afterwards, so neither
    positions nor velocities jump; no point ever moves further between two frames than it does in the clip.
    """
    if not 1 <= frames <= MAX_FRAMES:
        raise InputError("A clip of {} frames was asked for: 1 to {} are possible.", frames, MAX_FRAMES)
    if frames <= len(clip):
        return clip.take(slice(frames))
    return at_positions(clip, loop_positions(len(clip), frames))


def loop_positions(length: int, frames: int) -> NDArray[np.float64]:
    """Where in a clip of `length` frames each of `frames` output frames lies (0 .. length - 1, steps of at most 1)."""
    span = float(length - 1)
    if span == 0:
        return np.zeros(frames)
    turn = min(TURN_FRAMES, span)  # the speed falls from 1 to 0 over this time, covering turn / 2 frames
    leg = span + turn  # from standstill to standstill
    time = np.arange(frames) + turn / 2  # the first leg begins at full speed, so half a turn is left out
    number, within = np.divmod(time, leg)
    from_end = np.minimum(within, leg - within)
    way = np.where(from_end < turn, from_end**2 / (2 * turn), from_end - turn / 2)
    way = np.where(within <= leg / 2, way, span - way)
    way = np.where(time < leg / 2, np.minimum(np.arange(frames), span), way)
    return np.clip(np.where(number % 2 == 0, way, span - way), 0, span)


def at_positions(clip: PoseClip, positions: NDArray[np.float64]) -> PoseClip:
    """The clip at fractional frame numbers `positions` (N,) in 0 .. T - 1."""
    low = np.clip(np.floor(positions).astype(int), 0, len(clip) - 1)
    high = np.minimum(low + 1, len(clip) - 1)
    share = np.clip(positions - low, 0, 1).astype(np.float32)
    body, hands, face = (_blend(points[low], points[high], share) for points in (clip.body, clip.hands, clip.face))
    return replace(clip, body=body, hands=hands, face=face)


def _blend(before: Points, after: Points, share: NDArray[np.float32]) -> Points:
    """Interpolated linearly where both are present, else the nearer one; `share` (N,) is the weight of `after`."""
    weight = share.reshape(-1, *[1] * (before.ndim - 1))
    both = (before[..., 2:] > 0) & (after[..., 2:] > 0)
    nearer = np.where(weight < 0.5, before, after)
    return np.where(both, before + weight * (after - before), nearer).astype(np.float32)


def _stretched(clip: PoseClip, step: float) -> PoseClip:
    frames = max(1, round(len(clip) / step))
    if frames > MAX_FRAMES:
        raise InputError("The clip would have {} frames: {} are possible, trim it first.", frames, MAX_FRAMES)
    return at_positions(clip, np.minimum(np.arange(frames) * step, len(clip) - 1))


_BODY_MIRRORED = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)
_FACE_MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)  # fmt: skip
