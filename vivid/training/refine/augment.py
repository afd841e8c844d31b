"""The statistics of photographs for rendered pictures: one camera, light and compression for all pictures of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Development:
    """How the pictures of one clip are developed: all alike, so that their differences are kept.

    curves (3, 256) uint8, a look-up for each colour; colours (3, 3), a mixing of them; light (H, W, 3) float32, factors
    of brightness, or None; blur: deviation in pixels, 0 for none; noise (H, W, 3) int16, or None; quality: of JPEG, or
    None.
    """

    curves: NDArray[np.uint8]
    colours: NDArray[np.float32]
    light: NDArray[np.float32] | None
    blur: float
    noise: NDArray[np.int16] | None
    quality: int | None

    def apply(self, picture: Picture, other_noise: bool = False) -> Picture:
        """A picture (H, W, 3) developed; the grain is always the same, unless `other_noise` shifts it."""
        out = cv2.transform(picture, self.colours)
        out = cv2.LUT(out, np.ascontiguousarray(self.curves.T[None]))
        if self.light is not None:
            out = cv2.multiply(out, self.light, dtype=cv2.CV_8U)
        if self.blur:
            out = cv2.GaussianBlur(out, (0, 0), self.blur)
        if self.noise is not None:
            noise = np.roll(self.noise, 37, (0, 1)) if other_noise else self.noise
            out = cv2.add(out, noise, dtype=cv2.CV_8U)
        if self.quality is not None:
            data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
            out = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return np.asarray(out, np.uint8)


def random_development(rng: np.random.Generator, size: tuple[int, int]) -> Development:
    """Exposure, contrast, colour cast, saturation, light from one side, blur, grain and JPEG for (rows, columns)."""
    u, (rows, columns) = rng.uniform, size
    level = np.arange(256) / 255
    curves = level ** np.exp(u(-0.35, 0.35)) * u(0.7, 1.15) * u(0.88, 1.12, 3)[:, None]
    if rng.random() < 0.1:  # haze
        haze = u(0.05, 0.3)
        curves = curves * (1 - haze) + haze * u(0.6, 1)
    grey = 0.0 if rng.random() < 0.08 else u(0.4, 1.35)
    colours = grey * np.eye(3) + (1 - grey) / 3
    light = None
    if rng.random() < 0.4:
        angle, y, x = u(0, 2 * np.pi), np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)[None]
        light = cv2.merge([np.exp(u(0, 0.4) * (np.cos(angle) * x + np.sin(angle) * y)).astype(np.float32)] * 3)
    noise = None
    if rng.random() < 0.5:
        noise = (u(0.5, 6) * rng.standard_normal((rows, columns, 3), np.float32)).round().astype(np.int16)
    return Development(
        curves=np.round(np.clip(curves, 0, 1) * 255).astype(np.uint8),
        colours=colours.astype(np.float32),
        light=light,
        blur=float(u(0.3, 1.2)) if rng.random() < 0.4 else 0.0,
        noise=noise,
        quality=int(rng.integers(45, 96)) if rng.random() < 0.3 else None,
    )
