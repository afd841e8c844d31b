"""A portrait taken apart: the picture without its arms, and the sleeves cut from it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ...pose.skeleton import Pose
from .colours import Colours, find_colours, find_light, light_contrast, skin_tone
from .figure import HEM_KNOTS, LONG, SHOULDERS, SLEEVELESS, WRISTS, Floats, Layer, Layers
from .geometry import smootherstep, thrice, where
from .outline import (
    UNIT,
    USUAL_PALM,
    Figure,
    Sides,
    arm_region,
    ellipse,
    find_hem,
    fit_hem,
    hand_mask,
    head_zone,
    is_sleeveless,
    level_hems,
    sleeve_middle,
)
from .parsing import Parsing, parse
from .patch_match import patch_fill
from .plate import Mask, column_fill, touched_cloth
from .room import continued_room
from .skin import Look, to_linear, to_srgb
from .sleeve_cut import BARE_TO, cloth_under, cut_sleeve
from .torso import torso_edges

MOST_ARM, LEAST_ARM = 0.8, 0.6
"""Limits for an arm: with sleeve and hand it usually covers 0.3 to 0.65 squared shoulder widths, and the parsing
network usually calls 0.7 to 0.85 of what is taken out an arm."""

SURE = 0.8
"""What the parsing network calls a torso with this probability is one."""
HIP = 4.0
"""Width of the soft rim of a person's mask, in units."""
LOW = 0.3
"""How far below the shoulders hands lie on cloth, in shoulder widths."""
ARMPIT = 0.45
"""How far down a bare upper arm some of it also stays with the body, less and less from the shoulder on."""
SIDE, SCRAP = 8.0, 0.4
"""Width in units, and most height in shoulder widths, of a scrap of the torso's side that shows within a bent arm."""
HALO = 4.0
"""How far around an arm its blur and shade discolour the room, in units."""
SURELY, PERHAPS = 0.7, 0.25
"""Probabilities from which a pixel is surely an arm's, and perhaps that of one side."""
TOUCHED = 0.06
"""How far from the hands cloth shows their shadow, in shoulder widths."""


@dataclass(frozen=True)
class Decisions:
    """What counts as a sleeve, by side; decided once, on a small copy, so as not to depend on the picture's size."""

    hem: float
    hem_curve: Floats
    bare: bool
    bare_to: float


def find_figure(photo: NDArray[np.uint8], pose: Pose, person: Layer, still: Sides = (False, False)) -> Figure:
    """Find the arms and what covers them in a picture (H, W, 3) RGB.

    pose: in the picture's pixels; person: soft mask (H, W); still: which arms stay in the picture, the person's left
    first. For a large picture, a small copy decides what counts as a sleeve.
    """
    shoulders = pose.body[list(SHOULDERS), :2].astype(float)
    width = float(np.linalg.norm(shoulders[0] - shoulders[1]))
    parsing = parse(photo, person, pose)
    figure = _look_at(photo, pose, person, still, parsing)
    if width > 1.02 * UNIT:
        size = (round(photo.shape[1] * UNIT / width), round(photo.shape[0] * UNIT / width))
        small, soft = (cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in (photo, person))
        decided = _decide(_look_at(small, pose.on_canvas(size), soft, still, parsing.resized(size)))
    else:
        decided = _decide(figure)
    for region, choice in zip(figure.regions, decided, strict=True):
        region.outline.hem, region.outline.hem_curve = choice.hem, choice.hem_curve
        region.outline.bare, region.outline.bare_to = choice.bare, choice.bare_to
    return figure


def draped(figure: Figure) -> Sides:
    """Whether veils, shawls or very wide clothes hang over an arm, the person's left first: it cannot be taken out.

    Either more would be removed than an arm in its sleeve covers, or the parsing network does not call it an arm.
    """
    removed = _without_arms(figure)[0] & (figure.person > 0.5)
    middle = figure.shoulders[:, 0].mean()
    found = []
    for side in range(2):
        mine = removed & ((figure.columns > middle) == (side == 0))
        arm = figure.parsing.sleeves.sum(0) + figure.parsing.arms.sum(0)  # the other hand may lie over it
        large = mine.sum() > MOST_ARM * figure.width**2
        found.append(bool(not figure.still[side] and mine.any() and (large or arm[mine].mean() < LEAST_ARM)))
    return found[0], found[1]


def take_apart(figure: Figure) -> Layers:
    """Everything about a picture that is needed to draw its arms."""
    removed, torso = _without_arms(figure)
    cloth_known = _known_cloth(figure, removed, torso)
    with ThreadPoolExecutor(2) as beside:
        torso_soon = beside.submit(_torso_cloth, figure, removed, torso, cloth_known)
        room_soon = beside.submit(continued_room, figure, removed, _needed_room(figure, removed, torso))
        sleeves = np.stack([cut_sleeve(figure, side, removed & (torso < 0.9)) for side in range(2)])
        cloth, look = cloth_under(figure, sleeves, cloth_known), _look(figure)
        torso_cloth, needed = torso_soon.result()
        plate = _plate(figure, removed | needed, torso, room_soon.result(), torso_cloth)
    arms = [region.outline for region in figure.regions]
    return Layers(
        figure.photo, plate, cloth, sleeves, torso, figure.person, removed, figure.pose, arms, look,
        USUAL_PALM * figure.width, figure.width, bare=_bare(figure),
    )  # fmt: skip


def nothing_apart(figure: Figure) -> Layers:
    """The same for a picture that ends above the elbows: it stays whole, and forearms enter from outside."""
    arms = [replace(region.outline, bare=False) for region in figure.regions]
    photo, nothing = figure.photo.astype(np.float32), np.zeros(figure.shape, np.float32)
    return Layers(
        figure.photo, photo, photo, np.stack([nothing, nothing]), figure.person, figure.person, nothing > 0,
        figure.pose, arms, _look(figure), USUAL_PALM * figure.width, figure.width, entering=True,
    )  # fmt: skip


def _look_at(photo: NDArray[np.uint8], pose: Pose, person: Layer, still: Sides, parsing: Parsing) -> Figure:
    """Masks, colours, and both arms with their hems."""
    shoulders = pose.body[list(SHOULDERS), :2].astype(float)
    width = float(np.linalg.norm(shoulders[0] - shoulders[1]))
    unit, shape = width / UNIT, person.shape
    hands, hands_near = hand_mask(pose, shape, 0.34), hand_mask(pose, shape, 0.5)
    colours = _with_parsing(find_colours(photo, pose, person, hands), parsing)
    person = _with_dark_folds(person, colours.off_cloth, width)
    skin = colours.skin * ((person > 0.3) | hand_mask(pose, shape, 0.8))
    opened = cv2.morphologyEx(skin, cv2.MORPH_OPEN, ellipse(max(2, round(3 * unit))))
    colours = replace(colours, skin=np.minimum(skin, opened))  # pixels on outlines mix colours and may look like skin
    regions = [arm_region(pose, person, colours, parsing, hands_near, side, still[side]) for side in range(2)]
    hems = [find_hem(pose, region, person, colours.skin, hands_near, side) for side, region in enumerate(regions)]
    none = [is_sleeveless(region, person, colours.skin, hands_near, width) for region in regions]
    for side, region in enumerate(regions):
        # Both sleeves are alike: one that is not seen follows the other.
        alike = abs(hems[0] - hems[1]) < 0.3 or any(none)
        region.outline.hem = SLEEVELESS if none[side] else hems[side] if alike else min(hems)
        if none[side]:
            region.outline.hem_curve = np.zeros(len(HEM_KNOTS))
        elif region.outline.hem < 1.1:
            own = parsing.sleeves[side] + parsing.arms[side]
            fitted = fit_hem(region, own, person, colours.skin, hands_near, width)
            region.outline.hem, region.outline.hem_curve = fitted
    level_hems([region.outline for region in regions])
    middles = [
        sleeve_middle(region, parsing.sleeves[k] + (parsing.arms[k] if none[k] else 0), hands_near, width)
        for k, region in enumerate(regions)
    ]
    for side, region in enumerate(regions):  # both sleeves are alike: one that is covered follows the other
        known = [m for m in (middles[side], middles[1 - side]) if m is not None]
        most = 0.12 if none[side] else 0.06
        region.outline.middle = float(np.clip(known[0], -most, most) * width) if known else 0.0
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    return Figure(
        photo, pose, person, still, width, shoulders, colours, parsing, hands, hands_near, regions, columns, rows
    )  # fmt: skip


def _with_parsing(colours: Colours, parsing: Parsing) -> Colours:
    """Skin by the network where it is sure, by its colour elsewhere.

    Colours are sharp where the network is soft. Where the network is certain one sees how far to trust them: either
    they separate skin from cloth there, or the clothes have the colour of skin.
    """
    skin, cloth = parsing.face + parsing.arms.sum(0), parsing.torso + parsing.sleeves.sum(0)
    certain = [colours.skin[part > 0.95] for part in (skin, cloth)]
    parted = certain[0].mean() - certain[1].mean() if min(map(len, certain)) > 50 else 0.0
    trust = float(np.clip((parted - 0.5) / 0.3, 0, 1))
    sure = smootherstep((np.maximum(skin, cloth) - 0.5 - 0.45 * trust) / (0.35 - 0.3 * trust))
    mixed = colours.skin + sure * (skin / np.maximum(skin + cloth, 1e-3) - colours.skin)
    return replace(colours, skin=mixed.astype(np.float32))


def _with_dark_folds(person: Layer, off_cloth: Layer, width: float) -> Layer:
    """Close holes that deep shadows of cloth leave in the person's mask, where the colours are near the cloth's."""
    closed = cv2.morphologyEx((person > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, ellipse(0.08 * width))
    closed *= off_cloth < 16
    closed = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((2 * max(1, round(width / UNIT)) + 1,) * 2))
    soft = cv2.GaussianBlur(closed.astype(np.float32), (0, 0), max(0.6, width / UNIT))
    return np.maximum(person, soft)


def _decide(figure: Figure) -> tuple[Decisions, Decisions]:
    """Which upper arms show the photograph's own bare skin, and how far down."""
    hidden = figure.grow(figure.hands, 3)
    found = []
    for region in figure.regions:
        hem, along, outward = region.outline.hem, region.along, region.outward
        near_bone = (np.abs(outward) < 0.11 * figure.width) & (figure.person > 0.5)
        bare = (along > hem + 0.05) & (along < BARE_TO) & near_bone
        zone = (along > hem + 0.03) & (along < BARE_TO) & (np.abs(outward) < region.limit_out)
        hit = along[zone & figure.grow(figure.hands_near, 7)]  # where a hand begins to hide it
        bare_to = min(BARE_TO, float(np.percentile(hit, 2)) if len(hit) > 0.02 * zone.sum() else 9.0)
        enough = bare.sum() > 20 * figure.unit**2 and (bare & hidden).sum() < 0.5 * bare.sum()
        shown = bool(hem < 0.72 and enough and bare_to > hem + 0.15)
        if region.outline.sleeveless:  # there is nothing else to show
            shown, bare_to = True, max(bare_to, ARMPIT)
        found.append(Decisions(hem, region.outline.hem_curve, shown, bare_to))
    return found[0], found[1]


def _without_arms(figure: Figure) -> tuple[Mask, Layer]:
    """Where arms are taken out, and opacity (H, W) of a body without arms."""
    person, skin, width, shape = figure.person, figure.colours.skin, figure.width, figure.shape
    sides = figure.moving_hands
    gone = np.zeros(shape, bool)
    stay, keep, fold = gone.copy(), gone.copy(), gone.copy()
    for side, region in enumerate(figure.regions):
        if figure.still[side]:
            stay |= region.mask | hand_mask(figure.pose, shape, 0.8, (side == 0, side == 1))
        else:
            gone |= region.mask
    wide_hands = hand_mask(figure.pose, shape, 0.62)
    moving, moving_wide = (hand_mask(figure.pose, shape, thickness, sides) for thickness in (0.5, 0.62))
    gone |= moving | (moving_wide & ((skin > 0.3) | gone))
    for side, region in enumerate(figure.regions):
        if figure.still[side]:
            continue
        arm, sign = region.outline, 1 if side == 0 else -1
        # a mannequin's torso, rounded off below the shoulders
        low = (figure.rows - arm.shoulder[1]) / width
        aside = (figure.columns - arm.shoulder[0]) * sign / width
        cap = 0.06 - 0.05 * np.clip(low / 0.2, 0, 1)
        beyond = (low > -0.32) & (aside > cap) & (aside < 0.8) & (person > 0.12) & (region.along > -0.3)
        gone |= beyond & (figure.rows < arm.elbow[1] + 0.2 * width)
        gone &= ~((low < -0.05) & (aside < 0.03) & (aside > -0.5))
        if arm.hem < 0.72:  # cloth beside a bare arm belongs to the torso
            cloth = (figure.colours.off_cloth < 24) & (skin < 0.5) & (person > 0.9) & ~wide_hands
            cloth &= figure.parsing.torso > 0.4
            keep |= (region.along > arm.hem) & (region.along < 1.2) & (region.outward < 0.3 * region.limit_out) & cloth
        if arm.sleeveless:  # the armpit's skin belongs to both; the arm is drawn over it
            near = (region.along > -0.4) & (region.along < ARMPIT) & (region.outward > -0.3 * width) & (person > 0.9)
            fold |= near & (region.outward < (1 - 2 * region.along / ARMPIT) * region.limit_out) & ~wide_hands
    keep = cv2.morphologyEx(keep.astype(np.uint8), cv2.MORPH_OPEN, ellipse(2 * figure.unit)) > 0
    head = head_zone(figure.pose, shape)
    raised = _raised(figure, head)
    if any(region.lifted for region in figure.regions):
        gone |= _raised_bars(figure) & ~head
        gone |= raised & (moving | (skin > 0.3)) & ~head
    above_chin = figure.rows <= figure.face_low
    gone |= above_chin & raised & ((person > 0.06) | moving | (moving_wide & (skin > 0.2)))
    gone &= (~above_chin | (raised & ~head)) & ~keep & ~stay
    seen = (figure.parsing.torso > SURE) & (person > 0.95) & (skin < 0.35) & ~gone
    own = (figure.parsing.sleeves + figure.parsing.arms).sum(0) > 0.3
    gone &= ~(figure.grow(seen, HIP) & (person < 0.95)) | figure.grow(own, 2 * HIP) | moving_wide  # a hip's soft rim
    gone = _without_crumbs(figure, gone, moving | raised)
    # on cloth an arm also leaves its shadow
    removed = figure.grow(gone, 2) | (figure.grow(gone, 5) & (figure.parsing.torso > 0.5) & ~figure.grow(keep, 3))
    arms = (removed | fold) & (figure.parsing.torso < 0.5) & (person > 0.2)
    edges, top = torso_edges(person, arms, figure.parsing.torso > SURE, figure.shoulders, width)
    beside = (figure.columns < edges[:, :1] - 0.02 * width) | (figure.columns > edges[:, 1:] + 0.02 * width)
    beside &= (figure.rows > top) & ~above_chin & ~stay
    for side in range(2):
        if figure.still[side]:
            beside &= (figure.columns < figure.shoulders[:, 0].mean()) == (side == 0)
    near = (person > 0.06) & figure.grow(person > 0.5, 12)
    # what is plainly seen of a waist is no arm, wherever its side is guessed
    beside &= ~figure.grow(seen, 2)
    removed |= figure.grow(beside & (near | hand_mask(figure.pose, shape, 0.75, sides)), 4) & ~seen
    removed &= ~(keep | stay | fold)
    unit = figure.unit
    inside = np.clip((figure.columns - edges[:, :1]) / (2 * unit) + 0.5, 0, 1)
    inside *= np.clip((edges[:, 1:] - figure.columns) / (2 * unit) + 0.5, 0, 1)
    torso = np.where(figure.rows > top - 0.42 * width, inside, 0)
    return removed, np.where(removed, torso, person).astype(np.float32)


def _without_crumbs(figure: Figure, gone: Mask, hands: Mask) -> Mask:
    """Only the parts of `gone` (H, W) that reach an arm's bones or its hand."""
    bones = hands.copy()
    for region in figure.regions:
        arm = region.outline
        bones |= figure.bar(arm.shoulder, arm.elbow, 0.1) | figure.bar(arm.elbow, arm.wrist, 0.1)
    _, labels = cv2.connectedComponents(gone.astype(np.uint8), connectivity=4)
    return gone & np.isin(labels, np.unique(labels[bones & gone]))


def _raised(figure: Figure, head: Mask) -> Mask:
    """Hands, and forearms that reach above the chest: there the head's surroundings may be arm."""
    raised = hand_mask(figure.pose, figure.shape, 0.9, figure.moving_hands)
    for side, region in enumerate(figure.regions):
        arm = region.outline
        seen = figure.pose.body[WRISTS[side], 2] > 0.3
        if not figure.still[side] and seen and arm.wrist[1] < figure.face_low + 0.5 * figure.width:
            raised |= figure.bar(arm.elbow, arm.wrist, 0.36)
    return raised


def _raised_bars(figure: Figure) -> Mask:
    """The whole bar of a raised forearm: the person's mask often misses it."""
    bars = np.zeros(figure.shape, bool)
    for side, region in enumerate(figure.regions):
        if region.lifted:
            arm, sign = region.outline, 1 if side == 0 else -1
            inner = (figure.columns - arm.shoulder[0]) * sign < 0.05 * figure.width
            bars |= figure.bar(arm.elbow, arm.wrist, 0.30) & ~inner
    return bars


def _known_cloth(figure: Figure, removed: Mask, torso: Layer) -> Mask:
    """Pixels that are certainly cloth of the torso: what hands hide is painted from them."""
    below = figure.rows > figure.shoulders[:, 1].min() + 0.02 * figure.width
    known = (figure.person > 0.95) & ~figure.grow(removed, 1) & (figure.colours.skin < 0.35) & below & (torso > 0.9)
    return known & (cv2.erode((figure.person > 0.5).astype(np.uint8), ellipse(3 * figure.unit)) > 0)


def _needed_room(figure: Figure, removed: Mask, torso: Layer) -> Mask:
    """Where the room is to be seen instead of arms, (H, W), with the rim that an arm's blur and shade discolour."""
    return figure.grow(removed & (torso < 0.98), HALO)


def _torso_cloth(figure: Figure, removed: Mask, torso: Layer, cloth_known: Mask) -> tuple[Layer, Mask]:
    """The picture (H, W, 3) with cloth where arms were in front of the torso, and where that is (H, W)."""
    photo, unit = figure.photo.astype(np.float32), figure.unit
    needed = removed & (torso > 0.02)
    patches = patch_fill(photo, figure.grow(needed, 4), cloth_known, side=120)
    inner = cv2.erode((torso > 0.5).astype(np.uint8), ellipse(4 * unit)) > 0  # outlines must not be torn
    beside = figure.grow(needed, 4) & (torso > 0.5)
    low = figure.rows > figure.shoulders[:, 1].max() + LOW * figure.width  # a shoulder has no cloth above it
    near = figure.grow(needed, TOUCHED * UNIT) & inner & low
    needed = needed | touched_cloth(photo, needed, near, beside & low, cloth_known, unit)
    # a scrap of the side that shows between sleeve and forearm, in their shade, fits neither above nor below
    side = (torso > 0.5) & ~(cv2.erode((torso > 0.5).astype(np.uint8), ellipse(SIDE * unit)) > 0) & low
    upright = np.ones((2 * round(SCRAP * figure.width / 2) + 1, 1), np.uint8)
    needed |= side & (cv2.morphologyEx((needed & side).astype(np.uint8), cv2.MORPH_CLOSE, upright) > 0)
    known = (cloth_known & ~figure.grow(needed, 2)).astype(np.uint8)  # seams between arm and body are dark
    known = cv2.morphologyEx(known, cv2.MORPH_OPEN, ellipse(3 * unit)) > 0
    return column_fill(photo, needed, known, torso, patches, 3 * unit), needed  # single pixels would make streaks


def _plate(figure: Figure, removed: Mask, torso: Layer, room: Layer, cloth: Layer) -> Layer:
    """The picture without arms: `room` where they were beside the body, `cloth` where they were in front of it."""
    photo, mix = figure.photo.astype(np.float32), thrice(torso)
    filled = cloth * mix + room * (1 - mix)
    unit = figure.unit
    soft = cv2.GaussianBlur(removed.astype(np.float32), (0, 0), unit)
    # the room's own pixels return slowly, and what is left of the person at once
    wide = cv2.GaussianBlur(_needed_room(figure, removed, torso).astype(np.float32), (0, 0), 1.5 * unit)
    soft = np.maximum(soft, wide * (1 - torso))
    return where(soft > 0.004, photo + thrice(soft) * (filled - photo), photo)


def _bare(figure: Figure) -> Mask:
    """(2, H, W): where the skin of each arm is seen. The network sometimes takes pale forearms for sleeves, and cannot
    tell whose the fingers of folded hands are."""
    arms = figure.parsing.arms + figure.parsing.sleeves
    return (arms.sum(0) > SURELY) & (arms > PERHAPS) & (figure.colours.skin > 0.5)


def _look(figure: Figure) -> Look:
    """Colour and light of the skin; a bare upper arm often lies in the shade of its sleeve."""
    arms = figure.parsing.arms.sum(0)
    tone = skin_tone(figure.photo, figure.pose, figure.colours, arms, figure.hands)
    key, grain = find_light(figure.photo, figure.pose, figure.person)
    hidden = figure.grow(figure.hands, 3)
    upper = []
    for region in figure.regions:
        arm = region.outline
        near = (
            (np.abs(region.outward) < 0.11 * figure.width) & (region.along > arm.hem + 0.05) & (region.along < BARE_TO)
        )
        pixels = figure.photo[near & (figure.person > 0.5) & (figure.colours.skin > 0.5) & ~hidden]
        if arm.bare and len(pixels) > 30 * figure.unit**2:
            upper.append(np.median(pixels, 0) / 255)
    contrast = light_contrast(figure.photo, arms, figure.width)
    look = Look(tone, key=key, contrast=contrast, grain=grain)
    if upper:
        ratio = to_linear(np.mean(upper, 0)) / to_linear(tone)
        look.upper = to_srgb(to_linear(tone) * np.clip(ratio, 0.78, 1.25))
    arms = [region.outline for region in figure.regions]
    if not any(arm.bare for arm in arms) and arms[0].hem < LONG:
        look.hem = arms[0].hem
    return look
