"""FID and FVD: the Fréchet distance between a network's features of two sets of pictures or of short videos.

FID (Heusel et al. 2017): torch-fidelity's port of the original Inception, 2048 features of every frame. FVD
(Unterthiner et al. 2019): cd-fvd's I3D trained on Kinetics, 400 logits of windows of 16 frames one after the other, at
24 frames a second. Both packages bring frames to the network's square size as the original code does, squashing those
that are not square. Few clips make both numbers too large: compare methods on the same clips only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import Features, Metric, NotMeasuredError, Sample, Sets
from .networks import Networks

BATCH = 16
WINDOW = 16
"""Frames of one FVD feature."""


def frechet_distance(one: Features, other: Features) -> float:
    """Squared Fréchet distance between the Gaussians of two sets of features (N, D) and (M, D), N and M at least 2.

    |mean difference|² + tr(A + B - 2 (A B)^1/2) with covariances A, B. With centred features X / sqrt(N - 1) = Q R the
    last trace is the sum of the singular values of R_A R_B^T: no square root of a matrix, which for fewer features than
    dimensions would be one of a singular matrix.
    """
    if min(len(one), len(other)) < 2:
        raise NotMeasuredError("a covariance takes at least two features on each side: measure more or longer clips")
    mean = one.mean(0, dtype=np.float64) - other.mean(0, dtype=np.float64)
    a, b = _root(one), _root(other)
    cross = float(np.linalg.svd(a @ b.T, compute_uv=False).sum())
    return max(0.0, float(mean @ mean) + float(np.square(a).sum() + np.square(b).sum()) - 2 * cross)


def _root(features: Features) -> NDArray[np.float64]:
    """R (at most D rows, D) with R^T R = the covariance of features (N, D)."""
    centred = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    root: NDArray[np.float64] = np.linalg.qr(centred / np.sqrt(len(features) - 1))[1]
    return root


def _distance(made: Sets, truth: Sets) -> float:
    if not len(made) or not len(truth):
        raise NotMeasuredError("there are no recordings to compare with")
    return frechet_distance(np.concatenate(made), np.concatenate(truth))


def frame_features(sample: Sample, networks: Networks) -> Features:
    """Inception features of all frames: (T, 2048)."""
    look, frames = networks.get("inception"), sample.frames[sample.first :]
    return np.concatenate([look(frames[i : i + BATCH]) for i in range(0, len(frames), BATCH)])


def window_features(sample: Sample, networks: Networks) -> Features:
    """I3D logits of all whole windows: (T // 16, 400)."""
    look, frames = networks.get("i3d"), sample.frames[sample.first :]
    starts = range(0, len(frames) - WINDOW + 1, WINDOW)
    if not starts:
        raise NotMeasuredError(f"a clip is shorter than {WINDOW} frames")
    return np.concatenate([look(frames[None, i : i + WINDOW]) for i in starts])


METRICS = (
    Metric(
        "fid",
        "FID",
        "",
        "lower",
        "set of videos",
        "Fréchet distance of Inception features of all frames of all videos to those of the recordings",
        _distance,
        frame_features,
        ("inception",),
        compares=True,
    ),
    Metric(
        "fvd",
        "FVD",
        "",
        "lower",
        "set of videos",
        "Fréchet distance of I3D features of all windows of 16 frames to those of the recordings",
        _distance,
        window_features,
        ("i3d",),
        compares=True,
    ),
)
