"""Where the picture is taken from; needs no OpenGL."""

from __future__ import annotations

import numpy as np

from .transforms import Array, look_at, perspective


class Camera:
    """A square picture of `size` pixels; `background_shift` moves the room behind the person."""

    def __init__(self, size: int):
        self.size = size
        self.background_shift = (0.0, 0.0)
        self.camera(np.array([0.0, 0.0, 1.0]), np.zeros(3), 0.4)

    def camera(self, eye: Array, target: Array, fov: float, roll: float = 0.0) -> None:
        """Looks from `eye` to `target` (metres) with a vertical field of view and a roll in radians."""
        self.eye = np.asarray(eye, float)
        up = (np.sin(roll), np.cos(roll), 0)
        self.view = look_at(self.eye, target, up)
        self.projection = perspective(fov, 0.05, 8.0)
        self.view_projection = self.projection @ self.view

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixel coordinates (x right, y down) and distance along the view axis."""
        h = np.concatenate([points, np.ones((len(points), 1))], 1) @ self.view_projection.T
        xy = h[:, :2] / h[:, 3:]
        return np.stack([(xy[:, 0] * 0.5 + 0.5) * self.size, (0.5 - xy[:, 1] * 0.5) * self.size], 1), h[:, 3]
