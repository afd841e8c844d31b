"""Noise, cloth and rooms made without photographs, to colour rendered people and as their backgrounds."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...synthesis.background import Painter, make_background

Floats = NDArray[np.float32]
BANK_SIZE = 384
NOISES, ROOMS = 48, 64


def noise_bank(rng: np.random.Generator, count: int = NOISES) -> Floats:
    """(count, BANK_SIZE, BANK_SIZE): smooth, ridged and stretched noise of mean 0 between about -1 and 1."""
    n, out = BANK_SIZE, []
    for k in range(count):
        total = np.zeros((n, n), np.float32)
        falloff = rng.uniform(0.45, 0.75)
        for octave in range(2, 8):
            rows, columns = 2**octave, max(2, int(2**octave * rng.choice([0.3, 1, 1, 3])))
            fine = rng.normal(0, 1, (rows, columns)).astype(np.float32)
            total += cv2.resize(fine, (n, n), interpolation=cv2.INTER_CUBIC) * falloff ** (octave - 2)
        total /= total.std() * 1.6
        if k % 3 == 1:
            total = 1 - 2.2 * np.abs(total)  # ridges, like folds
        if k % 2:
            turn = cv2.getRotationMatrix2D((n / 2, n / 2), rng.uniform(0, 360), 1)
            total = cv2.warpAffine(total, turn, (n, n), borderMode=cv2.BORDER_REFLECT)
        out.append(np.clip(total - total.mean(), -1.5, 1.5))
    return np.array(out, np.float32)


def colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """Any sRGB colour (3,) in 0..1, with the saturation of real objects."""
    hsv = np.array([[[rng.integers(180), int(255 * rng.beta(1.2, 1.8)), rng.integers(30, 256)]]], np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0] / 255.0


def reflectance(rng: np.random.Generator, skin: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colour of cloth (3,) in linear light; often white, dark, or like the person's `skin` (sRGB 0..1)."""
    kind = rng.random()
    if kind < 0.20:
        value = np.full(3, rng.uniform(0.7, 1.0)) * rng.uniform(0.92, 1, 3)
    elif kind < 0.42:
        value = np.full(3, rng.uniform(0.03, 0.3)) * rng.uniform(0.75, 1.25, 3)
    elif kind < 0.58:
        value = skin * rng.uniform(0.6, 1.5) * rng.uniform(0.85, 1.15, 3)
    else:
        value = colour(rng)
    return np.clip(value, 0.01, 1) ** 2.2


class Textures:
    """Banks of noise and rooms, determined by a seed, and pieces cut from them."""

    def __init__(self, seed: int, noises: int = NOISES, rooms: int = ROOMS) -> None:
        rng = np.random.default_rng([seed, 41])
        self.bank = noise_bank(rng, noises)
        self.rooms = np.stack([self._room(rng) for _ in range(rooms)])

    def noise(self, rng: np.random.Generator, size: int) -> Floats:
        """(size, size) from the bank."""
        return _piece(self.bank[rng.integers(len(self.bank))], rng, size)

    def room(self, rng: np.random.Generator, size: int) -> Floats:
        """(size, size, 3) in 0..255: a room, or a wall between two colours."""
        if rng.random() < 0.25:
            share = 0.5 + 0.5 * self.noise(rng, size)[..., None] * rng.choice([0, 0.3, 1])
            a, b = 255 * colour(rng), 255 * colour(rng)
            return np.clip(a * share + b * (1 - share), 0, 255).astype(np.float32)
        out = _piece(self.rooms[rng.integers(len(self.rooms))], rng, size).astype(np.float32)
        if rng.random() < 0.5:
            out = out[:, ::-1]
        if rng.random() < 0.4:
            out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.5, 5))
        out = out * rng.uniform(0.5, 1.3) + rng.uniform(-20, 20)
        return np.clip(out[..., rng.permutation(3)] if rng.random() < 0.3 else out, 0, 255)

    def cloth(self, rng: np.random.Generator, uv: Floats, skin: NDArray[np.float64]) -> Floats:
        """Linear reflectance, (3,) or (H, W, 3), of one piece of cloth at canonical coordinates (H, W, 2)."""
        a, b = reflectance(rng, skin), reflectance(rng, skin)
        kind, size = rng.random(), uv.shape[0]
        if kind < 0.55:
            return a.astype(np.float32)
        if kind < 0.78:  # stripes, checks
            frequency, duty, which = rng.uniform(0.7, 6), rng.uniform(0.1, 0.8), rng.integers(3)
            weight = np.zeros(uv.shape[:2], np.float32)
            for axis in (0, 1):
                if which in (axis, 2):
                    wave = np.abs((uv[..., axis] * frequency) % 1 - 0.5) * 2
                    weight += 0.5 * (1 + (which < 2)) * np.clip((wave - duty) * 6 + 0.5, 0, 1)
        elif kind < 0.92:  # prints of blots and flowers
            weight = np.clip(self.noise(rng, size) * rng.uniform(0.5, 5) + rng.uniform(0.2, 0.8), 0, 1)
            if rng.random() < 0.5:
                other = np.clip(self.noise(rng, size)[..., None] * 4 + rng.uniform(0, 0.6), 0, 1)
                mixed = a * (1 - other) + reflectance(rng, skin) * other
                return (mixed * (1 - weight[..., None]) + b * weight[..., None]).astype(np.float32)
        else:  # dots
            frequency, radius = rng.uniform(2, 7), rng.uniform(0.15, 0.4)
            cell = (uv * frequency) % 1 - 0.5
            weight = np.clip((radius - np.hypot(cell[..., 0], cell[..., 1])) * 8 + 0.5, 0, 1)
        weight = weight[..., None] * rng.choice([0.25, 0.6, 1])
        return (a * (1 - weight) + b * weight).astype(np.float32)

    def _room(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """(BANK_SIZE, BANK_SIZE, 3): blurred or sharp furniture, a wall of tiles or planks, or a landscape."""
        kind, n = rng.random(), BANK_SIZE
        if kind < 0.2:
            return make_background(int(rng.integers(1 << 30)))
        painter = Painter(rng)
        if kind < 0.7:
            things = (painter.window, painter.shelf, painter.picture, painter.plant, painter.lamp)
            for _ in range(int(rng.integers(2, 7))):
                things[rng.integers(len(things))](float(rng.uniform(-0.1, 0.9)))
            canvas = painter.canvas
            for _ in range(int(rng.integers(0, 12))):  # chairs, screens, people far away
                points = (rng.uniform(0, n, 2) + rng.uniform(-0.2, 0.2, (int(rng.integers(3, 8)), 2)) * n).astype(int)
                cv2.fillConvexPoly(canvas, cv2.convexHull(points), (255 * colour(rng)).tolist(), cv2.LINE_AA)
        elif kind < 0.85:
            canvas = painter.canvas
            step, gap = int(rng.integers(8, 60)), (painter.wall * rng.uniform(0.4, 0.9)).tolist()
            ratio = float(rng.choice([1, 2, 3, 50]))
            for row, y in enumerate(range(0, n, step)):
                canvas[y : y + step] *= rng.uniform(0.85, 1.15)
                cv2.line(canvas, (0, y), (n, y), gap, 1)
                for x in range(int(-step * ratio * (row % 2) / 2), n, max(1, int(step * ratio))):
                    cv2.line(canvas, (x, y), (x, y + step), gap, 1)
        else:
            far, near = 255 * colour(rng), 255 * colour(rng)
            line = rng.uniform(0.2, 0.8) * n + 40 * self.noise(rng, n)[:1]
            ground = np.clip((np.arange(n)[:, None] - line) / 4, 0, 1)[..., None]
            leaves = 1 + 0.8 * self.noise(rng, n)[..., None] * rng.choice([0.3, 1])
            canvas = far * (1 - ground) + near * leaves * ground
        grain = 1 + self.noise(rng, n)[..., None] * rng.choice([0.0, 0.1, 0.35])
        return np.clip(canvas * grain, 0, 255).astype(np.uint8)


def _piece(image: NDArray, rng: np.random.Generator, size: int) -> NDArray:
    if size > BANK_SIZE:
        raise ValueError(f"a piece of {size} pixels of a bank of {BANK_SIZE}")
    y, x = rng.integers(0, BANK_SIZE - size + 1, 2)
    return image[y : y + size, x : x + size]
