"""Contact sheets: evenly spread frames of videos, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.outputs import write_png


def contact_sheet(
    rows: Sequence[tuple[str, NDArray[np.uint8]]], path: Path, columns: int = 8, size: int | None = None
) -> None:
    """One PNG: for each (name, frames (T, H, W, 3)) a row of evenly spread frames."""
    strips = []
    for name, frames in rows:
        picks = np.linspace(0, len(frames) - 1, columns).round().astype(int)
        shown = [frames[i] if size is None else cv2.resize(frames[i], (size, size)) for i in picks]
        strip = np.ascontiguousarray(np.concatenate(shown, 1))
        cv2.putText(strip, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(strip, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
        strips.append(strip)
    write_png(path, np.concatenate(strips, 0))
