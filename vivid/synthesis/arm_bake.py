"""Bakes `assets/layered/arms.npz`: one arm of the rendered people's mesh in several builds, with its skin's texture.

python -m vivid.synthesis.arm_bake

The code that moves photographs at run time reads only this file: it needs neither scipy nor the people's other 3 MiB.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..generators.layered.arm_mesh import BONES, BUILDS, FILE, arm_of
from .arm_skin import ATLAS, skin_factors
from .basemesh import ASSETS, QUANTUM, BaseMesh, arm_parameter, load_base
from .subdivide import subdivide

PEOPLE = {"slim": 2, "average": 8, "broad": 10}
"""Which of the rendered people has which build: their fingers are 0.094, 0.100 and 0.104 palms thick."""
SIDE = "L"
ELBOW = (0.74, 1.36)
"""The part of the arm whose surface is subdivided: the triangles of a bent elbow would be seen."""
_GROUPS = {
    "upperarm01": 0, "upperarm02": 0, "shoulder01": 0, "clavicle": 0, "lowerarm01": 1, "lowerarm02": 2, "wrist": 3,
    **{f"metacarpal{k}": 3 for k in range(1, 5)},
    **{f"finger{j + 1}-{k + 1}": 4 + 3 * j + k for j in range(5) for k in range(3)},
}  # fmt: skip


def bake() -> dict[str, NDArray]:
    """Every array of the file, by name."""
    base = load_base()
    along = arm_parameter(base.canon)
    keep = (base.canon[:, 0] > 0) & (along > 0.02)
    chosen = keep[base.tri["body"]].all(1)
    ids, tri = np.unique(base.tri["body"][chosen], return_inverse=True)
    tri = tri.reshape(-1, 3)
    uv = base.uv[base.tri_uv["body"][chosen]] * [1, -1] + [0, 1]  # (F, 3, 2)
    texel = uv * ATLAS
    shift = np.floor(texel.reshape(-1, 2).min(0)).astype(int) - 8
    texel -= shift
    size = np.ceil(texel.reshape(-1, 2).max(0)).astype(int) + 8

    weights = np.zeros((len(ids), BONES))
    dense = base.weights[ids].toarray()
    for k, name in enumerate(base.bones):
        weights[:, _GROUPS.get(name[:-2], 0) if name.endswith("." + SIDE) else 0] += dense[:, k]
    weights /= weights.sum(1, keepdims=True)

    places = along[ids][tri]
    elbow = (places.min(1) > ELBOW[0]) & (places.max(1) < ELBOW[1])
    shares, tri, texel = subdivide(tri, texel.astype(np.float32), elbow, len(ids))
    arrays: dict[str, NDArray] = {
        "tri": tri.astype(np.int16),
        "texel": texel.astype(np.float32),
        "along": (shares @ along[ids]).astype(np.float32),
        "weights": (shares @ weights).astype(np.float32),
        "nail": (shares @ _nails(base)[ids]).astype(np.float32),
    }
    for build in BUILDS:
        arrays |= {f"{build}_{name}": value for name, value in _person(base, ids, shares, PEOPLE[build]).items()}
    arrays["skin"] = skin_factors(arm_of(arrays, 0, "average"), arrays["texel"], _nail_texels(base, shift, size))
    return arrays


def _person(base: BaseMesh, ids: NDArray, shares: sparse.csr_array, identity: int) -> dict[str, NDArray]:
    """One person's left arm in palms (wrist to middle knuckle), the wrist at the origin."""
    with np.load(ASSETS / f"{identity:06d}.npz") as data:
        rest, heads, tails = (data[name] * QUANTUM for name in ("rest", "heads", "tails"))
    index = {name: k for k, name in enumerate(base.bones)}

    def head(name: str) -> NDArray:
        return heads[index[f"{name}.{SIDE}"]]

    wrist = head("wrist")
    unit = np.linalg.norm(head("finger3-1") - wrist)
    joints = np.array(
        [[head(f"finger{j}-{k}") for k in (1, 2, 3)] + [tails[index[f"finger{j}-3.{SIDE}"]]] for j in range(1, 6)]
    )
    points = {
        "rest": shares @ rest[ids], "shoulder": head("upperarm01"), "elbow": head("lowerarm01"), "joints": joints,
    }  # fmt: skip
    points = {name: (value - wrist) / unit for name, value in points.items()}
    return {name: value.astype(np.float32) for name, value in points.items()}


def _nails(base: BaseMesh) -> NDArray:
    """(V,) 0..1: how much of every vertex is fingernail."""
    mask = base.masks["fingernails"]
    size = mask.shape[0]
    v, t = base.tri["body"].ravel(), base.tri_uv["body"].ravel()
    row, column = ((1 - base.uv[t, 1]) * size).astype(int), (base.uv[t, 0] * size).astype(int)
    nail = np.zeros(len(base.canon))
    np.maximum.at(nail, v, mask[row.clip(0, size - 1), column.clip(0, size - 1)] / 255.0)
    return nail


def _nail_texels(base: BaseMesh, shift: NDArray, size: NDArray) -> NDArray[np.float32]:
    """(h, w) 0..1: the same in the texture, whose corner lies at `shift` (2,) in the body's."""
    whole = cv2.resize(base.masks["fingernails"], (ATLAS, ATLAS), interpolation=cv2.INTER_CUBIC)
    (x, y), (w, h) = shift, size
    return whole[y : y + h, x : x + w].astype(np.float32) / 255


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(FILE, **bake())
    print(f"{FILE}: {FILE.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
