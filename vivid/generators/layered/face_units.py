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

LOWER_LIP = 14
"""The point in the middle of its inner edge."""
SLIDE = 0.2
"""How far an opening jaw slides down and forward, as a share of how far its turn takes it back."""
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
        offsets = dict(zip(names, stored["offsets"].astype(np.float64), strict=True))
        offsets["jawOpen"] = _sliding(offsets["jawOpen"])
        return FaceUnits(stored["rest"].astype(np.float64), offsets, stored["triangles"].astype(np.int64))


def _sliding(jaw: Array) -> Array:
    """jawOpen (468, 3) with a chin that falls with the lip: a jaw does not only turn, its joint also slides forward.

    The units' own head turns it about a point high behind the ears, so that its chin goes back rather than down, half
    as far as the lip, and the skin between them crumples.
    """
    out = jaw.copy()
    out[:, 1] += SLIDE * jaw[:, 2]
    return out * (jaw[LOWER_LIP, 1] / out[LOWER_LIP, 1])
