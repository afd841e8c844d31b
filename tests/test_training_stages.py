"""Reading clips, preparing them, and one step of every stage at tiny size."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.dummies import DUMMY, DummySpeech, dummy_models
from tests.training_data import FRAMES, SIZE, write_ordinary, write_rendered
from vivid.config import ModelInfo
from vivid.errors import InputError
from vivid.media.tensors import to_unit
from vivid.method.autoencoder import ShortcutAutoencoderKL
from vivid.method.dsaa import pool_rhythm
from vivid.method.factory import Models
from vivid.training.ablations import ABLATIONS, FULL
from vivid.training.clips import Clip, box_around, load_clips
from vivid.training.detail import DetailConfig, DetailStage, predict
from vivid.training.export import export_model, load_networks
from vivid.training.hands import crops_of_clips, load_hand_shards
from vivid.training.hcc import HccConfig, HccStage, hcc_metrics
from vivid.training.loop import LoopConfig, TrainingStage
from vivid.training.prepare import PreparedClip, decode_frames, prepare_clips
from vivid.training.stages import DiffusionConfig, DiffusionStage, loss_weight, separate_frames
from vivid.training.vae import VaeConfig, VaeStage, crop_corner
from vivid.training.windows import NEAREST, DropRates, WindowSampler, WindowShape, fixed_batch

NO_DROPS = DropRates(0, 0, 0, 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clips")
    write_rendered(root, "000", identity=1, seed=1)
    write_rendered(root, "001", identity=1, seed=1)
    write_ordinary(root, "002")
    return root


@pytest.fixture(scope="module")
def clips(folder: Path) -> list[Clip]:
    return load_clips(folder, folder / "cache")


@pytest.fixture(scope="module")
def prepared(folder: Path, clips: list[Clip]) -> list[PreparedClip]:
    models = dummy_models()
    return prepare_clips(clips, models.vae, models.codebook, DummySpeech(), folder / "prepared", lambda text: None)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_both_kinds_of_folders_are_read(clips: list[Clip]) -> None:
    assert [len(clip) for clip in clips] == [FRAMES] * 3
    rendered, _, ordinary = clips
    assert rendered.frames.shape == (FRAMES, SIZE, SIZE, 3)
    assert (rendered.identity, rendered.voice, ordinary.identity) == (1, 3, -1)
    assert rendered.openness[3] == pytest.approx(0.15)
    # the ordinary clip's openness comes from its face points, which open by 0 to 3 pixels over an eye distance of 6.4
    assert np.ptp(ordinary.openness) == pytest.approx(3 / 6.4, abs=0.02)
    # same points, so the same hands: exact boxes of the one lie inside the enlarged ones of the other
    assert (ordinary.hand_boxes[..., :2] <= rendered.hand_boxes[..., :2] + 0.1).all()
    assert (ordinary.hand_boxes[..., 2:] >= rendered.hand_boxes[..., 2:] - 0.1).all()


def test_frames_and_poses_are_resized_together(folder: Path, clips: list[Clip]) -> None:
    small = load_clips(folder, folder / "cache", (32, 32), limit=1)[0]
    assert small.frames.shape[1:3] == (32, 32)
    np.testing.assert_allclose(small.pose.hands[..., :2] * 2, clips[0].pose.hands[..., :2], atol=0.01)


def test_folders_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no videos"):
        load_clips(tmp_path, tmp_path)
    video = write_rendered(tmp_path, "a")
    np.savez(video.with_suffix(".npz"), something=np.zeros(3))
    with pytest.raises(InputError, match="neither"):
        load_clips(tmp_path, tmp_path / "cache")
    with pytest.raises(InputError, match="no hand shards"):
        load_hand_shards(tmp_path, tmp_path)


def test_box_around_leaves_out_absent_points() -> None:
    points = np.array([[[1, 2, 1], [3, 6, 1], [100, 100, 0]], [[0, 0, 0]] * 3], np.float32)
    boxes = box_around(points)
    np.testing.assert_array_equal(boxes[0], [1, 2, 3, 6])
    assert np.isnan(boxes[1]).all()


def test_prepared_clips_agree_with_the_networks(prepared: list[PreparedClip], clips: list[Clip], folder: Path) -> None:
    models = dummy_models()
    clip, item = clips[0], prepared[0]
    picture = to_unit(clip.frames[:1], torch.device("cpu"), torch.float32)
    with torch.no_grad():
        latents = models.vae.encode(picture).latent_dist.mean * models.vae.config.scaling_factor
    np.testing.assert_allclose(item.latents[0].astype(np.float32), latents[0].numpy(), atol=0.01)
    assert item.audio.shape == (FRAMES, 50, 384)
    assert item.hand_mask.any((1, 2)).all()
    assert int(prepared[0].scene) == int(prepared[1].scene) != int(prepared[2].scene)
    # a second call reads the cache, and gets the same
    again = prepare_clips(clips, models.vae, models.codebook, DummySpeech(), folder / "prepared", lambda text: None)
    assert all(np.array_equal(a.hand_indices, b.hand_indices) for a, b in zip(again, prepared, strict=True))


def test_crops_are_cut_alike_from_everything(prepared: list[PreparedClip]) -> None:
    sampler = WindowSampler(prepared, WindowShape(4, stride=2, crop=4, whole_share=0.0), batch=8)
    batch = sampler.draw(np.random.default_rng(0), NO_DROPS)
    assert batch["latents"].shape == (8, 4, 4, 4, 4)
    assert batch["hand_maps"].shape == (8, 4, 32, 32, 3)
    for video in range(8):
        places = [
            (clip, np.s_[start : start + 3 * step + 1 : step], top, left)
            for clip in prepared
            for step in (1, 2)
            for start in range(FRAMES - 3 * step)
            for top, left in np.ndindex(5, 5)
            if np.array_equal(
                clip.latents[start : start + 3 * step + 1 : step, :, top : top + 4, left : left + 4],
                batch["latents"][video],
            )
        ]
        assert places
        for clip, frames, top, left in places:
            cells, pixels = (
                np.s_[top : top + 4, left : left + 4],
                np.s_[8 * top : 8 * top + 32, 8 * left : 8 * left + 32],
            )
            np.testing.assert_array_equal(clip.hand_mask[frames, *cells], batch["hand_mask"][video])
            np.testing.assert_array_equal(clip.mouth_mask[frames, *cells], batch["mouth_mask"][video])
            np.testing.assert_array_equal(clip.hand_maps[frames, *pixels], batch["hand_maps"][video])
    assert batch["hand_mask"].any() and batch["hand_maps"].any()


def test_codes_and_head_mask_are_the_reference_frames_own(prepared: list[PreparedClip]) -> None:
    clips = [replace(clip, scene=np.array(-1)) for clip in prepared]
    sampler = WindowSampler(clips, WindowShape(1), batch=24)
    batch = sampler.draw(np.random.default_rng(0), NO_DROPS)
    for video in range(24):
        reference, found = batch["reference"][video].numpy(), False
        for clip in clips:
            for row, frame in enumerate(clip.references):
                if np.array_equal(clip.latents[frame], reference):
                    same = np.array_equal(clip.head_mask[row], batch["head_mask"][video])
                    found |= same and np.array_equal(clip.hand_indices[row], batch["hand_indices"][video])
        assert found


def test_the_rhythm_comes_from_the_whole_clip_in_every_stage(prepared: list[PreparedClip]) -> None:
    whole = pool_rhythm(torch.from_numpy(np.array(prepared[0].audio)), range(FRAMES))
    for frames in (1, 4):
        sampler = WindowSampler(prepared[:1], WindowShape(frames), 1)
        batch = sampler.whole(0, slice(5, 5 + frames), 0, 0)
        torch.testing.assert_close(batch["rhythm"][0], whole[5 : 5 + frames])


def test_own_videos_are_fitted_not_squashed(tmp_path: Path) -> None:
    """A wide video: its square part around head and hands is taken, and the points stay on what they mark."""
    from vivid.pose.clips import save_clip

    square = write_ordinary(tmp_path / "square", "a")
    wide = tmp_path / "wide" / "a.mp4"
    wide.parent.mkdir()
    pad = ["ffmpeg", "-v", "error", "-i", str(square), "-vf", "pad=160:64:96:0", "-crf", "10", str(wide)]
    subprocess.run(pad, check=True)
    clip = load_clips(square.parent, tmp_path / "cache")[0]
    save_clip(clip.pose.map_points((1.0, 1.0), (96.0, 0.0), (160, 64)), wide.with_suffix(".npz"))
    fitted = load_clips(wide.parent, tmp_path / "cache", (SIZE, SIZE))[0]
    assert fitted.frames.shape == (FRAMES, SIZE, SIZE, 3) and isinstance(fitted.frames, np.memmap)
    shift = fitted.pose.hands[0, 0, 0, 0] - clip.pose.hands[0, 0, 0, 0]
    np.testing.assert_allclose(fitted.pose.hands[..., 0], clip.pose.hands[..., 0] + shift, atol=0.01)
    np.testing.assert_allclose(fitted.hand_boxes[..., 2] - fitted.hand_boxes[..., 0],
                               clip.hand_boxes[..., 2] - clip.hand_boxes[..., 0], atol=0.01)  # fmt: skip
    whole = round(float(shift))
    seen, known = (fitted.frames[0, :, whole:], clip.frames[0, :, : SIZE - whole]) if whole >= 0 else (
        fitted.frames[0, :, :whole], clip.frames[0, :, -whole:])  # fmt: skip
    assert abs(shift) < 32 and np.abs(seen.astype(int) - known).mean() < 12


def test_whole_batches_cost_about_the_same(prepared: list[PreparedClip]) -> None:
    sampler = WindowSampler(prepared, WindowShape(2, crop=4, whole_share=1.0), batch=8)
    assert sampler.draw(np.random.default_rng(0), NO_DROPS)["latents"].shape == (2, 2, 4, 8, 8)


def test_drop_rates_are_kept(prepared: list[PreparedClip]) -> None:
    sampler = WindowSampler(prepared, WindowShape(1), batch=400)
    batch = sampler.draw(np.random.default_rng(0), DropRates(audio=0.2, image=0.1, hands=0.3, everything=0.0))
    assert 1 - batch["keep_audio"].float().mean() == pytest.approx(0.2, abs=0.06)
    assert 1 - batch["keep_image"].float().mean() == pytest.approx(0.1, abs=0.05)
    assert not (batch["keep_hands"] & ~batch["keep_image"]).any()


def small_stage(prepared: list[PreparedClip], trained: bool = False, **changes: object) -> DiffusionStage:
    config = replace(
        DiffusionConfig(LoopConfig(steps=3), WindowShape(3), batch=2, sample_steps=2, drops=NO_DROPS), **changes
    )
    models = dummy_models(trained=trained)
    return DiffusionStage(config, models, prepared)


def one_loss(stage: TrainingStage, seed: int = 0) -> torch.Tensor:
    batch = stage.batch(np.random.default_rng(seed))
    return stage(batch, torch.Generator().manual_seed(seed), 0.0)[0]


def assert_learns(stage: TrainingStage, steps: int = 12) -> None:
    """The loss of one fixed batch falls by a fifth at least (0.42 to 0.68 of it were left)."""
    optimiser = torch.optim.Adam(stage.parameters(), 3e-3)
    losses = []
    for _ in range(steps):
        loss = one_loss(stage, seed=0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("name", [None, "online-hcc-16x16"])
def test_gradients_of_the_diffusion_stage_are_right(prepared: list[PreparedClip], name: str | None) -> None:
    stage = small_stage(prepared, trained=True, ablation=ABLATIONS[name] if name else FULL)
    stage.eval()  # codes that move while training would move the loss
    one_loss(stage).backward()
    for name in ("denoiser.conv_in.weight", "reference.conv_in.weight", "hand_encoder.conv_in.weight"):
        parameter = dict(stage.named_parameters())[name]
        assert parameter.grad is not None
        direction = parameter.grad / parameter.grad.norm()
        with torch.no_grad():
            parameter.add_(1e-2 * direction)
            up = one_loss(stage)
            parameter.sub_(2e-2 * direction)
            down = one_loss(stage)
            parameter.add_(1e-2 * direction)
        slope = float(up - down) / 2e-2
        assert slope == pytest.approx(float(parameter.grad.norm()), rel=0.05, abs=1e-4), name


def test_every_trained_part_gets_a_gradient(prepared: list[PreparedClip]) -> None:
    stage = small_stage(prepared, trained=True)
    one_loss(stage).backward()
    silent = [n for n, p in stage.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert not [name for name in silent if "embedding.spread" not in name], silent


def test_checkpointing_keeps_less_and_gives_the_same_gradients(prepared: list[PreparedClip]) -> None:
    found, kept = [], []
    for wanted in (False, True):
        stage = small_stage(prepared, trained=True, gradient_checkpointing=wanted)
        sizes: list[int] = []

        def keep(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = one_loss(stage)
        loss.backward()
        kept.append(sum(sizes))
        found.append({name: p.grad for name, p in stage.named_parameters() if p.grad is not None})
    assert kept[1] < 0.7 * kept[0]  # weights are among what is kept
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-4, atol=1e-6)


def test_motion_modules_come_with_stage_two_and_begin_without_effect(prepared: list[PreparedClip]) -> None:
    stage = small_stage(prepared, trained=True, motion=False).eval()
    assert not stage.denoiser.motion_modules()
    models = Models(**stage.frozen, denoiser=stage.denoiser, reference=stage.reference, hand_encoder=stage.hand_encoder)
    later = DiffusionStage(replace(stage.config, motion=True), models, prepared).eval()
    assert later.denoiser.motion_modules()
    torch.testing.assert_close(one_loss(later), one_loss(stage))
    alone = DiffusionStage(replace(stage.config, motion=True, spatial_rate=0.0), models, prepared)
    motion = {p for module in alone.denoiser.motion_modules() for p in module.parameters()}
    assert motion == {p for p in alone.parameters() if p.requires_grad}


def test_untrained_model_returns_the_still_portrait(prepared: list[PreparedClip]) -> None:
    models = load_networks(DUMMY, [], need=())
    stage = DiffusionStage(DiffusionConfig(window=WindowShape(3), batch=1, drops=NO_DROPS), models, prepared)
    batch = stage.batch(np.random.default_rng(0))
    latents = stage.generate(batch, steps=1)
    torch.testing.assert_close(latents[:, 0], batch["reference"].float(), atol=1e-3, rtol=0)
    assert stage.sample().dtype == np.uint8


def test_loss_weight_keeps_the_step_of_pure_noise() -> None:
    weight = loss_weight(torch.tensor([0.0, 0.5, 0.999]), gamma=5.0)
    torch.testing.assert_close(weight[:2], torch.tensor([1.0, 1.0]))
    assert weight[2] < 0.01


def test_vae_stage_improves_on_its_start(clips: list[Clip]) -> None:
    config = VaeConfig(LoopConfig(steps=1), replace(DUMMY, latent_channels=8), batch=4, crop=32)
    stage = VaeStage(config, clips)
    picture = to_unit(clips[0].frames[:4], torch.device("cpu"), torch.float32)
    with torch.no_grad():
        decoded = stage.vae.decode(stage.vae.encode(picture).latent_dist.mean).sample.clamp(-1, 1)
    assert -10 * np.log10(float((decoded - picture).square().mean()) / 4) > 20  # dB, by principal components
    assert_learns(stage)


def test_detail_stage_improves_on_predictions(clips: list[Clip], prepared: list[PreparedClip], tmp_path: Path) -> None:
    vae = VaeStage(VaeConfig(model=DUMMY), clips).vae
    config = DetailConfig(LoopConfig(steps=1), channels=8, batch=4, crop=4, windows=3, window=WindowShape(2))
    made = predict(small_stage(prepared), prepared, config, lambda text: None)
    assert len(made.source) == len(made.cond) == 6
    for (number, frame, *_), true in zip(made.source, made.true, strict=True):
        np.testing.assert_array_equal(prepared[number].latents[frame], true)
    stage = DetailStage(config, vae, clips, prepared, made)
    trained = [name for name, parameter in stage.named_parameters() if parameter.requires_grad]
    assert trained and all(name.startswith("detail.") for name in trained)
    before = {name: value.clone() for name, value in stage.frozen["vae"].state_dict().items()}
    assert_learns(stage)
    assert stage.sample().shape == (3 * SIZE, 6 * SIZE, 3)
    stage.export(tmp_path)
    again = ShortcutAutoencoderKL.from_pretrained(tmp_path / "vae").state_dict()
    changed = [name for name, value in before.items() if not torch.equal(value, again[name])]
    assert changed and all(name.startswith("detail.") for name in changed)


def test_crops_lie_on_the_grid_and_show_somebody(clips: list[Clip]) -> None:
    rng = np.random.default_rng(0)
    for clip in clips * 10:
        frame = int(rng.integers(len(clip)))
        top, left = crop_corner(clip, frame, rng, 24, 1.0, step=8)
        assert top % 8 == left % 8 == 0 and min(top, left) >= 0 and max(top, left) + 24 <= SIZE
        boxes = np.stack([clip.mouth_boxes[frame], clip.head_boxes[frame], *clip.hand_boxes[frame]])
        assert ((boxes[:, :2] < (left + 24, top + 24)) & (boxes[:, 2:] > (left, top))).all(1).any()


def test_detail_batches_show_one_place(clips: list[Clip], prepared: list[PreparedClip]) -> None:
    vae = VaeStage(VaeConfig(model=DUMMY), clips).vae
    config = DetailConfig(channels=8, batch=24, crop=4, windows=3, window=WindowShape(2), true_share=1.0)
    made = predict(small_stage(prepared), prepared, config, lambda text: None)
    batch = DetailStage(config, vae, clips, prepared, made).batch(np.random.default_rng(0))
    found = 0
    for latents, truth, hands in zip(batch["latents"], batch["truth"], batch["hands"], strict=True):
        for (number, frame, *_), true in zip(made.source, made.true, strict=True):
            for top, left in np.ndindex(5, 5):
                if np.array_equal(true[:, top : top + 4, left : left + 4], latents.half()):
                    pixels = np.s_[8 * top : 8 * top + 32, 8 * left : 8 * left + 32]
                    found += np.array_equal(clips[number].frames[frame][pixels], truth)
                    assert np.array_equal(prepared[number].hand_maps[frame][pixels], hands[..., :3])
    assert found >= len(batch["latents"])
    assert batch["weight"].shape == (24, 4, 4) and batch["weight"].min() == 1
    assert {config.hand_weight, config.mouth_weight} <= set(batch["weight"].unique().tolist())


def test_codebook_stage_learns_hands(clips: list[Clip], tmp_path: Path) -> None:
    assert len(crops_of_clips(clips, every=3)) == 0  # these smooth pictures count as blurred
    with pytest.raises(InputError, match="sharp"):
        HccStage(HccConfig(), crops_of_clips(clips, every=3), dummy_models().codebook)
    small = np.random.default_rng(0).integers(0, 255, (12, 8, 8, 3), np.uint8)
    crops = np.repeat(np.repeat(small, 32, 1), 32, 2)
    stage = HccStage(HccConfig(LoopConfig(steps=1), batch=2), crops, dummy_models(trained=False).codebook)
    assert_learns(stage.train(), steps=6)
    numbers = hcc_metrics(stage.codebook, crops[:2])
    assert 1 <= numbers["perplexity"] <= 32
    stage.export(tmp_path)
    assert (tmp_path / "codebook" / "config.json").exists()


def test_exported_model_opens_as_shipped(prepared: list[PreparedClip], tmp_path: Path) -> None:
    from vivid.weights.store import load_model

    stage = small_stage(prepared, trained=True)
    stage.export(tmp_path / "run" / "weights")
    models = dummy_models()
    models.vae.save_pretrained(tmp_path / "vae_run" / "weights" / "vae")
    models.codebook.save_pretrained(tmp_path / "hcc_run" / "weights" / "codebook")
    others = [tmp_path / "vae_run", tmp_path / "hcc_run"]
    made = ModelInfo("own", "dummy", "any", (64, 64), 8, 2, 2, 2.5, 2.5)
    info = export_model(DUMMY, made, tmp_path / "run", others, tmp_path / "model", report=lambda text: None)
    assert info == made
    loaded, stored = load_model(tmp_path / "model", torch.float32)
    assert stored == info
    weight = stage.denoiser.conv_in.weight
    torch.testing.assert_close(loaded.denoiser.conv_in.weight, weight, atol=float(weight.abs().max()) / 100, rtol=0)
    with pytest.raises(InputError, match="holds codebook"):
        export_model(DUMMY, made, tmp_path / "run", others[:1], tmp_path / "other")
    # a codebook that is named takes the place of the one in a whole model
    new = dummy_models(seed=1).codebook
    new.save_pretrained(tmp_path / "new" / "codebook")
    export_model(DUMMY, made, tmp_path / "model", [tmp_path / "new"], tmp_path / "changed", False, lambda text: None)
    codes = load_model(tmp_path / "changed", torch.float32)[0].codebook.state_dict()
    assert all(torch.equal(codes[name], value) for name, value in new.state_dict().items())


def test_decoding_has_the_right_scale(prepared: list[PreparedClip]) -> None:
    frames = decode_frames(dummy_models().vae, torch.from_numpy(prepared[0].latents[:2].astype(np.float32)))
    assert frames.shape == (2, SIZE, SIZE, 3)
    assert frames.dtype == np.uint8


def test_separate_frames_are_videos_that_share_a_reference(prepared: list[PreparedClip]) -> None:
    shape = WindowShape(3)
    config = DiffusionConfig(window=shape, motion=False, separate_frames=True, last_step_share=1.0, last_step_noise=0.0)
    stage = DiffusionStage(config, dummy_models(), prepared).eval()
    batch = fixed_batch(prepared, 3, 2)
    together = stage.generate(batch, 1)
    loss = stage(batch, torch.Generator().manual_seed(0), 0.0)[0]
    alone = separate_frames(batch)
    alone["reference"] = batch["reference"].repeat_interleave(3, 0)
    stage.config = replace(config, separate_frames=False)
    torch.testing.assert_close(together.flatten(0, 1)[:, None], stage.generate(alone, 1))
    torch.testing.assert_close(loss, stage(alone, torch.Generator().manual_seed(0), 0.0)[0])


def test_a_head_that_was_not_seen_still_gets_a_reference_of_another_moment(prepared: list[PreparedClip]) -> None:
    every = np.arange(FRAMES)  # as in a long clip, where there are many to choose from
    blind = [replace(clip, face=np.full_like(clip.face, np.nan), references=every) for clip in prepared[:2]]
    sampler = WindowSampler(blind, WindowShape(1), 1)
    rng = np.random.default_rng(0)
    window = slice(0, 1)
    drawn = [sampler._reference(0, window, rng) for _ in range(60)]
    assert len(set(drawn)) > 5
    assert {lender for lender, _ in drawn} == {0, 1}
    assert all(lender == 1 or frame > NEAREST for lender, frame in drawn)


def test_a_clip_too_short_for_two_moments_borrows_its_reference(prepared: list[PreparedClip]) -> None:
    sampler = WindowSampler(prepared, WindowShape(FRAMES), 1)
    rng = np.random.default_rng(0)
    found = {number: {sampler._reference(number, slice(0, FRAMES), rng)[0] for _ in range(9)} for number in range(3)}
    assert found == {0: {1}, 1: {0}, 2: {2}}  # the last is alone in its scene
