"""What metrics know about a finished video: its detected poses and, for rendered clips, exact labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..pose.detect import detect_frames, open_detector
from ..pose.regions import hand_boxes, head_box
from ..pose.skeleton import PoseClip
from ..training.clips import Clip
from .compare import Case
from .metrics.base import Frames, Gallery, Labels
from .metrics.pixels import boxes_to_mask
from .mouth import fit_reader
from .people import aligned_face, embeddings, mean_face

SMALL = 384
"""Frames whose longer side is at most this are enlarged for the detector: mouths of 20 pixels are near its limit."""


def detect(frames: Frames, detector: str) -> PoseClip:
    """Poses that the detector finds in frames, in the frames' own pixels. Errors: InputError when there is nobody."""
    height, width = frames.shape[1:3]
    scale = 2 if max(height, width) <= SMALL else 1
    if (frames == frames[:1]).all():  # a still is looked at only once
        count, frames = len(frames), frames[:1]
    else:
        count = 1
    large = (np.repeat(np.repeat(f, scale, 0), scale, 1) for f in frames)
    with open_detector(detector, video=False) as finder:
        clip, _ = detect_frames(large, finder, "the video")
    clip = clip.take(np.repeat(np.arange(len(clip)), count))
    return clip.map_points((1 / scale, 1 / scale), (0, 0), (width, height))


def face_of(clip: Clip) -> NDArray[np.float32] | None:
    """The aligned face of a rendered clip's first frame, by its exact pose."""
    return aligned_face(np.array(clip.frames[0]), clip.pose.frame(0))


def gallery_of(faces: Mapping[int, NDArray[np.float32] | None], own: int) -> Gallery | None:
    """Embeddings of all known people around their mean, and which one this is; None where that face is missing."""
    known = {identity: face for identity, face in faces.items() if face is not None and identity >= 0}
    if own not in known:
        return None
    mean = mean_face(list(known.values()))
    return Gallery(dict(zip(known, embeddings(list(known.values()), mean), strict=True)), mean, own)


def labels_of(case: Case, gallery: Gallery | None = None, training: Sequence[Clip] = ()) -> Labels | None:
    """The exact labels of a rendered clip that drives its own portrait; None for any other."""
    clip, count, size = case.clip, case.frames, case.clip.pose.canvas
    if clip.identity < 0 or not case.own_portrait:
        return None
    moving = boxes_to_mask(hand_boxes(case.motion).boxes, size) | boxes_to_mask(head_box(case.motion), size)
    own = [one for one in training if one.identity == clip.identity]
    return Labels(
        hands=boxes_to_mask(clip.hand_boxes[:count], size),
        mouth=boxes_to_mask(clip.mouth_boxes[:count], size),
        still=~moving.any(0),
        openness=clip.openness[:count],
        gallery=gallery,
        reader=fit_reader(own) if own else None,
    )
