"""One arm as a mesh: geometry, skeleton and skinning, in units of the palm (wrist to middle knuckle).

Axes: x to the right of the picture, y up, z towards the camera; the wrist is the origin at rest. Bones: 0 upper arm,
1 forearm near the elbow, 2 forearm near the wrist, 3 hand, 4 + 3 j + k phalanx k of finger j (thumb first). The mesh is
that of the rendered people (CC0); `python -m vivid.synthesis.arm_bake` writes the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Build = Literal["slim", "average", "broad"]

FILE = Path(__file__).resolve().parents[3] / "assets" / "layered" / "arms.npz"
BUILDS: tuple[Build, ...] = ("slim", "average", "broad")
BONES = 19
MIRROR = np.array([-1.0, 1.0, 1.0])
FLIP = np.array([1.0, -1.0, 1.0])
"""From the model's axes (y up) to the picture's (y down), and back."""


@dataclass(frozen=True, eq=False)
class ArmModel:
    """side: 0 the person's left; rest (V, 3); tri (F, 3); weights (V, BONES); along (V,): 0 shoulder, 1 elbow, 2 wrist;
    palm, nail (V,) in 0..1; shoulder, elbow (3,); joints (5, 4, 3) of the fingers; axes (5, 3) of bending;
    normal (3,) pointing out of the palm; texel (F, 3, 2): corners in the skin's texture `skin` (h, w, 3) RGB."""

    side: int
    rest: Floats
    tri: NDArray[np.int64]
    weights: Floats
    along: Floats
    palm: Floats
    nail: Floats
    shoulder: Floats
    elbow: Floats
    joints: Floats
    axes: Floats
    normal: Floats
    texel: NDArray[np.float32]
    skin: NDArray[np.uint8]


@lru_cache
def load_arm(side: int, build: Build = "average") -> ArmModel:
    """The arm of one side (0: the person's left) and build."""
    return arm_of(_arrays(), side, build)


@lru_cache(1)
def _arrays() -> dict[str, NDArray]:
    with np.load(FILE, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def arm_of(arrays: Mapping[str, NDArray], side: int, build: Build) -> ArmModel:
    """An arm from the arrays of the file; the right one is the left one's mirror image."""
    mirror = MIRROR if side else np.ones(3)
    rest, shoulder, elbow, joints = (
        arrays[f"{build}_{name}"].astype(float) * mirror for name in ("rest", "shoulder", "elbow", "joints")
    )
    order = [0, 2, 1] if side else [0, 1, 2]
    tri = arrays["tri"].astype(np.int64)[:, order]
    along = arrays["along"].astype(float)
    across = joints[4, 0] - joints[1, 0]
    normal = np.cross(joints[1, 0], joints[4, 0]) * (1 if side else -1)
    normal /= np.linalg.norm(normal)
    out = joints[:, 3] - joints[:, 0]
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    # fingers bend about the knuckles' line, the thumb across the palm
    axes = np.cross(out, normal)
    beside = np.cross(normal, out[0]) * (-1 if side else 1)
    axes[0] = np.cross(out[0], 0.2 * beside + across / np.linalg.norm(across) + 0.55 * normal)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    palm = np.clip((normals_of(rest, tri) @ normal - 0.1) / 0.6, 0, 1) * np.clip((along - 1.95) / 0.1, 0, 1)
    return ArmModel(
        side, rest, tri, arrays["weights"].astype(float), along, palm, arrays["nail"].astype(float), shoulder, elbow,
        joints, axes, normal, arrays["texel"][:, order], arrays.get("skin", np.zeros((1, 1, 3), np.uint8)),
    )  # fmt: skip


def normals_of(verts: Floats, tri: NDArray[np.int64]) -> Floats:
    """Area-weighted unit normals (V, 3) of vertices (V, 3)."""
    a, b, c = (verts[tri[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    out = np.stack([np.bincount(tri.ravel(), np.repeat(face[:, k], 3), len(verts)) for k in range(3)], 1)
    return out / (np.linalg.norm(out, axis=1, keepdims=True) + 1e-12)


def rotation_between(a: Floats, b: Floats) -> Floats:
    """The smallest rotation (3, 3) that takes direction a (3,) to direction b (3,)."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    v, c = np.cross(a, b), float(a @ b)
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + k + k @ k / (1 + c + 1e-9)


def about(axis: Floats, angle: float) -> Floats:
    """Rotation (3, 3) about a unit axis (3,)."""
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def _stretch(rest: Floats, now: Floats) -> Floats:
    """(3, 3): lengthen along `rest` to the length of `now`."""
    return np.eye(3) + np.outer(rest, rest) / (rest @ rest) * (np.linalg.norm(now) / np.linalg.norm(rest) - 1)


def pose_arm(
    arm: ArmModel, turn: Floats, fingers: Floats, shoulder: Floats, elbow: Floats, wrist: Floats, palm: float
) -> Floats:
    """Skinned vertices (V, 3) in pixels: x right, y down, z towards the camera.

    turn (3, 3): of the hand; fingers (5, 3, 3, 3): relative to it; shoulder, elbow, wrist (3,) in pixels with depth;
    palm: pixels of the model's unit. The hand's twist about the forearm is distributed along the forearm.
    """
    s, e, w = ((p - wrist) * FLIP / palm for p in (shoulder, elbow, wrist))
    fore_rest, upper_rest = -arm.elbow, arm.elbow - arm.shoulder
    fore, upper = w - e, e - s
    swing = rotation_between(fore_rest, fore)
    relative = turn @ swing.T
    axis = fore / (np.linalg.norm(fore) + 1e-9)
    skew = [relative[2, 1] - relative[1, 2], relative[0, 2] - relative[2, 0], relative[1, 0] - relative[0, 1]]
    twist = 2 * np.arctan2(axis @ np.array(skew), 1 + np.trace(relative) + 1e-6)
    twist = (twist + np.pi) % (2 * np.pi) - np.pi

    turns = [rotation_between(upper_rest, upper) @ _stretch(upper_rest, upper)]
    turns += [about(axis, share * twist) @ swing @ _stretch(fore_rest, fore) for share in (0.25, 0.8)]
    turns.append(turn)
    origins, targets = [arm.shoulder, arm.elbow, arm.elbow, np.zeros(3)], [s, e, e, w]
    for j in range(5):
        at = w + turn @ arm.joints[j, 0]
        for k in range(3):
            phalanx = turn @ fingers[j, k]
            turns.append(phalanx)
            origins.append(arm.joints[j, k])
            targets.append(at)
            at = at + phalanx @ (arm.joints[j, k + 1] - arm.joints[j, k])
    bones = np.array(turns)
    shift = np.array(targets) - np.einsum("bij,bj->bi", bones, np.array(origins))
    mixed = (arm.weights @ bones.reshape(BONES, 9)).reshape(-1, 3, 3)
    moved = np.einsum("vij,vj->vi", mixed, arm.rest) + arm.weights @ shift
    return moved * FLIP * palm + wrist
