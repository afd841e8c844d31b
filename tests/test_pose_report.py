"""Calibration's steps, an annotator's corrections on top of them, and the report that repeats them."""

from dataclasses import replace

import numpy as np
import pytest
from pose_people import CANVAS, Person, assert_same, gestures, still, without

from vivid.errors import InputError
from vivid.pose.calibrate import calibrate
from vivid.pose.regions import present
from vivid.pose.report import ArmNudge, CalibrationOptions, CalibrationReport, Nudges
from vivid.pose.skeleton import LEFT, RIGHT, stacked


class TestStepsAndReport:
    reference = still(Person(shoulders=180, torso=300, place=(300, 350), forearm=0.8))
    clip = gestures(Person(), 24, 5)

    def fit(self, **options):
        return calibrate(self.reference, self.clip, CalibrationOptions(**options))

    def test_each_step_can_be_switched_off(self):
        full, report = self.fit()
        off, plain = self.fit(scale=False, segments=False, anchor=False, shapes=False, contact=False)
        assert_same(off, self.clip, 1e-3)  # the same canvas: nothing is left to do
        assert plain.after.bone_error == pytest.approx(plain.before.bone_error)
        assert {s.state for s in plain.segments} == {"off"}
        for name in ("scale", "segments", "anchor", "shapes"):
            assert np.abs(stacked(self.fit(**{name: False})[0]) - stacked(full)).max() > 1
        assert report.after.bone_error < 0.01 < report.before.bone_error

    def test_hands_keep_their_shape(self):
        result, report = self.fit()
        factor = next(s.factor for s in report.segments if s.name == "left_hand")
        for side in (LEFT, RIGHT):
            shape = result.hands[:, side, :, :2] - result.hands[:, side, :1, :2]
            original = self.clip.hands[:, side, :, :2] - self.clip.hands[:, side, :1, :2]
            assert np.allclose(shape, original * factor, atol=0.01)

    def test_the_torso_comes_to_the_reference(self):
        result, report = self.fit()
        torso = (result.body[:, 1, :2] + result.body[:, [8, 11], :2].mean(axis=1)) / 2
        body = self.reference.body
        goal = (body[1, :2] + body[[8, 11], :2].mean(axis=0)) / 2
        assert np.allclose(np.median(torso, axis=0), goal, atol=1)
        assert np.allclose(report.centre, goal, atol=0.01)

    def test_nudges_of_the_whole(self):
        plain, report = self.fit()
        moved, _ = self.fit(nudges=Nudges(offset=(0.5, -0.25)))
        here = present(stacked(plain))
        difference = (stacked(moved) - stacked(plain))[here][:, :2]
        assert np.allclose(difference, np.array([0.5, -0.25]) * report.unit, atol=0.01)
        bigger, _ = self.fit(nudges=Nudges(scale=1.2))
        expected = np.array(report.centre) + 1.2 * (stacked(plain)[here][:, :2] - np.array(report.centre))
        assert np.allclose(stacked(bigger)[here][:, :2], expected, atol=0.01)

    def test_nudges_of_one_arm_leave_the_rest_alone(self):
        plain, _ = self.fit()
        nudges = Nudges(left_arm=ArmNudge(angle=20, length=1.1, hand=1.3, offset=(0.2, 0.1)))
        moved, _ = self.fit(nudges=nudges)
        untouched = [k for k in range(18) if k not in (6, 7)]
        assert np.allclose(moved.body[:, untouched], plain.body[:, untouched], atol=0.01)
        assert np.allclose(moved.hands[:, RIGHT], plain.hands[:, RIGHT], atol=0.01)
        span = np.linalg.norm(moved.hands[:, LEFT, 9, :2] - moved.hands[:, LEFT, 0, :2], axis=-1)
        before = np.linalg.norm(plain.hands[:, LEFT, 9, :2] - plain.hands[:, LEFT, 0, :2], axis=-1)
        assert np.allclose(span, 1.3 * before, rtol=1e-3)

    def test_a_positive_angle_lifts_either_arm_away_from_the_body(self):
        nudges = Nudges(left_arm=ArmNudge(angle=15), right_arm=ArmNudge(angle=15))
        hanging = self.clip.body.copy()
        for shoulder, elbow, wrist in ((5, 6, 7), (2, 3, 4)):
            hanging[:, elbow, :2] = hanging[:, shoulder, :2] + [0, 100]
            hanging[:, wrist, :2] = hanging[:, shoulder, :2] + [0, 180]
        clip = replace(self.clip, body=hanging)
        result, _ = calibrate(self.reference, clip, CalibrationOptions(nudges=nudges))
        assert (result.body[:, 7, 0] > result.body[:, 5, 0] + 5).all()
        assert (result.body[:, 4, 0] < result.body[:, 2, 0] - 5).all()

    def test_a_stored_report_repeats_the_correction(self):
        nudges = Nudges(offset=(0.1, 0), scale=1.05, right_arm=ArmNudge(angle=-10, length=0.9, offset=(0.0, 0.3)))
        first, report = self.fit(nudges=nudges, shapes=False)
        stored = CalibrationReport.from_json(report.to_json())
        again, _ = calibrate(self.reference, self.clip, stored.options)
        assert stored.options == report.options
        assert_same(first, again, 1e-6)
        assert CalibrationReport.from_json(stored.to_json()).to_json() == stored.to_json()

    def test_nudges_hold_at_another_size_of_the_same_portrait(self):
        options = CalibrationOptions(nudges=Nudges(offset=(0.3, 0.1), left_arm=ArmNudge(angle=20, offset=(0.1, 0.1))))
        small = calibrate(self.reference.on_canvas((384, 384)), self.clip, options)[0]
        large = calibrate(self.reference, self.clip, options)[0]
        assert_same(small.map_points((2, 2), (0, 0), CANVAS), large, 0.05)

    def test_the_summary_names_fallbacks(self):
        _, report = calibrate(self.reference, without(self.clip, {"hips"}))
        text = "\n".join(report.summary())
        assert "hips are not seen" in text and "Bone error" in text

    @pytest.mark.parametrize(
        "text", ["", "{}", "[]", "null", '{"version": 1}', '{"version": 9}', "{" * 2000, '{"version": 1, "options": 3}']
    )
    def test_broken_reports_are_refused(self, text):
        with pytest.raises(InputError):
            CalibrationReport.from_json(text)

    @pytest.mark.parametrize(
        "options",
        [{"scale": 3}, {"unknown": True}, {"nudges": {"offset": [1]}}, {"nudges": {"left_arm": {"angle": "much"}}},
         {"nudges": {"scale": float("nan")}}, {"nudges": {"scale": 0}}, {"nudges": []}],
    )  # fmt: skip
    def test_broken_options_are_refused(self, options):
        with pytest.raises(InputError):
            CalibrationOptions.from_dict(options)

    def test_a_clip_without_frames_is_refused(self):
        with pytest.raises(InputError, match="no frames"):
            calibrate(self.reference, self.clip.take(slice(0, 0)))
