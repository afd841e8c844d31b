"""Portraits on a video's canvas: never squashed, the head whole first, the hands second, in every format."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_pipeline import gestures, person, portrait
from vivid.config import RunSettings
from vivid.errors import InputError
from vivid.framing import HAIR, crop_box, frame_inputs
from vivid.generators import Inputs
from vivid.pose.portrait import Portrait, make_portrait

SIZES = [(256, 256), (192, 320), (320, 192), (512, 256), (128, 384), (64, 64)]


def framed(given: Portrait, size: tuple[int, int]) -> Inputs:
    clip = gestures(3)
    return frame_inputs(given, clip, clip, np.arange(3.0), size)


def tall(width: int, height: int) -> Portrait:
    """A standing person of usual proportions in the upper part of a tall picture, hair at its very top."""
    pose = person(width, width)
    return make_portrait(np.zeros((height, width, 3), np.uint8), dataclasses.replace(pose, canvas=(width, height)))


@given(width=st.integers(200, 400), stretch=st.floats(1.0, 2.5), size=st.sampled_from(SIZES))
def test_the_head_stays_whole_wherever_it_fits(width, stretch, size):
    given = tall(width, int(width * stretch))
    inputs = framed(given, size)
    assert inputs.picture.shape == (size[1], size[0], 3)
    scale = max(size[0] / given.size[0], size[1] / given.size[1])
    low, high = inputs.head_box[:2].copy(), inputs.head_box[2:]
    low[1] -= HAIR * (high[1] - low[1])
    top = -(given.head_box[1] - HAIR * (given.head_box[3] - given.head_box[1])) * scale  # what the picture itself lacks
    if ((high - low) <= np.array(size)).all():
        assert (low >= -1 - max(top, 0)).all() and (high <= np.array(size) + 1).all()
    face = inputs.pose.face[:, :2]
    assert (face >= -1).all() and (face <= np.array(size) + 1).all()


def test_hands_are_kept_as_far_as_the_head_leaves_room():
    given = tall(256, 640)
    inputs = framed(given, (256, 192))  # head and hands together are higher than that
    assert inputs.head_box[1] >= 0 and inputs.head_box[3] <= 192
    centred = framed(given, (256, 256))
    hands = centred.pose.hands[..., 1]
    assert (hands > 0).all() and (hands < 256).all(), "both fit"


def test_pictures_of_the_videos_shape_stay_as_they_are():
    given = portrait()
    inputs = framed(given, (128, 128))
    assert np.array_equal(inputs.picture, given.image)
    assert np.array_equal(inputs.pose.body, given.pose.body) and np.allclose(inputs.head_box, given.head_box)


def test_a_format_that_would_cut_the_face_is_refused():
    close = dataclasses.replace(portrait(), pose=person(128, 128).map_points((3, 3), (-128, -30), (128, 128)))
    with pytest.raises(InputError, match="does not fit into a video of 256 x 64"):
        framed(close, (256, 64))


@given(width=st.integers(200, 400), stretch=st.floats(1.0, 2.5), size=st.sampled_from(SIZES), crop=st.floats(0, 1))
def test_the_crop_can_be_moved_as_far_as_the_face_allows(width, stretch, size, crop):
    given = tall(width, int(width * stretch))
    usual, ends = crop_box(given, size)
    box, same = crop_box(given, size, crop)
    assert same == ends and ends[0] <= usual[0] <= ends[2] and ends[1] <= usual[1] <= ends[3]
    scale = max(size[0] / given.size[0], size[1] / given.size[1])
    for axis in (0, 1):
        assert box[axis] >= -1e-6 and box[axis + 2] <= given.size[axis] + 1e-6
        assert box[axis + 2] - box[axis] == pytest.approx(size[axis] / scale)
    clip = gestures(3)
    inputs = frame_inputs(given, clip, clip, np.arange(3.0), size, crop)
    face = inputs.pose.face[:, :2]
    assert (face >= -1).all() and (face <= np.array(size) + 1).all()
    assert inputs.pose.body[0, :2] == pytest.approx((given.pose.body[0, :2] - box[:2]) * scale, abs=1)


def test_the_ends_of_the_crop_are_the_borders_and_the_face():
    given = tall(256, 640)
    (_, high, _, _), (_, first, _, last) = crop_box(given, (256, 192), 0.0)
    assert high == first == 0
    bottom = crop_box(given, (256, 192), 1.0)[0]
    assert bottom[1] == last == pytest.approx(max(given.pose.face[:, 1].min(), 0), abs=1)
    for crop in (-0.1, 1.5, float("nan")):
        with pytest.raises(InputError, match="The place of the crop is"):
            RunSettings(crop=crop)
