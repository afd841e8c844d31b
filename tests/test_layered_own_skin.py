"""The colours and light of drawn arms, taken from those that the portrait shows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from layered_figures import SKIN, figure

from vivid.generators.layered.arm_mesh import FLIP, load_arm, normals_of
from vivid.generators.layered.arm_shading import SkinPart, Surface
from vivid.generators.layered.arms import ArmAnimator
from vivid.generators.layered.figure import Layers
from vivid.generators.layered.hand_fit import fit_hands
from vivid.generators.layered.own_skin import BACK, FINGERS, FOREARM, PALM, OwnSkin, own_pose, own_skin, region_shares
from vivid.generators.layered.parsing import CLASSES, Parsing
from vivid.generators.layered.skin import Look, to_linear
from vivid.generators.layered.skin_texture import textured
from vivid.generators.layered.take_apart import _bare
from vivid.pose.skeleton import clip_of

FACTORS = {FOREARM: (0.9, 0.85, 0.8), BACK: (0.78, 0.7, 0.68), PALM: (0.8, 0.75, 0.75), FINGERS: (0.76, 0.69, 0.67)}


def photographed(layers: Layers, surfaces: list[Surface], look: Look) -> Layers:
    """The layers with arms of these surfaces in the photograph, in the portrait's own pose."""
    fit, photo = fit_hands(clip_of(layers.pose)), layers.photo.copy()
    bare = np.zeros((2, *photo.shape[:2]), bool)
    for side in range(2):
        model = load_arm(side)
        verts, palm = own_pose(layers, side, model, fit)
        faces = model.along[model.tri].min(1) > 1.0
        part = SkinPart(model, faces, surfaces[side], look)
        layer = part.layer(verts, normals_of(verts * FLIP, model.tri), palm, photo.shape[:2])
        assert layer is not None
        layer.paint(photo)
        h, w = layer.alpha.shape
        bare[side, layer.y0 : layer.y0 + h, layer.x0 : layer.x0 + w] = layer.alpha > 0.5
    return replace(layers, photo=photo, bare=bare)


def compared(layers: Layers, surfaces: list[Surface], look: Look) -> OwnSkin | None:
    models = [load_arm(side) for side in range(2)]
    return own_skin(layers, models, [m.along[m.tri].min(1) > 1.0 for m in models], surfaces, look)


@pytest.fixture(scope="module")
def bare() -> tuple[Layers, list[Surface], Look]:
    layers = figure(0.6)
    texture = np.full_like(load_arm(0).skin, 190)
    light = to_linear(SKIN)
    return layers, [Surface(texture, light, light)] * 2, replace(layers.look, contrast=1.0, blur=0.3)


def test_every_region_takes_the_colour_that_the_photograph_shows(bare: tuple[Layers, list[Surface], Look]) -> None:
    layers, plain, look = bare
    shares = region_shares(load_arm(0))
    assert np.allclose(shares.sum(1), 1) and shares.min() >= 0
    true = np.exp(sum(shares[:, k, None] * np.log(factor) for k, factor in FACTORS.items()))
    found = compared(photographed(layers, [replace(s, own=true) for s in plain], look), plain, look)
    assert found is not None
    miss = {}
    for region, factor in FACTORS.items():
        mine = shares[:, region] > 0.9
        miss[region] = max(np.abs(np.log(np.median(f[mine], 0)) - np.log(factor)).max() for f in found.factors)
    assert max(miss[FOREARM], miss[FINGERS], min(miss[BACK], miss[PALM])) < 0.12  # one side of the hand is not seen
    assert np.abs(found.light).max() < 0.25 and 0.8 < found.relief < 1.2


def test_light_from_the_side_is_found(bare: tuple[Layers, list[Surface], Look]) -> None:
    layers, plain, look = bare
    way = np.array([[0.4, 0.4, 0.4], [0.1, 0.1, 0.1], [0.0, 0.0, 0.0]])
    lit = photographed(layers, plain, replace(look, light=way))
    found = compared(lit, plain, look)
    assert found is not None and (found.light[0] > 0.15).all() and found.light[0].mean() > found.light[1].mean() + 0.1


def test_a_portrait_that_shows_no_skin_of_arms_says_nothing(bare: tuple[Layers, list[Surface], Look]) -> None:
    layers, plain, look = bare
    assert compared(layers, plain, look) is None
    nowhere = np.zeros((2, *layers.photo.shape[:2]), bool)
    assert compared(replace(layers, bare=nowhere), plain, look) is None


def test_fingers_in_each_others_shade_are_drawn_hardly_darker(bare: tuple[Layers, list[Surface], Look]) -> None:
    layers, plain, look = bare
    shares = region_shares(load_arm(0))
    dark = np.exp(-0.8 * shares[:, FINGERS])[:, None] * np.ones(3)
    found = compared(photographed(layers, [replace(s, own=dark) for s in plain], look), plain, look)
    assert found is not None
    fingers, rest = (np.median(found.factors[0][shares[:, k] > 0.9]) for k in (FINGERS, FOREARM))
    assert np.log(fingers / rest) > -0.4


def test_drawn_hands_have_the_photographs_hue(bare: tuple[Layers, list[Surface], Look]) -> None:
    layers, plain, look = bare
    rosy = np.tile([0.85, 0.62, 0.6], (len(load_arm(0).rest), 1))
    shown = photographed(layers, [replace(s, own=rosy) for s in plain], look)

    def redness(picture: np.ndarray) -> float:
        seen = cv2.erode(shown.bare[0].astype(np.uint8), np.ones((5, 5))) > 0  # type: ignore[index]
        light = np.log(to_linear(np.median(picture[seen], 0) / 255))
        return float(light[0] - light[1:].mean())

    drawn = []
    for each in (layers, shown):
        animator = ArmAnimator(each)
        drawn.append(photographed(layers, animator._surfaces, animator.look).photo)
    wanted = redness(shown.photo)
    assert abs(redness(drawn[1]) - wanted) < 0.06 < abs(redness(drawn[0]) - wanted)


def test_skin_that_the_network_takes_for_a_sleeve_is_skin_by_its_colour() -> None:
    shares = np.zeros((len(CLASSES), 1, 4), np.float32)
    for column, parts in enumerate(({"arm_left": 1.0}, {"sleeve_left": 0.9}, {"arm_left": 0.4, "arm_right": 0.5}, {})):
        for name, share in parts.items():
            shares[CLASSES.index(name), 0, column] = share
    colours = SimpleNamespace(skin=np.float32([[0.9, 0.9, 0.9, 0.9]]))
    left, right = _bare(SimpleNamespace(parsing=Parsing(shares), colours=colours))  # type: ignore[arg-type]
    assert left[0].tolist() == [True, True, True, False] and right[0].tolist() == [False, False, True, False]
    cloth = SimpleNamespace(skin=np.zeros((1, 4), np.float32))
    assert not _bare(SimpleNamespace(parsing=Parsing(shares), colours=cloth)).any()  # type: ignore[arg-type]


def test_creases_are_clearer_than_stored_and_islands_of_the_texture_have_no_rims() -> None:
    stored = np.zeros((120, 240, 3), np.uint8)
    stored[20:100, 20:220] = 180
    stored[20:100, 118:122] = 150
    drawn = textured(stored, np.zeros(3)).astype(float)
    assert np.ptp(drawn[30:90, 20:100]) <= 2
    assert drawn[60, 60, 0] - drawn[60, 120, 0] > 1.2 * 30
