"""Portrait and motion on the canvas of a video: scaled, never squashed, and cropped so that the head stays whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .generators import Inputs
from .media.pictures import fit_picture
from .pose.portrait import Portrait
from .pose.regions import confident, hand_crops
from .pose.skeleton import Pose, PoseClip

Box = tuple[float, float, float, float]
HAIR = 0.2
"""A head reaches above the box of its face by about this share of the box's height."""


def frame_inputs(
    portrait: Portrait,
    motion: PoseClip,
    clip: PoseClip,
    positions: NDArray[np.float64],
    size: tuple[int, int],
    crop: float | None = None,
) -> Inputs:
    """Fit the portrait to `size` (width, height), and with it the clip, which is in the portrait's pixels.

    motion: the raw clip; positions: where in the raw clip the frames of `clip` lie; crop: see `crop_box`. Errors:
    InputError when the face does not fit.
    """
    x0, y0, x1, y1 = crop_box(portrait, size, crop)[0]
    picture, fit = fit_picture(portrait.image, size, centre=((x0 + x1) / 2, (y0 + y1) / 2))
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


def crop_box(portrait: Portrait, size: tuple[int, int], crop: float | None = None) -> tuple[Box, Box]:
    """The part (x0, y0, x1, y1) of the portrait, in its pixels, that a video of `size` shows, and how far it may be
    moved: the smallest x0 and y0 and the largest, all of which hold the face.

    crop: where between those, 0 to 1; None is for the whole head first, then the hands. Errors: InputError when the
    face does not fit.
    """
    lengths, scale = portrait.size, max(size[0] / portrait.size[0], size[1] / portrait.size[1])
    head = portrait.head_box.astype(np.float64)
    head[1] -= HAIR * (head[3] - head[1])
    kept = np.clip(np.stack([head, *portrait.hand_boxes[portrait.hand_present]]), 0, lengths * 2)
    low, high = kept[:, :2].min(axis=0), kept[:, 2:].max(axis=0)
    face = _face_span(portrait.pose)
    starts, ends = [], []
    for axis, length in enumerate(lengths):
        side = size[axis] / scale
        if face[axis + 2] - face[axis] > side + 1:
            raise InputError(
                "The face does not fit into a video of {} x {}: choose a size of about the portrait's shape, which is "
                "{} x {}.",
                size[0],
                size[1],
                lengths[0],
                lengths[1],
            )
        seen = face if face.any() else kept[0]
        most = max(length - side, 0.0)
        first, last = min(max(seen[axis + 2] - side, 0.0), most), min(max(seen[axis], 0.0), most)
        head_low, head_high = kept[0, axis], kept[0, axis + 2]
        if head_high - head_low > side:  # the whole head does not fit: the face counts
            head_low, head_high = face[axis], face[axis + 2]
        # As near as possible to the middle of head and hands; a crop that holds both holds the head, too.
        start = min(max((low[axis] + high[axis] - side) / 2, head_high - side), head_low)
        start = min(max(start, 0.0), most) if crop is None else first + crop * (last - first)
        starts.append((float(start), float(start + side)))
        ends.append((float(min(first, start)), float(max(last, start))))
    (x0, x1), (y0, y1) = starts
    return (x0, y0, x1, y1), (ends[0][0], ends[1][0], ends[0][1], ends[1][1])


def _face_span(pose: Pose) -> NDArray[np.float64]:
    """The box (4,) around the trusted face points, clipped to the picture; zeros when there are none."""
    points = pose.face[confident(pose.face)][:, :2].astype(np.float64)
    if not len(points):
        return np.zeros(4)
    points = np.clip(points, 0, np.array(pose.canvas))
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
