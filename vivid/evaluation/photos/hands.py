"""Are the hands where the motion wants them, and are they hands?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .observer import Sight
from .sharpness import sharpness
from .video import Video

NEAR = 0.6
"""A hand this far from where it should be, in hand units, counts as another one."""
WHOLLY_IN = 0.9
"""Share of a target hand's points that must be in the picture for it to be asked for."""
MARGIN = 8
"""Pixels around a hand that belong to its box."""
WRIST, MIDDLE_KNUCKLE = 0, 9


def measure_hands(video: Video, sight: Sight) -> dict[str, float]:
    """Numbers about both hands, over the frames in which hands were looked for; NaN where the motion shows none.

    - hand_found (share, higher is better): of the target hands in the picture, those found again within NEAR.
    - hand_error (hand units, lower): mean distance of the found hands' points from the target's. A hand unit is the
      target's wrist to its middle knuckle, and at least half its extent, where it points at the camera.
    - hand_confidence (0..1, higher): the detector's score of found hands, those not found counting as 0 (the paper's
      HKC, re-detected).
    - hand_sharpness (share of the portrait's, 1 is best): see `sharpness`, in the boxes of the target hands against
      the hands in the portrait.
    """
    wanted, errors, scores, sharp = 0, [], [], []
    size = np.array(video.reference.shape[1::-1])
    for index, found in sight.hands.items():
        for side in range(2):
            target, other = video.hands[index, side], video.hands[index, 1 - side]
            inside = ((target[:, :2] > 0) & (target[:, :2] < size)).all(1) & (target[:, 2] > 0)
            if inside.mean() < WHOLLY_IN:
                continue
            wanted += 1
            matches = []
            for hand in found:
                error = _distance(hand.points, target)
                if error < NEAR and not (other[:, 2].all() and _distance(hand.points, other) < error):
                    matches.append((error, hand.score))
            if matches:
                error, score = min(matches)
                errors.append(error)
                scores.append(score)
            sharp.append(sharpness(video.frames[index], _box(target)))
    own = [sharpness(video.reference, _box(hand.points)) for hand in sight.reference_hands]
    return {
        "hand_found": len(errors) / wanted if wanted else float("nan"),
        "hand_error": float(np.mean(errors)) if errors else float("nan"),
        "hand_confidence": float(np.sum(scores)) / wanted if wanted else float("nan"),
        "hand_sharpness": float(np.mean(sharp) / np.mean(own)) if sharp and own else float("nan"),
    }


def _distance(points: NDArray[np.float32], target: NDArray[np.float32]) -> float:
    """Mean distance of points (21, 2) from a target's (21, 3), in the target's hand units."""
    place = target[:, :2]
    unit = max(np.linalg.norm(place[MIDDLE_KNUCKLE] - place[WRIST]), np.ptp(place, axis=0).max() / 2, 1.0)
    return float(np.linalg.norm(points - place, axis=1).mean() / unit)


def _box(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """x0 y0 x1 y1 around points, with a margin."""
    return np.concatenate([points[:, :2].min(0) - MARGIN, points[:, :2].max(0) + MARGIN])
