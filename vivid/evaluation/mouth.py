"""How open a mouth looks, read from its pixels: a second measurement besides the face detector's lip points.

At 256 pixels a mouth is some 20 pixels wide, and the detector's lips tremble by as much as speech moves them. A ridge
regression on true frames of the same person, from clips that are not evaluated, reads the labelled openness
from the grey picture around the mouth. How well it does is seen in the row of the recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..pose.skeleton import PoseClip
from ..training.clips import Clip
from ..training.prepare import HEAD_POINTS

SIDES = (24, 18)
"""Width and height of the picture that is read, in its own pixels ..."""
ROOM = (1.6, 1.2)
"""... and in distances between the eyes."""
SHIFTS = ((0.0, 0.0), (0.08, 0.0), (-0.08, 0.0), (0.0, 0.08), (0.0, -0.08))
"""Shifts that it learns to tolerate, in distances between the eyes: detected heads lie a little off the labelled
ones."""
RIDGE = 1e-2

Curve = NDArray[np.float32]


@dataclass(frozen=True)
class MouthReader:
    """Weights for the picture around one person's mouth, and where that lies below the skull's points."""

    offset: NDArray[np.float64]
    mean: NDArray[np.float64]
    weights: NDArray[np.float64]
    constant: float

    def read(self, frames: NDArray[np.uint8], poses: PoseClip) -> Curve:
        """Openness (T) in frames (T, H, W, 3) whose poses are known; NaN where the head is not."""
        heads, scales = _heads(poses)
        curve = np.full(len(frames), np.nan, np.float32)
        scale = float(np.nanmedian(scales)) if np.isfinite(scales).any() else np.nan
        for index, head in enumerate(heads):
            if np.isfinite(head).all() and np.isfinite(scale):
                crop = _crop(frames[index], head + self.offset * scale, scale)
                curve[index] = (crop - self.mean) @ self.weights + self.constant
        return curve


def fit_reader(clips: Sequence[Clip]) -> MouthReader | None:
    """The reader of the person in these clips; None when no frame shows a labelled head."""
    crops, targets, known = [], [], []
    for clip in clips:
        heads, scales = _heads(clip.pose)
        middle = (clip.mouth_boxes[:, :2] + clip.mouth_boxes[:, 2:]) / 2
        usable = np.isfinite(heads).all(-1) & np.isfinite(middle).all(-1) & (scales > 0)
        known.append((clip, heads, scales, middle, usable))
    offsets = [((middle - heads) / scales[:, None])[usable] for _, heads, scales, middle, usable in known]
    if not sum(map(len, offsets)):
        return None
    offset = np.median(np.concatenate(offsets), 0)
    for clip, heads, scales, _, usable in known:
        scale = float(np.median(scales[usable])) if usable.any() else 0.0
        for index in np.flatnonzero(usable):
            for shift in SHIFTS:
                crops.append(_crop(clip.frames[index], heads[index] + (offset + shift) * scale, scale))
                targets.append(float(clip.openness[index]))
    pictures, openness = np.stack(crops), np.array(targets)
    mean, constant = pictures.mean(0), float(openness.mean())
    centred = pictures - mean
    gram = centred.T @ centred / len(centred)
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.solve(gram, centred.T @ (openness - constant) / len(centred))
    return MouthReader(offset, mean, weights, constant)


def _heads(poses: PoseClip) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle of the skull's points (T, 2) and distance of the eyes (T), in pixels; NaN where not seen."""
    face = np.where(poses.face[..., 2:] > 0, poses.face[..., :2], np.nan).astype(np.float64)
    eyes = face[:, 36:42].mean(1) - face[:, 42:48].mean(1)
    return face[:, HEAD_POINTS].mean(1), np.linalg.norm(eyes, axis=-1)


def _crop(frame: NDArray[np.uint8], centre: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Grey picture around a point, flat, 0 to 1."""
    zoom = SIDES[0] / (ROOM[0] * scale), SIDES[1] / (ROOM[1] * scale)
    matrix = np.array(
        [[zoom[0], 0, SIDES[0] / 2 - zoom[0] * centre[0]], [0, zoom[1], SIDES[1] / 2 - zoom[1] * centre[1]]]
    )
    grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
    crop = cv2.warpAffine(grey, matrix, SIDES, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return crop.ravel().astype(np.float64) / 255
