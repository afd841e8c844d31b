"""Drawing poses: the hand map for the network, the skeleton overlay and strips for people."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .measures import present
from .skeleton import BODY_LIMBS, HAND_BONES, LEFT_SHOULDER, RIGHT_SHOULDER, Pose

HAND_BONE_COLOURS = tuple(colorsys.hsv_to_rgb(k / len(HAND_BONES), 1.0, 1.0) for k in range(len(HAND_BONES)))
_HAND_JOINT_COLOURS = ((255.0, 255.0, 255.0), *((255 * r, 255 * g, 255 * b) for r, g, b in HAND_BONE_COLOURS))
"""For people, a joint has the colour of the bone that ends in it: dots of another colour cut small fingers up."""
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


_FINE_SIDE = 500
"""Pictures smaller than this are drawn larger and averaged down: thin bones stay smooth at 256 pixels."""
_FAINTEST = 0.2
"""Below this confidence detectors put limbs that are out of sight anywhere: not drawn for people."""
_BAND = 64
_SHIFT = 4
"""Fractional bits of OpenCV's coordinates, so that a moving skeleton glides instead of hopping between pixels."""
Colour = tuple[float, float, float]


class _Layer:
    """A transparent sheet over part of a picture, painted with opacity, laid on the picture at the end.

    Colours are kept multiplied by their opacity; later strokes replace earlier ones where they are opaque, so that
    limbs which cross don't add up.
    """

    def __init__(self, window: tuple[int, int, int, int], fine: int) -> None:
        self.window, self.fine = window, fine
        x0, y0, x1, y1 = window
        self.origin = np.array([x0, y0], np.float64)
        self.sheet = np.zeros(((y1 - y0) * fine, (x1 - x0) * fine, 4), np.uint8)

    def locate(self, places: NDArray[np.float64]) -> list[tuple[int, int]]:
        """Places (N, 2) in the picture as OpenCV's coordinates on the sheet."""
        on_sheet = ((places - self.origin + 0.5) * self.fine - 0.5) * (1 << _SHIFT)
        return [(x, y) for x, y in np.rint(on_sheet).astype(int).tolist()]

    def line(self, start: tuple[int, int], end: tuple[int, int], colour: Colour, width: float, opacity: float) -> None:
        """A stroke between two located points; `width` in pixels of the picture, opacity 0..1."""
        thickness = max(round(width * self.fine), 1)
        cv2.line(self.sheet, start, end, _ink(colour, opacity), thickness, cv2.LINE_AA, _SHIFT)

    def path(self, points: list[tuple[int, int]], colour: Colour, width: float, opacity: float) -> None:
        """A stroke through located points."""
        thickness = max(round(width * self.fine), 1)
        corners = np.array(points, np.int32)
        cv2.polylines(self.sheet, [corners], False, _ink(colour, opacity), thickness, cv2.LINE_AA, _SHIFT)

    def dot(self, centre: tuple[int, int], colour: Colour, radius: float, opacity: float) -> None:
        """A disc around a located point."""
        size = round(radius * self.fine * (1 << _SHIFT))
        cv2.circle(self.sheet, centre, size, _ink(colour, opacity), -1, cv2.LINE_AA, _SHIFT)

    def dots(self, centres: list[tuple[int, int]], colour: Colour, radius: float, opacity: float) -> None:
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
        # A skeleton covers a twentieth of its box: only those pixels are worth the arithmetic, in bands that fit
        # the processor's cache.
        for row in range(0, y1 - y0, _BAND):
            band = sheet[row : row + _BAND]
            inked = np.flatnonzero(band.view(np.uint32))
            ink = band.reshape(-1, 4)[inked].astype(np.float32) * strength
            rows, columns = np.divmod(inked, x1 - x0)
            ground = image[y0 + row : y0 + row + len(band), x0:x1]
            ground[rows, columns] = ground[rows, columns] * (1 - ink[:, 3:] / 255) + ink[:, :3] + 0.5


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
    parts = [pose.body, *pose.hands, pose.face]
    points = np.concatenate(parts)
    here = present(points) & (np.nan_to_num(points[:, 2]) >= _FAINTEST)
    if not here.any():
        return result
    unit = _person_size(pose)
    margin = 0.1 * unit + 4
    low = np.maximum(np.floor(points[here, :2].min(axis=0) - margin), 0)
    high = np.minimum(np.ceil(points[here, :2].max(axis=0) + margin), (width, height))
    if (low >= high).any():
        return result  # all of it is outside
    fine = int(np.clip(np.ceil(_FINE_SIDE / min(width, height)), 1, 4))
    layer = _Layer((int(low[0]), int(low[1]), int(high[0]), int(high[1])), fine)
    far = 4.0 * max(width, height)  # a stray point must not overflow the drawing's integers
    _draw_body(layer, pose.body, unit, far)
    _draw_face(layer, pose.face, unit, far)
    for hand in pose.hands:
        _draw_hand(layer, hand, unit, far)
    layer.lay_on(result, opacity)
    return result


def _person_size(pose: Pose) -> float:
    """About the shoulder width in pixels, bounded by what the picture can carry."""
    width, height = pose.canvas
    shoulders = pose.body[[LEFT_SHOULDER, RIGHT_SHOULDER]]
    size = float(np.hypot(*(shoulders[0, :2] - shoulders[1, :2]))) if present(shoulders).all() else 0.0
    return float(np.clip(size, 0.2 * min(width, height), 0.6 * min(width, height)))


def _readable(points: NDArray[np.float32], far: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (N, 2) and opacities (N,) of points (N, 3): 0 where absent, far off or hardly more than a guess."""
    here = present(points) & (np.abs(np.nan_to_num(points[:, :2])) < far).all(axis=-1)
    here &= np.nan_to_num(points[:, 2]) >= _FAINTEST
    places = np.where(here[:, None], points[:, :2], 0).astype(np.float64)
    return places, np.where(here, np.clip(np.nan_to_num(points[:, 2]), 0, 1), 0.0)


def _draw_body(layer: _Layer, body: NDArray[np.float32], unit: float, far: float) -> None:
    places, sure = _readable(body, far)
    limbs = [(k, a, b, min(sure[a], sure[b])) for k, (a, b) in enumerate(BODY_LIMBS) if sure[a] and sure[b]]
    limbs.sort(key=lambda limb: limb[3])  # the faint never cover the sure
    at = layer.locate(places)
    wide = 0.042 * unit
    for _, a, b, opacity in limbs:  # a dark rim keeps the colours apart from bright clothes
        layer.line(at[a], at[b], (0, 0, 0), (wide + 0.014 * unit) * _thinner(b), 0.35 * opacity)
    for k, a, b, opacity in limbs:
        layer.line(at[a], at[b], BODY_COLOURS[k], wide * _thinner(b), 0.72 * opacity)
    for joint in np.flatnonzero(sure):
        thin = _thinner(joint)
        layer.dot(at[joint], (0, 0, 0), 0.036 * unit * thin, 0.5 * sure[joint])
        layer.dot(at[joint], BODY_COLOURS[joint], 0.029 * unit * thin, sure[joint])


def _thinner(joint: int) -> float:
    """Eyes and ears are drawn finely, so that the face can still be seen."""
    return 0.45 if joint in (14, 15, 16, 17) else 1.0


def _draw_hand(layer: _Layer, hand: NDArray[np.float32], unit: float, far: float) -> None:
    places, sure = _readable(hand, far)
    at = layer.locate(places)
    for finger in FINGERS:
        _draw_chain(layer, finger, at, sure, (0, 0, 0), 0.022 * unit, 0.4)
    for (a, b), (red, green, blue) in zip(HAND_BONES, HAND_BONE_COLOURS, strict=True):
        if sure[a] and sure[b]:
            colour = (255 * red, 255 * green, 255 * blue)
            layer.line(at[a], at[b], colour, 0.014 * unit, 0.95 * min(sure[a], sure[b]))
    seen = np.flatnonzero(sure)
    if len(seen):
        layer.dots([at[joint] for joint in seen], (0, 0, 0), 0.0135 * unit, 0.5 * sure[seen].mean())
    for joint in seen:
        layer.dot(at[joint], _HAND_JOINT_COLOURS[joint], 0.0105 * unit, sure[joint])


def _draw_chain(
    layer: _Layer,
    chain: Sequence[int],
    at: list[tuple[int, int]],
    sure: NDArray[np.float64],
    colour: Colour,
    width: float,
    opacity: float,
) -> None:
    """The unbroken runs of a chain, each in one stroke, as opaque as its least sure point."""
    for there, run in groupby(chain, key=lambda point: bool(sure[point])):
        points = list(run)
        if there and len(points) > 1:
            layer.path([at[k] for k in points], colour, width, opacity * float(sure[points].min()))


def _draw_face(layer: _Layer, face: NDArray[np.float32], unit: float, far: float) -> None:
    places, sure = _readable(face, far)
    at = layer.locate(places)
    for chain in FACE_LINES:
        _draw_chain(layer, chain, at, sure, (255, 255, 255), 0.006 * unit, 0.55)
    seen = np.flatnonzero(sure)
    if len(seen):
        layer.dots([at[point] for point in seen], (255, 255, 255), 0.0072 * unit, 0.9 * sure[seen].mean())


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


def _to_height(picture: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    size = (max(round(picture.shape[1] * height / picture.shape[0]), 1), height)
    way = cv2.INTER_AREA if picture.shape[0] > height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8)
