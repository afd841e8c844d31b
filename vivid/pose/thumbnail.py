"""A pose clip as a small moving figure, for choosing among clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..media.outputs import written_whole
from . import skeleton as sk
from .skeleton import Points, PoseClip

SIZE = 160
_RATE = 12
_SECONDS = 5.0
_SCALE = 4
"""Drawn this many times larger, then reduced: cv2 anti-aliases lines but neither polygons nor thick line ends."""
_BACKGROUND = (22, 27, 38)
_TORSO = (52, 63, 86)
_HEAD = (228, 196, 170)
_ARMS = {sk.LEFT: (98, 196, 186), sk.RIGHT: (240, 152, 92)}
_CONFIDENT = 0.2


def thumbnail(clip: PoseClip, path: str | Path, size: int = SIZE) -> Path:
    """Write `clip` as an animated WebP of size x size pixels, 12 frames a second, at most 5 seconds, looping forever.

    Both hands, head and torso are in view throughout. Raises InputError when `path` does not end in .webp.
    """
    from PIL import Image

    path = Path(path)
    if path.suffix.lower() != ".webp":
        raise InputError(f"An animation is written as .webp: give {path.name!r} that ending.")
    count = max(1, round(min(clip.seconds, _SECONDS) * _RATE))
    indices = np.minimum(np.round(np.arange(count) * clip.fps / _RATE).astype(int), len(clip) - 1)
    pictures = [Image.fromarray(frame) for frame in figures(clip.take(indices), size)]
    with written_whole(path) as file:
        pictures[0].save(
            file,
            "WEBP",
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 / _RATE),
            loop=0,
            quality=60,
            method=4,
        )
    return path


def figures(clip: PoseClip, size: int) -> Iterator[NDArray[np.uint8]]:
    """One RGB picture (size, size, 3) a frame, all seen through the same window."""
    corner, side = _window(clip)
    scale = size * _SCALE / side
    for index in range(len(clip)):
        pose = clip.frame(index)
        body, hands, face = (_placed(points, corner, scale) for points in (pose.body, pose.hands, pose.face))
        yield _figure(body, hands, face, size)


def _window(clip: PoseClip) -> tuple[NDArray[np.float64], float]:
    """Corner (2,) and side of the square that shows head, arms and torso in all frames."""
    points = np.concatenate([clip.body[:, :8], clip.face, clip.hands.reshape(len(clip), -1, 3)], 1).reshape(-1, 3)
    seen = points[points[:, 2] > _CONFIDENT, :2].astype(np.float64)
    if not len(seen):
        return np.zeros(2), float(max(clip.canvas))
    # A few stray points must not make the figure small.
    low, high = np.percentile(seen, 0.2, axis=0), np.percentile(seen, 99.8, axis=0)
    head = 0.16 * (high - low).max()  # no point marks the top of the hair
    low = low - (0.0, head)
    side = 1.12 * max(float((high - low).max()), 1.0)
    return (low + high) / 2 - side / 2, side


def _placed(points: Points, corner: NDArray[np.float64], scale: float) -> Points:
    moved = points.copy()
    moved[..., :2] = np.clip((points[..., :2] - corner) * scale, -20_000, 20_000)
    return moved


def _figure(body: Points, hands: Points, face: Points, size: int) -> NDArray[np.uint8]:
    import cv2

    picture = np.full((size * _SCALE, size * _SCALE, 3), _BACKGROUND, np.uint8)
    unit = size * _SCALE / 100

    def known(*indices: int) -> bool:
        return bool((body[list(indices), 2] > _CONFIDENT).all())

    def line(one: Points, other: Points, colour: tuple[int, int, int], width: float) -> None:
        start, end = (tuple(round(float(value)) for value in point[:2]) for point in (one, other))
        cv2.line(picture, start, end, colour, max(1, round(width * unit)), cv2.LINE_AA)

    if known(sk.RIGHT_SHOULDER, sk.LEFT_SHOULDER):
        right, left = body[sk.RIGHT_SHOULDER, :2], body[sk.LEFT_SHOULDER, :2]
        across = left - right
        down = np.array([-across[1], across[0]]) * 1.5 * (1 if across[0] >= 0 else -1)
        waist_right, waist_left = right + 0.12 * across + down, left - 0.12 * across + down
        outline = np.array([right, left, waist_left, waist_right]).round().astype(np.int32)
        cv2.fillConvexPoly(picture, outline, _TORSO, cv2.LINE_AA)
        line(right, left, _TORSO, 9)
        if known(sk.NECK, sk.NOSE):
            line(body[sk.NECK], body[sk.NOSE], tuple(int(0.8 * value) for value in _HEAD), 7)  # type: ignore[arg-type]
    if (face[:, 2] > _CONFIDENT).all():
        _head(picture, face, unit)
    for side, joints in ((sk.RIGHT, (2, 3, 4)), (sk.LEFT, (5, 6, 7))):
        for one, other, width in ((joints[0], joints[1], 5.5), (joints[1], joints[2], 4.5)):
            if known(one, other):
                line(body[one], body[other], tuple(int(0.7 * value) for value in _ARMS[side]), width)  # type: ignore[arg-type]
    for side in (sk.RIGHT, sk.LEFT):
        hand = hands[side]
        if (hand[:, 2] > _CONFIDENT).all():
            palm = cv2.convexHull(hand[[0, 1, 5, 9, 13, 17], :2].round().astype(np.int32))
            cv2.fillConvexPoly(picture, palm, _ARMS[side], cv2.LINE_AA)
            for one, other in sk.HAND_BONES:
                line(hand[one], hand[other], _ARMS[side], 1.7)
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _head(picture: NDArray[np.uint8], face: Points, unit: float) -> None:
    """A head in the outline of jaw and skull, with brows, eyes, nose and lips."""
    import cv2

    points = face[:, :2].astype(np.float64)
    chin, brow = points[8], points[[19, 24]].mean(0)
    middle = (points[0] + points[16]) / 2
    crown = brow + 0.55 * (brow - chin)
    half = (points[16] - points[0]) / 2
    skull = [middle + half * np.cos(a) + (crown - middle) * np.sin(a) for a in np.linspace(0, np.pi, 12)[1:-1]]
    outline = np.concatenate([points[:17], skull]).round().astype(np.int32)
    cv2.fillPoly(picture, [outline], _HEAD, cv2.LINE_AA)
    dark = (70, 52, 48)
    for first, last, closed in ((17, 22, False), (22, 27, False), (27, 31, False), (36, 42, True), (42, 48, True)):
        stroke = points[first:last].round().astype(np.int32)
        cv2.polylines(picture, [stroke], closed, dark, max(1, round(0.8 * unit)), cv2.LINE_AA)
    cv2.fillPoly(picture, [points[48:60].round().astype(np.int32)], (196, 106, 100), cv2.LINE_AA)
    cv2.fillPoly(picture, [points[60:68].round().astype(np.int32)], dark, cv2.LINE_AA)
