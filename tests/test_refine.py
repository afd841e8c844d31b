"""The refiner: exact before training, pairs on disk, what a batch shows, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.dummies import DUMMY, DummySpeech, dummy_conditions, dummy_models, fill
from tests.training_data import key_points
from vivid import cli
from vivid.errors import InputError
from vivid.generators.refined.networks import refine, start_refiner, with_layers
from vivid.media.tensors import from_unit, to_unit
from vivid.method.factory import Models
from vivid.pose.skeleton import PoseClip
from vivid.training import presets
from vivid.training.ablations import ABLATIONS, FULL
from vivid.training.loop import LoopConfig
from vivid.training.refine.augment import random_development
from vivid.training.refine.evaluation import evaluate_refiner
from vivid.training.refine.pairs import Pairs, load_pairs, save_pairs
from vivid.training.refine.stage import Ready, RefineConfig, RefineStage, View, make_ready, view_clip
from vivid.weights.store import read_info

SIZE, FRAMES = 64, 5
TINY = RefineConfig(LoopConfig(steps=2, learning_rate=3e-3, warmup_steps=1), batch=2, frames=2, crops=(48,))


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Smooth pictures (count, SIZE, SIZE, 3) uint8 that bright noise of a few cells makes."""
    import cv2

    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (count, 8, 8, 3)).astype(np.uint8)
    return np.stack([cv2.resize(one, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for one in coarse])


def some_pairs(seed: int = 0, darker: int = 25) -> Pairs:
    """Layered frames that are darker than the true ones."""
    true = pictures(FRAMES + 1, seed)
    points = np.concatenate([key_points(FRAMES + 1, SIZE), np.ones((FRAMES + 1, 128, 1), np.float32)], -1)
    clip = PoseClip(points[:, :18], points[:, 18:60].reshape(-1, 2, 21, 3), points[:, 60:], (SIZE, SIZE))
    samples = np.random.default_rng(seed).normal(0, 0.1, 16000).astype(np.float32)
    layered = true[1:] - np.uint8(darker)
    return Pairs("one", true[0], layered, true[1:], clip, np.arange(0, 20, 4), samples, 24, 7)


@pytest.fixture(scope="module")
def start() -> Models:
    return start_refiner(dummy_models())


@pytest.fixture(scope="module")
def ready(start: Models) -> Ready:
    return make_ready([some_pairs()], start, DummySpeech(), lambda text: None)[0]  # type: ignore[arg-type]


def test_the_untrained_refiner_returns_the_layered_frames(start: Models) -> None:
    layered = pictures(3)
    conditions = dummy_conditions(start, videos=3, frames=1)
    maps = torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made, _ = refine(start.vae, start.denoiser, to_unit(layered, "cpu", torch.float32), maps, conditions)
    np.testing.assert_array_equal(from_unit(made), layered)


def test_every_condition_reaches_a_trained_refiner(start: Models) -> None:
    trained = with_layers(dummy_models().denoiser)
    fill(trained, 3)
    conditions = dummy_conditions(start, videos=2, frames=1)
    layers = torch.randn(2, 4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    conditions = replace(conditions, layered_latents=layers, rhythm=torch.ones(2, 1, 50, 384))
    sample = torch.zeros_like(layers)
    with torch.no_grad():
        out = trained(sample, 999, conditions)
        for change in (
            {"layered_latents": layers + 0.1},
            {"reference_latents": conditions.reference_latents + 0.1},
            {"rhythm": conditions.rhythm + torch.randn(50, 384, generator=torch.Generator().manual_seed(3))},
            {"audio": conditions.audio + torch.randn(50, 384, generator=torch.Generator().manual_seed(2))},
            {"hand_tokens": None},
            {"hand_features": conditions.hand_features + 0.1},
        ):
            assert not torch.allclose(out, trained(sample, 999, replace(conditions, **change)), atol=1e-4), change


def test_a_warm_start_keeps_what_the_denoiser_knows() -> None:
    models = dummy_models()
    extended, known = with_layers(models.denoiser), models.denoiser.state_dict()
    assert not extended.motion_modules()
    changed = [name for name, value in extended.state_dict().items() if value.shape != known[name].shape]
    assert changed == ["conv_in.weight"]
    torch.testing.assert_close(extended.conv_in.weight[:, :8], models.denoiser.conv_in.weight)
    assert not extended.conv_in.weight[:, 8:].any()
    torch.testing.assert_close(extended.conv_norm_out.weight, models.denoiser.conv_norm_out.weight)


def test_only_an_autoencoder_with_details_can_refine() -> None:
    with pytest.raises(TypeError, match="autoencoder"):
        start_refiner(dummy_models(replace(DUMMY, vae_shortcut=False)))


def test_pairs_come_back_from_the_disk(tmp_path: Path) -> None:
    pairs = some_pairs()
    save_pairs(tmp_path / "a", pairs)
    (read,) = load_pairs(tmp_path)
    assert (read.name, read.length, read.identity) == ("a", 24, 7)
    for name in ("portrait", "layered", "true"):
        error = getattr(read, name).astype(float) - getattr(pairs, name)
        assert np.abs(error).mean() < 6, name  # the code is lossy; the brightness that tells them apart is 25
    np.testing.assert_allclose(read.clip.hands, pairs.clip.hands, atol=1 / 16)
    np.testing.assert_array_equal(read.moments, pairs.moments)
    assert abs(len(read.samples) - len(pairs.samples)) < 400


def test_folders_without_pairs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no pairs"):
        load_pairs(tmp_path)
    save_pairs(tmp_path / "a", some_pairs())
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"a\.mp4"):
        load_pairs(tmp_path)


def test_a_mirrored_view_is_the_mirror_of_the_view(ready: Ready) -> None:
    frames = np.arange(3)
    plain, mirrored = (view_clip(ready, View(frames, (0, 0), SIZE, m), None) for m in (False, True))
    for name in ("layered", "true", "hand_maps"):
        np.testing.assert_array_equal(mirrored[name], plain[name][:, :, ::-1])
    for name in ("hand_mask", "mouth_mask", "head_mask", "left_mask"):
        np.testing.assert_array_equal(mirrored[name], plain[name][..., ::-1])
    np.testing.assert_array_equal(mirrored["present"], plain["present"][::-1])


def test_masks_follow_the_crop(ready: Ready) -> None:
    whole = view_clip(ready, View(np.arange(2), (0, 0), SIZE), None)
    part = view_clip(ready, View(np.arange(2), (8, 16), 48), None)
    for name in ("hand_mask", "mouth_mask", "head_mask"):
        np.testing.assert_array_equal(part[name], whole[name][..., 2:8, 1:7])
    np.testing.assert_array_equal(part["true"], whole["true"][:, 16:64, 8:56])


def test_a_clip_is_developed_alike_but_for_the_grain_of_its_portrait() -> None:
    picture = pictures(1)[0]
    for seed in range(20):
        development = random_development(np.random.default_rng(seed), (SIZE, SIZE))
        np.testing.assert_array_equal(development.apply(picture), development.apply(picture))
        if development.noise is not None:
            assert (development.apply(picture) != development.apply(picture, other_noise=True)).any()


def test_it_learns_what_the_layers_lack(ready: Ready) -> None:
    models = dummy_models()
    models.vae.start_from_patches(to_unit(pictures(8), "cpu", torch.float32))
    stage = RefineStage(replace(TINY, drops=(0.0, 0.0)), start_refiner(models), [ready], [])
    before = evaluate_refiner(stage, [ready], lambda text: None)
    np.testing.assert_array_equal(before[1], before[2])
    stage.train()
    optimizer = torch.optim.Adam([p for p in stage.parameters() if p.requires_grad], 1e-3)
    for step in range(12):
        loss, _ = stage(stage.batch(np.random.default_rng(step)), torch.Generator(), 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    said: list[str] = []
    after = evaluate_refiner(stage, [ready], said.append)
    assert (after[2] > after[1] + 3).all()
    assert "passed" in said[-1]


@pytest.mark.parametrize(
    ("name", "part"), [("no-hcc", "codes"), ("no-head-stream", "rhythm"), ("no-lip-stream", "audio")]
)
def test_an_ablation_keeps_its_part_from_the_networks(ready: Ready, name: str, part: str) -> None:
    models = start_refiner(dummy_models())
    fill(models.denoiser, 3)
    for ablation, same in ((FULL, False), (ABLATIONS[name], True)):
        stage = RefineStage(replace(TINY, ablation=ablation), models, [ready], []).eval()
        batch = stage.batch(np.random.default_rng(0))
        batch |= {kept: torch.ones(2, dtype=torch.bool) for kept in ("keep_audio", "keep_hands")}
        other = 31 - batch[part] if part == "codes" else torch.randn(50, 384) + 0 * batch[part]
        with torch.no_grad():
            one, two = (stage.refine({**batch, part: value})[1] for value in (batch[part], other))
        assert torch.allclose(one, two, atol=1e-5) is same, name


def test_motion_modules_and_autoencoder_stay_as_they_are(start: Models, ready: Ready) -> None:
    stage = RefineStage(TINY, start, [ready], [])
    loss, _ = stage(stage.batch(np.random.default_rng(0)), torch.Generator(), 0.0)
    loss.backward()
    learnt = {name.split(".")[0] for name, p in stage.named_parameters() if p.grad is not None}
    assert learnt == {"denoiser", "reference", "hand_encoder", "detail"}
    assert all(p.grad is None for name, p in stage.denoiser.named_parameters() if "motion_modules" in name)
    assert all(p.grad is None for name, p in start.vae.named_parameters() if not name.startswith("detail"))


def test_the_command_trains_and_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.test_training_cli import TINY as PRESET

    monkeypatch.setitem(presets.PRESETS, "cpu", replace(PRESET, refine=TINY))
    monkeypatch.setattr("vivid.speech.encoder.load_speech_encoder", DummySpeech)
    (tmp_path / "data").mkdir()
    save_pairs(tmp_path / "data" / "a", some_pairs())
    models = dummy_models()
    for name, network in vars(models).items():
        network.save_pretrained(tmp_path / "init" / name)
    folders = ["--data", str(tmp_path / "data"), "--held-out", str(tmp_path / "data")]
    base = ["train", "refine", "--preset", "cpu", *folders]
    assert cli.main([*base, "--init", str(tmp_path / "init"), "--out", str(tmp_path / "run")]) == 0
    table = capsys.readouterr().out.splitlines()[-6:]
    again = [*base, "--init", str(tmp_path / "run"), "--vae", str(tmp_path / "init"), "--codebook"]
    assert cli.main([*again, str(tmp_path / "init"), "--steps", "0", "--out", str(tmp_path / "measured")]) == 0
    measured = capsys.readouterr().out.splitlines()[-6:]
    layers = [line for line in table if line.startswith("| layers")]
    assert layers and layers == [line for line in measured if line.startswith("| layers")]
    assert any(line.startswith("| refined") for line in measured)
    parts = ["--init", str(tmp_path / "run"), "--codebook", str(tmp_path / "init")]
    assert cli.main(["train", "export", "--preset", "cpu", *parts, "--out", str(tmp_path / "model")]) == 0
    info = read_info(tmp_path / "model")
    assert (info.name, info.refines_layers, info.untrained) == ("refined", True, ("motion",))
