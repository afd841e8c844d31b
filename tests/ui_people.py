"""People that the tests of the page use."""

from __future__ import annotations

import numpy as np

from vivid.pose.skeleton import Pose, PoseClip


def person(width: float = 100.0, canvas: tuple[int, int] = (400, 400)) -> Pose:
    """Somebody upright with shoulders `width` pixels apart and both arms hanging a little outwards."""
    middle = canvas[0] / 2
    body = np.zeros((18, 3), np.float32)
    for index, x, y in (
        (0, 0, -0.6), (1, 0, 0), (2, -0.5, 0), (3, -0.7, 0.8), (4, -0.6, 1.4), (5, 0.5, 0), (6, 0.7, 0.8),
        (7, 0.6, 1.4), (8, -0.3, 1.5), (11, 0.3, 1.5), (14, -0.1, -0.7), (15, 0.1, -0.7),
    ):  # fmt: skip
        body[index] = middle + x * width, 150 + y * width, 1
    hands = np.ones((2, 21, 3), np.float32)
    for side, wrist in ((0, 7), (1, 4)):
        hands[side, :, :2] = body[wrist, :2] + np.arange(21)[:, None] * (0.2, 1.0) * width / 70
    angle = np.linspace(0, 2 * np.pi, 68)
    face = np.stack([np.cos(angle) * width / 4, np.sin(angle) * width / 3, np.ones(68)], -1).astype(np.float32)
    face[:, :2] += body[0, :2]
    return Pose(body, hands, face, canvas)


def waving(frames: int = 12) -> PoseClip:
    pose = person(80.0, (300, 300))
    hands = np.repeat(pose.hands[None], frames, 0)
    hands[..., 0] += 5 * np.sin(np.arange(frames))[:, None, None]
    return PoseClip(np.repeat(pose.body[None], frames, 0), hands, np.repeat(pose.face[None], frames, 0), pose.canvas)
