"""What is detected in finished frames, by detectors that making a video does not use in this way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .video import Video

HANDS_EVERY, PERSON_EVERY = 2, 4
"""Hands are looked for in every second frame, the person in every fourth; the face in all, for the mouth's curve."""
LEAST_CONFIDENCE = 0.3
PERSON = 0.1
"""Segmentation score from which a pixel counts as the person's: too many are better than too few."""


@dataclass(frozen=True)
class Hand:
    """Points (21, 2) in pixels, and the detector's score in 0..1."""

    points: NDArray[np.float32]
    score: float


class Observer(Protocol):
    """Looks at one picture (H, W, 3) at a time and remembers none."""

    def hands(self, picture: NDArray[np.uint8]) -> list[Hand]:
        """The hands in it."""
        ...

    def face(self, picture: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """The 478 points (478, 2) of MediaPipe's face mesh in pixels; None without a face."""
        ...

    def person(self, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """The pixels (H, W) of the person."""
        ...


@dataclass(frozen=True)
class Sight:
    """All that was found in a video: faces of every frame, hands by frame, everybody's pixels in any frame or in the
    portrait (H, W); and the portrait's own face and hands."""

    faces: list[NDArray[np.float32] | None]
    hands: dict[int, list[Hand]]
    person: NDArray[np.bool_]
    reference_face: NDArray[np.float32] | None
    reference_hands: list[Hand]


def look(video: Video, observer: Observer) -> Sight:
    """Look at a video once, for all metrics."""
    count = len(video.frames)
    person = observer.person(video.reference)
    for index in range(0, count, PERSON_EVERY):
        person = person | observer.person(video.frames[index])
    return Sight(
        [observer.face(frame) for frame in video.frames],
        {index: observer.hands(video.frames[index]) for index in range(0, count, HANDS_EVERY)},
        person,
        observer.face(video.reference),
        observer.hands(video.reference),
    )


class MediaPipeObserver:
    """MediaPipe's hands, face mesh and selfie segmentation, which come with its package."""

    def __init__(self) -> None:
        import mediapipe

        solutions: Any = mediapipe.solutions
        sure = {"static_image_mode": True, "min_detection_confidence": LEAST_CONFIDENCE}
        self._hands = solutions.hands.Hands(max_num_hands=2, **sure)
        self._mesh = solutions.face_mesh.FaceMesh(refine_landmarks=True, **sure)
        self._person = solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)

    def hands(self, picture: NDArray[np.uint8]) -> list[Hand]:
        """See Observer."""
        found = self._hands.process(picture)
        marks = zip(found.multi_hand_landmarks or (), found.multi_handedness or (), strict=True)
        return [Hand(_points(hand, picture), float(side.classification[0].score)) for hand, side in marks]

    def face(self, picture: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """See Observer."""
        found = self._mesh.process(picture).multi_face_landmarks
        return _points(found[0], picture) if found else None

    def person(self, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """See Observer."""
        return np.asarray(self._person.process(picture).segmentation_mask > PERSON)

    def close(self) -> None:
        """Free the networks."""
        for part in (self._hands, self._mesh, self._person):
            part.close()


@contextmanager
def mediapipe_observer() -> Iterator[Observer]:
    """MediaPipe, closed at the end."""
    observer = MediaPipeObserver()
    try:
        yield observer
    finally:
        observer.close()


def _points(marks: Any, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    return np.array([(mark.x * width, mark.y * height) for mark in marks.landmark], np.float32)
