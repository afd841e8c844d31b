"""Pose clips of other programs: EchoMimicV2's are read, OpenPose JSON is written (`keypoint_json` reads it).

Everything is read in memory, with limits, and nothing that a file says is executed or written to a path of its choice.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from ..config import FPS
from ..errors import InputError, Message
from ..media.outputs import reserve, write_text
from . import inert_pickle
from .clips import MAX_CANVAS, check_clip, read_npy_header
from .skeleton import BODY_COUNT, FACE_COUNT, HAND_COUNT, Points, PoseClip

ECHOMIMIC_CANVAS = 768


def echomimic_of(files: dict[int, bytes], name: str) -> PoseClip:
    """A clip of EchoMimicV2 from the contents of its .npy files (pickled dicts), by their numbers.

    Points are normalised there; they become pixels of the canvas that `draw_pose_params` describes (768 x 768 without
    it). Scores are kept; they reach 1.22. The rate is 24 frames a second. Raises InputError.
    """
    canvas = None
    bodies, hands, faces = [], [], []
    for number in range(min(files), min(files) + len(files)):
        if number not in files:
            raise InputError(
                "Frame {} is missing in {}: export the clip again or number it without gaps.", number, name
            )
        where = Message("frame {} ({}.npy) of {}", number, number, name)
        body, hand, face, size = _echomimic_frame(files.pop(number), where)
        if canvas not in (None, size):
            raise InputError("The canvas changes in {}: export the clip again in one size.", where)
        canvas = size
        bodies.append(body)
        hands.append(hand)
        faces.append(face)
    assert canvas is not None  # there is at least one file
    return check_clip(PoseClip(np.stack(bodies), np.stack(hands), np.stack(faces), canvas, FPS), name)


def _echomimic_frame(data: bytes, where: str) -> tuple[Points, Points, Points, tuple[int, int]]:
    stream = io.BytesIO(data)
    shape, _, dtype = read_npy_header(stream, where)
    if shape != () or dtype.kind != "O":
        raise InputError("There is no EchoMimicV2 pose in {}: check that it is a folder of pose clips.", where)
    try:
        frame = inert_pickle.read(stream.read())
    except inert_pickle.RefusedPickleError as error:
        raise InputError(
            "Refused to read {}, which holds {}: only arrays and numbers are allowed.", where, error
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
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError("There is no EchoMimicV2 pose in {}: export the clip again.", where) from error
    # The pose is centred on the canvas, so the margins on either side of it add up.
    return body, hands, face, (left + right, top + bottom)


def _scored(points: Any, scores: Any, shape: tuple[int, ...], scale: Points, shift: Points) -> Points:
    """Points (..., 2) and scores of the first person in a frame as (*shape, 3)."""
    count = int(np.prod(shape))
    flat = np.asarray(points, np.float64).reshape(-1, 2)[:count]
    values = np.asarray(scores, np.float64).reshape(-1)[:count]
    if len(flat) != count or len(values) != count:
        raise ValueError("shape")
    joined = np.concatenate([flat * scale + shift, values[:, None]], 1)
    with np.errstate(over="ignore"):  # infinity is refused later, with the frame's number
        return joined.reshape(*shape, 3).astype(np.float32)


def save_openpose(clip: PoseClip, path: str | Path) -> Path:
    """Write OpenPose JSON: a path ending in .json gets one list of frames, any other becomes a folder of frames.

    A folder must be new or empty. Coordinates are rounded to 1/1000 pixel. Raises InputError.
    """
    path = Path(path)
    frames = [_openpose_record(clip, index) for index in range(len(clip))]
    if path.suffix.lower() == ".json":
        write_text(path, json.dumps(frames))
        return path
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path.name} already holds files: choose a new folder, or a name that ends in .json.")
    with reserve(path, replace=True) as part:
        part.mkdir()
        for index, frame in enumerate(frames):
            (part / f"{path.name}_{index:012d}_keypoints.json").write_text(json.dumps(frame))
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
