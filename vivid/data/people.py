"""How many people a clip shows, portraits on the wall left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..evaluation.metrics.flicker import luma
from ..pose.people import overlap_with
from ..pose.skeleton import Pose

Frame = NDArray[np.uint8]

STILL = 2.0
"""Mean change in grey levels up to which what was taken for somebody is a picture: a living face moves more within
seconds. Where the camera moves, pictures on the wall do, too, and count as people."""
LEAST_LOOKS = 3
"""Fewer looks tell nothing."""
THUMB = 16


@dataclass
class Spot:
    """A place where somebody was found, and how it looked whenever people were looked for from then on."""

    box: NDArray[np.float32]
    thumbs: list[NDArray[np.float32]] = field(default_factory=list)

    def look(self, frame: Frame) -> None:
        """Note how it looks now."""
        height, width = frame.shape[:2]
        x0, y0, x1, y1 = np.clip(self.box.round(), 0, (width, height, width, height)).astype(int)
        if min(x1 - x0, y1 - y0) >= 2:
            self.thumbs.append(cv2.resize(luma(frame[y0:y1, x0:x1]), (THUMB, THUMB), interpolation=cv2.INTER_AREA))

    @property
    def still(self) -> bool:
        """Whether nothing there ever changes."""
        if len(self.thumbs) < LEAST_LOOKS:
            return False
        looks = np.stack(self.thumbs)
        return bool(np.abs(looks - np.median(looks, 0)).mean((1, 2)).max() <= STILL)


class Counting:
    """A detector of poses that notes whom it saw; see `Detector`."""

    def __init__(self, finder: Any) -> None:
        self.name, self.people = finder.name, 0
        self._finder, self._spots = finder, list[Spot]()
        self._seen: list[tuple[int, list[Spot]]] = []
        self._boxes: Any = None

    def detect(self, image: Any) -> Pose | None:
        """The detector's."""
        pose: Pose | None = self._finder.detect(image)
        self.people = self._finder.people
        if self._finder.boxes is not self._boxes:
            self._boxes = self._finder.boxes
            spots = [self._spot(box) for box in self._boxes]
            for spot in self._spots:
                spot.look(image)
        else:
            spots = self._seen[-1][1] if self._seen else []
        self._seen.append((self.people, spots))
        return pose

    def _spot(self, box: NDArray[np.float32]) -> Spot:
        for spot in self._spots:
            if overlap_with(spot.box[None], box)[0] > 0.5:
                return spot
        self._spots.append(Spot(box))
        return self._spots[-1]

    def counts(self) -> NDArray[np.integer]:
        """How many people each frame shows."""
        still = {id(spot): spot.still for spot in self._spots}
        return np.array([people - sum(still[id(spot)] for spot in spots) for people, spots in self._seen])
