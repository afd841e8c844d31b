"""Skin and cloth on the posed arm mesh: light at its vertices, what depends on the place on the skin from a texture."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .arm_mesh import FLIP, ArmModel, normals_of
from .raster import BRIGHT, Coverage, PaintedLayer, cover, lookup
from .skin import Look, to_linear, to_srgb

Floats = NDArray[np.float64]

LEVELS = 2047
TO_SRGB = (to_srgb(np.arange(LEVELS + 1) / LEVELS) * 255).astype(np.float32)
"""sRGB 0..255 of linear light in steps of 1 / LEVELS."""
BOUNCE = 0.36
"""Light from below on a surface that faces down (the sky above gives 0.6): without it the underside of a forearm that
points at the camera is a brown stump."""
GRAIN_SIDE = 512


def light_on(normals: Floats, look: Look, rim: float | Floats = 0.30) -> tuple[Floats, Floats]:
    """(V, 3) RGB light, about 1 on average in the open, and (V,) the half-way cosine for gloss.

    rim: how much darker a surface is that turns away from the camera, a number or (V, 1).
    """
    key = look.key / np.linalg.norm(look.key)
    wrap = np.array([0.44, 0.36, 0.33])  # red light wanders farther under the skin
    direct = np.clip((normals @ key)[:, None] + wrap, 0, None) / (1 + wrap)
    sky = 0.60 + 0.16 * normals[:, 1:2] + 0.24 * normals[:, 2:3]
    # floor, table and clothes light undersides
    bounce = np.array([1.06, 0.96, 0.90]) * BOUNCE * np.clip(-normals[:, 1:2], 0, 1)
    edge = 1 - np.clip(normals[:, 2:3], 0, 1)
    half = key + [0, 0, 1]
    light = (0.80 * sky + 0.60 * direct + bounce) * (1 - rim * edge**3)
    return light, np.clip(normals @ (half / np.linalg.norm(half)), 0, 1)


def openness(depth: NDArray[np.float32], covered: NDArray[np.float32], palm: float) -> NDArray[np.float32]:
    """How open to light each pixel is, 0..1 (h, w), from a picture of depths: hollows lie behind what surrounds them.

    depth, palm: in this picture's pixels; covered: 0..1.
    """
    out = np.ones_like(depth)
    for radius, gain in ((0.06, 1.7), (0.18, 1.1)):
        sigma = max(0.8, radius * palm)
        small = max(1, int(sigma / 1.6))
        size = (max(1, depth.shape[1] // small), max(1, depth.shape[0] // small))
        d = cv2.resize(depth * covered, size, interpolation=cv2.INTER_AREA)
        c = cv2.resize(covered, size, interpolation=cv2.INTER_AREA)
        d, c = (cv2.GaussianBlur(a, (0, 0), sigma / small) for a in (d, c))
        around = cv2.resize(d / np.maximum(c, 1e-4), depth.shape[::-1], interpolation=cv2.INTER_LINEAR)
        out *= 1 - np.clip(gain * ((around - depth) / palm - 0.015), 0, 0.55)
    return out


def skin_layer(
    arm: ArmModel,
    verts: Floats,
    palm: float,
    look: Look,
    size: tuple[int, int],
    faces: NDArray[np.bool_],
    samples: int = 2,
    seed: int = 0,
) -> PaintedLayer | None:
    """The chosen faces (F,) in the person's skin; verts (V, 3) in pixels of the frame (height, width) `size`.

    samples: a side of a pixel; seed: of the grain.
    """
    tri = arm.tri[faces]
    found = cover(verts, tri, size, samples, cull=True)
    if found is None:
        return None
    # hollows and dark outlines part the fingers; on an arm that points at the camera they would be a contour
    parts = np.clip((arm.along - 1.80) / 0.25, 0, 1)
    light, gloss = light_on(normals_of(verts * FLIP, arm.tri), look, 0.10 + 0.20 * parts[:, None])
    base = to_linear(look.skin)
    if look.upper is not None:  # from the upper arm's tone to the hand's
        share = np.clip((arm.along - 0.95) / 0.9, 0, 1)[:, None]
        base = to_linear(look.upper) * (1 - share) + base * share
    if look.hem is not None:  # the shadow of the sleeve
        dark = np.exp(-np.maximum(arm.along - look.hem, 0) / 0.06) * (arm.along < 1.5)
        light = light * (1 - np.array([0.30, 0.38, 0.40]) * dark[:, None])
    light = light * base * look.gain * BRIGHT / 255
    shine = 0.035 * gloss**18 + 0.10 * arm.nail * gloss**50
    vertex = np.concatenate([light, shine[:, None], verts[:, 2:] / palm, 0.25 + 0.75 * parts[:, None]], 1)
    v = found.interpolate(tri, np.concatenate([vertex[tri], arm.texel[faces] - 0.5], 2))
    lit, gleam, depth, parted, texel = v[:, :3], v[:, 3:4], v[:, 4], v[:, 5:6], v[:, 6:8]
    hollow = 1 - (1 - _hollows(found, depth, palm, samples)) * parted
    colour = lit * lookup(arm.skin, texel[:, 0], texel[:, 1]) * hollow[:, :3] + gleam * hollow[:, 3:]
    return _layer(found, colour, look, seed)


def _hollows(found: Coverage, depth: NDArray[np.float32], palm: float, samples: int) -> NDArray[np.float32]:
    """(N, 4): light that reaches the covered samples, RGB and gloss; depth (N,) in palms."""
    h, w = found.raster
    deep, covered = np.zeros(h * w, np.float32), np.zeros(h * w, np.float32)
    deep[found.flat], covered[found.flat] = depth, 1
    half = (w // samples, h // samples)
    thin = np.asarray(cv2.resize(covered.reshape(h, w), half, interpolation=cv2.INTER_AREA), np.float32)
    mean = np.asarray(cv2.resize(deep.reshape(h, w), half, interpolation=cv2.INTER_AREA), np.float32)
    ambient = openness(mean / np.maximum(thin, 1e-3) * palm, thin, palm)
    redder = 0.12 + 0.88 * np.power(ambient, 0.82, dtype=np.float32)  # light that reaches a hollow has passed skin
    plain = 0.12 + 0.88 * ambient
    table = np.stack([redder, plain, plain, ambient], -1).reshape(-1, 4)
    y, x = np.divmod(found.flat, w)
    return table[(y // samples) * half[0] + x // samples]


def cloth_layer(
    arm: ArmModel,
    verts: Floats,
    palm: float,
    look: Look,
    texture: NDArray[np.float32],
    size: tuple[int, int],
    thick: Floats,
    along: tuple[float, float],
    samples: int = 2,
) -> PaintedLayer | None:
    """A sleeve round the arm, between two places `along` it.

    thick: (V,) palms over the skin; texture: (r, c, 3) linear RGB.
    """
    start, end = along
    normals = normals_of(verts * FLIP, arm.tri)
    puffed = verts + normals * FLIP * (thick * palm)[:, None]
    tri = arm.tri[(arm.along[arm.tri].min(1) > start) & (arm.along[arm.tri].max(1) < end)]
    found = cover(puffed, tri, size, samples, cull=False)
    if found is None:
        return None
    # across the tube: the normal's part beside the bone
    far, near = (verts[(arm.along > a) & (arm.along < b)].mean(0) for a, b in ((1.7, 2.0), (1.0, 1.2)))
    axis = (far - near)[:2] * FLIP[:2]
    axis = axis / (np.linalg.norm(axis) + 1e-6)
    facing = normals * np.where(normals[:, 2:] < 0, -1, 1)
    light = light_on(facing, look)[0].mean(1)
    beside = facing[:, :2] @ np.array([-axis[1], axis[0]])
    v = found.interpolate(tri, np.stack([light, arm.along, beside], 1)[tri])
    light, place, across = v.T
    rows, columns = texture.shape[:2]
    down = ((place - 1.0) * 1.15) % 2
    down = np.where(down > 1, 2 - down, down) * (rows - 1)
    albedo = lookup(texture, (np.clip(across, -1, 1) * 0.45 + 0.5) * (columns - 1), down)
    light = 1 + 0.75 * (light / light.mean() - 1)
    cuff = np.clip((place - (end - 0.035)) / 0.01, 0, 1) * 0.18
    cuff += 0.25 * np.exp(-np.square((place - (end - 0.12)) / 0.006))
    return _layer(found, albedo * (light * (1 - cuff * 0.5))[:, None], look, 0)


def _layer(found: Coverage, light: NDArray, look: Look, seed: int) -> PaintedLayer:
    """Linear light (N, 3) at the covered samples as a picture with the portrait's blur and grain."""
    h, w = found.raster
    x0, y0, x1, y1 = found.window
    picture, covered = np.zeros((h * w, 3), np.float32), np.zeros(h * w, np.float32)
    picture[found.flat] = TO_SRGB[(light * LEVELS).clip(0, LEVELS).astype(np.int32)]
    covered[found.flat] = 1
    shape = (x1 - x0, y1 - y0)
    parts = [
        cv2.resize(a, shape, interpolation=cv2.INTER_AREA) for a in (picture.reshape(h, w, 3), covered.reshape(h, w))
    ]
    if look.blur > 0.2:
        parts = [cv2.GaussianBlur(a, (0, 0), look.blur) for a in parts]
    rgb, alpha = (np.asarray(a, np.float32) for a in parts)
    if look.grain > 0:
        rgb = rgb + (_grain(seed, (y1 - y0, x1 - x0)) * np.float32(look.grain * 255) * alpha)[..., None]
    return PaintedLayer(rgb, alpha, x0, y0)


def _grain(seed: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Normal noise (h, w) that looks another one for every seed."""
    tile, shift = _grain_tile(), np.random.default_rng(seed).integers(GRAIN_SIDE, size=2)
    rows, columns = ((np.arange(n) + s) % GRAIN_SIDE for n, s in zip(shape, shift, strict=True))
    return tile[rows[:, None], columns]


@cache
def _grain_tile() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((GRAIN_SIDE, GRAIN_SIDE), np.float32)
