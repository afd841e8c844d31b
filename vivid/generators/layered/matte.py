"""Where the person is: a soft mask of the whole picture, finer round the head, with a rim for loose hair."""

from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .face_mesh import CHIN, OVAL, FaceMesh, pupil_distance
from .figure import Layer
from .geometry import smootherstep
from .plate import membrane

CLOTH_RIM = 0.4
"""Width of the rim around a body as a share of that around its head."""
_local = threading.local()
"""MediaPipe's networks are not made for two threads at once: each thread keeps its own."""


def person_matte(picture: NDArray[np.uint8], mesh: FaceMesh) -> Layer:
    """Soft mask (H, W) 0..1 of the person in a picture (H, W, 3); mesh: the person's face.

    The segmentation network sees only 256 pixels, so the head is segmented once more by itself, for the hair.
    """
    person = _sharpened(_segment(picture), picture)
    fine, (x0, y0, x1, y1) = _head_matte(picture, mesh)
    unit = pupil_distance(mesh)
    rows, columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    share = smootherstep((mesh.points[CHIN, 1] + 0.6 * unit - rows) / (0.5 * unit))
    share = share * smootherstep(np.minimum(columns - x0, x1 - 1 - columns) / (0.4 * unit))
    inner = person[y0:y1, x0:x1]
    person[y0:y1, x0:x1] = inner + share * (_steeper(fine) - inner)
    return person


def with_rim(picture: NDArray[np.uint8], person: Layer, mesh: FaceMesh) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Opacity (H, W) uint8 of the moving body, and the room (H, W, 3) behind it.

    The opacity reaches a little beyond the silhouette, so that loose hair moves together with its surroundings. Hair
    tints the pixels around it, so the room takes its colours from farther out and fades into the photograph.
    """
    unit = pupil_distance(mesh)
    solid = (person > 0.35).astype(np.uint8)
    count, label = cv2.connectedComponents(solid)
    if count > 2:
        height, width = person.shape
        x, y = np.clip(mesh.points[4, :2], 0, [width - 1, height - 1]).astype(int)  # 4: the tip of the nose
        solid = (label == label[y, x]).astype(np.uint8)
    # cloth has no loose hair: below the head the rim is narrow
    below = smootherstep((np.arange(len(person)) - mesh.points[CHIN, 1] - 0.5 * unit) / unit)
    narrow = (1 - (1 - CLOTH_RIM) * below).astype(np.float32)[:, None]
    away = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5) / (unit * narrow)
    opacity = cv2.GaussianBlur(1 - smootherstep((away - 0.08) / 0.22), (0, 0), max(0.5, 0.01 * unit))
    share = smootherstep((away - 0.14) / 0.12)[..., None]
    behind = membrane(picture, away >= 0.22)
    room = behind + share * (picture - behind)
    return (opacity * 255).round().astype(np.uint8), room.round().clip(0, 255).astype(np.uint8)


def _segment(picture: NDArray[np.uint8]) -> Layer:
    """MediaPipe's selfie network, at the picture's size; (H, W) 0..1."""
    found = _network().process(picture).segmentation_mask
    return cv2.resize(found.astype(np.float32), picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _network() -> Any:
    if not hasattr(_local, "network"):
        import mediapipe as mp

        _local.network = mp.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)
    return _local.network


def _head_matte(picture: NDArray[np.uint8], mesh: FaceMesh) -> tuple[Layer, tuple[int, int, int, int]]:
    """Soft mask of a crop round the head, and the crop's corners (x0, y0, x1, y1)."""
    unit = pupil_distance(mesh)
    x, y = mesh.points[list(OVAL), :2].mean(0)
    height, width = picture.shape[:2]
    x0, x1 = int(max(0, x - 2.3 * unit)), int(min(width, x + 2.3 * unit))
    y0, y1 = int(max(0, y - 2.9 * unit)), int(min(height, y + 2.9 * unit))
    crop = np.ascontiguousarray(picture[y0:y1, x0:x1])
    soft = _segment(crop)
    face = cv2.convexHull(np.round(mesh.points[:468, :2] - [x0, y0]).astype(np.int32))
    cv2.fillConvexPoly(soft, face, 1.0)
    return _guided(crop, soft, max(3, round(0.05 * unit))), (x0, y0, x1, y1)


def _sharpened(soft: Layer, picture: NDArray[np.uint8]) -> Layer:
    radius = max(3, picture.shape[0] // 85)
    return _steeper(
        _guided(picture, _by_colour(_steeper(_guided(picture, soft, radius)), picture, radius), radius // 3)
    )


def _by_colour(soft: Layer, picture: NDArray[np.uint8], radius: int) -> Layer:
    """Decide the band along the mask's edge by colour, where person and room differ beside it.

    The network's pixels are large and round off the corners of cloth. The opacity in the band is the position of a
    pixel's colour between those of the nearby person and the nearby room (Levin et al. 2008, "A closed-form solution to
    natural image matting").
    """
    colours = picture.astype(np.float32)
    square = np.ones((2 * radius + 1,) * 2, np.uint8)
    means, weights = [], []
    for certain in (soft > 0.95, soft < 0.05):
        inner = cv2.erode(certain.astype(np.uint8), square).astype(np.float32)
        weight = cv2.GaussianBlur(inner, (0, 0), 1.5 * radius)
        means.append(cv2.GaussianBlur(colours * inner[..., None], (0, 0), 1.5 * radius) / (weight[..., None] + 1e-6))
        weights.append(weight)
    way = means[0] - means[1]
    contrast = np.square(way).sum(2)
    opacity = np.clip(((colours - means[1]) * way).sum(2) / (contrast + 1e-6), 0, 1)
    left = colours - means[1] - opacity[..., None] * way
    trust = smootherstep((np.sqrt(contrast) - 30) / 40) * np.exp(-np.square(left).sum(2) / (0.1 * contrast + 200))
    trust = trust * smootherstep(np.minimum(*weights) / 0.02)
    return (soft + trust * (opacity - soft)).astype(np.float32)


def _guided(picture: NDArray[np.uint8], soft: Layer, radius: int) -> Layer:
    """Move the mask's edges onto edges of the picture (guided filter, He et al. 2010)."""
    return cv2.ximgproc.guidedFilter(picture.astype(np.float32) / 255, soft, radius, 2e-4)


def _steeper(soft: Layer) -> Layer:
    return np.clip((soft - 0.25) / 0.5, 0, 1).astype(np.float32)
