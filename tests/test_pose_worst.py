"""The worst frames of a clip: each planted trouble is found where it was put."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ui_people import waving

from vivid.pose.measures import WRISTS_OF_BODY, lengths_of
from vivid.pose.skeleton import PoseClip
from vivid.pose.worst import MEASURES, by_frame, worst_frames


def steady() -> PoseClip:
    clip = waving(30)
    return replace(
        clip,
        body=np.repeat(clip.body[:1], 30, 0),
        hands=np.repeat(clip.hands[:1], 30, 0),
        face=np.repeat(clip.face[:1], 30, 0),
    )


def test_a_good_clip_has_no_worst_frame() -> None:
    clip = steady()
    assert worst_frames(clip, lengths_of(clip), 100.0) == dict.fromkeys(MEASURES, (0, 0.0))
    assert all(values.shape == (30,) for values in by_frame(clip, lengths_of(clip), 100.0).values())


def test_planted_troubles_are_found() -> None:
    clip = steady()
    lengths = lengths_of(clip)
    clip.body[7, WRISTS_OF_BODY[0], :2] += (0.0, 150.0)  # a forearm that grows
    clip.hands[12, 1, :, 0] = -40.0  # a hand that leaves
    clip.face[20, 5, :2] += 90.0  # a point that jumps
    found = worst_frames(clip, lengths, 100.0)
    assert found["bone"][0] == found["reach"][0] == 7 and found["bone"][1] > 1 and found["reach"][1] > 0.5
    assert found["outside"] == (12, pytest.approx(0.5))
    assert found["jump"][0] in (7, 8, 12, 13, 20, 21) and found["jump"][1] > 0.8
    alone = steady()
    alone.face[20, 5, :2] += 90.0
    assert worst_frames(alone, lengths, 100.0)["jump"] == (20, pytest.approx(1.273, abs=0.001))


def test_absent_points_and_unknown_lengths_say_nothing() -> None:
    clip = steady()
    clip.body[5:9] = 0
    clip.hands[:] = 0
    assert worst_frames(clip, {}, 100.0) == dict.fromkeys(MEASURES, (0, 0.0))
