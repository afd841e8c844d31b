"""Speech encoders: the right states, the right windows, any length; the stored one close to full precision."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from vivid.errors import InputError
from vivid.speech import encoder as encoders
from vivid.speech.encoder import (
    ENCODERS,
    SHIPPED,
    SpeechEncoder,
    Wav2Vec2Speech,
    WhisperSpeech,
    build_wav2vec2,
    build_whisper,
    load_speech_encoder,
)
from vivid.speech.mel import log_mel
from vivid.speech.whisper import WhisperEncoder
from vivid.speech.windows import gather, window_indices

GOLDEN = Path(__file__).parent / "data" / "whisper_tiny_en_states.npz"
SHARED = Path(__file__).parents[1].parent / "shared"


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * 16_000)).astype(np.float32)


@pytest.fixture(scope="module")
def shipped() -> SpeechEncoder:
    return load_speech_encoder(SHIPPED)


@pytest.fixture(scope="module")
def small_whisper() -> WhisperSpeech:
    torch.manual_seed(0)
    return WhisperSpeech("small", WhisperEncoder(width=16, heads=2, hidden=32))


@pytest.fixture(scope="module")
def small_wav2vec2() -> Wav2Vec2Speech:
    return Wav2Vec2Speech(wav2vec2_model())


def wav2vec2_model() -> torch.nn.Module:
    from transformers import Wav2Vec2Model

    torch.manual_seed(0)
    return Wav2Vec2Model(wav2vec2_config()).eval()


def wav2vec2_config() -> object:
    from transformers import Wav2Vec2Config

    return Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=12, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2,
    )  # fmt: skip


def test_windows_at_both_ends() -> None:
    indices = window_indices(50, 24)
    assert indices[0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3, 4, 5]
    assert indices[1].tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]
    assert indices[12].tolist() == list(range(21, 31))
    assert indices[23].tolist() == [43, 44, 45, 46, 47, 48, 49, 49, 49, 49]


def test_windows_of_the_public_base() -> None:
    path = SHARED / "facts" / "audio_windows.json"
    if not path.is_file():
        pytest.skip("the measured windows are not here")
    for name, facts in json.loads(path.read_text()).items():
        states, fps = (int(part) for part in name[1:].split("_fps"))
        # The rows past the video's last frame are dropped.
        frames = int(states / 50 * fps)
        assert window_indices(states, frames, fps).tolist() == facts["indices"][:frames]


@given(st.integers(1, 4000), st.integers(0, 2000), st.sampled_from([24, 25, 30, 29.97]))
def test_windows_stay_inside_and_move_forward(states: int, frames: int, fps: float) -> None:
    indices = window_indices(states, frames, fps)
    assert indices.shape == (frames, 10)
    assert ((indices >= 0) & (indices < states)).all()
    assert (np.diff(indices, axis=0) >= 0).all() and (np.diff(indices, axis=1) >= 0).all()


def test_tokens_are_ordered_time_before_layer() -> None:
    states = torch.arange(100.0)[:, None, None] + torch.arange(5.0)[None, :, None] / 10  # (100, 5, 1)
    tokens = gather(states, window_indices(100, 24))[12, :, 0]
    assert torch.allclose(tokens[:6], torch.tensor([21.0, 21.1, 21.2, 21.3, 21.4, 22.0]))
    assert gather(states, window_indices(100, 48)[10:34]).shape == (24, 50, 1)


def test_the_spectrogram_is_whispers() -> None:
    from transformers import WhisperFeatureExtractor

    samples = noise(2.0)
    theirs = WhisperFeatureExtractor()(samples, sampling_rate=16_000, truncation=False, padding=False)
    assert np.abs(log_mel(samples).numpy() - theirs.input_features[0]).max() < 1e-4
    assert log_mel(samples).shape == (80, 200)
    assert torch.isfinite(log_mel(np.zeros(0, np.float32))).all()


def test_the_whole_file_sets_the_floor() -> None:
    quiet, loud = noise(31) * 1e-4, noise(1)
    alone, together = log_mel(quiet), log_mel(np.concatenate([quiet, loud]))
    # Eight decades below the loudest point, in quarters: the loud second lifts the floor of the first half minute.
    assert float(together[:, :3000].min()) == pytest.approx(float(together.max()) - 2, abs=1e-5)
    assert float(alone.min()) < float(together.min()) - 0.3


def test_the_encoder_computes_what_transformers_does() -> None:
    from transformers import WhisperConfig
    from transformers.models.whisper import modeling_whisper

    torch.manual_seed(0)
    config = WhisperConfig()
    theirs = modeling_whisper.WhisperEncoder(config).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, 0, 0.05)
    theirs.layer_norm = torch.nn.Identity()  # ours are the states before it
    state = {name: value.clone() for name, value in theirs.state_dict().items()}
    ours = WhisperSpeech("ours", build_whisper({}, state))
    samples = noise(3.0)
    mel = torch.nn.functional.pad(log_mel(samples), (0, 3000 - 300))[None]
    with torch.no_grad():
        hidden = theirs(mel, output_hidden_states=True).hidden_states
    states = ours.states(samples)
    assert states.shape == (150, 5, 384)
    for k, expected in enumerate(hidden):
        assert (states[:, k] - expected[0, :150]).abs().max() < 1e-5 * expected.abs().max()
    del state["embed_positions.weight"]
    built = build_whisper({"encoder_attention_heads": 6}, state)
    torch.testing.assert_close(built.embed_positions.weight, modeling_whisper.sinusoids(1500, 384), atol=1e-4, rtol=0)


def test_the_shipped_encoder_is_imported_quickly() -> None:
    code = (
        "import sys; from vivid.speech.encoder import SHIPPED, load_speech_encoder; import numpy as np; "
        "load_speech_encoder(SHIPPED).states(np.zeros(1600, np.float32)); "
        "sys.exit(bool({'transformers', 'torch._dynamo'} & set(sys.modules)))"  # seconds of import
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kind", ["small_whisper", "small_wav2vec2"])
@pytest.mark.parametrize("seconds", [0.02, 0.5, 30.01])
def test_any_length(kind: str, seconds: float, request: pytest.FixtureRequest) -> None:
    encoder: SpeechEncoder = request.getfixturevalue(kind)
    samples = noise(seconds)
    states = encoder.states(samples)
    assert abs(len(states) - seconds * 50) <= 1.01
    frames = int(seconds * 24)
    features = encoder.features(samples, frames)
    assert features.shape == (frames, 50, states.shape[-1]) and features.dtype == torch.float32
    assert torch.isfinite(features).all()


@pytest.mark.parametrize("kind", ["small_whisper", "small_wav2vec2"])
def test_silence_and_order(kind: str, request: pytest.FixtureRequest) -> None:
    encoder: SpeechEncoder = request.getfixturevalue(kind)
    assert torch.isfinite(encoder.features(np.zeros(8_000, np.float32), 12)).all()
    samples = noise(2.0)
    changed = samples.copy()
    changed[24_000:] = noise(0.5, seed=1)[:8_000]
    moved = (encoder.states(samples) - encoder.states(changed)).abs().amax(dim=(1, 2))
    assert moved[80:].mean() > 2 * moved[:60].mean()


def test_wav2vec2_layers_and_grid(small_wav2vec2: Wav2Vec2Speech) -> None:
    samples = noise(1.0)
    states = small_wav2vec2.states(samples)
    assert states.shape == (50, 5, 16)
    wave = torch.from_numpy((samples - samples.mean()) / samples.std())[None]
    with torch.no_grad():
        hidden = small_wav2vec2.module(wave, output_hidden_states=True).hidden_states
    assert hidden[0].shape == (1, 49, 16)
    # The grid's state 1 lies seven eighths of the way from state 0 to state 1.
    expected = hidden[6][0, 0] * 0.125 + hidden[6][0, 1] * 0.875
    assert torch.allclose(states[1, 2], expected, atol=1e-4)


def test_wav2vec2_weights_by_their_names_on_the_hub() -> None:
    model = wav2vec2_model()
    named = {}
    for key, value in model.state_dict().items():
        old = key.replace("parametrizations.weight.original0", "weight_g")
        named["wav2vec2." + old.replace("parametrizations.weight.original1", "weight_v")] = value
    named["lm_head.weight"] = torch.zeros(3, 16)
    del named["wav2vec2.masked_spec_embed"]
    config = wav2vec2_config().to_dict()  # type: ignore[attr-defined]
    built = build_wav2vec2(config, named)
    wave = torch.from_numpy(noise(0.5))[None]
    with torch.no_grad():
        assert (built.eval()(wave).last_hidden_state == model(wave).last_hidden_state).all()
    del named["wav2vec2.encoder.layers.3.attention.k_proj.weight"]
    with pytest.raises(InputError, match="do not fit"):
        build_wav2vec2(config, named)


def test_the_stored_encoder_is_close_to_full_precision(shipped: SpeechEncoder) -> None:
    with np.load(GOLDEN) as golden:
        samples, rows, exact = golden["samples"], golden["rows"], torch.from_numpy(golden["states"]).float()
    states = shipped.states(samples / np.float32(32768))
    assert states.shape == (100, 5, 384)
    for layer in range(5):
        error = (states[rows, layer] - exact[:, layer]).norm() / exact[:, layer].norm()
        assert error < 0.02, f"layer {layer}: {error:.4f}"


def test_the_stored_encoder_is_small_and_repeats_itself(shipped: SpeechEncoder) -> None:
    folder = encoders.ASSETS / SHIPPED
    assert all(path.stat().st_size < 9_000_000 for path in folder.iterdir())
    samples = noise(1.0)
    assert (shipped.features(samples, 24) == shipped.features(samples, 24)).all()
    assert shipped.name == SHIPPED
    assert not any(parameter.requires_grad for parameter in shipped.module.parameters())


def test_names_and_missing_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert next(iter(ENCODERS)) == SHIPPED
    with pytest.raises(InputError, match=r"choose one of whisper-tiny\.en, whisper-tiny, wav2vec2"):
        load_speech_encoder("hubert")
    with pytest.raises(InputError, match="Whisper-tiny"):
        build_whisper({"d_model": 512}, {})
    with pytest.raises(InputError, match="do not fit"):
        build_whisper({}, {"conv1.weight": torch.zeros(384, 80, 3)})
    monkeypatch.setattr(encoders, "ASSETS", tmp_path)
    with pytest.raises(InputError, match="missing or incomplete"):
        load_speech_encoder(SHIPPED)


@pytest.mark.parametrize("name", ["whisper-tiny", "wav2vec2"])
def test_an_unreachable_hub_gives_one_sentence(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    def unreachable(*_: object, **__: object) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    with pytest.raises(InputError, match=r"cannot be fetched.*, or choose a model whose speech encoder") as caught:
        load_speech_encoder(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_damaged_files_from_the_hub_are_named(file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / file).write_bytes(b"not what it was")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda repository, name: str(tmp_path / name))
    with pytest.raises(InputError, match=r"damaged: "):
        load_speech_encoder("whisper-tiny")


@pytest.mark.network
@pytest.mark.parametrize("name", ["whisper-tiny", "wav2vec2"])
def test_encoders_from_the_hub(name: str) -> None:
    features = load_speech_encoder(name).features(noise(1.0), 24)
    assert features.shape == (24, 50, 768 if name == "wav2vec2" else 384) and torch.isfinite(features).all()
