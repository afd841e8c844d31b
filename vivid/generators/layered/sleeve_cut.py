"""Sleeves cut from a portrait: which part of the picture is an upper arm, and the cloth that fills it."""

from __future__ import annotations

import cv2
import numpy as np

from .figure import ELBOW_LENGTH, LONG, Layer
from .geometry import smootherstep, where
from .outline import UNIT, USUAL_PALM, WIDEST, ArmRegion, Figure, ellipse
from .patch_match import patch_fill
from .plate import Mask, membrane

BARE_TO, BARE_FADE = 0.86, 0.2
"""A bare upper arm comes from the photograph down to the first share of its length, and fades out over the second."""
LONG_FADE, CLEAR = 0.35, 0.3
"""The longest fade of an arm without a sleeve, and how far down the photograph is not faded where hands leave it."""
FLAP, FLAPS_FROM = 0.06, 0.4
"""Radius of the largest flap, in shoulder widths, that is no part of a sleeve, and from where on along the upper arm
there may be one."""


def cut_sleeve(figure: Figure, side: int, taken: Mask) -> Layer:
    """Opacity (H, W) of one upper arm as it is cut from the photograph: its sleeve, and bare skin below a short one.

    taken: (H, W), where the body without arms shows room instead.
    """
    if figure.still[side]:
        return np.zeros(figure.shape, np.float32)
    region, width, unit = figure.regions[side], figure.width, figure.unit
    arm, along, outward = region.outline, region.along, region.outward
    skin, person = figure.colours.skin, figure.person
    length, ends = float(np.linalg.norm(arm.elbow - arm.shoulder)), arm.hem_at(outward / width)
    firm = np.clip((person - 0.5) / 0.45, 0, 1)  # without the rim that has the room's colour
    reach_in = region.limit_in + 0.13 * width * np.clip(1 - along / 0.55, 0, 1)  # the cloth is connected in the armpit
    seam = np.maximum(0.05 * width, (reach_in - region.limit_in) * 0.8)  # over the torso the same cloth lies underneath
    opacity = np.clip((outward + reach_in) / seam, 0, 1)
    opacity = np.maximum(
        opacity, smootherstep((figure.parsing.sleeves[side] - 0.3) / 0.3)
    )  # wide ones reach further in
    opacity = opacity * (1 - smootherstep((figure.parsing.face - 0.4) / 0.3))  # a wide neckline is no sleeve
    edge = np.clip((region.limit_out - unit - outward) / (2 * unit) + 0.5, 0, 1)
    loose = np.minimum(firm, np.clip((region.limit_out * 1.06 + unit - outward) / (2 * unit) + 0.5, 0, 1))
    loose = np.maximum(loose, firm * smootherstep((figure.parsing.sleeves[side] - 0.15) / 0.3))  # sleeves may flare
    # where something else covers the outline, the smooth outline is used
    covered = figure.grow(figure.hands_near, 5) | figure.grow((skin > 0.5) & (along < ends - 0.05), 3)
    covered |= (along > 0.55) & (arm.hem > LONG)
    closed = cv2.morphologyEx((person > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, ellipse(2 * unit)) > 0  # no slits
    outline = np.where(covered, edge, np.maximum(loose, (outward < 0.8 * region.limit_out) & closed))
    if arm.bare:
        outline = np.where(along > ends + 0.02, loose, outline)
    outline = np.where(along > 0.3, outline, firm)
    if region.lifted:
        outline = np.minimum(outline, edge)
    if not region.lifted and not arm.bare:
        opacity, outline = _without_notches(opacity * outline, width, along < FLAPS_FROM), np.ones_like(outline)
    if arm.bare:
        opacity = opacity * _bare_fade(figure, region)
    else:
        hem = min(arm.hem, 1.05)
        bow = ends - arm.hem
        armpit = 0.25 * np.clip(
            -outward / region.limit_in - 0.55, 0, 0.6
        )  # a sleeve runs up into it, unless it is wide
        bow -= armpit * (1 - smootherstep((figure.parsing.sleeves[side] - 0.3) / 0.3))
        if arm.hem < LONG:
            opacity = opacity * np.clip((hem + bow - along) * length / (2 * unit) + 0.5, 0, 1)
        if arm.hem > ELBOW_LENGTH:  # it is round at the elbow, and the forearm's tube begins inside it
            beyond = np.maximum((along - 1) * length + 0.6 * region.limit_out, 0)
            opacity = opacity * np.clip((region.limit_out - np.hypot(beyond, outward)) / (2 * unit) + 0.5, 0, 1)
    low = (figure.rows - arm.shoulder[1]) / width
    aside = (figure.columns - arm.shoulder[0]) * (1 if side == 0 else -1) / width
    begin = np.maximum(np.clip((low + 0.12) / 0.06, 0, 1), np.clip((aside - 0.01) / 0.03, 0, 1) * (low > -0.35))
    low_enough = np.clip((low + 0.35) / 0.03, 0, 1)  # no room may show through where the body ends
    begin = np.maximum(begin, cv2.GaussianBlur(figure.grow(taken, 2).astype(np.float32), (0, 0), unit) * low_enough)
    opacity = opacity * np.clip((along + 0.35) / 0.1, 0, 1) * (outward < WIDEST * width) * begin * outline
    return _without_crumbs(opacity, width).astype(np.float32)


def _without_notches(opacity: Layer, width: float, whole: Mask) -> Layer:
    """Close the notches that covering hands, and the gap between sleeve and torso, leave in the cloth, and cut off the
    flaps beside hands, but for what is `whole` (H, W)."""
    box = _box(opacity, 0.2 * width)
    inner, out = opacity[box], opacity.copy()
    sleeve = (inner > 0.5).astype(np.uint8)
    opened = np.where(whole[box], sleeve, cv2.morphologyEx(sleeve, cv2.MORPH_OPEN, ellipse(FLAP * width)))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, ellipse(0.08 * width))
    smooth = cv2.GaussianBlur(closed.astype(np.float32), (0, 0), 0.02 * width)
    smooth = cv2.GaussianBlur((smooth > 0.5).astype(np.float32), (0, 0), 0.006 * width)
    out[box] = np.maximum(inner * (cv2.dilate(closed, ellipse(0.02 * width)) > 0) * (smooth > 0.02), smooth)
    return out


def _without_crumbs(opacity: Layer, width: float) -> Layer:
    """Keep what is connected to the sleeve's thick part."""
    box = _box(opacity, 0.1 * width)
    inner, out = opacity[box], opacity.copy()
    core = cv2.morphologyEx((inner > 0.4).astype(np.uint8), cv2.MORPH_OPEN, ellipse(max(2, round(0.045 * width))))
    near = cv2.dilate(core, ellipse(0.07 * width)).astype(np.float32)
    near = cv2.GaussianBlur(near, (0, 0), width / UNIT)  # hems have corners
    out[box] = inner * np.clip(near * 1.5, 0, 1)
    return out


def _box(layer: Layer, margin: float) -> tuple[slice, slice]:
    """The part of a layer (H, W) within `margin` pixels of what is not 0."""
    x, y, w, h = cv2.boundingRect((layer > 0).astype(np.uint8))
    m = round(margin)
    return slice(max(0, y - m), y + h + m), slice(max(0, x - m), x + w + m)


def _bare_fade(figure: Figure, region: ArmRegion) -> Layer:
    """Opacity of a bare upper arm: skin only, fading where the drawn arm takes over."""
    arm, along, outward, unit = region.outline, region.along, region.outward, figure.unit
    ends = arm.hem_at(outward / figure.width)
    length = np.clip(arm.bare_to - CLEAR, BARE_FADE, LONG_FADE) if arm.sleeveless else BARE_FADE
    fade = np.clip((arm.bare_to - along) / length, 0, 1)
    rounded = np.clip((outward + region.limit_out) / (3 * unit) + 0.5, 0, 1)
    fade = fade * np.where(along > ends + 0.05, rounded, 1)
    free = (~figure.grow(figure.hands_near, 7)).astype(np.float32)
    if arm.sleeveless:
        free = smootherstep(2 * cv2.GaussianBlur(free, (0, 0), 4 * unit) - 1)
    fade = fade * np.where(along > ends + 0.03, free, 1)
    flesh = (figure.colours.skin > 0.5) | ((figure.colours.off_cloth > 24) & (figure.person > 0.5))
    flesh = cv2.morphologyEx(figure.grow(flesh, 2).astype(np.uint8), cv2.MORPH_CLOSE, ellipse(10 * unit))
    soft = cv2.GaussianBlur(flesh.astype(np.float32), (0, 0), 1.2 * unit)
    inner = (along > ends + 0.06) & (outward < 0.25 * region.limit_out)
    return fade * np.where(inner | arm.sleeveless, soft, 1)


def cloth_under(figure: Figure, sleeves: Layer, cloth_known: Mask) -> Layer:
    """The picture with cloth where room, skin or a hand shows inside the sleeves' outlines; sleeves are cut from it."""
    photo, person, skin = figure.photo.astype(np.float32), figure.person, figure.colours.skin
    of_cloth = [0 if region.outline.sleeveless else 1 for region in figure.regions]
    cover = (sleeves * np.reshape(of_cloth, (2, 1, 1))).max(0) > 0.02
    any_bare = any(region.outline.bare for region in figure.regions)
    sure = (person > 0.95) & (cover | (person > 0.99)) & ((skin < 0.4) | any_bare)
    cloth = where(cover & (person < 0.93), membrane(photo, sure), photo)
    alien = np.zeros(figure.shape, bool)  # skin, room, or what a hand hid, where there should be cloth
    parsed = figure.parsing.sleeves.sum(0) + figure.parsing.torso
    looks_alien = (figure.colours.off_cloth > 24) & (parsed < 0.6)
    for side, region in enumerate(figure.regions):
        arm, along = region.outline, region.along
        bound = np.minimum(arm.hem_at(region.outward / figure.width), 1.09) + 0.04 if arm.bare else np.float64(1.2)
        inside = (sleeves[side] > 0.5) & (along > 0.1) & (along < np.minimum(bound, 0.6)) & ~figure.hands_near
        if inside.any() and (skin[inside] > 0.4).mean() < 0.25:  # otherwise there is no cloth to rely on
            odd = ((skin > 0.4) | (figure.colours.off_cloth > 24)) & (along < bound)
            odd &= region.outward > -0.8 * region.limit_in  # prints on the chest stay
            odd &= parsed < np.where(along > bound - 0.16, 0.9, 0.6)  # and so do shadows of reddish cloth
            alien |= (sleeves[side] > 0.02) & (along < bound) & figure.grow(odd, 2)
    deep = cv2.erode((person < 0.93).astype(np.uint8), ellipse(3 * figure.unit)) > 0  # too wide a gap for a membrane
    hole = figure.grow(figure.hands_near | _forearm_skin(figure) | (deep & cover), 5) | alien
    closed = cv2.morphologyEx((cover & hole).astype(np.uint8), cv2.MORPH_CLOSE, ellipse(5 * figure.unit))
    hole = cover & figure.grow(closed > 0, 2)  # crumbs between two holes, and lines along one, are shadow or skin
    if hole.any():
        # at the rim, and where the network doubts, the room lights the cloth
        firm = cv2.erode(((person > 0.9) & (parsed > 0.5)).astype(np.uint8), ellipse(2 * figure.unit)) > 0
        known = (cloth_known | (cover & ~hole)) & (skin < 0.35) & firm & ~looks_alien
        cloth = patch_fill(cloth, hole, known)
    return cloth


def _forearm_skin(figure: Figure) -> Mask:
    """Skin of forearms that lie over their own sleeves."""
    found = np.zeros(figure.shape, bool)
    for region in figure.regions:
        arm = region.outline
        line = figure.bar(arm.elbow + 0.1 * (arm.wrist - arm.elbow), arm.wrist, USUAL_PALM)
        found |= line & (figure.colours.skin > 0.5) & (region.along < arm.hem_at(region.outward / figure.width) - 0.05)
    return found
