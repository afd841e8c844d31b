"""What the presets called paper take from the paper (sections 3 and 4.1), number by number."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.dummies import DUMMY, dummy_conditions, dummy_models
from vivid.method import hcc
from vivid.method.factory import build_codebook
from vivid.training.ablations import FULL
from vivid.training.export import follow
from vivid.training.loop import rate_at
from vivid.training.presets import PRESETS, Preset


@pytest.fixture(params=["paper", "paper-wav2vec2"])
def paper(request: pytest.FixtureRequest) -> Preset:
    return PRESETS[request.param]


def test_the_hand_codebook(paper: Preset) -> None:
    config, model = paper.hcc, paper.model
    assert (config.batch, config.loop.steps, config.loop.learning_rate) == (256, 200_000, 1e-4)
    assert config.loop.weight_decay == 0, "Adam"
    assert config.jitter == 0, "crops are centred"
    assert (model.codes, model.code_dim, model.hand_size, hcc.COMMITMENT) == (1024, 256, 256, 0.25)
    with torch.device("meta"):
        assert build_codebook(model).grid == 16
    assert paper.stage1.ablation == paper.stage2.ablation == FULL


def test_the_learning_rate_is_fixed(paper: Preset) -> None:
    for part in (paper.hcc, paper.stage1, paper.stage2):
        assert {rate_at(step / 1000, step, part.loop) for step in (0, 1, 500, 1000)} == {1.0}


def test_both_stages(paper: Preset) -> None:
    first, second = paper.stage1, paper.stage2
    for stage in (first, second):
        assert (stage.loop.learning_rate, stage.loop.betas) == (1e-5, (0.9, 0.999))
        assert stage.loop.minutes is None, "a fixed number of steps"
        assert stage.snr_gamma is None and stage.last_step_share == 0, "equation 3 weighs all noise alike"
        assert (stage.mouth_weight, stage.hand_weight) == (1, 1), "and the whole picture"
        assert stage.window.crop is None and not stage.same_head and not stage.separate_frames
    assert (first.batch, first.window.frames, first.motion) == (8, 1, False)
    assert (second.batch, second.window.frames, second.motion, second.spatial_rate) == (4, 24, True, 0)
    assert paper.model.prediction_type == "epsilon"


def test_the_networks(paper: Preset) -> None:
    model = paper.model
    assert (model.head_window, model.channels, model.layers) == (24, (320, 640, 1280, 1280), 2)
    assert not (model.concat_reference or model.reference_shift or model.audio_token_embedding)
    assert (model.speech, model.speech_width) in (("whisper-tiny", 384), ("wav2vec2", 768))


@pytest.mark.parametrize("name", PRESETS)
def test_an_export_says_what_it_is(name: str) -> None:
    info, model = PRESETS[name].info, PRESETS[name].model
    assert info.speech_encoder == model.speech and info.size == (model.sample_size,) * 2 == (PRESETS[name].size,) * 2
    if name.startswith("paper"):
        assert (info.name, info.domain, info.size) == (name, "any", (512, 512))
        assert (info.guidance_audio, info.guidance_image, info.window) == (2.5, 2.5, 24)
        assert not PRESETS[name].int8


@torch.no_grad()
def test_wav2vec2_is_brought_to_the_models_width_by_a_trained_layer() -> None:
    models = dummy_models(replace(DUMMY, speech="wav2vec2", speech_width=768, audio_token_embedding=False))
    projection = models.denoiser.dsaa.speech_projection
    assert projection is not None and projection in models.denoiser.added_parts()
    conditions = dummy_conditions(models)
    sample = torch.randn(1, 4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    out = models.denoiser(sample, 500, conditions)
    silent = models.denoiser(sample, 500, conditions.unconditional(keep_image=True))
    assert conditions.audio is not None and conditions.audio.shape[-1] == 768
    assert not torch.allclose(out, silent, atol=1e-3)
    projection.weight.zero_()
    torch.testing.assert_close(models.denoiser(sample, 500, conditions), silent)


def test_a_warm_start_follows_the_preset_and_keeps_its_weights() -> None:
    models = dummy_models(replace(DUMMY, head_window=1, reference_shift=False))
    said: list[str] = []
    wanted = replace(DUMMY, reference_shift=False, prediction_type="epsilon")
    made = follow(wanted, models, said.append)
    config, state = made.denoiser.config, models.denoiser.state_dict()
    assert (config.prediction_type, config.head_window, made.denoiser.dsaa.head_window) == ("epsilon", 24, 24)
    assert all(torch.equal(value, state[name]) for name, value in made.denoiser.state_dict().items())
    assert said == ["To be learnt anew: prediction_type v_prediction -> epsilon, head_window 1 -> 24"]
    assert follow(wanted, made, said.append) is made
