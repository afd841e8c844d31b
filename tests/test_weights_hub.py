"""Where models are found, and what is said when they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from vivid.cli import main
from vivid.errors import InputError
from vivid.weights import hub


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVID_MODELS", str(tmp_path / "models"))


@pytest.mark.parametrize(
    "error", [LocalEntryNotFoundError("no"), OfflineModeIsEnabled("off"), ConnectionError("refused"), TimeoutError()]
)
def test_an_unreachable_hub_gives_one_sentence(error, monkeypatch, capsys, tmp_path):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    assert main(["weights", "fetch", "full"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("BadToBest/EchoMimicV2 cannot be fetched") and "denoising_unet.pth" in said[-1]
    assert any("licence of the weights" in line for line in said), "what is fetched is named with its licence"
    assert not (tmp_path / "models").exists()


def test_fetch_downloads_what_the_variant_needs_and_converts(monkeypatch, tmp_path):
    asked, converted = [], []

    def download(repository, file):
        asked.append((repository, file))
        return str(tmp_path / repository.replace("/", "--") / file)

    class Report:
        def summary(self) -> str:
            return "done"

    def convert(*args):
        converted.append(args)
        return Report()

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("vivid.weights.echomimic.convert", convert)
    assert hub.model_folder("full-acc") == tmp_path / "models" / "full-acc"
    files = {file for repository, file in asked if repository == "BadToBest/EchoMimicV2"}
    assert files == {"denoising_unet_acc.pth", "motion_module_acc.pth", "reference_unet.pth", "pose_encoder.pth"}
    assert ("stabilityai/sd-vae-ft-mse", "diffusion_pytorch_model.safetensors") in asked
    assert ("openai/whisper-tiny", "model.safetensors") in asked, "the full model hears without a network afterwards"
    source, vae, target, variant = converted[0]
    assert source.name == "BadToBest--EchoMimicV2" and vae.name == "stabilityai--sd-vae-ft-mse"
    assert target == tmp_path / "models" / "full-acc" and variant == "acc"


def test_names_and_paths(tmp_path):
    assert hub.folder_of("compact").parts[-2:] == ("assets", "compact")
    assert hub.folder_of("full") == tmp_path / "models" / "full"
    with pytest.raises(InputError, match=r"There is no model in .*: name a folder"):
        hub.model_folder(tmp_path / "nothing")
    with pytest.raises(InputError, match="choose one of full, full-acc, whisper-tiny, wav2vec2"):
        hub.fetch("compact")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "model_index.json").write_text("{}")
    assert hub.model_folder(tmp_path / "own") == tmp_path / "own"


def test_the_default_is_the_best_that_is_here(monkeypatch, tmp_path):
    assert hub.default_model() == "layered"
    folder = tmp_path / "models" / "full"
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert hub.default_model() == "full"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert hub.default_model() == "layered"


def test_cache_folder_without_a_choice(monkeypatch):
    monkeypatch.delenv("VIVID_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert hub.models_folder() == Path("/somewhere/vividanimator")


def test_list_says_what_to_do(capsys):
    assert main(["weights", "list"]) == 0
    out = capsys.readouterr().out
    assert "python -m vivid weights fetch full`" in out and "academic" not in out
    assert "Used when none is named: layered" in out


def test_list_names_the_speech_encoders_and_what_is_cached(capsys, monkeypatch):
    def cache(repository, file):
        return f"/cache/{file}" if repository == "openai/whisper-tiny" else None

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cache)
    assert main(["weights", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    after = {line.split(":")[0]: lines[k + 1].strip() for k, line in enumerate(lines[:-1]) if line[:1] == "w"}
    assert after["whisper-tiny.en"].startswith("in ") and after["whisper-tiny"] == "in the hub's cache"
    assert "weights fetch wav2vec2` downloads 380 MB" in after["wav2vec2"]


def test_a_speech_encoder_can_be_fetched_alone(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda repository, file: str(tmp_path / repository / file))
    assert main(["weights", "fetch", "wav2vec2"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "facebook/wav2vec2-base-960h")
