"""Pose clips of other programs: EchoMimicV2 folders and archives, OpenPose JSON in and out.

Everything is read in memory, with limits, and nothing that a file says is executed or written to a path of its choice.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..config import FPS
from ..errors import InputError
from . import inert_pickle
from .clips import MAX_CANVAS, MAX_COORDINATE, MAX_FILE_BYTES, MAX_FRAMES, check_clip, read_npy_header
from .skeleton import BODY_COUNT, FACE_COUNT, HAND_COUNT, Points, PoseClip

ECHOMIMIC_CANVAS = 768
MAX_JSON_BYTES = 32 * 2**20
_MAX_UNPACKED = 128 * 2**20
_FRAME_NAME = re.compile(r"(\d{1,6})\.npy")
_JSON_NAME = re.compile(r"(?:.*_)?(\d{1,12})_keypoints\.json|(\d{1,12})\.json")


def load_echomimic(path: str | Path) -> PoseClip:
    """A clip from an EchoMimicV2 folder (0.npy, 1.npy, ..., pickled dicts) or a .tar, .tar.gz or .tgz of one.

    Points are normalised there; they become pixels of the canvas that `draw_pose_params` describes (768 x 768 if
    nothing does). Scores are kept, they reach 1.22. 24 frames a second. Raises InputError.
    """
    path = Path(path)
    files = _folder_frames(path, _FRAME_NAME, inert_pickle.MAX_BYTES) if path.is_dir() else _archive_frames(path)
    canvas = None
    bodies, hands, faces = [], [], []
    for number, data in _in_order(files, path.name):
        where = f"frame {number} ({number}.npy) of {path.name}"
        body, hand, face, size = _echomimic_frame(data, where)
        if canvas not in (None, size):
            raise InputError(f"The canvas changes in {where}: export the clip again in one size.")
        canvas = size
        bodies.append(body)
        hands.append(hand)
        faces.append(face)
    assert canvas is not None  # _in_order yields at least one frame
    return check_clip(PoseClip(np.stack(bodies), np.stack(hands), np.stack(faces), canvas, FPS), path.name)


def _echomimic_frame(data: bytes, where: str) -> tuple[Points, Points, Points, tuple[int, int]]:
    stream = io.BytesIO(data)
    shape, _, dtype = read_npy_header(stream, where)
    if shape != () or dtype.kind != "O":
        raise InputError(f"There is no EchoMimicV2 pose in {where}: check that it is a folder of pose clips.")
    try:
        frame = inert_pickle.read(stream.read())
    except inert_pickle.RefusedPickleError as error:
        raise InputError(
            f"Refused to read {where}, which holds {error}: only arrays and numbers are allowed."
        ) from error
    try:
        height, width, top, bottom, left, right = (
            int(value) for value in frame.get("draw_pose_params", (ECHOMIMIC_CANVAS,) * 2 + (0, ECHOMIMIC_CANVAS) * 2)
        )
        if not (0 < height <= MAX_CANVAS and 0 < width <= MAX_CANVAS and 0 <= top < bottom and 0 <= left < right):
            raise ValueError("canvas")
        scale, shift = np.array([width, height]), np.array([left, top])
        bodies = frame["bodies"]
        body = _scored(bodies["candidate"], bodies["score"], (BODY_COUNT,), scale, shift)
        hands = _scored(frame["hands"], frame["hands_score"], (2, HAND_COUNT), scale, shift)
        face = _scored(frame["faces"], frame["faces_score"], (FACE_COUNT,), scale, shift)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"There is no EchoMimicV2 pose in {where}: export the clip again.") from error
    # The pose is centred on the canvas, so what lies on either side of it adds up.
    return body, hands, face, (left + right, top + bottom)


def _scored(points: Any, scores: Any, shape: tuple[int, ...], scale: Points, shift: Points) -> Points:
    """Points (..., 2) and scores of the first person in a frame as (*shape, 3)."""
    count = int(np.prod(shape))
    flat = np.asarray(points, np.float64).reshape(-1, 2)[:count]
    values = np.asarray(scores, np.float64).reshape(-1)[:count]
    if len(flat) != count or len(values) != count:
        raise ValueError("shape")
    joined = np.concatenate([flat * scale + shift, values[:, None]], 1)
    with np.errstate(over="ignore"):  # infinity is refused with the frame's number later
        return joined.reshape(*shape, 3).astype(np.float32)


def _archive_frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number, bytes) of the frames in a tar archive, read as a stream and never written anywhere."""
    if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
        raise InputError(f"{path.name} is no archive of at most {MAX_FILE_BYTES >> 20} MB: choose another file.")
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            source: Any = gzip.GzipFile(fileobj=raw) if packed else raw
            bounded: Any = _Bounded(source, path.name)
            with tarfile.open(fileobj=bounded, mode="r|") as archive:
                for count, member in enumerate(archive):
                    if count > MAX_FRAMES:
                        raise InputError(f"{path.name} holds more than {MAX_FRAMES} files: trim the clip.")
                    found = _FRAME_NAME.fullmatch(Path(member.name).name)
                    if member.isdir() or (found is None and member.isreg()):
                        continue
                    if not member.isreg() or member.issparse() or found is None:
                        raise InputError(f"{path.name} holds {member.name[:60]!r}, a link or device: pack plain files.")
                    if member.size > inert_pickle.MAX_BYTES:
                        raise InputError(f"{member.name[:60]!r} in {path.name} is too large for one pose.")
                    stream = archive.extractfile(member)
                    assert stream is not None
                    yield int(found[1]), stream.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is damaged or no tar archive: pack the folder of poses again.") from error


class _Bounded:
    """A byte stream that ends the reading when it unpacks to more than any clip can hold."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream, self._name, self._left = stream, name, _MAX_UNPACKED

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        if not 0 <= size <= self._left:
            raise InputError(f"{self._name} unpacks to more than {_MAX_UNPACKED >> 20} MB: trim the clip.")
        data = self._stream.read(size)
        self._left -= len(data)
        return data


def _folder_frames(folder: Path, pattern: re.Pattern[str], most: int) -> Iterator[tuple[int, bytes]]:
    for count, path in enumerate(folder.iterdir()):
        if count > 2 * MAX_FRAMES:
            raise InputError(f"{folder.name} holds more than {2 * MAX_FRAMES} files: trim the clip.")
        found = pattern.fullmatch(path.name)
        if found is None:
            continue
        if path.is_symlink() or not path.is_file():
            raise InputError(f"{path.name} in {folder.name} is a link or no file: copy the real file there.")
        if path.stat().st_size > most:
            raise InputError(f"{path.name} in {folder.name} is too large for one pose.")
        yield int(found[found.lastindex or 1]), path.read_bytes()


def _in_order(files: Iterable[tuple[int, bytes]], name: str) -> Iterator[tuple[int, bytes]]:
    """The frames by number; every number once, none left out, at least one."""
    frames: dict[int, bytes] = {}
    total = 0
    for number, data in files:
        if number in frames:
            raise InputError(f"{name} holds frame {number} twice: keep one clip in a folder or archive.")
        frames[number] = data
        total += len(data)
        if len(frames) > MAX_FRAMES or total > _MAX_UNPACKED:
            raise InputError(f"{name} holds more than {MAX_FRAMES} frames or {_MAX_UNPACKED >> 20} MB: trim the clip.")
    if not frames:
        raise InputError(
            f"There are no poses in {name}: a folder needs 0.npy, 1.npy, ... (EchoMimicV2) or OpenPose JSON files."
        )
    first = min(frames)
    for number in range(first, first + len(frames)):
        if number not in frames:
            raise InputError(f"Frame {number} is missing in {name}: export the clip again or number it without gaps.")
        yield number, frames.pop(number)


def load_openpose(path: str | Path, canvas: tuple[int, int] | None = None, fps: float | None = None) -> PoseClip:
    """A clip from OpenPose JSON: a folder with a file a frame, a file with a list of frames, or one frame.

    Bodies of 18 or 25 points, faces of 68 or 70, hands of 21; of several people the largest. The canvas and the rate
    are taken from `canvas_width`, `canvas_height`, `fps` where a file has them (the arguments win); else the canvas is
    what the points fill, and the rate is 24. Raises InputError.
    """
    path = Path(path)
    if path.is_dir():
        frames = []
        for number, data in _in_order(_folder_frames(path, _JSON_NAME, MAX_JSON_BYTES // 64), path.name):
            frames.append(_parsed(data, f"frame {number} of {path.name}"))
    else:
        if not path.is_file() or path.stat().st_size > MAX_JSON_BYTES:
            raise InputError(f"{path.name} is no JSON file of at most {MAX_JSON_BYTES >> 20} MB: choose another file.")
        whole = _parsed(path.read_bytes(), path.name)
        frames = whole if isinstance(whole, list) else [whole]
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise InputError(f"{path.name} has {len(frames)} frames: 1 to {MAX_FRAMES} are allowed.")
    parts = [_openpose_frame(frame, f"frame {number} of {path.name}") for number, frame in enumerate(frames)]
    body, hands, face = (np.stack(part) for part in zip(*parts, strict=True))
    head = frames[0]
    if canvas is None:
        canvas = _canvas_of(head, np.concatenate([body, hands.reshape(len(body), -1, 3), face], 1))
    if fps is None:
        rate = head.get("fps", FPS)
        fps = float(rate) if isinstance(rate, (int, float)) and not isinstance(rate, bool) else float(FPS)
    return check_clip(PoseClip(body, hands, face, canvas, fps), path.name)


def save_openpose(clip: PoseClip, path: str | Path) -> Path:
    """Write OpenPose JSON: a path ending in .json gets one list of frames, any other becomes a folder of frames.

    A folder must be new or empty. Coordinates are rounded to 1/1000 pixel. Raises InputError.
    """
    path = Path(path)
    frames = [_openpose_record(clip, index) for index in range(len(clip))]
    if path.suffix.lower() == ".json":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(frames))
        return path
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path.name} already holds files: choose a new folder, or a name that ends in .json.")
    path.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(frames):
        (path / f"{path.name}_{index:012d}_keypoints.json").write_text(json.dumps(frame))
    return path


def _openpose_record(clip: PoseClip, index: int) -> dict[str, Any]:
    def flat(points: Points) -> list[float]:
        return [round(float(value), 3) for value in points.reshape(-1)]

    person = {
        "person_id": [-1],
        "pose_keypoints_2d": flat(clip.body[index]),
        "face_keypoints_2d": flat(clip.face[index]),
        "hand_left_keypoints_2d": flat(clip.hands[index, 0]),
        "hand_right_keypoints_2d": flat(clip.hands[index, 1]),
    }
    width, height = clip.canvas
    return {"version": 1.3, "fps": clip.fps, "canvas_width": width, "canvas_height": height, "people": [person]}


def _parsed(data: bytes, where: str) -> Any:
    def refuse(constant: str) -> float:
        raise ValueError(constant)

    try:
        return json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # bad text, bad JSON, NaN or Infinity, endless nesting
        raise InputError(f"There is no readable JSON in {where}: export the OpenPose clip again.") from error


_BODY_25 = (*range(8), 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""OpenPose BODY_25 index of each of the 18 points."""


def _openpose_frame(frame: Any, where: str) -> tuple[Points, Points, Points]:
    people = frame.get("people") if isinstance(frame, dict) else None
    if not isinstance(people, list) or len(people) > 200 or not all(isinstance(person, dict) for person in people):
        raise InputError(f"There is no OpenPose record with 'people' in {where}: export the clip again.")
    best: tuple[Points, Points, Points] | None = None
    best_size = -1.0
    for person in people:
        try:
            body = _keypoints(person.get("pose_keypoints_2d"), (18, 25))
            body = body[list(_BODY_25)] if len(body) == 25 else body
            face = _keypoints(person.get("face_keypoints_2d"), (68, 70))[:FACE_COUNT]
            sides = [_keypoints(person.get(f"hand_{side}_keypoints_2d"), (21,)) for side in ("left", "right")]
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"The point lists in {where} have odd lengths or contents: export the clip again."
            ) from error
        seen = body[body[:, 2] > 0, :2]
        size = float(np.ptp(seen, axis=0).max()) if len(seen) else 0.0
        if size > best_size:
            best, best_size = (body, np.stack(sides), face), size
    if best is None:
        empty = np.zeros((BODY_COUNT, 3), np.float32), np.zeros((2, HAND_COUNT, 3), np.float32)
        return *empty, np.zeros((FACE_COUNT, 3), np.float32)
    return best


def _keypoints(values: Any, counts: Sequence[int]) -> Points:
    """A flat list x, y, c, ... as (N, 3); nothing or an empty list is N absent points. N must be one of `counts`."""
    if values is None or (isinstance(values, list) and not values):
        return np.zeros((counts[0], 3), np.float32)
    if not isinstance(values, list) or len(values) // 3 not in counts or len(values) % 3:
        raise ValueError("length")
    if not all(type(value) in (int, float) for value in values):
        raise TypeError("contents")
    array: NDArray[np.float64] = np.array([float(value) for value in values], np.float64)
    if not (np.abs(array) <= MAX_COORDINATE).all():
        raise ValueError("size")
    return array.reshape(-1, 3).astype(np.float32)


def _canvas_of(head: dict[str, Any], points: Points) -> tuple[int, int]:
    width, height = head.get("canvas_width"), head.get("canvas_height")
    if isinstance(width, int) and isinstance(height, int):
        return width, height
    seen = points[points[..., 2] > 0, :2]
    if not len(seen):
        return ECHOMIMIC_CANVAS, ECHOMIMIC_CANVAS
    width, height = (int(side) for side in np.clip(np.ceil(seen.max(0)), 1, MAX_CANVAS))
    return width, height
