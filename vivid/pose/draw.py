"""Drawing poses: the hand map for the network, the skeleton overlay and strips for people."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .regions import present
from .skeleton import (
    BODY_COUNT,
    BODY_LIMBS,
    FACE_COUNT,
    HAND_BONES,
    HAND_COUNT,
    LEFT,
    LEFT_SHOULDER,
    RIGHT,
    RIGHT_SHOULDER,
    Pose,
)

HAND_BONE_COLOURS = tuple(colorsys.hsv_to_rgb(k / len(HAND_BONES), 1.0, 1.0) for k in range(len(HAND_BONES)))
_HAND_JOINT_COLOURS = ((255.0, 255.0, 255.0), *((255 * r, 255 * g, 255 * b) for r, g, b in HAND_BONE_COLOURS))
"""In drawings for people a joint has the colour of the bone that ends in it: other colours would break up fingers."""
BODY_COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255),
    (255, 0, 255), (255, 0, 170), (255, 0, 85),
)  # fmt: skip
"""OpenPose's colours: of body joint k, and of limb k."""
FACE_LINES = (
    tuple(range(17)), tuple(range(17, 22)), tuple(range(22, 27)), tuple(range(27, 31)), tuple(range(31, 36)),
    (*range(36, 42), 36), (*range(42, 48), 42), (*range(48, 60), 48), (*range(60, 68), 60),
)  # fmt: skip
"""Jaw, brows, nose, eyes, lips, as chains of face points."""
FINGERS = tuple((0, *range(first, first + 4)) for first in range(1, 21, 4))
SHOWN, SHOWN_HEIGHT = 6, 240
"""Frames of a video that `strip_of` shows, and their height."""
_MAP_SIDE = 800
"""Shorter side at which the map is drawn, with lines 2 and joints 4 pixels thick, before it is scaled."""


def hand_map(pose: Pose, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """The hands as the base weights expect them: uint8 (H, W, 3); the network gets it divided by 255.

    `size` is (width, height), by default the pose's canvas, and must have its proportions. It matches to the pixel what
    the public base was trained on, quirks included: confidences above 1 saturate, blue joints are drawn before the
    channels are swapped and end up red, the left hand comes first. Absent points are left out.
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


_FINE_SIDE = 500
"""Pictures smaller than this are drawn larger and averaged down: thin bones stay smooth at 256 pixels."""
_FAINTEST = 0.2
"""Below this confidence detectors place unseen limbs anywhere, so they are not drawn for people."""
_SHIFT = 4
"""Fractional bits of OpenCV's coordinates, so that a moving skeleton glides instead of jumping between pixels."""
Colour = tuple[float, float, float]
Place = tuple[int, int]
"""A point in OpenCV's coordinates with fractional bits, as `_Layer.locate` gives it."""


class _Layer:
    """A transparent sheet over part of a picture, painted with opacity, laid on the picture at the end.

    Colours are kept multiplied by their opacity; later strokes replace earlier ones where they are opaque, so that
    crossing limbs do not add up.
    """

    def __init__(self, window: tuple[int, int, int, int], fine: int) -> None:
        self.window, self.fine = window, fine
        x0, y0, x1, y1 = window
        self.origin = np.array([x0, y0], np.float64)
        self.sheet = np.zeros(((y1 - y0) * fine, (x1 - x0) * fine, 4), np.uint8)

    def locate(self, places: NDArray[np.float64]) -> list[Place]:
        """Places (N, 2) in the picture as OpenCV's coordinates on the sheet."""
        on_sheet = ((places - self.origin + 0.5) * self.fine - 0.5) * (1 << _SHIFT)
        return [(x, y) for x, y in np.rint(on_sheet).astype(int).tolist()]

    def line(self, start: Place, end: Place, colour: Colour, width: float, opacity: float) -> None:
        """A stroke between two located points; `width` in pixels of the picture, opacity 0..1."""
        thickness = max(round(width * self.fine), 1)
        cv2.line(self.sheet, start, end, _ink(colour, opacity), thickness, cv2.LINE_AA, _SHIFT)

    def path(self, points: list[Place], colour: Colour, width: float, opacity: float) -> None:
        """A stroke through located points."""
        thickness = max(round(width * self.fine), 1)
        corners = np.array(points, np.int32)
        cv2.polylines(self.sheet, [corners], False, _ink(colour, opacity), thickness, cv2.LINE_AA, _SHIFT)

    def dot(self, centre: Place, colour: Colour, radius: float, opacity: float) -> None:
        """A disc around a located point."""
        size = round(radius * self.fine * (1 << _SHIFT))
        cv2.circle(self.sheet, centre, size, _ink(colour, opacity), -1, cv2.LINE_AA, _SHIFT)

    def dots(self, centres: list[Place], colour: Colour, radius: float, opacity: float) -> None:
        """Discs of one kind around located points: thick strokes without length, in one call."""
        corners = [np.array([centre, centre], np.int32) for centre in centres]
        thickness = max(round(2 * radius * self.fine), 1)
        cv2.polylines(self.sheet, corners, False, _ink(colour, opacity), thickness, cv2.LINE_AA, _SHIFT)

    def lay_on(self, image: NDArray[np.uint8], strength: float) -> None:
        """Blend the sheet into `image` (H, W, 3) in place; `strength` 0..1 scales all opacities."""
        x0, y0, x1, y1 = self.window
        sheet: NDArray[Any] = self.sheet
        if self.fine > 1:
            sheet = cv2.resize(sheet, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        ground = image[y0:y1, x0:x1]
        left = cv2.convertScaleAbs(cv2.extractChannel(sheet, 3), alpha=-strength, beta=255)  # 255 - opacity
        dimmed = cv2.multiply(ground, cv2.merge([left, left, left]), scale=1 / 255)
        ink = cv2.cvtColor(sheet, cv2.COLOR_RGBA2RGB)
        image[y0:y1, x0:x1] = cv2.addWeighted(ink, strength, dimmed, 1, 0)


def _ink(colour: Colour, opacity: float) -> tuple[float, float, float, float]:
    red, green, blue = colour
    return red * opacity, green * opacity, blue * opacity, 255 * opacity


def overlay(image: NDArray[np.uint8], pose: Pose, opacity: float = 0.9) -> NDArray[np.uint8]:
    """A picture (H, W, 3) with the skeleton on it: body, hands and face in OpenPose's colours, anti-aliased.

    The pose may be on another canvas of the same picture. Confidence (clipped to 1) is opacity; absent points are
    left out. Line widths follow the person's size, so that 256 and 2000 pixels look alike.
    """
    height, width = image.shape[:2]
    pose = pose.on_canvas((width, height))
    result = image.copy(order="C")
    far = 4.0 * max(width, height)  # a stray point must not overflow the drawing's integers
    points = np.concatenate([pose.body, pose.face, pose.hands[LEFT], pose.hands[RIGHT]])
    places, sure = _readable(points, far)
    if not sure.any():
        return result
    unit = _person_size(pose)
    margin = 0.1 * unit + 4
    low = np.maximum(np.floor(places[sure > 0].min(axis=0) - margin), 0)
    high = np.minimum(np.ceil(places[sure > 0].max(axis=0) + margin), (width, height))
    if (low >= high).any():
        return result  # everything is outside
    fine = int(np.clip(np.ceil(_FINE_SIDE / min(width, height)), 1, 4))
    layer = _Layer((int(low[0]), int(low[1]), int(high[0]), int(high[1])), fine)
    at, opacities = layer.locate(places), sure.tolist()
    ends = np.cumsum([0, BODY_COUNT, FACE_COUNT, HAND_COUNT, HAND_COUNT]).tolist()
    for (first, end), draw in zip(pairwise(ends), (_draw_body, _draw_face, _draw_hand, _draw_hand), strict=True):
        draw(layer, at[first:end], opacities[first:end], unit)
    layer.lay_on(result, opacity)
    return result


def _person_size(pose: Pose) -> float:
    """About the shoulder width in pixels, bounded relative to the picture's size."""
    width, height = pose.canvas
    shoulders = pose.body[[LEFT_SHOULDER, RIGHT_SHOULDER]]
    size = float(np.hypot(*(shoulders[0, :2] - shoulders[1, :2]))) if present(shoulders).all() else 0.0
    return float(np.clip(size, 0.2 * min(width, height), 0.6 * min(width, height)))


def _readable(points: NDArray[np.float32], far: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (N, 2) and opacities (N,) of points (N, 3): 0 where absent, far away or hardly more than a guess."""
    here = present(points) & (np.abs(np.nan_to_num(points[:, :2])) < far).all(axis=-1)
    here &= np.nan_to_num(points[:, 2]) >= _FAINTEST
    places = np.where(here[:, None], points[:, :2], 0).astype(np.float64)
    return places, np.where(here, np.clip(np.nan_to_num(points[:, 2]), 0, 1), 0.0)


def _draw_body(layer: _Layer, at: list[Place], sure: list[float], unit: float) -> None:
    limbs = [(k, a, b, min(sure[a], sure[b])) for k, (a, b) in enumerate(BODY_LIMBS) if sure[a] and sure[b]]
    limbs.sort(key=lambda limb: limb[3])  # faint limbs never cover sure ones
    wide = 0.042 * unit
    for _, a, b, opacity in limbs:  # a dark rim sets the colours off from bright clothes
        layer.line(at[a], at[b], (0, 0, 0), (wide + 0.014 * unit) * _thinner(b), 0.35 * opacity)
    for k, a, b, opacity in limbs:
        layer.line(at[a], at[b], BODY_COLOURS[k], wide * _thinner(b), 0.72 * opacity)
    for joint in _seen(sure):
        thin = _thinner(joint)
        layer.dot(at[joint], (0, 0, 0), 0.036 * unit * thin, 0.5 * sure[joint])
        layer.dot(at[joint], BODY_COLOURS[joint], 0.029 * unit * thin, sure[joint])


def _seen(sure: list[float]) -> list[int]:
    return [point for point, opacity in enumerate(sure) if opacity > 0]


def _thinner(joint: int) -> float:
    """Eyes and ears are drawn finely, so that the face can still be seen."""
    return 0.45 if joint in (14, 15, 16, 17) else 1.0


def _draw_hand(layer: _Layer, at: list[Place], sure: list[float], unit: float) -> None:
    for finger in FINGERS:
        _draw_chain(layer, finger, at, sure, (0, 0, 0), 0.022 * unit, 0.4)
    for (a, b), (red, green, blue) in zip(HAND_BONES, HAND_BONE_COLOURS, strict=True):
        if sure[a] and sure[b]:
            colour = (255 * red, 255 * green, 255 * blue)
            layer.line(at[a], at[b], colour, 0.014 * unit, 0.95 * min(sure[a], sure[b]))
    seen = _seen(sure)
    if seen:
        layer.dots([at[joint] for joint in seen], (0, 0, 0), 0.0135 * unit, 0.5 * sum(sure) / len(seen))
    for joint in seen:
        layer.dot(at[joint], _HAND_JOINT_COLOURS[joint], 0.0105 * unit, sure[joint])


def _draw_chain(
    layer: _Layer,
    chain: Sequence[int],
    at: list[Place],
    sure: list[float],
    colour: Colour,
    width: float,
    opacity: float,
) -> None:
    """The unbroken runs of a chain, each in one stroke, as opaque as its least sure point."""
    for there, run in groupby(chain, key=lambda point: sure[point] > 0):
        points = list(run)
        if there and len(points) > 1:
            layer.path([at[k] for k in points], colour, width, opacity * min(sure[k] for k in points))


def _draw_face(layer: _Layer, at: list[Place], sure: list[float], unit: float) -> None:
    for chain in FACE_LINES:
        _draw_chain(layer, chain, at, sure, (255, 255, 255), 0.006 * unit, 0.55)
    seen = _seen(sure)
    if seen:
        layer.dots([at[point] for point in seen], (255, 255, 255), 0.0072 * unit, 0.9 * sum(sure) / len(seen))


def strip(
    pictures: Sequence[NDArray[np.uint8]], captions: Sequence[str] = (), height: int = 480, gap: int = 8
) -> NDArray[np.uint8]:
    """Pictures (H, W, 3) side by side at one height on white, each with its caption under it: uint8 (H', W', 3)."""
    if not pictures:
        raise ValueError("a strip needs at least one picture")
    if captions and len(captions) != len(pictures):
        raise ValueError(f"{len(captions)} captions for {len(pictures)} pictures")
    tiles = [_to_height(picture, height) for picture in pictures]
    text = max(round(height / 22), 12) if any(captions) else 0
    room = round(text * 1.8)
    width = sum(tile.shape[1] for tile in tiles) + gap * (len(tiles) + 1)
    sheet = np.full((height + room + 2 * gap, width, 3), 255, np.uint8)
    left, centres = gap, []
    for tile in tiles:
        sheet[gap : gap + height, left : left + tile.shape[1]] = tile
        centres.append((left + tile.shape[1] / 2, tile.shape[1]))
        left += tile.shape[1] + gap
    if not any(captions):
        return sheet
    canvas = Image.fromarray(sheet)
    pen = ImageDraw.Draw(canvas)
    for caption, (centre, tile_width) in zip(captions, centres, strict=True):
        font = ImageFont.load_default(text)
        wide = pen.textlength(caption, font)
        if wide > tile_width:
            font = ImageFont.load_default(max(text * tile_width / wide, 8))
        pen.text((centre, gap + height + room / 2), caption, (40, 40, 40), font, anchor="mm")
    return np.array(canvas)


def strip_of(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """SHOWN evenly spread ones of a video's frames (T, H, W, 3) side by side."""
    picks = np.linspace(0, len(frames) - 1, SHOWN).round().astype(int)
    return strip([frames[i] for i in picks], height=SHOWN_HEIGHT, gap=0)


def _to_height(picture: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    size = (max(round(picture.shape[1] * height / picture.shape[0]), 1), height)
    way = cv2.INTER_AREA if picture.shape[0] > height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8)
