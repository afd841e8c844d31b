"""The whole engine on tiny seeded networks: events, length, seeds, cancelling, switches, memory."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from tests.dummies import dummy_pipeline, fill
from vivid.config import FPS, SAMPLE_RATE, RunSettings
from vivid.errors import InputError
from vivid.events import Done, Step
from vivid.generators.diffusion.session import DECODE_CHUNK
from vivid.media.provenance import read_provenance
from vivid.media.video import probe, read_frames
from vivid.method.options import rebuilt
from vivid.pipeline import VividPipeline
from vivid.pose.portrait import Portrait, make_portrait
from vivid.pose.skeleton import BODY_COUNT, FACE_COUNT, Pose, PoseClip
from vivid.speech.types import Speech


def person(width: int = 128, height: int = 128, shift: float = 0.0) -> Pose:
    """A plausible half-body pose in a picture of the given size."""
    body = np.zeros((BODY_COUNT, 3), np.float32)
    places = {0: (0.5, 0.25), 1: (0.5, 0.45), 2: (0.35, 0.45), 3: (0.3, 0.65), 4: (0.4, 0.8), 5: (0.65, 0.45),
              6: (0.7, 0.65), 7: (0.6, 0.8), 8: (0.4, 0.95), 11: (0.6, 0.95), 14: (0.47, 0.22), 15: (0.53, 0.22),
              16: (0.43, 0.24), 17: (0.57, 0.24)}  # fmt: skip
    for index, (x, y) in places.items():
        body[index] = ((x + shift) * width, y * height, 1)
    hands = np.zeros((2, 21, 3), np.float32)
    for side, wrist in ((0, 7), (1, 4)):
        finger = np.arange(21)
        hands[side, :, 0] = body[wrist, 0] + (finger % 4 - 1.5) * 0.02 * width
        hands[side, :, 1] = body[wrist, 1] + finger * 0.004 * height
        hands[side, :, 2] = 1
    angle = np.linspace(0, 2 * np.pi, FACE_COUNT, endpoint=False)
    face = np.stack(
        [(0.5 + shift + 0.08 * np.cos(angle)) * width, (0.25 + 0.1 * np.sin(angle)) * height, angle * 0 + 1], 1
    )
    return Pose(body, hands, face.astype(np.float32), (width, height))


def portrait() -> Portrait:
    random = np.random.default_rng(0)
    return make_portrait(random.integers(0, 255, (128, 128, 3), dtype=np.uint8), person())


def gestures(frames: int = 10) -> PoseClip:
    poses = [person(shift=0.05 * np.sin(i / 3)) for i in range(frames)]
    return PoseClip(*(np.stack([getattr(p, n) for p in poses]) for n in ("body", "hands", "face")), (128, 128))


def tone(frames: int) -> Speech:
    time = np.arange(frames * SAMPLE_RATE // FPS + 30) / SAMPLE_RATE
    return Speech((0.3 * np.sin(2 * np.pi * 220 * time)).astype(np.float32))


@pytest.fixture(scope="module")
def pipeline():
    return dummy_pipeline()


def run(pipeline, path, frames=5, settings=None):
    events = list(pipeline.animate(portrait(), tone(frames), gestures(), settings or RunSettings(steps=2), path))
    return events, np.stack(list(read_frames(path)))


def test_a_video_as_long_as_the_speech_with_sound_and_provenance(pipeline, tmp_path):
    out = tmp_path / "video.mp4"
    events, frames = run(pipeline, out, frames=30, settings=RunSettings(steps=2, seed=7))
    steps, result = events[:-1], events[-1].result
    assert all(isinstance(e, Step) for e in steps) and isinstance(events[-1], Done)
    assert result.frames == len(frames) == 30 and result.path == out and result.model == "dummy"
    assert probe(out).has_sound
    denoising = [e for e in steps if e.phase == "denoise"]
    assert [e.done for e in denoising] == list(range(1, denoising[-1].total + 1))
    assert sum(e.preview is not None for e in denoising) == 2, "one preview a sampling step"
    assert steps[-1].phase == "decode" and steps[-1].done == steps[-1].total == 30
    assert steps[-1].seconds_left == 0
    note = read_provenance(out)
    assert note["seed"] == 7 and note["ai_generated"] and set(note["inputs_sha256"]) == {"portrait", "speech", "motion"}
    json.dumps(result.to_dict())


def test_one_seed_gives_one_video_and_another_differs(pipeline, tmp_path):
    _, first = run(pipeline, tmp_path / "a.mp4", settings=RunSettings(steps=2, seed=3))
    _, again = run(pipeline, tmp_path / "b.mp4", settings=RunSettings(steps=2, seed=3))
    _, other = run(pipeline, tmp_path / "c.mp4", settings=RunSettings(steps=2, seed=4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_portraits_hands_follow_the_gestures_into_the_frames(tmp_path):
    pipeline = dummy_pipeline()
    models = pipeline.generator.models
    vae = fill(rebuilt(models.vae, detail_channels=8))
    pipeline.generator.models = dataclasses.replace(models, vae=vae)
    seen = []
    vae.detail.register_forward_hook(lambda module, inputs, out: seen.append(inputs[3]))
    run(pipeline, tmp_path / "video.mp4", frames=10, settings=RunSettings(steps=1))
    hands = torch.cat(seen)[-10:]  # before them came the preview's
    assert {len(part) for part in seen} >= {1, DECODE_CHUNK} and hands.shape[1:] == (8, 64, 64)
    cover = hands[:, 6].sum(1)
    middle = (cover * torch.arange(64)).sum(1) / cover.sum(1)
    sway = torch.tensor([np.sin(i / 3) for i in range(10)])
    assert torch.corrcoef(torch.stack([middle, sway.float()]))[0, 1] > 0.9
    assert torch.equal(hands[1:, 7], hands[:-1, 7]) and hands[0, 7].any()  # where the portrait has its own, all along


def test_closing_the_stream_stops_at_once_and_leaves_no_file(pipeline, tmp_path):
    calls = []
    hook = pipeline.generator.models.denoiser.register_forward_pre_hook(lambda *_: calls.append(1))
    for stop_after in (1, 2, 4):
        stream = pipeline.animate(portrait(), tone(20), gestures(), RunSettings(steps=3), tmp_path / "video.mp4")
        calls.clear()
        for _ in range(stop_after):
            next(stream)
        stream.close()
        assert len(calls) == 2 * stop_after, "two evaluations a step, and none after the last that was asked for"
    hook.remove()
    stream = pipeline.animate(portrait(), tone(20), gestures(), RunSettings(steps=1), tmp_path / "video.mp4")
    while next(stream).phase != "decode":
        pass
    stream.close()
    assert not list(tmp_path.iterdir())


def test_size_follows_the_settings_and_seconds_cut_the_speech(pipeline, tmp_path):
    settings = RunSettings(width=192, height=64, steps=1, seconds=0.25)
    events, frames = run(pipeline, tmp_path / "wide.mp4", frames=40, settings=settings)
    assert frames.shape == (6, 64, 192, 3)
    assert events[-1].result.settings["width"] == 192


def test_switches_of_untrained_parts_are_off_and_named(tmp_path):
    pipeline = dummy_pipeline(untrained=("head_stream", "codebook"))
    resolved = pipeline.generator.resolve(RunSettings(), (64, 64))
    assert not resolved.head_stream and not resolved.codebook
    events, _ = run(pipeline, tmp_path / "video.mp4")
    assert events[-1].result.untrained == ("head_stream", "codebook")


def test_switches_and_guidance_change_the_video(pipeline, tmp_path):
    base = RunSettings(steps=2)
    _, reference = run(pipeline, tmp_path / "base.mp4", settings=base)
    changes = [
        {"head_stream": False},
        {"lip_stream": False},
        {"codebook": False},
        {"calibrate": False},
        {"guidance_audio": 4.0},
        {"guidance_image": 1.0},
    ]
    for i, change in enumerate(changes):
        _, frames = run(pipeline, tmp_path / f"{i}.mp4", settings=RunSettings(steps=2, **change))
        assert not np.array_equal(frames, reference), change


def test_single_frames_come_out_the_same_however_many_share_a_call(tmp_path, monkeypatch):
    pipeline = dummy_pipeline(window=1, untrained=("motion",), overlap=0)
    calls = []
    for together in (1, 4):
        monkeypatch.setattr("vivid.generators.diffusion.generator.SINGLE_FRAMES", together)
        events, frames = run(pipeline, tmp_path / f"{together}.mp4", frames=6, settings=RunSettings(steps=1))
        previews = [e.preview for e in events[:-1] if e.phase == "denoise"]
        assert len(previews) == -(-6 // together) and all(picture is not None for picture in previews)
        calls.append(frames.astype(int))
    between_frames = np.abs(np.diff(calls[0], axis=0)).mean()
    assert np.abs(calls[0] - calls[1]).mean() < 0.02 * between_frames, "only the video's coding may differ"


def test_too_short_speech_is_refused(pipeline, tmp_path):
    with pytest.raises(InputError, match="shorter than one frame"):
        list(
            pipeline.animate(
                portrait(), Speech(np.zeros(10, np.float32)), gestures(), RunSettings(), tmp_path / "x.mp4"
            )
        )
    assert not list(tmp_path.iterdir())


def test_expected_seconds_grow_with_the_work(pipeline):
    pipeline.generator.measure_speed()
    short = pipeline.expected_seconds(24, RunSettings(steps=4))
    assert 0 < short < pipeline.expected_seconds(96, RunSettings(steps=4))
    assert short < pipeline.expected_seconds(24, RunSettings(steps=8))


def test_hands_are_reconstructed_at_their_own_size(pipeline):
    size = pipeline.generator.models.codebook.config.image_size
    crops = np.zeros((2, size, size, 3), np.uint8)
    assert pipeline.generator.reconstruct_hands(crops).shape == crops.shape


def test_another_speech_encoder_is_refused(pipeline):
    with pytest.raises(InputError, match="was made with"):
        dummy_pipeline(speech_encoder="wav2vec2")


@pytest.mark.parametrize("bad", [{"width": 0}, {"steps": 0}, {"guidance_audio": -1.0}, {"seconds": 0.0}, {"seed": -1}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(InputError):
        RunSettings(**bad)


def test_memory_does_not_grow_with_length(pipeline, monkeypatch):
    """Conditions are kept up to a fixed budget; the rest is built again."""
    from vivid.generators.diffusion.conditioner import Conditioner
    from vivid.pose.draw import hand_map

    session = pipeline.prepare(portrait(), tone(60), gestures(), RunSettings()).session

    def conditioner(steps):
        settings = dataclasses.replace(session.settings, steps=steps)
        tokens = lambda window: torch.zeros(len(window), 50, 384)  # noqa: E731
        return Conditioner(
            pipeline.generator.models, session.inputs, tokens, settings, torch.device("cpu"), torch.float32
        )

    with torch.no_grad():
        conditions = conditioner(2)
        first = conditions.window(range(0, 12))
        assert conditions.window(range(0, 12)) is first
        monkeypatch.setattr("vivid.generators.diffusion.conditioner.WINDOW_CACHE_BYTES", conditions._kept_bytes)
        full = conditioner(2)
        full.window(range(0, 12))
        drawn = []
        monkeypatch.setattr(
            "vivid.generators.diffusion.conditioner.hand_map", lambda pose: drawn.append(0) or hand_map(pose)
        )
        again = full.window(range(12, 24))
        assert again is not full.window(range(12, 24)) and len(drawn) == 12, "every frame's hands are drawn once"
        torch.testing.assert_close(again.hand_features, full.window(range(12, 24)).hand_features)
        once = conditioner(1)
        assert once.window(range(0, 12)) is not once.window(range(0, 12)), "a single step would keep them for nothing"


def from_layers(strength, monkeypatch, count=4, **options):
    """Frames and phases of a three-frame video by dummies whose layers are `LAYERS`."""
    from tests.dummies import dummy_generator

    class Layers:
        notices, still = ("The left arm stays still.",), (True, False)

        def frames(self):
            yield LAYERS[:2]
            yield LAYERS[2:]

    generator = dummy_generator(**options)
    monkeypatch.setattr(generator._layers, "prepare", lambda *_: Layers())
    settings = RunSettings(steps=count, guidance_audio=1.0, guidance_image=1.0, from_layers=strength)
    session = VividPipeline(generator).prepare(portrait(), tone(3), gestures(), settings).session
    parts = list(session.frames())
    steps = [part for part in parts if isinstance(part, Step)]
    return np.concatenate([part for part in parts if not isinstance(part, Step)]), steps, session, generator


LAYERS = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), np.uint8)


def test_full_strength_from_layers_is_a_run_without_them_to_the_bit(monkeypatch):
    without, steps, session, _ = from_layers(None, monkeypatch)
    full, full_steps, _, _ = from_layers(1.0, monkeypatch)
    assert np.array_equal(without, full) and session.still == (False, False)
    assert [(s.phase, s.done, s.total) for s in steps] == [(s.phase, s.done, s.total) for s in full_steps]


def test_no_strength_gives_the_layers_through_the_autoencoder(monkeypatch):
    from vivid.generators.diffusion.pictures import decode_pictures
    from vivid.media.tensors import to_unit
    from vivid.method.autoencoder import encode_pictures

    frames, steps, session, generator = from_layers(0.0, monkeypatch)
    vae = generator.models.vae
    latents = torch.cat(
        [encode_pictures(vae, to_unit(part, "cpu", torch.float32)) for part in (LAYERS[:2], LAYERS[2:])]
    )
    assert np.array_equal(frames, decode_pictures(vae, latents, None, session.inputs.clip))
    assert [(s.phase, s.done, s.total) for s in steps] == [("layers", 2, 3), ("layers", 3, 3)]
    assert session.still == (True, False) and session.notices == ("The left arm stays still.",)


@pytest.mark.parametrize("solver", ["ddim", "dpm++"])
def test_half_strength_takes_half_the_steps_and_ends_nearer_to_the_layers(solver, monkeypatch):
    half, steps, _, _ = from_layers(0.5, monkeypatch, solver=solver)
    little, _, _, _ = from_layers(0.25, monkeypatch, solver=solver)
    full, _, _, _ = from_layers(1.0, monkeypatch, solver=solver)
    none, _, _, _ = from_layers(0.0, monkeypatch, solver=solver)
    assert [s.done for s in steps if s.phase == "denoise"] == [1, 2]
    far = [np.abs(frames.astype(int) - none).mean() for frames in (little, half, full)]
    assert far[0] < far[1] < far[2]


def test_one_step_has_nothing_to_start_from(monkeypatch):
    with pytest.raises(InputError, match="does not sample from noise"):
        from_layers(0.5, monkeypatch, count=None, window=1, overlap=0, steps=1, noise_clamp=0.0)
    with pytest.raises(InputError, match="choose 0 to 1"):
        RunSettings(from_layers=1.5)
