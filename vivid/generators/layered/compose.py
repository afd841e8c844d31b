"""Frames from layers: room, body and head in one warp, mouth, then arms, the rear side first, hands over all."""

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
from .sway import Sway

CELLS = 40
"""The body's displacement is computed on a grid of this many cells a side: it is smooth."""


class Compositor:
    """Draws any frame of one person, speech and motion, in whatever order they are asked for."""

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
        self.box = (min(x, x0), min(y, y0), max(x + w, x1), max(y + h, y1))
        xs = (np.arange(CELLS) + 0.5) * self.width / CELLS - 0.5
        ys = (np.arange(CELLS) + 0.5) * self.height / CELLS - 0.5
        self.nodes = np.stack(np.meshgrid(xs, ys), -1)
        left, top, right, bottom = self.box
        self.columns = np.arange(left, right, dtype=np.float32)[None]
        self.rows = np.arange(top, bottom, dtype=np.float32)[:, None]
        self.corner = np.array([x0, y0], float)
        self.head_opacity = np.ascontiguousarray(person.opacity[y0:y1, x0:x1])

    def frame(self, index: int) -> NDArray[np.uint8]:
        """One frame (H, W, 3) RGB."""
        person, sway = self.person, self.sway
        back = -sway.at(self.nodes - sway.at(self.nodes, index), index)
        shift = cv2.resize(back.astype(np.float32), (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        x0, y0, x1, y1 = self.box
        map_x, map_y = shift[y0:y1, x0:x1, 0] + self.columns, shift[y0:y1, x0:x1, 1] + self.rows
        body = cv2.remap(person.plain, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        opacity = cv2.remap(person.opacity, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        a, b, c, d = person.head.box
        inner = (slice(b - y0, d - y0), slice(a - x0, c - x0))

        def carry(points: Floats) -> Floats:
            return sway.at(points + self.corner, index)

        self.head.draw(body[inner], opacity[inner], self.faces[index], carry, self.head_opacity)
        out = person.room.copy()
        weight = opacity.astype(np.float32) / 255
        out[y0:y1, x0:x1] = cv2.blendLinear(body, np.ascontiguousarray(out[y0:y1, x0:x1]), weight, 1 - weight)
        if self.arms is not None:
            self.arms.draw(out, self.track, index)
        if person.grey:
            return cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return out
