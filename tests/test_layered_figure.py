"""A portrait taken apart: fillings, outlines, sway, what may move, and the layers of a rendered person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from pose_people import Person as StickPerson
from pose_people import gestures

from vivid.errors import InputError
from vivid.generators.layered.colours import (
    CLEAR_CONTRAST,
    LEAST_CONTRAST,
    MOST_CONTRAST,
    USUAL_CONTRAST,
    Colours,
    find_colours,
    light_contrast,
)
from vivid.generators.layered.compose import Compositor, fine_picture
from vivid.generators.layered.face_mesh import CHIN, FaceFinder, FaceMesh, pupil_distance
from vivid.generators.layered.figure import ELBOWS, HEM_KNOTS, SHOULDERS, WRISTS, ArmOutline, hem_bow
from vivid.generators.layered.head_motion import FaceMotion
from vivid.generators.layered.ladder import Plan, decide
from vivid.generators.layered.matte import _by_colour, _sharpened, with_rim
from vivid.generators.layered.outline import ArmRegion, Figure, fit_hem, hand_mask, is_sleeveless, level_hems
from vivid.generators.layered.parsing import Parsing
from vivid.generators.layered.patch_match import patch_fill
from vivid.generators.layered.person import Person, analyse
from vivid.generators.layered.plate import column_fill, membrane, touched_cloth
from vivid.generators.layered.raster import FINE
from vivid.generators.layered.room import better_of, mirror_fill, plain_where_smooth
from vivid.generators.layered.sleeve_cut import _without_notches, cloth_under
from vivid.generators.layered.sway import BREATH, MOST, Sway
from vivid.generators.layered.take_apart import _without_crumbs, draped, find_figure
from vivid.generators.layered.torso import torso_edges
from vivid.inputs import load_motion, load_portrait
from vivid.pose.calibrate import calibrate
from vivid.pose.portrait import Portrait

PORTRAITS = Path(__file__).parents[1] / "examples" / "portraits"
HOLE = np.zeros((120, 160), bool)
HOLE[30:110, 50:110] = True


def stripes(axis: int, period: int = 12) -> np.ndarray:
    """A picture (120, 160, 3) of soft stripes along an axis."""
    place = np.arange(HOLE.shape[axis])
    wave = 128 + 60 * np.sin(2 * np.pi * place / period)
    wave = wave[:, None] if axis == 0 else wave[None]
    return np.broadcast_to(wave[..., None], (*HOLE.shape, 3)).astype(np.float32)


def test_a_membrane_carries_colours_on_and_changes_nothing_known():
    flat = np.full((*HOLE.shape, 3), (200.0, 90.0, 30.0), np.float32)
    assert np.allclose(membrane(flat, ~HOLE), flat, atol=0.1)
    ramp = np.broadcast_to(np.linspace(0, 200, 160)[None, :, None], (*HOLE.shape, 3)).astype(np.float32)
    filled = membrane(ramp, ~HOLE)
    assert np.array_equal(filled[~HOLE], ramp[~HOLE])
    assert filled[HOLE].min() >= ramp[HOLE].min() - 20 and filled[HOLE].max() <= ramp[HOLE].max() + 20
    large = membrane(np.kron(ramp, np.ones((4, 4, 1))), np.kron(~HOLE, np.ones((4, 4))) > 0)
    assert np.abs(cv2.resize(large, (160, 120), interpolation=cv2.INTER_AREA) - filled)[HOLE].mean() < 6


def test_a_mirror_goes_on_with_lines_across():
    picture = stripes(axis=0)
    filled = mirror_fill(np.where(HOLE[..., None], np.float32(0), picture), HOLE, 80.0, 1.0)
    assert np.abs(filled - picture)[HOLE].mean() < 4


def test_shelves_stay_upright_behind_an_arm_that_slants():
    picture, hole = stripes(axis=1), np.zeros_like(HOLE)
    for y in range(20, 100):
        hole[y, 40 + y // 2 : 110] = True
    filled = mirror_fill(picture, hole, 150.0, 1.0)
    assert filled[30:90, 66:106].std(0).mean() < 3


def test_columns_go_on_with_lines_downwards():
    picture = stripes(axis=1)
    hole = np.zeros_like(HOLE)
    hole[45:75, 50:110] = True
    body = np.ones(hole.shape, np.float32)
    filled = column_fill(picture, hole, ~hole, body, membrane(picture, ~hole), 1.0)
    inner = cv2.erode(hole.astype(np.uint8), np.ones((9, 9))) > 0
    assert np.abs(filled - picture)[inner].mean() < 18
    assert np.array_equal(filled[~hole], picture[~hole])


def test_a_pocket_above_a_hand_is_not_drawn_again_below_it():
    picture, hole = np.full((*HOLE.shape, 3), 200, np.float32), np.zeros_like(HOLE)
    hole[60:90, 50:110] = True
    picture[40:50, 70:90] = 60
    filled = column_fill(picture, hole, ~hole, np.ones(hole.shape, np.float32), picture, 1.0)
    assert filled[hole].min() > 190


def test_the_edge_of_a_jacket_goes_on_sharp_and_a_fold_fades():
    picture = np.full((240, 160, 3), (40.0, 50.0, 60.0), np.float32)
    rows = np.arange(240)
    for row in rows:
        picture[row, 90 + (60 - row) // 4 if row < 60 else 90 :] = (220, 230, 240)  # a lapel, slanted
    picture[:, 30:33] -= 15  # a fold
    hole = np.zeros((240, 160), bool)
    hole[60:] = True
    filled = column_fill(picture, hole, ~hole, np.ones(hole.shape, np.float32), membrane(picture, ~hole), 1.0)
    row = filled[150, :, 0]
    assert 85 < np.argmax(row > 130) < 96 and ((row > 60) & (row < 200)).sum() <= 6
    assert np.ptp(filled[225, 20:45, 0]) < 5 < 10 < np.ptp(filled[61, 20:45, 0])


def test_the_edge_of_a_lapel_that_leans_is_not_blurred_by_the_mean_of_many_rows():
    picture = np.full((500, 400, 3), (40.0, 50.0, 110.0), np.float32)
    for row in range(500):
        picture[row, 150 + (200 - row) // 3 if row < 200 else 150 : 300] = (210, 220, 230)
    hole = np.zeros((500, 400), bool)
    hole[200:] = True
    filled = column_fill(picture, hole, ~hole, np.ones(hole.shape, np.float32), membrane(picture, ~hole), 3.0)
    row = filled[300, 100:250, 0]
    assert ((row > 60) & (row < 190)).sum() <= 4


def test_of_two_fillings_the_one_is_taken_that_fits_the_rim_nearby():
    picture = (
        stripes(axis=0) * (np.arange(160) < 80)[None, :, None] + stripes(axis=1) * (np.arange(160) >= 80)[None, :, None]
    )
    inner, outer = (cv2.dilate(HOLE.astype(np.uint8), np.ones((side, side))) > 0 for side in (7, 13))
    level, upright = stripes(axis=0) + 30, stripes(axis=1) - 30  # tones are corrected, so that they do not decide
    mixed, error = better_of(level, upright, picture, inner & ~HOLE, outer & ~inner, 1.0)
    for part in (np.s_[40:100, 52:62], np.s_[40:100, 98:108]):
        assert np.abs(mixed - picture)[part].mean() < 8
        assert error[part].mean() < 8


def test_a_smooth_rooms_tones_are_continued_and_a_busy_ones_filling_is_kept():
    ramp = np.broadcast_to(np.linspace(60, 180, 160, dtype=np.float32)[None, :, None], (*HOLE.shape, 3))
    blot = ramp.copy()
    blot[HOLE] = 20
    rims, poor = rims_of(HOLE), np.full(HOLE.shape, 50, np.float32)
    assert np.abs(plain_where_smooth(blot, poor, blot, ~HOLE, *rims, 1.0) - ramp)[HOLE].mean() < 12
    busy = np.where(HOLE[..., None], np.float32(20), stripes(axis=1))
    assert np.array_equal(plain_where_smooth(busy, poor, busy, ~HOLE, *rims, 1.0)[HOLE], busy[HOLE])


def rims_of(hole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inner and the outer rim (H, W) of a hole."""
    inner, outer = (cv2.dilate(hole.astype(np.uint8), np.ones((side, side))) > 0 for side in (9, 17))
    return inner & ~hole, outer & ~inner


def test_the_tone_of_a_board_does_not_run_over_its_ledge():
    board = np.full((160, 200, 3), 60, np.float32)
    board[72:] = 200  # the wall below
    hole = np.zeros((160, 200), bool)
    hole[20:140, 60:140] = True
    seen = np.where(hole[..., None], board[0], board)
    filled = plain_where_smooth(seen, np.full(hole.shape, 50, np.float32), seen, ~hole, *rims_of(hole), 0.5)
    assert np.abs(filled - board)[96:136, 70:130].max() < 20
    assert np.abs(filled - board)[24:52, 70:130].max() < 20
    sharp = plain_where_smooth(board, np.zeros(hole.shape, np.float32), seen, ~hole, *rims_of(hole), 0.5)
    assert np.abs(sharp - board)[56:88, 70:130].max() < 2, "a filling that foretells the ledge is kept there"


def test_a_spot_on_the_chest_that_no_arm_reaches_is_no_arm():
    gone, nowhere = np.zeros(HOLE.shape, bool), np.zeros(HOLE.shape, bool)
    gone[20:100, 20:40] = gone[50:60, 80:90] = True
    arm = SimpleNamespace(shoulder=np.array([30.0, 20.0]), elbow=np.array([30.0, 60.0]), wrist=np.array([30.0, 99.0]))
    scene = SimpleNamespace(regions=[SimpleNamespace(outline=arm)])
    scene.bar = lambda a, b, thickness: cv2.line(
        np.zeros(HOLE.shape, np.uint8), a.astype(int).tolist(), b.astype(int).tolist(), 1, 3
    ).astype(bool)
    kept = _without_crumbs(scene, gone, nowhere)
    assert kept[20:100, 20:40].all() and not kept[:, 60:].any()


def test_the_flank_that_a_sleeve_hid_goes_on_from_the_cloth_beside_it():
    picture = np.full((*HOLE.shape, 3), (40.0, 50.0, 60.0), np.float32)
    picture[100:] = 150  # a dip-dyed edge far below
    picture[:, 90:] = (220, 230, 240)  # a shirt under an open jacket
    known = np.zeros(HOLE.shape, bool)
    known[10:60, 60:120] = True  # hands hide the rows below, a sleeve the columns on the left
    known[100:, 40:120] = True
    fallback = np.full_like(picture, (220, 230, 240))
    filled = column_fill(picture, ~known, known, np.ones(HOLE.shape, np.float32), fallback, 1.0)
    assert np.abs(filled[15:75, 42:58] - (40, 50, 60)).max() < 15


def test_what_is_filled_meets_the_shadow_beside_it():
    picture, hole = np.full((*HOLE.shape, 3), 200, np.float32), np.zeros_like(HOLE)
    hole[60:90, 50:110] = True
    known = ~(cv2.dilate(hole.astype(np.uint8), np.ones((7, 7))) > 0)
    shadow = ~known & ~hole
    picture[shadow] = 150
    filled = column_fill(picture, hole, known, np.ones(hole.shape, np.float32), picture, 1.0)
    assert np.abs(filled[60, 55:105] - picture[59, 55:105]).max() < 20
    assert np.abs(filled[75, 70:90] - 200).max() < 25


def test_shade_at_the_rim_runs_into_what_is_filled_and_black_cloth_stays_a_number():
    picture, hole = np.full((*HOLE.shape, 3), (180.0, 170.0, 150.0), np.float32), np.zeros_like(HOLE)
    hole[60:110, 50:110] = True
    picture[57:60, 50:110] *= 0.45  # the torso's own shade: darker than any arm's shadow, of the same hue
    known = ~(cv2.dilate(hole.astype(np.uint8), np.ones((7, 7))) > 0)
    filled = column_fill(picture, hole, known, np.ones(hole.shape, np.float32), picture, 1.0)
    assert np.abs(filled[61, 60:100] - picture[59, 60:100]).max() < 40
    assert filled[100, 70:90].min() > 120
    rng = np.random.default_rng(0)
    black = rng.normal(0, 20, picture.shape).clip(0, 255).astype(np.float32)
    assert np.isfinite(column_fill(black, hole, known, np.ones(hole.shape, np.float32), black - 40, 1.0)).all()


def test_the_shadow_that_a_hand_left_on_cloth_goes_with_it_and_a_button_stays():
    cloth = np.full((*HOLE.shape, 3), (180.0, 180.0, 190.0), np.float32)
    hand = np.zeros(HOLE.shape, bool)
    hand[40:60, 60:100] = True
    cloth[60:66, 60:100] -= 40  # its shadow
    cloth[90:93, 80:83] -= 90  # a button far from it
    near = cv2.dilate(hand.astype(np.uint8), np.ones((41, 41))) > 0
    found = touched_cloth(np.where(hand[..., None], np.float32(90), cloth), hand, near, hand, ~hand, 1.0)
    assert found[60:66, 62:98].mean() > 0.9
    assert not found[85:].any() and not (found & hand).any() and found.sum() < 3 * 6 * 40


def test_a_belt_beside_an_arm_is_no_shadow_on_the_shirt():
    cloth = np.full((200, 200, 3), 220.0, np.float32)
    cloth[120:160] = 20
    arm = np.zeros((200, 200), bool)
    arm[20:150, :40] = True
    near, known = arm.copy(), ~arm
    near[20:160, :51] = True
    known[:, :43] = False
    shown = np.where(arm[..., None], np.float32(150), cloth)
    found = touched_cloth(shown, arm, near, cv2.dilate(arm.astype(np.uint8), np.ones((9, 9))) > 0, known, 1.0)
    assert not found[125:155].any()


def test_the_highlight_of_a_fold_beside_a_hand_is_no_trace_of_it_and_its_reflection_is():
    cloth = np.full((*HOLE.shape, 3), (180.0, 180.0, 190.0), np.float32)
    hand = np.zeros(HOLE.shape, bool)
    hand[40:60, 60:100] = True
    near = cv2.dilate(hand.astype(np.uint8), np.ones((41, 41))) > 0
    cloth[hand] = (210, 150, 120)
    cloth[60:68, 60:100] += 25
    assert not touched_cloth(cloth, hand, near, hand, ~hand, 1.0)[64:70].any()
    cloth[60:68, 60:100] += (12, -2, -14)
    assert touched_cloth(cloth, hand, near, hand, ~hand, 1.0)[61:66, 62:98].mean() > 0.9


def test_a_thin_rim_is_continued_from_where_it_is_near():
    rim, picture = np.zeros((200, 200), bool), np.zeros((200, 200, 3), np.float32)
    rim[100, 20:180] = True
    picture[100] = np.where(np.arange(200) < 100, 40, -40)[:, None]
    found = membrane(picture, rim)[..., 0]
    assert found[110, 60] > 30 and found[110, 140] < -30 and found[130, 60] > 15


def test_the_corner_of_a_hem_is_found_though_the_network_rounds_it_off():
    truth = np.zeros((240, 240), np.uint8)
    cv2.fillPoly(truth, [np.array([[20, 20], [150, 20], [200, 140], [20, 160]])], 255)
    truth = cv2.GaussianBlur(truth, (0, 0), 0.8).astype(np.float32) / 255
    rng = np.random.default_rng(0)
    picture = 90 + truth[..., None] * np.array([120, 110, 100]) + rng.normal(0, 2, (240, 240, 3))
    coarse = cv2.resize(cv2.resize(truth, (30, 30), interpolation=cv2.INTER_AREA), (240, 240))
    found = _sharpened(coarse, picture.clip(0, 255).astype(np.uint8))
    assert np.abs(found - truth).mean() < 0.1 * np.abs(coarse - truth).mean()
    assert found[138, 195] > 0.5, "the corner itself"
    alike = np.full((240, 240, 3), 128, np.uint8)  # where colours say nothing the network is believed
    assert np.abs(_by_colour(coarse, alike, 3) - coarse).max() < 1e-3


def test_a_hem_is_followed_though_it_is_no_straight_line():
    rows, columns = np.mgrid[:300, :200].astype(np.float32)
    at, wide, width = np.zeros(2), np.full(10, 80.0), 400.0
    outline = ArmOutline(at, at, at, 0.6, wide, wide, True)
    limit, nowhere = np.full(rows.shape, 100, np.float32), np.zeros(rows.shape, bool)
    region = ArmRegion(outline, rows / 300, columns - 100, limit, limit, ~nowhere, False)
    ends = 0.62 + 0.05 * np.abs(region.outward / 100) - 0.04 * region.outward / 100
    skin = (region.along > ends).astype(np.float32)
    hem, curve = fit_hem(region, np.ones_like(skin), np.ones_like(skin), skin, nowhere, width)
    found = replace(outline, hem=hem, hem_curve=curve).hem_at(region.outward[0] / width)
    assert np.abs(found - ends[0])[10:190].max() < 0.025
    beside = np.where(region.outward < -55, 0, skin)  # a shirt hangs beside the arm
    hem, curve = fit_hem(region, np.ones_like(skin), np.ones_like(skin), beside, nowhere, width)
    inner = replace(outline, hem=hem, hem_curve=curve).hem_at(region.outward[0] / width)
    assert np.abs(inner - ends[0])[50:190].max() < 0.03 and np.ptp(inner[:50]) < 0.04, "it is no part of the sleeve"
    kept = fit_hem(region, np.ones_like(skin), np.ones_like(skin), np.zeros_like(skin), nowhere, width)
    assert kept[0] == 0.6 and np.array_equal(kept[1], hem_bow(HEM_KNOTS)), "nothing is seen: as it was"


def test_a_hem_runs_across_the_arm_without_steps():
    rows, columns = np.mgrid[:300, :200].astype(np.float32)
    at, wide, width = np.zeros(2), np.full(10, 80.0), 400.0
    outline = ArmOutline(at, at, at, 0.6, wide, wide, True)
    limit, nowhere = np.full(rows.shape, 100, np.float32), np.zeros(rows.shape, bool)
    region = ArmRegion(outline, rows / 300, columns - 100, limit, limit, ~nowhere, False)
    ragged = 0.6 + 0.04 * np.sign(np.sin(region.outward / 12))  # shade, and the tip of a thumb
    curve = fit_hem(region, np.ones_like(rows), np.ones_like(rows), (region.along > ragged) * 1.0, nowhere, width)[1]
    assert np.abs(np.diff(curve[4:9], 3)).max() < 0.002


def test_the_ends_of_two_short_sleeves_are_alike_and_an_arm_without_a_sleeve_says_nothing():
    def ends(*hems: float) -> list[float]:
        arms = [ArmOutline(*np.zeros((3, 2)), hem, np.ones(10), np.ones(10), True) for hem in hems]
        level_hems(arms)
        return [arm.hem for arm in arms]

    assert ends(0.85, 0.54) == [0.54, 0.54] and ends(0.54, 0.6) == [0.54, 0.6]
    assert ends(0.0, 0.6) == [0.0, 0.6] and ends(1.6, 0.6) == [1.6, 0.6]


def test_an_arm_without_a_sleeve_is_told_from_one_with_a_short_sleeve():
    rows, columns = np.mgrid[:300, :200].astype(np.float32)
    outline = ArmOutline(*np.zeros((3, 2)), 0.3, np.full(10, 60.0), np.full(10, 60.0), True)
    limit, nowhere = np.full(rows.shape, 60, np.float32), np.zeros(rows.shape, bool)
    region = ArmRegion(outline, rows / 300, columns - 100, limit, limit, ~nowhere, False)
    whole = np.ones_like(rows)

    def found(skin: np.ndarray, hidden: np.ndarray = nowhere) -> bool:
        return is_sleeveless(region, whole, skin.astype(np.float32), hidden, 400.0)

    assert found(region.outward > -20), "cloth of the torso lies on the inner side"
    assert not found(region.along > 0.32) and not found(whole, ~nowhere)


def test_bare_arms_are_no_cloth():
    pose = gestures(StickPerson(), 1, flat=True).frame(0)
    picture = np.full((768, 768, 3), (90, 90, 95), np.uint8)
    neck = pose.body[1, :2]
    chest, skin = (150, 90, 40), np.array([215, 170, 145])
    cv2.rectangle(picture, (neck - [120, 0]).astype(int).tolist(), (neck + [120, 430]).astype(int).tolist(), chest, -1)
    cv2.fillConvexPoly(picture, cv2.convexHull(pose.face[:, :2].astype(np.int32)), skin.tolist())
    arm = np.zeros((768, 768), np.uint8)
    for shoulder, elbow in zip(SHOULDERS, ELBOWS, strict=True):
        a, b = (pose.body[k, :2].astype(int).tolist() for k in (shoulder, elbow))
        cv2.line(arm, a, b, 1, 60)
    picture[arm > 0] = (0.93 * skin).astype(np.uint8)  # darker than the lit face
    person = (np.abs(picture.astype(int) - (90, 90, 95)).max(2) > 0).astype(np.float32)
    hands = np.zeros((768, 768), bool)
    found = find_colours(picture, pose, person, hands)
    bare = cv2.erode(arm, np.ones((15, 15))) > 0
    assert (found.skin[bare] > 0.5).mean() > 0.9 and (found.off_cloth[bare] > 24).mean() > 0.9
    picture[arm > 0] = chest
    assert (find_colours(picture, pose, person, hands).skin[bare] > 0.5).mean() < 0.05


def test_a_torsos_edge_is_followed_where_it_is_seen_and_bridged_behind_an_arm():
    rows, columns = np.mgrid[:400, :400].astype(np.float32)
    half = 80 + np.clip(rows - 300, 0, 30)  # straight sides, and a skirt that flares
    person = (np.abs(columns - 200) < half).astype(np.float32)
    arm = (rows > 230) & (rows < 265) & (columns > 60) & (columns < 220)
    person[arm] = 1
    edges, top = torso_edges(person, arm, np.zeros_like(arm), np.array([[290.0, 60.0], [110.0, 60.0]]), 180.0)
    truth = 200 - half[:, 0]
    seen = (rows[:, 0] > top + 5) & ((rows[:, 0] < 225) | (rows[:, 0] > 270)) & (rows[:, 0] < 390)
    assert np.abs(edges[:, 0] - truth)[seen].max() < 1.6
    assert np.abs(edges[:, 0] - truth)[231:265].max() < 1.6
    assert np.abs(edges[:, 1] - (400 - truth))[int(top) + 5 : 390].max() < 1.6


def test_a_waist_behind_an_arm_runs_straight_from_where_it_is_seen_to_where_it_is_seen():
    rows, columns = np.mgrid[:400, :400].astype(np.float32)
    half = 40 + np.clip(rows - 200, 0, 120) / 6
    person = (np.abs(columns - 200) < half).astype(np.float32)
    arm = (rows > 200) & (rows < 320) & (columns > 60) & (columns < 220)
    person[arm] = 1
    edges, _ = torso_edges(person, arm, np.zeros_like(arm), np.array([[290.0, 60.0], [110.0, 60.0]]), 180.0)
    assert np.abs(edges[:, 0] - (200 - half[:, 0]))[200:320].max() < 3


def test_the_room_stays_as_it_is_right_beside_a_shoulder_and_follows_loose_hair_beside_a_head():
    points = np.zeros((478, 3))
    points[:, :2] = (200, 150)
    points[CHIN, 1] = 180
    points[[33, 133], 0], points[[263, 362], 0] = 170, 230
    person = np.zeros((500, 400), np.float32)
    person[80:200, 150:250] = person[200:, 100:300] = 1
    room = np.where((np.mgrid[:500, :400].sum(0) // 4) % 2, 200, 60).astype(np.uint8)[..., None].repeat(3, 2)
    _, behind = with_rim(room, person, FaceMesh(points))
    changed = np.abs(behind.astype(float) - room).mean(2) > 20
    assert changed[100:170, 253:259].any() and not changed[300:, 306:].any()


def test_a_hip_that_is_seen_right_below_an_elbow_is_followed():
    rows, columns = np.mgrid[:400, :400].astype(np.float32)
    half = 70 + np.clip(rows - 296, 0, 24)  # the hip begins where the elbow ends
    torso, arm = np.abs(columns - 200) < half, (rows > 120) & (rows < 300) & (columns > 60) & (columns <= 130)
    edges, _ = torso_edges(
        (torso | arm).astype(np.float32), arm, torso, np.array([[290.0, 60.0], [110.0, 60.0]]), 180.0
    )
    assert np.abs(edges[:, 0] - (200 - half[:, 0]))[302:380].max() < 1.6


def test_cloth_that_ends_beside_a_hanging_arm_ends_there():
    rows, columns = np.mgrid[:400, :400].astype(np.float32)
    half = 77 - 10 * np.sin(np.pi * np.clip((rows - 100) / 300, 0, 1))  # a waist
    torso, arm = np.abs(columns - 200) < half, (np.abs(columns - 200) >= half) & (np.abs(columns - 200) < 130)
    edges, top = torso_edges(
        (torso | arm).astype(np.float32), arm, np.zeros_like(arm), np.array([[290.0, 60.0], [110.0, 60.0]]), 180.0
    )
    span = slice(int(top) + 15, 385)
    assert np.abs(edges[span, 0] - (200 - half[span, 0])).max() < 2.5


def test_a_notch_in_a_sleeve_is_closed_and_its_outline_kept():
    sleeve = np.zeros((200, 200), np.float32)
    sleeve[20:160, 60:140] = 1
    bitten = sleeve.copy()
    bitten[120:128, 100:140] = 0
    mended = _without_notches(bitten, 190.0, sleeve < 0)
    assert mended[124, 105:130].min() > 0.9
    far = cv2.dilate(sleeve, np.ones((9, 9))) == 0
    assert mended[far].max() < 1e-3
    flap = sleeve.copy()
    flap[130:142, 140:165] = 1  # the sleeve of a forearm behind a hand
    assert _without_notches(flap, 190.0, sleeve < 0)[136, 150:].max() < 0.1
    assert _without_notches(flap, 190.0, sleeve >= 0)[136, 150:160].min() > 0.9, "nothing is cut from a shoulder"


def test_a_sleeve_behind_a_hand_is_not_lit_by_the_room_at_its_rim():
    rows, columns = np.mgrid[:240, :240].astype(np.float32)
    sleeve = (columns > 60) & (columns < 150) & (rows > 20)
    rim, hidden = sleeve & (columns < 64), (rows > 140) & (rows < 200) & (columns > 50) & (columns < 140)
    photo = np.full((240, 240, 3), 235, np.uint8)
    photo[sleeve], photo[rim] = 30, 170
    outline = ArmOutline(
        *np.array([[100.0, 20], [100, 220], [180, 220]]), 2.0, np.full(10, 45.0), np.full(10, 45.0), True
    )
    limit = np.full(rows.shape, 45, np.float32)
    region = ArmRegion(outline, (rows - 20) / 200, columns - 105, limit, limit, sleeve, False)
    shares = np.zeros((8, 240, 240), np.float32)
    shares[4] = np.where(sleeve, np.where(rim, 0.4, 1), 0)
    shares[0] = 1 - shares[4]
    nothing = np.zeros(rows.shape, np.float32)
    figure = Figure(
        photo, gestures(StickPerson(), 1).frame(0), sleeve.astype(np.float32), (False, True), 190.0, np.zeros((2, 2)),
        Colours(nothing, np.zeros(3), np.where(rim, 20, 0).astype(np.float32)), Parsing(shares), hidden, hidden,
        [region, region], columns, rows,
    )  # fmt: skip
    filled = cloth_under(figure, np.stack([sleeve, sleeve < 0]).astype(np.float32), nothing > 0)
    assert filled[150:190, 75:130].max() < 45


def test_patches_come_from_what_is_known_and_twice_the_same():
    rng = np.random.default_rng(0)
    tiles = np.kron(rng.integers(0, 2, (15, 20, 1)), np.ones((8, 8, 3))).astype(np.float32) * 150 + 50
    hole = np.zeros(HOLE.shape, bool)
    hole[50:80, 60:90] = True
    filled = patch_fill(tiles, hole, ~hole)
    assert np.array_equal(filled[~hole], tiles[~hole]) and np.array_equal(filled, patch_fill(tiles, hole, ~hole))
    assert filled[hole].std() > 25, "texture, not fog"
    nothing = np.zeros_like(hole)
    assert np.isfinite(patch_fill(tiles, hole, nothing)).all()


def sway(seed: int = 0, count: int = 60) -> tuple[Sway, float]:
    width = 200.0
    shoulders = np.array([[300.0, 220.0], [100.0, 220.0]])
    rng = np.random.default_rng(3)
    phase = np.arange(count)[:, None] / 10 + rng.uniform(0, 6, (1, 5))
    driving = shoulders + 20 * np.sin(phase[:, None, :2])
    turns = 0.1 * np.sin(phase[:, 2:])
    return Sway(shoulders, 150.0, 600.0, driving, turns, np.ones((count, 2)), seed), width


def test_the_body_sways_little_the_head_as_one_and_the_floor_not_at_all():
    field, width = sway()
    grid = np.stack(np.meshgrid(np.arange(0, 400, 20.0), np.arange(0, 640, 20.0)), -1)
    moves = np.stack([field.at(grid, t) for t in range(60)])
    most = np.abs(moves).max() / width
    assert 0.004 < most < 1.6 * (MOST + BREATH), "alive, but not dancing"
    assert np.abs(moves[:, grid[..., 1] >= 600]).max() < 1e-6
    head = field.at(np.stack(np.meshgrid(np.arange(120, 281, 20.0), np.arange(0, 130, 20.0)), -1), 20)
    assert np.ptp(head.reshape(-1, 2), axis=0).max() < 0.002 * width
    assert np.abs(np.diff(moves, axis=0)).max() < 0.006 * width, "no jump from frame to frame"
    assert np.array_equal(sway()[0].move, field.move) and not np.array_equal(sway(1)[0].move, field.move)


@pytest.fixture(scope="module")
def ada() -> Portrait:
    return load_portrait(PORTRAITS / "ada.jpg")


@pytest.fixture(scope="module")
def mesh(ada: Portrait) -> FaceMesh:
    found = FaceFinder().find(ada.image, ada.head_box)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def person(ada: Portrait) -> Person:
    return analyse(ada.image, ada.pose, ada.head_box)


def test_a_whole_figure_moves_whole(ada: Portrait, mesh: FaceMesh):
    plan = decide(ada.image, mesh, ada.pose)
    assert plan.still == [False, False] and not plan.sentences


def changed(ada: Portrait, joint: int, place: tuple[float, float] | None, confidence: float = 1.0):
    body = ada.pose.body.copy()
    if place is not None:
        body[joint, :2] = np.array(place) * ada.size
    body[joint, 2] = confidence
    return replace(ada.pose, body=body)


def test_the_ladder_steps_down_and_says_why(ada: Portrait, mesh: FaceMesh):
    outside = changed(ada, ELBOWS[0], (1.3, 0.8))
    plan = decide(ada.image, mesh, outside)
    assert plan.still[0] and any("left elbow" in sentence for sentence in plan.sentences)
    hidden = changed(ada, WRISTS[1], (0.4, 0.7), confidence=0.1)
    plan = decide(ada.image, mesh, hidden)
    assert plan.still[1] and len(plan.sentences) == 1
    several = decide(ada.image, FaceMesh(mesh.points, 2), ada.pose)
    assert several.still == [True, True] and "several people" in several.sentences[0]
    body = ada.pose.body.copy()
    body[list(SHOULDERS), 2] = 0
    assert "shoulders" in decide(ada.image, mesh, replace(ada.pose, body=body)).sentences[0]
    body = ada.pose.body.copy()  # shoulders seen from the side are near each other, arms as long as ever
    body[list(SHOULDERS), 0] = body[list(SHOULDERS), 0].mean() + 0.7 * (
        body[list(SHOULDERS), 0] - body[list(SHOULDERS), 0].mean()
    )
    body[ELBOWS[1], :2] = body[SHOULDERS[1], :2] + [0, 1.3 * np.ptp(body[list(SHOULDERS), 0])]
    assert "turned away" in decide(ada.image, mesh, replace(ada.pose, body=body)).sentences[0]


def test_an_arm_whose_hand_is_hidden_stays_and_one_that_ends_at_the_edge_counts_as_outside(
    ada: Portrait, mesh: FaceMesh
):
    hands = ada.pose.hands.copy()
    hands[0, :, 2] = 0
    plan = decide(ada.image, mesh, replace(changed(ada, WRISTS[0], (0.6, 0.75)), hands=hands))
    assert plan.still == [True, False] and "hides the left arm" in plan.sentences[0], "a wrist without a hand"
    below = changed(ada, WRISTS[0], (0.6, 1.2))
    assert not any(decide(ada.image, mesh, replace(below, hands=hands)).still), "it hangs down out of the picture"
    body = below.body.copy()
    body[ELBOWS[0], 1] = 0.99 * ada.size[1]
    plan = decide(ada.image, mesh, replace(below, body=body, hands=hands))
    assert plan.still == [True, False] and "left elbow" in plan.sentences[0], "of its forearm nothing is seen"


def test_an_arm_under_a_veil_stays_where_it_is(ada: Portrait, person: Person):
    assert person.plan.still == [False, False]
    figure = find_figure(ada.image, ada.pose, np.asarray(person.layers.person))
    assert draped(figure) == (False, False)
    crossed = Parsing(figure.parsing.probabilities[[0, 1, 2, 3, 5, 4, 7, 6]])
    assert draped(replace(figure, parsing=crossed)) == (False, False), "the other arm may lie over it"
    # a cape from the right shoulder down: much more person beside the arm, of which the network sees no arm
    shoulder, elbow = (ada.pose.body[joint, :2] for joint in (SHOULDERS[1], ELBOWS[1]))
    cape = np.array([shoulder + [30, -20], shoulder + [-150, 40], elbow + [-200, 180], elbow + [60, 180]])
    cloak = np.zeros(figure.shape, np.uint8)
    cv2.fillConvexPoly(cloak, cape.astype(np.int32), 1)
    picture = np.where(cloak[..., None] > 0, np.uint8([90, 30, 60]), ada.image)
    found = find_figure(picture, ada.pose, np.maximum(figure.person, cloak).astype(np.float32))
    assert draped(found)[1], "the cape would be torn"
    plan = Plan()
    plan.keep_draped((False, True))
    assert plan.still == [False, True] and "right arm" in plan.sentences[0]
    plan = Plan()
    plan.keep_draped((True, True))
    assert plan.still == [True, True] and "only the head" in plan.sentences[0]


def test_hands_rise_into_a_picture_of_head_and_shoulders(ada: Portrait):
    shoulders = ada.pose.body[list(SHOULDERS), :2]
    low = int(shoulders[:, 1].max() + 0.35 * np.ptp(shoulders[:, 0]))
    picture = ada.image[:low].copy()
    pose = replace(ada.pose, canvas=(picture.shape[1], low), hands=np.zeros_like(ada.pose.hands))
    found = analyse(picture, pose, ada.head_box)
    assert (
        found.plan.entering and found.plan.still == [False, False] and "hands come into it" in found.plan.sentences[0]
    )
    assert np.array_equal(found.plain, picture), "nothing is taken out of it"

    def drawn(name: str) -> np.ndarray:
        motion = load_motion(name)
        clip = calibrate(pose, motion)[0].map_points((1, 1), (0, 0), (ada.image.shape[1], low))
        count = len(clip)
        faces, places = [FaceMotion({})] * count, np.arange(float(count))
        with_arms = Compositor(found, clip, motion, places, faces)
        without = Compositor(replace(found, layers=None), clip, motion, places, faces)
        return np.array(
            [np.abs(with_arms.frame(t).astype(int) - without.frame(t)).max(2) > 30 for t in (0, count // 2)]
        )

    begin, middle = drawn("wave")
    assert middle[low // 2 :].sum() > 400 and middle[low // 2 :].sum() > 4 * begin.sum()
    assert middle[-1].any(), "it comes from the picture's edge"


def test_a_face_turned_away_or_too_small_is_refused(ada: Portrait, mesh: FaceMesh):
    centre = mesh.points.mean(0)
    cos, sin = np.cos(1.0), np.sin(1.0)
    turned = (mesh.points - centre) @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]).T + centre
    with pytest.raises(InputError, match="turned away"):
        decide(ada.image, FaceMesh(turned), ada.pose)
    small = FaceMesh((mesh.points - centre) * 0.1 + centre)
    with pytest.raises(InputError, match="larger"):
        decide(ada.image, small, ada.pose)


def test_a_mouth_behind_a_hand_is_refused(ada: Portrait, mesh: FaceMesh):
    """Also where the colour alone does not tell: something reddish, without a line, where the lips should be."""
    lips = mesh.points[[13, 14], :2].mean(0)
    unit = pupil_distance(mesh)
    covered = ada.image.copy()
    skin = covered[tuple(np.round(mesh.points[205, 1::-1]).astype(int))].astype(int)
    cv2.ellipse(covered, (lips.astype(int).tolist(), (1.1 * unit, 0.9 * unit), 0), skin.tolist(), -1)
    cv2.ellipse(covered, (lips.astype(int).tolist(), (0.9 * unit, 0.4 * unit), 0), (skin + [10, -25, -25]).tolist(), -1)
    assert "hardly seen" in decide(covered, mesh, ada.pose).sentences[0]
    hands = ada.pose.hands.copy()
    hands[0, :, :2] = lips + unit * np.random.default_rng(0).uniform(-0.9, 0.9, (21, 2))
    hands[0, :, 2] = 1
    with pytest.raises(InputError, match="mouth is hidden"):
        decide(covered, mesh, replace(ada.pose, hands=hands))
    plan = decide(ada.image, mesh, replace(ada.pose, hands=hands))  # a hand behind or beside lips that are seen
    assert plan.still[0]


def test_skin_is_told_from_cloth(ada: Portrait, person: Person):
    assert person.layers is not None
    hands = hand_mask(ada.pose, ada.image.shape, 0.34)
    colours = find_colours(ada.image, ada.pose, person.layers.person, hands)
    shoulders = ada.pose.body[list(SHOULDERS), :2]
    x, y = shoulders.mean(0) + [0, 0.5 * np.linalg.norm(shoulders[0] - shoulders[1])]
    assert colours.skin[int(y) - 5 : int(y) + 5, int(x) - 5 : int(x) + 5].mean() < 0.2
    cheek = ada.pose.face[[2, 31, 48], :2].mean(0).astype(int)
    assert colours.skin[cheek[1] - 2 : cheek[1] + 3, cheek[0] - 2 : cheek[0] + 3].mean() > 0.6


def test_layers_add_up(ada: Portrait, person: Person):
    layers = person.layers
    assert layers is not None
    far = ~(cv2.dilate((layers.removed | (layers.sleeve.max(0) > 0)).astype(np.uint8), np.ones((31, 31))) > 0)
    assert np.abs(layers.plate - ada.image)[far].max() <= 0.5, "what is no arm stays as it was"
    hands = hand_mask(ada.pose, ada.image.shape, 0.3)
    assert layers.removed[hands].mean() > 0.95, "no hand is left"
    for side, joint in enumerate(SHOULDERS):
        columns = np.argwhere(layers.sleeve[side] > 0.5)[:, 1]
        assert abs(np.median(columns) - ada.pose.body[joint, 0]) < 0.35 * layers.shoulders
    assert np.array_equal(person.room.shape, ada.image.shape)
    corner = (slice(0, 20), slice(0, 20))
    assert np.array_equal(person.room[corner], ada.image[corner]) and not person.opacity[corner].any()


def test_nothing_drawn_on_a_grey_picture_has_a_colour(ada: Portrait, person: Person):
    assert not person.grey
    grey = cv2.cvtColor(cv2.cvtColor(ada.image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    found = analyse(grey, ada.pose, ada.head_box)
    motion = load_motion("wave")
    clip, _ = calibrate(ada.pose, motion)
    faces = [FaceMotion(units={"jawOpen": 0.4})] * len(clip)
    compositor = Compositor(found, clip, motion, np.arange(len(clip), dtype=float), faces)
    assert np.ptp(compositor.frame(30), axis=2).max() == 0


def test_a_fine_picture_is_looked_up_linearly_as_sharply_as_with_its_kernel(ada: Portrait, person: Person):
    height, width = ada.image.shape[:2]
    fine = fine_picture(person, (0, 0, width, height))
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    for shift in (0.1, 0.3, 0.5):
        direct = cv2.remap(person.plain, x + shift, y + shift, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        places = (FINE * (n + np.float32(shift + 0.5)) - np.float32(0.5) for n in (x, y))
        quick = cv2.remap(fine, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[..., :3]
        body = np.ones((height, width), bool)
        body[person.head.box[1] : person.head.box[3], person.head.box[0] : person.head.box[2]] = False  # another kernel
        error = (direct.astype(float) - quick)[body]
        assert 10 * np.log10(255**2 / np.square(error).mean()) > 50
        detail = [cv2.Laplacian(p, cv2.CV_32F)[body].std() for p in (direct, quick)]
        assert detail[1] > 0.95 * detail[0]


def test_the_contrast_of_drawn_arms_is_that_of_the_seen_ones():
    ramp = np.linspace(60, 220, 100)[None, :, None] * np.array([1.0, 0.8, 0.7])
    picture = np.broadcast_to(ramp, (100, 100, 3)).astype(np.uint8)
    arms = np.ones((100, 100), np.float32)
    plain = light_contrast(picture, arms, 100.0)
    hazy = light_contrast((picture * 0.4 + 130).astype(np.uint8), arms, 100.0)
    assert LEAST_CONTRAST <= hazy < 0.7 * plain and plain <= MOST_CONTRAST
    assert light_contrast(picture, np.zeros_like(arms), 100.0) == USUAL_CONTRAST, "no arm is seen"
    even = np.full((100, 100, 3), 200, np.uint8)
    even[:10] = 10
    arms[:20] = 0
    assert light_contrast(even, arms, 100.0) == CLEAR_CONTRAST, "small hands, of which only the even inside is seen"
