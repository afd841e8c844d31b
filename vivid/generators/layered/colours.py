"""Which pixels of a portrait are skin and which are cloth, and the tone and light of its skin."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...pose.skeleton import Pose
from .figure import ELBOWS, SHOULDERS, Floats, Layer
from .plate import Mask
from .skin import to_linear, to_srgb

CHEEKS_AND_NOSE = ((1, 3, 48, 31, 40, 41, 36), (15, 13, 54, 35, 47, 46, 45), (27, 31, 35))
"""Polygons of the 68 face points on which there is nothing but skin."""
SIDES_OF_FACE = ((1, 3, 48, 31, 41), (15, 13, 54, 35, 46))

LUMINANCE = np.array([0.21, 0.72, 0.07])
SOFT_RANGE = 1.1
"""Range of the logarithm of light (5th to 95th percentile) on arms drawn with a contrast of 1, plus a margin: part of
what a photograph shows is the body's shade on arms that hang beside it."""
HUE = np.array([[-0.07, -0.05, -0.14], [0.09, 0.05, 0.05]])
"""How far hands may differ from face and neck in the logarithm of linear light, RGB: at most they are yellower."""
NECK_HUE = 0.04
"""How far the neck may move the hue of hands that are not seen away from the face's; in the same unit."""
LEAST_CONTRAST, CLEAR_CONTRAST, USUAL_CONTRAST, MOST_CONTRAST = 0.4, 0.7, 1.25, 1.6
"""Bounds of the contrast, the lower one in pictures with and without haze, and that of pictures that show no arm."""
BLACK = 0.15, 0.35
"""The darkest hundredth of a picture (sRGB): up to the first there is no haze, from the second on much of it."""

SHARPEST, SOFTEST = 0.45, 1.2
"""Bounds of the blur of edges, in pixels."""

BARE_SKIN, BARE_CLOTH = 4.5, 16.0
"""Squared distances of a bare upper arm's colours from those of face and hands, at most, and from those of the chest's
cloth, at least."""

ColourModel = tuple[Layer, Layer]
"""Means (K, 3) and inverse covariances (K, 3, 3) of colours in Lab."""


@dataclass(frozen=True)
class Colours:
    """skin: (H, W) 0..1, skin rather than cloth; face: (3,) Lab of the lit half of the face; off_cloth: (H, W) squared
    distance from the colours of cloth."""

    skin: Layer
    face: Floats
    off_cloth: Layer


def find_colours(picture: NDArray[np.uint8], pose: Pose, person: Layer, hands: Mask) -> Colours:
    """Tell skin from cloth by comparing colours with those of face and hands and those of chest and upper sleeves.

    picture: (H, W, 3) RGB; person: (H, W) soft mask; hands: (H, W), where the hands are.
    """
    left, right = (pose.body[k, :2] for k in SHOULDERS)
    width = float(np.linalg.norm(left - right))
    smooth = cv2.GaussianBlur(picture, (0, 0), max(0.6, 0.0042 * width))
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).astype(np.float32)
    face_pixels = lab[_polygons(pose, picture.shape, CHEEKS_AND_NOSE)]
    if len(face_pixels) > 20:  # the lit half of the face: the other half shows shading, not colour
        face = np.median(face_pixels[face_pixels[:, 0] >= np.median(face_pixels[:, 0])], 0)
    else:
        face = np.array([170.0, 140.0, 140.0])
        face_pixels = np.repeat(face[None].astype(np.float32), 8, 0)
    own = (cv2.erode(hands.astype(np.uint8), _square(0.0053 * width)) > 0) & (person > 0.5)
    close = np.abs(lab[own] - face)[:, 1:].max(1, initial=0) < 22
    skin_model = _clusters(np.concatenate([face_pixels, lab[own][close]]), 3)
    near_hands = cv2.dilate(hands.astype(np.uint8), _square(0.037 * width)) > 0
    to_skin, free = _distance(lab, skin_model), (person > 0.8) & ~near_hands
    chest = _chest(pose, picture.shape, width) & free
    model, cloth = _clusters(lab[chest], 3) if chest.sum() > 50 else None, chest.copy()
    for upper in _upper_arms(pose, picture.shape, width):
        mine = upper & free
        if model is not None and mine.any():  # an arm without a sleeve is no cloth
            other = _distance(lab[mine][None], model)[0] > BARE_CLOTH
            mine[mine] = ~other | (np.median(to_skin[mine][other]) > BARE_SKIN if other.any() else True)
        cloth |= mine
    cloth_pixels = lab[cloth]
    if len(cloth_pixels) < 50:
        skin = 1 / (1 + np.exp(np.clip(0.5 * (to_skin - 9), -30, 30)))
        return Colours(skin.astype(np.float32), face, np.zeros(to_skin.shape, np.float32))
    to_cloth = _distance(lab, _clusters(cloth_pixels, 3))
    rather = 1 / (1 + np.exp(np.clip(0.5 * (to_skin - to_cloth) + 0.3, -30, 30)))
    at_all = 1 / (1 + np.exp(np.clip(0.4 * (to_skin - 22), -30, 30)))
    return Colours((rather * at_all).astype(np.float32), face, to_cloth)


def _polygons(pose: Pose, shape: tuple[int, ...], polygons: tuple[tuple[int, ...], ...]) -> Mask:
    mask = np.zeros(shape[:2], np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [pose.face[list(polygon), :2].round().astype(np.int32)], 1)
    return mask > 0


def _chest(pose: Pose, shape: tuple[int, ...], width: float) -> Mask:
    """Where there is mostly cloth: below the neck, between the shoulders."""
    mask = np.zeros(shape[:2], np.uint8)
    middle = pose.body[list(SHOULDERS), :2].mean(0)
    low, high = middle + [-0.36 * width, 0.38 * width], middle + [0.36 * width, 1.0 * width]
    cv2.rectangle(mask, tuple(low.astype(int).tolist()), tuple(high.astype(int).tolist()), 1, -1)
    return mask > 0


def _upper_arms(pose: Pose, shape: tuple[int, ...], width: float) -> list[Mask]:
    """The upper half of each upper arm: cloth, unless there are no sleeves."""
    found = []
    for shoulder, elbow in zip(SHOULDERS, ELBOWS, strict=True):
        mask = np.zeros(shape[:2], np.uint8)
        p, q = pose.body[shoulder, :2], pose.body[elbow, :2]
        a, b = ((p + u * (q - p)).astype(int).tolist() for u in (0.1, 0.35))
        cv2.line(mask, tuple(a), tuple(b), 1, max(2, int(0.12 * width)))
        found.append(mask > 0)
    return found


def _square(radius: float) -> NDArray[np.uint8]:
    return np.ones((2 * max(1, round(radius)) + 1,) * 2, np.uint8)


def _clusters(pixels: Layer, count: int) -> ColourModel:
    """Fit a few Gaussians, none very narrow; a single one would take navy cloth for skin."""
    cv2.setRNGSeed(0)
    pixels = pixels[:: max(1, len(pixels) // 4000)].astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 15, 0.5)
    labels = np.zeros((len(pixels), 1), np.int32)
    _, labels, mean = cv2.kmeans(pixels, min(count, len(pixels)), labels, stop, 2, cv2.KMEANS_PP_CENTERS)
    inverse = []
    for k in range(len(mean)):
        mine = pixels[labels[:, 0] == k]
        spread = np.cov(mine.T) if len(mine) > 8 else np.zeros((3, 3))
        inverse.append(np.linalg.inv(spread + np.diag([90.0, 8.0, 8.0])))
    return mean, np.array(inverse, np.float32)


def _distance(lab: Layer, model: ColourModel) -> Layer:
    """(H, W) smallest squared Mahalanobis distance to the Gaussians."""
    nearest = np.full(lab.shape[:2], 1e9, np.float32)
    for mean, inverse in zip(*model, strict=True):
        whiten = np.linalg.cholesky(inverse).T  # |whiten @ (x - mean)|^2 is the distance
        gap = cv2.transform(lab, np.column_stack([whiten, -whiten @ mean]))
        nearest = np.minimum(nearest, cv2.transform(np.square(gap), np.ones((1, 3))))
    return nearest


def skin_tone(picture: NDArray[np.uint8], pose: Pose, colours: Colours, arms: Layer, hands: Mask) -> Floats:
    """(3,) sRGB 0..1 for raised hands: a brightness between face and visible hands, the hue of hands and bare arms.

    arms: (H, W), how probably a pixel is a bare arm or hand; hands: (H, W), where the hands are. Hands in a portrait
    often hang in the shade: the brightness stays near the face's. Shade, cold light or a mistake must not turn hands
    grey or purple, so the channel ratios stay near those of face and neck.
    """
    width = float(np.linalg.norm(np.subtract(*pose.body[list(SHOULDERS), :2])))
    pixel = np.clip(colours.face[None, None], 0, 255).astype(np.uint8)
    face = _log_light(cv2.cvtColor(pixel, cv2.COLOR_LAB2RGB)[0, 0] / 255)
    chin, neck = pose.face[8, :2], pose.body[1, :2]
    throat = np.zeros(picture.shape[:2], np.uint8)
    a, b = ((chin + u * (neck - chin)).astype(int).tolist() for u in (0.25, 0.8))
    cv2.line(throat, tuple(a), tuple(b), 1, max(2, int(0.137 * width)))

    def median(mask: Mask) -> Floats | None:
        pixels = picture[mask]
        return _log_light(np.median(pixels, 0) / 255) if len(pixels) > 0.0042 * width**2 else None

    of_neck = median((throat > 0) & (colours.skin > 0.5) & (arms < 0.2))
    skin = face if of_neck is None else 0.73 * face + 0.27 * of_neck
    own = (cv2.erode((arms > 0.6).astype(np.uint8), _square(0.0105 * width)) > 0) & (colours.skin > 0.4)
    bare, of_hands = median(own), median(own & hands)
    if bare is None:  # a neck in the deep shade of a chin says little about raised hands
        level = np.clip(_luminance(skin) - _luminance(face), *np.log([0.88, 0.96]))
        hue = np.clip(skin - face - _luminance(skin - face), -NECK_HUE, NECK_HUE)
        return to_srgb(np.exp(face + level + hue))
    shown = bare if of_hands is None else of_hands  # hands are redder than arms
    hue = np.clip((shown - _luminance(shown)) - (skin - _luminance(skin)), *HUE)
    seen = max(_luminance(bare), _luminance(shown))
    level = 0.35 * _luminance(skin) + 0.65 * seen
    level = np.clip(level, _luminance(face) + np.log(0.6), max(_luminance(face) + np.log(0.96), seen))
    return to_srgb(np.exp(level + (skin - _luminance(skin)) + hue))


def _log_light(srgb: NDArray[np.floating]) -> Floats:
    return np.log(np.maximum(to_linear(srgb), 1e-3))


def _luminance(light: Floats) -> float:
    return float(light @ LUMINANCE)


def light_contrast(picture: NDArray[np.uint8], arms: Layer, width: float) -> float:
    """`Look.contrast`: how much stronger light and shade are on the arms than in a softly lit room (1); lower in haze.

    picture: (H, W, 3); arms: (H, W), how probably a pixel is a bare arm or hand; width: of the shoulders in pixels.
    """
    sure = cv2.erode((arms > 0.8).astype(np.uint8), _square(0.02 * width)) > 0
    if sure.sum() < 0.01 * width**2:
        return USUAL_CONTRAST
    smooth = cv2.GaussianBlur(picture, (0, 0), max(0.6, 0.005 * width))
    low, high = np.percentile(_log_light(smooth[sure] / 255) @ LUMINANCE, [5, 95])
    # the inside of small hands shows little shade in clear pictures, too; haze leaves nothing black anywhere
    black = float(np.percentile(cv2.cvtColor(smooth, cv2.COLOR_RGB2GRAY), 1)) / 255
    least = np.interp(black, BLACK, [CLEAR_CONTRAST, LEAST_CONTRAST])
    return float(np.clip((high - low) / SOFT_RANGE, least, MOST_CONTRAST))


def find_light(picture: NDArray[np.uint8], pose: Pose, person: Layer) -> tuple[Floats, float]:
    """Direction (3,) of the main light, from the face's two cheeks, and the standard deviation of the grain."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    levels = []
    for polygon in SIDES_OF_FACE:
        mask = _polygons(pose, picture.shape, (polygon,))
        levels.append(float(np.median(grey[mask])) if mask.any() else 0.5)
    side = np.clip(2.2 * np.log((levels[1] + 0.02) / (levels[0] + 0.02)), -0.6, 0.6)
    curvature = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 2), cv2.CV_32F))
    smooth = (person > 0.9) & (curvature < 0.01)
    of_face = smooth & _polygons(pose, picture.shape, CHEEKS_AND_NOSE)  # the weave of cloth looks like grain
    if of_face.sum() > 100:
        smooth = of_face
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1.2)
    grain = float(np.median(np.abs(fine[smooth])) * 1.48) if smooth.sum() > 100 else 0.004
    return np.array([side, 0.6, 0.75]), float(np.clip(grain, 0.0, 0.02))


def edge_blur(picture: NDArray[np.uint8], person: Layer) -> float:
    """Standard deviation, in pixels, of the blur of a person's sharper edges, from how much their slope falls when the
    picture (H, W, 3) is blurred again (Zhuo and Sim 2011); person: (H, W) soft mask."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    slope, again = (
        cv2.magnitude(*(cv2.Scharr(each, cv2.CV_32F, *way) for way in ((1, 0), (0, 1))))
        for each in (grey, cv2.GaussianBlur(grey, (0, 0), 1.0))
    )
    near = person > 0.02
    if not near.any():
        return SHARPEST
    crest = near & (slope > np.percentile(slope[near], 98)) & (slope >= cv2.dilate(slope, np.ones((3, 3))))
    ratio = np.square(slope[crest] / np.maximum(again[crest], 1e-3))
    found = np.sqrt(np.maximum(1 / np.maximum(ratio - 1, 1e-3) - 1 / 3, 0))  # a central difference blurs by 1/3 itself
    return float(np.clip(np.percentile(found, 25), SHARPEST, SOFTEST)) if len(found) else SHARPEST
