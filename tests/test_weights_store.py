"""Model folders: what is written is read back, and what does not fit is refused in a sentence."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.dummies import dummy_models
from vivid.config import ModelInfo
from vivid.errors import InputError
from vivid.weights.store import COMPONENTS, load_model, read_info, save_model

INFO = ModelInfo(
    name="dummy", speech_encoder="whisper-tiny.en", domain="rendered", size=(64, 64), window=8, overlap=2, steps=3,
    guidance_audio=2.5, guidance_image=1.5, noise_clamp=1.5, untrained=("head_stream",),
)  # fmt: skip


@pytest.fixture(scope="module")
def models():
    return dummy_models()


@pytest.fixture
def folder(models, tmp_path):
    save_model(models, INFO, tmp_path / "model", quantise=False)
    return tmp_path / "model"


def test_what_is_written_is_read_back(models, folder):
    again, info = load_model(folder, torch.float32)
    assert info == INFO
    for name in COMPONENTS:
        before, after = getattr(models, name).state_dict(), getattr(again, name).state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before), name
        assert not any(p.requires_grad for p in getattr(again, name).parameters())


def test_int8_is_close_and_small(models, folder, tmp_path):
    save_model(models, INFO, tmp_path / "int8", quantise=True)
    again, _ = load_model(tmp_path / "int8", torch.float32)
    before, after = models.denoiser.conv_in.weight, again.denoiser.conv_in.weight
    assert not torch.equal(before, after)
    assert (before - after).norm() < 0.02 * before.norm()

    def size(path: Path) -> int:
        return sum(file.stat().st_size for file in path.rglob("*.safetensors"))

    assert size(tmp_path / "int8") < 0.5 * size(folder)


def spoil_index(folder: Path) -> None:
    (folder / "model_index.json").write_text("{not json")


def spoil_format(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"format": 99}))


def spoil_entry(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"surprise": 1}))


def lose_weights(folder: Path) -> None:
    for path in (folder / "vae").glob("*.safetensors"):
        path.unlink()


def cut_weights(folder: Path) -> None:
    path = next((folder / "vae").glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-100])


def change_class(folder: Path) -> None:
    config = json.loads((folder / "vae" / "config.json").read_text())
    (folder / "vae" / "config.json").write_text(json.dumps(config | {"_class_name": "os.system"}))


def lose_component(folder: Path) -> None:
    shutil.rmtree(folder / "denoiser")


@pytest.mark.parametrize(
    "spoil", [spoil_index, spoil_format, spoil_entry, lose_weights, cut_weights, change_class, lose_component]
)
def test_a_broken_folder_is_refused_in_one_sentence(folder, spoil):
    spoil(folder)
    with pytest.raises(InputError) as refusal:
        load_model(folder, torch.float32)
    assert "\n" not in str(refusal.value)


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a model folder"):
        read_info(tmp_path)
