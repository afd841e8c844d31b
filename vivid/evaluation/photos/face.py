"""Does the face remain the portrait's: the same skin, just as sharp, wherever the head moves?"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..metrics.pixels import ssim
from .observer import Sight
from .sharpness import sharpness
from .video import Video

OVAL = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]  # fmt: skip
"""Points of MediaPipe's face mesh along the outline of the face."""
LIPS = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185]
EYES = (
    [33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246],
    [263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466],
)
STILL = [33, 133, 362, 263, 1, 168, 234, 454]
"""Corners of the eyes, nose and temples: what speaking does not move."""
LIPS_GROW, EYES_GROW = 1.6, 1.5
BORDER = 7
EVERY = 2


def measure_face(video: Video, sight: Sight) -> dict[str, float]:
    """Numbers about the face; NaN where none was found.

    - face_found (share of frames, higher is better).
    - face_ssim and face_ssim_worst (mean and lowest over frames, higher, 1 is equal): structural similarity with the
      portrait of the face without mouth and eyes, which must move; each frame is laid over the portrait by shift,
      turn and scale of the points that speaking does not move.
    - face_sharpness (share of the portrait's, 1 is best): see `sharpness`, in the box of the whole face, laid over.
    """
    found = {index: face for index, face in enumerate(sight.faces) if face is not None}
    numbers = {"face_found": len(found) / len(sight.faces)}
    own = sight.reference_face
    similar, sharp = [], []
    if own is not None:
        height, width = video.reference.shape[:2]
        box = np.concatenate([own[OVAL].min(0), own[OVAL].max(0)])
        mask = skin(own, (height, width))[None]
        for index, face in found.items():
            if index % EVERY:
                continue
            move, _ = cv2.estimateAffinePartial2D(face[STILL].astype(np.float32), own[STILL].astype(np.float32))
            if move is None:
                continue
            laid = cv2.warpAffine(video.frames[index], move, (width, height), flags=cv2.INTER_CUBIC)
            similar.append(ssim(laid[None], video.reference[None], mask))
            sharp.append(sharpness(laid, box))
    reference = sharpness(video.reference, box) if own is not None else 0.0
    nothing = float("nan")
    return numbers | {
        "face_ssim": float(np.mean(similar)) if similar else nothing,
        "face_ssim_worst": float(np.min(similar)) if similar else nothing,
        "face_sharpness": float(np.mean(sharp)) / reference if sharp and reference else nothing,
    }


def skin(face: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels (H, W) of a face (478, 2) that neither speech nor blinks move."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(face[OVAL].astype(np.int32)), 1)
    mask = cv2.erode(mask, np.ones((BORDER, BORDER), np.uint8))
    for points, grow in ((LIPS, LIPS_GROW), *((eye, EYES_GROW) for eye in EYES)):
        around = face[points]
        centre = around.mean(0)
        cv2.fillConvexPoly(mask, cv2.convexHull(((around - centre) * grow + centre).astype(np.int32)), 0)
    return mask > 0
