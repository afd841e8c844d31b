"""Drawable surfaces and small mesh tools."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.sparse as sp

from .basemesh import BaseMesh
from .transforms import Array, smoothstep


@dataclasses.dataclass
class Mesh:
    """One drawable surface.  `source` is the base vertex whose face units apply (-1: none)."""

    part: str
    rest: Array
    canon: Array
    weights: sp.csr_matrix
    source: Array
    tri: Array
    uv: Array
    tri_uv: Array
    layer: float = 0.0
    mask: Array | None = None
    tangent: Array | None = None


def incidence(tri: Array, count: int) -> sp.csr_matrix:
    """(count, faces) matrix that adds face normals to vertices."""
    return sp.csr_matrix(
        (np.ones(tri.size, "f4"), (tri.ravel(), np.repeat(np.arange(len(tri)), 3))), shape=(count, len(tri))
    )


def vertex_normals(v: Array, tri: Array, inc: sp.csr_matrix) -> Array:
    """Area-weighted unit vertex normals."""
    p = v[tri[:, 0]]
    a, b = (v[tri[:, 1]] - p).T, (v[tri[:, 2]] - p).T
    face = np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], 1)
    n = inc @ face
    return n / (np.linalg.norm(n, axis=1, keepdims=True) + 1e-12)


def compact(tri: Array) -> tuple[Array, Array]:
    ids, inverse = np.unique(tri, return_inverse=True)
    return ids, inverse.reshape(tri.shape)


def from_base(base: BaseMesh, rest: Array, part: str, group: str, keep: Array | None = None) -> Mesh:
    """A group of the base mesh as it is; `keep` selects faces."""
    tri, tri_uv = base.tri[group], base.tri_uv[group]
    if keep is not None:
        tri, tri_uv = tri[keep], tri_uv[keep]
    ids, tri = compact(tri)
    return Mesh(part, rest[ids].copy(), base.canon[ids], base.weights[ids], ids, tri, base.uv, tri_uv)


def grid_faces(rows: int, cols: int) -> Array:
    i = np.arange(rows * cols).reshape(rows, cols)
    a, b, c, d = i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


def rigid_weights(base: BaseMesh, rest: Array, head_y: float, chest_y: float) -> sp.csr_matrix:
    """Head bone above `head_y`, upper spine below `chest_y`, blended between."""
    w = smoothstep(chest_y, head_y, rest[:, 1])
    n = len(rest)
    head, chest = base.bones.index("head"), base.bones.index("spine01")
    return sp.csr_matrix(
        (np.concatenate([w, 1 - w]), (np.tile(np.arange(n), 2), np.repeat([head, chest], n))),
        shape=(n, len(base.bones)),
    )
