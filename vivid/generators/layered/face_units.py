"""Face units: how each point of the face mesh moves when the jaw opens, the lips pucker, the brows rise.

They are ARKit-like units of the project's own CC0 head (`vivid.synthesis`), carried over to the 468 points of the face
mesh: exact offsets in three dimensions, symmetric, in pupil distances.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .geometry import Array

ASSETS = Path(__file__).resolve().parents[3] / "assets" / "layered"


@dataclass(frozen=True)
class FaceUnits:
    """rest: (468, 3) points of a neutral face, x right, y down, z away; offsets: name -> (468, 3) at weight 1;
    triangles: (T, 3) of the skin, without eyes and mouth."""

    rest: Array
    offsets: dict[str, Array]
    triangles: NDArray[np.int64]


@cache
def face_units() -> FaceUnits:
    """The units that ship."""
    with np.load(ASSETS / "face_units.npz", allow_pickle=False) as stored:
        names = [str(name) for name in stored["names"]]
        offsets = stored["offsets"].astype(np.float64)
        return FaceUnits(
            stored["rest"].astype(np.float64),
            dict(zip(names, offsets, strict=True)),
            stored["triangles"].astype(np.int64),
        )
