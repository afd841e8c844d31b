"""What a photographed mouth shows, and what of it stays while the person speaks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vivid.generators.layered.face_mesh import (
    LOWER_INNER,
    LOWER_OUTER,
    MOUTH,
    POINTS,
    UPPER_INNER,
    UPPER_OUTER,
)
from vivid.generators.layered.face_units import face_units
from vivid.generators.layered.geometry import Array
from vivid.generators.layered.lips import refine_lips
from vivid.generators.layered.teeth import split_teeth, tooth_mask

SCALE = 100.0
"""Pixels between the pupils of the painted faces."""
SKIN, LIP, WHITE, GUM, GLOSS = (
    np.array(colour) for colour in ((205, 160, 140), (185, 90, 95), (235, 228, 218), (190, 105, 105), (244, 226, 222))
)


@pytest.fixture(scope="module")
def smile() -> Array:
    """(468, 3) points of a frontal face in pixels, mouth open by 0.22 pupil distances at its middle."""
    points = face_units().rest[:POINTS] * SCALE + [200.0, 200.0, 0.0]
    middle = (points[13] + points[14]) / 2
    t = np.linspace(-1, 1, 11)
    for chain, rise, fall in ((UPPER_INNER, 0.0, 0.0), (LOWER_INNER, 0.22, 1.0), (UPPER_OUTER, -0.08, 1.0)):
        points[list(chain), 0] = middle[0] + 0.42 * SCALE * t
        points[list(chain), 1] = middle[1] + SCALE * (rise * (1 - t**2) if fall else 0.0)
    points[list(LOWER_OUTER), 0] = middle[0] + 0.45 * SCALE * t
    points[list(LOWER_OUTER), 1] = middle[1] + SCALE * 0.36 * (1 - t**2)
    return points


def painted(points: Array, teeth: Array | None = None) -> np.ndarray:
    """A face of plain skin with lips, and an opening that is filled with teeth."""
    picture = np.full((400, 400, 3), SKIN, np.uint8)
    outline = points[list(UPPER_OUTER) + list(LOWER_OUTER)[::-1], :2]
    cv2.fillPoly(picture, [np.round(outline).astype(np.int32)], LIP.tolist())
    cv2.fillPoly(
        picture, [np.round(points[list(MOUTH), :2]).astype(np.int32)], (WHITE if teeth is None else teeth).tolist()
    )
    return picture


def rows(points: Array) -> tuple[int, int, int]:
    """Column of the middle of the mouth, and its rows of the upper and the lower lip's edge."""
    return round(points[13, 0]), round(points[13, 1]), round(points[14, 1])


def split(picture: np.ndarray, points: Array) -> tuple[np.ndarray | None, np.ndarray | None]:
    return split_teeth(tooth_mask(picture, points, SKIN.astype(float), SCALE), picture, points, SCALE)


def test_gloss_on_a_lip_is_no_tooth(smile: Array) -> None:
    """The lower edge of the mouth went down to it, and a strip of lip stayed behind as teeth."""
    picture = painted(smile)
    gloss = smile[list(LOWER_INNER[2:-2]), :2] + [0, 0.04 * SCALE]
    cv2.polylines(picture, [np.round(gloss).astype(np.int32)], False, GLOSS.tolist(), round(0.05 * SCALE))
    found = refine_lips(picture, smile, SCALE)
    assert abs(found[14, 1] - smile[14, 1]) < 0.015 * SCALE


def test_a_dark_opening_is_followed_beyond_the_mesh(smile: Array) -> None:
    picture = painted(smile, np.array([40, 20, 22]))
    mesh = smile.copy()
    mesh[list(LOWER_INNER[1:-1]), 1] -= 0.03 * SCALE
    assert abs(refine_lips(picture, mesh, SCALE)[14, 1] - smile[14, 1]) < 0.012 * SCALE


def test_a_broad_smile_is_all_teeth(smile: Array) -> None:
    """Taller than one row usually is; it lost its teeth to a grey painted row."""
    upper, lower = split(painted(smile), smile)
    assert upper is not None and lower is None
    x, top, bottom = rows(smile)
    assert upper[(top + bottom) // 2, x] > 0.9


def test_two_rows_that_nearly_meet_are_two(smile: Array) -> None:
    picture = painted(smile)
    x, top, bottom = rows(smile)
    at = round(top + 0.65 * (bottom - top))
    picture[at : at + 2, x - 40 : x + 40] = (picture[at : at + 2, x - 40 : x + 40] * 0.8).astype(np.uint8)
    upper, lower = split(picture, smile)
    assert upper is not None and lower is not None
    assert upper[at - 6, x] > 0.9 > 0.1 > lower[at - 6, x]
    assert lower[at + 7, x] > 0.9 > 0.1 > upper[at + 7, x]


def test_gums_stay_with_their_teeth(smile: Array) -> None:
    """Else black notches open above them."""
    picture = painted(smile)
    x, top, _ = rows(smile)
    picture[top : top + 5, x - 35 : x + 35] = GUM
    upper, _ = split(picture, smile)
    assert upper is not None
    assert upper[top + 3, x - 20 : x + 20].min() > 0.9
    assert upper[top - 3, x] < 0.1, "the lip does not"


def test_a_glint_above_makes_no_lower_teeth_of_upper_ones(smile: Array) -> None:
    """A shadow across the upper part of a single row put the rest of it on the jaw."""
    points = smile.copy()
    points[list(LOWER_INNER[1:-1]), 1] = points[list(UPPER_INNER[1:-1]), 1] + 0.5 * (
        points[list(LOWER_INNER[1:-1]), 1] - points[list(UPPER_INNER[1:-1]), 1]
    )
    picture = painted(points, np.array([45, 25, 25]))
    x, top, _ = rows(points)
    picture[top : top + 6, x - 30 : x + 30] = WHITE
    picture[top + 2, x - 30 : x + 30] = (90, 80, 75)
    upper, lower = split(picture, points)
    assert lower is None and upper is not None
