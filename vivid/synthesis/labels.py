"""Exact labels: 128 key points with visibility, boxes, head angles, mouth openness."""

from __future__ import annotations

import numpy as np

from .camera import Camera
from .character import Character
from .contact import hand_points
from .render import Renderer
from .transforms import Array

BODY, LEFT_HAND, RIGHT_HAND, FACE = slice(0, 18), slice(18, 39), slice(39, 60), slice(60, 128)
SUBPIXEL = 16  # int16 key points are 1/16 pixel
IN_FRAME, VISIBLE = 1, 2  # bits of the visibility byte
# how deep below the surface a key point may lie and still count as visible (metres)
BODY_TOLERANCE = [
    0.015, 0.16, 0.17, 0.12, 0.05, 0.17, 0.12, 0.05, 0.25, 0.3, 0.3, 0.25, 0.3, 0.3, 0.04, 0.04, 0.05, 0.05,
]  # fmt: skip
ARM_BONES, LEG_BONES = ("upperarm01", "lowerarm01", "wrist"), ("upperleg01", "lowerleg01", "foot")
TOLERANCE = np.concatenate(
    [
        BODY_TOLERANCE,
        np.tile(np.array([0.035, 0.030, 0.022, 0.018, 0.016] + [0.024, 0.018, 0.016, 0.014] * 4), 2),
        np.full(68, 0.012),
    ]
)


def project_visible(r: Renderer, world: Array, tolerance: Array) -> tuple[Array, Array]:
    """Pixel positions and visibility bytes of points on or in the mesh last drawn by the renderer."""
    xy, distance = r.project(world)
    inside = (xy >= 0).all(1) & (xy < r.size).all(1)
    depth = r.depth()
    ij = np.clip((xy * depth.shape[0] / r.size).astype(int), 0, depth.shape[0] - 1)
    visible = inside & (distance < depth[ij[:, 1], ij[:, 0]] + tolerance)
    return xy, (inside * IN_FRAME + visible * VISIBLE).astype("u1")


class GroundTruth:
    """Labels of the character currently posed in the renderer."""

    def __init__(self, character: Character, renderer: Camera):
        self.character, self.renderer = character, renderer
        lookup, kp = character.vertex_of_base, character.base.keypoints
        self.face = np.array([lookup[int(v)] for v in kp["face68"]])
        self.nose = lookup[int(kp["nose"][0])]
        self.ears = [lookup.get(int(v), self.nose) for v in kp["ears"]]

    def world(self) -> Array:
        """(128, 3): OpenPose body 18, left hand 21, right hand 21, iBUG-style face 68."""
        c, rig = self.character, self.character.rig
        v, at = c.vertices, rig.posed_head
        neck = (at("upperarm01.L") + at("upperarm01.R")) / 2
        joints = [at(f"{bone}.{side}") for bones in (ARM_BONES, LEG_BONES, ("eye",)) for side in "RL" for bone in bones]
        body = [v[self.nose], neck, *joints, v[self.ears[0]], v[self.ears[1]]]
        return np.concatenate([np.array(body), hand_points(rig, "L"), hand_points(rig, "R"), v[self.face]])

    def keypoints(self) -> tuple[Array, Array]:
        """((128, 2) pixels, (128,) visibility byte); renders the visibility depth map."""
        assert isinstance(self.renderer, Renderer)
        return project_visible(self.renderer, self.world(), TOLERANCE)

    def _box(self, vertices: Array) -> Array:
        xy, _ = self.renderer.project(self.character.vertices[vertices])
        return np.concatenate([xy.min(0), xy.max(0)])

    def boxes(self) -> tuple[Array, Array]:
        """((2, 4) left and right hand, (4,) head) as x0, y0, x1, y1 in pixels, not clipped."""
        c = self.character
        return np.stack([self._box(c.hand_vertices[s]) for s in ("L", "R")]), self._box(c.head_vertices)

    def head_angles(self) -> Array:
        """Yaw, pitch, roll of the head towards the camera in degrees (yaw > 0: towards image right)."""
        r = self.renderer.view[:3, :3] @ self.character.rig.rotation[self.character.rig.index["head"]]
        yaw, pitch = np.arctan2(r[0, 2], r[2, 2]), np.arcsin(np.clip(-r[1, 2], -1, 1))
        return np.degrees([yaw, pitch, np.arctan2(r[1, 0], r[1, 1])])

    def mouth(self) -> Array:
        """Inner lip opening and mouth width, both relative to the inter-eye distance."""
        v, f = self.character.vertices, self.face
        eyes = np.linalg.norm(v[f[36:42]].mean(0) - v[f[42:48]].mean(0))
        return np.array([np.linalg.norm(v[f[62]] - v[f[66]]), np.linalg.norm(v[f[48]] - v[f[54]])]) / eyes
