"""Find the pose of the person in a picture or a video, with whichever detector can run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from . import skeleton as sk
from .mediapipe_detector import MediaPipeDetector
from .skeleton import Pose


@dataclass(frozen=True)
class DetectedPose:
    """A pose and what the person should know about it, one sentence each; `detector` is the name of who found it."""

    pose: Pose
    notices: tuple[str, ...]
    detector: str


def detect_picture(image: NDArray[np.uint8], detector: str = "auto") -> DetectedPose:
    """The pose of the person in an RGB picture (H, W, 3), in its pixels.

    Raises InputError when no person with a face and both shoulders is found.
    """
    with MediaPipeDetector() as finder:
        pose = finder.detect(image)
    if pose is None:
        raise InputError("No person was found in the picture: use one that shows head, shoulders and arms, well lit.")
    if not pose.face[:, 2].any():
        raise InputError("No face was found in the picture: use one where the person looks towards the camera.")
    return DetectedPose(pose, picture_notices(pose), finder.name)


def picture_notices(pose: Pose) -> tuple[str, ...]:
    """What is missing in the pose of a portrait, in plain words."""
    notices = []
    for side, name in ((sk.LEFT, "left"), (sk.RIGHT, "right")):
        if not pose.hands[side, :, 2].any():
            notices.append(f"The person's {name} hand was not found; it will be drawn from what the model knows.")
    return tuple(notices)
