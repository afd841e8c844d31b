"""Small geometry that the layers share, and arithmetic with pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def thrice(layer: NDArray[np.generic]) -> NDArray[np.float32]:
    """(H, W, 3) of (H, W): colours are multiplied by it eight times as fast as by a broadcast (H, W, 1)."""
    layer = np.ascontiguousarray(layer, np.float32)
    return np.asarray(cv2.merge((layer, layer, layer))).reshape(*layer.shape, 3)


def where(mask: NDArray[np.bool_], yes: NDArray[np.floating], no: NDArray[np.floating]) -> NDArray[np.float32]:
    """Colours (H, W, 3) float32: `yes` where the mask (H, W) holds, else `no`; NumPy's `where` takes three times as
    long."""
    yes, no = np.ascontiguousarray(yes, np.float32), np.array(no, np.float32, order="C")
    return np.asarray(cv2.copyTo(yes, mask.astype(np.uint8), no))


def smootherstep(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """0 below 0, 1 above 1, with a smooth step in between whose first two derivatives are continuous."""
    x = np.clip(x, 0, 1)
    return x * x * x * (x * (6 * x - 15) + 10)


def similarity(source: Array, target: Array) -> tuple[float, Array, Array]:
    """Scale, rotation (3, 3) and shift (3,) with target = scale * source @ rotation.T + shift in the least squares
    sense; source, target: (N, 3) (Umeyama 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    signs = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ signs @ vt
    scale = float((s * np.diag(signs)).sum() / (a * a).sum())
    return scale, rotation, target.mean(0) - scale * source.mean(0) @ rotation.T


def turn(pitch: float, yaw: float, roll: float) -> Array:
    """Rotation (3, 3) in picture axes (x right, y down, z away from the camera), angles in radians: pitch > 0 looks
    down, yaw > 0 to the picture's right, roll > 0 clockwise in the picture."""
    cx, sx, cy, sy, cz, sz = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def there_and_back(distance: NDArray[np.float32], room: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mirrored position for each distance: back and forth within `room`."""
    return np.asarray(room - np.abs(np.mod(distance, 2 * np.maximum(room, 1)) - room))
