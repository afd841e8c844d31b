"""A moving head: the mesh is moved in three dimensions, and every pixel looks up its place in the photograph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .face_mesh import EYES, LIP_BODIES, LOWER_INNER, MOUTH, UPPER_INNER, Chain, Picture
from .geometry import Array, smootherstep, turn
from .head import Head
from .mouth import MouthPainter
from .raster import affine, affine_maps, paint_numbers

Carry = Callable[[Array], Array]
"""Displacement (N, 2) of points (N, 2) of the head's crop by the body."""
Map = NDArray[np.float32]

CAMERA = 9.0
"""Distance of the camera in pupil distances: a mild perspective."""
EYEBALL, EYE_COUNTER = 0.16, 0.7
"""Radius of an eyeball in pupil distances, and the share of the head's turn that the eyes undo."""
EYE_SAMPLES = 3
"""Samples a pixel and axis around the eyes: the lids that pass over them have hard edges."""
LASHES = 0.014
"""Thickness of the lash line of closed eyes, in pupil distances."""
LASHES_FADE = np.array([0.7, 1, 1, 1, 1, 0.85, 0.6, 0.3])
"""How much of it is seen from the outer to the inner corner, where lashes are few."""
LASH_WIDTH = 0.05
"""Pupil distances: dark streaks on a closed lid, across it and narrower than this, are lashes that point upwards."""
WET_RIMS = (0.025, 0.015)
"""Pupil distances of upper and lower lid beside the mesh's edge that closed lids leave out: the edge lies a little
inside of the eye, and specks of its white would ride on the lids."""
TORN = 3.0
"""Pixels between the places in the photograph of neighbouring pixels beyond which an edge lies between them: a nose or
a cheek hides what is behind it, and such an edge needs smoothing, which a lookup pixel by pixel does not do."""
LESS_SMILE, PUSHED_SMILE = 0.5, 0.4
"""Shares of a photographed smile that speaking takes away, and that pushed-out lips take away as well."""
SHADED_LIPS, PARTED = (0.012, 0.03), 0.09
"""Pupil distances of upper and lower lip beside the line between closed lips that lie in its shadow, and the opening
from which on they are left out: open lips are lit to their edge."""
_TAPER = np.array([0, 0.25, 0.65, 0.9, 1, 1, 1, 0.9, 0.65, 0.25, 0])
"""How much of what happens in the middle of the lips happens at each point: a narrow gap ends before the corners."""


@dataclass(frozen=True)
class FaceMotion:
    """One frame's drive of a face.

    units: weights of face units; blink: 0-1; pitch (down), yaw, roll in radians; shift of the head and gaze of the
    eyes in the head, (x, y) in pupil distances; closed: 0-1, lips that must touch; tongue: 0-1, how far it is raised;
    speaking: 0-1, rising and falling slowly.
    """

    units: dict[str, float] = field(default_factory=dict)
    blink: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    gaze: tuple[float, float] = (0.0, 0.0)
    closed: float = 0.0
    tongue: float = 0.0
    speaking: float = 0.0


@dataclass(frozen=True)
class HeadPose:
    """One frame's geometry in pixels of the crop.

    source, target, carried: (N, 2) where the points are in the photograph and in the frame, and where the body alone
    would carry them; anchors: the mouth's; edges: (h, w) uint8, 1 where one part of the head passes before another.
    """

    source: Array
    target: Array
    carried: Array
    anchors: dict[str, Array]
    edges: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((1, 1), np.uint8))


class HeadAnimator:
    """Draws the frames of one head. Holds nothing that changes from frame to frame."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.mouth = MouthPainter(head)
        self.height, self.width = head.picture.shape[:2]
        self.names = list(head.units)
        self._basis = np.stack([head.units[name].ravel() for name in self.names])
        # Eyes lie behind the skin: copies of the eye and its surroundings are moved by skull and gaze, not by the lids.
        edge = np.isin(head.triangles, np.unique(head.eye_hole)).any(1)
        edge[: head.surroundings] = False
        back = np.concatenate([head.triangles[edge], head.eye_hole])
        self.rim = np.unique(back)
        copies = np.searchsorted(self.rim, back) + len(head.points)
        outside, face = np.split(head.triangles, [head.surroundings])
        self.triangles = np.concatenate([outside, copies, head.mouth_hole, face])
        self._first_of_face = len(self.triangles) - len(face)
        self.source = np.concatenate([head.points, head.points[self.rim]])[:, :2]
        self._lash_colours = {name: _lash_colour(head, eye.upper) for name, eye in EYES.items()}
        self.down = head.rotation[:, 1] / np.linalg.norm(head.rotation[:, 1])

    # ---------------------------------------------------------------- points
    def shape(self, motion: FaceMotion) -> tuple[Array, dict[str, Array]]:
        """Points (P, 3) of the speaking face and anchors of its mouth, before the head moves."""
        head = self.head
        weights = np.array([motion.units.get(name, 0.0) for name in self.names])
        if head.glasses:  # their rims would rise with the brows
            weights[[name.startswith("brow") for name in self.names]] *= 0.25
        # A photographed smile fades while the person speaks, and more where lips are pushed out: O and U are narrow.
        pushed = min(1.0, motion.units.get("mouthPucker", 0.0) + motion.units.get("mouthFunnel", 0.0))
        weights[self.names.index("mouthSmile")] -= head.smile * motion.speaking * (LESS_SMILE + PUSHED_SMILE * pushed)
        points = head.points + head.closed + (weights @ self._basis).reshape(-1, 3)
        self._keep_lips(points, motion.closed)
        if motion.blink > 0.001:
            self._blink(points, motion.blink * self.head.blinking)
        jaw = motion.units.get("jawOpen", 0.0) * self.mouth.jaw
        anchors = {name: v + self.mouth.on_jaw.get(name, 0.0) * jaw for name, v in self.mouth.anchors.items()}
        return points, anchors

    def _keep_lips(self, points: Array, closed: float) -> None:
        """Keep the lips from passing through each other, and make them meet where `closed` is 1; in place."""
        up, low = list(UPPER_INNER), list(LOWER_INNER)
        gap = (points[low] - points[up]) @ self.down
        wide = np.clip(gap.max() / (0.22 * self.head.scale), 0, 1)
        want = np.maximum(gap, 0) * (1 - closed) * (_TAPER + (1 - _TAPER) * wide)
        move = np.outer(gap - want, self.down)
        for side, inner, share in (("upper", up, 0.35), ("lower", low, -0.65)):
            points[inner[1:-1]] += share * move[1:-1]
            for row, along in LIP_BODIES[side]:
                points[list(row)] += share * along * move[1:-1]

    def _blink(self, points: Array, amount: float) -> None:
        """Slide the lids over the eyes until they meet, low on them; the skin around partly follows; in place."""
        rest = self.head.points
        # Behind glasses the lids stretch instead; otherwise the rims would move along.
        rows_follow = (0.12, 0.0) if self.head.glasses else (0.66, 0.22)
        for eye in EYES.values():
            up, low = list(eye.upper), list(eye.lower)
            meet = _lid_line(0.2 * rest[up] + 0.8 * rest[low])
            fall, rise = meet - rest[up], meet - rest[low]
            points[up] += 1.03 * amount * fall
            points[low] += 0.9 * amount * rise
            for row, share in zip(eye.above, rows_follow, strict=True):
                skip = (len(fall) - len(row)) // 2
                points[list(row)] += share * amount * fall[skip:-skip]
            points[list(eye.below)] += (0.1 if self.head.glasses else 0.4) * amount * rise[1:-1]

    def place(self, points: Array, motion: FaceMotion, follow: Array) -> Array:
        """Points (N, 3) after the head's turn and shift, projected: pixels in x and y; follow: (N,) share of it."""
        head = self.head
        v = points - head.pivot
        moved = v @ turn(motion.pitch, motion.yaw, motion.roll).T
        focal = CAMERA * head.scale
        moved[:, :2] *= ((focal + v[:, 2]) / (focal + moved[:, 2]))[:, None]
        moved[:, :2] += np.array(motion.shift) * head.scale
        return points + follow[:, None] * (moved + head.pivot - points)

    def pose(self, motion: FaceMotion, carry: Carry) -> HeadPose:
        """Where everything is in one frame."""
        head = self.head
        points, anchors = self.shape(motion)
        both = np.concatenate([points, head.points[self.rim]])
        placed = self.place(both, motion, np.concatenate([head.follow, np.ones(len(self.rim))]))
        # While the head turns, the eyes stay mostly on the camera.
        counter = -EYEBALL * EYE_COUNTER * np.sin([motion.yaw, motion.pitch])
        placed[len(points) :, :2] += head.scale * (np.array(motion.gaze) + counter)
        moved = {}
        for name, anchor in anchors.items():
            moved[name] = self.place(anchor, motion, np.ones(len(anchor)))
            moved[name][:, :2] += carry(moved[name][:, :2])
        source = self._lit_lips(placed[:, :2])
        self._clean_lids(source, motion.blink * head.blinking)
        return HeadPose(source, placed[:, :2] + carry(placed[:, :2]), self.source + carry(self.source), moved)

    def _lit_lips(self, target: Array) -> Array:
        """The points in the photograph (N, 2), without the shadow between the lips where they are apart."""
        source, down = self.source.copy(), self.down[:2]
        gap = (target[list(LOWER_INNER)] - target[list(UPPER_INNER)])[1:-1] @ down / self.head.scale
        for side, inner, most in (("upper", UPPER_INNER, SHADED_LIPS[0]), ("lower", LOWER_INNER, SHADED_LIPS[1])):
            edge, row = list(inner[1:-1]), list(LIP_BODIES[side][0][0])
            room = (self.source[row] - self.source[edge]) @ down  # to the next points of the lip
            shift = np.minimum(most * smootherstep(gap / PARTED) * self.head.scale, 0.6 * np.abs(room)) * _TAPER[1:-1]
            source[edge] += np.outer(np.sign(room) * shift, down)
        return source

    def _clean_lids(self, source: Array, amount: float) -> None:
        """Let closing lids start, in the photograph (N, 2), beside the eye rather than in it; in place."""
        if amount <= 0:
            return
        for eye in EYES.values():
            for lid, skin, most in ((eye.upper, eye.above[0], WET_RIMS[0]), (eye.lower, eye.below, WET_RIMS[1])):
                edge = list(lid[1:-1])
                room = self.source[list(skin)] - self.source[edge]
                length = np.maximum(np.linalg.norm(room, axis=1, keepdims=True), 1e-6)
                source[edge] += amount * np.minimum(most * self.head.scale / length, 0.5) * room

    # ---------------------------------------------------------------- picture
    def aim(self, map_x: Map, map_y: Map, motion: FaceMotion, carry: Carry) -> HeadPose:
        """Make the crop's maps (h, w), which say where the body's warp looks up each pixel, follow the head; in place.

        Places are in pixels of the crop. Returns what `finish` needs.
        """
        pose = self.pose(motion, carry)
        _Warp(self.triangles, self._first_of_face, pose).aim(map_x, map_y)
        return replace(pose, edges=_torn(map_x, map_y))

    def finish(self, body: Picture, motion: FaceMotion, pose: HeadPose) -> None:
        """Smooth edges, draw closing eyes and the inside of the mouth, in place, onto the crop (h, w, 3) that `aim` has
        moved."""
        x, y, w, h = cv2.boundingRect(pose.edges)
        if w:
            part = np.s_[y : y + h, x : x + w]
            cv2.copyTo(cv2.GaussianBlur(body[part], (3, 3), 0.7), pose.edges[part], body[part])
        blink = motion.blink * self.head.blinking
        if blink > 0.02:
            self._draw_eyes(body, _Warp(self.triangles, self._first_of_face, pose), blink)
        pushed = 0.6 * motion.units.get("mouthPucker", 0.0) + 0.3 * motion.units.get("mouthFunnel", 0.0)
        self.mouth.paint(body, pose.target[list(MOUTH)], pose.anchors, motion.tongue, float(np.clip(pushed, 0, 0.6)))

    def _draw_eyes(self, body: Picture, warp: _Warp, blink: float) -> None:
        """Redraw the eyes with fine sampling, and the lashes where the lids meet, which warped lids lack."""
        k, lashes = EYE_SAMPLES, float(smootherstep(np.array((blink - 0.55) / 0.4)))
        for name, eye in EYES.items():
            around = warp.target[list(eye.upper + eye.lower + eye.above[0 if self.head.glasses else 1])]
            x0, y0 = np.maximum(np.floor(around.min(0)).astype(int) - 2, 0)
            x1, y1 = np.minimum(np.ceil(around.max(0)).astype(int) + 3, [self.width, self.height])
            if x1 - x0 < 2 or y1 - y0 < 2:
                continue
            mx, my = np.meshgrid(*((np.arange(b * k - a * k) + 0.5) / k - 0.5 + a for a, b in ((x0, x1), (y0, y1))))
            mx, my = mx.astype(np.float32), my.astype(np.float32)
            warp.aim(mx, my, (x0, y0), k)
            fine = cv2.remap(self.head.picture, mx, my, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
            if lashes > 0:
                if not self.head.glasses:  # whose rims are dark streaks, too
                    lid = (warp.target[[*eye.upper, *eye.above[1][::-1]]] - [x0, y0] + 0.5) * k - 0.5
                    fine = _without_lashes(fine, lid, LASH_WIDTH * self.head.scale * k, lashes)
                line = (warp.target[list(eye.upper)] - [x0, y0] + 0.5) * k - 0.5
                drawn = np.zeros(fine.shape[:2], np.uint8)
                thick = max(1, round(LASHES * self.head.scale * k))
                ends = np.round(line * 16).astype(np.int32).tolist()
                for a, b, seen in zip(ends[:-1], ends[1:], LASHES_FADE, strict=True):
                    cv2.line(drawn, a, b, (255 * seen,), thick, cv2.LINE_AA, 4)
                share = cv2.GaussianBlur(drawn, (0, 0), 0.4 * k).astype(np.float32)[..., None] * (0.8 * lashes / 255)
                fine = (fine * (1 - share) + self._lash_colours[name] * share).astype(np.uint8)
            body[y0:y1, x0:x1] = cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)


class _Warp:
    """The dense backward map of one frame: which triangle covers a pixel, and that triangle's affine map."""

    SLIVER = 0.8
    """Twice the area, in square pixels, below which a triangle is left out: it would sample far away, and its
    neighbours cover it."""
    STEEP = 2.0
    """Pixels of the source per pixel beyond which lookups stay inside their triangle's box: pixel centres lie up to
    half a pixel outside of a triangle, which in a squeezed one would be far away in the source."""

    def __init__(self, triangles: NDArray[np.int64], first_of_face: int, pose: HeadPose) -> None:
        self.target = pose.target
        d, s = pose.target[triangles], pose.source[triangles]
        # Triangles that face away lie under their neighbours: they would sample what must not be seen.
        area = _twice_area(d) * np.sign(_twice_area(s))
        # Points that only the body moves keep its smooth map; the face always covers the layer of the eyes.
        moving = ~(np.abs(pose.target - pose.carried).max(1) < 0.02)[triangles].all(1)
        moving[first_of_face:] = True
        self._area, self._triangles, self._corners = area[moving], triangles[moving], s[moving]

    def aim(self, map_x: Map, map_y: Map, corner: tuple[int, int] = (0, 0), samples: int = 1) -> None:
        """Write where each pixel that is drawn comes from into the maps of a region of the crop from `corner` (x, y)
        on, with some samples a pixel and axis; in place."""
        size = (map_x.shape[0], map_x.shape[1])
        corners = ((self.target - corner + 0.5) * samples)[self._triangles]
        near = (corners.max(1) >= 0).all(1) & (corners.min(1) < [size[1] + 1, size[0] + 1]).all(1)
        used = near & (self._area * samples**2 > self.SLIVER)
        corners = corners[used]
        number = paint_numbers(corners, size)
        source = self._corners[used]
        rows = affine(corners, source, slender=0)
        drawn = (number > 0).view(np.uint8)
        steep = np.concatenate([[False], np.abs(rows[:, :2]).max((1, 2)) * samples > self.STEEP])
        at = np.flatnonzero(np.take(steep, number))
        seen = number.ravel()[at] - 1
        low, high = source.min(1)[seen], source.max(1)[seen]
        for k, (new, place) in enumerate(zip(affine_maps(number, rows), (map_x, map_y), strict=True)):
            new.ravel()[at] = new.ravel()[at].clip(low[:, k], high[:, k])
            cv2.copyTo(new, drawn, place)


def _torn(map_x: Map, map_y: Map) -> NDArray[np.uint8]:
    """(h, w) 1 on both sides of every tear in a map."""
    out = np.zeros(map_x.shape, np.uint8)
    for one, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        tear = np.zeros(out[one].shape, bool)
        for places in (map_x, map_y):
            tear |= cv2.absdiff(places[one], places[other]) > TORN
        out[one] |= tear
        out[other] |= tear
    return out


def _twice_area(corners: Array) -> Array:
    """Twice the signed area (T,) of triangles (T, 3, 2)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _without_lashes(picture: Picture, lid: Array, width: float, share: float) -> Picture:
    """The picture with a closed lid (N, 2) free of dark streaks narrower than `width` pixels, by some share (0-1)."""
    covered = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(covered, [np.round(lid * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(covered, (0, 0), width / 3).astype(np.float32)[..., None] * (share / 255)
    plain = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, np.ones((1, max(1, round(width)))))
    plain = cv2.GaussianBlur(plain, (0, 0), width / 4, sigmaY=0.3)
    return (picture + (plain.astype(np.float32) - picture) * soft).astype(np.uint8)


def _lash_colour(head: Head, upper: Chain) -> Array:
    """RGB (3,): as dark as the photographed edge of the upper lid, but tinted like the skin: the iris is near."""
    edge = head.points[list(upper[1:-1]), 1::-1] - np.array([0.02 * head.scale, 0])
    at = np.round(edge).astype(int).clip(0, np.array(head.photo.shape[:2]) - 1)
    level = np.percentile(head.photo[at[:, 0], at[:, 1]].mean(1), 25)
    return np.clip(level, 20, 0.75 * head.skin.mean()) * head.skin / max(float(head.skin.mean()), 1.0)


def _lid_line(line: Array) -> Array:
    """Where the lids meet, smoothed to an arc (a cubic) between the corners of the eye; line: (9, 3)."""
    x = np.linspace(-1, 1, len(line))
    weight = np.ones(len(line))
    weight[[0, -1]] = 10
    out = line.copy()
    for axis in range(2):
        out[1:-1, axis] = np.polyval(np.polyfit(x, line[:, axis], 3, w=weight), x)[1:-1]
    return out
