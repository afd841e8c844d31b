"""MediaPipe's face mesh: its point groups, and how it is found in any kind of picture."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...pose.mediapipe_detector import _quiet
from .geometry import Array

Picture = NDArray[np.uint8]
Chain = tuple[int, ...]
Place = tuple[float, float, float]

POINTS = 468
"""Points of the skin; the finder returns ten points of the irises after them."""

UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""Inner lips from the person's right corner to the left one (left to right in the picture); corners are shared."""
UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
MOUTH = UPPER_INNER + LOWER_INNER[-2:0:-1]
"""The opening of the mouth as a closed polygon of 20 points."""
LIP_BODIES = {
    # rows between inner and outer edge: (points from corner to corner, share of the inner edge's motion)
    "upper": (((183, 42, 41, 38, 12, 268, 271, 272, 407), 0.85), ((184, 74, 73, 72, 11, 302, 303, 304, 408), 0.68)),
    "lower": (((96, 89, 179, 86, 15, 316, 403, 319, 325), 0.85), ((77, 90, 180, 85, 16, 315, 404, 320, 307), 0.68)),
}


@dataclass(frozen=True)
class Eye:
    """Point chains of one eye: lid edges from the outer to the inner corner, two rows of skin above, one below."""

    upper: Chain
    lower: Chain
    above: tuple[Chain, Chain]
    below: Chain


EYES = {
    "right": Eye(
        upper=(33, 246, 161, 160, 159, 158, 157, 173, 133),
        lower=(33, 7, 163, 144, 145, 153, 154, 155, 133),
        above=((247, 30, 29, 27, 28, 56, 190), (225, 224, 223, 222, 221)),
        below=(25, 110, 24, 23, 22, 26, 112),
    ),
    "left": Eye(
        upper=(263, 466, 388, 387, 386, 385, 384, 398, 362),
        lower=(263, 249, 390, 373, 374, 380, 381, 382, 362),
        above=((467, 260, 259, 257, 258, 286, 414), (445, 444, 443, 442, 441)),
        below=(255, 339, 254, 253, 252, 256, 341),
    ),
}
"""The person's eyes."""
STABLE = (6, 168, 197, 195, 5, 4, 1, 33, 133, 362, 263, 127, 356, 234, 454, 93, 323, 10, 151, 9, 8, 67, 297, 109, 338)
"""Points that speech hardly moves, used for the head's pose."""
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The outline of the face, from the forehead clockwise in the picture."""
CHIN, NOSE_TIP = 152, 4
RIGHT_CHEEK, LEFT_CHEEK = (205, 50, 118, 101, 36), (425, 280, 347, 330, 266)


def strip_triangles(upper: Chain, lower: Chain) -> NDArray[np.int64]:
    """Triangles (T, 3) between two chains of equal length that share their ends (the opening of an eye or a mouth)."""
    out = []
    for k in range(len(upper) - 1):
        a, b, c, d = upper[k], upper[k + 1], lower[k], lower[k + 1]
        if a != c:
            out.append((a, b, c))
        if b != d:
            out.append((b, d, c))
    return np.array(out)


@dataclass(frozen=True)
class FaceMesh:
    """A face in a picture.

    points: (478, 3), x right and y down in pixels of the picture, z away from the camera in the same unit; count: how
    many faces of about this size the picture shows.
    """

    points: Array
    count: int = 1

    def scaled(self, factor: float) -> FaceMesh:
        """The same face after the picture was resized by `factor`."""
        return FaceMesh(self.points * factor, self.count)


def pupil_distance(mesh: FaceMesh, deep: bool = False) -> float:
    """Pixels between the middles of the eyes in the picture, or in space (`deep`), which a turned head does not
    shorten: the unit of everything about a head."""
    axes = slice(None, 3 if deep else 2)
    right, left = mesh.points[[33, 133], axes].mean(0), mesh.points[[263, 362], axes].mean(0)
    return float(np.linalg.norm(right - left))


class FaceFinder:
    """Finds the face of the portrait's person, even if it is rolled, small or harshly lit.

    MediaPipe's networks lie inside its package. The first call loads them; calls from several threads wait for each
    other, because a graph takes one picture at a time.
    """

    LOOKS = ((0.0, 0.0, 2.0), (0.04, 0.0, 1.9), (-0.04, 0.03, 2.1), (0.0, -0.04, 2.25), (0.02, 0.05, 1.8))
    """Crops whose meshes are averaged: shift and side, in sides of the face's box."""
    SIZE = 512
    """Side of a crop in pixels."""
    ROLLS = (0.0, 30.0, -30.0, 60.0, -60.0)
    """Degrees by which the picture is turned in the search for a face."""
    SIMILAR = 0.3
    """Faces with more than this share of the largest one's area count as further people."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._graphs: dict[str, Any] = {}

    def find(self, picture: Picture, head_box: NDArray[np.floating] | None = None) -> FaceMesh | None:
        """The largest face of an RGB picture (H, W, 3), or None.

        head_box: (x0, y0, x1, y1) where another detector saw a head: a face in it is preferred to larger ones, and the
        box itself is searched if no face is found otherwise.
        """
        picture = np.ascontiguousarray(picture)
        with self._lock, _quiet():
            boxes = self._boxes(picture)
            places = [max(boxes, key=lambda box: box[2])] if boxes else []
            x0, y0, x1, y1 = (0.0,) * 4 if head_box is None else (float(v) for v in head_box)
            if min(x1 - x0, y1 - y0) > 0:
                inside = [box for box in boxes if x0 < box[0] < x1 and y0 < box[1] < y1]
                places = [max(inside, key=lambda box: box[2])] if inside else places
                places += [((x0 + x1) / 2, (y0 + y1) / 2, side * max(x1 - x0, y1 - y0)) for side in (0.75, 0.55)]
            for roll in self.ROLLS:
                for place in places:
                    points = self._mesh(picture, place, roll)
                    if points is not None:
                        alike = sum(box[2] ** 2 > self.SIMILAR * place[2] ** 2 for box in boxes)
                        return FaceMesh(points, max(1, alike))
            return self._find_rolled(picture)

    def _find_rolled(self, picture: Picture) -> FaceMesh | None:
        """Turn the whole picture until a face is found."""
        height, width = picture.shape[:2]
        side = int(np.ceil(np.hypot(height, width)))
        for roll in self.ROLLS[1:]:
            there = _rotation((width / 2, height / 2), roll, 1.0, side)
            turned = np.asarray(cv2.warpAffine(picture, there, (side, side)), np.uint8)
            boxes = self._boxes(turned)
            if not boxes:
                continue
            place = max(boxes, key=lambda box: box[2])
            points = self._mesh(turned, place, 0.0)
            if points is not None:
                back = cv2.invertAffineTransform(there)
                points[:, :2] = points[:, :2] @ back[:, :2].T + back[:, 2]
                return FaceMesh(points, sum(box[2] ** 2 > self.SIMILAR * place[2] ** 2 for box in boxes))
        return None

    def _boxes(self, picture: Picture) -> list[Place]:
        """(x, y, side) of all faces, from the full-range network, else from the short-range one."""
        height, width = picture.shape[:2]
        for name in ("far", "near"):
            found = self._graph(name).process(picture).detections or []
            boxes = [detection.location_data.relative_bounding_box for detection in found]
            if boxes:
                return [
                    (
                        (b.xmin + b.width / 2) * width,
                        (b.ymin + b.height / 2) * height,
                        max(b.width * width, b.height * height),
                    )
                    for b in boxes
                ]
        return []

    def _mesh(self, picture: Picture, place: Place, roll: float) -> Array | None:
        """(478, 3): the mean over a few crops, which halves the jitter of the mesh from crop to crop."""
        x, y, side = place
        seen = []
        for dx, dy, share in self.LOOKS:
            points = self._look(picture, (x + dx * side, y + dy * side), share * side, roll)
            if points is not None:
                seen.append(points)
            elif not seen:
                return None
        return np.mean(seen, 0)

    def _look(self, picture: Picture, centre: tuple[float, float], side: float, roll: float) -> Array | None:
        """(478, 3) from one square crop, turned by `roll` degrees."""
        scale = self.SIZE / side
        there = _rotation(centre, roll, scale, self.SIZE)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        crop = cv2.warpAffine(picture, there, (self.SIZE, self.SIZE), flags=how, borderMode=cv2.BORDER_REPLICATE)
        found = self._graph("mesh").process(crop).multi_face_landmarks
        if not found:
            return None
        points = np.array([(mark.x, mark.y, mark.z) for mark in found[0].landmark]) * self.SIZE
        back = cv2.invertAffineTransform(there)
        return np.column_stack([points[:, :2] @ back[:, :2].T + back[:, 2], points[:, 2] / scale])

    def _graph(self, name: str) -> Any:
        if name not in self._graphs:
            from mediapipe.python.solutions import face_detection, face_mesh

            if name == "mesh":
                self._graphs[name] = face_mesh.FaceMesh(
                    static_image_mode=True, refine_landmarks=True, min_detection_confidence=0.3
                )
            else:
                far = name == "far"  # the other network copes with rolled heads and hard shadows
                self._graphs[name] = face_detection.FaceDetection(
                    model_selection=int(far), min_detection_confidence=0.3 if far else 0.4
                )
        return self._graphs[name]


def _rotation(centre: tuple[float, float], degrees: float, scale: float, side: int) -> Array:
    """Affine map (2, 3) that turns and scales a picture about `centre`, which lands in the middle of a square."""
    there = np.asarray(cv2.getRotationMatrix2D(centre, degrees, scale), np.float64)
    there[:, 2] += side / 2 - np.array(centre)
    return there
