"""The reference picture, all that the pose parts know about it, and its troubles, told everywhere in the same words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Message
from .people import NOBODY
from .regions import Boxes, hand_boxes, hand_crops, head_box
from .skeleton import LEFT_SHOULDER, NOSE, RIGHT_SHOULDER, Pose

BLURRED = 6.0
"""A hand crop with less sharpness (variance of its Laplacian) is called blurred."""
SEEN = 0.3
"""Confidence from which a point counts as seen."""
SMALL_FACE, TINY_FACE = 96, 48
"""Face heights in pixels below which a video looks soft, and below which it is not worth making."""
DARK = 50.0
"""A head is dark when nine tenths of its pixels are below this luma (0..255); in daylight they reach 150."""

Troubles = dict[str, dict[str, int]]
"""Name of each trouble -> values for its sentence."""

SENTENCES = {
    "upside_down": "The person in the portrait seems to lie or stand on the head: turn the picture upright.",
    "head_cut": "The head in the portrait is cut off at the top: leave some room above it.",
    "head_tiny": "The face in the portrait is only {} pixels high: use a larger picture or crop closer.",
    "head_small": "The face in the portrait is {} pixels high: from about 100 on the mouth gets sharp.",
    "dark": "The head in the portrait is very dark: use a picture in better light.",
    "no_shoulders": "A shoulder is outside the portrait: gestures may look cramped.",
}


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
            said.append(Message("No {} hand was found in the portrait: its look is made up.", name))
        elif found.sharpness[side] < BLURRED:
            said.append(
                Message("The {} hand in the portrait is blurred or small: a sharper picture gives better hands.", name)
            )
    said += [Message(SENTENCES[name], *values.values()) for name, values in find_troubles(image, pose, head).items()]
    return Portrait(image, pose, head, boxes, found.present, found.sharpness, tuple(said), people)


def find_troubles(image: NDArray[np.uint8], pose: Pose, head: Boxes) -> Troubles:
    """What is wrong with a picture (H, W, 3) with this pose in its pixels and this head box (4,)."""
    body, (height, width) = pose.body, image.shape[:2]
    found: Troubles = {}
    if body[NOSE, 2] > 0 and not stands(pose):
        found["upside_down"] = {}
    face = pose.face[pose.face[:, 2] > SEEN]
    tall = float(np.ptp(face[:, 1])) if len(face) else float(head[3] - head[1])
    if len(face) and face[:, 1].min() < 0.01 * height:
        found["head_cut"] = {}
    elif tall < SMALL_FACE:
        found["head_tiny" if tall < TINY_FACE else "head_small"] = {"pixels": round(tall)}
    x0, y0, x1, y1 = np.clip(head, 0, (width, height, width, height)).astype(int)
    pixels = image[y0:y1, x0:x1] @ np.array([0.299, 0.587, 0.114])
    if pixels.size and np.percentile(pixels, 90) < DARK:
        found["dark"] = {}
    shoulders = body[[LEFT_SHOULDER, RIGHT_SHOULDER]]
    inside = (shoulders[:, 0] > 0) & (shoulders[:, 0] < width) & (shoulders[:, 1] < height)
    if not ((shoulders[:, 2] > SEEN) & inside).all():
        found["no_shoulders"] = {}
    return found


def stands(pose: Pose) -> bool:
    """Whether the nose is above the shoulders, as in an upright picture."""
    shoulders = pose.body[[LEFT_SHOULDER, RIGHT_SHOULDER]]
    seen = pose.body[NOSE, 2] > 0 and (shoulders[:, 2] > 0).all()
    return bool(seen and pose.body[NOSE, 1] < shoulders[:, 1].min())
