"""MediaPipe Holistic as a pose detector: works offline, because the package carries its models."""

from __future__ import annotations

import contextlib
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
from .skeleton import Points, Pose

_GRAPH = "mediapipe/modules/holistic_landmark/holistic_landmark_cpu.binarypb"
_HAND_SCORES = tuple(
    f"handlandmarksleftandrightcpu__handlandmarksfromposecpu_{k}__handlandmarkcpu__hand_presence_score" for k in (1, 2)
)
_FACE_SCORE = "facelandmarksfromposecpu__facelandmarkcpu__face_presence_score"
_HAND_STREAMS = ("left_hand_landmarks", "right_hand_landmarks")
_MAX_SIDE = 1280
"""Larger pictures are reduced first: the networks look at crops of 192 to 256 pixels anyway."""

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
    """One person per picture; a context manager, because the graph holds threads and memory.

    `video=True` follows the person from frame to frame (frames must come in order). Not for use by several threads.
    """

    name = "mediapipe"

    def __init__(self, video: bool = False) -> None:
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
        self._warm = False

    def __enter__(self) -> MediaPipeDetector:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the graph; a second call does nothing."""
        if self._graph is not None:
            graph, self._graph = self._graph, None
            graph.close()

    def detect(self, image: NDArray[np.uint8]) -> Pose | None:
        """The pose in an RGB picture (H, W, 3), in its pixels; None when nobody is found."""
        height, width = image.shape[:2]
        scale = _MAX_SIDE / max(height, width)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        with contextlib.nullcontext() if self._warm else _quiet():
            found = self._graph.process(np.ascontiguousarray(image))
        self._warm = True
        if found.pose_landmarks is None:
            return None
        return _to_pose(found, width, height)


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
        # The mesh is several times more exact than the body network on what both of them find.
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
    """When both hand networks lock on to one hand, keep it on the side whose wrist the body network put nearer."""
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
    """Hold back what C++ code writes to the standard error stream, then pass on all that is not MediaPipe's chatter."""
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
