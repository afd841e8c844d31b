"""Which parts of a portrait may move: whole figure, one arm, the head alone, or none; each step down has a sentence.

Decided from the analysis alone, before anything is drawn: faces, the head's turn, the lips' line, joints and hands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, Message
from ...pose.skeleton import Pose
from .face_mesh import MOUTH, OVAL, FaceMesh, pupil_distance
from .figure import ELBOWS, SHOULDERS, WRISTS, Floats
from .head import lips_share, mouth_hidden, yaw_of

SIDES = ("left", "right")
MOST_YAW, WARN_YAW = 45.0, 30.0
"""Degrees of the head's turn: beyond the first the portrait is refused, beyond the second its far half may smear."""
LIP_COLUMNS = 0.40
"""Share of the columns of closed lips that must show a dark line between them."""
CHEST = 0.42
"""A hand in front of the body, at most this many shoulder widths below the shoulders, hides too much of the chest."""
LONGEST_UPPER_ARM = 1.15
"""Shoulder widths; 0.7 to 0.95 where the shoulders are seen from the front, more where the body is turned away."""
ELBOW_ROOM, HAND_ROOM = 0.15, 0.2
"""How far from the picture's edge an elbow is whose arm can be taken out though no hand is seen, and a wrist whose hand
would be seen if nothing hid it; in shoulder widths."""
SMALLEST_EYES = 14.0
"""Pixels between the pupils, in the picture as it came, below which a face is too small to animate."""


@dataclass
class Plan:
    """still: by side (the person's left first), whether that arm stays as photographed; entering: no arm is seen, and
    hands enter the picture from outside where the gestures raise them; sentences for the user."""

    still: list[bool] = field(default_factory=lambda: [False, False])
    entering: bool = False
    sentences: list[str] = field(default_factory=list)
    _reasons: list[str] = field(default_factory=list)

    def keep(self, side: int, reason: str) -> None:
        """Leave an arm where it is."""
        if not self.still[side]:
            self.still[side] = True
            self._reasons.append(reason)

    def head_only(self, reason: str) -> None:
        """Leave both arms where they are."""
        self.still = [True, True]
        self._reasons = []
        self.sentences.append(HEAD_ONLY[reason])

    def keep_draped(self, sides: tuple[bool, bool]) -> None:
        """Leave arms still that loose clothes hang over; if both would have moved, the whole body stays still."""
        if all(sides):
            self.head_only("cloth")
        else:
            for side in (s for s in range(2) if sides[s]):
                self.still[side] = True
                self.sentences.append(Message(ARM_STAYS["cloth"], SIDES[side]))

    def finished(self) -> Plan:
        """Say what stays still."""
        for side, reason in zip([s for s in range(2) if self.still[s]], self._reasons, strict=False):
            self.sentences.append(Message(ARM_STAYS[reason], SIDES[side]))
        return self


ARM_STAYS = {
    "elbow": "The {} elbow is outside of the picture, so this arm stays still.",
    "hidden": "You hold something in this picture, or something hides the {} arm, so this arm stays still.",
    "face": "The {} hand is at the face in this picture, so this arm stays still.",
    "chest": "The {} hand is before the chest in this picture, so this arm stays still.",
    "cloth": "Loose clothes hang over the {} arm in this picture, so this arm stays still.",
}
ENTERING = "The arms are outside of this picture: hands come into it where the gestures raise them."
HEAD_ONLY = {
    "shoulders": "No shoulders are seen in this picture, so only the head moves.",
    "people": "There are several people in this picture, so only the head moves: an arm could cover somebody else.",
    "turned": "The body is turned away in this picture, so only the head moves.",
    "elbows": "The elbows are outside of this picture and a hand is in it, so only the head moves.",
    "touching": "The arms touch each other in this picture and one of them cannot move, so only the head moves.",
    "cloth": "Loose clothes hang over both arms in this picture, so only the head moves.",
    "both": "Neither arm can be moved in this picture, so only the head moves: arms beside the body are best.",
}


def decide(picture: NDArray[np.uint8], mesh: FaceMesh, pose: Pose | None, shrunk: float = 1.0) -> Plan:
    """Decide what moves in a picture (H, W, 3).

    pose: on this picture, None where no body was found; shrunk: how many pixels of the picture as it came make one
    here. Raises InputError for faces that cannot speak at all: turned away, mouth hidden, too small.
    """
    plan = Plan()
    eyes = pupil_distance(mesh) * shrunk
    if eyes < SMALLEST_EYES:
        raise InputError(
            "The face in the portrait is only {} pixels wide: choose a picture that shows it larger.",
            f"{2.5 * eyes:.0f}",
        )
    yaw = abs(yaw_of(mesh))
    if yaw > MOST_YAW:
        raise InputError(
            "The head in the portrait is turned away by {} degrees: choose a picture that looks more "
            "towards the camera.",
            f"{yaw:.0f}",
        )
    if yaw > WARN_YAW:
        plan.sentences.append("The head is turned far to the side: its far half may smear.")
    share = lips_share(picture, mesh)
    if share is not None and share < LIP_COLUMNS:
        if _behind_hand(mesh, pose) or (share < 0.5 * LIP_COLUMNS and mouth_hidden(picture, mesh)):
            raise InputError(
                "The mouth is hidden or too dark in the portrait, so it cannot speak: "
                "choose a picture that shows the lips."
            )
        plan.sentences.append("The lips are hardly seen in this picture: the mouth may look wrong.")
    reason = _no_arms(picture.shape, mesh, pose, yaw)
    if reason == "elbows" and pose is not None and not any(_hand_seen(pose, side, picture.shape) for side in range(2)):
        plan.entering = True
        plan.sentences.append(ENTERING)
        return plan
    if reason is not None or pose is None:
        plan.head_only(reason or "shoulders")
        return plan
    lines = _keep_arms(plan, picture.shape, mesh.points, pose)
    if sum(plan.still) == 1:
        side = plan.still.index(True)
        width = float(np.linalg.norm(np.subtract(*pose.body[list(SHOULDERS), :2])))
        if _gap(lines[side], lines[1 - side]) < 0.22 * width:
            plan.head_only("touching")
    elif all(plan.still):
        plan.head_only("both")
    return plan.finished()


def _behind_hand(mesh: FaceMesh, pose: Pose | None) -> bool:
    """Whether the lips lie within the outline of a hand."""
    for hand in () if pose is None else pose.hands:
        if (hand[:, 2] > 0.3).all():
            outline = cv2.convexHull(hand[:, :2].astype(np.float32))
            lips = mesh.points[list(MOUTH), :2].tolist()
            if np.mean([cv2.pointPolygonTest(outline, point, False) > 0 for point in lips]) > 0.5:
                return True
    return False


def _no_arms(shape: tuple[int, ...], mesh: FaceMesh, pose: Pose | None, yaw: float) -> str | None:
    """Why neither arm may move, or None."""
    if pose is None or (pose.body[list(SHOULDERS), 2] < 0.3).any():
        return "shoulders"
    if mesh.count > 1:
        return "people"
    width = float(np.linalg.norm(np.subtract(*pose.body[list(SHOULDERS), :2])))
    upper = [
        float(np.linalg.norm(np.subtract(pose.body[elbow, :2], pose.body[shoulder, :2])))
        for shoulder, elbow in zip(SHOULDERS, ELBOWS, strict=True)
        if not _outside(pose, elbow, shape)
    ]
    if width < 2.6 * pupil_distance(mesh) or yaw > WARN_YAW or max(upper, default=0) > LONGEST_UPPER_ARM * width:
        return "turned"
    if all(_elbow_outside(pose, side, shape) for side in range(2)):
        return "elbows"
    return None


def _hand_seen(pose: Pose, side: int, shape: tuple[int, ...]) -> bool:
    height, width = shape[:2]
    x, y, confidence = pose.hands[side].T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (confidence > 0.3)
    return bool(inside.any() or not _outside(pose, WRISTS[side], shape))


def _elbow_outside(pose: Pose, side: int, shape: tuple[int, ...]) -> bool:
    """Whether an elbow lies outside of the picture, or at its edge with everything below it outside."""
    width = float(np.linalg.norm(np.subtract(*pose.body[list(SHOULDERS), :2])))
    x, y = pose.body[ELBOWS[side], :2]
    at_edge = min(x, y, shape[1] - x, shape[0] - y) < ELBOW_ROOM * width
    return _outside(pose, ELBOWS[side], shape) or bool(at_edge and not _hand_seen(pose, side, shape))


def _outside(pose: Pose, joint: int, shape: tuple[int, ...], margin: float = 0.01) -> bool:
    """Whether a joint was not found, or lies outside of the picture by more than `margin` of its side."""
    x, y, confidence = pose.body[joint]
    height, width = shape[:2]
    beyond = not (-margin * width <= x <= (1 + margin) * width and -margin * height <= y <= (1 + margin) * height)
    return bool(confidence < 0.25 or beyond)


def _keep_arms(plan: Plan, shape: tuple[int, ...], points: Floats, pose: Pose) -> list[Floats]:
    """Keep arms that cannot be taken out; elbow, wrist and middle of the hand (3, 2) of each side."""
    outline = points[list(OVAL), :2].astype(np.float32)
    face_width = float(np.ptp(outline[:, 0]))
    joints = pose.body[:, :2].astype(float)
    shoulders = joints[list(SHOULDERS)]
    width = float(np.linalg.norm(shoulders[0] - shoulders[1]))
    row, (left, right) = float(shoulders[:, 1].mean()), np.sort(shoulders[:, 0])
    lines = []
    for side in range(2):
        wrist, hand = joints[WRISTS[side]], pose.hands[side]
        tips = hand[:, :2].astype(float) if (hand[:, 2] > 0.3).all() else wrist[None]
        lines.append(np.array([joints[ELBOWS[side]], wrist, tips.mean(0)]))
        if _elbow_outside(pose, side, shape):
            plan.keep(side, "elbow")
            continue
        inner = min(*wrist, *(np.array(shape[1::-1]) - wrist)) > HAND_ROOM * width
        if inner and (hand[:, 2] < 0.3).all():  # behind the body, in a pocket, or no wrist at all
            plan.keep(side, "hidden")
            continue
        if pose.body[WRISTS[side], 2] < 0.35:
            if not _outside_of(wrist, shape, 0.03):
                plan.keep(side, "hidden")
            continue
        nearest = max(cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in tips)
        if nearest > -0.25 * face_width and wrist[1] < row + 0.3 * width:
            plan.keep(side, "face")
        elif left < tips[:, 0].mean() < right and tips[:, 1].mean() < row + CHEST * width:
            plan.keep(side, "chest")
    return lines


def _outside_of(point: Floats, shape: tuple[int, ...], margin: float) -> bool:
    """Whether a point is within `margin` of a side of the picture's edge, or beyond it."""
    height, width = shape[:2]
    x, y = point
    return not (margin * width <= x <= (1 - margin) * width and margin * height <= y <= (1 - margin) * height)


def _gap(a: Floats, b: Floats) -> float:
    """Smallest distance between two broken lines (N, 2), (M, 2)."""
    first, second = (
        np.concatenate([np.linspace(line[i], line[i + 1], 12) for i in range(len(line) - 1)]) for line in (a, b)
    )
    return float(np.linalg.norm(first[:, None] - second[None], axis=2).min())
