"""Hair that hangs from a parting, fringes and buns."""

from __future__ import annotations

import numpy as np

from .basemesh import BaseMesh
from .mesh import Mesh, grid_faces, rigid_weights
from .transforms import Array, slerp, smoothstep, unit


class BodyField:
    """Radius of the head by direction and depth of the dressed torso, from vertex bins."""

    def __init__(self, base: BaseMesh, rest: Array, cloth: list[Mesh]):
        c = base.canon
        skull = np.unique(base.tri["body"])
        skull = skull[(c[skull, 1] > 6.1) & (np.abs(c[skull, 0]) < 1.1)]
        high = skull[c[skull, 1] > 7.2]
        self.centre = np.array(
            [
                0.0,
                rest[high[np.argmin(np.abs(c[high, 1] - 7.55))], 1],
                (rest[high, 2].min() + rest[high, 2].max()) / 2,
            ]
        )
        tri = base.tri["body"]
        tri = tri[np.isin(tri, skull).all(1)]
        dense = [
            rest[tri[:, i]] * a + rest[tri[:, j]] * b + rest[tri[:, k]] * (1 - a - b)
            for i, j, k in ((0, 1, 2),)
            for a, b in ((1, 0), (0, 1), (0, 0), (0.34, 0.33), (0.5, 0.5), (0.5, 0), (0, 0.5))
        ]
        points = np.concatenate(dense) - self.centre
        r = np.linalg.norm(points, axis=1)
        azimuth = ((np.degrees(np.arctan2(points[:, 0], points[:, 2])) + 180) / 6).astype(int) % 60
        elevation = np.clip(((np.degrees(np.arcsin(points[:, 1] / r)) + 90) / 6).astype(int), 0, 29)
        table = np.zeros((60, 30))
        np.maximum.at(table, (azimuth, elevation), r)
        self.radius_table = self._smooth(self._fill(table))
        self.torso = np.concatenate([p.rest for p in cloth if p.part in ("cloth", "jacket")] + [rest[skull]])
        x, y = np.round(self.torso[:, 0] * 60).astype(int), np.round(self.torso[:, 1] * 60).astype(int)
        self.front, self.back = np.full((121, 121), -9.0), np.full((121, 121), 9.0)
        np.maximum.at(self.front, (np.clip(x + 60, 0, 120), np.clip(y + 60, 0, 120)), self.torso[:, 2])
        np.minimum.at(self.back, (np.clip(x + 60, 0, 120), np.clip(y + 60, 0, 120)), self.torso[:, 2])
        for _ in range(2):
            for grid, pick in ((self.front, np.maximum), (self.back, np.minimum)):
                for axis in (0, 1):
                    grid[:] = pick(grid, pick(np.roll(grid, 1, axis), np.roll(grid, -1, axis)))

    @staticmethod
    def _fill(table: Array) -> Array:
        for _ in range(30):
            empty = table == 0
            if not empty.any():
                break
            grown = np.maximum(np.roll(table, 1, 0), np.roll(table, -1, 0))
            padded = np.pad(table, ((0, 0), (1, 1)), mode="edge")
            grown = np.maximum(grown, np.maximum(padded[:, :-2], padded[:, 2:]))
            table = np.where(empty, grown, table)
        return table

    @staticmethod
    def _smooth(table: Array) -> Array:
        for _ in range(2):
            table = (np.roll(table, 1, 0) + 2 * table + np.roll(table, -1, 0)) / 4
            p = np.pad(table, ((0, 0), (1, 1)), mode="edge")
            table = (p[:, :-2] + 2 * table + p[:, 2:]) / 4
        return table

    def radius(self, direction: Array) -> Array:
        """Head radius along unit directions (n, 3), bilinear."""
        a = (np.degrees(np.arctan2(direction[:, 0], direction[:, 2])) + 180) / 6 - 0.5
        e = np.clip((np.degrees(np.arcsin(np.clip(direction[:, 1], -1, 1))) + 90) / 6 - 0.5, 0, 28.999)
        a0, e0 = np.floor(a).astype(int), np.floor(e).astype(int)
        fa, fe = a - a0, e - e0
        t = self.radius_table
        lo = t[a0 % 60, e0] * (1 - fa) + t[(a0 + 1) % 60, e0] * fa
        hi = t[a0 % 60, e0 + 1] * (1 - fa) + t[(a0 + 1) % 60, e0 + 1] * fa
        return lo * (1 - fe) + hi * fe

    def depth(self, p: Array) -> tuple[Array, Array]:
        """Front and back z of the dressed body at the (x, y) of points; -9 / 9 where there is none."""
        x = np.clip(np.round(p[:, 0] * 60).astype(int) + 60, 0, 120)
        y = np.clip(np.round(p[:, 1] * 60).astype(int) + 60, 0, 120)
        return self.front[x, y], self.back[x, y]


def curtain(base: BaseMesh, rest: Array, hair: dict, field: BodyField, chin_y: float, unit_scale: float) -> list[Mesh]:
    """Hair that starts at a parting, wraps the skull and hangs down, resting on the dressed torso."""
    spec = hair["curtain"]
    rng = np.random.default_rng(int(hair["seed"] * 1000))
    end_y = field.centre[1] - (7.55 - spec["end"]) * 0.1 * unit_scale
    cols, top_rows = 30, 15
    fall_rows = int(np.clip((field.centre[1] - end_y) / 0.011, 8, 32))
    layers = 4
    out = []
    for side in (-1, 1):
        u = np.linspace(0, 1, cols)
        elevation = np.radians(27 + 90 * smoothstep(0, 0.55, u) ** 0.8)
        start = np.stack([np.zeros(cols), np.sin(elevation), np.cos(elevation)], 1)
        start[:, 0] = 0.35 * spec["part"] * (1 - 0.6 * u)
        edge = np.radians(62)
        azimuth = edge + (np.pi + 0.12 - edge) * u**0.9
        stop = np.stack([side * np.sin(azimuth), np.zeros(cols), np.cos(azimuth)], 1)
        start, stop = unit(start), unit(stop)
        arch = np.stack(
            [
                side * np.sin(azimuth * 0.66) * np.cos(elevation * 0.9),
                np.sin(elevation * 0.95),
                np.cos(azimuth * 0.66) * np.cos(elevation * 0.9),
            ],
            1,
        )  # lifts the front over the temples
        middle = unit(arch + (slerp(start, stop, 0.5) - arch) * smoothstep(0.1, 0.6, u)[:, None])
        jitter = rng.normal(0, 1, cols)
        phase = hair["seed"] + 0.5 * jitter + np.linspace(0, 4, cols)
        for k in range(layers):
            t_layer = (k + 1) / layers
            thick = (0.008 + 0.009 * t_layer) * spec["volume"]
            rows = []
            for r in range(top_rows):
                t = r / (top_rows - 1)
                d = slerp(slerp(start, middle, t), slerp(middle, stop, t), t)
                swell = 0.35 + 0.65 * np.sin(np.pi * min(t * 0.75 + 0.12, 1.0)) + 0.25 * t
                rows.append(field.centre + d * (field.radius(d) + thick * swell)[:, None])
            p = rows[-1].copy()
            outward = unit(p - field.centre)
            length = field.centre[1] - end_y
            for r in range(1, fall_rows + 1):
                f = r / fall_rows
                p = p.copy()
                p[:, 1] -= length / fall_rows * (1 + 0.03 * jitter)
                below = np.clip((field.centre[1] - 0.02 - p[:, 1]) / max(length, 0.05), 0, 1)
                p += outward * (spec["bend"] * 0.012 * below + 0.0016 * (f < 0.35))[:, None]
                ahead = azimuth < np.radians(96)
                sway = 0.0035 * spec["wave"] * np.sin(f * length * 55 + phase) * min(1, f * 2)
                p += outward * sway[:, None]
                p[:, 0] -= side * 0.0012 * (ahead & (f > 0.35)) * (p[:, 1] > chin_y - 0.05)
                # cover the ears: the front columns hang as far out as the widest one
                widest = np.abs(p[azimuth < np.radians(112), 0]).max() * 0.985
                cover = smoothstep(0, 0.035, field.centre[1] - p[:, 1]) * smoothstep(
                    chin_y - 0.02, chin_y + 0.03, p[:, 1]
                )
                cover = cover * (azimuth < np.radians(112))
                p[:, 0] = side * np.where(
                    p[:, 0] * side < widest,
                    p[:, 0] * side + (widest - p[:, 0] * side) * cover,
                    p[:, 0] * side,
                )
                # front locks spread inwards again below the chin
                share = np.clip((azimuth - edge) / (np.radians(96) - edge), 0, 1)
                pull = 0.16 * ahead * smoothstep(chin_y + 0.01, chin_y - 0.03, p[:, 1])
                p[:, 0] += (side * widest * (0.60 + 0.42 * share) - p[:, 0]) * pull
                # stay outside the head, then outside the dressed torso
                rel = p - field.centre
                dist = np.linalg.norm(rel, axis=1)
                need = field.radius(rel / dist[:, None]) + thick * 0.75
                head_zone = p[:, 1] > chin_y - 0.01
                p = np.where((head_zone & (dist < need))[:, None], field.centre + rel * (need / dist)[:, None], p)
                front, back = field.depth(p)
                low = p[:, 1] < chin_y + 0.02
                z = p[:, 2]
                z = np.where(low & ahead & (front > -5), np.maximum(z, front + 0.004 + thick * 0.6), z)
                z = np.where(low & ~ahead & (back < 5), np.minimum(z, back - 0.004 - thick * 0.6), z)
                p[:, 2] = z
                rows.append(p)
            grid = np.array(rows)
            n_rows = len(grid)
            for _ in range(2):  # relax kinks of the torso contact
                grid[top_rows:-1] = (grid[top_rows - 1 : -2] + 2 * grid[top_rows:-1] + grid[top_rows + 1 :]) / 4
            v = grid.reshape(-1, 3)
            tangent = np.gradient(grid, axis=0).reshape(-1, 3)
            tri = grid_faces(n_rows, cols)
            if side > 0:
                tri = tri[:, ::-1]
            size = np.linalg.norm(v[tri] - v[np.roll(tri, 1, 1)], axis=2).max(1)
            tri = tri[size < 0.13]
            down = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(grid, axis=0), axis=2).mean(1))])
            uv = np.stack([np.tile(azimuth * 0.105 * side + 3 * (side > 0), n_rows), np.repeat(down, cols)], 1)
            left = np.repeat(1 - np.arange(n_rows) / (n_rows - 1), cols)  # 1 at the root, 0 at the tip
            front_edge = np.tile(np.minimum(1, u * 9 + 0.02), n_rows)
            mask = np.stack([left, front_edge], 1)
            weights = rigid_weights(base, v, chin_y, chin_y - 0.12)
            canon = np.stack([v[:, 0] * 10, mask[:, 0], mask[:, 1]], 1)  # shader reads (x, left, edge)
            out.append(
                Mesh(
                    "curtain",
                    v,
                    canon,
                    weights,
                    np.full(len(v), -1),
                    tri,
                    uv,
                    tri,
                    layer=t_layer,
                    mask=left,
                    tangent=unit(tangent),
                )
            )
    if spec["fringe"]:
        out += _fringe(base, field, spec, rng)
    return out


def _fringe(base: BaseMesh, field: BodyField, spec: dict, rng: np.random.Generator) -> list[Mesh]:
    """Front hair that falls over the forehead to just above the brows."""
    cols, n_rows, out = 22, 12, []
    azimuth = np.radians(np.linspace(-58, 58, cols))
    low = np.radians(3 - 4 * (np.abs(azimuth) / 1.0) ** 2 + rng.normal(0, 0.8, cols))
    stop = np.stack([np.sin(azimuth) * np.cos(low), np.sin(low), np.cos(azimuth) * np.cos(low)], 1)
    start = unit(np.stack([np.sin(azimuth) * 0.35 + 0.2 * spec["part"], np.full(cols, 0.95), np.full(cols, 0.30)], 1))
    for k in range(3):
        t_layer = (k + 1) / 3
        thick = (0.006 + 0.010 * t_layer) * spec["volume"]
        grid = np.array(
            [
                field.centre + d * (field.radius(d) + thick * (0.8 + 0.5 * np.sin(np.pi * t)))[:, None]
                for t in np.linspace(0, 1, n_rows)
                for d in (slerp(start, stop, t),)
            ]
        )
        v = grid.reshape(-1, 3)
        down = np.linspace(0, 0.12, n_rows)
        uv = np.stack([np.tile(azimuth * 0.105 + 7, n_rows), np.repeat(down, cols)], 1)
        left = np.repeat(1 - np.arange(n_rows) / (n_rows - 1), cols)
        edge = np.tile(np.minimum(1, (1 - np.abs(np.linspace(-1, 1, cols))) * 6 + 0.02), n_rows)
        canon = np.stack([v[:, 0] * 10, left, edge], 1)
        out.append(
            Mesh(
                "curtain",
                v,
                canon,
                rigid_weights(base, v, -1.0, -2.0),
                np.full(len(v), -1),
                grid_faces(n_rows, cols),
                uv,
                grid_faces(n_rows, cols),
                layer=t_layer,
                mask=left,
                tangent=unit(np.gradient(grid, axis=0).reshape(-1, 3)),
            )
        )
    return out


def hair_bun(base: BaseMesh, field: BodyField, high: bool) -> list[Mesh]:
    """A knot on top or at the back of the head."""
    lat, lon = 12, 20
    a, b = np.meshgrid(np.linspace(0, np.pi, lat), np.linspace(0, 2 * np.pi, lon), indexing="ij")
    ball = np.stack([np.sin(a) * np.cos(b), np.cos(a), np.sin(a) * np.sin(b)], -1)
    d = unit(np.array([[0, 1.0, -0.35]])) if high else unit(np.array([[0, 0.25, -1.0]]))
    centre = field.centre + d[0] * (field.radius(d)[0] + 0.018)
    out = []
    for t in (0.5, 0.75, 1.0):
        v = centre + ball.reshape(-1, 3) * np.array([0.044, 0.034, 0.040]) * (0.86 + 0.14 * t)
        tangent = np.gradient(ball, axis=1).reshape(-1, 3) + [0.2, 0.1, 0]
        uv = np.stack([a.ravel() * 0.06, b.ravel() * 0.05], 1)
        canon = np.stack([v[:, 0] * 10, np.full(len(v), 0.8), np.ones(len(v))], 1)
        out.append(
            Mesh(
                "curtain",
                v,
                canon,
                rigid_weights(base, v, -1.0, -2.0),
                np.full(len(v), -1),
                grid_faces(lat, lon)[:, ::-1],
                uv,
                grid_faces(lat, lon)[:, ::-1],
                layer=t,
                mask=np.full(len(v), 0.8),
                tangent=unit(tangent),
            )
        )
    return out
