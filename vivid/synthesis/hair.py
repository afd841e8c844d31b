"""Short hair, caps under hanging hair and beards: concentric shells that the shader cuts into strands."""

from __future__ import annotations

import numpy as np

from .basemesh import BaseMesh, vertex_mask
from .mesh import Mesh, compact, incidence, vertex_normals
from .transforms import Array, smoothstep, unit

HAIRLINE_ANGLE = np.array([0, 0.35, 0.75, 1.02, 1.25, 1.45, 1.75, 2.1, 2.5, 3.15])


HAIRLINES = {  # canonical height of the hairline at the angles above (0 = front)
    "std": [7.98, 7.99, 7.92, 7.72, 7.25, 7.30, 7.38, 6.95, 6.62, 6.50],
    "receding": [8.10, 8.14, 8.00, 7.80, 7.30, 7.32, 7.40, 6.95, 6.62, 6.52],
    "soft": [7.93, 7.94, 7.87, 7.66, 7.18, 7.28, 7.38, 6.90, 6.55, 6.35],
    "crop": [7.97, 7.98, 7.93, 7.75, 7.42, 7.45, 7.45, 7.15, 6.95, 6.85],
}


def scalp_mask(base: BaseMesh, line: str) -> Array:
    """1 on the hairy scalp, fading to 0 at the hairline and the ears."""
    c = base.canon
    angle = np.abs(np.arctan2(c[:, 0], c[:, 2] - 0.45))
    m = smoothstep(-0.064, 0.16, c[:, 1] - np.interp(angle, HAIRLINE_ANGLE, HAIRLINES[line]))
    ears = vertex_mask(base, "ears")
    return m * (1 - smoothstep(0.2, 0.6, ears)) * (c[:, 1] > 6.2) * (np.abs(c[:, 0]) < 1.0)


def _shells(
    base: BaseMesh,
    rest: Array,
    select: Array,
    mask: Array,
    tangent: Array,
    thickness: Array,
    layers: int,
    lean: float,
    lump: Array,
) -> list[Mesh]:
    """Concentric copies of part of the skin; the shader cuts strands out of them."""
    faces = (mask[base.tri["body"]].sum(1) > 0.02) & select[base.tri["body"]].all(1)
    tri_all = base.tri["body"]
    normal = vertex_normals(rest, tri_all, incidence(tri_all, len(rest)))
    ids, tri = compact(tri_all[faces])
    t_dir = tangent[ids] - normal[ids] * (tangent[ids] * normal[ids]).sum(1, keepdims=True)
    t_dir = unit(t_dir)
    out = []
    for k in range(layers):
        t = (k + 0.3) / layers
        height = thickness[ids] * t * (0.25 + 0.75 * smoothstep(0, 0.9, mask[ids])) * (1 + lump[ids])
        v = rest[ids] + normal[ids] * height[:, None] + t_dir * (thickness[ids] * lean * t * t)[:, None]
        out.append(
            Mesh(
                "hair",
                v,
                base.canon[ids],
                base.weights[ids],
                ids,
                tri,
                base.uv,
                base.tri_uv["body"][faces],
                layer=t,
                mask=mask[ids],
                tangent=t_dir,
            )
        )
    return out


def scalp_hair(base: BaseMesh, rest: Array, hair: dict) -> list[Mesh]:
    """Short hair, or the cap under hanging hair."""
    if hair["style"] == "bald":
        return []
    c = base.canon
    mask = scalp_mask(base, hair["line"])
    top = smoothstep(7.3, 8.3, c[:, 1])
    thickness = hair["vol"][0] * (1 - top) + hair["vol"][1] * top
    tangent = np.tile(np.array(hair["comb"], float), (len(c), 1))
    tangent[:, 0] += np.sign(c[:, 0]) * hair["side"]
    s = hair["seed"]
    lump = hair["lump"] * np.sin(c[:, 0] * 9 + 1.3 * s) * np.sin(c[:, 1] * 7 + 2) * np.sin(c[:, 2] * 8 + 0.7)
    return _shells(base, rest, c[:, 1] > 6.2, mask, tangent, thickness, hair["layers"], hair["lean"], lump)


def beard(base: BaseMesh, rest: Array, length: float) -> list[Mesh]:
    """Shells over the lower face; the shader cuts moustache, goatee or full beard out of them (`whiskers`)."""
    c = base.canon
    inside = vertex_mask(base, "inside-mouth")
    region = (c[:, 1] > 5.9) & (c[:, 1] < 7.35) & (c[:, 2] > 0.2) & (np.abs(c[:, 0]) < 0.9) & (inside < 0.2)
    tangent = np.tile([0.0, -1.0, 0.1], (len(c), 1))
    height = length * smoothstep(6.95, 6.75, c[:, 1]) * 0.6 + length * 0.4
    pieces = _shells(base, rest, region, np.ones(len(c)), tangent, height, 7, 0.9, np.zeros(len(c)))
    for piece in pieces:
        piece.part = "beard"
    return pieces
