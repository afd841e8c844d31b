"""Shirts, jackets, lapels, collars and hoods as shells around the body."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from .basemesh import BaseMesh, arm_parameter
from .mesh import Mesh, compact, grid_faces, incidence, vertex_normals
from .transforms import Array, smoothstep, unit

NO_SCOOP = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
"""Neither garment has a round neckline or straps (see `neck_line`)."""


def neck_line(garment: Array, scoop: Array, c: Array) -> Array:
    """Canonical height of a neckline; the same formula is in shaders.py.

    garment: sleeve end, neck height, depth and half-width of a V; scoop: depth and half-width of a round neckline,
    half-width of the straps (0: none).
    """
    _, neck_y, v_depth, v_width = garment
    depth, width, _ = scoop
    front = smoothstep(0.2, 1.1, c[:, 2])
    y = neck_y - 0.42 * smoothstep(-0.3, 1.2, c[:, 2]) * np.maximum(0, 1 - c[:, 0] ** 2 * 1.2)
    v = v_depth * np.maximum(0, 1 - np.abs(c[:, 0]) / v_width)
    if width > 0:
        v = v + depth * np.sqrt(np.maximum(0, 1 - (c[:, 0] / width) ** 2))
    wide = max(0.0, width - 0.6)
    shoulder = smoothstep(0.50 + wide, 0.95 + wide, np.abs(c[:, 0])) * 1.2 * smoothstep(6.0, 5.6, c[:, 1])
    return y - v * front + shoulder


def covered(k: int, clothes: dict, c: Array, arm: Array, margin: float) -> Array:
    """True where garment layer k hides what lies under it (canonical positions)."""
    garment, scoop = clothes["garm"][k], clothes.get("scoop", NO_SCOOP)[k]
    out = np.full(len(c), bool(clothes["has_garm"][k]))
    out &= ~((arm > 0) & (arm > garment[0] - margin)) & (c[:, 1] <= garment[1] + 0.06 - margin)
    out &= c[:, 1] <= neck_line(garment, scoop, c) - margin
    if scoop[2] > 0:
        strap = scoop[2] + (4.0 - scoop[2]) * smoothstep(5.0, 4.2, c[:, 1])
        out &= np.abs(c[:, 0]) <= strap - margin
    if k == 1:
        half = clothes["jopen"] * (0.25 + 0.75 * smoothstep(0.5, 5.5, c[:, 1]))
        out &= ~((c[:, 2] > 0.3) & (np.abs(c[:, 0]) < half + margin))
    return out


def garments(base: BaseMesh, rest: Array, clothes: dict) -> list[Mesh]:
    """Shirt and jacket shells: the tights helper, smoothed over the torso and pushed outwards."""
    ids, tri = compact(base.tri["tights"])
    tri_uv, canon = base.tri_uv["tights"], base.canon[ids]
    inc = incidence(tri, len(ids))
    pairs = np.concatenate([tri[:, [0, 1]], tri[:, [1, 2]], tri[:, [2, 0]]])
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    adjacency = sp.csr_matrix((np.ones(len(pairs)), pairs.T), shape=(len(ids),) * 2)
    adjacency.data[:] = 1
    average = sp.diags(1 / np.asarray(adjacency.sum(1)).ravel()) @ adjacency
    arm = arm_parameter(canon)
    skin_normal = vertex_normals(rest[ids], tri, inc)
    out = []
    for layer in clothes["layers"]:
        v = rest[ids].copy()
        torso = smoothstep(0.35, -0.1, arm)[:, None]
        below_neck = smoothstep(6.0, 5.3, canon[:, 1])[:, None]
        for _ in range(int(16 * layer["loose"]) + 3):
            n = vertex_normals(v, tri, inc)
            move = average @ v - v  # along the normal only: cut lines stay straight
            v = v + (0.6 * torso * below_neck) * n * (move * n).sum(1, keepdims=True)
        n = vertex_normals(v, tri, inc)
        push = layer["offset"] * (0.35 + 0.65 * below_neck[:, 0])
        push = push * (1 - 0.45 * smoothstep(0.1, 0.6, arm)) + layer["flare"] * smoothstep(
            0.2, 1, arm / max(layer["sleeve"], 0.1)
        ) * (arm < 2.3)
        v = v + n * push[:, None]
        gap = ((v - rest[ids]) * skin_normal).sum(1)  # stay outside the skin it was smoothed into
        v += skin_normal * np.maximum(0.7 * layer["offset"] - gap, 0)[:, None]
        faces = np.ones(len(tri), bool)
        if layer["part"] == "cloth" and clothes["has_garm"][1]:  # drop what the jacket hides
            faces = ~covered(1, clothes, canon, arm, 0.55)[tri].all(1)
        out.append(
            Mesh(
                layer["part"],
                v,
                canon,
                base.weights[ids],
                np.full(len(ids), -1),
                tri[faces],
                base.uv,
                tri_uv[faces],
            )
        )
        if layer["part"] == "jacket" and clothes["lapel"]:
            front = ((canon[:, 2] > 0.25) & (canon[:, 1] > 2.2) & (np.abs(canon[:, 0]) < 1.7))[tri].all(1)
            edge = np.abs(canon[:, 0]) - clothes["jopen"] * (0.25 + 0.75 * smoothstep(0.5, 5.5, canon[:, 1]))
            lift = 0.004 + 0.007 * smoothstep(0.1, 0.45, edge)  # the folded edge stands off the chest
            out.append(
                Mesh(
                    "jacket",
                    v + n * lift[:, None],
                    canon,
                    base.weights[ids],
                    np.full(len(ids), -1),
                    tri[front],
                    base.uv,
                    tri_uv[front],
                    layer=0.9,
                )
            )
    return out


def _push_out(v: Array, cloth: Mesh, inc_normals: Array, gap: Array | float) -> Array:
    """Moves points outside the garment along the normal of the nearest garment vertices."""
    tree = cKDTree(cloth.rest)
    for _ in range(3):
        dist, near = tree.query(v, k=4)
        w = 1 / (dist + 1e-3)
        w /= w.sum(1, keepdims=True)
        n = unit((inc_normals[near] * w[..., None]).sum(1))
        p = (cloth.rest[near] * w[..., None]).sum(1)
        inside = ((v - p) * n).sum(1)
        v = v + n * np.maximum(gap - inside, 0)[:, None]
    return v


def _neck_ring(base: BaseMesh, rest: Array, angle: Array, height: float) -> Array:
    """Points on the neck skin around its axis at a canonical height (bin maximum over vertices)."""
    c = base.canon
    ids = np.unique(base.tri["body"])
    ids = ids[(np.abs(c[ids, 1] - height) < 0.16) & (np.abs(c[ids, 0]) < 0.95) & (np.abs(c[ids, 2] - 0.25) < 1.1)]
    p = rest[ids]
    axis = np.array([0, np.median(p[:, 1]), (p[:, 2].min() + p[:, 2].max()) / 2])
    r, a = np.hypot(p[:, 0], p[:, 2] - axis[2]), np.arctan2(p[:, 0], p[:, 2] - axis[2])
    distance = np.abs((angle[:, None] - a[None] + np.pi) % (2 * np.pi) - np.pi)
    w = np.exp(-((distance / 0.22) ** 2))
    radius = (w * r).sum(1) / w.sum(1)
    return np.stack([np.sin(angle) * radius, np.full(len(angle), axis[1]), axis[2] + np.cos(angle) * radius], 1)


def collar(base: BaseMesh, rest: Array, cloth: Mesh, kind: str, flat: bool = False) -> list[Mesh]:
    """Shirt collar (stand and fold; `flat` under a jacket) or the bunched hood of a hoodie."""
    normal = vertex_normals(cloth.rest, cloth.tri, incidence(cloth.tri, len(cloth.rest)))
    if kind == "shirt":
        gap = 0.30  # half opening at the front (radians)
        angle = np.linspace(gap, 2 * np.pi - gap, 57)
        front = np.abs(np.cos(angle / 2)) ** 2  # 1 at the front, 0 at the nape
        ring = _neck_ring(base, rest, angle, 5.98)
        out_dir = unit(np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], 1))
        down = np.array([0, -1.0, 0])
        near_front = np.exp(-(((np.minimum(angle, 2 * np.pi - angle) - gap) / 0.45) ** 2))
        top = ring + out_dir * 0.010 + down * (0.034 * front - 0.004)[:, None]
        base_line = ring + out_dir * 0.013 + down * (0.026 + 0.052 * front)[:, None]
        fold = top + out_dir * 0.007 + down * 0.004
        size = 0.36 if flat else 1.0
        drop = size * (0.030 + 0.030 * near_front)
        outer = fold + out_dir * (size * (0.018 + 0.010 * near_front))[:, None] + down * drop[:, None]
        outer[:, 0] += np.sign(np.sin(angle)) * 0.016 * size * near_front
        grid = np.array(
            [
                base_line,
                0.5 * (base_line + top) + out_dir * 0.002,
                top,
                fold,
                fold * 0.65 + outer * 0.35 + out_dir * 0.003,
                fold * 0.3 + outer * 0.7,
                outer,
            ]
        )
        grid[4:] = _push_out(grid[4:].reshape(-1, 3), cloth, normal, 0.002 if flat else 0.006).reshape(3, -1, 3)
    else:
        angle = np.linspace(0.45, 2 * np.pi - 0.45, 49)
        front = np.abs(np.cos(angle / 2)) ** 2
        ring = _neck_ring(base, rest, angle, 5.86)
        out_dir = unit(np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], 1))
        thick = 0.010 + 0.024 * (1 - front) ** 0.8
        taper = smoothstep(0, 0.12, np.minimum(angle - 0.45, 2 * np.pi - 0.45 - angle) / np.pi + 0.02)
        thick = thick * (0.35 + 0.65 * taper)
        centre = ring + out_dir * (0.010 + thick)[:, None] + np.array([0, 1.0, 0]) * (0.020 - 0.075 * front)[:, None]
        turn = np.linspace(0, 2 * np.pi, 13)
        grid = np.array(
            [centre + thick[:, None] * (np.cos(t) * out_dir * 1.15 + np.sin(t) * np.array([0, 1.0, 0])) for t in turn]
        )
        grid = grid[::-1] + (_push_out(centre, cloth, normal, thick * 0.7) - centre)[None]
    v = grid.reshape(-1, 3)
    tri = grid_faces(*grid.shape[:2])
    uv = np.stack(
        [
            np.tile(np.linspace(0, 1, grid.shape[1]), grid.shape[0]),
            np.repeat(np.linspace(0, 1, grid.shape[0]), grid.shape[1]),
        ],
        1,
    )
    nearest = cKDTree(cloth.rest).query(v)[1]
    weights = base.weights[np.unique(base.tri["tights"])[nearest]]
    return [
        Mesh(
            "collar",
            v,
            np.stack([v[:, 0] * 10, v[:, 1] * 10, v[:, 2] * 10], 1),
            weights,
            np.full(len(v), -1),
            tri,
            uv,
            tri,
        )
    ]
