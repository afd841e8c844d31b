"""Lips against sound without SyncNet: how far the mouth is open in the picture, and how far the speech opens a jaw.

The first is read from detected face points, the second predicted by the network that ships with the layered generator.
It learnt from rendered speakers; thresholds come from those, too (`scripts/planted_faults.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..evaluation.metrics.mouth import correlation_at
from ..pose.skeleton import PoseClip
from ..speech.types import Speech
from ..training.clips import openness_of

FURTHEST = 15
"""Frames looked at, to both sides."""
PEAK = 2
"""Frames beside the best offset that belong to its peak."""


@dataclass(frozen=True)
class LipSync:
    """correlation: the largest of all offsets; margin: by how much it exceeds those outside of its peak; offset: frames
    of 1/24 s that the sound is late (negative: early) there."""

    correlation: float
    margin: float
    offset: int


def lip_sync(poses: PoseClip, speech: Speech) -> LipSync:
    """The offset at which lips and sound agree best."""
    from ..generators.layered.drive import encode, streams

    opens = openness_of(poses.face).astype(float)
    opens[(poses.face[..., 2] <= 0).any(-1)] = np.nan
    jaw = streams(encode(speech), len(opens))["jawOpen"]
    offsets = np.arange(-FURTHEST, FURTHEST + 1)
    found = np.array([correlation_at(jaw, opens, int(offset)) for offset in offsets])
    best = int(found.argmax())
    others = found[np.abs(offsets - offsets[best]) > PEAK]
    return LipSync(float(found[best]), float(found[best] - others.max()), int(offsets[best]))
