"""MediaPipe Holistic as a pose detector: it works offline, because the package contains its models."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from . import skeleton as sk
from .people import NOBODY, Boxes, large_enough, main_person, room_of
from .skeleton import Points, Pose

_GRAPH = "mediapipe/modules/holistic_landmark/holistic_landmark_cpu.binarypb"
_FACE_GRAPH = "mediapipe/modules/face_detection/face_detection_full_range_cpu.binarypb"
_HAND_GRAPH = "mediapipe/modules/hand_landmark/hand_landmark_tracking_cpu.binarypb"
_HAND_SCORES = tuple(
    f"handlandmarksleftandrightcpu__handlandmarksfromposecpu_{k}__handlandmarkcpu__hand_presence_score" for k in (1, 2)
)
_FACE_SCORE = "facelandmarksfromposecpu__facelandmarkcpu__face_presence_score"
_HAND_STREAMS = ("left_hand_landmarks", "right_hand_landmarks")
_MAX_SIDE = 1280
"""Larger pictures are reduced first: the networks look at crops of 192 to 256 pixels anyway."""
_WIDE = 1.4
"""Width in heights from which a picture is looked at in parts."""
_BORDER = 0.25
"""Width of the border with which a picture is looked at again, in its longer side."""
_LOOK_EVERY = 24
"""Frames of a video between two looks at the whole picture for other people."""

FACE_68 = (
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,  # jaw, right ear to left ear
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # nose bridge, nostrils
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # inner lips
)  # fmt: skip
"""Index of the face mesh point for each of the 68 iBUG points; the person's right side comes first."""
_NOSE_TIP, _RIGHT_IRIS, _LEFT_IRIS = 4, 468, 473

_BODY = {
    sk.NOSE: 0, sk.RIGHT_SHOULDER: 12, sk.RIGHT_ELBOW: 14, sk.RIGHT_WRIST: 16,
    sk.LEFT_SHOULDER: 11, sk.LEFT_ELBOW: 13, sk.LEFT_WRIST: 15,
    sk.RIGHT_HIP: 24, 9: 26, 10: 28, sk.LEFT_HIP: 23, 12: 25, 13: 27, 14: 5, 15: 2, 16: 8, 17: 7,
}  # fmt: skip
"""OpenPose body index -> MediaPipe pose index; the neck is derived."""


class MediaPipeDetector:
    """One person per picture, the largest and most central; a context manager, as its graphs hold threads and memory.

    `video=True` follows the person from frame to frame (frames must come in order). Not for use by several threads.
    `people` is how many people the last look at the whole picture found: every picture, or every second of a video;
    `boxes` are their faces.
    """

    name = "mediapipe"

    def __init__(self, video: bool = False) -> None:
        self.people, self.boxes = 0, NOBODY
        self._video = video
        self._count = 0
        self._face: Boxes | None = None
        """Face box (4,) of the person who is followed; None when nobody is."""
        with _quiet():
            from mediapipe.python.solution_base import SolutionBase

            self._graph: Any = SolutionBase(
                binary_graph_path=_GRAPH,
                side_inputs={
                    "model_complexity": 1,  # the only one whose weights are inside the package
                    "smooth_landmarks": False,  # smoothing is our own choice, not MediaPipe's
                    "enable_segmentation": False,
                    "smooth_segmentation": False,
                    "refine_face_landmarks": True,
                    "use_prev_landmarks": video,
                },
                # The scores are streams inside the graph that the package's own Holistic class does not show.
                outputs=["pose_landmarks", *_HAND_STREAMS, "face_landmarks", *_HAND_SCORES, _FACE_SCORE],
            )
            self._faces: Any = SolutionBase(binary_graph_path=_FACE_GRAPH, outputs=["detections"])
            # The graphs keep starting up, and logging, in their threads until the first picture has passed.
            empty = np.zeros((64, 64, 3), np.uint8)
            self._faces.process(empty)
            self._graph.process(empty)
        self._warm = False

    def __enter__(self) -> MediaPipeDetector:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the graphs; a second call does nothing."""
        graphs, self._graph, self._faces = (self._graph, self._faces), None, None
        for graph in graphs:
            if graph is not None:
                graph.close()
                _return_memory()

    def detect(self, image: NDArray[np.uint8]) -> Pose | None:
        """The pose in an RGB picture (H, W, 3), in its pixels; None when nobody is found."""
        if self._warm and not self._video:  # the previous picture must not influence this one
            self._face = None
            self._graph.reset()
            self._faces.reset()
            self._warm = False
        height, width = image.shape[:2]
        scale = min(1.0, _MAX_SIDE / max(height, width))
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        image = np.ascontiguousarray(image)
        with contextlib.nullcontext() if self._warm else _quiet():
            found = self._find(image)
        self._warm = True
        self._count += 1
        if found is None:
            self._face = None
            return None
        pose = _to_pose(found, width, height)
        if not self._video:
            self.boxes = self.boxes / np.float32(scale)
            self._look_again(image, pose, scale)
        return pose

    def _look_again(self, image: NDArray[np.uint8], pose: Pose, scale: float) -> None:
        """Search for a hand that is missing in a picture, near its wrist, with the palm network; in place.

        Holistic derives where hands are from the body alone, which goes wrong for some hands in plain sight.
        """
        shoulders = pose.body[[sk.RIGHT_SHOULDER, sk.LEFT_SHOULDER], :2]
        reach = 0.7 * float(np.linalg.norm(shoulders[0] - shoulders[1])) * scale
        for side, wrist in ((sk.LEFT, sk.LEFT_WRIST), (sk.RIGHT, sk.RIGHT_WRIST)):
            centre = pose.body[wrist, :2] * scale
            height, width = image.shape[:2]
            if pose.hands[side, 0, 2] > 0 or pose.body[wrist, 2] < 0.3 or not reach > 8:
                continue
            x0, y0 = (int(max(0, edge)) for edge in centre - reach)
            x1, y1 = int(min(width, centre[0] + reach)), int(min(height, centre[1] + reach))
            if min(x1 - x0, y1 - y0) < 16:
                continue  # the wrist is outside the picture
            best, near = None, reach * 0.6
            for hand, score in self._find_hands(image[y0:y1, x0:x1]):
                points = (hand + (x0, y0)) / scale
                off = float(np.linalg.norm(points[0] - pose.body[wrist, :2])) * scale
                other = pose.hands[1 - side]
                is_other = other[0, 2] > 0 and np.linalg.norm(other[:, :2] - points, axis=-1).mean() * scale < reach / 4
                if off < near and not is_other:
                    best, near = (points, score), off
            if best is not None:
                pose.hands[side, :, :2], pose.hands[side, :, 2] = best
                pose.body[wrist] = pose.hands[side, 0]

    def _find_hands(self, image: NDArray[np.uint8]) -> list[tuple[Boxes, float]]:
        """Points (21, 2) in pixels and score of each hand that the palm network finds in a part of a picture."""
        with _quiet():
            from mediapipe.python.solution_base import SolutionBase

            options = {"num_hands": 2, "model_complexity": 1, "use_prev_landmarks": False}
            outputs = ["multi_hand_landmarks", "multi_handedness"]
            with SolutionBase(binary_graph_path=_HAND_GRAPH, side_inputs=options, outputs=outputs) as graph:
                found: Any = graph.process(np.ascontiguousarray(image))
        size = np.array([image.shape[1], image.shape[0]], np.float32)
        return [
            (np.array([(mark.x, mark.y) for mark in hand.landmark], np.float32) * size, sides.classification[0].score)
            for hand, sides in zip(found.multi_hand_landmarks or (), found.multi_handedness or (), strict=True)
        ]

    def _find(self, image: NDArray[np.uint8]) -> Any:
        """MediaPipe's result for the main person, or None."""
        following = self._video and self._face is not None
        if following and self._count % _LOOK_EVERY:
            found = self._graph.process(image)
            if self._is_followed(found, image):
                return found
            self._graph.reset()
        faces = self._find_faces(image)
        self.boxes = large_enough(faces)
        self.people = len(self.boxes)
        main = main_person(faces, (image.shape[1], image.shape[0]), self._face) if len(faces) else -1
        others = np.delete(faces, main, 0) if len(faces) > 1 else faces[:0]
        found = self._graph.process(_without(image, others))
        if len(others) and not self._video and _face_box(found, image) is None:  # people who touch are taken for one
            self._graph.reset()
            found = self._graph.process(_alone(image, room_of(faces, main, (image.shape[1], image.shape[0]))))
        if len(faces) and not self._video and _face_box(found, image) is None:
            self._graph.reset()
            found = self._find_in_border(_without(image, others))
        if found.pose_landmarks is None:
            return None
        face = _face_box(found, image)
        if face is None and len(faces):
            face = faces[main]
        self._face = face
        return found

    def _find_in_border(self, image: NDArray[np.uint8]) -> Any:
        """MediaPipe's result for a picture with a border around it, in coordinates of the picture.

        The body network misses some heads in plain sight that fill much of a picture.
        """
        height, width = image.shape[:2]
        border = round(_BORDER * max(height, width))
        found = self._graph.process(cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_REPLICATE))
        for stream in ("pose_landmarks", "face_landmarks", *_HAND_STREAMS):
            landmarks = getattr(found, stream)
            for mark in landmarks.landmark if landmarks is not None else ():
                mark.x = (mark.x * (width + 2 * border) - border) / width
                mark.y = (mark.y * (height + 2 * border) - border) / height
        return found

    def _is_followed(self, found: Any, image: NDArray[np.uint8]) -> bool:
        """Whether `found` is the person of the frame before: the graph may slip to a neighbour."""
        if found.pose_landmarks is None:
            return False
        face = _face_box(found, image)
        if face is None or self._face is None:
            return True
        side = max(float((self._face[2:] - self._face[:2]).max()), 1.0)
        if np.abs((face[:2] + face[2:]) / 2 - (self._face[:2] + self._face[2:]) / 2).max() > 1.5 * side:
            return False
        self._face = face
        return True

    def _find_faces(self, image: NDArray[np.uint8]) -> Boxes:
        """Boxes (N, 4) of all faces in the picture, in its pixels.

        The network sees the picture in a square of 192 pixels, where those in a wide one are small: there it looks into
        both sides of a picture, too.
        """
        boxes = self._faces_in(image)
        width = image.shape[1]
        if self._video or width < _WIDE * image.shape[0]:
            return boxes
        for left, right in ((0, round(0.6 * width)), (round(0.4 * width), width)):
            self._faces.reset()
            found = self._faces_in(np.ascontiguousarray(image[:, left:right])) + np.array([left, 0] * 2, np.float32)
            boxes = np.array([*boxes, *(box for box in found if not _is_among(box, boxes))], np.float32).reshape(-1, 4)
        return boxes

    def _faces_in(self, image: NDArray[np.uint8]) -> Boxes:
        """The same of one look at a picture or a part of it."""
        height, width = image.shape[:2]
        boxes = []
        for detection in self._faces.process(image).detections or ():
            box = detection.location_data.relative_bounding_box
            boxes.append((box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height))
        return np.array(boxes, np.float32).reshape(-1, 4) * np.array([width, height, width, height], np.float32)


def _return_memory() -> None:
    """Give freed memory back to the system: glibc keeps some 400 MB of closed graphs, which others could use."""
    with contextlib.suppress(OSError, AttributeError):  # other C libraries have neither this call nor this behaviour
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _is_among(box: Boxes, boxes: Boxes) -> bool:
    """Whether a face (4,) is one of `boxes` (N, 4), of which it may be a part."""
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    off = np.abs((box[:2] + box[2:]) / 2 - centres)
    return bool((off < np.maximum(sides, box[2:] - box[:2]) / 2).all(axis=1).any())


def _face_box(found: Any, image: NDArray[np.uint8]) -> Boxes | None:
    if found.face_landmarks is None:
        return None
    marks = np.array([(mark.x, mark.y) for mark in found.face_landmarks.landmark], np.float32)
    size = np.array([image.shape[1], image.shape[0]], np.float32)
    return np.concatenate([marks.min(0) * size, marks.max(0) * size])


def _alone(image: NDArray[np.uint8], room: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) that is plain outside of `room` (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = room
    out = np.empty_like(image)
    out[:] = image.mean((0, 1)).astype(np.uint8)
    out[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    return out


def _without(image: NDArray[np.uint8], faces: Boxes) -> NDArray[np.uint8]:
    """The picture with `faces` (N, 4) painted over: the body network starts from faces and will then ignore these."""
    if not len(faces):
        return image
    image = image.copy()
    height, width = image.shape[:2]
    colour = image.reshape(-1, 3)[:: max(1, height * width // 5000)].mean(0)
    for x0, y0, x1, y1 in faces:
        room = 0.25 * (x1 - x0)
        left, right = (int(np.clip(x, 0, width)) for x in (x0 - room, x1 + room))
        top, bottom = (int(np.clip(y, 0, height)) for y in (y0 - 2 * room, y1 + room))
        image[top:bottom, left:right] = colour
    return image


def _to_pose(found: Any, width: int, height: int) -> Pose:
    size = np.array([width, height], np.float32)

    def points(landmarks: Any) -> NDArray[np.float32]:
        return np.array([(mark.x, mark.y) for mark in landmarks.landmark], np.float32) * size

    marks = found.pose_landmarks.landmark
    where = points(found.pose_landmarks)
    body = np.zeros((sk.BODY_COUNT, 3), np.float32)
    for ours, theirs in _BODY.items():
        body[ours] = (*where[theirs], marks[theirs].visibility)
    body[sk.NECK] = body[[sk.RIGHT_SHOULDER, sk.LEFT_SHOULDER]].mean(0)
    body[sk.NECK, 2] = body[[sk.RIGHT_SHOULDER, sk.LEFT_SHOULDER], 2].min()

    face = np.zeros((sk.FACE_COUNT, 3), np.float32)
    if found.face_landmarks is not None:
        mesh = points(found.face_landmarks)
        score = _score(found, _FACE_SCORE)
        face[:, :2] = mesh[list(FACE_68)]
        face[:, 2] = score
        # The mesh is several times more exact than the body network on points that both find.
        for ours, theirs in ((sk.NOSE, _NOSE_TIP), (14, _RIGHT_IRIS), (15, _LEFT_IRIS)):
            body[ours] = (*mesh[theirs], score)

    hands = np.zeros((2, sk.HAND_COUNT, 3), np.float32)
    for side, stream in enumerate(_HAND_STREAMS):
        landmarks = getattr(found, stream)
        if landmarks is not None:
            hands[side, :, :2] = points(landmarks)
            hands[side, :, 2] = _score(found, _HAND_SCORES[side])
    _drop_doubled_hand(hands, body)
    for side, wrist in ((sk.LEFT, sk.LEFT_WRIST), (sk.RIGHT, sk.RIGHT_WRIST)):
        if hands[side, 0, 2] > 0:
            body[wrist] = hands[side, 0]
    return Pose(body, hands, face, (width, height))


def _score(found: Any, stream: str) -> float:
    score = getattr(found, stream)
    return 1.0 if score is None else float(np.clip(score, 0.0, 1.0))


def _drop_doubled_hand(hands: Points, body: Points) -> None:
    """When both hand networks lock on to the same hand, keep it on the side whose body wrist is nearer."""
    if not (hands[:, 0, 2] > 0).all():
        return
    size = np.linalg.norm(np.ptp(hands[:, :, :2], axis=1), axis=-1).max()
    apart = np.linalg.norm(hands[0, :, :2] - hands[1, :, :2], axis=-1).mean()
    if apart > 0.12 * size:
        return
    off = [
        float(np.linalg.norm(hands[side, 0, :2] - body[wrist, :2]))
        for side, wrist in ((sk.LEFT, sk.LEFT_WRIST), (sk.RIGHT, sk.RIGHT_WRIST))
    ]
    hands[int(off[0] < off[1])] = 0


_NOISE = re.compile(rb"^([IWE]\d{4} |(INFO|WARNING): (Created TensorFlow|All log messages before absl))")
_noise_lock = threading.RLock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what C++ code writes to standard error, then pass on everything but MediaPipe's log messages."""
    with _noise_lock, tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        real = os.dup(2)
        try:
            os.dup2(held.fileno(), 2)
            yield
        finally:
            os.dup2(real, 2)
            held.seek(0)
            for line in held:
                if not _NOISE.match(line):
                    os.write(real, line)
            os.close(real)
