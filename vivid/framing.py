"""Portrait and motion on the canvas of a video: scaled, never squashed, and cropped so that the head stays whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .generators import Inputs
from .media.pictures import fit_picture
from .pose.portrait import Portrait
from .pose.regions import believed_points, hand_crops
from .pose.skeleton import Pose, PoseClip

HAIR = 0.2
"""A head reaches above the box of its face by about this share of the box's height."""


def frame_inputs(
    portrait: Portrait, motion: PoseClip, clip: PoseClip, positions: NDArray[np.float64], size: tuple[int, int]
) -> Inputs:
    """Fit the portrait to `size` (width, height), and with it the clip, which is in the portrait's pixels.

    motion: the raw clip; positions: where in the raw clip the frames of `clip` lie. Errors: InputError when the face
    does not fit.
    """
    picture, fit = fit_picture(portrait.image, size, centre=_crop_centre(portrait, size))
    crops = hand_crops(portrait.image, portrait.pose)
    scale, shift = (fit.scale, fit.scale), (-fit.corner[0] * fit.scale, -fit.corner[1] * fit.scale)
    return Inputs(
        picture=picture,
        pose=portrait.pose.map_points(scale, shift, size),
        head_box=fit.map_points(portrait.head_box.reshape(2, 2)).reshape(4),
        clip=clip.map_points(scale, shift, size),
        crops=crops.crops,
        crops_present=crops.present,
        motion=motion,
        positions=positions,
    )


def crop_box(portrait: Portrait, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part (x0, y0, x1, y1) of the portrait, in its pixels, that a video of `size` shows. Errors: InputError."""
    scale = max(size[0] / portrait.size[0], size[1] / portrait.size[1])
    width, height = size[0] / scale, size[1] / scale
    x, y = _crop_centre(portrait, size)
    left = min(max(x - width / 2, 0.0), portrait.size[0] - width)
    top = min(max(y - height / 2, 0.0), portrait.size[1] - height)
    return left, top, left + width, top + height


def _crop_centre(portrait: Portrait, size: tuple[int, int]) -> tuple[float, float]:
    """The middle of the part of the portrait that covers `size`: the whole head first, then the hands."""
    width, height = portrait.size
    scale = max(size[0] / width, size[1] / height)
    head = portrait.head_box.astype(np.float64)
    head[1] -= HAIR * (head[3] - head[1])
    bounds = np.array([width, height, width, height])
    kept = np.clip(np.stack([head, *portrait.hand_boxes[portrait.hand_present]]), 0, bounds)
    low, high = kept[:, :2].min(axis=0), kept[:, 2:].max(axis=0)
    face = _face_span(portrait.pose)
    centre = []
    for axis in (0, 1):
        side = size[axis] / scale
        if face[axis + 2] - face[axis] > side + 1:
            raise InputError(
                "The face does not fit into a video of {} x {}: choose a size of about the portrait's "
                "shape, which is {} x {}.",
                size[0],
                size[1],
                width,
                height,
            )
        head_low, head_high = kept[0, axis], kept[0, axis + 2]
        if head_high - head_low > side:  # the whole head does not fit: the face counts
            head_low, head_high = face[axis], face[axis + 2]
        # As near as possible to the middle of head and hands; a crop that holds both holds the head, too.
        start = (low[axis] + high[axis] - side) / 2
        centre.append(min(max(start, head_high - side), head_low) + side / 2)
    return float(centre[0]), float(centre[1])


def _face_span(pose: Pose) -> NDArray[np.float64]:
    """The box (4,) around the trusted face points, clipped to the picture; zeros when there are none."""
    points = pose.face[believed_points(pose.face)][:, :2].astype(np.float64)
    if not len(points):
        return np.zeros(4)
    points = np.clip(points, 0, np.array(pose.canvas))
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
