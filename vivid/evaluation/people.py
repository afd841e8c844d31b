"""Who is in a picture: a simple embedding of aligned faces that needs no download.

The face is turned and scaled so that eyes and mouth lie at fixed places of 32 x 32 pixels in CIE Lab; the embedding is
that picture with the mouth's rows left out (they move), minus the mean of all portraits compared, scaled to length 1.
Similarity is the cosine. It tells rendered people of one set apart; it is no face recogniser for photographs.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..pose.skeleton import Pose

SIDE = 32
_PLACES = np.array([[10.5, 12.0], [21.5, 12.0], [16.0, 24.0]], np.float32)
"""Where the eyes' and the mouth's centres go."""
MOUTH_ROWS = slice(20, 30)


def aligned_face(frame: NDArray[np.uint8], pose: Pose) -> NDArray[np.float32] | None:
    """The face (32, 32, 3) in Lab / 255, or None when eyes or mouth are missing."""
    face = pose.face
    groups = (face[36:42], face[42:48], face[48:68])
    if any((group[:, 2] > 0).sum() < 3 for group in groups):
        return None
    centres = np.stack([group[group[:, 2] > 0, :2].mean(0) for group in groups]).astype(np.float32)
    matrix, _ = cv2.estimateAffinePartial2D(centres, _PLACES, method=cv2.LMEDS)
    if matrix is None:
        return None
    picture = cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32) / 255


def embeddings(faces: list[NDArray[np.float32]], mean: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Faces -> unit vectors (N, D) around `mean` (default: their own mean)."""
    kept = np.delete(np.stack(faces), np.arange(SIDE)[MOUTH_ROWS], axis=1).reshape(len(faces), -1)
    centred = kept - (kept.mean(0) if mean is None else mean)
    return (centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)).astype(np.float32)


def mean_face(faces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean that `embeddings` subtracts."""
    return np.delete(np.stack(faces), np.arange(SIDE)[MOUTH_ROWS], axis=1).reshape(len(faces), -1).mean(0)
