"""Conversion of the public base's files, on files of the same kind at a tiny width."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.dummies import fill
from vivid.cli import main
from vivid.errors import InputError
from vivid.method.conditions import Conditions
from vivid.method.factory import MICRO, build_denoiser, build_hand_encoder, build_reference, build_vae
from vivid.weights import echomimic, hub
from vivid.weights.store import load_model, read_info

TINY = replace(
    MICRO,
    channels=(8, 16),
    down_attention=(True, False),
    up_attention=(False, True),
    heads=(2, 2),
    motion_heads=2,
    norm_groups=4,
    stream_heads=2,
    layers=1,
    hand_encoder_channels=(4, 4, 4, 4),
    vae_channels=(8, 8, 8, 8),
    vae_attention=True,
    codebook_channels=(8, 8, 8),
    codebook_patch=4,
)
ADDED = build_denoiser(TINY).added_names()
BACK = (
    (".transformer_blocks.0.attn1.", ".transformer_blocks.0.attention_blocks.0."),
    (".transformer_blocks.0.attn2.", ".transformer_blocks.0.attention_blocks.1."),
    (".norm1.", ".norms.0."),
    (".norm2.", ".norms.1."),
    (".norm3.", ".ff_norm."),
    (".pos_embed.", ".attention_blocks.0.pos_encoder."),
)


def their_motion_name(key: str) -> str:
    head, _, tail = key.partition(".motion_modules.")
    number, _, rest = tail.partition(".")
    rest = "." + rest
    for ours, theirs in BACK:
        rest = rest.replace(ours, theirs)
    return f"{head}.motion_modules.{number}.temporal_transformer{rest}"


def sources(folder: Path, variant: str = "base") -> dict[str, dict[str, Tensor]]:
    """Write public-style files; returns our networks' state dicts by folder name."""
    torch.manual_seed(0)
    networks = {
        "reference": build_reference(TINY),
        "denoiser": build_denoiser(TINY),
        "hand_encoder": build_hand_encoder(TINY),
        "vae": build_vae(TINY),
    }
    states = {
        name: {key: value for key, value in fill(network, 7).state_dict().items() if key not in ADDED}
        for name, network in networks.items()
    }
    suffix = "_acc" if variant == "acc" else ""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(states["reference"], folder / "reference_unet.pth")
    torch.save(states["hand_encoder"], folder / "pose_encoder.pth")
    spatial = {key: value for key, value in states["denoiser"].items() if ".motion_modules." not in key}
    torch.save(spatial | {"surplus.weight": torch.zeros(3)}, folder / f"denoising_unet{suffix}.pth")
    motion: dict[str, Tensor] = {}
    for key, value in states["denoiser"].items():
        if ".motion_modules." in key:
            motion[their_motion_name(key)] = value
            if key.endswith(".pe"):
                motion[their_motion_name(key).replace("_blocks.0.pos", "_blocks.1.pos")] = value
    torch.save(motion, folder / f"motion_module{suffix}.pth")
    legacy = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    vae = {}
    for key, value in states["vae"].items():
        name = key
        for new, old in legacy.items():
            name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
        vae[name] = value.contiguous()
    assert any("query" in key for key in vae)
    save_file(vae, folder / "diffusion_pytorch_model.safetensors")
    return states


def edit(path: Path, change) -> None:
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> tuple[Path, dict[str, dict[str, Tensor]]]:
    folder = tmp_path_factory.mktemp("public")
    return folder, sources(folder)


@pytest.fixture(scope="module")
def converted(source, tmp_path_factory) -> tuple[Path, echomimic.ConversionReport]:
    target = tmp_path_factory.mktemp("models") / "full"
    return target, echomimic.convert(source[0], source[0], target, config=TINY)


def test_every_tensor_arrives(source, converted):
    target, report = converted
    models, info = load_model(target, torch.float32)
    for name, state in source[1].items():
        loaded = {k: v for k, v in getattr(models, name).state_dict().items() if k not in ADDED}
        assert loaded.keys() == state.keys()
        assert all(torch.equal(loaded[key], value) for key, value in state.items())
    assert report.taken == sum(map(len, source[1].values()))
    assert report.extra == ["surplus.weight"] and not report.filled
    assert info.untrained == report.untrained == ("head_stream", "codebook")
    assert info.name == "full" and info.speech_encoder == "whisper-tiny" and info.guidance_audio == 2.5
    assert "surplus.weight" in report.summary() and "head_stream, codebook" in report.summary()


@torch.no_grad()
def test_added_parts_have_no_effect_and_are_ready_for_training(converted):
    denoiser = load_model(converted[0], torch.float32)[0].denoiser
    sample, mask = torch.randn(1, 4, 2, 8, 8), torch.ones(1, 2, 8, 8, dtype=torch.bool)
    base = Conditions(audio=torch.randn(1, 2, 50, 384))
    tokens = torch.randn(1, 4, TINY.code_dim)
    streams = Conditions(audio=base.audio, rhythm=base.audio, hand_tokens=tokens, head_mask=mask, hand_mask=mask)
    assert torch.equal(denoiser(sample, 500, streams), denoiser(sample, 500, base))
    block = denoiser.block(denoiser.block_names[0])
    for stream in (block.head_stream, block.codebook_attention):
        assert not stream.attn.to_out[0].weight.any()
        assert stream.attn.to_q.weight.std() > 0.01 and torch.equal(stream.norm.weight, torch.ones(8))


def test_missing_position_tables_are_computed(source, tmp_path):
    shutil.copytree(source[0], tmp_path / "public")
    edit(tmp_path / "public" / "motion_module.pth", lambda s: [s.pop(k) for k in list(s) if k.endswith(".pe")])
    report = echomimic.convert(tmp_path / "public", source[0], tmp_path / "out", config=TINY)
    denoiser = load_model(tmp_path / "out", torch.float32)[0].denoiser.state_dict()
    tables = [key for key in denoiser if key.endswith(".pe")]
    assert sorted(report.filled) == sorted(tables) and tables
    assert all(torch.equal(denoiser[key], source[1]["denoiser"][key]) for key in tables)


def test_the_distilled_variant(tmp_path):
    states = sources(tmp_path / "public", "acc")
    with pytest.raises(InputError, match=r"lacks denoising_unet\.pth, motion_module\.pth"):
        echomimic.convert(tmp_path / "public", tmp_path / "public", tmp_path / "out", config=TINY)
    echomimic.convert(tmp_path / "public", tmp_path / "public", tmp_path / "out", "acc", config=TINY)
    info = read_info(tmp_path / "out")
    assert (info.name, info.steps, info.guidance_audio, info.guidance_image) == ("full-acc", 6, 1.0, 1.0)
    models, _ = load_model(tmp_path / "out", torch.float32)
    key = "conv_in.weight"
    assert torch.equal(models.denoiser.state_dict()[key], states["denoiser"][key])


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("motion_module.pth", lambda s: s.pop(next(iter(s))), "lacks 1 tensors, such as down_blocks.0.motion_modules"),
        ("reference_unet.pth", lambda s: s.update({"conv_in.bias": torch.zeros(9)}), r"shape \(9,\) instead of \(8,\)"),
        ("pose_encoder.pth", lambda s: s.update(note="hello"), "does not hold weights by name"),
    ],
)
def test_wrong_files_are_refused_and_nothing_stays(source, tmp_path, file, change, message):
    shutil.copytree(source[0], tmp_path / "public")
    edit(tmp_path / "public" / file, change)
    with pytest.raises(InputError, match=message):
        echomimic.convert(tmp_path / "public", source[0], tmp_path / "out" / "full", config=TINY)
    assert not list(tmp_path.glob("out/*"))


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    for write in (torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))):
        write({"weight": Evil()}, tmp_path / "evil.pth")
        with pytest.raises(InputError, match="not a plain weights file"):
            echomimic.read_pickle(tmp_path / "evil.pth")
    assert not (tmp_path / "owned").exists()


def test_wrapped_state_dicts_are_read(tmp_path):
    torch.save({"state_dict": {"module.weight": torch.ones(2)}}, tmp_path / "a.pth")
    assert list(echomimic.read_pickle(tmp_path / "a.pth")) == ["weight"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("up_blocks.1.motion_modules.2.temporal_transformer.transformer_blocks.0.ff_norm.bias",
         "up_blocks.1.motion_modules.2.transformer_blocks.0.norm3.bias"),
        ("mid_block.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.1.to_out.0.bias",
         "mid_block.motion_modules.0.transformer_blocks.0.attn2.to_out.0.bias"),
        ("mid_block.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.1.pos_encoder.pe",
         None),
        ("encoder.mid_block.attentions.0.proj_attn.weight", "encoder.mid_block.attentions.0.to_out.0.weight"),
        ("down_blocks.0.attentions.1.transformer_blocks.0.norm1.weight",
         "down_blocks.0.attentions.1.transformer_blocks.0.norm1.weight"),
    ],
)  # fmt: skip
def test_names(theirs, ours):
    assert echomimic.our_name(theirs) == ours


def test_check_reads_a_model_completely(converted, capsys):
    assert main(["weights", "check", str(converted[0])]) == 0
    out = capsys.readouterr().out
    assert "denoiser:" in out and "not trained: head_stream, codebook" in out


def test_check_finds_what_is_no_number(source, tmp_path, capsys):
    shutil.copytree(source[0], tmp_path / "public")
    edit(tmp_path / "public" / "pose_encoder.pth", lambda s: s["conv_in.bias"].fill_(float("nan")))
    echomimic.convert(tmp_path / "public", source[0], tmp_path / "out", config=TINY)
    assert main(["weights", "check", str(tmp_path / "out")]) == 2
    assert "not numbers in conv_in.bias" in capsys.readouterr().err
    (tmp_path / "out" / "model_index.json").write_text(json.dumps({"format": 99}))
    assert main(["weights", "check", str(tmp_path / "out")]) == 2
    assert main(["weights", "check", str(tmp_path / "nowhere")]) == 2


def test_convert_command(source, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("vivid.method.factory.FULL", TINY)
    monkeypatch.setenv("VIVID_MODELS", str(tmp_path))
    folder = str(source[0])
    assert main(["weights", "convert", folder, "--vae", folder]) == 0
    assert hub.is_present("full") and hub.model_folder("full") == tmp_path / "full"
    assert main(["weights", "convert", folder, "--vae", folder]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["weights", "convert", folder, "--vae", str(tmp_path / "no"), "--out", str(tmp_path / "o")]) == 2
    assert main(["weights", "list"]) == 0
    assert str(tmp_path / "full") in capsys.readouterr().out
