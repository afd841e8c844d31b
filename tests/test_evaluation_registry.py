"""The registry of metrics, and those that look with networks: with stand-ins whose answers are known."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from tests.pose_people import Person, gestures
from vivid.config import SAMPLE_RATE
from vivid.evaluation.metrics import REGISTRY, TABLE_1, TABLE_2
from vivid.evaluation.metrics.base import MissingNetworkError, NotMeasuredError, Sample
from vivid.evaluation.metrics.frechet import frechet_distance
from vivid.evaluation.metrics.identity import arcface_crop
from vivid.evaluation.metrics.networks import NETWORKS, Networks
from vivid.evaluation.metrics.sync import face_crops, mfcc, synchrony
from vivid.evaluation.syncnet import SyncNet
from vivid.pose.portrait import make_portrait
from vivid.pose.skeleton import PoseClip
from vivid.speech.types import Speech


def noise(count: int = 6, side: int = 48, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def test_every_metric_says_what_it_is_and_what_it_needs() -> None:
    assert {*TABLE_1, *TABLE_2} <= set(REGISTRY)
    for key, metric in REGISTRY.items():
        assert metric.key == key and metric.name and len(metric.meaning) > 20
        assert (metric.features is not None) == (metric.level == "set of videos")
        for need in metric.needs:
            how = NETWORKS[need].how
            assert NETWORKS[need].file in how and "--weights-dir" in how
    names = [metric.name for metric in REGISTRY.values()]
    assert len(set(names)) == len(names)


def test_the_registry_loads_no_network() -> None:
    packages = {"torch", "onnxruntime", *(network.module for network in NETWORKS.values())}
    code = f"import sys, vivid.evaluation.metrics; found = {packages!r} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_weights_there_is_a_sentence_and_no_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIVID_MODELS", str(tmp_path))
    monkeypatch.setattr("vivid.evaluation.metrics.networks.find_spec", lambda name: None if name == "cdfvd" else name)
    sample = Sample(noise(20), truth=noise(20))
    with pytest.raises(
        NotMeasuredError, match=r"needs the package cd-fvd: run `pip install -r requirements-evaluate.txt`"
    ):
        REGISTRY["fvd"].features(sample, Networks())  # type: ignore[misc]
    with pytest.raises(NotMeasuredError, match=r"needs the weights of SyncNet: put syncnet_v2.model .* --weights-dir"):
        REGISTRY["sync_c"].compute(sample, Networks(tmp_path))
    with pytest.raises(NotMeasuredError, match="recording of the same person"):
        REGISTRY["psnr"].compute(Sample(noise()), Networks())
    with pytest.raises(NotMeasuredError, match="the video is 6 frames of 48 x 48 and the recording 5"):
        REGISTRY["ssim"].compute(Sample(noise(), truth=noise(5)), Networks())


def test_published_weights_become_safetensors_and_hostile_pickles_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIVID_MODELS", str(tmp_path / "models"))
    torch.manual_seed(0)
    published = {name: value for name, value in SyncNet().state_dict().items() if "num_batches" not in name}
    published["netfclip.3.bias"] += 5
    torch.save(published, tmp_path / "syncnet_v2.model")
    network = Networks(tmp_path).get("syncnet")
    assert torch.equal(network.netfclip[3].bias, published["netfclip.3.bias"])
    assert network.sound(np.zeros((2, 20, 13))).shape == network.lips(noise(10, 224).reshape(2, 5, 224, 224, 3)).shape
    (tmp_path / "syncnet_v2.model").unlink()
    again = Networks().get("syncnet")  # from the safetensors that was kept
    assert torch.equal(again.netfcaud[0].weight, network.netfcaud[0].weight)
    other = tmp_path / "other"
    other.mkdir()
    for content in (torch.nn.Linear(1, 1), {"netfclip.3.bias": torch.zeros(2)}):
        monkeypatch.setenv("VIVID_MODELS", str(tmp_path / str(id(content))))
        torch.save(content, other / "syncnet_v2.model")
        with pytest.raises(NotMeasuredError, match=r"not a plain weights file|does not hold the weights"):
            Networks(other).get("syncnet")


def test_damaged_weights_do_not_stay_in_the_way_of_good_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VIVID_MODELS", str(tmp_path / "models"))
    torch.save({"netfclip.3.bias": torch.zeros(2)}, tmp_path / "syncnet_v2.model")
    with pytest.raises(NotMeasuredError, match="does not hold the weights"):
        Networks(tmp_path).get("syncnet")
    torch.save(SyncNet().state_dict(), tmp_path / "syncnet_v2.model")
    assert Networks(tmp_path).get("syncnet").netfclip[3].bias.shape == (1024,)


def with_moments(mean: np.ndarray, covariance: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Points whose mean and covariance are exactly these."""
    points = np.random.default_rng(seed).normal(size=(count, len(mean)))
    points -= points.mean(0)
    points = points @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T)).T)
    return points @ np.linalg.cholesky(covariance).T + mean


def test_frechet_distance_of_gaussians_is_the_closed_form() -> None:
    one = with_moments(np.array([1.0, 0, 0]), np.diag([4.0, 1, 9]), 50, 0)
    other = with_moments(np.array([0.0, 2, 0]), np.diag([1.0, 1, 4]), 70, 1)
    # |mean difference|² + the sum of (sigma - sigma')² of Gaussians with the same axes
    assert frechet_distance(one, other) == pytest.approx(5 + 1 + 0 + 1)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, one + [3, 0, 0]) == pytest.approx(9)


@pytest.mark.parametrize("count", [200, 12])
def test_frechet_distance_agrees_with_the_square_root_of_the_matrix(count: int) -> None:
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(40, 40))
    one, other = rng.normal(size=(count, 40)) @ mix, rng.normal(size=(count, 40)) + 0.3  # 12 of 40: singular
    a, b = np.cov(one.T), np.cov(other.T)
    expected = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-4)


def test_equal_sets_of_videos_are_at_no_distance_and_changed_ones_further_away() -> None:
    def look(pictures: np.ndarray) -> np.ndarray:  # frames or windows -> a few statistics each
        flat = pictures.reshape(len(pictures), -1, 3).astype(float)
        return np.concatenate([flat.mean(1), flat.std(1)], 1)

    networks = Networks(ready={"inception": look, "i3d": look})
    videos = [noise(36, seed=seed) // (seed + 1) for seed in range(3)]
    for key in ("fid", "fvd"):
        metric = REGISTRY[key]
        assert metric.features is not None
        truth = [metric.features(Sample(video), networks) for video in videos]
        assert metric.compute(truth, truth) == pytest.approx(0, abs=1e-6)
        darker = [metric.features(Sample(video // 2), networks) for video in videos]
        assert metric.compute(darker, truth) > 10
    assert len(truth[0]) == 2  # two whole windows of 16 frames
    with pytest.raises(NotMeasuredError, match="shorter than 16 frames"):
        REGISTRY["fvd"].features(Sample(noise(16), first=1), networks)  # type: ignore[misc]


def test_more_blur_never_improves_picture_quality() -> None:
    def sharpness(frames: np.ndarray) -> np.ndarray:
        assert frames.dtype == np.uint8 and frames.shape[-1] == 3
        return np.array([cv2.Laplacian(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var() for f in frames])

    networks, frames = Networks(ready={"hyperiqa": sharpness}), noise(26)
    scores = []
    for sigma in (0.0, 0.5, 1.0, 2.0, 4.0):
        blurred = [cv2.GaussianBlur(frame, (0, 0), sigma) if sigma else frame for frame in frames]
        scores.append(REGISTRY["hyperiqa"].compute(Sample(np.stack(blurred)), networks))
    assert scores == sorted(scores, reverse=True) and scores[0] > scores[-1]


def test_mfcc_are_those_of_python_speech_features() -> None:
    sound = np.round(8000 * np.sin(np.arange(800) ** 1.3 * 0.02))
    # python_speech_features 0.6: mfcc(sound.astype(int16), 16000)[2, :5]
    assert mfcc(sound)[2, :5] == pytest.approx([19.0151, 24.4344, 7.9016, -9.0436, -23.519], abs=1e-4)
    assert np.isfinite(mfcc(np.zeros(1600))).all()


@pytest.mark.parametrize("late", [-6, 0, 4, 11])
def test_a_shift_of_the_sound_moves_the_offset_by_as_much(late: int) -> None:
    """Stand-ins: a picture's brightness and a sound's energy, embedded alike."""

    class StandIn:
        def lips(self, windows: np.ndarray) -> np.ndarray:
            return windows.reshape(len(windows), 5, -1).mean(-1) / 255

        def sound(self, windows: np.ndarray) -> np.ndarray:
            energy = windows[..., 0].reshape(len(windows), 5, 4).mean(-1)  # the first coefficient is log energy
            return (energy - 13) / 10

    rng = np.random.default_rng(3)
    levels = rng.uniform(0, 1, 110)
    poses = gestures(Person(), 110)
    frames = np.broadcast_to((levels * 255).astype(np.uint8)[:, None, None, None], (110, 96, 96, 3))
    envelope = np.exp((np.repeat(levels, SAMPLE_RATE // 25) * 10 - 10) / 2)
    samples = np.roll(envelope, late * SAMPLE_RATE // 25) * rng.choice([-1.0, 1.0], len(envelope)) * 0.5
    small = poses.map_points((96 / 768, 96 / 768), (0, 0), (96, 96))
    sample = Sample(frames, poses=small, speech=Speech(samples.astype(np.float32)), fps=25)
    networks = Networks(ready={"syncnet": StandIn()})
    assert REGISTRY["sync_offset"].compute(sample, networks) == late
    assert REGISTRY["sync_c"].compute(sample, networks) > 0.2
    unrelated = replace(sample, speech=Speech(samples[::-1].astype(np.float32)), known={})
    assert REGISTRY["sync_c"].compute(unrelated, networks) < REGISTRY["sync_c"].compute(sample, networks) / 2
    assert REGISTRY["sync_d"].compute(unrelated, networks) > REGISTRY["sync_d"].compute(sample, networks)
    with pytest.raises(NotMeasuredError, match="no sound"):
        REGISTRY["sync_c"].compute(Sample(frames, poses=small, fps=25), networks)


def test_equal_embeddings_have_no_distance() -> None:
    track = np.random.default_rng(0).normal(size=(60, 8))
    exact = synchrony(track, track)
    assert exact.offset == 0 and exact.distance == pytest.approx(0, abs=1e-4) and exact.confidence > 1


def test_face_crops_follow_the_face() -> None:
    poses = gestures(Person(), 15)
    frames = np.zeros((15, 768, 768, 3), np.uint8)
    for frame, face in zip(frames, poses.face, strict=True):
        cv2.circle(frame, tuple(int(v) for v in face[30, :2]), 20, (255, 255, 255), -1)
    crops = face_crops(frames, poses)
    spots = [np.argwhere(crop[..., 0] > 128).mean(0) for crop in crops]
    assert np.ptp(spots, axis=0).max() < 12  # of 224, though the head moves
    with pytest.raises(NotMeasuredError, match="no face"):
        face_crops(frames, PoseClip(poses.body, poses.hands, poses.face * [1, 1, 0], poses.canvas))


def test_csim_is_one_for_the_portrait_itself_wherever_it_stands() -> None:
    poses = gestures(Person(), 12).take(np.zeros(12, int))
    picture = cv2.GaussianBlur(noise(1, 768)[0], (0, 0), 12)
    picture = np.clip((picture.astype(float) - 127) * 12 + 127, 0, 255).astype(np.uint8)
    moved = cv2.warpAffine(picture, np.array([[0.8, 0, 60], [0, 0.8, 30.0]]), (768, 768))
    there = poses.map_points((0.8, 0.8), (60, 30), (768, 768))
    networks = Networks(ready={"arcface": lambda faces: faces.reshape(len(faces), -1).astype(float) - 127})
    portrait = make_portrait(picture, poses.frame(0))
    own = REGISTRY["csim"].compute(Sample(np.stack([moved] * 12), poses=there, portrait=portrait), networks)
    other = REGISTRY["csim"].compute(Sample(np.stack([moved[::-1]] * 12), poses=there, portrait=portrait), networks)
    assert own > 0.95 > 0.3 > other
    hidden = there.frame(0)
    hidden.face[30, 2] = 0
    assert arcface_crop(moved, hidden) is None


def test_variances_do_not_depend_on_the_size_of_the_video() -> None:
    poses = gestures(Person(), 30)
    small = poses.map_points((0.25, 0.25), (0, 0), (192, 192))
    for key in ("hkv", "hmv"):
        metric = REGISTRY[key]
        large, less = (metric.compute(Sample(noise(30, 8), poses=clip), Networks()) for clip in (poses, small))
        assert large == pytest.approx(less, rel=1e-3) and large > 0
    poses.hands[..., 2] = 0
    with pytest.raises(NotMeasuredError, match="no hand"):
        REGISTRY["hkv"].compute(Sample(noise(30, 8), poses=poses), Networks())


def test_a_missing_network_keeps_nothing_of_those_who_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever measures many videos asks for each, with all frames at hand."""

    class Frames:
        pass

    def ask(networks: Networks) -> weakref.ref[Frames]:
        frames = Frames()
        try:
            networks.get("syncnet")
        except MissingNetworkError:
            return weakref.ref(frames)
        raise AssertionError("it is not here")

    monkeypatch.setattr("vivid.weights.hub.models_folder", lambda: tmp_path)
    networks = Networks()
    asked = [ask(networks) for _ in range(3)]
    gc.collect()
    assert [each() for each in asked] == [None] * 3
