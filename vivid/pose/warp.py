"""The arms and hands of a picture, carried along their bones to another pose: sharp and in the person's own colours.

They are cut out of the picture once. Then feature-based warping (Beier and Neely, "Feature-Based Image Metamorphosis",
1992) moves them: every bone carries its surroundings along, and near several bones the displacements are averaged. What
was hidden or turned away is unknown, so the result is a hint for a network rather than a finished picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .draw import hand_map
from .skeleton import HAND_BONES, LEFT_ELBOW, LEFT_SHOULDER, LEFT_WRIST, RIGHT_ELBOW, RIGHT_SHOULDER, RIGHT_WRIST, Pose

ARMS = ((LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST), (RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST))
"""Shoulder, elbow and wrist of each side, in the order of the hands."""
PALM_RAYS = (5, 9, 13, 17)
"""Where the bones from the wrist through the palm end."""
FINGER, PALM, FOREARM, UPPER_ARM = 0.11, 0.2, 0.36, 0.5
"""Half the thickness of a limb around its bone, in lengths of the palm."""
SHORTEST = 3.0
"""Bones shorter than this many pixels have no reliable direction, so their weight shrinks."""
EDGE = 6.0
"""How sharply a limb ends away from its bones: its opacity falls from 0.95 to 0.05 over one thickness."""
SURE, MAYBE, MAYBE_NOT, AROUND = 0.35, 1.0, 2.2, 3.2
"""Thicknesses away from a bone up to which a pixel is surely its limb, probably, probably not, or examined."""
SURE_HAND = 0.6
"""Nothing nearer than this to a hand's bones is arm."""
CUT_SIDE = 256
"""Outlines are cut on a picture with this shorter side."""
SMALLEST = 4.0
"""A palm shorter than this many pixels is not carried."""
FARTHEST = 8
"""Points farther away than this many canvases are bad detections; they are clipped to prevent overflow."""
STEP = 2
"""The warp is computed for every n-th pixel and filled in smoothly."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Arms:
    """The arms and hands of a picture (H, W, 3), found once to be carried to many poses.

    pose: in the picture's pixels; outlines: (2, H, W) uint8, 0 to 255, of hands and of arms.
    """

    picture: NDArray[np.uint8]
    pose: Pose
    outlines: NDArray[np.uint8]


@dataclass(frozen=True)
class _Limb:
    """Bones of one side that both poses show, the hand's first: ends (L, 2, 2) there and here, thickness (L), and
    whether the surroundings of a bone are mirrored (L)."""

    source: Floats
    target: Floats
    thickness: Floats
    sides: Floats


def cut_arms(picture: NDArray[np.uint8], pose: Pose) -> Arms:
    """Find the outlines of arms and hands: GrabCut (Rother et al. 2004) around the bones."""
    height, width = picture.shape[:2]
    factor = min(1.0, CUT_SIDE / min(height, width))
    size = (round(width * factor), round(height * factor))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    limbs = [_limb(pose, pose, side) for side in range(2)]
    found = [limb for limb in limbs if limb is not None]
    outlines = np.zeros((2, *small.shape[:2]), np.uint8)
    if found:
        places = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in small.shape[1::-1])), -1) / factor
        near = [_nearness(limb.source, limb.thickness, places.reshape(-1, 2)) for limb in found]
        hand = np.min([part[:, : len(HAND_BONES)].min(1) for part in near], 0).reshape(small.shape[:2])
        arm = np.min([part[:, len(HAND_BONES) :].min(1, initial=np.inf) for part in near], 0).reshape(small.shape[:2])
        outlines[0] = _cut(small, hand, np.zeros_like(hand, bool))
        outlines[1] = _cut(small, arm, hand < SURE_HAND)
    full = [cv2.resize(outline, (width, height), interpolation=cv2.INTER_LINEAR) for outline in outlines]
    return Arms(picture, pose, np.stack(full))


def _cut(picture: NDArray[np.uint8], nearness: Floats, never: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The outline (h, w), 0 or 255, of the limbs around the bones; nearness: distance from the bones in thicknesses."""
    labels = np.full(nearness.shape, cv2.GC_BGD, np.uint8)
    for limit, label in ((MAYBE_NOT, cv2.GC_PR_BGD), (MAYBE, cv2.GC_PR_FGD), (SURE, cv2.GC_FGD)):
        labels[nearness < limit] = label
    labels[never] = cv2.GC_BGD
    rows, columns = np.nonzero(nearness < AROUND)
    if not len(rows) or not (labels == cv2.GC_FGD).any():
        return np.zeros(nearness.shape, np.uint8)
    window = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    part = labels[window].copy()
    if (part == cv2.GC_BGD).any():
        cv2.setRNGSeed(0)  # GrabCut starts from random colour clusters
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(np.ascontiguousarray(picture[window]), part, (0, 0, 1, 1), *models, 3, cv2.GC_INIT_WITH_MASK)
    outline = np.zeros(nearness.shape, np.uint8)
    outline[window] = np.where((part == cv2.GC_FGD) | (part == cv2.GC_PR_FGD), 255, 0)
    return outline


def hands_beside(arms: Arms, target: Pose) -> NDArray[np.uint8]:
    """What a decoder sees of a frame's hands (H, W, 8): the hand map of `target` (3 channels), `warp_arms` (4), and
    where the picture itself shows arms or hands (1)."""
    return np.concatenate([hand_map(target), warp_arms(arms, target), arms.outlines.max(0)[..., None]], -1)


def warp_arms(arms: Arms, target: Pose) -> NDArray[np.uint8]:
    """The picture's arms and hands in the pose `target`, which is in the picture's pixels too.

    Returns (H, W, 4): colours, and opacity 0 to 255. Hands lie above arms.
    """
    height, width = arms.picture.shape[:2]
    colours, opacity = np.zeros((2, height, width, 3), np.float32), np.zeros((2, height, width), np.float32)
    for side in range(2):
        limb = _limb(arms.pose, target, side)
        if limb is None:
            continue
        for layer, bones in enumerate((slice(0, len(HAND_BONES)), slice(len(HAND_BONES), None))):
            window = _window(limb.target[bones], limb.thickness[bones], (width, height))
            if window is None:
                continue
            places, cover = _warp(limb, bones, window)
            cover *= _sampled(arms.outlines[layer], places, empty_outside=True) / np.float32(255)
            nearer = cover > opacity[layer][window]
            moved = _sampled(arms.picture, places)
            colours[layer][window] = np.where(nearer[..., None], moved, colours[layer][window])
            opacity[layer][window] = np.maximum(cover, opacity[layer][window])
    (hand, arm), hand_cover = colours, opacity[0][..., None]
    cover = 1 - (1 - opacity[0]) * (1 - opacity[1])
    joined = hand_cover * hand + (1 - hand_cover) * np.where(opacity[1][..., None] > 0, arm, hand)
    return np.concatenate([joined, 255 * cover[..., None]], -1).round().astype(np.uint8)


def _sampled(picture: NDArray[np.uint8], places: Floats, empty_outside: bool = False) -> NDArray[np.uint8]:
    """The picture at places (h, w, 2); beyond its border the border's colours, or zero."""
    border = cv2.BORDER_CONSTANT if empty_outside else cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(picture, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=border), np.uint8)


def _limb(source: Pose, target: Pose, side: int) -> _Limb | None:
    """The bones of a side that can be carried; None unless both poses show its hand large enough."""
    there, here = (_nearby(pose.hands[side], pose.canvas) for pose in (source, target))
    if not _known(np.concatenate([there, here])):
        return None
    palm = max(float(np.linalg.norm(hand[list(PALM_RAYS), :2] - hand[0, :2], axis=1).max()) for hand in (there, here))
    if palm < SMALLEST:
        return None
    shoulder, elbow, wrist = ARMS[side]
    arm_there, arm_here = (_nearby(pose.body, pose.canvas) for pose in (source, target))
    bones = [(there[a], there[b], here[a], here[b], PALM if b in PALM_RAYS else FINGER) for a, b in HAND_BONES]
    for a, b, thickness in ((elbow, wrist, FOREARM), (shoulder, elbow, UPPER_ARM)):
        ends = (arm_there[a], arm_there[b], arm_here[a], arm_here[b])
        if _known(np.stack(ends)):
            bones.append((*ends, thickness))
    points = np.array([[point[:2] for point in bone[:4]] for bone in bones], np.float32)
    # a hand that turns its other side to the camera is mirrored across its bones
    sign = -1.0 if _facing(there) * _facing(here) < 0 else 1.0
    sides = np.array([sign] * len(HAND_BONES) + [1.0] * (len(bones) - len(HAND_BONES)), np.float32)
    return _Limb(points[:, :2], points[:, 2:], np.array([palm * bone[4] for bone in bones], np.float32), sides)


def _nearby(points: Floats, canvas: tuple[int, int]) -> Floats:
    """The points (n, 3), clipped to FARTHEST canvases."""
    farthest = FARTHEST * max(canvas)
    return np.concatenate([points[:, :2].clip(-farthest, farthest), points[:, 2:]], 1)


def _known(points: Floats) -> bool:
    """Whether all points (n, 3) are present."""
    return bool((points[:, 2] > 0).all() and np.isfinite(points[:, :2]).all())


def _facing(hand: Floats) -> float:
    """Positive or negative, depending on which side of the hand is seen."""
    first, last = hand[5, :2] - hand[0, :2], hand[17, :2] - hand[0, :2]
    return float(first[0] * last[1] - first[1] * last[0])


def _window(bones: Floats, thickness: Floats, size: tuple[int, int]) -> tuple[slice, slice] | None:
    """Rows and columns of a picture (width, height) that bones (L, 2, 2) can cover; None without any."""
    if not len(bones):
        return None
    reach = 2 * float(thickness.max())
    low = np.floor(np.clip(bones.min((0, 1)) - reach, 0, size)).astype(int)
    high = np.ceil(np.clip(bones.max((0, 1)) + reach, 0, size)).astype(int)
    if (high - low < 2 * STEP).any():
        return None
    return slice(low[1], high[1]), slice(low[0], high[0])


def _warp(limb: _Limb, some: slice, window: tuple[slice, slice]) -> tuple[Floats, Floats]:
    """Where some bones take each pixel of a window from (h, w, 2), and how much they cover it (h, w), 0 to 1."""
    rows, columns = (np.arange(part.start, part.stop + STEP, STEP, np.float32) for part in window)
    size = (window[1].stop - window[1].start, window[0].stop - window[0].start)
    places = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)
    there, here = limb.source[some], limb.target[some]
    length, _, _ = _frame(here)
    other_length, along, across = _frame(there)
    far, beside = _beside(here, places)
    on_bone = far.clip(0, length)
    beyond = far - on_bone
    distance = np.sqrt(beyond * beyond + beside * beside)
    # along a bone the picture stretches with it; beyond its ends and across, the scale stays
    weight = np.square(np.square(1 / (1 + distance))) * np.minimum(1, np.minimum(length, other_length) / SHORTEST)
    weight /= weight.sum(1, keepdims=True)
    source = weight @ there[:, 0] + (weight * (on_bone * (other_length / length) + beyond)) @ along
    source += (weight * beside * limb.sides[some]) @ across
    nearness = (distance / limb.thickness[some]).min(1)
    cover = 0.5 * (1 - np.tanh(EDGE / 2 * (nearness - 1)))
    coarse = np.concatenate([source, cover[:, None]], 1).reshape(len(rows), len(columns), 3).astype(np.float32)
    zoom = np.array([[1 / STEP, 0, 0], [0, 1 / STEP, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = np.asarray(cv2.warpAffine(coarse, zoom, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)
    return fine[..., :2].copy(), fine[..., 2].copy()


def _beside(bones: Floats, places: Floats) -> tuple[Floats, Floats]:
    """How far places (n, 2) lie along bones (L, 2, 2) from their starts, and to their side: two (n, L)."""
    _, along, across = _frame(bones)
    start = bones[:, 0]
    return places @ along.T - (start * along).sum(-1), places @ across.T - (start * across).sum(-1)


def _nearness(bones: Floats, thickness: Floats, places: Floats) -> Floats:
    """Distance of places (n, 2) from bones (L, 2, 2), in their thicknesses: (n, L)."""
    far, beside = _beside(bones, places)
    return np.hypot(far - far.clip(0, _frame(bones)[0]), beside) / thickness


def _frame(bones: Floats) -> tuple[Floats, Floats, Floats]:
    """Lengths (L) of bones (L, 2, 2), and unit vectors (L, 2) along them and a quarter turn from there."""
    vectors = bones[:, 1] - bones[:, 0]
    length = np.linalg.norm(vectors, axis=-1).clip(1e-3)
    along = vectors / length[:, None]
    return length, along, np.stack([-along[:, 1], along[:, 0]], -1)
