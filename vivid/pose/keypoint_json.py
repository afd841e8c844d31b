"""Keypoints in JSON, as OpenPose, AlphaPose and MMPose write them: one person is followed through the frames."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import FPS
from ..errors import InputError, Message
from .clips import MAX_CANVAS, MAX_COORDINATE, MAX_FRAMES, check_clip
from .containers import number_in, numbered_files
from .people import count_people, main_person
from .skeleton import FACE_COUNT, Points, PoseClip, no_pose

MAX_JSON_BYTES = 32 * 2**20
_MOST_LISTS = 2_000_000
"""Most lists and objects in a file: each takes some 80 bytes of memory, however short its text."""
_MOST_PEOPLE = 200
_UNKNOWN_CANVAS = 768
_LOST_FRAMES = FPS
"""After this many frames without the followed person, another person may be followed."""

PersonPoints = tuple[Points, Points, Points]
"""body (18, 3), hands (2, 21, 3), face (68, 3)."""
People = list[PersonPoints]


@dataclass(frozen=True)
class Keypoints:
    """A clip, the most people in any of its frames, and whether the file stated its frame rate."""

    clip: PoseClip
    people: int
    rate_told: bool


def load_keypoints(path: str | Path, canvas: tuple[int, int] | None = None, fps: float | None = None) -> Keypoints:
    """A clip from JSON: a folder with one file per frame, a file with all frames, or one frame.

    OpenPose: bodies of 18 or 25 points, faces of 68 or 70, hands of 21. AlphaPose: 17, 26, 133 or 136 points. MMPose:
    17, 26 or 133. Frames whose number is missing show nobody. Of several people the largest, central one of the first
    frame is followed. The canvas and the rate are taken from `canvas_width`, `canvas_height`, `fps` where a file has
    them (the arguments win); else the canvas is what the points fill and the rate 24. Raises InputError.
    """
    path = Path(path)
    if path.is_dir():
        return keypoints_of(numbered_files(path)[1], path.name, canvas, fps)
    if not path.is_file() or path.stat().st_size > MAX_JSON_BYTES:
        raise InputError("{} is no JSON file of at most {} MB: choose another file.", path.name, MAX_JSON_BYTES >> 20)
    whole = _parsed(path.read_bytes(), path.name)
    return _followed(whole, _frames_of(whole, path.name), path.name, canvas, fps)


def keypoints_of(
    files: dict[int, bytes], name: str, canvas: tuple[int, int] | None = None, fps: float | None = None
) -> Keypoints:
    """The same from the contents of one file per frame, by their numbers."""
    head: Any = None
    frames: dict[int, People] = {}
    for number in sorted(files):
        where = Message("frame {} of {}", number, name)
        record = _parsed(files.pop(number), where)
        head = record if head is None else head
        people = _frames_of(record, where) if record != [] else {}  # MMPose: nobody
        frames[number] = next(iter(people.values())) if len(people) == 1 else []
    return _followed(head, frames, name, canvas, fps)


def _parsed(data: bytes, where: str) -> Any:
    def refuse(constant: str) -> float:
        raise ValueError(constant)

    try:
        if data.count(b"[") + data.count(b"{") > _MOST_LISTS:
            raise ValueError("too many lists")
        return json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # bad text, bad JSON, NaN or Infinity, endless nesting
        raise InputError("There is no readable JSON in {}: export the OpenPose clip again.", where) from error


def _frames_of(whole: Any, name: str) -> dict[int, People]:
    """The people of every frame in a file, by the frame's number. Raises InputError."""
    try:
        frames = _recognised(whole)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InputError("The point lists in {} have odd lengths or contents: export the clip again.", name) from error
    if frames is None:
        raise InputError(
            "There is no pose in {} that can be read: export it as OpenPose, AlphaPose or MMPose JSON.", name
        )
    return frames


def _recognised(whole: Any) -> dict[int, People] | None:
    """The same for a known format, else None. Raises whatever odd contents make Python raise."""
    if isinstance(whole, dict):
        if isinstance(whole.get("instance_info"), list):
            return _mmpose(whole["instance_info"])
        if "instances" in whole:
            return _mmpose([whole])
        if whole and all(isinstance(value, dict) and _is_openpose(value) for value in whole.values()):
            return {_number(key): _openpose(value) for key, value in _limited(whole.items())}
        return {0: _openpose(whole)} if _is_openpose(whole) else None
    if not isinstance(whole, list) or not whole or not all(isinstance(entry, dict) for entry in whole):
        return None
    if all(_is_openpose(entry) for entry in whole):
        return {number: _openpose(entry) for number, entry in enumerate(_limited(whole))}
    if all("instances" in entry for entry in whole):
        return _mmpose(whole)
    if all("image_id" in entry and "keypoints" in entry for entry in whole):
        return _alphapose(whole)
    if all("keypoint_scores" in entry for entry in whole):
        return _mmpose([{"instances": whole}])
    return None


def _limited(items: Iterable[Any]) -> list[Any]:
    listed = list(items)
    if len(listed) > MAX_FRAMES:
        raise InputError("There are {} frames in one clip: 1 to {} are allowed.", len(listed), MAX_FRAMES)
    return listed


def _number(name: Any) -> int:
    number = name if type(name) is int else number_in(str(name))
    if number is None:
        raise ValueError("a picture's name without a number")
    return number


def _is_openpose(record: dict[str, Any]) -> bool:
    return isinstance(record.get("people", record.get("bodies")), list)


_BODY_25 = (*range(8), 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""OpenPose BODY_25 index of each of the 18 points."""


def _openpose(record: dict[str, Any]) -> People:
    people: People = []
    for person in _few(record.get("people", record.get("bodies"))):
        body = _flat(person.get("pose_keypoints_2d", person.get("joints")), (18, 25))
        body = body[list(_BODY_25)] if len(body) == 25 else body
        face = _flat(person.get("face_keypoints_2d"), (68, 70))[:FACE_COUNT]
        sides = [_flat(person.get(f"hand_{side}_keypoints_2d"), (21,)) for side in ("left", "right")]
        people.append((body, np.stack(sides), face))
    return people


def _alphapose(entries: list[dict[str, Any]]) -> dict[int, People]:
    frames: dict[int, People] = {}
    for entry in entries:
        people = frames.setdefault(_number(entry["image_id"]), [])
        if len(people) >= _MOST_PEOPLE or len(frames) > MAX_FRAMES:
            raise ValueError("too many")
        people.extend(_from_coco(_flat(entry["keypoints"], (17, 26, 133, 136))))
    return frames


def _mmpose(entries: list[dict[str, Any]]) -> dict[int, People]:
    frames: dict[int, People] = {}
    for place, entry in enumerate(_limited(entries)):
        people: People = []
        for instance in _few(entry["instances"]):
            points, scores = instance["keypoints"], instance["keypoint_scores"]
            if len(points) != len(scores) or len(points) not in (17, 26, 133):
                raise ValueError("length")
            flat = [value for point, score in zip(points, scores, strict=True) for value in (*point[:2], score)]
            people.extend(_from_coco(_flat(flat, (len(points),))))
        frames[_number(entry.get("frame_id", place))] = people
    return frames


def _few(people: Any) -> list[dict[str, Any]]:
    if not isinstance(people, list) or len(people) > _MOST_PEOPLE or not all(isinstance(one, dict) for one in people):
        raise ValueError("people")
    return people


def _from_coco(points: Points) -> People:
    """Points (N, 3) of COCO (17), Halpe (26, 136) or COCO-WholeBody (133); nobody where hardly any point is sure."""
    from .onnx_detectors import from_coco

    whole = np.zeros((133, 3), np.float32)
    whole[:17] = points[:17]
    if len(points) == 133:
        whole = points
    elif len(points) == 136:  # Halpe: 26 of the body, then face and hands as in COCO-WholeBody
        whole[23:] = points[26:]
    pose = from_coco(whole[:, :2], whole[:, 2], (1, 1))
    return [] if pose is None else [(pose.body, pose.hands, pose.face)]


def _flat(values: Any, counts: Sequence[int]) -> Points:
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


def _followed(
    head: Any, frames: dict[int, People], name: str, canvas: tuple[int, int] | None, fps: float | None
) -> Keypoints:
    people = _in_time(frames, name)
    head = head[0] if isinstance(head, list) and head else head
    head = head if isinstance(head, dict) else {}
    if canvas is None:
        canvas = _canvas_of(head, people)
    rate = head.get("fps")
    told = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    chosen, most = _one_person(people, canvas)
    body, hands, face = (np.stack(part) for part in zip(*chosen, strict=True))
    clip = PoseClip(body, hands, face, canvas, fps if fps is not None else float(rate) if told else float(FPS))
    return Keypoints(check_clip(clip, name), most, fps is not None or told)


def _in_time(frames: dict[int, People], name: str) -> list[People]:
    """The frames in order; a number that is missing between others is a frame with nobody in it.

    Where fewer than a third of the numbers occur, they count something else (milliseconds) and only give the order.
    """
    numbers = sorted(frames)
    count = numbers[-1] - numbers[0] + 1
    if count > 3 * len(numbers):
        count = len(numbers)
    elif count > len(numbers):
        return [frames.get(number, []) for number in range(numbers[0], numbers[-1] + 1)][: MAX_FRAMES + 1]
    if not 1 <= count <= MAX_FRAMES:
        raise InputError("{} has {} frames: 1 to {} are allowed.", name, count, MAX_FRAMES)
    return [frames[number] for number in numbers]


def _one_person(frames: list[People], canvas: tuple[int, int]) -> tuple[list[PersonPoints], int]:
    """The same person in every frame (nobody where that person is not seen), and the most people in a frame."""
    empty = no_pose((1, 1))
    nobody = empty.body, empty.hands, empty.face
    chosen: list[PersonPoints] = []
    last: NDArray[np.float32] | None = None
    lost, most = 0, 0
    for people in frames:
        seen = [person for person in people if (person[0][:, 2] > 0).any()]
        boxes = np.array([_box(person[0]) for person in seen], np.float32).reshape(-1, 4)
        most = max(most, count_people(boxes))
        if lost > _LOST_FRAMES:
            last = None
        index = _again(boxes, canvas, last)
        if index is None:
            # Where nobody else is seen, a person of whom only hands or face are present counts too.
            rest = [person for person in people if any((part[..., 2] > 0).any() for part in person)]
            chosen.append(rest[0] if not seen and len(rest) == 1 else nobody)
            lost += 1
            continue
        chosen.append(seen[index])
        last, lost = boxes[index], 0
    return chosen, most


def _again(boxes: NDArray[np.float32], canvas: tuple[int, int], last: NDArray[np.float32] | None) -> int | None:
    """Which of `boxes` (N, 4) is the person who was at `last`: the nearest, within half of that person's size."""
    if not len(boxes):
        return None
    if last is None:
        return main_person(boxes, canvas)
    ways = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - (last[:2] + last[2:]) / 2, axis=1)
    size = float(np.max(last[2:] - last[:2]))
    nearest = int(ways.argmin())
    return nearest if ways[nearest] <= max(size / 2, 1.0) else None


def _box(body: Points) -> NDArray[np.float32]:
    seen = body[body[:, 2] > 0, :2]
    return np.concatenate([seen.min(0), seen.max(0)])


def _canvas_of(head: dict[str, Any], frames: list[People]) -> tuple[int, int]:
    width, height = head.get("canvas_width"), head.get("canvas_height")
    if isinstance(width, int) and isinstance(height, int):
        return width, height
    corner = np.zeros(2)
    for person in (person for people in frames for person in people):
        for part in person:
            seen = part[part[..., 2] > 0][:, :2]
            corner = np.maximum(corner, seen.max(0)) if len(seen) else corner
    if not corner.any():
        return _UNKNOWN_CANVAS, _UNKNOWN_CANVAS
    width, height = (int(side) for side in np.clip(np.ceil(corner), 1, MAX_CANVAS))
    return width, height
