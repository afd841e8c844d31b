"""A person in front of the camera: framing, light on the face, per-frame posing with contact fixes."""

from __future__ import annotations

import numpy as np

from .camera import Camera
from .character import Character
from .contact import ContactFixer
from .gestures import make_pose
from .rig import SIDES, RigPose
from .transforms import Array, Vector

MOUTH_SHARE = 21.0 / 256
"""Mouth corner to corner over the picture width, at least, unless the head would fill more than 35 % of the height."""


def frame_camera(renderer: Camera, character: Character, rng: np.random.Generator | None = None) -> dict[str, float]:
    """Tight half-body framing: the head is 31-35 % of the picture height, the lower edge near the waist."""
    base, rest = character.base, character.full_rest
    body = np.unique(base.tri["body"])
    crown, chin = rest[body, 1].max(), rest[base.keypoints["face68"][8], 1]
    if rng is None:
        share, yaw, fov, dx, dy = 0.325, 0.0, 22.0, 0.0, 0.0
    else:
        share, yaw, fov = rng.uniform(0.308, 0.345), np.clip(rng.normal(0, 4.5), -8, 8), rng.uniform(18, 28)
        dx, dy = rng.normal(0, 0.012), rng.uniform(-0.01, 0.012)
    lips = rest[base.keypoints["face68"][[48, 54]]]  # smaller mouths get a closer camera
    width = float(np.linalg.norm(lips[1] - lips[0])) / (crown - chin)
    share = float(np.clip(max(share, MOUTH_SHARE / width), 0.28, 0.35))
    height = (crown - chin) / share
    hair_top = 0.03 if character.spec["hair"]["style"] in ("afro",) else 0.0
    target = np.array([dx, crown + 0.05 * height + hair_top - height / 2 + dy, 0.06])
    distance = height / 2 / np.tan(np.radians(fov) / 2)
    a = np.radians(yaw)
    pitch = 0.0 if rng is None else rng.uniform(-0.03, 0.07)
    eye = target + distance * np.array([np.sin(a), np.sin(pitch), np.cos(a)])
    renderer.camera(eye, target, np.radians(fov))
    if rng is not None:
        renderer.background_shift = (float(rng.uniform(-0.04, 0.04)), float(rng.uniform(-0.03, 0.03)))
    return dict(share=float(share), yaw=float(yaw), fov=float(fov))


class Scene:
    """Character, renderer and contact fixer together."""

    def __init__(self, renderer: Camera, character: Character):
        self.renderer, self.character = renderer, character
        cloth = [i for i, c in enumerate(character.part_of) if c in (5, 7, 9)]
        ids = np.unique(character.render_vertex[cloth])
        canon_arm = character.static[cloth, 5]
        torso = np.unique(character.render_vertex[np.array(cloth)[canon_arm < 0.1]]) if cloth else ids
        self.fixer = ContactFixer(character.rig, character.rest[torso].astype(float))

    def picture(self, points: Array) -> tuple[Array, float]:
        """Normalised picture coordinates and metres per unit at the points."""
        r = self.renderer
        xy, depth = r.project(points)
        flat = np.stack([xy[:, 0] / r.size * 2 - 1, 1 - xy[:, 1] / r.size * 2], 1)
        return flat, float(depth.mean() / r.projection[1, 1])

    def fixed_pose(
        self,
        vector: Array,
        head: Vector = (0, 0, 0),
        torso: Vector = (0, 0, 0),
        gaze: Vector = (0, 0),
        shift: dict[str, Array] | None = None,
    ) -> RigPose:
        """Pose with contact fixes for a single image (clips smooth the shifts over time)."""
        rig = self.character.rig
        if shift is None:
            shift = self.fixer.shifts(make_pose(rig, vector, head, torso, gaze), self.picture)
        return make_pose(rig, vector, head, torso, gaze, shift)

    def smooth_shifts(self, vectors: Array, heads: Array, torsos: Array, fps: float, keep_inside: bool = True) -> Array:
        """(frames, 2, 3) wrist shifts for a track, spread over time so that nothing jumps."""
        count = len(vectors)
        raw = np.zeros((count, 2, 3))
        for i in range(0, count, 2):  # every second frame is enough: the result is smoothed
            s = self.fixer.shifts(
                make_pose(self.character.rig, vectors[i], heads[i], torsos[i]), self.picture if keep_inside else None, 2
            )
            raw[i : i + 2] = [s[k] for k in SIDES]
        width = max(1, round(0.12 * fps))
        padded = np.pad(raw, ((width, width), (0, 0), (0, 0)), mode="edge")
        windows = np.stack([padded[k : k + count] for k in range(2 * width + 1)])
        strongest = np.take_along_axis(windows, np.abs(windows).argmax(0)[None], 0)[0]
        kernel = np.hanning(2 * width + 3)[1:-1]
        kernel /= kernel.sum()
        padded = np.pad(strongest, ((width, width), (0, 0), (0, 0)), mode="edge")
        return sum(kernel[k] * padded[k : k + count] for k in range(2 * width + 1))
