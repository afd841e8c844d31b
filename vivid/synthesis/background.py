"""Indoor-like, out-of-focus backgrounds painted with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

SIZE = 384
WALLS = [
    "e8e4dc", "dcd7cc", "cfd6d8", "d8cfc6", "b9c4c4", "c9bfae", "aab3a4", "9aa7b4", "e9ddd0", "8d99a1", "c5b4a3",
    "b5bfae",
]  # fmt: skip
WOODS = ["8a6543", "6b4a30", "a98258", "4d382a", "b99a72"]
ACCENTS = ["c8574a", "3f6ea5", "d9a441", "4f7d5b", "8a6aa3", "e3e0d8", "2f3a4a", "b56b45", "6fa3a0", "9c3f4c"]


def _rgb(code: str) -> np.ndarray:
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], float)


class Painter:
    """Draws simple room furniture on a float canvas; coordinates in [0, 1]."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.wall = _rgb(str(rng.choice(WALLS))) * rng.uniform(0.82, 1.04)
        y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
        glow = np.exp(-((x - rng.uniform(0, 1)) ** 2 + (y - rng.uniform(0, 0.6)) ** 2) / rng.uniform(0.2, 0.7))
        self.canvas = (self.wall[None, None] * (0.80 + 0.28 * glow[..., None])).astype("f4")

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: np.ndarray) -> None:
        cv2.rectangle(
            self.canvas,
            (int(x0 * SIZE), int(y0 * SIZE)),
            (int(x1 * SIZE), int(y1 * SIZE)),
            tuple(map(float, colour)),
            -1,
        )

    def disc(self, x: float, y: float, r: float, colour: np.ndarray) -> None:
        cv2.circle(self.canvas, (int(x * SIZE), int(y * SIZE)), max(1, int(r * SIZE)), tuple(map(float, colour)), -1)

    def window(self, x: float) -> None:
        u = self.rng.uniform
        w, top, bottom = u(0.22, 0.34), u(-0.05, 0.12), u(0.55, 0.8)
        frame = _rgb("f2f0ec")
        self.box(x - 0.02, top - 0.02, x + w + 0.02, bottom + 0.02, frame)
        sky = np.array([225.0, 236, 250]) * u(0.95, 1.08)
        self.box(x, top, x + w, bottom, sky)
        for _ in range(14):
            self.disc(x + u(0, w), bottom - u(0, 0.2), u(0.02, 0.05), np.array([120.0, 160, 110]) * u(0.8, 1.3))
        self.box(x - 0.02, bottom, x + w + 0.02, bottom + 0.03, frame)
        self.box(x + w * 0.48, top, x + w * 0.52, bottom, frame)

    def shelf(self, x: float) -> None:
        u, wood = self.rng.uniform, _rgb(str(self.rng.choice(WOODS)))
        w, top = u(0.25, 0.4), u(-0.05, 0.2)
        self.box(x, top, x + w, 1.1, wood * 0.55)
        rows = self.rng.integers(3, 6)
        height = (1.05 - top) / rows
        for r in range(rows):
            y = top + (r + 1) * height
            at = x + 0.01
            while at < x + w - 0.02:
                bw = u(0.008, 0.028)
                if u() < 0.82:
                    colour = _rgb(str(self.rng.choice(ACCENTS))) * u(0.6, 1.05)
                    self.box(at, y - height * u(0.55, 0.85), min(at + bw, x + w - 0.01), y, colour)
                at += bw
            self.box(x - 0.005, y - 0.008, x + w + 0.005, y + 0.008, wood)

    def picture(self, x: float) -> None:
        u = self.rng.uniform
        w, h, y = u(0.12, 0.22), u(0.12, 0.26), u(0.08, 0.3)
        self.box(x, y, x + w, y + h, _rgb(str(self.rng.choice(["2d2a28", "f0eee8", "8a6543"]))))
        self.box(x + 0.012, y + 0.012, x + w - 0.012, y + h - 0.012, _rgb("efece4"))
        self.box(x + 0.03, y + 0.03, x + w - 0.03, y + h - 0.03, _rgb(str(self.rng.choice(ACCENTS))) * u(0.7, 1.1))

    def plant(self, x: float) -> None:
        u = self.rng.uniform
        base = u(0.7, 0.95)
        self.box(x - 0.05, base, x + 0.05, 1.1, _rgb(str(self.rng.choice(["c9bfae", "b56b45", "5a5e66"]))))
        for _ in range(26):
            a, r = u(-2.6, -0.5), u(0.05, 0.26)
            px, py = x + r * np.cos(a) * 0.8, base + r * np.sin(a)
            cv2.ellipse(
                self.canvas,
                (int(px * SIZE), int(py * SIZE)),
                (int(0.06 * SIZE), int(0.018 * SIZE)),
                np.degrees(a),
                0,
                360,
                tuple(map(float, np.array([70.0, 115, 65]) * u(0.7, 1.4))),
                -1,
            )

    def lamp(self, x: float) -> None:
        y = self.rng.uniform(0.15, 0.4)
        yy, xx = np.mgrid[0:SIZE, 0:SIZE] / SIZE
        glow = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / 0.03)[..., None]
        self.canvas += glow * np.array([70.0, 52, 22])
        self.box(x - 0.006, y, x + 0.006, 1.1, _rgb("4a4540"))
        self.box(x - 0.06, y - 0.06, x + 0.06, y + 0.05, np.array([255.0, 238, 200]))

    def lights(self) -> None:
        for _ in range(self.rng.integers(5, 16)):
            colour = np.array([255.0, 215, 150]) * self.rng.uniform(0.7, 1.1)
            self.disc(self.rng.uniform(0, 1), self.rng.uniform(0, 0.6), self.rng.uniform(0.008, 0.022), colour)

    def desk_line(self) -> None:
        y = self.rng.uniform(0.72, 0.9)
        self.box(0, y, 1, 1.1, _rgb(str(self.rng.choice(WOODS))) * self.rng.uniform(0.6, 1.0))


def make_background(seed: int) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8 room, blurred like a wide-open lens."""
    rng = np.random.default_rng([seed, 77])
    painter = Painter(rng)
    if rng.random() < 0.80:  # otherwise a plain studio wall
        if rng.random() < 0.35:
            painter.desk_line()
        things = [painter.window, painter.shelf, painter.picture, painter.plant, painter.lamp]
        chosen = rng.choice(len(things), rng.integers(2, 5), p=[0.24, 0.26, 0.2, 0.18, 0.12])
        places = rng.permutation(np.array([0.0, 0.18, 0.62, 0.78]))[: len(chosen)]
        for k, x in zip(chosen, places, strict=False):
            things[k](float(np.clip(x + rng.normal(0, 0.05), -0.1, 0.9)))
        if rng.random() < 0.2:
            painter.lights()
    linear = np.clip(painter.canvas / 255, 0, 1.2).astype("f4") ** 2.2
    radius = int(rng.integers(5, 13))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2).astype("f4")
    linear = cv2.filter2D(linear, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
    image = np.clip(linear, 0, 1) ** (1 / 2.2) * 255
    image += rng.normal(0, 0.8, image.shape)
    return np.clip(image, 0, 255).astype("u1")
