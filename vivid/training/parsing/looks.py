"""One training picture from one rendering: cloth, light, room, crop, and the errors of cameras and detectors."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...generators.layered.parsing import CLASSES, SIZE, view_of
from ...pose.skeleton import Pose
from .textures import Textures, colour

Floats = NDArray[np.float32]
OUTSIDE = 255
"""Label where there is no picture; the loss ignores it."""
HAIR, FACE, TORSO = (CLASSES.index(name) for name in ("hair", "face", "torso"))
SLEEVES, ARMS = (4, 5), (6, 7)
SHIRT, JACKET, COLLAR, TROUSERS = range(4)
MIRRORED_CLASSES = np.array([0, 1, 2, 3, 5, 4, 7, 6], np.uint8)
MIRRORED_POINTS = np.arange(128)
for _a, _b in ((2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13), (14, 15), (16, 17)):
    MIRRORED_POINTS[[_a, _b]] = _b, _a
MIRRORED_POINTS[18:39], MIRRORED_POINTS[39:60] = np.arange(39, 60), np.arange(18, 39)
_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)


@dataclass(frozen=True)
class ParsingExample:
    """What the network is shown and what it should answer: picture (SIZE, SIZE, 3) uint8, labels (SIZE, SIZE) uint8
    with OUTSIDE, key points (128, 2) in pixels, which are present (128,), mask of the person (SIZE, SIZE) or None."""

    picture: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    points: NDArray[np.float64]
    seen: NDArray[np.bool_]
    mask: Floats | None


def make_example(rendering: dict[str, NDArray], textures: Textures, rng: np.random.Generator) -> ParsingExample:
    """Dress, light and photograph a rendering (`synthesis.parts.draw_person`); the same source of randomness gives
    the same example."""
    classes, points = rendering["classes"], rendering["points"]
    picture = dress(rendering, textures, rng)
    alpha = rendering["rgba"][..., 3].astype(np.float32) / 255
    room = textures.room(rng, len(classes))
    if rng.random() < 0.3:  # a shadow on the wall
        shadow = cv2.GaussianBlur(np.roll(alpha, int(rng.integers(-14, 15)), 1), (0, 0), 8)
        room = room * (1 - rng.uniform(0, 0.5) * shadow[..., None])
    if rng.random() < 0.06 and (classes == TORSO).any():  # a wall in the colour of the clothes
        room = room * 0.3 + np.median(picture[classes == TORSO], 0) * 0.7
    picture = picture + room * (1 - alpha[..., None])
    return _photograph(picture, classes, alpha, points, textures, rng)


def dress(rendering: dict[str, NDArray], textures: Textures, rng: np.random.Generator) -> Floats:
    """(SIZE, SIZE, 3) in 0..255 on black: the rendering with cloth, hair and skin of new colours."""
    rgba, classes, materials = rendering["rgba"], rendering["classes"], rendering["materials"]
    u, size = rng.uniform, len(classes)
    image = _LINEAR[rgba[..., :3]]
    bare = (classes == FACE) | (classes >= ARMS[0])
    skin = np.median(rgba[..., :3][classes == FACE], 0) / 255 if (classes == FACE).any() else np.full(3, 0.6)
    cloth = (classes >= TORSO) & (classes <= SLEEVES[1])
    uv = cv2.resize(rendering["canon"].astype(np.float32), (size, size), interpolation=cv2.INTER_NEAREST)

    def dye(where: NDArray[np.bool_]) -> None:
        image[where] = (image * (u(1.0, 1.6) * textures.cloth(rng, uv, skin)))[where]

    is_collar, is_trousers = cloth & (materials == COLLAR), cloth & (materials == TROUSERS)
    one_colour = rng.random() < 0.5  # dresses and overalls
    scarf = rng.random() < 0.4
    shirt = cloth & (materials == SHIRT)
    if rng.random() < 0.08:  # sleeves of another colour
        sleeves = shirt & (classes != TORSO)
        dye(sleeves)
        shirt &= ~sleeves
    dye(shirt | (is_trousers & one_colour) | (is_collar & (not scarf)))
    for where in (cloth & (materials == JACKET), is_trousers & (not one_colour), is_collar & scarf):
        if where.any():
            dye(where)
    if scarf and is_collar.any():
        _hang_ends(image, classes == TORSO, is_collar, rng)
    shade = np.ones((size, size), np.float32)
    strength = u(0, 0.5)
    for part in (TORSO, *SLEEVES):
        shade[classes == part] = np.exp(strength * textures.noise(rng, size))[classes == part]
    if rng.random() < 0.5:
        shade[bare] = np.exp(u(0, 0.3) * textures.noise(rng, size))[bare]
    if rng.random() < 0.35:  # seams, and shadow in the armpits
        edge = cv2.morphologyEx(np.isin(classes, SLEEVES).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3)))
        shade *= 1 - u(0.1, 0.6) * cv2.GaussianBlur(edge.astype(np.float32), (0, 0), u(0.5, 2.5))
    if rng.random() < 0.35:  # arms cast shadows on cloth
        near = cv2.GaussianBlur((classes >= ARMS[0]).astype(np.float32), (0, 0), u(1, 6))
        shade[cloth] *= (1 - u(0, 0.7) * near)[cloth]
    image *= shade[..., None]
    hair = classes == HAIR
    if rng.random() < 0.08:  # headscarves
        image[hair] = (0.5 * textures.cloth(rng, uv, skin) * np.ones_like(image))[hair]
    elif rng.random() < 0.6:
        image[hair] *= (u(0.25, 2.5) * u(0.8, 1.2, 3)).astype(np.float32)
    if rng.random() < 0.7:
        tone = u(0.6, 1.4) if rng.random() < 0.7 else u(0.25, 0.6)
        image[bare] *= (tone * u(0.88, 1.12, 3)).astype(np.float32)
    out = (np.clip(image, 0, 1) ** (1 / 2.2) * 255).astype(np.float32)
    if rng.random() < 0.25:
        _print_on(out, classes == TORSO, rng)
    return out


def _hang_ends(image: Floats, torso: NDArray[np.bool_], scarf: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """One or two ends of a scarf, of the scarf's colour, over the torso."""
    size = len(image)
    y, x = np.nonzero(scarf)
    tint = np.median(image[scarf], 0)
    for _ in range(int(rng.integers(0, 3))):
        start, width = rng.uniform(np.quantile(x, 0.2), np.quantile(x, 0.8)), rng.uniform(0.03, 0.09) * size
        drift, length = rng.normal(0, 0.06) * size, rng.uniform(0.15, 0.7) * size
        top, low = float(y.mean()), float(y.mean()) + length
        corners = [
            (start - width, top),
            (start + width, top),
            (start + width + drift, low),
            (start - width + drift, low),
        ]
        mask = cv2.fillPoly(np.zeros((size, size), np.uint8), [np.array(corners).round().astype(np.int32)], 1)
        where = (mask > 0) & torso
        image[where] = tint * rng.uniform(0.8, 1.1)


def _print_on(image: Floats, torso: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """A word, a badge, a tie or a strap over the torso."""
    size = len(image)
    mask, kind = np.zeros((size, size), np.uint8), rng.random()
    x, y = int(rng.integers(size // 3, 2 * size // 3)), int(rng.integers(size // 3, size))
    if kind < 0.4:
        word = "".join(chr(c) for c in rng.integers(65, 91, 4))
        font, height, weight = int(rng.integers(5)), rng.uniform(0.3, 1.1), int(rng.integers(1, 4))
        cv2.putText(mask, word, (x - 25, y), font, height, (1,), weight, cv2.LINE_AA)
    elif kind < 0.7:
        axes = (int(rng.integers(3, size // 8)), int(rng.integers(3, size // 8)))
        cv2.ellipse(mask, (x, y), axes, 0, 0, 360, (1,), -1)
    else:
        end = (int(x + rng.normal(0, size / 8)), size)
        cv2.line(mask, (x, size // 4), end, (1,), int(rng.integers(2, 14)))
    image[(mask > 0) & torso] = 255 * colour(rng)


def _photograph(
    image: Floats,
    classes: NDArray[np.uint8],
    alpha: Floats,
    points: Floats,
    textures: Textures,
    rng: np.random.Generator,
) -> ParsingExample:
    u, n = rng.uniform, len(classes)
    # the photograph is a part of the rendering, and the network sees a part of the photograph
    left, right = u(0, 0.25) * n * (rng.random() < 0.25), n - u(0, 0.25) * n * (rng.random() < 0.25)
    chin = float(points[60 + 8, 1])
    bottom = u(min(chin + 0.15 * n, 0.9 * n), n) if rng.random() < 0.3 else float(n)
    top = u(0, 0.04) * n
    d = points[:, :2].astype(np.float64)
    inside = (d >= [left, top]).all(1) & (d < [right, bottom]).all(1)
    confidence = inside[:, None].astype(np.float32)
    moved = np.concatenate([(d - [left, top]).astype(np.float32), confidence], 1)
    frame = (round(right - left), round(bottom - top))
    pose = Pose(moved[:18], np.stack([moved[18:39], moved[39:60]]), moved[60:], frame)
    x0, y0, side = view_of(pose, frame)
    centre = np.array([left + x0 + side / 2, top + y0 + side / 2]) + rng.normal(0, 0.03, 2) * side
    scale, stretch = side * np.exp(rng.normal(0, 0.07)) / SIZE, np.exp(rng.normal(0, 0.06))
    turn = rng.normal(0, 0.05)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = rotation @ np.diag([scale * stretch, scale / stretch])  # from the view to the rendering
    grid = np.arange(SIZE) + 0.5 - SIZE / 2
    gx, gy = np.meshgrid(grid, grid)
    mx = matrix[0, 0] * gx + matrix[0, 1] * gy + centre[0]
    my = matrix[1, 0] * gx + matrix[1, 1] * gy + centre[1]
    outside = (mx < left) | (mx > right) | (my < top) | (my > bottom)
    wobble = float(rng.choice([0, 1.2, 2.5, 4.0]))  # uneven bodies and folds in the outline
    cells = rng.integers(6, 15, 2)
    dx, dy = (
        cv2.resize(rng.normal(0, wobble, (k, k)).astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        for k in cells
    )
    fx, fy = (mx + dx - 0.5).astype(np.float32), np.clip(my + dy - 0.5, 0, n - 1).astype(np.float32)
    warped = cv2.remap(image, fx, fy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    labels = cv2.remap(classes, fx, fy, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)
    person = cv2.remap(alpha, fx, fy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    d = (d - centre) @ np.linalg.inv(matrix).T + SIZE / 2
    near = np.clip(d.round().astype(int), 0, SIZE - 1)
    d -= np.stack([dx[near[:, 1], near[:, 0]], dy[near[:, 1], near[:, 0]]], 1) * 0.8 / scale
    seen = inside.copy()
    seen[:18] |= rng.random() < 0.3  # some detectors guess joints outside the picture
    if rng.random() < 0.5:
        warped, labels, person = warped[:, ::-1], MIRRORED_CLASSES[labels[:, ::-1]], person[:, ::-1]
        outside, d, seen = outside[:, ::-1], (d * [-1, 1] + [SIZE, 0])[MIRRORED_POINTS], seen[MIRRORED_POINTS]
    d, seen = _misdetect(d, seen, rng)
    mask = None
    if rng.random() < 0.5:
        mask = _uncertain_mask(np.ascontiguousarray(person), labels, textures, rng)
        mask[outside] = 0
    picture = _develop(np.ascontiguousarray(warped), grid, rng)
    picture[outside] = 128
    labels = labels.copy()
    labels[outside] = OUTSIDE
    return ParsingExample(picture, labels, d, seen, mask)


def _misdetect(
    points: NDArray[np.float64], seen: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Misplaced joints, shoulders that are too high, hands that are shifted or missing."""
    d, seen = points.copy(), seen.copy()
    d[:18] += rng.normal(0, rng.choice([0.5, 1.5, 3]), (18, 2))
    d += rng.normal(0, 0.8, d.shape)
    d[[2, 5], 1] -= rng.uniform(-2, 8)
    for side in (0, 1):
        hand = slice(18 + 21 * side, 39 + 21 * side)
        d[hand] += rng.normal(0, 1.5, 2)
        if rng.random() < 0.12:
            seen[hand] = False
        if rng.random() < 0.05:
            seen[(7, 4)[side]] = False
    return d, seen


def _uncertain_mask(person: Floats, labels: NDArray[np.uint8], textures: Textures, rng: np.random.Generator) -> Floats:
    """The outline as a segmentation network would give it: soft, gaps closed, hands and patches missing."""
    mask = person
    if rng.random() < 0.45:
        size = 2 * int(rng.integers(1, 9)) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
    if rng.random() < 0.1:
        arm = cv2.GaussianBlur((labels == rng.choice(ARMS)).astype(np.float32), (0, 0), 2)
        mask = mask * np.clip(1 - arm * (textures.noise(rng, SIZE) > 0), 0, 1)
    if rng.random() < 0.7:
        mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.7, 4))
        level = 0.5 + rng.uniform(-0.25, 0.25) + rng.uniform(0, 0.2) * textures.noise(rng, SIZE)
        mask = np.clip((mask - level) * rng.uniform(1.5, 6) + 0.5, 0, 1)
    return mask.astype(np.float32)


def _develop(image: Floats, grid: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light from one side, exposure, colour cast, grey, haze, blur, sharpening, noise and JPEG."""
    u = rng.uniform
    if rng.random() < 0.6:
        angle = u(0, 2 * np.pi)
        ramp = (np.cos(angle) * grid[None] + np.sin(angle) * grid[:, None]) * 2 / SIZE
        image = image * np.exp(u(0, 0.5) * ramp)[..., None]
    image = np.clip(image / 255, 0, 1) ** np.exp(u(-0.45, 0.45)) * u(0.7, 1.15) * u(0.86, 1.14, 3)
    if rng.random() < 0.4:
        grey = image.mean(-1, keepdims=True)
        image = grey + (image - grey) * (0 if rng.random() < 0.15 else u(0.3, 1.5))
    if rng.random() < 0.08:
        haze = u(0.1, 0.4)
        image = image * (1 - haze) + haze * u(0.6, 1)
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), u(0.3, 1.3))
    elif rng.random() < 0.4:
        image = image + u(0.3, 1.2) * (image - cv2.GaussianBlur(image, (0, 0), 1))
    noise = float(rng.choice([0, 2, 6], p=[0.3, 0.5, 0.2]))
    image = image * 255 + rng.standard_normal(image.shape, np.float32) * noise
    out = np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))])[1]
        out = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return out
