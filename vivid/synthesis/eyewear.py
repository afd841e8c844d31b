"""Glasses."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .basemesh import BaseMesh
from .mesh import Mesh, grid_faces, rigid_weights
from .transforms import Array, unit


def glasses(base: BaseMesh, rest: Array, shape: str) -> list[Mesh]:
    """Two rims, a bridge and two temples as thin tubes."""
    c = base.canon
    eyes = np.unique(base.tri["eyes"])
    body = np.unique(base.tri["body"])
    left = rest[eyes[c[eyes, 0] > 0]].mean(0)
    spacing = left[0]
    rim_w, rim_h = spacing * 0.74, spacing * (0.66 if shape == "round" else 0.52)
    face = body[(np.abs(c[body, 1] - 7.28) < 0.30) & (np.abs(c[body, 0]) < 0.62) & (c[body, 2] > 1.0)]
    z = np.percentile(rest[face, 2], 80) + 0.006
    skin_xy = cKDTree(rest[face][:, :2])
    centre_y = left[1] - 0.003
    ear = rest[base.keypoints["ears"]]
    paths = []
    turn = np.linspace(0, 2 * np.pi, 33)
    power = 1.0 if shape == "round" else 0.62
    for s in (-1, 1):
        x = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
        y = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
        bow = -0.010 * ((x * rim_w + spacing) / (2 * spacing)) ** 2
        rim_xy = np.stack([s * (spacing + x * rim_w), centre_y + y * rim_h], 1)
        z = max(z, (rest[face[skin_xy.query(rim_xy)[1]], 2] - bow).max() + 0.003)
        paths.append(np.stack([s * (spacing + x * rim_w), centre_y + y * rim_h, z + bow], 1))
        hinge = np.array([s * (spacing + rim_w), centre_y + rim_h * 0.35, z - 0.012])
        side_x = max(np.abs(ear[:, 0]).max() * 1.0, abs(hinge[0]))
        tip = np.array([s * side_x, centre_y + rim_h * 0.45, ear[:, 2].mean() + 0.005])
        bend = np.array([s * side_x * 1.0, hinge[1], z - 0.035])
        t = np.linspace(0, 1, 9)[:, None]
        paths.append((1 - t) ** 2 * hinge + 2 * t * (1 - t) * bend + t * t * tip)
    t = np.linspace(-1, 1, 9)
    gap = spacing - rim_w * 0.97
    paths.append(np.stack([t * gap, centre_y + rim_h * 0.18 + 0.004 * (1 - t * t), z + 0.003 * (1 - t * t)], 1))
    pieces_v, pieces_t, count = [], [], 0
    for path in paths:
        tangent = unit(np.gradient(path, axis=0))
        side = unit(np.cross(tangent, [0.05, 0.1, 1.0]))
        up = np.cross(side, tangent)
        rings = np.linspace(0, 2 * np.pi, 7)
        tube = np.array([path + 0.0016 * (np.cos(a) * side + np.sin(a) * up) for a in rings])
        pieces_v.append(tube.reshape(-1, 3))
        pieces_t.append(grid_faces(*tube.shape[:2]) + count)
        count += len(pieces_v[-1])
    v, tri = np.concatenate(pieces_v), np.concatenate(pieces_t)
    return [
        Mesh(
            "frame",
            v,
            v * 10,
            rigid_weights(base, v, -1.0, -2.0),
            np.full(len(v), -1),
            tri,
            np.zeros((len(v), 2)),
            tri,
        )
    ]
