"""Contact fixes: hands stay out of the torso, out of each other and, if asked, inside the picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from .rig import SIDES, Rig, RigPose
from .transforms import Array

Projection = Callable[[Array], tuple[Array, float]]
"""Points (n, 3) to picture coordinates in [-1, 1] and metres per unit there."""
MARGIN = 0.93
"""How far from the middle of the picture a hand may be."""
HAND_RADIUS = np.array([0.016, 0.012, 0.011, 0.010, 0.009] + [0.013, 0.0095, 0.0085, 0.0075] * 4)


def hand_points(rig: Rig, side: str) -> Array:
    """The 21 hand joints and tips of the solved rig (wrist, then four points per finger)."""
    points = [rig.posed_head(f"wrist.{side}")]
    for j in range(1, 6):
        points += [rig.posed_head(f"finger{j}-{i}.{side}") for i in (1, 2, 3)] + [rig.posed_tail(f"finger{j}-3.{side}")]
    return np.array(points)


class ContactFixer:
    """Wrist shifts that keep hands out of the torso, out of each other and inside the picture."""

    def __init__(self, rig: Rig, torso_vertices: Array):
        self.rig = rig
        chest = rig.index["spine01"]
        self.chest = chest
        grid = np.full((64, 64), -9.0)
        p = torso_vertices
        x = np.clip(((p[:, 0] + 0.4) * 80).astype(int), 0, 63)
        y = np.clip(((p[:, 1] + 0.7) * 80).astype(int), 0, 63)
        np.maximum.at(grid, (x, y), p[:, 2])
        for _ in range(2):
            for axis in (0, 1):
                grid = np.maximum(grid, np.maximum(np.roll(grid, 1, axis), np.roll(grid, -1, axis)))
        self.grid = grid

    def torso_depth(self, points: Array) -> Array:
        """How far points are behind the front of the torso (positive: inside)."""
        r, rig = self.rig.rotation[self.chest], self.rig
        local = (points - rig.position[self.chest]) @ r + rig.heads[self.chest]
        x = np.clip(((local[:, 0] + 0.4) * 80).astype(int), 0, 63)
        y = np.clip(((local[:, 1] + 0.7) * 80).astype(int), 0, 63)
        front = self.grid[x, y]
        return np.where(front > -5, front - local[:, 2], -1.0)

    def shifts(self, pose: RigPose, project: Projection | None = None, rounds: int = 3) -> dict[str, Array]:
        """Solves the pose a few times; `project` maps points to picture coordinates in [-1, 1]."""
        total = {s: np.zeros(3) for s in SIDES}
        for _ in range(rounds):
            arms = {s: (pose.arms[s][0] + total[s], *pose.arms[s][1:]) for s in SIDES}
            self.rig.solve(dataclasses.replace(pose, arms=arms))
            points = {s: hand_points(self.rig, s) for s in SIDES}
            moved = 0.0
            for s in SIDES:
                depth = (self.torso_depth(points[s]) + HAND_RADIUS + 0.004).max()
                if depth > 0:
                    total[s] = total[s] + [0, 0, min(depth, 0.10)]
                    moved += depth
                if project is not None:
                    push = self._into_picture(points[s], project)
                    total[s] = total[s] + push
                    moved += np.abs(push).sum()
            gap = np.linalg.norm(points["L"][:, None] - points["R"][None], axis=2)
            overlap = HAND_RADIUS[:, None] + HAND_RADIUS[None] - gap
            if overlap.max() > 0:
                apart = points["L"].mean(0) - points["R"].mean(0)
                apart = apart * [1, 1, 1.2] + 1e-4
                step = apart / np.linalg.norm(apart) * (overlap.max() * 0.6 + 0.002)
                total["L"], total["R"] = total["L"] + step, total["R"] - step
                moved += overlap.max()
            if moved < 0.001:
                break
        return total

    @staticmethod
    def _into_picture(points: Array, project: Projection) -> Array:
        xy, scale = project(points)  # picture coordinates and metres per unit at the hand
        low, high = xy.min(0), xy.max(0)
        move = np.maximum(-MARGIN - low, 0) - np.maximum(high - MARGIN, 0)
        return np.array([move[0] * scale, move[1] * scale, 0.0])
