"""Where a portrait's arms are: their outlines, and the ends of their sleeves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...pose.skeleton import HAND_BONES, Pose
from .colours import Colours
from .figure import ELBOWS, HEM_KNOTS, PLACES, SHOULDERS, WRISTS, ArmOutline, Floats, Layer, hem_bow
from .parsing import Parsing
from .plate import Mask

USUAL_PALM = 0.28
"""Wrist to middle knuckle, in shoulder widths."""
WIDEST = 0.34
"""No sleeve reaches farther than this from the bone, in shoulder widths."""
NO_HEM = 2.0
"""Where a long sleeve ends: at the wrist."""
UNLIKE = 0.15
"""How much the ends of a person's two short sleeves differ at most, in lengths of the upper arm."""
LOWEST_HEM = 0.08
"""How much farther down than its middle a hem may end: cloth that hangs lower belongs to the torso."""
BARE_FROM, BARE_DOWN_TO, BARE_SHARE = 0.15, 0.45, 0.75
"""Between which places along the upper arm, and on what share of its outer half, skin is seen where no sleeve is."""
HEM_PRIOR, HEM_BEND = 0.003, 0.3
"""Costs of a hem's curve: to differ from the usual one, and to differ from knot to knot, in shares of the arm."""

UNIT = 190.0
"""Shoulder width in pixels at which one unit is one pixel. All lengths below are in units."""

Sides = tuple[bool, bool]
"""One flag each for the person's left and right arm."""


@dataclass
class ArmRegion:
    """One arm in the picture.

    along: (H, W) share along the upper arm, 0 shoulder, 1 elbow; outward: (H, W) pixels beside its bone, away from the
    torso; limit_in, limit_out: (H, W) half-widths of the sleeve there; mask: (H, W), all that is this arm; lifted:
    whether its hand is raised above the shoulder.
    """

    outline: ArmOutline
    along: Layer
    outward: Layer
    limit_in: Layer
    limit_out: Layer
    mask: Mask
    lifted: bool


@dataclass
class Figure:
    """Data shared by the steps: masks (H, W) and regions of both arms, the person's left first."""

    photo: NDArray[np.uint8]
    pose: Pose
    person: Layer
    still: Sides
    width: float
    shoulders: Floats
    colours: Colours
    parsing: Parsing
    hands: Mask
    hands_near: Mask
    regions: list[ArmRegion]
    columns: Layer
    rows: Layer

    @property
    def unit(self) -> float:
        """One unit in pixels."""
        return self.width / UNIT

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the picture."""
        return self.person.shape  # type: ignore[return-value]

    def grow(self, mask: Mask, units: float) -> Mask:
        """A mask with everything within this many units of it."""
        return cv2.dilate(mask.astype(np.uint8), ellipse(units * self.unit)) > 0

    @property
    def face_low(self) -> float:
        """The row of the chin."""
        chin = self.pose.face[8]
        return float(chin[1] if chin[2] > 0 else self.shoulders[0][1] - 0.3 * self.width)

    @property
    def moving_hands(self) -> Sides:
        """Whether the left and the right hand are taken out of the picture."""
        return not self.still[0], not self.still[1]

    def bar(self, a: Floats, b: Floats, thickness: float) -> Mask:
        """(H, W): a bar from a to b, its thickness in shoulder widths."""
        bar = np.zeros(self.shape, np.uint8)
        cv2.line(bar, a.astype(int).tolist(), b.astype(int).tolist(), 1, max(2, int(thickness * self.width)))
        return bar > 0


def ellipse(radius: float) -> NDArray[np.uint8]:
    """A round structuring element with a radius of at least one pixel."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(radius)) + 1,) * 2)


def hand_mask(pose: Pose, shape: tuple[int, ...], thickness: float, sides: tuple[bool, bool] = (True, True)) -> Mask:
    """Where the hands of `sides` are, (H, W): their bones, thickened by `thickness` palms, and the palm itself."""
    mask = np.zeros(shape[:2], np.uint8)
    for hand, wanted in zip(pose.hands, sides, strict=True):
        if not wanted or not (hand[:, 2] > 0).all():
            continue
        palm = np.linalg.norm(hand[[5, 9, 13, 17], :2] - hand[0, :2], axis=1).max()
        points = hand[:, :2].round().astype(int)
        for a, b in HAND_BONES:
            cv2.line(mask, points[a].tolist(), points[b].tolist(), 255, max(2, round(palm * thickness)))
        cv2.fillConvexPoly(mask, cv2.convexHull(points[[0, 1, 2, 5, 9, 13, 17]].astype(np.int32)), 255)
    return mask > 0


def head_zone(pose: Pose, shape: tuple[int, int]) -> Mask:
    """Where the head and its hair are, generously: an ellipse around the face's outline, (H, W)."""
    zone = np.zeros(shape, np.uint8)
    if (pose.face[:17, 2] > 0).sum() > 8:
        points = pose.face[:27, :2][pose.face[:27, 2] > 0].astype(float)
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        centre = (int((x0 + x1) / 2), int(y1 - 0.72 * (y1 - y0)))
        axes = (max(1, int(0.72 * (x1 - x0))), max(1, int(1.12 * (y1 - y0))))
        cv2.ellipse(zone, centre, axes, 0, 0, 360, 1, -1)
    return zone > 0


def arm_region(
    pose: Pose, person: Layer, colours: Colours, parsing: Parsing, hands_near: Mask, side: int, still: bool
) -> ArmRegion:
    """Find one arm; side 0 is the person's left. Its hem is not known yet."""
    shape = person.shape
    joints = pose.body[:, :2].astype(float)
    width = float(np.linalg.norm(joints[SHOULDERS[0]] - joints[SHOULDERS[1]]))
    sign = 1.0 if side == 0 else -1.0
    shoulder, elbow, wrist = joints[SHOULDERS[side]], joints[ELBOWS[side]], joints[WRISTS[side]]
    if pose.body[ELBOWS[side], 2] < 0.1 or np.linalg.norm(elbow - shoulder) < 0.29 * width:
        elbow = shoulder + np.array([0.15 * sign, 0.8]) * width
    if pose.body[WRISTS[side], 2] < 0.1:
        wrist = elbow + np.array([0, 0.5]) * width
    outer, inner = _bone_widths(person, shoulder, elbow, sign, width, hands_near | (colours.skin > 0.5))
    outer = np.clip(np.minimum(outer, np.median(outer[3:]) * 1.4), 0.09 * width, 0.30 * width)
    inner = np.clip(inner, 0.09 * width, np.clip(np.median(outer), 0.12 * width, 0.2 * width))
    wrist_seen = pose.body[WRISTS[side], 2] > 0.3
    lifted = bool(not still and wrist_seen and wrist[1] < shoulder[1] + 0.2 * width)
    if lifted:  # the raised forearm is not the sleeve's outline
        outer = np.minimum(outer, 0.16 * width)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    along, beside = _bone_coordinates(columns, rows, shoulder, elbow)
    outward = beside * (1 if -(elbow - shoulder)[1] * sign > 0 else -1)
    limit_in, limit_out = (np.interp(along, PLACES, half).astype(np.float32) for half in (inner, outer))
    palm = USUAL_PALM * width
    mask = (along > 0.0) & (along < 1.12) & (outward > -limit_in) & (outward < WIDEST * width)
    fore_along, fore_beside = _bone_coordinates(columns, rows, elbow, wrist)
    fore_width = (0.42 + 0.22 * np.clip(1 - fore_along, 0, 1)) * 1.25 * palm
    mask |= (fore_along > -0.25) & (fore_along < 1.15) & (np.abs(fore_beside) < fore_width)
    mask |= np.hypot(columns - elbow[0], rows - elbow[1]) < 0.7 * palm
    # everything of the person outwards from the bone is arm
    mask |= (outward > 0) & (along > 0.2) & (outward < 0.5 * width) & (along < 1.3)
    mask &= person > 0.12
    # on the trunk and on the other arm, the network is more reliable than a bar around the bone
    own = parsing.sleeves[side] + parsing.arms[side]
    other = parsing.torso + parsing.face + parsing.hair + parsing.sleeves[1 - side] + parsing.arms[1 - side]
    mask = (mask & (other < 0.8)) | ((own > 0.4) & (person > 0.12))
    seen = bool((pose.hands[side, :, 2] > 0.3).all())
    outline = ArmOutline(shoulder, elbow, wrist, NO_HEM, outer, inner, seen)
    return ArmRegion(outline, along, outward, limit_in, limit_out, mask, lifted)


def _bone_coordinates(columns: Layer, rows: Layer, start: Floats, end: Floats) -> tuple[Layer, Layer]:
    """Share along the bone start-end and signed pixels beside it, (H, W) each."""
    bone = end - start
    length = float(np.linalg.norm(bone)) + 1e-6
    x, y = (bone / length).astype(np.float32)
    dx, dy = columns - np.float32(start[0]), rows - np.float32(start[1])
    return (dx * x + dy * y) / np.float32(length), dy * x - dx * y


def _bone_widths(
    person: Layer, shoulder: Floats, elbow: Floats, sign: float, width: float, other: Mask
) -> tuple[Floats, Floats]:
    """Half-widths of the sleeve outwards and inwards at PLACES along the upper arm.

    `other` is hand or skin, whose outline is not the sleeve's: there the widths seen elsewhere are used.
    """
    bone = elbow - shoulder
    across = np.array([-bone[1], bone[0]]) / (np.linalg.norm(bone) + 1e-6)
    if across[0] * sign < 0:
        across = -across  # outwards, away from the torso
    near = cv2.dilate(other.astype(np.uint8), np.ones((2 * max(1, round(width / 190)) + 1,) * 2)) > 0
    steps = np.arange(int(WIDEST * width) + 1)
    found = np.full((2, len(PLACES)), np.nan)
    for k, way in enumerate((1, -1)):
        for i, place in enumerate(PLACES):
            points = (shoulder + place * bone + way * steps[:, None] * across).round().astype(int)
            inside = (points >= 0).all(1) & (points < person.shape[::-1]).all(1)
            x, y = np.where(inside[:, None], points, 0).T
            end = ~inside | (person[y, x] < 0.5)
            reach = int(end.argmax()) if end.any() else len(steps)
            covered = (near[y, x] & (steps > 0.04 * width))[:reach].any()
            left_picture = reach < len(steps) and not inside[reach] and reach <= 0.1 * width
            if not covered and not left_picture and 0.05 * width < reach:
                found[k, i] = reach
    outer, inner = found
    seen = ~np.isnan(outer)
    if seen.sum() >= 2:
        middle = np.nanmedian(outer)
        line = np.polyfit(PLACES[seen], outer[seen], 1) if seen.sum() > 3 else np.array([0, middle])
        guess = np.clip(np.polyval(line, PLACES), 0.75 * middle, 1.2 * middle)
        last = np.flatnonzero(seen)[-1]  # below a hand the sleeve is assumed no wider than where it was last seen
        guess = np.where(np.arange(len(PLACES)) > last, np.minimum(guess, outer[last]), guess)
        outer = np.where(seen, outer, guess)
    else:
        outer = np.full(len(PLACES), 0.17 * width)
    outer = np.convolve(np.pad(outer, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    return outer, np.where(np.isnan(inner), WIDEST * width, inner)


def find_hem(pose: Pose, region: ArmRegion, person: Layer, skin: Layer, hands_near: Mask, side: int) -> float:
    """Where the cloth ends on one arm: 0 shoulder, 1 elbow, 2 wrist. Long unless bare skin is seen."""
    outline, shape = region.outline, person.shape[::-1]
    shoulder, elbow, wrist = outline.shoulder, outline.elbow, outline.wrist
    joints = pose.body[list(SHOULDERS), :2].astype(float)
    width = float(np.linalg.norm(joints[0] - joints[1]))
    palm, radius = USUAL_PALM * width, max(1, round(2 * width / 190))
    bone = elbow - shoulder
    across = np.array([-bone[1], bone[0]]) / np.linalg.norm(bone)
    across = across * (1 if across[0] * (1 if side == 0 else -1) > 0 else -1)
    places = np.linspace(0.25, 1.9, 34)
    bare = np.full(len(places), np.nan)
    for i, place in enumerate(places):
        at = shoulder + place * bone if place <= 1 else elbow + (place - 1) * (wrist - elbow)
        x, y = at.round().astype(int)
        if not (radius <= x < shape[0] - radius and radius <= y < shape[1] - radius) or hands_near[y, x]:
            continue
        if place <= 1:
            row = at + np.linspace(-0.45, 0.6, 9)[:, None] * across * np.interp(place, PLACES, outline.outer)
            row = row.round().astype(int).clip(0, [shape[0] - 1, shape[1] - 1])
            free = ~hands_near[row[:, 1], row[:, 0]]
            if free.sum() > 3:
                bare[i] = (skin[row[:, 1], row[:, 0]][free] > 0.5).mean()
        else:
            bare[i] = np.median(skin[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1])
    forearm = float(np.linalg.norm(wrist - elbow))
    below_counts = forearm >= 0.195 * width and outline.hand_seen
    seen = ~np.isnan(bare) & ((places <= 1.0) | below_counts)
    naked = bare > 0.4
    hem = NO_HEM
    for i in np.flatnonzero(seen & naked):
        rest = seen & (places >= places[i])
        if naked[rest].mean() > 0.8 and naked[rest][:5].all():
            hem = float(places[i])
            break
    if hem > 1.1:  # no skin was seen along the upper arm: check for cloth around and below the elbow
        rows, columns = np.mgrid[0 : shape[1], 0 : shape[0]].astype(np.float32)
        zone = (np.hypot(columns - elbow[0], rows - elbow[1]) < 0.38 * width) & (region.along > 1.0) & (person > 0.6)
        near = cv2.dilate(hands_near.astype(np.uint8), np.ones((2 * radius + 1,) * 2)) > 0
        zone &= (region.outward > -0.1 * width) & ~near
        cloth, flesh = (float((zone & kind).sum()) / palm**2 for kind in (skin < 0.4, skin > 0.5))
        if cloth < 0.15 and flesh > 0.1:
            hem = 1.0
    return hem


def is_sleeveless(region: ArmRegion, person: Layer, skin: Layer, hands_near: Mask, width: float) -> bool:
    """Whether an arm is bare from the shoulder on; the inner half may lie behind the cloth of the torso."""
    outer = (region.outward > 0.1 * region.limit_out) & (region.outward < 0.8 * region.limit_out)
    seen = outer & (region.along > BARE_FROM) & (region.along < BARE_DOWN_TO) & (person > 0.8) & ~hands_near
    return bool(seen.sum() > 0.01 * width**2 and (skin[seen] > 0.5).mean() > BARE_SHARE)


def fit_hem(
    region: ArmRegion, own: Layer, person: Layer, skin: Layer, hands_near: Mask, width: float
) -> tuple[float, Floats]:
    """The curve across the upper arm that best separates cloth from skin: `hem` and `hem_curve` of an ArmOutline.

    It stays near the hem found before and as smooth as cloth (dynamic programming over its knots). own: (H, W) how
    probably a pixel is this arm, sleeve or skin; person, skin: (H, W); hands_near: (H, W), where nothing is known.
    """
    hem, usual = region.outline.hem, hem_bow(HEM_KNOTS)
    # below a hem there is skin, or room if the arm is thinner than the sleeve
    room = (region.outward > -0.8 * region.limit_in) & (region.outward < 0.8 * region.limit_out) & (person < 0.3)
    inside = (np.abs(region.outward) < (HEM_KNOTS[-1] + 0.02) * width) & ((own > 0.5) | room) & ~hands_near
    inside &= (np.abs(region.along - hem) < 0.35) & (region.along > 0.15) & (region.outward > -1.1 * region.limit_in)
    along, outward, flesh = region.along[inside] - hem, region.outward[inside] / width, np.maximum(skin, room)[inside]
    if len(along) < 0.002 * width**2 or not 0.2 < (flesh > 0.5).mean() < 0.8:
        return hem, usual
    step = HEM_KNOTS[1] - HEM_KNOTS[0]
    edges = np.linspace(-0.3, 0.3, 61)
    bins = [(np.round((outward - HEM_KNOTS[0]) / step) == k) for k in range(len(HEM_KNOTS))]
    cost = np.zeros((len(HEM_KNOTS), len(edges)))
    for k, mine in enumerate(bins):
        where = np.clip(np.searchsorted(edges, along[mine]), 0, len(edges))
        skin_above = np.bincount(where, flesh[mine], len(edges) + 1).cumsum()[:-1]
        cloth_below = np.bincount(where, 1 - flesh[mine], len(edges) + 1)[::-1].cumsum()[::-1][1:]
        cost[k] = (skin_above + cloth_below) / len(along) + HEM_PRIOR * np.abs(edges - usual[k])
    bend = HEM_BEND * np.square(edges[:, None] - edges[None])
    come, total = np.zeros(cost.shape, int), cost[0]
    for k in range(1, len(cost)):
        come[k] = (total[None] + bend).argmin(1)
        total = (total[None] + bend).min(1) + cost[k]
    path = [int(total.argmin())]
    for k in range(len(cost) - 1, 0, -1):
        path.append(int(come[k, path[-1]]))
    curve = edges[path[::-1]]
    middle = float(np.median(curve[3:10]))
    low = np.flatnonzero(curve - middle > LOWEST_HEM)  # cloth that hangs lower belongs to the torso
    start = int(max(low[low < 6], default=-1)) + 1
    stop = int(min(low[low > 6], default=len(curve)))
    seen = np.array([mine.sum() for mine in bins])[start:stop]
    line = np.polyfit(HEM_KNOTS[start:stop], curve[start:stop], 2, w=np.sqrt(seen + 1.0))  # cloth ends without steps
    curve = np.polyval(line, HEM_KNOTS[start:stop])
    curve = np.pad(curve, (start, len(bins) - stop), mode="edge")
    return hem + middle, curve - middle


def level_hems(arms: list[ArmOutline]) -> None:
    """End both short sleeves like the shorter one if they differ much: a hand or a forearm hides where the other ends.

    An arm without a sleeve says nothing about the other one.
    """
    first, second = sorted(arms, key=lambda arm: arm.hem)
    if not first.sleeveless and second.hem < 1.1 and second.hem - first.hem > UNLIKE:
        second.hem, second.hem_curve = first.hem, first.hem_curve


def sleeve_middle(region: ArmRegion, sleeve: Layer, hands_near: Mask, width: float) -> float | None:
    """How far outwards from the bone a short sleeve's hem has its middle, in shoulder widths; None where covered.

    sleeve: (H, W), how probably a pixel is this sleeve, or skin where there is none. The arm that emerges from the
    sleeve runs through its middle.
    """
    hem = BARE_DOWN_TO if region.outline.sleeveless else region.outline.hem
    if not 0.3 < hem < 1.0:
        return None
    band = (region.along > hem - 0.15) & (region.along < hem - 0.03) & (sleeve > 0.5)
    reach = (np.abs(region.outward) < region.limit_out * 1.2) & (np.abs(region.along - hem + 0.09) < 0.06)
    if band.sum() < 0.002 * width**2 or (reach & hands_near).sum() > 0.1 * reach.sum():
        return None
    return float(np.percentile(region.outward[band], [3, 97]).mean() / width)
