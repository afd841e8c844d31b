"""Where the head and the hands are: boxes in pixels, masks on latent grids, hand crops."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .skeleton import FACE_COUNT, LEFT_SHOULDER, NOSE, RIGHT_SHOULDER, Pose, PoseClip

Boxes = NDArray[np.float32]
"""(..., 4): x0, y0, x1, y1 in pixels, possibly reaching outside the picture; all zeros where there is nothing."""

CONFIDENT = 0.3
"""Confidence from which statistics, boxes and crops use a point."""
HEAD_ROOM, HAND_ROOM, CROP_ROOM = 1.6, 1.3, 1.5
"""Factors by which boxes around the points grow: of the head and of the hands for masks, and of crop squares."""
CROP_SIZE = 256
"""Side of a hand crop: what the hand codebook is trained on (section 4.1)."""
FEWEST_HAND_POINTS = 6
"""With fewer confident points a hand counts as absent."""
THINNEST = 0.6
"""A flat hand seen edge-on has a thin box of points but flesh around them: least width as a share of the length."""
FLESH = 0.12
"""Finger tips reach beyond the last key point by about this share of the hand's box."""

_HEAD_OF_BODY = [NOSE, 14, 15, 16, 17]


def _spans(points: NDArray[np.floating], believed: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """Bounding boxes (..., 4) of the trusted points of (..., N, 3), zeros where there are none, and their number."""
    xy = np.where(believed[..., None], points[..., :2].astype(np.float64), np.nan)
    count = believed.sum(axis=-1)
    some = count > 0
    low = np.min(np.where(believed[..., None], xy, np.inf), axis=-2)
    high = np.max(np.where(believed[..., None], xy, -np.inf), axis=-2)
    boxes = np.concatenate([low, high], axis=-1)
    return np.where(some[..., None], boxes, 0.0), count


def present(points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points (..., 3) are present at all: finite, with some confidence."""
    return np.isfinite(points).all(axis=-1) & (np.nan_to_num(points[..., 2]) > 0)


def confident(points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points (..., 3) statistics, boxes and crops may use."""
    return present(points) & (np.nan_to_num(points[..., 2]) >= CONFIDENT)


def enlarge(boxes: NDArray[np.floating], factor: float, thinnest: float = 0.0) -> NDArray[np.float64]:
    """Boxes (..., 4) grown about their centres; `thinnest` is the least short side as a share of the long one."""
    boxes = np.asarray(boxes, np.float64)
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    side = boxes[..., 2:] - boxes[..., :2]
    side = np.maximum(side, thinnest * side.max(axis=-1, keepdims=True)) * factor
    return np.concatenate([centre - side / 2, centre + side / 2], axis=-1)


def head_box(pose: Pose | PoseClip) -> Boxes:
    """The box of the head with room for its motion: (4,) of a pose, (T, 4) of a clip.

    From the face points, nose, eyes and ears; without any of them, a box above the shoulders, half as wide as they are;
    all zeros where those are missing too.
    """
    face_and_head = np.concatenate([pose.face, pose.body[..., _HEAD_OF_BODY, :]], axis=-2)
    believed = confident(face_and_head)
    boxes, count = _spans(face_and_head, believed)
    # Without the face mesh the box of eyes, ears and nose is flat: a head is about 1.2 times as high as wide.
    flat = believed[..., :FACE_COUNT].sum(axis=-1) < 3
    width = boxes[..., 2] - boxes[..., 0]
    centre_y = (boxes[..., 1] + boxes[..., 3]) / 2
    tall = boxes.copy()
    tall[..., 1] = np.minimum(boxes[..., 1], centre_y - 0.4 * width)
    tall[..., 3] = np.maximum(boxes[..., 3], centre_y + 0.8 * width)
    boxes = np.where(flat[..., None], tall, boxes)

    shoulders = pose.body[..., [RIGHT_SHOULDER, LEFT_SHOULDER], :]
    known = confident(shoulders).all(axis=-1)
    xy = np.nan_to_num(shoulders[..., :2].astype(np.float64))
    middle = xy.mean(axis=-2)
    reach = np.linalg.norm(xy[..., 0, :] - xy[..., 1, :], axis=-1)
    guess = np.stack(
        [
            middle[..., 0] - reach / 4,
            middle[..., 1] - 0.95 * reach,
            middle[..., 0] + reach / 4,
            middle[..., 1] - 0.3 * reach,
        ],
        axis=-1,
    )
    few = count < 3
    boxes = np.where(few[..., None], np.where(known[..., None], guess, 0.0), boxes)
    return enlarge(boxes, HEAD_ROOM).astype(np.float32)


class HandBoxes(NamedTuple):
    """`boxes` (..., 2, 4), left then right; `present` (..., 2): enough confident points, and partly in sight."""

    boxes: Boxes
    present: NDArray[np.bool_]


def hand_boxes(pose: Pose | PoseClip) -> HandBoxes:
    """Boxes of both hands, enlarged: (2, 4) and (2,) of a pose, (T, 2, 4) and (T, 2) of a clip."""
    believed = confident(pose.hands)
    spans, count = _spans(pose.hands, believed)
    boxes = enlarge(spans, HAND_ROOM, THINNEST)
    width, height = pose.canvas
    in_sight = (spans[..., 2] > 0) & (spans[..., 3] > 0) & (spans[..., 0] < width) & (spans[..., 1] < height)
    present = (count >= FEWEST_HAND_POINTS) & in_sight
    return HandBoxes(np.where(present[..., None], boxes, 0.0).astype(np.float32), present)


def box_mask(boxes: NDArray[np.floating], canvas: tuple[int, int], grid: tuple[int, int]) -> NDArray[np.bool_]:
    """Which cells of a grid the boxes touch.

    boxes (..., 4) in pixels of `canvas` (width, height); `grid` is (rows, columns); returns (..., rows, columns). A
    cell counts as inside when any part of it is. Boxes without area or with NaN touch nothing.
    """
    rows, columns = grid
    width, height = canvas
    x0, y0, x1, y1 = np.moveaxis(np.asarray(boxes, np.float64), -1, 0)
    real = (x1 > x0) & (y1 > y0)
    across = _touched(x0 * columns / width, x1 * columns / width, columns)
    down = _touched(y0 * rows / height, y1 * rows / height, rows)
    return down[..., :, None] & across[..., None, :] & real[..., None, None]


def _touched(low: NDArray[np.float64], high: NDArray[np.float64], cells: int) -> NDArray[np.bool_]:
    """(..., cells): cell i is the interval i..i+1."""
    start = np.arange(cells)
    return (start < high[..., None]) & (start + 1 > low[..., None])


class HandCrops(NamedTuple):
    """`crops` (2, 256, 256, 3) uint8, left then right (black if absent); `present` (2,); `sharpness` (2,)."""

    crops: NDArray[np.uint8]
    present: NDArray[np.bool_]
    sharpness: NDArray[np.float32]


def crop_squares(pose: Pose) -> tuple[Boxes, NDArray[np.bool_]]:
    """Squares (2, 4) around the hands, wide enough that no finger is cut, and which hands are visible (2,).

    Visible means: enough confident points, and at least half of them inside the picture.
    """
    believed = confident(pose.hands)
    spans, count = _spans(pose.hands, believed)
    side = (spans[:, 2:] - spans[:, :2]).max(axis=-1, keepdims=True) * max(CROP_ROOM, 1 + 2 * FLESH)
    centre = (spans[:, :2] + spans[:, 2:]) / 2
    width, height = pose.canvas
    xy = np.nan_to_num(pose.hands[..., :2])
    inside = believed & (xy >= 0).all(axis=-1) & (xy[..., 0] < width) & (xy[..., 1] < height)
    present = (count >= FEWEST_HAND_POINTS) & (inside.sum(axis=-1) * 2 >= count) & (side[:, 0] >= 2)
    boxes = np.concatenate([centre - side / 2, centre + side / 2], axis=-1)
    return np.where(present[:, None], boxes, 0.0).astype(np.float32), present


def hand_crops(image: NDArray[np.uint8], pose: Pose) -> HandCrops:
    """Square crops of the hands of a picture (H, W, 3), neither rotated nor mirrored, padded at its borders.

    Sharpness is the variance of the Laplacian of the grey crop: below about 6 a hand is too blurred or too small to
    serve as the model for a video's hands.
    """
    height, width = image.shape[:2]
    squares, present = crop_squares(pose)
    to_image = np.array([width / pose.canvas[0], height / pose.canvas[1]] * 2)
    crops = np.zeros((2, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    sharpness = np.zeros(2, np.float32)
    for side in np.flatnonzero(present):
        x0, y0, x1, y1 = squares[side] * to_image
        factor = CROP_SIZE / max(x1 - x0, y1 - y0)
        # Shrinking by warpAffine alone would alias: average first, then cut out.
        source: NDArray[Any] = image
        shrink = 1.0
        if factor < 0.5:
            shrink = 2 * factor
            source = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        zoom = factor / shrink
        matrix = np.array([[zoom, 0, -x0 * factor], [0, zoom, -y0 * factor]])
        crops[side] = cv2.warpAffine(
            source, matrix, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        grey = cv2.cvtColor(crops[side], cv2.COLOR_RGB2GRAY)
        sharpness[side] = cv2.Laplacian(grey, cv2.CV_32F).var()
    return HandCrops(crops, present, sharpness)
