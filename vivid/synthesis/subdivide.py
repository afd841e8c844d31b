"""Loop's subdivision of a part of a mesh; the rest of the mesh is only split where the part's new vertices ask for it.

Loop, C.: Smooth subdivision surfaces based on triangles (1987).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Ints = NDArray[np.int64]


def subdivide(
    tri: Ints, texel: NDArray[np.float32], part: NDArray[np.bool_], count: int
) -> tuple[sparse.csr_array, Ints, NDArray[np.float32]]:
    """Split each of the chosen triangles into four and smooth the surface there.

    tri: (F, 3) of `count` vertices; texel: (F, 3, 2), per corner; part: (F,), the chosen ones. Returns (V, count): the
    shares of the old vertices in each of the V new ones (the first `count` are the old ones), and the new triangles
    (G, 3) and texels (G, 3, 2).
    """
    opposite: dict[tuple[int, int], list[int]] = defaultdict(list)
    for face in tri[part].tolist():
        for k in range(3):
            a, b, c = face[k], face[k - 2], face[k - 1]
            opposite[min(a, b), max(a, b)].append(c)
    middle = {edge: count + k for k, edge in enumerate(opposite)}
    rows = sparse.lil_array((count + len(middle), count))
    rows.setdiag(1)
    for (a, b), others in opposite.items():
        here = middle[a, b]
        rows[here, [a, b]] = 3 / 8 if len(others) == 2 else 1 / 2
        if len(others) == 2:
            rows[here, others] = 1 / 8
    neighbours: dict[int, set[int]] = defaultdict(set)
    for a, b in middle:
        neighbours[a].add(b)
        neighbours[b].add(a)
    for v in np.setdiff1d(tri[part], tri[~part]).tolist():
        around = sorted(neighbours[v])
        share = (5 / 8 - (3 / 8 + np.cos(2 * np.pi / len(around)) / 4) ** 2) / len(around)
        rows[v, v] = 1 - len(around) * share
        rows[v, around] = share

    faces: list[list[int]] = []
    corners: list[list[NDArray[np.float32]]] = []
    for face, at in zip(tri.tolist(), texel, strict=True):
        split = [(min(face[k], face[k - 2]), max(face[k], face[k - 2])) for k in range(3)]  # edges k, k + 1
        new = [middle.get(edge) for edge in split]
        v = [*face, *new]
        t = [*at, *((at[k] + at[k - 2]) / 2 for k in range(3))]
        for triangle in _PIECES[new[0] is not None, new[1] is not None, new[2] is not None]:
            faces.append([v[k] for k in triangle])
            corners.append([t[k] for k in triangle])
    return rows.tocsr(), np.array(faces, np.int64), np.array(corners, np.float32)


_PIECES = {
    (False, False, False): [(0, 1, 2)],
    (True, False, False): [(0, 3, 2), (3, 1, 2)],
    (False, True, False): [(0, 1, 4), (0, 4, 2)],
    (False, False, True): [(0, 1, 5), (5, 1, 2)],
    (True, True, False): [(3, 1, 4), (0, 3, 4), (0, 4, 2)],
    (False, True, True): [(4, 2, 5), (0, 1, 4), (0, 4, 5)],
    (True, False, True): [(0, 3, 5), (3, 1, 2), (3, 2, 5)],
    (True, True, True): [(0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)],
}
"""Triangles by which edges have a new vertex: 0 to 2 are the corners, 3 to 5 the middles of edges 01, 12, 20."""
