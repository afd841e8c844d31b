"""Sleeves: the portrait's upper arm turned with the bone, and cloth for a forearm that it does not show."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .arm_track import FOREARM
from .figure import PLACES, ArmOutline, Layers
from .raster import FINE, PaintedLayer, mesh_map
from .skin import to_linear

Floats = NDArray[np.float64]

SOFT_HEM = 0.011
"""Shoulder widths over which cloth ends."""
EDGE = 0.7
"""Blur of a photographed edge, as a standard deviation in pixels: a sharper edge shows stairs."""
ROWS, COLUMNS = 30, 13
"""Points of the flat mesh along and across the upper arm."""
SEEN_FROM, SEEN_TO, LEAST_SEEN = 0.25, 0.7, 0.05
"""Between which places along the upper arm its sleeve shows its cloth, and over how much of it at least."""
WEAVE, WEAVE_SIZE = (112, 80), 0.03
"""Samples of that cloth, along and across; standard deviation, in shoulder widths, of a blur that leaves its light and
shade and no weave."""
FOLDED = 240
"""Rows of the cloth from elbow to wrist."""
FOLDS = ((0.06, 0.10, 0.030, 0.10), (0.17, -0.12, 0.035, 0.09), (0.33, 0.16, 0.05, 0.07), (0.80, -0.08, 0.03, 0.06))
"""Folds of a sleeve between elbow (0) and wrist (1): place, slant and size along it, and strength."""


class Sleeve:
    """One upper arm cut from the portrait; it bends softly at the shoulder."""

    def __init__(self, layers: Layers, side: int):
        self.arm = layers.arms[side]
        self.size = (layers.plate.shape[0], layers.plate.shape[1])
        cut_off = self.arm.bare and not self.arm.sleeveless
        opacity = layers.sleeve[side] * _above_hem(layers, side) if cut_off else layers.sleeve[side]
        self._opacity = (opacity * 255).round().astype(np.uint8)
        self._torso = layers.torso
        self._points, self._tri, self._share = self._mesh(layers.shoulders)
        # sampled finely, so that a linear look-up is as sharp as this kernel
        x, y, w, h = cv2.boundingRect(self._opacity)
        x0, y0, x1, y1 = max(x - 2, 0), max(y - 2, 0), x + w + 2, y + h + 2
        cloth = layers.cloth[y0:y1, x0:x1].round().clip(0, 255).astype(np.uint8)
        cut = np.dstack([cloth, self._opacity[y0:y1, x0:x1]])
        self._cut = cv2.resize(cut, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_CUBIC)
        self._source = (self._points - [x0, y0]) * FINE

    def _mesh(self, width: float) -> tuple[Floats, NDArray[np.int64], Floats]:
        """Points (N, 2) round the upper arm, triangles where its sleeve is, and each point's share of its turn (N,)."""
        arm = self.arm
        v = arm.elbow - arm.shoulder
        across = np.array([-v[1], v[0]]) / np.linalg.norm(v)
        s, t = np.meshgrid(np.linspace(-0.45, 1.4, ROWS), np.linspace(-0.4, 0.4, COLUMNS) * width, indexing="ij")
        points = (arm.shoulder + s[..., None] * v + t[..., None] * across).reshape(-1, 2)
        k = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
        cells = np.stack([k[:-1, :-1], k[:-1, 1:], k[1:, 1:], k[1:, :-1]], -1).reshape(-1, 4)
        height, wide = self.size
        low = np.floor(points[cells].min(1)).astype(int).clip(0, [wide - 1, height - 1])
        high = np.ceil(points[cells].max(1)).astype(int).clip(1, [wide, height])
        used = [self._opacity[y0 : y1 + 1, x0 : x1 + 1].any() for (x0, y0), (x1, y1) in zip(low, high, strict=True)]
        a, b, d, c = cells[np.array(used)].T
        # skin without a sleeve turns like the bone from where the drawn arm shows through it
        u = np.clip((s.ravel() + 0.12) / (0.5 if arm.sleeveless else 0.72), 0, 1)
        return points, np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]), u * u * (3 - 2 * u)

    def at(self, shoulder: Floats, elbow: Floats) -> PaintedLayer | None:
        """The sleeve for these positions (2,) of shoulder and elbow; None if none of it is in the picture."""
        if not len(self._tri):
            return None
        v, w = self.arm.elbow - self.arm.shoulder, elbow - shoulder
        angle = np.arctan2(w[1], w[0]) - np.arctan2(v[1], v[0])
        angle = (angle + np.pi) % (2 * np.pi) - np.pi
        along = v / np.linalg.norm(v)
        stretch = np.clip(np.linalg.norm(w) / np.linalg.norm(v), 0.6, 1.6)
        d = self._points - self.arm.shoulder
        far = d @ along
        d = d + np.outer(far * (stretch - 1) * self._share, along)
        c, q = np.cos(angle * self._share), np.sin(angle * self._share)
        moved = shoulder + np.stack([c * d[:, 0] - q * d[:, 1], q * d[:, 0] + c * d[:, 1]], 1)
        found = mesh_map(moved, self._source, self._tri, self.size)
        if found is None:
            return None
        (x0, y0, _, _), map_x, map_y = found
        moved = cv2.remap(self._cut, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        share = cv2.extractChannel(moved, 3).astype(np.float32) / 255
        # Over the torso the same cloth lies underneath, so the seam is soft; over the room it would look ghostly.
        torso = self._torso[y0 : y0 + share.shape[0], x0 : x0 + share.shape[1]]
        # Skin fades into the drawn arm below it.
        if not self.arm.sleeveless:
            firm = cv2.GaussianBlur(np.clip(3 * share - 1, 0, 1), (0, 0), EDGE)
            share = firm + torso * (share - firm)
        colour = cv2.multiply(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), cv2.merge([share] * 3), dtype=cv2.CV_32F)
        return PaintedLayer(colour, share, x0, y0)


def _above_hem(layers: Layers, side: int) -> Floats:
    """(H, W) 0..1: the cloth above the hem of a short sleeve; the drawn arm begins below the hem."""
    arm, (height, width) = layers.arms[side], layers.sleeve[side].shape
    v = arm.elbow - arm.shoulder
    length = float(np.linalg.norm(v))
    across = np.array([-v[1], v[0]]) / length
    if across[0] * (1 if side == 0 else -1) < 0:
        across = -across  # away from the torso
    x, y = np.arange(width)[None] - arm.shoulder[0], np.arange(height)[:, None] - arm.shoulder[1]
    along, outward = (x * v[0] + y * v[1]) / length**2, (x * across[0] + y * across[1]) / layers.shoulders
    return np.clip((arm.hem_at(outward) - along) * length / (SOFT_HEM * layers.shoulders) + 0.5, 0, 1)


def cloth_texture(layers: Layers, arm: ArmOutline) -> NDArray[np.float32]:
    """(r, c, 3) linear RGB of a long sleeve's cloth, from elbow to wrist down and from edge to edge across.

    It has the usual colour of the upper sleeve and its weave. Light and shade of the photograph, and whatever covered
    the sleeve there, are left out; folds at the elbow and before the cuff are drawn.
    """
    v = arm.elbow - arm.shoulder
    across = np.array([-v[1], v[0]]) / np.linalg.norm(v)
    half = float(np.interp(0.5, PLACES, np.minimum(arm.outer, arm.inner))) * 0.8
    end = min(max(arm.hem, SEEN_FROM + LEAST_SEEN), SEEN_TO)
    long = (end - SEEN_FROM) * float(np.linalg.norm(v))
    s, t = np.linspace(SEEN_FROM, end, WEAVE[0]), np.linspace(-half, half, WEAVE[1])
    at = (arm.shoulder + s[:, None, None] * v + t[:, None] * across).astype(np.float32)
    cut = cv2.remap(layers.cloth, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    light = np.log(np.maximum(to_linear(cut / 255), 1e-3)).astype(np.float32)
    usual = np.median(light, (0, 1))
    most = 0.02 + 3 * 1.48 * np.median(np.abs(light - usual), (0, 1))
    light = np.clip(light, usual - most, usual + most)
    step = WEAVE_SIZE * layers.shoulders
    weave = light - cv2.GaussianBlur(light, (0, 0), step * WEAVE[1] / (2 * half), sigmaY=step * WEAVE[0] / long)
    most = 2 * 1.48 * np.median(np.abs(weave), (0, 1))
    weave = np.clip(weave, -most, most)
    again = 1 - np.abs(np.linspace(0, FOREARM * layers.palm / long, FOLDED) % 2 - 1)  # there and back
    rows = np.round(again * (WEAVE[0] - 1)).astype(int)
    return np.exp(usual + weave[rows] + _folds()[..., None]).astype(np.float32)


def _folds() -> Floats:
    """(FOLDED, c) logarithm of the light on the folds of a forearm's sleeve: each has a lit and a shaded side."""
    down, across = np.mgrid[0 : 1 : FOLDED * 1j, -1 : 1 : WEAVE[1] * 1j]
    light = np.zeros_like(down)
    for place, slant, size, strength in FOLDS:
        far = (down - place - slant * across + 0.05 * across**2) / size
        light += strength * far * np.exp(0.5 - far**2 / 2)
    return light
