"""A person's own skin as the portrait shows it: the tone of the arms, and fine detail for the mesh's texture."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from .figure import Layers
from .skin import to_linear

Floats = NDArray[np.float64]

BANDS = (0.012, 0.03, 0.075)
"""Sizes of detail, as standard deviations in palms."""
LEAST, MOST = np.array([0.008, 0.012, 0.014]), np.array([0.030, 0.028, 0.020])
"""Bounds of the standard deviation of the logarithm of light in each band: hands are never smoother or rougher."""
HANDS = 1.5
"""How many times more detail hands have than cheeks."""
CHEEKS_AND_BROW = ((1, 3, 48, 31, 41), (15, 13, 54, 35, 46), (19, 24, 22, 21))
CLEARER = 1.6
"""How much stronger the mesh's own creases, nails and tendons are drawn than they are stored."""
AROUND = 0.25
"""Side, in palms, of the square that they are compared with."""
TEXELS = 119.0
"""Texels of the mesh's texture in a palm."""
LEAST_PIXELS = 200


def detail_of(layers: Layers) -> Floats:
    """(3,) standard deviation of the logarithm of light in BANDS, from the portrait's cheeks and brow."""
    photo = layers.photo
    mask, face = np.zeros(photo.shape[:2], np.uint8), layers.pose.face
    for polygon in CHEEKS_AND_BROW:
        corners = face[list(polygon)]
        if (corners[:, 2] > 0).all():
            cv2.fillPoly(mask, [corners[:, :2].round().astype(np.int32)], 1)
    mask = cv2.erode(mask, np.ones((2 * max(1, round(0.04 * layers.palm)) + 1,) * 2, np.uint8))
    x, y, w, h = cv2.boundingRect(mask)
    if int(mask.sum()) < LEAST_PIXELS:
        return LEAST * HANDS
    skin = mask[y : y + h, x : x + w] > 0
    light = np.log(cv2.cvtColor(photo[y : y + h, x : x + w], cv2.COLOR_RGB2GRAY).astype(np.float32) / 255 + 0.02)
    smooth = [cv2.GaussianBlur(light, (0, 0), max(0.5, size * layers.palm)) for size in (BANDS[0] / 2.5, *BANDS)]
    found = [1.4826 * np.median(np.abs((a - b)[skin])) for a, b in pairwise(smooth)]
    # detail is judged in perceived light, but the texture stores it linearly
    return np.clip(HANDS * 2.2 * np.array(found), LEAST, MOST)


def arm_tone(layers: Layers) -> Floats | None:
    """(3,) linear colour of the arms where the portrait shows their skin in the light, None where it does not.

    Arms that hang in the shade say nothing about raised ones, so the tone is never darker than that of face and hands.
    """
    skin, radius = to_linear(layers.look.skin), max(1, round(0.05 * layers.palm))
    height, width = layers.photo.shape[:2]
    found = []
    for arm in layers.arms:
        if arm.hem > 1.4:
            continue
        bones = [(arm.shoulder, arm.elbow, q) for q in (0.75, 0.85, 0.95) if q > arm.hem + 0.08]
        for start, end, q in [*bones, *((arm.elbow, arm.wrist, q) for q in (0.15, 0.3, 0.45, 0.6, 0.75))]:
            x, y = (start + q * (end - start)).round().astype(int)
            if radius <= x < width - radius and radius <= y < height - radius:
                patch = layers.photo[y - radius : y + radius + 1, x - radius : x + radius + 1].reshape(-1, 3)
                found.append(np.maximum(to_linear(np.median(patch, 0) / 255), 1e-4))
    if not found:
        return None
    ratio = np.log(np.array(found) / skin)
    hue = ratio - ratio.mean(1, keepdims=True)
    alike = (np.abs(hue).max(1) < 0.12) & (ratio.mean(1) > 0) & (ratio.mean(1) < 0.45)
    return skin * np.exp(np.median(ratio[alike], 0)) if alike.sum() >= 3 else None


def bare_half(layers: Layers, side: int) -> float | None:
    """Half the width of an upper arm below its sleeve in pixels, where the portrait shows its skin; else None."""
    arm, photo = layers.arms[side], layers.photo
    v = arm.elbow - arm.shoulder
    across = np.array([-v[1], v[0]]) / np.linalg.norm(v)
    steps = np.arange(-0.25, 0.25, 0.01) * layers.shoulders
    skin, found = to_linear(layers.look.skin if layers.look.upper is None else layers.look.upper), []
    for q in np.arange(arm.hem + 0.1, 0.92, 0.04):
        points = (arm.shoulder + q * v + steps[:, None] * across).round().astype(int)
        inside = ((points >= 0) & (points < photo.shape[1::-1])).all(1)
        colours = photo[points[:, 1].clip(0, photo.shape[0] - 1), points[:, 0].clip(0, photo.shape[1] - 1)]
        ratio = np.log(np.maximum(to_linear(colours / 255), 1e-4) / skin)
        level = ratio.mean(1, keepdims=True)
        alike = inside & (np.abs(ratio - level).max(1) < 0.25) & (np.abs(level[:, 0]) < 0.9)
        middle = len(steps) // 2
        other = np.flatnonzero(~alike)
        low, high = other[other < middle], other[other > middle]
        if alike[middle] and len(low) and len(high):
            found.append((steps[high[0]] - steps[low[-1]]) / 2)
    return float(np.median(found)) if len(found) >= 3 else None


def textured(skin: NDArray[np.uint8], detail: Floats, seed: int = 0) -> NDArray[np.uint8]:
    """A texture (h, w, 3) of factors with detail (3,) of BANDS in it; redness varies a little as well."""
    rng, (h, w) = np.random.default_rng(seed), skin.shape[:2]
    change = np.zeros((h, w, 3), np.float32)
    for size, amount in zip(BANDS, detail, strict=True):
        step = max(1, int(size * TEXELS))  # coarse detail is generated at a small size
        shape = (-(-h // step), -(-w // step))
        noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), max(0.5, size * TEXELS / step))
        noise = cv2.resize(noise / noise.std(), (w, h), interpolation=cv2.INTER_CUBIC)
        change += amount * noise[..., None] * np.array([0.8, 1.05, 1.1], np.float32)
    there = (skin.max(2) > 0).astype(np.float32)
    own = np.log(np.maximum(skin, 1).astype(np.float32))
    side = (round(AROUND * TEXELS),) * 2
    around = cv2.blur(own * there[..., None], side) / np.maximum(cv2.blur(there, side), 1e-3)[..., None]
    change += (CLEARER - 1) * (own - around)
    return np.asarray(cv2.multiply(cv2.exp(change), skin, dtype=cv2.CV_8U))
