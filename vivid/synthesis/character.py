"""One identity ready to render: joined mesh, linear-blend skinning, face units, contact fields."""

from __future__ import annotations

import pathlib

import numpy as np
import scipy.sparse as sp

from . import eyewear, garments, hair, hanging_hair, mesh
from .basemesh import QUANTUM, BaseMesh, arm_parameter, load_base
from .identity import make_identity
from .mesh import Mesh
from .rig import Rig, RigPose
from .transforms import Array

PARTS = ("skin", "eye", "teeth", "tongue", "lash", "cloth", "hair", "jacket", "curtain", "collar", "frame", "beard")
DRAW_ORDER = (
    "jacket", "collar", "cloth", "skin", "beard", "hair", "curtain", "eye", "teeth", "tongue", "frame", "lash",
)  # fmt: skip


class Character:
    """`region` 'half' is the whole upper body; 'L' or 'R' only that forearm and hand (for hand crops).

    `spec`: looks and clothes on this body instead of its own (see `make_identity`).
    """

    def __init__(self, identity_file: pathlib.Path | str, region: str = "half", spec: dict | None = None):
        base = load_base()
        data = np.load(identity_file)
        self.base: BaseMesh = base
        self.seed = int(data["seed"])
        self.spec = spec or make_identity(self.seed)
        rest = data["rest"] * QUANTUM
        self.rig = Rig(base, data["heads"] * QUANTUM, data["tails"] * QUANTUM)
        eyes = np.unique(base.tri["eyes"])
        spacing = [
            np.linalg.norm(p[eyes][base.canon[eyes, 0] > 0].mean(0) - p[eyes][base.canon[eyes, 0] < 0].mean(0))
            for p in (rest, base.canon)
        ]
        self.unit_scale = spacing[0] / (spacing[1] * 0.1)
        self.full_rest = rest
        self.unit_index = {n: i for i, n in enumerate(base.unit_names)}
        self._join(self._build(rest, region))

    # ------------------------------------------------------------------ construction
    def _build(self, rest: Array, region: str) -> list[Mesh]:
        base, spec = self.base, self.spec
        clothes, style = spec["clothes"], spec["hair"]
        canon, arm = base.canon, arm_parameter(base.canon)
        hidden = garments.covered(0, clothes, canon, arm, 0.28) | garments.covered(1, clothes, canon, arm, 0.28)
        body = base.tri["body"]
        keep = ~hidden[body].all(1)
        if region != "half":
            side = np.sign(canon[:, 0]) == (1 if region == "L" else -1)
            keep &= (side & (arm > 1.05))[body].all(1)
            out = [mesh.from_base(base, rest, "skin", "body", keep)]
            for p in garments.garments(base, rest, clothes):
                if p.layer > 0.5:
                    continue
                a = arm_parameter(p.canon)
                faces = ((np.sign(p.canon[:, 0]) == (1 if region == "L" else -1)) & (a > 1.05))[p.tri].all(1)
                p.tri, p.tri_uv = p.tri[faces], p.tri_uv[faces]
                out.append(p)
            return out
        cloth = garments.garments(base, rest, clothes)
        out = [mesh.from_base(base, rest, "skin", "body", keep)] + cloth
        out += [
            mesh.from_base(base, rest, part, group)
            for part, group in (("eye", "eyes"), ("teeth", "teeth"), ("tongue", "tongue"), ("lash", "lashes"))
        ]
        out += hair.scalp_hair(base, rest, style)
        chin_y = rest[base.keypoints["face68"][8], 1]
        if "curtain" in style or style.get("bun"):
            field = hanging_hair.BodyField(base, rest, cloth)
            if "curtain" in style:
                out += hanging_hair.curtain(base, rest, style, field, float(chin_y), float(self.unit_scale))
            else:
                out += hanging_hair.hair_bun(base, field, style["seed"] > 2.0)
        if spec["beard"]:
            out += hair.beard(base, rest, spec["beard_length"])
        if clothes["collar"] != "none":
            out += garments.collar(base, rest, cloth[0], clothes["collar"], bool(clothes["has_garm"][1]))
        if spec["glasses"] != "none":
            out += eyewear.glasses(base, rest, spec["glasses"])
        return out

    def _join(self, parts: list[Mesh]) -> None:
        parts = [p for p in parts if len(p.tri)]
        parts.sort(key=lambda p: (DRAW_ORDER.index(p.part), -p.layer))
        offset = np.cumsum([0] + [len(p.rest) for p in parts])
        source = np.concatenate([p.source for p in parts])
        rest = np.concatenate([p.rest for p in parts])
        canon = np.concatenate([p.canon for p in parts])
        weights = sp.vstack([p.weights for p in parts]).tocsr()
        tri = np.concatenate([p.tri + o for p, o in zip(parts, offset[:-1], strict=True)])
        used = np.unique(tri)
        remap = -np.ones(len(rest), int)
        remap[used] = np.arange(len(used))
        self.tri = remap[tri]
        self.source, self.rest, canon = source[used], rest[used].astype("f4"), canon[used]
        self.weights = weights[used].astype("f4")
        self.incidence = mesh.incidence(self.tri, len(used))
        # face units of the vertices they move
        position = -np.ones(len(self.base.canon), int)
        position[self.base.unit_vertices] = np.arange(len(self.base.unit_vertices))
        moved = np.where(self.source >= 0, position[np.maximum(self.source, 0)], -1)
        self.unit_rows = np.where(moved >= 0)[0]
        deltas = self.base.unit_deltas[:, moved[self.unit_rows]] * self.unit_scale
        self.unit_basis = deltas.reshape(len(deltas), -1).astype("f4")
        # render vertices: unique (piece, vertex, uv)
        corner = np.concatenate(
            [
                np.stack([np.full(p.tri.size, i), remap[(p.tri + o).ravel()], p.tri_uv.ravel()], 1)
                for i, (p, o) in enumerate(zip(parts, offset[:-1], strict=True))
            ]
        )
        key, index = np.unique(corner, axis=0, return_inverse=True)
        piece_id, self.render_vertex = key[:, 0], key[:, 1]
        self.index = index.ravel().astype("i4")
        self.ranges: list[list] = []  # [part, first index, index count]
        first = 0
        for p in parts:
            if self.ranges and self.ranges[-1][0] == p.part:
                self.ranges[-1][2] += p.tri.size
            else:
                self.ranges.append([p.part, first, p.tri.size])
            first += p.tri.size
        n = len(key)
        uv = np.concatenate([p.uv[key[piece_id == i, 2]] for i, p in enumerate(parts)])
        layer = np.array([p.layer for p in parts], "f4")[piece_id]
        arm = arm_parameter(canon)[self.render_vertex]
        mask, tangent = np.zeros(n, "f4"), np.zeros((n, 3), "f4")
        local = used[self.render_vertex] - offset[piece_id]
        for i, p in enumerate(parts):
            if p.mask is not None and p.tangent is not None:
                mask[piece_id == i] = p.mask[local[piece_id == i]]
                tangent[piece_id == i] = p.tangent[local[piece_id == i]]
        is_skin = np.array([p.part == "skin" for p in parts])[piece_id]
        rest_normal = mesh.vertex_normals(canon.astype("f4"), self.tri, self.incidence)
        tangent[is_skin] = rest_normal[self.render_vertex[is_skin]]  # the shader recognises palms by it
        self.static = np.concatenate(
            [canon[self.render_vertex], uv, arm[:, None], layer[:, None], mask[:, None], tangent], 1
        ).astype("f4")
        self.part_of = np.array([PARTS.index(p.part) for p in parts])[piece_id]
        skin_vertices = np.unique(self.render_vertex[is_skin])
        a = arm_parameter(canon[skin_vertices])
        x = canon[skin_vertices, 0]
        self.hand_vertices = {
            "L": skin_vertices[(a > 2.02) & (x > 0)],
            "R": skin_vertices[(a > 2.02) & (x < 0)],
        }
        on_head = np.isin(self.part_of, [PARTS.index(k) for k in ("skin", "hair")]) & (
            canon[self.render_vertex, 1] > 6.1
        )
        self.head_vertices = np.unique(self.render_vertex[on_head & (arm <= 0)])
        lookup: dict[int, int] = {}
        order = np.argsort(~np.isin(np.arange(len(used)), skin_vertices), kind="stable")  # prefer skin copies
        for i in order:
            lookup.setdefault(int(self.source[i]), int(i))
        self.vertex_of_base = lookup

    # ------------------------------------------------------------------ animation
    def skin(self, pose: RigPose, face: dict[str, float]) -> Array:
        """Posed (render vertices, 6) positions and normals; also fills `vertices`."""
        self.rig.solve(pose)
        return self.skin_solved(face)

    def skin_solved(self, face: dict[str, float]) -> Array:
        """Like `skin` for a rig that is already solved."""
        v = self.rest.copy()
        if len(self.unit_rows) and face:
            w = np.zeros(len(self.unit_basis), "f4")
            for name, value in face.items():
                w[self.unit_index[name]] = value
            v[self.unit_rows] += (w @ self.unit_basis).reshape(-1, 3)
        rot, pos, heads = self.rig.rotation, self.rig.position, self.rig.heads
        shift = pos - np.einsum("nij,nj->ni", rot, heads)
        m = self.weights @ np.concatenate([rot, shift[:, :, None]], 2).reshape(len(rot), 12).astype("f4")
        x, y, z = v[:, 0], v[:, 1], v[:, 2]
        self.vertices = np.stack(
            [m[:, 4 * i] * x + m[:, 4 * i + 1] * y + m[:, 4 * i + 2] * z + m[:, 4 * i + 3] for i in range(3)],
            1,
        )
        n = mesh.vertex_normals(self.vertices, self.tri, self.incidence)
        return np.concatenate([self.vertices[self.render_vertex], n[self.render_vertex]], 1).astype("f4")
