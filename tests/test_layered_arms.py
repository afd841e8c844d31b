"""Arms drawn on a figure: the mesh's geometry, the rasteriser, the colour of the skin, clips with gaps."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layered_figures import SKIN, figure
from pose_people import Person, gestures

from vivid.generators.layered.arm_mesh import BUILDS, FLIP, load_arm, normals_of, pose_arm, rotation_between
from vivid.generators.layered.arm_shading import cloth_layer, shadows, skin_layer
from vivid.generators.layered.arm_track import Track, front_side, place_clip
from vivid.generators.layered.arms import ArmAnimator, _contact_shadow, build_of
from vivid.generators.layered.colours import edge_blur, find_light
from vivid.generators.layered.figure import SHOULDERS, Layers
from vivid.generators.layered.hand_solver import fit_clip
from vivid.generators.layered.raster import PaintedLayer, affine, cover, paint_numbers
from vivid.generators.layered.skin import to_linear, to_srgb
from vivid.generators.layered.skin_texture import LEAST, MOST, arm_tone, bare_half, detail_of, textured
from vivid.generators.layered.sleeves import Sleeve, cloth_texture
from vivid.pose.skeleton import PoseClip

STRAIGHT = np.tile(np.eye(3), (5, 3, 1, 1))


def tracked(layers: Layers, clip: PoseClip) -> Track:
    """A clip driven by itself."""
    shoulders = np.repeat(layers.pose.body[None, list(SHOULDERS), :2].astype(float), len(clip), 0)
    return place_clip(layers, clip, clip, fit_clip(clip), np.arange(float(len(clip))), shoulders)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("build", BUILDS)
def test_joints_land_where_they_are_asked_to(side: int, build: str) -> None:
    arm = load_arm(side, build)
    rng = np.random.default_rng(side)
    shoulder, elbow, wrist, palm = *(rng.uniform(100, 400, (3, 3))), 60.0
    turn = rotation_between(arm.joints[2, 0], np.array([0.2, 0.9, 0.3]))
    verts = pose_arm(arm, turn, STRAIGHT, shoulder, elbow, wrist, palm)
    # a ring of skin round a joint is centred on it
    for point, at in ((wrist, 2.0), (elbow, 1.0)):
        ring = verts[np.abs(arm.along - at) < 0.06]
        assert np.linalg.norm(ring.mean(0) - point) < 0.45 * palm
    middle = wrist + turn @ arm.joints[2, 0] * FLIP * palm
    near = verts[np.argsort(np.linalg.norm(arm.rest - arm.joints[2, 0], axis=1))[:30]]
    assert np.linalg.norm(near.mean(0) - middle) < 0.2 * palm
    assert np.linalg.norm(middle - wrist) == pytest.approx(palm, rel=1e-5)  # the unit is wrist to middle knuckle


def test_the_right_arm_is_the_left_ones_mirror_image() -> None:
    left, right = load_arm(0), load_arm(1)
    np.testing.assert_array_equal(left.rest * [-1, 1, 1], right.rest)
    assert normals_of(left.rest, left.tri) * [-1, 1, 1] == pytest.approx(normals_of(right.rest, right.tri), abs=1e-9)
    turn, mirrored = rotation_between(left.joints[2, 0], np.array([0.3, 1, 0.4])), np.diag([-1.0, 1, 1])
    joints = np.array([[200.0, 50, -30], [230, 150, -30], [180, 220, 0]])
    one = pose_arm(left, turn, STRAIGHT, *joints, 40.0)
    other = pose_arm(right, mirrored @ turn @ mirrored, STRAIGHT, *(joints * [-1, 1, 1]), 40.0)
    np.testing.assert_allclose(one * [-1, 1, 1], other, atol=1e-8)


def test_builds_differ_in_thickness_not_in_bones() -> None:
    thick = []
    for build in BUILDS:
        arm = load_arm(0, build)
        axis = arm.joints[1, 2] - arm.joints[1, 1]
        away = arm.rest[arm.weights[:, 8] > 0.6] - arm.joints[1, 1]
        thick.append(np.median(np.linalg.norm(np.cross(away, axis / np.linalg.norm(axis)), axis=1)))
        np.testing.assert_allclose(np.linalg.norm(arm.joints[2, 0]), 1, atol=1e-5)
    assert thick[0] < 0.97 * thick[1] and thick[1] < 0.97 * thick[2]


@pytest.mark.slow
def test_the_file_is_what_the_bake_gives() -> None:
    from vivid.generators.layered.arm_mesh import _arrays
    from vivid.synthesis.arm_bake import bake

    fresh, stored = bake(), _arrays()
    assert set(fresh) == set(stored)
    for name, array in fresh.items():
        np.testing.assert_allclose(
            stored[name].astype(float), array.astype(float), atol=1.01 if name == "skin" else 1e-6
        )


def test_a_triangle_covers_its_area_and_neighbours_leave_no_holes() -> None:
    square = np.array([[10.0, 10], [90, 12], [88, 91], [9, 88], [47.3, 51.9]])
    fan = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    alone = paint_numbers(square[fan[:1]], (100, 100))
    a, b = square[1] - square[0], square[4] - square[0]
    area = abs(a[0] * b[1] - a[1] * b[0]) / 2
    rim = sum(np.linalg.norm(square[p] - square[q]) for p, q in ((0, 1), (1, 4), (4, 0)))
    assert area <= (alone == 1).sum() <= area + 0.6 * rim  # half a sample more leaves no holes
    every = paint_numbers(square[fan], (100, 100))
    inside = every[15:85, 15:84]
    assert (inside > 0).all() and set(np.unique(inside)) == {1, 2, 3, 4}


def test_later_triangles_lie_over_earlier_ones_and_values_are_interpolated() -> None:
    points = np.array([[0.0, 0], [64, 0], [0, 64]])
    number = paint_numbers(np.stack([points, points]), (64, 64))
    assert number[10, 10] == 2 and number[40, 40] == 0 and number[50, 8] == 2
    rows = affine(points[None], points[None] * 2 + 1)[0]
    np.testing.assert_allclose(rows[0] * 20.5 + rows[1] * 10.5 + rows[2], [42, 22], atol=1e-4)


def test_slender_triangles_do_not_exaggerate() -> None:
    points = np.array([[[0.0, 0], [60, 0.4], [30, 0.7]]])
    rows = affine(points, np.array([[[0.0], [1.0], [5.0]]]))[0]
    for x, y in ((30.5, 1.5), (0.5, 1.5), (59.5, -0.5)):
        assert 0 <= rows[0] * x + rows[1] * y + rows[2] <= 5


def test_what_lies_outside_of_the_frame_is_left_out() -> None:
    verts = np.array([[200.0, 200, 0], [260, 200, 0], [200, 260, 0]])
    assert cover(verts, np.array([[0, 1, 2]]), (100, 100), cull=False) is None
    assert cover(verts, np.zeros((0, 3), int), (500, 500), cull=False) is None
    assert cover(verts - 250, np.array([[0, 1, 2]]), (100, 100), cull=False) is None


def test_a_layer_is_painted_with_its_opacity() -> None:
    out = np.full((8, 8, 3), 100, np.uint8)
    alpha = np.full((2, 3), 0.25, np.float32)
    PaintedLayer(np.float32([200, 0, 40]) * alpha[..., None], alpha, 4, 1).paint(out)
    assert out[1, 4].tolist() == [125, 75, 85] and (out[3:] == 100).all()


@pytest.mark.parametrize("skin", [SKIN, np.array([0.36, 0.23, 0.17]), np.array([0.93, 0.80, 0.74])])
def test_hands_come_out_in_the_colour_asked_for(skin: np.ndarray) -> None:
    layers = figure(skin=skin)
    animator = ArmAnimator(layers)
    clip = gestures(Person(), 3, 1)
    track, tones = tracked(layers, clip), []
    for t in range(3):
        for side in range(2):
            model = animator.models[side]
            joints = (track.shoulder[side, t], track.elbow[side, t], track.wrist[side, t])
            verts = pose_arm(model, track.turn[side, t], track.fingers[side, t], *joints, track.palm[side, t])
            hand = model.along[model.tri].min(1) > 1.95
            layer = skin_layer(
                model, verts, track.palm[side, t], layers.look, (768, 768), hand, animator._surfaces[side]
            )
            assert layer is not None
            tones.append(np.median(layer.rgb[layer.alpha > 0.95], 0) / 255)
    ratio = to_linear(np.median(tones, 0)) / to_linear(skin)
    assert (np.abs(np.log(ratio)) < 0.22).all()  # poses differ in how they face the light
    assert np.ptp(np.log(ratio)) < 0.08  # but not in their hue


def test_no_more_light_is_blocked_than_there_is() -> None:
    way, most = np.array([-0.48, 0.6, 0.75]), 0.0
    rows, columns = np.mgrid[:150, :150]
    for palm in np.linspace(40, 160, 25):  # a slope so steep towards the light that nearly all of it lies in shade
        depth = (1.8 * (way[0] * columns - way[1] * rows) / palm).astype(np.float32)
        shade = shadows(depth, np.ones_like(depth), way, float(palm))
        assert shade.min() >= 0
        most = max(most, float(shade.max()))
    assert 0.9 < most <= 1, "more than 1 is negative light, and in haze not a number"


def test_a_raised_forearm_is_hardly_darker_than_a_level_one() -> None:
    layers, model = figure(), load_arm(0)
    layers.look.contrast = 1.6
    animator, levels = ArmAnimator(layers), []
    raised = ((200.0, 200.0, -20.0), (220.0, 400.0, -20.0), (200.0, 290.0, 90.0))
    level = ((500.0, 200.0, -20.0), (560.0, 400.0, -20.0), (430.0, 420.0, 40.0))
    for shoulder, elbow, wrist in (raised, level):
        turn = rotation_between(model.joints[2, 0], np.subtract(wrist, elbow) * FLIP)
        verts = pose_arm(model, turn, STRAIGHT, *(np.array(p) for p in (shoulder, elbow, wrist)), 60.0)
        forearm = (model.along[model.tri].min(1) > 1.2) & (model.along[model.tri].max(1) < 1.8)
        layer = skin_layer(model, verts, 60.0, layers.look, (768, 768), forearm, animator._surfaces[0])
        assert layer is not None
        levels.append(to_linear(layer.rgb[layer.alpha > 0.95] / 255).mean())
    assert 0.75 < levels[0] / levels[1] < 1.1


def test_a_hand_is_equally_light_whichever_side_of_it_is_seen() -> None:
    layers, model = figure(), load_arm(0)
    animator, levels = ArmAnimator(layers), []
    shoulder, elbow, wrist = (np.array(p) for p in ((500.0, 200.0, -20.0), (560.0, 400.0, -20.0), (430.0, 420.0, 20.0)))
    way = rotation_between(model.joints[2, 0], (wrist - elbow) * FLIP)
    axis = (wrist - elbow) * FLIP / np.linalg.norm(wrist - elbow)
    hand = model.along[model.tri].min(1) > 1.95
    for angle in np.arange(0, 2 * np.pi, np.pi / 4):
        turn = cv2.Rodrigues(angle * axis)[0] @ way
        verts = pose_arm(model, turn, STRAIGHT, shoulder, elbow, wrist, 60.0)
        layer = skin_layer(model, verts, 60.0, layers.look, (768, 768), hand, animator._surfaces[0])
        assert layer is not None
        levels.append(to_linear(np.median(layer.rgb[layer.alpha > 0.95], 0) / 255).mean())
    assert max(levels) / min(levels) < 1.6


def test_a_cupped_hand_is_hardly_darker_than_a_flat_one() -> None:
    layers, model = figure(), load_arm(0)
    animator, levels = ArmAnimator(layers), []
    shoulder, elbow, wrist = (np.array(p) for p in ((500.0, 200.0, -20.0), (560.0, 400.0, -20.0), (500.0, 330.0, 60.0)))
    turn = rotation_between(model.joints[2, 0], np.array([0.2, 0.7, 0.6]))
    hand = model.along[model.tri].min(1) > 1.95
    for curl in (0.0, -0.7, 0.7):
        fingers = np.tile(cv2.Rodrigues(np.array([curl, 0, 0]))[0], (5, 3, 1, 1))
        verts = pose_arm(model, turn, fingers, shoulder, elbow, wrist, 60.0)
        layer = skin_layer(model, verts, 60.0, layers.look, (768, 768), hand, animator._surfaces[0])
        assert layer is not None
        levels.append(to_linear(layer.rgb[layer.alpha > 0.95] / 255).mean())
    assert min(levels) > 0.92 * levels[0]


def test_a_forearm_that_points_at_the_camera_squeezes_no_detail_into_rings() -> None:
    layers, model = figure(), load_arm(0)
    layers.look.grain = 0
    surface, rough = ArmAnimator(layers)._surfaces[0], []
    noise = np.random.default_rng(0).integers(120, 230, surface.texture.shape[:2], np.uint8)
    noisy = replace(surface, texture=np.repeat(noise[..., None], 3, 2))
    plain = replace(surface, texture=np.full_like(surface.texture, 175))
    forearm = (model.along[model.tri].min(1) > 1.2) & (model.along[model.tri].max(1) < 1.8)
    for wrist in ((430.0, 420.0, 0.0), (540.0, 420.0, 120.0)):  # across, and towards the camera
        shoulder, elbow, hand = (np.array(p) for p in ((500.0, 200.0, -20.0), (560.0, 400.0, -20.0), wrist))
        turn = rotation_between(model.joints[2, 0], (hand - elbow) * FLIP)
        verts = pose_arm(model, turn, STRAIGHT, shoulder, elbow, hand, 60.0)
        drawn = [skin_layer(model, verts, 60.0, layers.look, (768, 768), forearm, skin) for skin in (noisy, plain)]
        assert drawn[0] is not None and drawn[1] is not None
        rough.append(np.abs(drawn[0].rgb - drawn[1].rgb)[drawn[0].alpha > 0.95].mean())
    assert rough[1] < 0.4 * rough[0]


def test_bare_arms_meet_their_sleeves_in_the_portraits_own_tone() -> None:
    layers = figure(0.5, bare=True)
    tone = np.array([0.86, 0.66, 0.54])
    layers = replace(layers, photo=np.full_like(layers.photo, (tone * 255).astype(np.uint8)))
    layers.look.upper, layers.look.contrast = tone, 1.0
    found = arm_tone(layers)
    assert found is not None and np.abs(np.log(found / to_linear(tone))).max() < 0.05
    animator, track = ArmAnimator(layers), tracked(layers, gestures(Person(), 2, 5))
    out = layers.plate.astype(np.uint8)
    animator.draw(out, track, 0)
    for side in range(2):
        shoulder, elbow = track.shoulder[side, 0, :2], track.elbow[side, 0, :2]
        x, y = (shoulder + 0.8 * (elbow - shoulder)).astype(int)
        drawn = np.median(out[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3), 0) / 255
        assert np.abs(np.log(to_linear(drawn) / to_linear(tone))).max() < 0.3
        sleeve = animator._sleeves[side].at(shoulder, elbow)
        assert sleeve is not None
        x, y = (shoulder + 0.65 * (elbow - shoulder)).astype(int) - [sleeve.x0, sleeve.y0]
        assert y >= sleeve.alpha.shape[0] or sleeve.alpha[y, x] == 0  # no photographed skin below the hem


@pytest.mark.parametrize(("breadth", "build"), [(0.5, "slim"), (0.62, "average"), (0.75, "broad"), (0.2, "average")])
def test_hands_have_the_portraits_build(breadth: float, build: str) -> None:
    layers = figure()
    hands = layers.pose.hands.copy()
    hands[..., 2] = 1
    for hand in hands:
        hand[9, :2] = hand[0, :2] + [0, layers.palm]
        hand[5, :2], hand[17, :2] = (
            hand[9, :2] - [breadth * layers.palm / 2, 0],
            hand[9, :2] + [breadth * layers.palm / 2, 0],
        )
    assert build_of(replace(layers, pose=replace(layers.pose, hands=hands))) == build
    hands[:, 9, :2] = hands[:, 0, :2] + [0, 0.5 * layers.palm]  # they point at the camera
    assert build_of(replace(layers, pose=replace(layers.pose, hands=hands))) == "average"


def test_a_bare_arms_width_is_measured() -> None:
    layers = figure(0.5, bare=True)
    photo = np.full_like(layers.photo, 90)
    for arm in layers.arms:
        ends = [tuple(int(v) for v in p) for p in (arm.shoulder, arm.elbow + 0.2 * (arm.elbow - arm.shoulder))]
        cv2.line(photo, *ends, (SKIN * 255).tolist(), 41)
    layers = replace(layers, photo=photo)
    for side in range(2):
        assert bare_half(layers, side) == pytest.approx(20.5, abs=3)
    assert bare_half(replace(layers, photo=np.full_like(photo, 90)), 0) is None


def test_arms_in_the_shade_or_in_long_sleeves_say_nothing_of_their_tone() -> None:
    dark = figure(0.5)
    assert arm_tone(replace(dark, photo=(dark.photo * 0 + [90, 60, 45]).astype(np.uint8))) is None
    long = figure(2.0)
    assert arm_tone(replace(long, photo=np.full_like(long.photo, (SKIN * 255).astype(np.uint8)))) is None


def test_skin_has_the_detail_of_the_portraits_own() -> None:
    rng, found = np.random.default_rng(0), []
    for rough in (0, 6):
        layers = figure()
        grey = 150 + rough * rng.standard_normal(layers.photo.shape[:2])
        layers = replace(layers, photo=np.repeat(grey[..., None], 3, 2).clip(0, 255).astype(np.uint8))
        detail = detail_of(layers)
        skin = textured(load_arm(0).skin, detail)
        found.append(np.log(np.maximum(skin[200:240, 200:300], 1)).std())
        assert ((detail >= LEAST) & (detail <= MOST)).all()
    assert found[1] > 1.2 * found[0] > 0.01


def test_a_covered_area_is_opaque_and_averages_its_samples() -> None:
    square = np.array([[10.0, 10, 0], [60, 10, 0], [60, 60, 0], [10, 60, 0]])
    found = cover(square, np.array([[0, 1, 2], [0, 2, 3]]), (100, 100), cull=False)
    assert found is not None
    x0, y0 = found.window[:2]
    assert (found.opacity[12 - y0 : 58 - y0, 12 - x0 : 58 - x0] == 1).all()
    values = found.interpolate(square[np.array([[0, 1, 2], [0, 2, 3]])[found.chosen]][..., :2].astype(np.float32))
    mean = found.picture(found.mean(values).T)
    rows, columns = np.mgrid[14:56, 14:56]
    inside = mean[14 - y0 : 56 - y0, 14 - x0 : 56 - x0]
    np.testing.assert_allclose(inside, np.stack([columns + 0.5, rows + 0.5], -1), atol=0.01)


def test_fingers_before_a_palm_throw_a_shadow_and_far_things_do_not() -> None:
    depth = np.zeros((80, 80), np.float32)
    depth[25:55, 28:38] = 0.15
    key = np.array([-0.4, 0.3, 0.8])
    shade = shadows(depth, np.ones_like(depth), key, 60.0)
    assert shade[40, 39] > 0.2 > 0.05 > shade[40, 20] and shade[10, 70] == 0
    assert shadows(depth * 20, np.ones_like(depth), key, 60.0)[40, 39] < 0.1


def test_drawing_touches_only_arms_and_is_repeatable() -> None:
    layers = figure()
    clip = gestures(Person(), 3, 2)
    track = tracked(layers, clip)
    start = layers.plate.astype(np.uint8)
    frames = []
    for _ in range(2):
        out = start.copy()
        ArmAnimator(layers).draw(out, track, 1)
        frames.append(out)
    np.testing.assert_array_equal(*frames)
    changed = (frames[0] != start).any(2)
    assert 0.02 < changed.mean() < 0.35
    rows, columns = np.nonzero(changed)
    points = np.concatenate([track.wrist[:, 1, :2], track.elbow[:, 1, :2], track.shoulder[:, 1, :2]])
    far = np.linalg.norm(np.stack([columns, rows], 1)[:, None] - points, axis=2).min(1)
    assert far.max() < 2.6 * layers.palm


@pytest.mark.parametrize(("hem", "bare"), [(0.6, False), (0.6, True), (1.0, False), (2.0, False)])
def test_every_kind_of_sleeve_is_drawn_on_both_sides(hem: float, bare: bool) -> None:
    layers = figure(hem, bare)
    track = tracked(layers, gestures(Person(), 2, 3))
    start = layers.plate.astype(np.uint8)
    for still in ((False, True), (True, False)):
        out = start.copy()
        ArmAnimator(layers, still).draw(out, track, 0)
        moving = track.wrist[1 if still[0] else 0, 0, :2]
        resting = track.wrist[0 if still[0] else 1, 0, :2]
        rows, columns = np.nonzero((out != start).any(2))
        at = np.stack([columns, rows], 1)
        assert np.linalg.norm(at - moving, axis=1).min() < 0.5 * layers.palm
        assert np.linalg.norm(at - resting, axis=1).min() > 0.5 * layers.palm


@given(st.integers(0, 2**31))
@settings(max_examples=4)
def test_clips_with_gaps_and_far_points_are_drawn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = figure(rng.choice([0.5, 1.0, 2.0]), bool(rng.integers(2)))
    clip = gestures(Person(), 2, seed % 50)
    hands = clip.hands * np.float32(rng.choice([1, 8])) * (rng.random((2, 2, 1, 1)) < 0.7)
    body = clip.body * (rng.random((2, 18, 1)) < 0.8)
    track = tracked(layers, replace(clip, hands=hands, body=body))
    for part in (track.shoulder, track.elbow, track.wrist, track.palm, track.turn, track.fingers):
        assert np.isfinite(part).all()
    out = layers.plate.astype(np.uint8)
    animator = ArmAnimator(layers)
    for t in range(2):
        animator.draw(out, track, t)


def test_out_of_a_sleeve_that_covers_the_elbow_the_forearm_comes_from_below() -> None:
    layers = figure(1.05)
    animator, model = ArmAnimator(layers), load_arm(0)
    shoulder, elbow, wrist = (np.array(p, float) for p in ((300, 200, -5), (320, 400, -5), (480, 420, 0)))
    turn = rotation_between(model.joints[2, 0], (wrist - elbow) * FLIP)
    verts = pose_arm(model, turn, STRAIGHT, shoulder, elbow, wrist, 70.0)
    fade = animator._fades[0]
    assert fade is not None and ArmAnimator(figure(0.6))._fades == [None, None]
    layer = animator._lower[0].layer(verts, normals_of(verts * FLIP, model.tri), 70.0, (768, 768))
    assert layer is not None
    alpha = [
        layer.alpha[int(y - layer.y0), int(x - layer.x0)]
        for x, y, _ in (elbow + q * (wrist - elbow) for q in (0.01, 0.4))
    ]
    assert alpha[0] < 0.2 and alpha[1] > 0.98


def test_a_sleeve_that_covers_the_elbow_goes_on_round_the_forearm_and_is_closed() -> None:
    layers, model, palm = figure(1.05), load_arm(0), 60.0
    animator = ArmAnimator(layers)
    shoulder, elbow, wrist = (np.array(p, float) for p in ((500, 200, -20), (560, 400, -20), (550, 380, 120)))
    turn = rotation_between(model.joints[2, 0], (wrist - elbow) * FLIP)
    verts = pose_arm(model, turn, STRAIGHT, shoulder, elbow, wrist, palm)
    normals = normals_of(verts * FLIP, model.tri)
    cuff, hand = animator._cuff(verts, normals, palm, 0), animator._lower[0].layer(verts, normals, palm, (768, 768))
    assert cuff is not None and hand is not None
    assert ArmAnimator(figure(0.6))._cuff(verts, normals, palm, 0) is None
    sleeve = animator._sleeves[0].at(shoulder[:2], elbow[:2])
    assert sleeve is not None
    canvas = np.zeros((3, 768, 768), np.float32)
    for layer, part in zip((cuff, hand, sleeve), canvas, strict=True):
        part[layer.y0 : layer.y0 + layer.alpha.shape[0], layer.x0 : layer.x0 + layer.alpha.shape[1]] = layer.alpha
    outline = (canvas[0] > 0.9).astype(np.uint8)
    contours, _ = cv2.findContours(outline, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(outline), contours, -1, 1, -1) > 0
    assert (canvas.max(0)[filled] > 0.5).mean() > 0.995, "no room shows between cuff and arm"


def test_what_covers_an_upper_sleeve_does_not_show_on_the_forearm() -> None:
    layers = figure(2.0)
    arm = layers.arms[0]
    plain = cloth_texture(layers, arm).mean((0, 1))
    spot = (arm.shoulder + 0.5 * (arm.elbow - arm.shoulder)).astype(int).tolist()
    cv2.circle(layers.cloth, spot, 22, (230, 220, 210), -1)  # a hand, or the room beside the sleeve
    texture = cloth_texture(layers, arm)
    coarse = cv2.resize(texture, (8, 16), interpolation=cv2.INTER_AREA)
    assert np.abs(np.log(coarse / plain)).max() < 0.15


def test_a_forearm_has_its_sleeves_weave_and_folds() -> None:
    layers = figure(2.0)
    rng = np.random.default_rng(0)
    layers.cloth = layers.cloth * (1 + 0.1 * rng.standard_normal((*layers.cloth.shape[:2], 1))).astype(np.float32)
    light = np.log(cloth_texture(layers, layers.arms[0])).mean(2)
    assert np.ptp(light.mean(1)) > 0.05, "folds"
    assert (light - cv2.GaussianBlur(light, (0, 0), 3)).std() > 0.03, "weave"


@pytest.mark.parametrize("hem", [0.1, 0.25, 0.26])
def test_the_shortest_sleeves_have_cloth_too(hem: float) -> None:
    layers = figure(hem)
    assert np.isfinite(cloth_texture(layers, layers.arms[0])).all()


def test_skin_of_an_arm_without_a_sleeve_fades_into_the_drawn_arm() -> None:
    layers = figure(0.0, bare=True)
    arm, size = layers.arms[0], layers.shoulders
    rows, columns = np.mgrid[:768, :768]
    v = arm.elbow - arm.shoulder
    along = ((columns - arm.shoulder[0]) * v[0] + (rows - arm.shoulder[1]) * v[1]) / (v @ v)
    beside = ((columns - arm.shoulder[0]) * v[1] - (rows - arm.shoulder[1]) * v[0]) / np.linalg.norm(v)
    layers.sleeve[0] = np.clip((0.8 - along) / 0.35, 0, 1) * (np.abs(beside) < 0.15 * size) * (along > -0.1)
    sleeve = Sleeve(layers, 0).at(arm.shoulder, arm.elbow)
    assert sleeve is not None
    x, y = (arm.shoulder + np.array([0.4, 0.6, 0.7])[:, None] * v).astype(int).T
    shown = sleeve.alpha[y - sleeve.y0, x - sleeve.x0]
    assert shown[0] > 0.95 and 0.45 < shown[1] < 0.7 and 0.2 < shown[2] < 0.4
    drawn = ArmAnimator(layers)._upper[0]
    assert drawn.opaque.min() < 0 and drawn.opaque.max() > 1, "it begins below the photograph's"


def test_a_wrist_that_points_at_the_camera_ends_inside_its_cuff() -> None:
    layers, model, palm = figure(2.0), load_arm(0), 60.0
    animator = ArmAnimator(layers)
    shoulder, elbow, wrist = (np.array(p, float) for p in ((500, 200, -20), (560, 400, -20), (550, 330, 130)))
    turn = rotation_between(model.joints[2, 0], (wrist - elbow) * FLIP)
    verts = pose_arm(model, turn, STRAIGHT, shoulder, elbow, wrist, palm)
    normals = normals_of(verts * FLIP, model.tri)
    hand = animator._lower[0].layer(verts, normals, palm, (768, 768))
    cuff = animator._cuff(verts, normals, palm, 0)
    assert hand is not None and cuff is not None
    wall = (model.along > 1.86) & (model.along < 1.93) & (normals[:, 2] > 0.3)  # of the sleeve, before the wrist
    x, y = (verts + normals * FLIP * 0.07 * palm)[wall, :2].astype(int).T
    assert wall.sum() > 3
    skin, cloth = np.zeros((2, 768, 768))
    for canvas, layer in ((skin, hand), (cloth, cuff)):
        canvas[layer.y0 : layer.y0 + layer.alpha.shape[0], layer.x0 : layer.x0 + layer.alpha.shape[1]] = layer.alpha
    assert skin[y, x].mean() < 0.05 and cloth[y, x].mean() > 0.95


def test_a_sleeve_has_no_line_along_its_outline() -> None:
    layers, model, palm = figure(2.0), load_arm(0), 150.0
    layers.look.grain = 0
    shoulder, elbow, wrist = (np.array(p, float) for p in ((300, 0, 0), (350, 200, 0), (480, 620, 60)))
    turn = rotation_between(model.joints[2, 0], (wrist - elbow) * FLIP)
    verts = pose_arm(model, turn, STRAIGHT, shoulder, elbow, wrist, palm)
    normals, thick = normals_of(verts * FLIP, model.tri), np.full(len(verts), 0.1)
    columns = np.linspace(0.8, 0.1, 64, dtype=np.float32)  # cloth that is darker on one side
    texture = np.broadcast_to(columns[None, :, None], (32, 64, 3)).copy()
    cloth = cloth_layer(model, verts, normals, palm, layers.look, texture, (768, 768), thick, (0.88, 1.99))
    assert cloth is not None
    falls = []
    for row in range(300, 500):  # from the light side to the dark one
        inside = np.flatnonzero(cloth.alpha[row - cloth.y0] > 0.98)
        levels = cloth.rgb[row - cloth.y0, inside, 1]
        falls.append(np.abs(levels[:6] - levels[8]).max())
    assert np.max(falls) < 22


def test_the_front_hand_stays_in_front_while_they_overlap() -> None:
    clip = gestures(Person(), 60, 6, flat=True)
    body, hands = clip.body.copy(), clip.hands.copy()
    goal = np.array(Person().place) + [0, 200]
    for side, (elbow, wrist) in enumerate(((6, 7), (3, 4))):
        hands[10:50, side, :, :2] += (goal - hands[10:50, side, 9, :2])[:, None]
        body[:, wrist, :2] = hands[:, side, 0, :2]
        swing = 60 * np.sin(np.arange(60) / 5 + side * np.pi)  # forearms that point more and less at the camera
        body[:, elbow, :2] = body[:, wrist, :2] + np.stack([90 + swing, np.zeros(60)], 1) * (1 if side == 0 else -1)
    clip = replace(clip, body=body, hands=hands)
    front = front_side(clip, fit_clip(clip))
    assert len(set(front[10:50])) == 1
    for side in range(2):  # a hand of which the detector is less sure while they overlap is the covered one
        doubted = hands.copy()
        doubted[10:50, side, :, 2] *= 0.9
        assert (front_side(replace(clip, hands=doubted), fit_clip(clip))[10:50] == 1 - side).all()


def test_a_front_hand_shades_the_arm_behind_it() -> None:
    layers = figure()
    animator, track = ArmAnimator(layers), tracked(layers, gestures(Person(), 2, 2))
    rear = PaintedLayer(np.full((300, 300, 3), 200, np.float32), np.ones((300, 300), np.float32), 20, 20)
    hand = PaintedLayer(np.zeros((60, 60, 3), np.float32), np.ones((60, 60), np.float32), 120, 120)
    shaded = []
    for behind in ([], [rear]):
        out = np.full((*animator.size, 3), 200, np.uint8)
        animator._shadow(out, hand, float(track.palm[0, 0]), behind)
        shaded.append(out)
    assert (shaded[0][:300, :200] == 200).all()  # neither torso nor arm is there
    assert shaded[1][185, 155].max() < 170 and (shaded[1][330:, :100] == 200).all()


def test_a_hand_before_another_one_is_set_off_by_a_narrow_line_of_reddish_shade() -> None:
    rear = PaintedLayer(np.full((300, 300, 3), 200, np.float32), np.ones((300, 300), np.float32), 20, 20)
    hand = PaintedLayer(np.zeros((60, 60, 3), np.float32), np.ones((60, 60), np.float32), 120, 120)
    out = np.full((400, 400, 3), 200, np.uint8)
    _contact_shadow(out, hand, rear, 60.0)
    line, beside, far = out[182, 150].astype(int), out[150, 116].astype(int), out[200, 150].astype(int)
    assert line[1] < 0.8 * 200 and line[1] < beside[1] < 195, "darker below the hand than beside it"
    assert line[0] > line[1] + 5 and (far > 195).all()


def test_a_bent_elbow_shows_no_triangles() -> None:
    arm = load_arm(0)
    shoulder, elbow, wrist = (np.array(p, float) for p in ((300, 100, 0), (330, 280, 0), (180, 300, 40)))
    turn = rotation_between(arm.joints[2, 0], (wrist - elbow) * FLIP)
    palm = 70.0
    verts = pose_arm(arm, turn, STRAIGHT, shoulder, elbow, wrist, palm)
    near = (arm.along[arm.tri].min(1) > 0.8) & (arm.along[arm.tri].max(1) < 1.3)
    tri = arm.tri[near]
    flat = np.cross(verts[tri[:, 1]] - verts[tri[:, 0]], verts[tri[:, 2]] - verts[tri[:, 0]])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    sides: dict[tuple[int, ...], int] = {}
    corners = []
    for k, face in enumerate(tri.tolist()):
        for i in range(3):
            edge = tuple(sorted((face[i], face[i - 1])))
            other = sides.setdefault(edge, k)
            if other != k:
                turned = np.degrees(np.arccos(np.clip(flat[k] @ flat[other], -1, 1)))
                corners.append(turned * np.linalg.norm(verts[edge[0]] - verts[edge[1]]) / palm)
    assert np.percentile(corners, 90) < 3, "degrees times palms: only small triangles may meet at an angle"


def test_edges_are_as_soft_as_the_photographs() -> None:
    layers = figure()
    found, large = [], np.full((4 * 768, 4 * 768), 40, np.uint8)
    cv2.fillConvexPoly(large, np.array([[1200, 700], [1900, 760], [2000, 2900], [1000, 2800]]), 200)
    for blur in (0.6, 1.1):
        soft = cv2.resize(cv2.GaussianBlur(large, (0, 0), 4 * blur), (768, 768), interpolation=cv2.INTER_AREA)
        photo = np.repeat(soft[..., None], 3, 2)
        assert edge_blur(photo, layers.person) == pytest.approx(blur, abs=0.2)
        found.append(ArmAnimator(replace(layers, photo=photo)).look.blur)
    assert found[0] < found[1] - 0.3


def test_the_weave_of_cloth_is_no_grain() -> None:
    layers = figure()
    face = np.zeros((68, 3))
    face[:, :2] = layers.pose.face[:, :2]
    rng = np.random.default_rng(0)
    photo = np.full_like(layers.photo, 150)
    low = int(face[:, 1].max()) + 10
    photo[low:] = (150 + 8 * rng.standard_normal(photo[low:].shape[:2]))[..., None].clip(0, 255)
    everywhere = np.ones(photo.shape[:2], np.float32)
    assert find_light(photo, layers.pose, everywhere)[1] < 0.003


def test_hands_are_as_light_as_bare_arms_but_keep_their_own_hue() -> None:
    layers = figure(0.5)
    pale = to_srgb(to_linear(SKIN) * [1.12, 1.22, 1.25])
    layers = replace(layers, photo=np.full_like(layers.photo, (pale * 255).round().astype(np.uint8)))
    arm, hand = arm_tone(layers), to_linear(SKIN)
    assert arm is not None
    surface = ArmAnimator(layers)._surfaces[0]
    redness = np.log(surface.hand[0] / surface.hand[1]) - np.log(surface.upper[0] / surface.upper[1])
    assert redness == pytest.approx(np.log(hand[0] / hand[1]) - np.log(arm[0] / arm[1]), abs=0.01) and redness > 0.05


def test_fingers_are_redder_than_the_backs_of_hands() -> None:
    arm = load_arm(0)
    middle = arm.rest[arm.tri].mean(1)
    texel = arm.texel.mean(1).round().astype(int)
    back = arm.palm[arm.tri].mean(1) < 0.05

    def redness(at: np.ndarray) -> float:
        chosen = back & (np.linalg.norm(middle - at, axis=1) < 0.2)
        colour = arm.skin[texel[chosen, 1], texel[chosen, 0]].astype(float)
        return float(np.log(colour[:, 0] / colour[:, 1]).mean())

    finger = np.mean([redness((arm.joints[j, 1] + arm.joints[j, 2]) / 2) for j in range(1, 5)])
    assert 0.08 < finger - redness(0.5 * arm.joints[2, 0]) < 0.25


def test_a_hand_that_drops_out_for_a_moment_does_not_jump() -> None:
    layers = figure()
    clip = gestures(Person(), 24, 4)
    hands = clip.hands.copy()
    hands[8:14, 0] = 0
    step = np.linalg.norm(np.diff(tracked(layers, replace(clip, hands=hands)).wrist[0], axis=0), axis=1)
    usual = np.linalg.norm(np.diff(tracked(layers, clip).wrist[0], axis=0), axis=1)
    assert step.max() < 2.5 * usual.max()


def test_memory_does_not_grow_with_the_frames() -> None:
    layers = figure()
    animator, track = ArmAnimator(layers), tracked(layers, gestures(Person(), 3, 7))
    out = layers.plate.astype(np.uint8)
    animator.draw(out, track, 0)
    tracemalloc.start()
    try:
        kept = []
        for t in range(9):
            animator.draw(out, track, t % 3)
            kept.append(tracemalloc.get_traced_memory()[0])
        assert kept[-1] - kept[1] < 200_000  # bytes
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


def test_drawing_needs_nothing_of_the_renderer() -> None:
    code = (
        "import sys; import vivid.generators.layered.arms, vivid.generators.layered.hand_fit; "
        "from vivid.generators.layered.arm_mesh import load_arm; load_arm(0); "
        "sys.exit(bool({'scipy', 'moderngl', 'torch', 'vivid.synthesis'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
