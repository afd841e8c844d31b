"""Frames from layers: room, body and head in one warp, then the mouth, then the arms, rear one first, hands on top."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...pose.skeleton import PoseClip
from .arm_track import place_clip
from .arms import ArmAnimator
from .face_mesh import CHIN
from .figure import SHOULDERS, Floats
from .hand_fit import fit_hands
from .head_motion import FaceMotion, HeadAnimator
from .person import Person
from .raster import FINE
from .sway import Sway

CELLS = 24
"""The body's displacement is computed on a grid of this many cells a side: it is smooth."""
CRISP = 0.2
"""Strength of sharpening before pictures are moved: share of a pixel's difference to its surroundings that is added."""
LARGE = 130.0
"""Pupil distance in pixels above which a bicubic kernel is sharp enough for a head; below, Lanczos is used."""
REACH = 0.02
"""How far around the body its sway can reach, in shoulder widths."""


class Compositor:
    """Draws the frames of one person, speech and motion, in any order."""

    def __init__(
        self,
        person: Person,
        clip: PoseClip,
        motion: PoseClip,
        positions: NDArray[np.float64],
        faces: list[FaceMotion],
        seed: int = 0,
    ) -> None:
        """clip: the calibrated clip of T frames in the picture's pixels; motion: the raw one, and `positions` (T,) in
        it; faces: the head's motion, T frames."""
        self.person, self.faces = person, faces
        self.height, self.width = person.plain.shape[:2]
        self.head = HeadAnimator(person.head)
        self.arms: ArmAnimator | None = None
        own = person.shoulders
        x0, y0, x1, y1 = person.head.box
        turns = np.array([[face.pitch, face.yaw, face.roll] for face in faces])
        driving = clip.body[:, list(SHOULDERS), :2].astype(float)
        lift = np.zeros((len(faces), 2))
        if person.layers is None:
            driving = np.repeat(own[None], len(faces), 0)
        else:
            width = person.layers.shoulders
            knuckles = clip.hands[:, :, 9, 1].astype(float)
            lift = np.clip((own[:, 1] + 0.9 * width - knuckles) / (0.9 * width), 0, 1.2) * ~np.array(person.plan.still)
        self.sway = Sway(own, person.head.points[CHIN, 1] + y0, self.height, driving, turns, lift, seed)
        if person.layers is not None:
            still = (person.plan.still[0], person.plan.still[1])
            self.arms = ArmAnimator(person.layers, still)
            shoulders = own[None] + np.stack([self.sway.at(own, t) for t in range(len(faces))])
            self.track = place_clip(person.layers, clip, motion, fit_hands(motion), positions, shoulders)
        # the part of the picture that body and head can reach
        x, y, w, h = cv2.boundingRect((person.opacity > 0).view(np.uint8))
        room = 2 + round(REACH * self.sway.width)
        left, top = max(min(x, x0) - room, 0), max(min(y, y0) - room, 0)
        right, bottom = min(max(x + w, x1) + room, self.width), min(max(y + h, y1) + room, self.height)
        self.box = left, top, right, bottom
        xs = left + (np.arange(CELLS) + 0.5) * (right - left) / CELLS - 0.5
        ys = top + (np.arange(CELLS) + 0.5) * (bottom - top) / CELLS - 0.5
        self.nodes = np.stack(np.meshgrid(xs, ys), -1)
        self.columns = np.arange(left, right, dtype=np.float32)[None]
        self.rows = np.arange(top, bottom, dtype=np.float32)[:, None]
        self.corner = np.array([x0, y0], float)
        self.fine = fine_picture(person, self.box)

    def frame(self, index: int) -> NDArray[np.uint8]:
        """One frame (H, W, 3) RGB."""
        person, sway = self.person, self.sway
        back = -sway.at(self.nodes - sway.at(self.nodes, index), index)
        x0, y0, x1, y1 = self.box
        shift = cv2.resize(back.astype(np.float32), (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
        a, b, c, d = person.head.box
        # in the coordinates of the head's crop, which its maps use
        map_x, map_y = shift[..., 0] + (self.columns - a), shift[..., 1] + (self.rows - b)
        inner = (slice(b - y0, d - y0), slice(a - x0, c - x0))

        def carry(points: Floats) -> Floats:
            return sway.at(points + self.corner, index)

        pose = self.head.aim(map_x[inner], map_y[inner], self.faces[index], carry)
        map_x, map_y = (
            FINE * (m + np.float32(n + 0.5)) - np.float32(0.5) for m, n in ((map_x, a - x0), (map_y, b - y0))
        )
        moved = cv2.remap(self.fine, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        body = cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB)
        self.head.finish(body[inner], self.faces[index], pose)
        out = person.room.copy()
        weight = cv2.extractChannel(moved, 3).astype(np.float32) / 255
        out[y0:y1, x0:x1] = cv2.blendLinear(body, np.ascontiguousarray(out[y0:y1, x0:x1]), weight, 1 - weight)
        if self.arms is not None:
            self.arms.draw(out, self.track, index)
        if person.grey:
            return cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return out


def fine_picture(person: Person, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """(FINE h, FINE w, 4): colour and opacity of the person in a box x0, y0, x1, y1, with FINE samples a pixel."""
    x0, y0, x1, y1 = box
    a, b, c, d = person.head.box
    kernel = cv2.INTER_LANCZOS4 if person.head.scale < LARGE else cv2.INTER_CUBIC
    size = (FINE * (x1 - x0), FINE * (y1 - y0))
    colour = cv2.resize(_crisp(person.plain[y0:y1, x0:x1]), size, interpolation=cv2.INTER_CUBIC)
    inner = (slice(FINE * (b - y0), FINE * (d - y0)), slice(FINE * (a - x0), FINE * (c - x0)))
    colour[inner] = cv2.resize(_crisp(person.head.picture), None, fx=FINE, fy=FINE, interpolation=kernel)
    opacity = cv2.resize(person.opacity[y0:y1, x0:x1], size, interpolation=cv2.INTER_LINEAR)
    return np.dstack([colour, opacity])


def _crisp(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Sharpen a little: moving by fractions of a pixel blurs about as much on average."""
    return cv2.addWeighted(picture, 1 + CRISP, cv2.GaussianBlur(picture, (0, 0), 0.8), -CRISP, 0)
