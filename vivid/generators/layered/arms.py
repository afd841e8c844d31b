"""The arms of a frame: both are drawn in a pose onto the picture without arms, the rear one first.

Per side: skin of the upper arm, shadow on the torso, sleeve, cuff of a long sleeve, forearm and hand.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .arm_mesh import FLIP, ArmModel, Build, load_arm, normals_of, pose_arm, rotation_between
from .arm_shading import SkinPart, Surface, cloth_layer, skin_layer
from .arm_track import Track, place_clip
from .colours import edge_blur
from .figure import ELBOW_LENGTH, LONG, Layers
from .own_skin import own_skin
from .raster import PaintedLayer
from .skin import to_linear
from .skin_texture import TEXELS, arm_tone, bare_half, detail_of, textured
from .sleeves import Sleeve, cloth_texture

__all__ = ["ArmAnimator", "Track", "place_clip"]

Floats = NDArray[np.float64]

CUFF = 1.99
"""Where long sleeves end."""
EMERGE = 0.16
"""How far down the forearm sleeves reach that cover the elbow."""
ROLLED = 0.25
"""How far from the arm such a cuff is at most, in palms."""
UNDER_HEM = slice(3, 10)
"""Those of HEM_KNOTS that an arm may reach."""
INTO_CUFF, NARROW = 0.04, 0.03
"""How far inside of such a cuff a forearm begins; how far below its end it would be as narrow as the arm."""
SAMPLED, LEAST_BLUR = 0.3, 0.45
"""In pixels: the blur that drawing with few samples makes by itself, and the least that hides the stairs of edges."""
SHADOWS = ((0.07, 0.02, 0.06, 0.20), (0.28, 0.10, 0.30, 0.24))
"""Shadows of arms on what is behind them: blur, shift right and down (in palms), and the light that each removes."""
CONTACT = 0.05, 0.03, 0.5
"""Shade of a hand on another one: blur and shift down in palms, and the share of the light that it removes."""
RED_SHARE = 0.8
"""How much of that holds for red light, which has passed skin."""
SEEN = 0.3
"""Confidence from which a hand's points count as seen."""
SIDEWAYS, SLIM, BROAD = 0.45, 0.57, 0.69
"""Breadth of a palm over its length: below the first it is seen from the side; of slim and of broad hands."""
THICKER = (-0.08, 0.03)
"""How much a bare upper arm's thickness may differ from the mesh's, in palms: an arm that hangs beside the body is
pressed broad, and would look swollen when it moves."""
MUCH_THICKER = (-0.12, 0.15)
"""The same without a sleeve, where the drawn arm goes on from the photograph's."""
SHOWS_FROM = 0.30, 0.45
"""Where along an arm without a sleeve the drawn one begins below the photograph's, and where it is opaque."""
FLAT = 0.85
"""A palm shorter than this share of its usual length points at the camera."""


class ArmAnimator:
    """Draws a portrait's arms; still: which of them (the person's left first) stay in the picture as they are."""

    def __init__(self, layers: Layers, still: tuple[bool, bool] = (False, False)):
        self.layers, self.still = layers, still
        self.size = (layers.plate.shape[0], layers.plate.shape[1])
        blur = edge_blur(layers.photo, layers.person)
        self.look = replace(layers.look, blur=float(np.sqrt(max(blur**2 - SAMPLED**2, LEAST_BLUR**2))))
        build = build_of(layers)
        self.models = [load_arm(side, build) for side in range(2)]
        self.long = [arm.hem > LONG for arm in layers.arms]
        self._torso = layers.torso.astype(np.float32)
        self._sleeves = [Sleeve(layers, side) for side in range(2)]
        self._textures = [cloth_texture(layers, arm) for arm in layers.arms]
        upper, lower, begins = [], [], []
        self._fades: list[tuple[float, float] | None] = []
        self._cuffs: list[float | None] = []  # where a sleeve that covers the elbow ends
        for model, arm, long in zip(self.models, layers.arms, self.long, strict=True):
            along = model.along[model.tri]
            end = CUFF if long else max(arm.hem, 1.0) + EMERGE if arm.hem > ELBOW_LENGTH else None
            fade = None if end is None else (1.96, CUFF) if long else (end - INTO_CUFF, end)
            self._cuffs.append(end)
            # Under the sleeve, a little above its hem; higher up it might show beside it.
            top = arm.hem + float(arm.hem_curve[UNDER_HEM].min()) - 0.06
            begin = SHOWS_FROM if arm.sleeveless else (top, top + 0.04)
            begins.append(begin)
            upper.append((along.min(1) < (fade[1] + 0.05 if fade else 1.05)) & (along.max(1) > begin[0]))
            self._fades.append(fade)
            lower.append(along.max(1) > (1.9 if long else 0.98))
        self._thickness = [self._thicker(side) for side in range(2)]
        self._surfaces = self._exposed()
        drawn = [a | b for a, b in zip(upper, lower, strict=True)]
        own = own_skin(layers, self.models, drawn, self._surfaces, self.look)
        if own is not None:
            self.look = replace(self.look, light=own.light, relief=own.relief)
            self._surfaces = [replace(s, own=own.factors[k]) for k, s in enumerate(self._surfaces)]
        parts = list(zip(self.models, self._surfaces, strict=True))
        self._upper, self._lower = (
            [
                SkinPart(model, faces, surface, self.look, fade)
                for (model, surface), faces, fade in zip(parts, *each, strict=True)
            ]
            for each in ((upper, begins), (lower, self._fades))
        )

    def _exposed(self) -> list[Surface]:
        """The skin of both sides, chosen so that hands and bare upper arms have the portrait's colours once lit."""
        look, texture = self.look, textured(self.models[0].skin, detail_of(self.layers))
        # a pixel samples the texture at one or two places, so no detail may be finer than a pixel
        texture = cv2.GaussianBlur(texture, (0, 0), max(0.3, 0.25 * TEXELS / self.layers.palm))
        hand, arm = to_linear(look.skin), arm_tone(self.layers)
        if arm is not None:
            hand = hand * (float(np.exp(np.log(arm / hand).mean())) ** 0.6)  # as light as the arms, but redder
        elif look.upper is not None:
            arm = to_linear(look.upper)
        gain = np.clip(hand / self._hand_lit(Surface(texture, hand, hand)), 0.6, 1.8)
        if any(each.sleeveless for each in self.layers.arms) and look.upper is not None:
            arm = to_linear(look.upper)  # the photograph's skin fades into the drawn one
        tone = hand if arm is None else arm
        hand, upper = hand * gain, [tone * gain, tone * gain]
        if any(each.bare for each in self.layers.arms):
            lit = [self._upper_lit(Surface(texture, tone, tone), side) for side in range(2)]
            upper = [tone * (gain if each is None else np.clip(tone / each, 0.6, 1.8)) for each in lit]
        hems = [arm.hem if end is None else end for arm, end in zip(self.layers.arms, self._cuffs, strict=True)]
        return [Surface(texture, hand, tone, hem) for tone, hem in zip(upper, hems, strict=True)]

    def _hand_lit(self, surface: Surface) -> Floats:
        """(3,) linear colour of a hand as most photographs show it."""
        model, palm, levels = self.models[0], 60.0, []
        fingers = np.tile(np.eye(3), (5, 3, 1, 1))
        for turn in (np.eye(3), np.diag([-1.0, 1.0, -1.0])):
            raised = turn @ rotation_between(model.joints[2, 0], np.array([0.3, 0.6, 0.4]))
            shoulder, elbow, wrist = (np.array(p) for p in ((150.0, 60, -20), (180.0, 250, -20), (130.0, 150, 0)))
            verts = pose_arm(model, raised, fingers, shoulder, elbow, wrist, palm)
            chosen = model.along[model.tri].min(1) > 1.95
            layer = skin_layer(model, verts, palm, self.look, (300, 300), chosen, surface)
            assert layer is not None  # the hand lies within these 300 pixels
            levels.append(_lit(layer))
        return np.mean(levels, 0)

    def _upper_lit(self, surface: Surface, side: int) -> Floats | None:
        """(3,) linear colour of an upper arm below its sleeve, posed as in the portrait."""
        arm, model, palm = self.layers.arms[side], self.models[side], self.layers.palm
        shoulder, elbow, wrist = (np.append(p, 0.0) for p in (arm.shoulder, arm.elbow, arm.wrist))
        turn = rotation_between(model.joints[2, 0], (wrist - elbow + 1e-3) * FLIP)
        verts = pose_arm(model, turn, np.tile(np.eye(3), (5, 3, 1, 1)), shoulder, elbow, wrist, palm)
        verts = self._filled_out(verts, palm, side)
        along = model.along[model.tri]
        chosen = (along.min(1) > min(max(arm.hem + 0.05, SHOWS_FROM[1]), 0.7)) & (along.max(1) < 0.95)
        layer = skin_layer(model, verts, palm, self.look, self.size, chosen, surface)
        return None if layer is None or (layer.alpha > 0.9).sum() < 20 else _lit(layer)

    def draw(self, out: NDArray[np.uint8], track: Track, t: int) -> None:
        """Draw both arms of frame t onto (H, W, 3) RGB, in place."""
        rear: list[PaintedLayer] = []
        for side in (1 - int(track.front[t]), int(track.front[t])):
            if not self.still[side]:
                rear = self._draw_arm(out, track, t, side, rear)

    def _draw_arm(
        self, out: NDArray[np.uint8], track: Track, t: int, side: int, rear: list[PaintedLayer]
    ) -> list[PaintedLayer]:
        """Draw one arm with its shadow on the torso and the `rear` arm; returns its layers."""
        model = self.models[side]
        shoulder, elbow, wrist = track.shoulder[side, t], track.elbow[side, t], track.wrist[side, t]
        palm = float(track.palm[side, t])
        verts = pose_arm(model, track.turn[side, t], track.fingers[side, t], shoulder, elbow, wrist, palm)
        verts = self._filled_out(verts, palm, side)
        verts = self._in_sleeve(verts, shoulder, elbow, palm, side)
        normals = normals_of(verts * FLIP, model.tri)
        cuff = self._cuff(verts, normals, palm, side)
        hand = self._lower[side].layer(verts, normals, palm, self.size, t)
        if not self.long[side] and not self.layers.entering:
            skin = self._upper[side].layer(verts, normals, palm, self.size, t)
            if skin is not None:
                self._shadow(out, skin, palm, rear)
                skin.paint(out)
        for layer in (cuff, hand):
            if layer is not None:
                self._shadow(out, layer, palm, rear)
        painted = [
            layer for layer in (self._sleeves[side].at(shoulder[:2], elbow[:2]), cuff, hand) if layer is not None
        ]
        for layer in painted:
            layer.paint(out)
        return painted

    def _thicker(self, side: int) -> Floats | None:
        """(V,) pixels by which a bare upper arm is thicker than the mesh's; None where no photographed one is seen."""
        arm, model, palm = self.layers.arms[side], self.models[side], self.layers.palm
        half = bare_half(self.layers, side) if arm.bare else None
        if half is None:
            return None
        thinnest, thickest = MUCH_THICKER if arm.sleeveless else THICKER
        more = np.clip(half - _bare_half(model) * palm, thinnest * palm, thickest * palm)
        return more * np.clip((1.9 - model.along) / 0.9, 0, 1)

    def _filled_out(self, verts: Floats, palm: float, side: int) -> Floats:
        """The vertices with a bare upper arm as thick as in the photograph, and the forearm unchanged."""
        thickness, model = self._thickness[side], self.models[side]
        if thickness is None:
            return verts
        return verts + normals_of(verts * FLIP, model.tri) * FLIP * (thickness * palm / self.layers.palm)[:, None]

    def _in_sleeve(self, verts: Floats, shoulder: Floats, elbow: Floats, palm: float, side: int) -> Floats:
        """Move a drawn upper arm to run through the middle of its sleeve's hem, whose offset from the bone is known."""
        arm = self.layers.arms[side]
        if (arm.bare and not arm.sleeveless) or not arm.middle:
            return verts
        bone = (elbow - shoulder)[:2]
        out = np.array([bone[1], -bone[0]]) / (np.linalg.norm(bone) + 1e-6) * (1 if side == 0 else -1)
        share = np.clip((1 - self.models[side].along) / (1 - max(arm.hem, SHOWS_FROM[1])), 0, 1)
        moved = verts.copy()
        moved[:, :2] += share[:, None] * out * arm.middle * palm / self.layers.palm
        return moved

    def _cuff(self, verts: Floats, normals: Floats, palm: float, side: int) -> PaintedLayer | None:
        """The sleeve round the forearm, if it reaches so far."""
        end = self._cuffs[side]
        if end is None:
            return None
        arm, model = self.layers.arms[side], self.models[side]
        wanted = 0.97 * np.median(np.minimum(arm.outer, arm.inner)[5:]) / palm  # half-width of the sleeve at the elbow
        narrow = 2.0 if self.long[side] else end + NARROW  # a forearm fills a cuff, though not quite
        taper = np.clip((narrow - model.along) / (narrow - 1), 0, 1)
        thick = np.maximum(0.07, (wanted - _bare_half(model)) * taper + 0.08 * (1 - taper))
        if not self.long[side]:  # a wide cuff would stand around the arm like a hoop
            thick = np.minimum(thick, ROLLED)
        thick *= np.clip((model.along - 0.86) / 0.18, 0.1, 1)  # it begins inside the upper sleeve
        look, texture = self.look, self._textures[side]
        return cloth_layer(model, verts, normals, palm, look, texture, self.size, thick, (0.88, end))

    def _shadow(self, out: NDArray[np.uint8], layer: PaintedLayer, palm: float, rear: list[PaintedLayer]) -> None:
        """The shadow of forearm and hand on torso and rear arm: soft, and darker where they touch."""
        k = max(1, int(0.06 * palm))
        reach = int(0.9 * palm)
        big = cv2.copyMakeBorder(layer.alpha, reach, reach, reach, reach, cv2.BORDER_CONSTANT)
        big = big[: big.shape[0] // k * k, : big.shape[1] // k * k]
        small = cv2.resize(big, (big.shape[1] // k, big.shape[0] // k), interpolation=cv2.INTER_AREA)
        dark = np.zeros_like(small)
        for blur, x, y, share in SHADOWS:
            move = np.array([[1, 0, x * palm / k], [0, 1, y * palm / k]], np.float32)
            dark += share * cv2.warpAffine(cv2.GaussianBlur(small, (0, 0), blur * palm / k), move, small.shape[::-1])
        x0, y0 = layer.x0 - reach, layer.y0 - reach
        a, b = max(x0, 0), max(y0, 0)
        c, d = min(x0 + big.shape[1], self.size[1]), min(y0 + big.shape[0], self.size[0])
        if c - a < 2 or d - b < 2:
            return
        full = cv2.resize(dark, big.shape[1::-1], interpolation=cv2.INTER_LINEAR)[b - y0 : d - y0, a - x0 : c - x0]
        ground = self._torso[b:d, a:c].copy()
        for other in rear:
            h, w = other.alpha.shape
            left, top, right, low = max(a, other.x0), max(b, other.y0), min(c, other.x0 + w), min(d, other.y0 + h)
            if left < right and top < low:
                part = ground[top - b : low - b, left - a : right - a]
                seen = other.alpha[top - other.y0 : low - other.y0, left - other.x0 : right - other.x0]
                np.maximum(part, seen, out=part)
        share = 1 - full * ground
        view = out[b:d, a:c]
        view[:] = cv2.multiply(view, cv2.merge([share] * 3), dtype=cv2.CV_8U)
        for other in rear:
            _contact_shadow(out, layer, other, palm)


def build_of(layers: Layers) -> Build:
    """The build of the portrait's hands, from the breadth of a palm that it shows flat; average where it shows none."""
    ratios = []
    for hand in layers.pose.hands.astype(float):
        length, breadth = (np.linalg.norm(hand[a, :2] - hand[b, :2]) for a, b in ((0, 9), (5, 17)))
        if (hand[:, 2] > SEEN).all() and length > FLAT * layers.palm:
            ratios.append(float(breadth / length))
    # a palm that is seen from the side looks narrow: the broader one is the flatter one
    flattest = max(ratios, default=0.0)
    if flattest > BROAD:
        return "broad"
    return "slim" if SIDEWAYS < flattest < SLIM else "average"


def _contact_shadow(out: NDArray[np.uint8], layer: PaintedLayer, other: PaintedLayer, palm: float) -> None:
    """The narrow line of shade that separates a hand from skin or cuff of the `other` arm right behind it."""
    blur, down, share = CONTACT
    reach = max(1, round(3 * blur * palm))
    edge = cv2.copyMakeBorder(layer.alpha, reach, reach, reach, reach, cv2.BORDER_CONSTANT)
    x0, y0 = layer.x0 - reach, layer.y0 - reach + round(down * palm)
    a, b = max(x0, other.x0), max(y0, other.y0)
    c, d = (
        min(x0 + edge.shape[1], other.x0 + other.alpha.shape[1]),
        min(y0 + edge.shape[0], other.y0 + other.alpha.shape[0]),
    )
    if a >= c or b >= d:
        return
    dark = cv2.GaussianBlur(edge[b - y0 : d - y0, a - x0 : c - x0], (0, 0), blur * palm)
    dark *= share * other.alpha[b - other.y0 : d - other.y0, a - other.x0 : c - other.x0]
    keep = cv2.merge([1 - RED_SHARE * dark, 1 - dark, 1 - dark])
    view = out[b:d, a:c]
    view[:] = cv2.multiply(view, keep, dtype=cv2.CV_8U)


def _lit(layer: PaintedLayer) -> Floats:
    """(3,) linear: the usual colour of a layer."""
    return np.median(to_linear(layer.rgb[layer.alpha > 0.9] / 255), 0)


def _bare_half(model: ArmModel) -> float:
    """Half the width of the mesh just above the elbow, in palms."""
    axis = (model.elbow - model.shoulder) / np.linalg.norm(model.elbow - model.shoulder)
    around = model.rest[(model.along > 0.75) & (model.along < 0.95)] - model.elbow
    return float(np.median(np.linalg.norm(around - np.outer(around @ axis, axis), axis=1)))
