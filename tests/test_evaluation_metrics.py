"""The measures on videos whose numbers are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.dummies import DUMMY, dummy_models
from vivid import cli
from vivid.evaluation.codebooks import compare_codebooks
from vivid.evaluation.metrics import REGISTRY
from vivid.evaluation.metrics.base import Labels, NotMeasuredError, Sample
from vivid.evaluation.metrics.flicker import flicker
from vivid.evaluation.metrics.mouth import correlation_and_lag, joined
from vivid.evaluation.metrics.networks import Networks
from vivid.evaluation.metrics.pixels import boxes_to_mask, psnr, ssim
from vivid.evaluation.metrics.poses import hand_confidence, hand_variance, head_motion_variance
from vivid.evaluation.people import SIDE, aligned_face, embeddings, mean_face
from vivid.method.factory import build_codebook
from vivid.pose.skeleton import Pose, PoseClip
from vivid.training.hcc import hcc_metrics


def frames(count: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 200, (count, 32, 32, 3), np.uint8)


def clip(count: int = 24) -> PoseClip:
    body, hands, face = np.ones((count, 18, 3)), np.ones((count, 2, 21, 3)), np.ones((count, 68, 3))
    return PoseClip(body, hands, face, (32, 32))


def test_psnr_of_a_known_error() -> None:
    truth = frames()
    assert psnr(truth, truth) == float("inf")
    assert psnr(truth + np.uint8(10), truth) == pytest.approx(10 * np.log10(255**2 / 100))


def test_psnr_inside_a_mask_sees_only_the_mask() -> None:
    truth = frames()
    made = truth.copy()
    made[:, :8] += 20
    inside = np.zeros(truth.shape[:3], bool)
    inside[:, :8] = True
    assert psnr(made, truth, inside) == pytest.approx(10 * np.log10(255**2 / 400))
    assert psnr(made, truth, ~inside) == float("inf")


def test_ssim_is_one_for_equal_and_matches_scikit_image() -> None:
    from skimage.metrics import structural_similarity

    truth = np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in frames(2)])
    made = np.stack([cv2.GaussianBlur(frame, (0, 0), 1) for frame in truth])
    assert ssim(truth, truth) == pytest.approx(1.0)
    grey = [[cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video] for video in (made, truth)]
    full = [structural_similarity(a, b, data_range=255, full=True)[1] for a, b in zip(*grey, strict=True)]
    middle = np.zeros(truth.shape[:3], bool)
    middle[:, 4:-4, 4:-4] = True
    assert ssim(made, truth, middle) == pytest.approx(float(np.stack(full)[middle].mean()), abs=1e-3)


def test_boxes_become_pixels_and_absent_ones_nothing() -> None:
    mask = boxes_to_mask(np.array([[[2, 3, 5, 6], [np.nan] * 4], [[-9, -9, 1, 1], [0, 0, 0, 0]]]), (8, 8))
    assert mask[0].sum() == 9 and mask[0, 3:6, 2:5].all()
    assert mask[1].sum() == 1 and mask[1, 0, 0]


@pytest.mark.parametrize("late", [-2, 0, 1, 3])
def test_lag_is_found_and_missing_frames_are_left_out(late: int) -> None:
    truth = np.random.default_rng(0).normal(size=80).cumsum()
    made = np.roll(truth, late) * 0.3 + 5
    made[40] = np.nan
    correlation, lag = correlation_and_lag(made, truth)
    assert lag == late
    if late == 0:
        assert correlation == pytest.approx(1.0)


def test_a_mouth_that_does_not_move_correlates_with_nothing() -> None:
    assert correlation_and_lag(np.full(50, 0.2), np.sin(np.arange(50.0))) == (0.0, 0)


def test_hand_and_head_measures() -> None:
    moving = clip()
    moving.hands[..., 0] += np.arange(24)[:, None, None] % 2 * 4  # 0 or 4: variance 4 in x
    moving.body[:, 0, 1] += np.arange(24) % 2 * 2  # variance 1 in y
    moving.hands[:, 1, :, 2] = 0.5
    assert hand_variance(moving) == pytest.approx(4.0)
    assert head_motion_variance(moving) == pytest.approx(1.0)
    assert hand_confidence(moving) == pytest.approx(0.75)
    moving.hands[..., 2] = 0
    assert hand_variance(moving) == 0
    assert hand_confidence(moving) == 0


def test_flicker_sees_trembling_but_not_steady_motion() -> None:
    ramp = np.repeat(np.arange(8, dtype=np.uint8)[:, None, None, None] * 10, 16, 1)
    steady = np.broadcast_to(ramp, (8, 16, 16, 3)).copy()
    assert flicker(steady) == pytest.approx(0.0)
    trembling = steady.copy()
    trembling[::2] += 6
    assert flicker(trembling) == pytest.approx(6.0, abs=0.1)
    still = np.zeros((16, 16), bool)
    still[:4] = True
    trembling[:, :4] = steady[:, :4]
    assert flicker(trembling, still) == pytest.approx(0.0)


def portrait(colour: tuple[int, int, int], shift: int = 0) -> tuple[np.ndarray, Pose]:
    image = np.full((96, 96, 3), 120, np.uint8)
    cv2.circle(image, (48 + shift, 44), 26, colour, -1)
    one = clip(1).frame(0)
    face = one.face.copy()
    face[36:42, :2], face[42:48, :2], face[48:, :2] = (38 + shift, 38), (58 + shift, 38), (48 + shift, 58)
    return image, Pose(one.body, one.hands, face, (96, 96))


def test_people_are_told_apart_wherever_they_stand() -> None:
    faces = [aligned_face(*portrait(colour)) for colour in ((200, 160, 140), (90, 60, 50))]
    moved = aligned_face(*portrait((200, 160, 140), shift=9))
    known = [face for face in faces if face is not None]
    assert len(known) == 2 and known[0].shape == (SIDE, SIDE, 3) and moved is not None
    mean = mean_face(known)
    gallery, other = embeddings(known, mean), embeddings([moved], mean)
    similar = gallery @ other[0]
    assert similar[0] > 0.9 > similar[1]


def test_a_face_without_points_has_no_embedding() -> None:
    image, pose = portrait((200, 160, 140))
    hidden = pose.face.copy()
    hidden[:, 2] = 0
    assert aligned_face(image, Pose(pose.body, pose.hands, hidden, pose.canvas)) is None


def test_codebooks_are_measured_side_by_side(tmp_path: Path) -> None:
    codebook = dummy_models().codebook
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    table = compare_codebooks({"one": codebook, "two": codebook}, crops, tmp_path)
    rows = table.splitlines()[2:]
    assert rows[0].replace("one", "two") == rows[1] and f"{hcc_metrics(codebook, crops)['psnr']:.2f}" in rows[0]
    assert cv2.imread(str(tmp_path / "codebooks.png")).shape == (3 * 32, 3 * 32, 3)


def test_joined_clips_are_compared_each_with_itself() -> None:
    rng = np.random.default_rng(0)
    truths = [level + rng.normal(size=30).cumsum() for level in (0.0, 50.0, -20.0)]
    late = [np.concatenate([[np.nan, np.nan], truth[:-2]]) - 7 for truth in truths]
    correlation, lag = correlation_and_lag(joined(late), joined(truths))
    assert lag == 2 and correlation < 0.99
    # levels of clips are no agreement: shuffled against each other they have none
    noise = [level + rng.normal(size=300) for level in (0.0, 50.0, -20.0)]
    assert abs(correlation_and_lag(joined(noise), joined([n.mean() + rng.normal(size=300) for n in noise]))[0]) < 0.2


def test_clips_that_speak_are_joined_and_silent_ones_left_out() -> None:
    rng, metric = np.random.default_rng(0), REGISTRY["mouth_detected"]
    assert metric.features is not None
    features = []
    for size in (1.0, 0.0, 0.5):
        poses, none = clip(20), np.zeros((20, 32, 32), bool)
        openness = size * rng.random(20)
        poses.face[:, 36:42, 0] = 0  # eyes 1 apart; lips as far apart as labelled, less and a little more
        poses.face[:, 66, 1] += 0.3 * openness + 0.1
        sample = Sample(frames(20), poses=poses, labels=Labels(none, none, none[0], openness))
        if size:
            features.append(metric.features(sample, Networks()))
        else:
            with pytest.raises(NotMeasuredError, match="nobody speaks"):
                metric.features(sample, Networks())
    assert metric.compute(features, []) == pytest.approx(1)
    assert REGISTRY["mouth_detected_lag"].compute(features, []) == 0
    assert REGISTRY["mouth_detected_slope"].compute(features, []) == pytest.approx(0.3)


def test_codebooks_may_be_runs_of_training(tmp_path: Path) -> None:
    jpeg = [cv2.imencode(".jpg", np.full((64, 64, 3), 40 * n, np.uint8))[1] for n in range(4)]
    offset = np.cumsum([0, *map(len, jpeg)])
    np.savez(tmp_path / "hands_00000.npz", jpeg=np.concatenate(jpeg), offset=offset)
    build_codebook(DUMMY).save_pretrained(tmp_path / "run" / "weights" / "codebook")
    line = ["evaluate", "codebooks", "--hands", str(tmp_path), "--cache", str(tmp_path / "cache")]
    assert cli.main([*line, "--model", str(tmp_path / "run"), "--out", str(tmp_path / "out")]) == 0
    assert "| run | 16 x 16 |" in (tmp_path / "out" / "codebooks.md").read_text()
