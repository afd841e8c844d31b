"""CSIM, and for rendered people a likeness that needs no download: is it still the person in the portrait?

CSIM: cosine of ArcFace embeddings (Deng et al. 2019) of the portrait and of frames. The network is insightface's
`w600k_r50` (ResNet-50 on WebFace600K, from its buffalo_l), run by onnxruntime; faces are aligned so that the detector's
points fall on ArcFace's five.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...pose.skeleton import Pose
from ..people import aligned_face, embeddings
from .base import Metric, NotMeasuredError, Sample
from .networks import Networks

EVERY = 6
"""Sampling interval in frames: four a second."""
SIDE = 112
_PLACES = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
"""Where ArcFace was trained to see eyes, nose and corners of the mouth: those on the picture's left first."""
_POINTS = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47), (30,), (48,), (54,))
"""The same points among the face's 68."""


def arcface_crop(picture: NDArray[np.uint8], pose: Pose) -> NDArray[np.uint8] | None:
    """The face (112, 112, 3) turned, scaled and shifted onto ArcFace's points (least squares); None if points are
    missing."""
    groups = [pose.face[list(indices)] for indices in _POINTS]
    if any((group[:, 2] <= 0).any() for group in groups):
        return None
    points = np.stack([group[:, :2].mean(0) for group in groups]).astype(np.float64)
    # x' = a x - b y + c, y' = b x + a y + d, in the four unknowns a, b, c, d.
    one, zero = np.ones(len(points)), np.zeros(len(points))
    x, y = points.T
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    (a, b, c, d), *_ = np.linalg.lstsq(rows, np.concatenate([_PLACES[:, 0], _PLACES[:, 1]]), rcond=None)
    matrix = np.array([[a, -b, c], [b, a, d]])
    return cv2.warpAffine(np.ascontiguousarray(picture), matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)


def csim(sample: Sample, networks: Networks) -> float:
    """Mean cosine over frames in which a face was found."""
    look = networks.get("arcface")
    if sample.portrait is None:
        raise NotMeasuredError("there is no portrait to compare with")
    own = arcface_crop(sample.portrait.image, sample.portrait.pose)
    if own is None:
        raise NotMeasuredError("eyes, nose and mouth were not all found in the portrait")
    poses = sample.found()
    crops = [arcface_crop(sample.frames[i], poses.frame(i)) for i in range(sample.first, len(poses), EVERY)]
    faces = [crop for crop in crops if crop is not None]
    if not faces:
        raise NotMeasuredError("no face was found in the video")
    vectors = look(np.stack([own, *faces]))
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return float((vectors[1:] @ vectors[0]).mean())


def _likeness(sample: Sample) -> tuple[float, list[float]]:
    """Mean cosine of the video's faces to the person's own, and to each other person's."""
    gallery, poses = sample.exact().gallery, sample.found()
    if gallery is None:
        raise NotMeasuredError("the person's face is not all seen in the first frame")
    faces = [aligned_face(sample.frames[i], poses.frame(i)) for i in range(0, len(poses), EVERY)]
    found = [face for face in faces if face is not None]
    if not found:
        raise NotMeasuredError("no face was found in the video")
    vectors = embeddings(found, gallery.mean)
    likeness = {person: float((vectors @ vector).mean()) for person, vector in gallery.vectors.items()}
    return likeness.pop(gallery.own), list(likeness.values())


def identity_own(sample: Sample, networks: Networks) -> float:
    """Likeness to the person themselves."""
    return _likeness(sample)[0]


def identity_others(sample: Sample, networks: Networks) -> float:
    """The largest likeness to anybody else."""
    others = _likeness(sample)[1]
    if not others:
        raise NotMeasuredError("there is only one person in the clips")
    return max(others)


METRICS = (
    Metric(
        "csim",
        "CSIM",
        "",
        "higher",
        "video",
        "cosine of ArcFace embeddings (insightface's w600k_r50) of the portrait and of four frames a second, mean",
        csim,
        needs=("arcface",),
    ),
    Metric(
        "identity_own",
        "Likeness, own",
        "",
        "higher",
        "video",
        "cosine of aligned faces' pixels to the rendered person's own (`people.py`; no face recogniser)",
        identity_own,
    ),
    Metric(
        "identity_others",
        "Likeness, others",
        "",
        "lower",
        "video",
        "the largest such cosine to another rendered person",
        identity_others,
    ),
)
