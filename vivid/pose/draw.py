"""Drawing poses for the network: the hand map (ECHOMIMIC_V2)."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

from .skeleton import HAND_BONES, Pose

HAND_BONE_COLOURS = tuple(colorsys.hsv_to_rgb(k / len(HAND_BONES), 1.0, 1.0) for k in range(len(HAND_BONES)))
_MAP_SIDE = 800
"""The map is drawn with this shorter side and scaled from there; lines 2 and joints 4 pixels thick there."""


def hand_map(pose: Pose, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """The hands as the base weights expect them: uint8 (H, W, 3); the network gets it divided by 255.

    `size` is (width, height), by default the pose's canvas, and must have its proportions. Exact to the pixel to
    what the public base was trained on, its habits included: confidences above 1 saturate, blue joints are drawn
    before the channels are swapped and end up red, the left hand comes first. Absent points are left out.
    """
    width, height = size or pose.canvas
    if abs(width * pose.canvas[1] - height * pose.canvas[0]) > 0.02 * width * pose.canvas[1]:
        raise ValueError(f"a hand map of {width}x{height} would squash a pose on a canvas of {pose.canvas}")
    factor = _MAP_SIDE / min(height, width)
    rows, columns = int(height * factor), int(width * factor)
    canvas = np.zeros((rows, columns, 3), np.uint8)
    scores = np.nan_to_num(pose.hands[..., 2].astype(np.float64), posinf=0.0)
    # Far-off points (a bad detection) would overflow the drawing's integers: a few canvases away is out of sight too.
    relative = np.nan_to_num(pose.hands[..., :2].astype(np.float64), posinf=0.0, neginf=0.0) / np.array(pose.canvas)
    points = (np.clip(relative, -8, 8) * (columns, rows)).astype(np.int64)
    drawn = (points > 0).all(axis=-1) & (scores > 0) & np.isfinite(pose.hands[..., :2]).all(axis=-1)
    for hand in range(2):
        xy = [(int(x), int(y)) for x, y in points[hand]]
        for (start, end), colour in zip(HAND_BONES, HAND_BONE_COLOURS, strict=True):
            if drawn[hand, start] and drawn[hand, end]:
                strength = int(scores[hand, start] * scores[hand, end] * 255)
                cv2.line(canvas, xy[start], xy[end], [channel * strength for channel in colour], thickness=2)
        for joint in np.flatnonzero(drawn[hand]):
            cv2.circle(canvas, xy[joint], 4, (0, 0, int(255 * scores[hand, joint])), thickness=-1)
    return np.ascontiguousarray(cv2.resize(canvas, (width, height))[..., ::-1], np.uint8)
