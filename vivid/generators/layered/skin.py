"""The colour and light of a person's skin."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def to_linear(srgb: NDArray[np.floating]) -> Floats:
    """sRGB 0..1 to linear light."""
    s = np.clip(srgb, 0, 1)
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def to_srgb(light: NDArray[np.floating]) -> Floats:
    """Linear light to sRGB 0..1."""
    s = np.clip(light, 0, None)
    return np.where(s <= 0.0031308, 12.92 * s, 1.055 * s ** (1 / 2.4) - 0.055)


@dataclass
class Look:
    """Light and skin of a portrait.

    skin: (3,) sRGB 0..1, the colour that its raised hands should have; key: (3,) direction of the main light (x right,
    y up, z towards the camera); contrast: how much stronger light and shade are than in a softly lit room; grain:
    standard deviation of its noise, 0..1; blur: in pixels; upper: colour of a bare upper arm; hem: where a short sleeve
    ends (0 shoulder, 1 elbow), which shades the skin below; light: (3, RGB) how much more light, as a logarithm, falls
    on what faces right, up and to the camera than the main light gives; relief: how much stronger light and shade are
    on hands than on arms.
    """

    skin: Floats
    key: Floats = field(default_factory=lambda: np.array([-0.35, 0.75, 0.56]))
    contrast: float = 1.25
    grain: float = 0.006
    blur: float = 0.42
    upper: Floats | None = None
    hem: float | None = None
    light: Floats | None = None
    relief: float = 1.0
