"""The body is never still: a smooth displacement of torso, shoulders and head.

Sources: the driving clip's own shoulders (limited), slow noise, breathing, the head's turns, and raised hands, which
lift their shoulder. The field is zero at the picture's lower edge or at the hips and full from the shoulders up; the
head moves as a whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...config import FPS
from .figure import Floats
from .geometry import smootherstep

MOST = 0.011
"""Limit of the displacement, in shoulder widths."""
BREATH, PERIOD = 0.0035, 3.7
"""Rise of the chest in shoulder widths, and seconds of one breath."""


def smooth_in_time(values: NDArray[np.floating], seconds: float) -> Floats:
    """Gaussian smoothing of (T, ...) along time; `seconds` is its standard deviation."""
    sigma = seconds * FPS
    reach = int(4 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    flat = np.pad(values.reshape(len(values), -1), ((reach, reach), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel, "valid") for column in flat.T]
    return np.stack(columns, 1).reshape(values.shape)


class Sway:
    """The displacement of every point in every frame."""

    def __init__(
        self,
        shoulders: Floats,
        chin: float,
        bottom: float,
        driving: NDArray[np.floating],
        turns: Floats,
        lift: Floats,
        seed: int = 0,
    ) -> None:
        """shoulders: (2, 2) pixels, the person's left first; chin, bottom: rows; driving: (T, 2, 2) the calibrated
        clip's shoulders on this picture; turns: (T, 3) pitch, yaw, roll of the head in radians; lift: (T, 2) how far
        hands are raised, 0..1."""
        self.left, self.right = shoulders
        width = self.width = float(np.linalg.norm(self.left - self.right))
        self.chin, self.row = chin, float(self.left[1] + self.right[1]) / 2
        self.bottom = min(bottom, self.row + 1.9 * width)
        self.middle = float(self.left[0] + self.right[0]) / 2
        count = len(driving)
        rng = np.random.default_rng(seed + 7)
        slow = smooth_in_time(rng.normal(size=(count + 400, 2)), 0.9)[200:-200]
        slow = slow / max(slow.std(), 1e-6) * [0.0035, 0.0012] * width
        move = smooth_in_time(driving - np.median(driving, 0), 0.06) + slow[:, None]
        yaw, roll = smooth_in_time(turns, 0.12)[:, 1:].T
        move[..., 0] += 0.10 * width * yaw[:, None]
        for side, sign in enumerate((1, -1)):
            move[:, side, 1] += sign * 0.10 * width * roll
        move[..., 1] -= 0.007 * width * smooth_in_time(lift, 0.12)
        far = np.linalg.norm(move, axis=2, keepdims=True)
        most = MOST * width
        self.move = move * np.tanh(far / most) * most / np.maximum(far, 1e-6)
        phase = 2 * np.pi * (np.arange(count) / FPS / PERIOD + rng.uniform())
        self.breath = BREATH * width * (0.5 + 0.5 * np.sin(phase + 0.35 * np.sin(phase)))  # in faster than out

    def at(self, points: NDArray[np.floating], frame: int) -> Floats:
        """Displacement (..., 2) in pixels of points (..., 2) in a frame."""
        x, y = points[..., 0], points[..., 1]
        full = smootherstep((self.bottom - y) / (self.bottom - self.row))
        side = np.clip((x - self.right[0]) / (self.left[0] - self.right[0]), -0.25, 1.25)  # 0 right, 1 left
        one = smootherstep((self.row - y) / max(0.8 * (self.row - self.chin), 1.0) + 0.2)  # neck and head move as one
        side = side + (0.5 - side) * one
        left, right = self.move[frame]
        out = (right + side[..., None] * (left - right)) * full[..., None]
        breath, width = self.breath[frame], self.width
        out[..., 1] -= breath * full * (1 - 0.45 * one)
        breast = np.exp(-np.square((y - self.row - 0.35 * width) / (0.35 * width)))
        out[..., 0] += 0.8 * breath * breast * np.clip((x - self.middle) / (0.5 * width), -1, 1)
        return out
