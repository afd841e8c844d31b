"""The inside of the mouth: cavity, tongue, lower and upper teeth, darker towards the lips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .face_mesh import LOWER_INNER, OVAL, POINTS, UPPER_INNER, Picture
from .geometry import Array, smootherstep
from .head import CLOSED_GAP, Head
from .teeth import Mask

Floats = NDArray[np.float32]

SAMPLES, FINEST = 3, 270.0
"""Most samples per pixel and axis, and about how many samples a pupil distance needs."""
TEETH = np.array([0.0, 0.135, 0.240, 0.345, 0.43, 0.50])
"""Boundaries of the upper teeth from the middle outwards, in pupil distances (8.5 mm incisors at 63 mm)."""
LOWER_TEETH = np.array([0.0, 0.085, 0.18, 0.29, 0.40])
SHORTER, UNEVEN = np.array([0.0, 0.011, 0.003, 0.014, 0.02]), 0.003
"""How much shorter than the incisors in the middle the upper teeth are, from the middle outwards, and the standard
deviation of any tooth's length, in pupil distances: an even row is a denture's."""
UPPER_EDGE = 0.052
"""Pupil distances from the line between the lips down to the upper teeth's edge."""
ENAMEL = np.array([1.083, 0.976, 0.934])
"""RGB of photographed teeth over their mean, in 38 mouths; red over blue varies by .07 only."""
ORDINARY, FOLLOWS = 0.15, 0.4
"""Largest logarithm of a channel up to which skin and eyes tell of themselves rather than of coloured light (0.32
under a painting's varnish), and how far painted enamel follows them then; from twice as much on, all the way."""
GAP = 0.26
"""Share of the light that the line between two teeth lacks."""
WIDE_ROW = 0.35
"""Photographed upper teeth at least this many pupil distances wide leave nothing to paint but cavity around them."""
UPPER_LIGHT, LOWER_LIGHT = 0.98, 0.85
"""Light on the teeth in front: the lower ones lie a little deeper; much darker, they look rotten in a broad smile."""
WHITE, USUAL_SKIN = 1.3, 165.0
"""Brightest part of a usual photograph around a mouth over its skin's brightness, and a usual skin's grey level."""
NEUTRAL_SKIN = np.array([1.28, 0.96, 0.76])
"""RGB of skin in white light, divided by its mean."""
GREY_BELOW = 9.0
"""A face whose 90th percentile of Lab chroma is below this is in black and white."""
FINE = 0.22
"""Ratio of the finest to the coarser detail around the eyes, below which a picture is soft."""
SHADOW = np.array([0.95, 1.22, 1.30])
_SHADED = (np.linspace(0, 1, 1024)[:, None] ** SHADOW).astype(np.float32)
"""Shadows inside the mouth are red, because the light there has passed through lips and gums. Exponents for R, G, B."""
DARKER = 0.55
"""How much darker painted teeth are behind fully pushed-out lips."""
_CORNERS = [78, 308, 2]
"""Points with which photographed teeth move."""


@dataclass(frozen=True)
class PhotoTone:
    """Colour, black level, white level and sharpness of a photograph, adopted by the painted inside of the mouth.

    chroma: saturation, 0 in black and white; black: level (0-255) of the darkest parts; gain: of the brightest ones;
    bright: 0-1, high key; soft: deviation in pixels of the blur.
    """

    chroma: float
    black: float
    gain: float
    bright: float
    soft: float

    def match(self, colour: Floats) -> Floats:
        """Painted RGB (h, w, 3) mapped to the photograph's range of tones."""
        mean = cv2.transform(colour, np.full((1, 3), 1 / 3, np.float32))[..., None]
        return self.black + (mean + (colour - mean) * self.chroma) * self.gain * (1 - self.black / 235)


def photo_tone(head: Head) -> PhotoTone:
    """Measure the tone of the photograph around a head."""
    scale = head.scale
    crop = _tile(head.photo, head.points[:POINTS, :2], 0.6 * scale).reshape(-1, 3).astype(np.float32)
    grey = crop.mean(1)
    # One number for all channels: a coloured black level would make a mouth blue over a blue suit.
    black = float(crop[grey <= np.percentile(grey, 2)].mean() * 0.8)
    black = min(black, float(np.percentile(head.photo[::4, ::4].mean(2), 1)))  # pupils and hair are as dark as it gets
    face = np.zeros(head.photo.shape[:2], np.uint8)
    cv2.fillPoly(face, [np.round(head.points[list(OVAL), :2]).astype(np.int32)], (1,))
    lab = cv2.cvtColor(head.photo.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    high = float(np.percentile(np.hypot(lab[..., 1], lab[..., 2])[face > 0], 90))
    # A picture that was enlarged earlier has almost none of the finest detail left.
    eyes = head.points[[33, 133, 159, 145, 263, 362, 386, 374, 70, 300], :2]
    tile = cv2.cvtColor(_tile(head.photo, eyes, 0.1 * scale), cv2.COLOR_RGB2GRAY).astype(np.float32)
    one, two, four = (cv2.GaussianBlur(tile, (0, 0), k) for k in (0.6, 1.2, 2.4))
    fine = float((tile - one).std() / max(float((two - four).std()), 1e-3))
    return PhotoTone(
        chroma=0.0 if high < GREY_BELOW else float(np.clip((high - 2) / 16, 0, 1)),
        black=black,
        # Painted tones follow the skin's brightness, so a dark face needs no second darkening.
        gain=float(min(1.0, np.percentile(grey, 99.5) / (WHITE * min(head.skin.mean(), USUAL_SKIN)))),
        bright=float(np.clip((head.skin.mean() - 175) / 40, 0, 1)),
        soft=float(np.clip((FINE - fine) / FINE, 0, 1)) * min(1.3, 0.022 * scale),
    )


def _tile(photo: Picture, points: Array, room: float) -> Picture:
    (x0, y0), (x1, y1) = np.maximum(points.min(0) - room, 0).astype(int), (points.max(0) + room).astype(int)
    return photo[y0:y1, x0:x1]


class MouthPainter:
    """Draws the inside of one person's mouth.

    `anchors` are points (N, 3) of the head's crop on skull or jaw; whatever moves the head moves them too (those in
    `on_jaw` also by that share of the jaw's offset `jaw`) and passes them to `paint`.
    """

    def __init__(self, head: Head) -> None:
        s = self.scale = head.scale
        self.samples = int(np.clip(round(FINEST / s), 1, SAMPLES))
        self.tone = photo_tone(head)
        upper, lower = list(UPPER_INNER), list(LOWER_INNER)
        lips = head.points + head.closed
        line = (lips[upper] + lips[lower]) / 2
        right, down, back = head.rotation.T
        middle = line[5] + 0.25 * (line[3:8].mean(0) - line[5])
        self.jaw = head.units["jawOpen"][14]
        self.along = np.linspace(-0.5, 0.5, 81)

        def arc(
            offset: float, depth: float, curve: float, bounds: Array, scallop: float, shorter: Array | None = None
        ) -> Array:
            """Points (N, 3) along a row of teeth, in pupil distances below and behind the lips."""
            t = np.abs(self.along)
            k = np.clip((t[:, None] >= bounds).sum(1) - 1, 0, len(bounds) - 2)
            within = (t - bounds[k]) / (bounds[k + 1] - bounds[k]) * 2 - 1
            y = offset - curve * t**2 - scallop * np.abs(within) ** 4
            if shorter is not None:
                y -= shorter[(self.along > 0).astype(int), k]
            place = np.outer(self.along, right) * 0.92 + np.outer(y, down) + np.outer(depth + 0.55 * t**2, back)
            return middle + s * place

        rng = np.random.default_rng(int(head.skin.sum()))  # the same teeth whenever this portrait is taken apart

        def uneven(shorter: Array) -> Array:
            return shorter + UNEVEN * rng.normal(size=(2, len(shorter)))

        # Photographed teeth keep their place in the skull or on the jaw; painted teeth end where they do.
        self.photo = {"jaw": head.lower_teeth, "skull": head.upper_teeth}
        self._photo = head.photo
        self.rows = [("lower", LOWER_TEETH, LOWER_LIGHT), ("upper", TEETH, UPPER_LIGHT)]
        if head.upper_teeth is not None and (head.upper_teeth > 0.5).any(0).sum() > WIDE_ROW * s:
            del self.rows[1]
        edge = self._photographed_edge(head.upper_teeth, middle)
        corners = head.points[_CORNERS]
        self.anchors = {
            "upper_edge": arc(edge, 0.06, 0.10, TEETH, 0.012, uneven(SHORTER)),
            "upper_gum": arc(-0.14, 0.04, 0.10, TEETH, -0.012),
            "lower_edge": arc(0.022, 0.10, -0.06, LOWER_TEETH, -0.010, uneven(np.zeros(len(LOWER_TEETH) - 1))),
            "lower_gum": arc(0.14, 0.10, -0.06, LOWER_TEETH, 0.0),
            "tongue": middle + s * (0.05 * down + 0.35 * back)[None],
            "middle": middle[None],
            "skull": corners,
            "jaw": corners,
        }
        self.source = corners[:, :2].astype(np.float32)
        unit = down / np.linalg.norm(down)
        per = float(((head.units["jawOpen"][lower] - head.units["jawOpen"][upper]) @ unit)[3:-3].mean())
        if head.gap > CLOSED_GAP and per > 0:  # closing the photographed mouth moved its lower teeth up with the jaw
            self.anchors["jaw"] = corners - 0.7 * head.gap * s / per * self.jaw
        self.on_jaw = {"lower_edge": 1.0, "lower_gum": 1.0, "tongue": 0.62, "jaw": 1.0}
        self.enamel, self.flesh, self.cavity = (tone.astype(np.float32) for tone in self._tones(head))

    def _photographed_edge(self, teeth: Mask | None, middle: Array) -> float:
        """Where the upper teeth end, in pupil distances below the line between the lips."""
        if teeth is None:
            return UPPER_EDGE
        rows, columns = np.nonzero(teeth > 0.5)
        near = np.abs(columns - middle[0]) < 0.16 * self.scale
        if near.sum() <= 8:
            return UPPER_EDGE
        return float(np.clip((np.percentile(rows[near], 92) - middle[1]) / self.scale, 0.03, 0.12))

    def _tones(self, head: Head) -> tuple[Array, Array, Array]:
        """RGB of enamel, tongue and cavity in this photograph's light."""
        photo, skin = self.tone, head.skin
        level = float(skin.mean())
        light = float(np.clip(level / USUAL_SKIN, 0.3, 1.15))
        warm = np.clip((skin / max(level, 1)) / NEUTRAL_SKIN, 0.6, 1.3)  # the light's own colour
        # Candles and varnish colour the whites of the eyes; tinted glasses do, too, but not the teeth.
        sclera = np.full(3, level) if head.glasses else head.sclera
        whites = np.clip(sclera / max(float(sclera.mean()), 1), 0.6, 1.4)
        if head.teeth_colour is not None:
            enamel = head.teeth_colour * 1.08
        else:  # as warm as the skin and the white of the eyes, much less saturated, a little brighter than that white
            tint = (skin / level) ** 0.28 * whites**0.35 * np.clip(warm, 0.80, 1.22) ** (0.45 * photo.chroma)
            white = np.clip(0.55 * level + 0.6 * sclera.mean(), 0.85 * level, 1.3 * level)
            off = np.log(tint / tint.mean() / ENAMEL)
            coloured = float(smootherstep(np.abs(off).max() / ORDINARY - 1))
            enamel = white * ENAMEL * np.exp(off * (FOLLOWS + (1 - FOLLOWS) * coloured)) * (1 + 0.10 * photo.bright)
        # The tongue's colour is the mean of a usual tongue's and that of this face's lips.
        flesh = 0.5 * np.clip(level * np.array([0.84, 0.40, 0.42]), 0, 255)
        cavity = np.array([34.0, 14, 16]) * light
        deep = warm**0.6 * whites**0.5 * (0.7 + 0.3 * photo.chroma)
        return np.clip(enamel, 20, 240), flesh * deep + 0.5 * head.lips, cavity * deep

    def paint(
        self, picture: Picture, polygon: Array, anchors: dict[str, Array], lift: float = 0.0, depth: float = 0.0
    ) -> None:
        """Draw into an RGB picture (h, w, 3), in place, inside the polygon (20, 2) of the inner lips.

        anchors: the moved anchors; lift: how far the tongue rises, 0-1; depth: how much darker the inside is behind
        pushed-out lips, 0-1.
        """
        s, k = self.scale, self.samples
        low = np.maximum(np.floor(polygon.min(0)).astype(int) - 3, 0)
        high = np.minimum(np.ceil(polygon.max(0)).astype(int) + 4, picture.shape[1::-1])
        w, h = (int(n) for n in high - low)
        if abs(cv2.contourArea(polygon.astype(np.float32))) < 0.5 or w < 3 or h < 3:
            return
        canvas = _Canvas((h * k, w * k), low, k)
        inside = canvas.polygon(polygon)
        light = self._light(inside, k)
        columns = (np.arange(w * k) + 0.5) / k + low[0] - anchors["middle"][0, 0]
        side = 1 - 0.65 * smootherstep((np.abs(columns) / s - 0.14) / 0.30)
        out: NDArray[Any] = np.empty((h * k, w * k, 3), np.float32)
        out[:] = self.cavity
        tongue = canvas.ellipse(anchors["tongue"][0] + [0, (0.06 - 0.16 * lift) * s, 0], (0.21 * s, 0.14 * s))
        m = _soft(tongue, max(0.03 * s * k, 0.5))[..., None]
        # The back of the tongue is dark; its tip, behind the lower lip, is lit.
        rows = (np.arange(h * k) + 0.5) / k + low[1] - anchors["tongue"][0, 1]
        front = 0.50 + 0.50 * smootherstep(rows / s / 0.16 + 0.5)
        out += m * (self.flesh * front[:, None, None] ** SHADOW - out).astype(np.float32)
        for name, bounds, gain in self.rows:
            edge, gum = anchors[name + "_edge"], anchors[name + "_gum"]
            band = _soft(canvas.polygon(np.concatenate([edge, gum[::-1]])), 0.008 * s * k)[..., None]
            lines = self._gaps(canvas, edge, gum, bounds)
            tone = gain * (1 - DARKER * depth) * side[None, :] * (1 - GAP * lines)
            out += band * (self.enamel * _shaded(tone) - out)
        out = self.tone.match(out * _shaded(light))
        out = self._photographed(out, canvas, anchors, light, depth)
        small = cv2.resize(out, (w, h), interpolation=cv2.INTER_AREA)
        if self.tone.soft > 0.2:
            small = cv2.GaussianBlur(small, (0, 0), self.tone.soft)
        cover = cv2.resize(inside, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32)
        cover = cv2.GaussianBlur(cover, (0, 0), max(0.45, self.tone.soft))[..., None] / 255
        view = picture[low[1] : high[1], low[0] : high[0]]
        view[:] = np.clip(view * (1 - cover) + small * cover, 0, 255).astype(np.uint8)

    def _light(self, inside: NDArray[np.uint8], k: int) -> Floats:
        """(h, w) light in 0-1: the upper lip casts a shadow, the lower part is lit."""
        solid = np.pad(inside > 127, 1).astype(np.uint8)
        below = np.maximum.accumulate(solid, axis=0)
        upper, any_lip = (
            cv2.distanceTransform(m, cv2.DIST_L2, 3)[1:-1, 1:-1] / (k * self.scale) for m in (below, solid)
        )
        shadow = 0.50 + 0.50 * smootherstep(upper / 0.040)
        return (shadow * (0.80 + 0.20 * smootherstep(any_lip / 0.03))).astype(np.float32)

    def _gaps(self, canvas: _Canvas, edge: Array, gum: Array, bounds: Array) -> Floats:
        """Soft lines (h, w) in 0-1 between the teeth."""
        lines = np.zeros(canvas.size, np.uint8)
        thick = max(1, round(0.008 * self.scale * canvas.k))
        for bound in np.concatenate([-bounds[1:][::-1], bounds]):
            at = min(int(np.interp(bound, self.along, np.arange(len(self.along)))), len(edge) - 1)
            a, b = canvas.fixed(np.array([edge[at], gum[at]])).tolist()
            cv2.line(lines, a, b, (255,), thick, cv2.LINE_AA, 4)
        return _soft(lines, max(0.006 * self.scale * canvas.k, 0.6))

    def _photographed(
        self, out: Floats, canvas: _Canvas, anchors: dict[str, Array], light: Floats, depth: float
    ) -> Floats:
        """Lay the photograph's own teeth over the painted ones; they already have their own shading."""
        for name, shade, darker in (("jaw", 0.70, 0.3), ("skull", 0.82, 0.15)):
            teeth = self.photo[name]
            if teeth is None:
                continue
            matrix = cv2.getAffineTransform(canvas.place(anchors[name]).astype(np.float32), self.source)
            size, flags = canvas.size[::-1], cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            colour = cv2.warpAffine(self._photo, matrix, size, flags=flags).astype(np.float32)
            share = cv2.warpAffine(teeth, matrix, size, flags=flags).clip(0, 1)[..., None]
            out = out * (1 - share) + colour * (shade + (1 - shade) * light)[..., None] * (1 - darker * depth) * share
        return out


@dataclass(frozen=True)
class _Canvas:
    """A finely sampled window of the picture: size (h, w), the picture's pixel at its corner, samples a pixel."""

    size: tuple[int, int]
    corner: NDArray[np.int64]
    k: int

    def place(self, points: Array) -> Array:
        """Points (N, 2 or 3) of the picture on the canvas (N, 2)."""
        return (points[:, :2] - self.corner + 0.5) * self.k - 0.5

    def fixed(self, points: Array) -> NDArray[np.int32]:
        """The same in sixteenths, as OpenCV draws them."""
        return np.round(self.place(points) * 16).astype(np.int32)

    def polygon(self, points: Array) -> NDArray[np.uint8]:
        """255 inside."""
        out = np.zeros(self.size, np.uint8)
        cv2.fillPoly(out, [self.fixed(points)], (255,), cv2.LINE_AA, 4)
        return out

    def ellipse(self, centre: Array, axes: tuple[float, float]) -> NDArray[np.uint8]:
        """255 inside; centre (3,) and axes in pixels of the picture."""
        out = np.zeros(self.size, np.uint8)
        x, y = self.fixed(centre[None])[0].tolist()
        half = (int(axes[0] * self.k * 16), int(axes[1] * self.k * 16))
        cv2.ellipse(out, (x, y), half, 0, 0, 360, (255,), -1, cv2.LINE_AA, 4)
        return out


def _shaded(light: NDArray[np.floating]) -> Floats:
    """(h, w, 3): RGB factors of light (h, w) in 0-1 on what lies in a shadow, which is redder."""
    return np.asarray(np.take(_SHADED, (light * (len(_SHADED) - 1) + 0.5).astype(np.int32), axis=0))


def _soft(mask: NDArray[np.uint8], deviation: float) -> Floats:
    """A blurred mask in 0-1."""
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), deviation).astype(np.float32) / 255, np.float32)
