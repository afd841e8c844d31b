"""Calibration: what must hold over random people, gestures and gaps."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pose_people import CANVAS, Person, assert_same, gestures, mirrored, still, without

from vivid.pose.calibrate import calibrate
from vivid.pose.measures import largest_jump, lengths_of
from vivid.pose.regions import present
from vivid.pose.report import CalibrationOptions, CalibrationReport
from vivid.pose.skeleton import LEFT, RIGHT, PoseClip, clip_of, stacked

seeds = st.integers(0, 2**32 - 1)
people = st.builds(
    Person,
    shoulders=st.floats(120, 320),
    torso=st.floats(200, 450),
    neck=st.floats(90, 200),
    upper_arm=st.floats(0.6, 1.1),
    forearm=st.floats(0.5, 0.9),
    hand=st.floats(0.2, 0.4),
    face=st.floats(60, 180),
    place=st.tuples(st.floats(200, 600), st.floats(150, 500)),
)
parts = st.sets(st.sampled_from(["hips", "neck", "nose", "face", "left_hand", "right_hand", "left_elbow", "right_arm",
                                 "shoulders", "wrists", "some"]))  # fmt: skip
# The same examples every time, and no search for smaller ones: a failure here should not take minutes.
many = settings(max_examples=25, derandomize=True, phases=[Phase.explicit, Phase.generate])


@many
@given(people, seeds, parts)
def test_a_clip_of_the_reference_itself_is_unchanged(person, seed, missing):
    clip = without(clip_of(still(person, seed, flat=False)), missing, seed)
    result, report = calibrate(clip.frame(0), clip)
    assert_same(result, clip, 0.01)
    assert report.clamps == ()
    assert report.after.bone_error in (None, pytest.approx(report.before.bone_error, abs=1e-6))


@many
@given(people, people, seeds, parts, st.floats(0.2, 5), st.tuples(st.floats(-900, 900), st.floats(-900, 900)))
def test_scale_and_place_of_the_driving_clip_do_not_matter(person, driver, seed, missing, scale, shift):
    reference = still(person, seed)
    clip = without(gestures(driver, 12, seed), missing, seed)
    # Somebody filmed from afar, on the same canvas.
    moved = clip.map_points((scale, scale), shift, clip.canvas)
    result, report = calibrate(reference, clip)
    again, report_again = calibrate(reference, moved)
    if any(f.part == "size" or "picture" in f.reason for f in report.fallbacks):
        return  # no length or place in common with the reference: the pictures were compared, which did not change
    assert_same(result, again, 0.2)
    assert [f.part for f in report.fallbacks] == [f.part for f in report_again.fallbacks]


@many
@given(people, people, seeds, parts)
def test_the_resolution_of_the_driving_clip_does_not_matter(person, driver, seed, missing):
    clip = without(gestures(driver, 12, seed), missing, seed)
    doubled = clip.map_points((2, 2), (0, 0), (CANVAS[0] * 2, CANVAS[1] * 2))
    reference = still(person, seed)
    assert_same(calibrate(reference, clip)[0], calibrate(reference, doubled)[0], 0.05)


@many
@given(people, people, seeds, parts)
def test_mirrored_inputs_give_the_mirrored_output(person, driver, seed, missing):
    reference, clip = clip_of(still(person, seed)), without(gestures(driver, 12, seed), missing - {"some"}, seed)
    straight, _ = calibrate(reference.frame(0), clip)
    turned, _ = calibrate(mirrored(reference).frame(0), mirrored(clip))
    assert_same(mirrored(straight), turned, 0.05)


@many
@given(people, people, seeds, parts, parts)
def test_the_bone_error_does_not_grow(person, driver, seed, missing, missing_in_reference):
    reference = without(clip_of(still(person, seed, flat=False)), missing_in_reference, seed).frame(0)
    _, report = calibrate(reference, without(gestures(driver, 24, seed), missing, seed))
    if report.after.bone_error is not None:
        assert report.after.bone_error <= report.before.bone_error + 1e-6
        assert report.after.bone_error <= 0.05


@many
@given(people, people, seeds)
def test_jumps_grow_by_no_more_than_the_largest_factor(person, driver, seed):
    clip = gestures(driver, 48, seed)
    result, report = calibrate(still(person, seed), clip, CalibrationOptions(contact=False))
    assert report.before.jump == pytest.approx(largest_jump(clip))
    assert largest_jump(result) <= report.before.jump * report.largest_factor * 1.001 + 0.01


def most_growth(report: CalibrationReport) -> float:
    """How much any motion whatsoever can grow, worked out from the factors.

    A joint that is carried moves with each joint before it by the difference of two segments' factors: if an elbow
    goes one way while its wrist rests, unequal factors make the wrist move.
    """
    f = {segment.name: segment.factor for segment in report.segments}
    r = np.array([report.r_x, report.r_y])
    chains = [[r, r * f["torso"], r], [r, r * f["neck_nose"], np.full(2, f["face"])]]
    for side in ("left", "right"):
        arm = [r * f[name] for name in ("shoulders", f"{side}_upper_arm", f"{side}_forearm")]
        chains.append([r, *arm, np.full(2, f[f"{side}_hand"])])
    steps = [[*(np.abs(a - b).max() for a, b in pairwise(chain)), chain[-1].max()] for chain in chains]
    return max(sum(each[k:]) for each in steps for k in range(len(each)))


@many
@given(seeds, st.integers(2, 12))
def test_not_even_random_points_jump_farther_than_the_factors_allow(seed, frames):
    rng = np.random.default_rng(seed)

    def points(count: int, *shape: int) -> np.ndarray:
        return np.concatenate(
            [rng.uniform(0, 768, (count, *shape, 2)), rng.uniform(0.1, 1, (count, *shape, 1))], axis=-1
        )

    clip, reference = (PoseClip(points(n, 18), points(n, 2, 21), points(n, 68), CANVAS) for n in (frames, 1))
    result, report = calibrate(reference.frame(0), clip, CalibrationOptions(contact=False))
    assert largest_jump(result) <= most_growth(report) * report.before.jump * 1.0001 + 0.01


@many
@given(people, people, seeds, parts, parts, st.sampled_from([0.0, np.nan, np.inf, -np.inf]))
def test_nothing_is_ever_not_a_number(person, driver, seed, missing, missing_in_reference, fill):
    reference = without(clip_of(still(person, seed)), missing_in_reference, seed, fill).frame(0)
    clip = without(gestures(driver, 6, seed), missing, seed, fill)
    result, report = calibrate(reference, clip)
    assert np.isfinite(stacked(result)).all()
    assert (present(stacked(result)) == present(stacked(clip))).all()
    report.to_json()  # refuses what is not finite
    assert all(np.isfinite(s.factor) and s.factor > 0 for s in report.segments)


def test_nothing_at_all_in_common_still_gives_a_clip():
    empty = without(gestures(Person(), 3), {"hips", "neck", "nose", "face", "left_hand", "right_hand", "left_elbow",
                                            "right_arm", "shoulders", "wrists"})  # fmt: skip
    result, report = calibrate(still(Person()), empty)
    assert np.isfinite(stacked(result)).all() and any(f.part == "size" for f in report.fallbacks)
    assert report.after.bone_error is None and report.after.reach is None and report.after.inside is None


def longest_arm(clip: PoseClip, person: Person) -> float:
    """The farthest any wrist is from its shoulder, in the person's arm lengths."""
    far = np.linalg.norm(clip.body[:, [7, 4], :2] - clip.body[:, [5, 2], :2], axis=-1)
    return float(far.max()) / person.arm()


class TestHardCases:
    person = Person(shoulders=200, torso=320, place=(380, 300))
    driver = Person(shoulders=260, upper_arm=0.9, forearm=0.7)

    def fit(self, clip: PoseClip, reference=None):
        result, report = calibrate(reference or still(self.person), clip)
        assert longest_arm(result, self.person) < 1.06
        return result, report

    def test_an_arm_shortened_for_half_of_the_frames(self):
        clip = gestures(self.driver, 48, flat=True)
        half = clip.body.copy()
        for index in (6, 7):
            half[:24, index, :2] = half[:24, 5, :2] + 0.4 * (half[:24, index, :2] - half[:24, 5, :2])
        _, report = self.fit(replace(clip, body=half))
        factors = {s.name: s.factor for s in report.segments}
        assert factors["left_forearm"] == pytest.approx(factors["right_forearm"])

    def test_an_arm_pointing_at_the_camera_throughout(self):
        clip = gestures(self.driver, 48, flat=True)
        body = clip.body.copy()
        body[:, 7, :2] = body[:, 6, :2] + 0.2 * (body[:, 7, :2] - body[:, 6, :2])
        result, report = self.fit(replace(clip, body=body))
        forearm = np.linalg.norm(result.body[:, 7, :2] - result.body[:, 6, :2], axis=-1)
        assert forearm.max() < 0.3 * self.person.forearm * self.person.shoulders
        assert any(f.part == "left_forearm" and "foreshortened" in f.reason for f in report.fallbacks)

    def test_both_arms_pointing_at_the_camera_throughout(self):
        clip = gestures(self.driver, 48, flat=True)
        body = clip.body.copy()
        for elbow, wrist in ((6, 7), (3, 4)):
            body[:, wrist, :2] = body[:, elbow, :2] + 0.3 * (body[:, wrist, :2] - body[:, elbow, :2])
        self.fit(replace(clip, body=body))

    def test_a_foreshortened_reference_takes_its_longer_arm(self):
        reference = still(self.person)
        body = reference.body.copy()
        body[4, :2] = body[3, :2] + 0.3 * (body[4, :2] - body[3, :2])
        result, report = self.fit(gestures(self.driver, 48, flat=True), replace(reference, body=body))
        wanted = self.person.forearm * self.person.shoulders
        lengths = lengths_of(result)
        assert lengths["left_forearm"] == pytest.approx(wanted, rel=0.02)
        assert lengths["right_forearm"] == pytest.approx(wanted, rel=0.02)
        assert any(f.part == "right_forearm" and "portrait" in f.reason for f in report.fallbacks)

    def test_a_reference_with_both_forearms_foreshortened_leaves_them_as_they_are(self):
        reference = still(self.person)
        body = reference.body.copy()
        for elbow, wrist in ((6, 7), (3, 4)):
            body[wrist, :2] = body[elbow, :2] + 0.2 * (body[wrist, :2] - body[elbow, :2])
        result, report = calibrate(replace(reference, body=body), gestures(self.driver, 48, flat=True))
        forearm = {s.name: s for s in report.segments}["left_forearm"]
        assert forearm.factor == pytest.approx(1) and forearm.driving is not None
        assert lengths_of(result)["left_forearm"] == pytest.approx(forearm.driving, rel=0.02)
        assert forearm.driving > self.person.forearm * 200  # and not what the portrait seems to say, a fifth of that
        assert any("20% of the usual" in f.reason for f in report.fallbacks)

    def test_hands_at_rest_in_the_portrait_do_not_shorten_the_gestures_of_the_same_person(self):
        clip = gestures(self.person, 48, flat=True)
        reference = clip.frame(0)
        body = reference.body.copy()
        for elbow, wrist in ((6, 7), (3, 4)):
            body[wrist, :2] = body[elbow, :2] + 0.3 * (body[wrist, :2] - body[elbow, :2])
        result, _ = self.fit(clip, replace(reference, body=body))
        moved = np.linalg.norm(result.body[:, [4, 7], :2] - clip.body[:, [4, 7], :2], axis=-1)
        assert moved.max() < 0.05 * self.person.shoulders

    def test_an_occluded_hand(self):
        clip = without(gestures(self.driver, 48), {"left_hand"})
        result, _ = self.fit(clip)
        assert not result.hands[:, LEFT].any() and result.hands[:, RIGHT].any()

    def test_an_elbow_hidden_for_a_while_does_not_make_the_wrist_jump(self):
        clip = gestures(self.driver, 48, flat=True)
        body = clip.body.copy()
        body[20:30, 6] = 0
        _, report = self.fit(replace(clip, body=body))
        assert report.after.jump <= report.before.jump * report.largest_factor * 1.05

    def test_no_hips_falls_back_to_the_neck_and_no_nose_to_the_width(self):
        _, report = self.fit(without(gestures(self.driver, 24), {"hips"}))
        reasons = {f.part: f.reason for f in report.fallbacks}
        assert "neck to nose" in reasons["r_y"] and "neck" in reasons["centre"] and "torso" in reasons
        assert report.r_y == pytest.approx(150 / 150, rel=0.1)
        _, report = self.fit(without(gestures(self.driver, 24), {"hips", "nose", "face"}))
        assert report.r_y == report.r_x

    def test_hips_of_the_portrait_outside_its_picture_are_not_seen(self):
        clip = gestures(self.driver, 24)
        low = clip_of(still(replace(self.person, torso=CANVAS[1])))
        result, report = calibrate(low.frame(0), clip)
        assert_same(result, calibrate(without(low, {"hips"}).frame(0), clip)[0], 1e-6)
        assert np.allclose(np.median(result.body[:, 1], axis=0)[:2], low.body[0, 1, :2], atol=0.1)
        assert any("hips are not seen" in fallback.reason for fallback in report.fallbacks)

    def test_a_limb_never_seen_takes_the_global_factor(self):
        _, report = calibrate(still(self.person), without(gestures(self.driver, 24), {"left_hand", "right_hand"}))
        hand = next(s for s in report.segments if s.name == "left_hand")
        assert hand.state == "fallback" and hand.factor == pytest.approx(np.sqrt(report.r_x * report.r_y), rel=1e-5)

    def test_wild_proportions_are_clamped_and_reported(self):
        odd = replace(self.driver, upper_arm=0.83 * 4, forearm=0.64 * 4)
        _, report = calibrate(still(self.person), gestures(odd, 24, flat=True))
        assert {c.factor for c in report.clamps} >= {"left_forearm", "right_forearm"}
        assert all(c.used in (0.5, 2.0) for c in report.clamps if "arm" in c.factor)
        assert {s.state for s in report.segments if s.name.endswith("forearm")} == {"clamped"}
        assert not {"left_forearm", "right_forearm"} & set(report.after.bones)

    def test_a_bound_of_step_one_is_not_undone_by_step_two(self):
        profile = replace(self.person, shoulders=30, upper_arm=5, forearm=4, hand=1.7)
        _, report = calibrate(still(profile), gestures(self.driver, 24, flat=True))
        assert any(c.factor == "r_x" for c in report.clamps)
        shoulders = next(s for s in report.segments if s.name == "shoulders")
        assert shoulders.factor == 1 and shoulders.state == "clamped"


def test_smoothing_calms_a_jittery_clip():
    clip = gestures(Person(), 48, 3)
    noise = np.random.default_rng(0).normal(0, 4, clip.hands[..., :2].shape)
    hands = clip.hands.copy()
    hands[..., :2] += noise
    jittery = replace(clip, hands=hands)

    def restlessness(options):
        result, report = calibrate(still(Person()), jittery, options)
        assert report.options.smoothing == options.smoothing
        return np.abs(np.diff(result.hands[..., :2], 2, axis=0)).mean()

    assert restlessness(CalibrationOptions(smoothing=True)) < 0.7 * restlessness(CalibrationOptions())
