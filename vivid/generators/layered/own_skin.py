"""What a portrait's own arms and hands show of their skin: the mesh is drawn in their pose and compared with them.

Differences are logarithms of linear light, photograph over drawing, at the mesh's vertices: what the light does, a
colour for each region, and what is left, smoothed along the surface.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ...pose.skeleton import clip_of
from .arm_mesh import FLIP, ArmModel, normals_of, pose_arm
from .arm_shading import SkinPart, Surface
from .colours import LUMINANCE
from .figure import Layers
from .hand_fit import fit_hands
from .hand_track import HandModel, HandTrack, points_of
from .raster import cover
from .skin import Look, to_linear

Floats = NDArray[np.float64]

REGIONS = 5
"""Upper arm, forearm, back of the hand, palm, fingers."""
UPPER, FOREARM, BACK, PALM, FINGERS = range(REGIONS)
LEAST = 0.12
"""Least seen area of a region, in squared palms, that says something about its colour."""
SMALL = 40.0
"""Most pixels of a palm in the pictures that are compared."""
BLUR = 0.04
"""Standard deviation, in palms, over which colours are compared."""
WIDE = 0.25
"""Standard deviation, in palms, of what counts as around a place when forms of a hand are compared."""
RELIEF = 0.8, 1.2
"""Bounds of their strength."""
POOR_FIT = 0.12
"""Mean error of a hand's fitted points, in palms, at which its single places are half believed."""
WORST_FIT = 0.4
"""Mean error of a hand's fitted points, in palms, beyond which only its forearm is compared."""
FOREARM_END = 1.85
"""Where the forearm ends and the wrist begins: 1 is the elbow, 2 the wrist."""
BRIGHTNESS, HUE = 0.9, 0.25
"""Most change of a region's brightness, and of one channel against the others."""
TURNED, HUE_TURNED, PRIOR = 0.6, 0.05, 0.03
"""Most change of light and of its hue with the way a surface faces, and how much area, in squared palms, it takes to
believe half of it."""
OF_HAND, HUE_OF_HAND = (-0.05, 0.12), 0.04
"""Most difference of parts of a hand from the part of it that is seen best, in brightness and in hue."""
OWN_SIDE, MOST_SIDE = 0.7, 0.3
"""How much of the difference in brightness between a person's two arms is kept, and most of it: light comes from one
side, but arms move."""
LEAST_LEFT, MOST_LEFT, HUE_LEFT = (-0.25, -0.10), 0.22, 0.16
"""Least change of brightness that is left to single places of an arm and of a hand, the most, and that of their hue:
what lies in the shade of other fingers in the portrait's pose lies elsewhere in another."""
ROUNDS, TIES = 24, 0.8
"""Steps of smoothing along the surface, and how strongly a vertex follows its neighbours against what it shows."""


@dataclass(frozen=True, eq=False)
class OwnSkin:
    """light: (3, RGB) more light, as a logarithm, on surfaces that face right, up and to the camera; factors: of each
    side, (V, 3) on the drawn colours, alike but for their brightness; relief: how much stronger light and shade are on
    the forms of a hand."""

    light: Floats
    relief: float
    factors: list[Floats]


@dataclass(frozen=True, eq=False)
class _Arm:
    """One side's arm over the photographed one: the faces (F,) that are drawn and their surface, vertices (V, 3) and
    palm in pixels of the small picture, where its skin is seen (H, W), and how far its places are believed (V,)."""

    side: int
    model: ArmModel
    faces: NDArray[np.bool_]
    surface: Surface
    verts: Floats
    palm: float
    bare: NDArray[np.bool_]
    trust: Floats


@dataclass(frozen=True, eq=False)
class _View:
    """Seen vertices of one side's arm: which of all (N,), their area in squared palms (N,), normals (N, 3), logarithmic
    colours (N, 3) of photograph and drawing, the `forms` (N, 2) of both, which is their brightness against that around,
    and how surely both show the same place, 0..1 (N,)."""

    side: int
    ids: NDArray[np.int64]
    area: Floats
    normals: Floats
    photo: Floats
    drawn: Floats
    forms: Floats
    sure: Floats


def own_skin(
    layers: Layers, models: list[ArmModel], faces: list[NDArray[np.bool_]], surfaces: list[Surface], look: Look
) -> OwnSkin | None:
    """Compare the portrait's arms with drawn ones; None where it shows no skin of arms.

    models, faces (F,) and surfaces: what is drawn of each side.
    """
    if layers.bare is None or not layers.bare.any():
        return None
    scale = min(1.0, SMALL / layers.palm)
    size = round(layers.photo.shape[1] * scale), round(layers.photo.shape[0] * scale)
    photo = cv2.resize(layers.photo, size, interpolation=cv2.INTER_AREA)
    fit, arms = fit_hands(clip_of(layers.pose)), []
    for side, model in enumerate(models):
        verts, palm = own_pose(layers, side, model, fit)
        bare = cv2.resize(layers.bare[side].astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 250
        # a hand that points at the camera is hard to fit: the mesh then shows other places than the photograph
        error = fit.error[side, 0]
        forearm = model.along[model.tri].max(1) < FOREARM_END
        chosen = faces[side] if error < WORST_FIT else faces[side] & forearm
        hand = np.clip((model.along - 1.7) / 0.3, 0, 1)
        trust = 1 - hand + hand / (1 + np.square(np.nan_to_num(error) / POOR_FIT))
        arms.append(_Arm(side, model, chosen, surfaces[side], verts * scale, palm * scale, bare, trust))

    def views(light: Floats, relief: float) -> list[_View]:
        lit = replace(look, light=light, relief=relief, grain=0.0)
        return [view for arm in arms if (view := _view(arm, photo, lit)) is not None]

    shares = region_shares(models[0])
    seen = views(np.zeros((3, 3)), 1.0)
    if not seen:
        return None
    light = _light(seen, shares)
    relief = _relief(views(light, 1.0), shares)
    seen = views(light, relief)
    tones = _tones(seen, shares)
    if tones is None:
        return None
    base, levels = shares @ tones, np.zeros(2)
    for view in seen:
        more = _median(((view.photo - view.drawn - base[view.ids]) @ LUMINANCE)[:, None], view.area)[0]
        levels[view.side] = np.clip(OWN_SIDE * more, -MOST_SIDE, MOST_SIDE)
    rest = base + _left_over(seen, base, levels, models[0])
    return OwnSkin(light, relief, [np.exp(rest + level) for level in levels])


def region_shares(arm: ArmModel) -> Floats:
    """(V, REGIONS): how much each vertex belongs to each region; rows add up to 1."""
    upper = np.clip((1.12 - arm.along) / 0.24, 0, 1)
    hand = np.clip((arm.along - 1.86) / 0.18, 0, 1)
    finger = np.clip((arm.weights[:, 4:].sum(1) - 0.2) / 0.6, 0, 1) * hand
    rest = hand - finger
    return np.column_stack([upper, 1 - upper - hand, rest * (1 - arm.palm), rest * arm.palm, finger])


def own_pose(layers: Layers, side: int, model: ArmModel, fit: HandTrack) -> tuple[Floats, float]:
    """Vertices (V, 3) of the arm over the photographed one, its hand's points exactly on the detected ones; palm."""
    palm, arm = float(fit.palm[side, 0]), layers.arms[side]
    wrist = np.append(fit.place[side, 0], 0.0)
    reach = float(np.linalg.norm(model.elbow)) * palm
    depth = -float(np.sqrt(max(reach**2 - float(((arm.elbow - wrist[:2]) ** 2).sum()), 0.0)))
    elbow, shoulder = (np.append(p, depth) for p in (arm.elbow, arm.shoulder))
    verts = pose_arm(model, fit.turn[side, 0], fit.fingers()[side, 0], shoulder, elbow, wrist, palm)
    points = points_of(HandModel.of(side), fit.turn[side], fit.angles[side])[0] * FLIP * palm + wrist
    hand = layers.pose.hands[side].astype(float)
    off = np.where((hand[:, 2:] > 0) & (fit.error[side, 0] < WORST_FIT), hand[:, :2] - points[:, :2], 0.0)
    verts[:, :2] += _carried(model, off)
    return verts, palm


def _carried(model: ArmModel, off: Floats) -> Floats:
    """(V, 2): displacements (21, 2) of a hand's points, carried on to the vertices by their bones."""
    near = 1 / (0.05 + np.linalg.norm(model.rest[:, None] - np.vstack([np.zeros(3), model.joints[:, 0]]), axis=2)) ** 2
    palm = near @ off[[0, 1, 5, 9, 13, 17]] / near.sum(1, keepdims=True)
    out = model.weights[:, 3:4] * palm
    out += model.weights[:, 1:3].sum(1, keepdims=True) * np.clip(model.along - 1, 0, 1)[:, None] * off[0]
    for j in range(5):
        for k in range(3):
            start, step = model.joints[j, k], model.joints[j, k + 1] - model.joints[j, k]
            t = np.clip((model.rest - start) @ step / (step @ step), 0, 1)[:, None]
            a = 1 + 4 * j + k
            out += model.weights[:, 4 + 3 * j + k, None] * ((1 - t) * off[a] + t * off[a + 1])
    return out


def _view(arm: _Arm, photo: NDArray[np.uint8], look: Look) -> _View | None:
    """What photograph (H, W, 3) and drawing show of an arm's vertices; None where nothing of its skin is seen."""
    verts, palm, size = arm.verts, arm.palm, (photo.shape[0], photo.shape[1])
    normals = normals_of(verts * FLIP, arm.model.tri)
    tri = arm.model.tri[arm.faces]
    found = cover(verts, tri, size, cull=True)
    layer = SkinPart(arm.model, arm.faces, arm.surface, look).layer(verts, normals, palm, size)
    if found is None or layer is None:
        return None
    # the skin's area in the picture, shared among the corners of the triangles that are seen there
    x0, y0 = found.window[:2]
    rows, columns = np.divmod(found.pixels, found.opacity.shape[1])
    skin = cv2.erode(arm.bare.astype(np.uint8), np.ones((2 * max(1, round(BLUR * palm)) + 1,) * 2)) > 0
    good = (found.opacity.ravel()[found.pixels] > 0.9) & skin[rows + y0, columns + x0]
    corners = tri[found.chosen[found.faces[: len(found.pixels)][good]]]
    area = np.bincount(corners.ravel(), minlength=len(verts)) / (3 * palm**2)
    ids = np.flatnonzero(area > 0)
    if not len(ids):
        return None
    h, w = layer.alpha.shape
    here = (slice(layer.y0, layer.y0 + h), slice(layer.x0, layer.x0 + w))
    blur = max(0.6, BLUR * palm)
    weight = (skin[here] & (layer.alpha > 0.9)).astype(np.float32)
    around = cv2.GaussianBlur(weight, (0, 0), blur)[..., None] + 1e-4
    wide = cv2.GaussianBlur(weight, (0, 0), WIDE * palm)[..., None] + 1e-4
    places = (verts[ids, :2] - [layer.x0, layer.y0]).astype(np.float32)
    logs, forms = [], []
    for picture in (photo[here], layer.rgb):
        light = np.log(np.maximum(to_linear(picture / np.float32(255)), 2e-3)).astype(np.float32)
        smooth = cv2.GaussianBlur(light * weight[..., None], (0, 0), blur) / around
        plain = cv2.GaussianBlur(light * weight[..., None], (0, 0), WIDE * palm) / wide
        both = np.dstack([smooth, (smooth - plain) @ LUMINANCE.astype(np.float32)])
        there = cv2.remap(both, places[None, :, 0], places[None, :, 1], cv2.INTER_LINEAR)[0].astype(float)
        logs.append(there[:, :3])
        forms.append(there[:, 3])
    x, y = places.round().astype(int).T
    clear = around[..., 0][y.clip(0, h - 1), x.clip(0, w - 1)] > 0.5
    ids = ids[clear]
    shown, drawn = (log[clear] for log in logs)
    return _View(arm.side, ids, area[ids], normals[ids], shown, drawn, np.stack(forms, 1)[clear], arm.trust[ids])


def _light(seen: list[_View], shares: Floats) -> Floats:
    """(3, RGB): how the light on the photograph's arms differs from the drawn one, by the way surfaces face."""
    ids, normals = (np.concatenate([getattr(v, name) for v in seen]) for name in ("ids", "normals"))
    area = np.concatenate([v.area * v.sure for v in seen])
    differs = np.concatenate([v.photo - v.drawn for v in seen])
    # each arm's regions may have any brightness
    sides = np.repeat(np.arange(len(seen)), [len(v.ids) for v in seen])
    flags = [(sides == k)[:, None] * shares[ids] for k in range(len(seen))]
    columns = np.column_stack([normals, *flags])
    prior = np.append(np.full(3, PRIOR), np.full(columns.shape[1] - 3, 1e-3))
    weight, solved = area, np.zeros((columns.shape[1], 3))
    for _ in range(6):
        solved = np.linalg.solve((columns.T * weight) @ columns + np.diag(prior), (columns.T * weight) @ differs)
        miss = (differs - columns @ solved) @ LUMINANCE
        weight = area / (1 + np.square(miss / 0.25))
    return _within(solved[:3], (-TURNED, TURNED), HUE_TURNED)


def _relief(seen: list[_View], shares: Floats) -> float:
    """How much stronger the forms of the photograph's hands are than those of drawn ones."""
    power, area = np.zeros(2), 0.0
    for view in seen:
        weight = view.area * shares[view.ids, BACK:].sum(1)
        power += weight @ np.square(np.clip(view.forms, -0.6, 0.6))
        area += weight.sum()
    if area < LEAST:
        return 1.0
    return float(np.clip(np.sqrt(power[0] / max(power[1], 1e-6)), *RELIEF))


def _tones(seen: list[_View], shares: Floats) -> Floats | None:
    """(REGIONS, 3): how much lighter each region is; regions that are not seen follow those beside them."""
    ids, area = np.concatenate([v.ids for v in seen]), np.concatenate([v.area for v in seen])
    differs = np.concatenate([v.photo - v.drawn for v in seen])
    weights = area[:, None] * np.clip(2 * shares[ids] - 1, 0, 1)
    areas = weights.sum(0)
    tones = [_median(differs, weights[:, k]) if areas[k] > LEAST else None for k in range(REGIONS)]
    if all(tone is None for tone in tones):
        return None
    order = {
        UPPER: ((FOREARM,), (BACK,), (PALM,), (FINGERS,)),
        FOREARM: ((UPPER,), (BACK,), (PALM,), (FINGERS,)),
        BACK: ((FOREARM, FINGERS), (FOREARM, PALM), (FINGERS,), (PALM,), (FOREARM,), (UPPER,)),
        PALM: ((BACK,), (FINGERS,), (FOREARM,), (UPPER,)),
        FINGERS: ((BACK, PALM), (BACK,), (PALM,), (FOREARM,), (UPPER,)),
    }
    out = np.zeros((REGIONS, 3))
    for region, tone in enumerate(tones):
        if tone is None:
            groups = ([tone for k in group if (tone := tones[k]) is not None] for group in order[region])
            found = np.mean(next(g for g, group in zip(groups, order[region], strict=True) if len(g) == len(group)), 0)
        else:
            found = tone
        out[region] = _within(found, (-BRIGHTNESS, BRIGHTNESS), HUE)
    # one part of a hand is hardly of another colour than the rest: what differs more is fitted badly, or fingers of
    # folded hands in each other's shade
    hand = [BACK, PALM] if areas[BACK] + areas[PALM] > 0.5 * areas[FINGERS] else [FINGERS]
    trusted = out[max(hand, key=lambda region: areas[region])]
    for region in (BACK, PALM, FINGERS):
        if region not in hand:
            out[region] = trusted + _within(out[region] - trusted, OF_HAND, HUE_OF_HAND)
    return out


def _within(change: Floats, levels: tuple[float | Floats, float], hue: float) -> Floats:
    """The change (..., 3) of colour with its brightness and its hue kept within bounds."""
    level = (change @ LUMINANCE)[..., None]
    return np.clip(level, *levels) + np.clip(change - level, -hue, hue)


def _median(values: Floats, weight: Floats) -> Floats:
    """(K,) weighted medians of values (N, K)."""
    out = []
    for column in values.T:
        order = np.argsort(column)
        total = np.cumsum(weight[order])
        out.append(column[order][np.searchsorted(total, total[-1] / 2)])
    return np.array(out)


def _left_over(seen: list[_View], base: Floats, levels: Floats, arm: ArmModel) -> Floats:
    """(V, 3): what single places show beyond their region's colour, smoothed along the surface, 0 where unseen."""
    total, weight = np.zeros_like(base), np.zeros(len(base))
    for view in seen:
        differs = view.photo - view.drawn - base[view.ids] - levels[view.side]
        least = np.where(arm.along[view.ids] > FOREARM_END, LEAST_LEFT[1], LEAST_LEFT[0])[:, None]
        differs = _within(differs, (least, MOST_LEFT), HUE_LEFT)
        share = view.sure * view.area / (np.median(view.area) + view.area)
        total[view.ids] += share[:, None] * differs
        weight[view.ids] += share
    edges = np.concatenate([arm.tri[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    edges = np.concatenate([edges, edges[:, ::-1]])
    count = np.bincount(edges[:, 0], minlength=len(base)).astype(float)
    out = np.zeros_like(base)
    for _ in range(ROUNDS):
        sums = [np.bincount(edges[:, 0], out[edges[:, 1], k], len(base)) for k in range(3)]
        around = np.stack(sums, 1) / np.maximum(count, 1)[:, None]
        # little is known of unseen places: they fall back to their region's colour
        out = (total + TIES * around) / (weight + TIES + 0.05)[:, None]
    return out
