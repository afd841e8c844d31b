"""Skin and cloth on the posed arm mesh: light at its vertices, what depends on the place on the skin from a texture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .arm_mesh import FLIP, ArmModel, normals_of
from .raster import BRIGHT, Coverage, PaintedLayer, cover, lookup
from .skin import Look, to_srgb

Floats = NDArray[np.float64]

LEVELS = 2047
TO_SRGB = (to_srgb(np.arange(LEVELS + 1) / LEVELS) * 255).astype(np.float32)
"""sRGB 0..255 of linear light in steps of 1 / LEVELS."""
BOUNCE = 0.50
"""Light from below on a surface that faces down (the sky above gives 0.6): without it the underside of a forearm that
points at the camera is a brown stump."""
SHADOW = 0.42
"""Share of all light that the main one has, of which parts of the hand shade each other."""
GRAIN_SIDE = 512


@dataclass(frozen=True, eq=False)
class Surface:
    """A person's skin: texture (h, w, 3) of factors on its colours, which are linear RGB (3,) before they are lit: of
    the hand and of the upper arm; hem: where a short sleeve ends, which shades the skin below (0 shoulder, 1 elbow)."""

    texture: NDArray[np.uint8]
    hand: Floats
    upper: Floats
    hem: float | None = None


def light_on(normals: Floats, look: Look, rim: float | Floats = 0.30) -> tuple[Floats, Floats]:
    """(V, 3) RGB light, about 1 on average in the open, and (V,) the half-way cosine for gloss.

    rim: how much darker a surface is that turns away from the camera, a number or (V, 1).
    """
    key = look.key * np.array([1.0, 0.8, 1.0])  # lamps stand lower than the light on a face suggests
    key /= np.linalg.norm(key)
    wrap = np.array([0.44, 0.36, 0.33])  # red light wanders farther under the skin
    direct = np.clip((normals @ key)[:, None] + wrap, 0, None) / (1 + wrap)
    sky = 0.60 + 0.13 * normals[:, 1:2] + 0.26 * normals[:, 2:3]
    # floor, table and clothes light undersides
    bounce = np.array([1.06, 0.96, 0.90]) * BOUNCE * np.clip(-normals[:, 1:2], 0, 1)
    edge = 1 - np.clip(normals[:, 2:3], 0, 1)
    half = key + [0, 0, 1]
    light = (0.80 * sky + 0.60 * direct + bounce) * (1 - rim * edge**3)
    return light, np.clip(normals @ (half / np.linalg.norm(half)), 0, 1)


def openness(depth: NDArray[np.float32], covered: NDArray[np.float32], palm: float) -> NDArray[np.float32]:
    """How open to light each pixel is, 0..1 (h, w), from a picture of depths: hollows lie behind what surrounds them.

    depth in palms; covered: 0..1; palm: in pixels. What lies far behind its surroundings is not in a hollow but away
    from them.
    """
    out = np.ones_like(depth)
    for radius, gain in ((0.06, 2.1), (0.18, 1.2)):
        sigma = max(0.8, radius * palm)
        small = max(1, int(sigma / 1.6))
        size = (max(1, depth.shape[1] // small), max(1, depth.shape[0] // small))
        d = cv2.resize(depth * covered, size, interpolation=cv2.INTER_AREA)
        c = cv2.resize(covered, size, interpolation=cv2.INTER_AREA)
        d, c = (cv2.GaussianBlur(a, (0, 0), sigma / small) for a in (d, c))
        around = cv2.resize(d / np.maximum(c, 1e-4), depth.shape[::-1], interpolation=cv2.INTER_LINEAR)
        behind = around - depth - 0.015
        out *= 1 - np.clip(gain * behind * np.exp(-np.square(np.maximum(behind, 0) / 0.30)), 0, 0.5)
    return out


def shadows(depth: NDArray[np.float32], covered: NDArray[np.float32], key: Floats, palm: float) -> NDArray[np.float32]:
    """Share of the main light that parts nearer to it hold back, 0..1 (h, w): one's own fingers on one's palm.

    depth in palms; covered: 0..1; key: direction of the light; palm: in pixels.
    """
    small = max(1, round(palm / 28))  # shadows are soft: a coarse picture does
    size = (max(2, depth.shape[1] // small), max(2, depth.shape[0] // small))
    c = cv2.resize(covered, size, interpolation=cv2.INTER_AREA)
    d = cv2.resize(depth * covered, size, interpolation=cv2.INTER_AREA) / np.maximum(c, 1e-3)
    d = np.where(c > 0.4, d, -9.0).astype(np.float32)
    way = key / np.linalg.norm(key)
    out = np.zeros_like(d)
    for far in (0.10, 0.18, 0.28, 0.40):
        x, y = way[0] * far * palm / small, -way[1] * far * palm / small
        move = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        blocker = cv2.warpAffine(d, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=-9)
        over = blocker - (d + way[2] * far)
        out = np.maximum(out, np.clip(over / 0.07, 0, 1) * np.clip((0.45 - over) / 0.1, 0, 1))
    out = cv2.GaussianBlur(out, (0, 0), max(0.6, 0.035 * palm / small))
    return np.asarray(cv2.resize(out, depth.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def skin_layer(
    arm: ArmModel,
    verts: Floats,
    palm: float,
    look: Look,
    size: tuple[int, int],
    faces: NDArray[np.bool_],
    surface: Surface,
    seed: int = 0,
    fade: tuple[float, float] | None = None,
) -> PaintedLayer | None:
    """The chosen faces (F,) in the person's skin; verts (V, 3) in pixels of the frame (height, width) `size`.

    seed: of the grain; fade: between which places along the arm it becomes opaque.
    """
    tri = arm.tri[faces]
    found = cover(verts, tri, size, cull=True)
    if found is None:
        return None
    # hollows and dark outlines part the fingers; on an arm that points at the camera they would be a contour
    parts = np.clip((arm.along - 1.80) / 0.25, 0, 1)
    light, gloss = light_on(normals_of(verts * FLIP, arm.tri), look, 0.10 + 0.20 * parts[:, None])
    share = np.clip((arm.along - 1.1) / 0.95, 0, 1)[:, None]
    base = surface.upper * (1 - share) + surface.hand * share
    if surface.hem is not None:  # the shadow of the sleeve
        dark = np.exp(-np.maximum(arm.along - surface.hem, 0) / 0.06) * (arm.along < 1.5)
        light = light * (1 - np.array([0.30, 0.38, 0.40]) * dark[:, None])
    light = light * base * BRIGHT / 255
    shine = 0.045 * gloss**18 + 0.14 * arm.nail * gloss**50
    opaque = np.ones(len(verts)) if fade is None else (arm.along - fade[0]) / (fade[1] - fade[0])
    vertex = np.column_stack([light, shine, verts[:, 2] / palm, 0.25 + 0.75 * parts, opaque])
    corners = np.concatenate([vertex[tri[found.chosen]], arm.texel[faces][found.chosen] - 0.5], 2)
    v = found.interpolate(corners)
    v[:, :3] *= lookup(surface.texture, v[:, 7], v[:, 8])
    mean = found.mean(v[:, :7])
    lit, gleam, depth, parted = mean[:, :3], mean[:, 3:4], mean[:, 4:5], mean[:, 5:6]
    hollow = _reaching(found.picture(depth)[..., 0], found.opacity, look, palm).reshape(-1, 4)[found.pixels]
    reaching = np.asarray(1 - (1 - hollow) * parted, np.float32)
    lit = np.asarray(lit * reaching[:, :3] + gleam * reaching[:, 3:], np.float32)
    return _layer(found, lit, look, seed, np.clip(mean[:, 6:], 0, 1) if fade is not None else None)


def _reaching(depth: NDArray[np.float32], covered: NDArray[np.float32], look: Look, palm: float) -> NDArray[np.float32]:
    """(h, w, 4): light that reaches the pixels of a picture of depths (h, w) in palms, RGB and gloss."""
    ambient = openness(depth, covered, palm)
    shaded = 1 - shadows(depth, covered, look.key, palm)
    plain = (0.12 + 0.88 * ambient) * (1 - SHADOW * (1 - shaded))
    redder = (0.12 + 0.88 * np.power(ambient, 0.80)) * (1 - 0.80 * SHADOW * (1 - shaded))  # it has passed skin
    return np.stack([redder, plain, plain, ambient * shaded], -1).astype(np.float32)


def cloth_layer(
    arm: ArmModel,
    verts: Floats,
    palm: float,
    look: Look,
    texture: NDArray[np.float32],
    size: tuple[int, int],
    thick: Floats,
    along: tuple[float, float],
) -> PaintedLayer | None:
    """A sleeve round the arm, between two places `along` it.

    thick: (V,) palms over the skin; texture: (r, c, 3) linear RGB.
    """
    start, end = along
    normals = normals_of(verts * FLIP, arm.tri)
    puffed = verts + normals * FLIP * (thick * palm)[:, None]
    tri = arm.tri[(arm.along[arm.tri].min(1) > start) & (arm.along[arm.tri].max(1) < end)]
    found = cover(puffed, tri, size, cull=False)
    if found is None:
        return None
    # across the tube: the normal's part beside the bone
    far, near = (verts[(arm.along > a) & (arm.along < b)].mean(0) for a, b in ((1.7, 2.0), (1.0, 1.2)))
    axis = (far - near)[:2] * FLIP[:2]
    axis = axis / (np.linalg.norm(axis) + 1e-6)
    facing = normals * np.where(normals[:, 2:] < 0, -1, 1)
    light = light_on(facing, look)[0].mean(1)
    beside = facing[:, :2] @ np.array([-axis[1], axis[0]])
    v = found.interpolate(np.stack([light, arm.along, beside], 1)[tri[found.chosen]])
    light, place, across = v.T
    rows, columns = texture.shape[:2]
    down = ((place - 1.0) * 1.15) % 2
    down = np.where(down > 1, 2 - down, down) * (rows - 1)
    albedo = lookup(texture, (np.clip(across, -1, 1) * 0.45 + 0.5) * (columns - 1), down)
    light = 1 + 0.75 * (light / light.mean() - 1)
    cuff = np.clip((place - (end - 0.035)) / 0.01, 0, 1) * 0.18
    cuff += 0.25 * np.exp(-np.square((place - (end - 0.12)) / 0.006))
    return _layer(found, found.mean(albedo * (light * (1 - cuff * 0.5))[:, None]), look, 0)


def _layer(
    found: Coverage, light: NDArray[np.float32], look: Look, seed: int, opaque: NDArray[np.float32] | None = None
) -> PaintedLayer:
    """Linear light (M, 3) of the covered pixels as a picture with the portrait's blur and grain; opaque: (M, 1)."""
    x0, y0 = found.window[:2]
    alpha = found.opacity if opaque is None else found.opacity * found.picture(opaque)[..., 0]
    levels = np.clip(light * np.float32(LEVELS), 0, LEVELS).astype(np.int32)
    rgb = found.picture(np.take(TO_SRGB, levels)) * alpha[..., None]
    if look.blur > 0.2:
        rgb, alpha = (np.asarray(cv2.GaussianBlur(a, (0, 0), look.blur), np.float32) for a in (rgb, alpha))
    if look.grain > 0:
        rgb = rgb + (_grain(seed, (alpha.shape[0], alpha.shape[1])) * np.float32(look.grain * 255) * alpha)[..., None]
    return PaintedLayer(rgb, alpha, x0, y0)


def _grain(seed: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Normal noise (h, w) that looks another one for every seed."""
    tile, shift = _grain_tile(), np.random.default_rng(seed).integers(GRAIN_SIDE, size=2)
    rows, columns = ((np.arange(n) + s) % GRAIN_SIDE for n, s in zip(shape, shift, strict=True))
    return tile[rows[:, None], columns]


@cache
def _grain_tile() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((GRAIN_SIDE, GRAIN_SIDE), np.float32)
