"""Skin and cloth on the posed arm mesh: light is computed at its vertices, details of the skin come from a texture."""

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
BOUNCE = 0.42
"""Light from below on a surface that faces down (light from above gives 0.7): without it, the underside of a forearm
that points at the camera turns dark brown."""
SHADOW = 0.42
"""Share of the light that comes from the main source; parts of the hand cast shadows in it on each other."""
EVEN = 0.9
"""How much of the difference that the main light makes between limbs turned to it and limbs turned away is removed: in
rooms light comes from everywhere, and both arms of a person have the same colour."""
PALM = 0.06
"""How much lighter palms are: they have hardly any pigment."""
TIP = 0.18
"""How far from its end, in palms, a finger counts as its tip."""
SOFT_TIP = 0.6
"""How much weaker light and shade are on fingertips: a nail that faces down would be a dark disc in a ring."""
OPEN_HAND, CUPPED = 0.95, 0.8
"""Share of the light that reaches a flat hand, and how much of what a cupped one loses against it is given back."""
INSIDE, CUFF_OPENS = 0.5, 0.49
"""How much darker it is inside a cuff that opens towards the camera, and how far before its end that begins."""
CLOTH_LIGHT = 0.5
"""How much of the light that falls on skin shows on cloth, which scatters it."""
ELBOW_FADE = 0.14
"""Share of the forearm over which its sleeve becomes opaque below the upper sleeve."""
SQUEEZED = 0.1, 0.7
"""Length of a forearm in the picture, as a share of its true length, at which its texture is gone and is whole: the
squeezed detail of a forearm that points at the camera would draw rings."""
GRAIN_SIDE = 512


@dataclass(frozen=True, eq=False)
class Surface:
    """A person's skin: texture (h, w, 3) of factors on its colours, which are unlit linear RGB (3,), one for the hand
    and one for the upper arm; hem: where the sleeve ends, which shades the skin beyond it (0 shoulder, 1 elbow, 2
    wrist); own: (V, 3) factors that bring every place to the colour of the portrait's own arms."""

    texture: NDArray[np.uint8]
    hand: Floats
    upper: Floats
    hem: float | None = None
    own: Floats | None = None


def light_on(normals: Floats, look: Look, rim: float | Floats = 0.18) -> tuple[Floats, Floats]:
    """(V, 3) RGB light, about 1 on average where nothing shades it, and (V,) the half-vector cosine for gloss.

    rim: how much darker a surface gets that turns away from the camera, a number or (V, 1).
    """
    key = look.key * np.array([1.0, 1.6, 1.0])  # the top of a raised hand is lit, its underside is not
    key /= np.linalg.norm(key)
    wrap = np.array([0.36, 0.27, 0.24])  # red light travels farther under the skin
    direct = np.clip((normals @ key)[:, None] + wrap, 0, None) / (1 + wrap)
    sky = 0.50 + 0.24 * normals[:, 1:2] + 0.22 * normals[:, 2:3]
    # light reflected from floor, table and clothes
    bounce = np.array([1.06, 0.96, 0.90]) * BOUNCE * np.clip(-normals[:, 1:2], 0, 1)
    edge = 1 - np.clip(normals[:, 2:3], 0, 1)
    half = key + [0, 0, 1]
    light = ((0.75 * sky + 0.80 * direct + bounce) * (1 - rim * edge**3)) ** look.contrast
    if look.light is not None:
        light = light * np.exp(normals @ look.light)
    return light, np.clip(normals @ (half / np.linalg.norm(half)), 0, 1)


def openness(
    depth: NDArray[np.float32], covered: NDArray[np.float32], palm: float, pixels: NDArray[np.int64]
) -> NDArray[np.float32]:
    """How exposed to light pixels (M,) of the flattened picture are, 0..1 (M,): hollows lie behind their surroundings.

    depth: (h, w) in palms; covered: (h, w) 0..1; palm: in pixels. What lies very far behind its surroundings is a
    separate part, not a hollow.
    """
    own = depth.ravel()[pixels] + np.float32(0.015)
    out = np.ones_like(own)
    for radius, gain in ((0.06, 2.1), (0.18, 1.2)):
        sigma = max(0.8, radius * palm)
        small = max(1, int(sigma / 1.6))
        size = (max(1, depth.shape[1] // small), max(1, depth.shape[0] // small))
        d = cv2.resize(depth * covered, size, interpolation=cv2.INTER_AREA)
        c = cv2.resize(covered, size, interpolation=cv2.INTER_AREA)
        d, c = (cv2.GaussianBlur(a, (0, 0), sigma / small) for a in (d, c))
        around = cv2.resize(d / np.maximum(c, 1e-4), depth.shape[::-1], interpolation=cv2.INTER_LINEAR)
        behind = around.ravel()[pixels] - own
        out *= 1 - np.clip(gain * behind * np.exp(-np.square(np.maximum(behind, 0) / 0.30)), 0, 0.5)
    return out


def shadows(depth: NDArray[np.float32], covered: NDArray[np.float32], key: Floats, palm: float) -> NDArray[np.float32]:
    """Share of the main light that parts nearer to it block, 0..1 (h, w), such as fingers above their palm.

    depth in palms; covered: 0..1; key: direction of the light; palm: in pixels.
    """
    small = max(1, round(palm / 28))  # shadows are soft, so a coarse picture is enough
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
    out = cv2.resize(out, depth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(out, 0, 1).astype(np.float32)  # a blur of ones may exceed 1 by rounding


class SkinPart:
    """Some faces of an arm in a person's skin; what does not change from frame to frame is computed once."""

    def __init__(
        self,
        arm: ArmModel,
        faces: NDArray[np.bool_],
        surface: Surface,
        look: Look,
        fade: tuple[float, float] | None = None,
    ) -> None:
        """faces: (F,) the chosen ones; fade: the two places along the arm between which the skin becomes opaque."""
        self.texture, self.look, self.fades = surface.texture, look, fade is not None
        self.vertices, tri = np.unique(arm.tri[faces], return_inverse=True)
        self.tri = tri.reshape(-1, 3)
        self.texel = arm.texel[faces] - np.float32(0.5)
        corners = self.texel.reshape(-1, 2)
        self.plain = lookup(self.texture, corners[:, 0], corners[:, 1]).mean(0)[:, None] if len(corners) else 0
        along = arm.along[self.vertices]
        share = np.clip((along - 1.1) / 0.95, 0, 1)[:, None]
        tint = surface.upper * (1 - share) + surface.hand * share
        if surface.hem is not None:  # the shadow of the sleeve
            dark = np.exp(-np.maximum(along - surface.hem, 0) / 0.06)
            tint = tint * (1 - np.array([0.30, 0.38, 0.40]) * dark[:, None])
        tint = tint * (1 + PALM * arm.palm[self.vertices, None])
        if surface.own is not None:
            tint = tint * surface.own[self.vertices]
        self.tint = tint * BRIGHT / 255
        # hollows and dark outlines separate the fingers; on an arm that points at the camera they would draw a contour
        parts = np.clip((along - 1.80) / 0.25, 0, 1)
        # a fingertip that curves away is no hollow, though it lies behind the rest of its finger
        far = np.linalg.norm(arm.rest[self.vertices, None] - arm.joints[:, 3], axis=2).min(1)
        tip = np.exp(-np.square(far / TIP))
        parts = parts * (1 - 0.75 * tip)
        of_hand = np.clip((along - 1.6) / 0.5, 0, 1)
        self.softly = (1 - SOFT_TIP * tip[:, None]) * (1 + (look.relief - 1) * of_hand[:, None])
        self.rim, self.parted = 0.06 + 0.07 * parts[:, None], 0.25 + 0.75 * parts
        self.nail = 0.14 * arm.nail[self.vertices]
        self.smooth = 1 - np.clip((along - 1.80) / 0.15, 0, 1)
        self.opaque = np.ones(len(along)) if fade is None else (along - fade[0]) / (fade[1] - fade[0])
        self._ends = _forearm_ends(arm)
        # forearm and hand; upper arms keep the light of the photograph
        self.shares = np.stack([np.clip((along - 1.05) / 0.3, 0, 1) * (1 - of_hand), of_hand], 1)

    def layer(
        self, verts: Floats, normals: Floats, palm: float, size: tuple[int, int], seed: int = 0
    ) -> PaintedLayer | None:
        """The part in a frame (height, width) `size`; None where nothing of it is inside.

        verts, normals: (V, 3) of the whole arm, in pixels of the frame and in the model's axes; palm: in pixels; seed:
        of the grain.
        """
        if not len(self.tri):
            return None
        whole, look = verts, self.look
        verts = whole[self.vertices]
        found = cover(verts, self.tri, size, cull=True)
        if found is None:
            return None
        light, gloss = light_on(normals[self.vertices], look, self.rim)
        light = (light * self._evening(light.mean(1), found.chosen[found.faces])[:, None]) ** self.softly
        shine = 0.045 * gloss**18 + 0.012 * gloss**6 + self.nail * gloss**50
        detail = 1 - self.smooth * (1 - _detail_left(*(whole[ring].mean(0) for ring in self._ends)))
        vertex = np.column_stack([light * self.tint, shine, verts[:, 2] / palm, self.parted, self.opaque, detail])
        vertex = vertex.astype(np.float32)
        corners = np.concatenate([vertex[self.tri[found.chosen]], self.texel[found.chosen]], 2)
        v = found.interpolate(corners)
        v[:3] *= self.plain + v[7] * (lookup(self.texture, v[8], v[9]).T - self.plain)
        mean = found.mean(v[:7])
        lit, gleam, depth, parted = mean[:3], mean[3], mean[4], mean[5]
        reach = _reaching(found, depth, look, palm)
        reach = 1 + (reach - 1) * parted  # less of it where nothing needs separating
        strength = min(look.contrast, 1.0) * look.relief  # haze is also in the shadows
        if strength != 1:
            reach = reach**strength
        of_hand = np.clip(4 / 3 * parted - 1 / 3, 0, 1)
        if of_hand.any():  # light that skin reflects brightens a cupped hand from within
            level = float(np.average(reach[1], weights=of_hand)) / OPEN_HAND**strength
            back = 1 - (1 - CUPPED) / max(strength, 1.0)
            reach = reach * (1 + (min(level, 1.0) ** -back - 1) * of_hand)
        lit = lit * reach[[0, 1, 1]] + gleam * reach[2]
        return _layer(found, lit, look, seed, np.clip(mean[6], 0, 1) if self.fades else None)

    def _evening(self, light: Floats, chosen: NDArray[np.integer]) -> Floats:
        """(V,) factors that bring forearm and hand, as far as they are seen, nearer to usual light as wholes.

        light: (V,); chosen: (M,) the triangle that each sample of the picture shows.
        """
        seen = np.bincount(chosen, minlength=len(self.tri))[:, None] * self.shares[self.tri].mean(1)
        level = (seen * light[self.tri].mean(1)[:, None]).sum(0) / np.maximum(seen.sum(0), 1e-6)
        return np.exp(-EVEN * self.shares @ np.log(np.where(level > 0, level, 1)))


def skin_layer(
    arm: ArmModel,
    verts: Floats,
    palm: float,
    look: Look,
    size: tuple[int, int],
    faces: NDArray[np.bool_],
    surface: Surface,
) -> PaintedLayer | None:
    """One picture of a SkinPart: the chosen faces (F,) with verts (V, 3) in a frame (height, width) `size`."""
    return SkinPart(arm, faces, surface, look).layer(verts, normals_of(verts * FLIP, arm.tri), palm, size)


def _forearm_ends(arm: ArmModel) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertices whose means are the two ends of the forearm's axis, below the elbow and before the wrist."""
    return np.flatnonzero((arm.along > 1.0) & (arm.along < 1.2)), np.flatnonzero((arm.along > 1.7) & (arm.along < 2.0))


def _detail_left(elbow: Floats, wrist: Floats) -> float:
    """Share of a forearm's detail that is drawn, by its length in the picture; elbow, wrist: (3,)."""
    gone, all_there = SQUEEZED
    length = float(np.linalg.norm((wrist - elbow)[:2]) / (np.linalg.norm(wrist - elbow) + 1e-6))
    return float(np.clip((length - gone) / (all_there - gone), 0, 1))


def _reaching(found: Coverage, depth: NDArray[np.float32], look: Look, palm: float) -> NDArray[np.float32]:
    """(3, M): red light, other light and gloss that reach the covered pixels; their depths (M,) are in palms."""
    picture = found.picture(depth)
    ambient = openness(picture, found.opacity, palm, found.pixels)
    shade = shadows(picture, found.opacity, look.key, palm).ravel()[found.pixels]
    plain = (0.12 + 0.88 * ambient) * (1 - SHADOW * shade)
    redder = (0.12 + 0.88 * np.power(ambient, np.float32(0.80))) * (1 - 0.80 * SHADOW * shade)  # it has passed skin
    return np.stack([redder, plain, ambient * (1 - shade)]).astype(np.float32)


def cloth_layer(
    arm: ArmModel,
    verts: Floats,
    normals: Floats,
    palm: float,
    look: Look,
    texture: NDArray[np.float32],
    size: tuple[int, int],
    thick: Floats,
    along: tuple[float, float],
) -> PaintedLayer | None:
    """A sleeve round the arm, between two places `along` it.

    verts, normals: (V, 3) in pixels and in the model's axes; thick: (V,) palms over the skin; texture: (r, c, 3) linear
    RGB.
    """
    start, end = along
    puffed = verts + normals * FLIP * (thick * palm)[:, None]
    tri = arm.tri[(arm.along[arm.tri].min(1) > start) & (arm.along[arm.tri].max(1) < end)]
    found = cover(puffed, tri, size, cull=False)
    if found is None:
        return None
    # across the tube: the component of the normal perpendicular to the bone
    near, far = (verts[ring].mean(0) for ring in _forearm_ends(arm))
    axis = (far - near)[:2] * FLIP[:2]
    axis = axis / (np.linalg.norm(axis) + 1e-6)
    facing = np.column_stack([normals[:, :2], np.abs(normals[:, 2])])  # as seen, also inside; the outline has no jump
    light = light_on(facing, look)[0].mean(1)
    beside = facing[:, :2] @ np.array([-axis[1], axis[0]])
    v = found.interpolate(np.stack([light, arm.along, beside, normals[:, 2]], 1).astype(np.float32)[tri[found.chosen]])
    light, place, across, towards = v
    rows, columns = texture.shape[:2]
    down = np.clip(place - 1, 0, 1) * (rows - 1)
    albedo = lookup(texture, (np.clip(across, -1, 1) * 0.45 + 0.5) * (columns - 1), down)
    plain = texture.mean((0, 1))
    albedo = plain + _detail_left(near, far) * (albedo - plain)
    light = 1 + CLOTH_LIGHT * (light / light.mean() - 1)
    light *= 1 - INSIDE * np.clip((-towards - 0.15) / 0.15, 0, 1) * np.clip((place - end + CUFF_OPENS) / 0.2, 0, 1)
    cuff = np.clip((place - (end - 0.035)) / 0.01, 0, 1) * 0.18
    cuff += 0.25 * np.exp(-np.square((place - (end - 0.12)) / 0.006))
    # its end lies in the upper sleeve; what is seen through an open cuff is cloth, too
    opaque = np.maximum(np.clip((place - start) / ELBOW_FADE, 0, 1), towards < 0)
    opaque = found.mean(opaque.astype(np.float32)[None])[0]
    return _layer(found, found.mean(albedo.T * (light * (1 - cuff * 0.5))), look, 0, opaque)


def _layer(
    found: Coverage, light: NDArray[np.float32], look: Look, seed: int, opaque: NDArray[np.float32] | None = None
) -> PaintedLayer:
    """Linear light (3, M) of the covered pixels as a picture with the portrait's blur and grain; opaque: (M,)."""
    x0, y0 = found.window[:2]
    share = found.opacity.ravel()[found.pixels]
    if opaque is not None:
        share = share * opaque
    levels = np.clip(light * np.float32(LEVELS), 0, LEVELS).astype(np.int32)
    both = np.stack([*(np.take(TO_SRGB, levels) * share), share], 1)
    picture = found.picture(both)
    if look.blur > 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), look.blur)
    rgb, alpha = cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR), cv2.extractChannel(picture, 3)
    if look.grain > 0:
        noise = cv2.multiply(_grain(seed, (alpha.shape[0], alpha.shape[1])), alpha, scale=look.grain * 255)
        rgb = cv2.add(rgb, cv2.merge([noise, noise, noise]))
    return PaintedLayer(rgb, alpha, x0, y0)


def _grain(seed: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Normal noise (h, w), a different pattern for every seed."""
    y, x = np.random.default_rng(seed).integers(GRAIN_SIDE, size=2).tolist()
    tile = _grain_tile(-(-max(shape) // GRAIN_SIDE) + 1)
    return tile[y : y + shape[0], x : x + shape[1]]


@cache
def _grain_tile(times: int) -> NDArray[np.float32]:
    return np.tile(np.random.default_rng(0).standard_normal((GRAIN_SIDE, GRAIN_SIDE), np.float32), (times, times))
