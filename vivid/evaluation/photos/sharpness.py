"""How much fine detail a part of a picture has."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def sharpness(picture: NDArray[np.uint8], box: NDArray[np.floating]) -> float:
    """Variance of the Laplacian of the brightness inside a box (x0 y0 x1 y1), in grey levels squared.

    Higher is sharper; only comparable between pictures of the same thing at the same size. 0 for an empty box.
    """
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = (int(value) for value in np.clip(box, 0, (width, height, width, height)))
    part = picture[y0:y1, x0:x1]
    if min(part.shape[:2]) < 3:
        return 0.0
    return float(cv2.Laplacian(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())
