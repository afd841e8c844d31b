"""Boxes, masks and hand crops, and the portrait that carries them."""

import numpy as np
import pytest

from vivid.errors import InputError
from vivid.pose.portrait import make_portrait
from vivid.pose.regions import box_mask, crop_squares, enlarge, hand_boxes, hand_crops, head_box
from vivid.pose.skeleton import LEFT, RIGHT, Pose, clip_of


def empty_pose(canvas=(512, 512)) -> Pose:
    return Pose(np.zeros((18, 3)), np.zeros((2, 21, 3)), np.zeros((68, 3)), canvas)


def pose_with(left_hand=None, right_hand=None, face=None, body=None, canvas=(512, 512)) -> Pose:
    """Points spread over given boxes (x0, y0, x1, y1); body: {index: (x, y)}."""
    pose = empty_pose(canvas)
    rng = np.random.default_rng(0)

    def fill(points, box):
        low, high = np.array(box[:2], float), np.array(box[2:], float)
        points[:, :2] = rng.uniform(low, high, (len(points), 2))
        points[0, :2], points[1, :2] = low, high
        points[:, 2] = 1

    for side, box in ((LEFT, left_hand), (RIGHT, right_hand)):
        if box:
            fill(pose.hands[side], box)
    if face:
        fill(pose.face, face)
    for index, xy in (body or {}).items():
        pose.body[index] = [*xy, 1]
    return pose


def test_enlarging_keeps_the_centre_and_fattens_flat_boxes():
    box = enlarge(np.array([10.0, 20, 30, 40]), 1.3)
    assert np.allclose(box, [7, 17, 33, 43])
    flat = enlarge(np.array([0.0, 50, 100, 50]), 1.0, thinnest=0.5)
    assert np.allclose(flat, [0, 25, 100, 75])


def test_head_box_has_room_for_motion():
    box = head_box(pose_with(face=(200, 100, 300, 220)))
    assert np.allclose(box, [170, 64, 330, 256])
    clip = clip_of(pose_with(face=(200, 100, 300, 220)))
    assert head_box(clip).shape == (1, 4)


def test_head_box_of_ears_and_nose_alone_is_as_high_as_a_head():
    box = head_box(pose_with(body={0: (250, 160), 16: (200, 150), 17: (300, 150), 14: (230, 140), 15: (270, 140)}))
    assert box[3] - box[1] >= box[2] - box[0] > 100


def test_head_box_falls_back_to_the_shoulders_and_then_to_nothing():
    box = head_box(pose_with(body={2: (150, 300), 5: (350, 300)}))
    assert box[0] < 250 < box[2] and box[3] < 300
    assert not head_box(empty_pose()).any()


def test_hand_boxes_tell_present_hands_from_absent_ones():
    found = hand_boxes(pose_with(left_hand=(300, 300, 400, 400)))
    assert found.present.tolist() == [True, False]
    assert np.allclose(found.boxes[LEFT], [285, 285, 415, 415], atol=1e-3)
    assert not found.boxes[RIGHT].any()


def test_a_hand_outside_the_picture_or_with_few_points_is_absent():
    assert not hand_boxes(pose_with(left_hand=(600, 300, 700, 400))).present.any()
    pose = pose_with(left_hand=(300, 300, 400, 400))
    pose.hands[LEFT, 5:, 2] = 0.1
    assert not hand_boxes(pose).present.any()


def test_a_cell_is_inside_when_any_part_of_it_is():
    mask = box_mask(np.array([7.9, 8.0, 16.1, 16.0]), (64, 64), (8, 8))
    assert mask.shape == (8, 8)
    rows, columns = np.nonzero(mask)
    assert set(rows) == {1} and set(columns) == {0, 1, 2}


def test_masks_agree_between_resolutions():
    """A coarser grid's mask is the finer one's maximum over each cell, so that pooling and drawing never differ."""
    rng = np.random.default_rng(1)
    low = rng.uniform(-100, 600, (50, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 300, (50, 2))], axis=1)
    fine = box_mask(boxes, (512, 768), (96, 64))
    coarse = box_mask(boxes, (512, 768), (24, 16))
    pooled = fine.reshape(50, 24, 4, 16, 4).any(axis=(2, 4))
    assert (pooled == coarse).all() and coarse.any() and not coarse.all()


@pytest.mark.parametrize("box", [[0, 0, 0, 0], [5, 5, 4, 9], [np.nan, 0, 10, 10], [-50, -50, -10, -10]])
def test_boxes_without_area_in_sight_touch_nothing(box):
    assert not box_mask(np.array(box, float), (64, 64), (8, 8)).any()


def test_masks_keep_leading_shapes():
    assert box_mask(np.zeros((3, 2, 4)), (64, 48), (6, 8)).shape == (3, 2, 6, 8)


def test_crop_squares_hold_every_point_with_a_margin():
    squares, present = crop_squares(pose_with(left_hand=(300, 250, 340, 400), right_hand=(100, 300, 200, 320)))
    assert present.all()
    for (x0, y0, x1, y1), points in zip(squares, [(300, 250, 340, 400), (100, 300, 200, 320)], strict=True):
        assert x1 - x0 == pytest.approx(y1 - y0)
        assert x0 < points[0] and y0 < points[1] and x1 > points[2] and y1 > points[3]


def test_crops_show_what_is_in_the_square_at_any_scale():
    for size in (300, 1500):
        pose = pose_with(left_hand=tuple(size * np.array([0.5, 0.5, 0.7, 0.7])), canvas=(size, size))
        x0, _, x1, _ = crop_squares(pose)[0][LEFT]
        image = np.zeros((size, size, 3), np.uint8)
        middle = round((x0 + x1) / 2)
        image[:, middle:] = 255
        crop = hand_crops(image, pose).crops[LEFT].astype(float)
        assert crop[:, :120].mean() < 5 and crop[:, 136:].mean() > 250
        assert not hand_crops(image, pose).crops[RIGHT].any()


def test_crops_at_the_border_are_padded_and_never_stretched():
    pose = pose_with(left_hand=(420, 420, 520, 520))
    image = np.zeros((512, 512, 3), np.uint8)
    image[440:480, 440:480] = 255
    found = hand_crops(image, pose)
    rows, columns = np.nonzero(found.crops[LEFT][..., 0] > 128)
    assert found.present[LEFT]
    assert abs((rows.max() - rows.min()) - (columns.max() - columns.min())) <= 1


def test_sharpness_falls_with_blur():
    cv2 = pytest.importorskip("cv2")
    pose = pose_with(left_hand=(200, 200, 300, 300))
    image = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    sharp = hand_crops(image, pose).sharpness[LEFT]
    assert hand_crops(cv2.GaussianBlur(image, (0, 0), 3), pose).sharpness[LEFT] < sharp / 10


def test_portrait_carries_the_pose_to_its_own_pixels_and_says_what_is_missing():
    pose = pose_with(left_hand=(300, 300, 400, 400), face=(200, 100, 300, 220))
    image = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    portrait = make_portrait(image, pose, ("first",))
    assert portrait.size == portrait.pose.canvas == (256, 256)
    assert np.allclose(portrait.head_box, np.array([170, 64, 330, 256]) / 2, atol=1e-3)
    assert portrait.hand_present.tolist() == [True, False]
    assert portrait.notices[0] == "first" and any("right hand" in line for line in portrait.notices)


def test_portrait_without_a_head_is_refused():
    with pytest.raises(InputError, match="head"):
        make_portrait(np.zeros((64, 64, 3), np.uint8), empty_pose())
