"""The reference picture with everything the pose parts know about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Message
from .findings import SENTENCES, find_troubles
from .people import NOBODY
from .regions import Boxes, hand_boxes, hand_crops, head_box
from .skeleton import Pose

BLURRED = 6.0
"""A hand crop with less sharpness (variance of its Laplacian) is called blurred."""


@dataclass(frozen=True)
class Portrait:
    """A reference picture and its pose, in the same pixels.

    image: RGB uint8 (H, W, 3); pose: on a canvas of (W, H); head_box: (4,), with room for motion; hand_boxes: (2, 4),
    left then right of the person; hand_present: (2,), hands whose looks can be used; hand_sharpness: (2,);
    notices: sentences for the user; people: (N, 4), the faces or bodies of all who are in the picture, none where that
    is not known.
    """

    image: NDArray[np.uint8]
    pose: Pose
    head_box: Boxes
    hand_boxes: Boxes
    hand_present: NDArray[np.bool_]
    hand_sharpness: NDArray[np.float32]
    notices: tuple[str, ...] = ()
    people: Boxes = field(default_factory=lambda: NOBODY)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


def make_portrait(
    image: NDArray[np.uint8], pose: Pose, notices: tuple[str, ...] = (), people: Boxes = NOBODY
) -> Portrait:
    """Join a picture and its pose.

    image: uint8 (H, W, 3); pose: on any canvas of the same picture, carried to (W, H) here.
    Raises InputError when the pose shows no head, because then nothing can speak.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image is {image.dtype} {image.shape}, expected uint8 (H, W, 3)")
    height, width = image.shape[:2]
    pose = pose.on_canvas((width, height))
    head = head_box(pose)
    if not head.any():
        raise InputError("No head was found in the portrait: choose a picture that shows the face and the shoulders.")
    boxes = hand_boxes(pose).boxes
    found = hand_crops(image, pose)
    said = list(notices)
    for side, name in enumerate(("left", "right")):
        if any(f"{name} hand" in notice for notice in notices):
            continue  # the detector has already said so
        if not found.present[side]:
            said.append(Message("The portrait does not show the {} hand: its look is made up.", name))
        elif found.sharpness[side] < BLURRED:
            said.append(
                Message("The {} hand in the portrait is blurred or small: a sharper picture gives better hands.", name)
            )
    said += [Message(SENTENCES[name], *values.values()) for name, values in find_troubles(image, pose, head).items()]
    return Portrait(image, pose, head, boxes, found.present, found.sharpness, tuple(said), people)
