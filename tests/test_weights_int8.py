"""Weights as int8 rows: small error, exact where it must be, damage noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from vivid.errors import InputError
from vivid.weights.int8 import is_int8_folder, load_int8, quantise_state, restore_state, save_int8


def network(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "linear.weight": torch.randn(96, 64, generator=generator),
        "linear.bias": torch.randn(96, generator=generator),
        "conv.weight": torch.randn(32, 16, 3, 3, generator=generator) * 1e-3,
        "half.weight": torch.randn(64, 64, generator=generator).half(),
        "tiny.weight": torch.randn(4, 4, generator=generator),
        "steps": torch.tensor(7),
    }


def test_what_is_stored() -> None:
    stored = quantise_state(network())
    assert {name for name, value in stored.items() if value.dtype == torch.int8} == {
        "linear.weight", "conv.weight", "half.weight",
    }  # fmt: skip
    assert stored["conv.weight.scale"].shape == (32,) and stored["conv.weight.scale"].dtype == torch.float16
    assert stored["linear.bias"].dtype == torch.float16 and stored["steps"].dtype == torch.int64


@settings(max_examples=80)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 40), st.floats(-9, 4), st.floats(0, 6))
def test_the_error_is_half_a_step_of_each_row(seed: int, rows: int, columns: int, size: float, spread: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    rates = 10.0 ** (size - spread * torch.rand(rows, 1, generator=generator))
    weight = torch.randn(rows, columns, generator=generator) * rates
    weight[0] = 0
    stored = quantise_state({"w": weight}, choose=lambda *_: True)
    restored = restore_state(stored)["w"]
    step = stored["w.scale"].float()[:, None]
    assert ((restored - weight).abs() <= step * 0.5001 + 1e-30).all()
    assert (step <= weight.abs().amax(1, keepdim=True) / 127 * 1.002 + 6e-8).all()
    assert (restored[0] == 0).all()
    again = restore_state(quantise_state({"w": restored}, choose=lambda *_: True))["w"]
    assert torch.allclose(again, restored, atol=float(step.max()) * 1.01)


def test_files_and_types(tmp_path: Path) -> None:
    state = network()
    paths = save_int8(state, tmp_path, max_shard=12_000)
    assert len(paths) > 1 and all(path.stat().st_size <= 12_000 for path in paths)
    assert is_int8_folder(tmp_path)
    loaded = load_int8(tmp_path)
    assert loaded.keys() == state.keys()
    expected = restore_state(quantise_state(state))
    for name, value in loaded.items():
        assert (value == expected[name]).all()
        assert value.dtype == (torch.int64 if name == "steps" else torch.float32)
        assert value.shape == state[name].shape
    assert load_int8(tmp_path, torch.bfloat16)["linear.weight"].dtype == torch.bfloat16
    save_int8(state, tmp_path)  # fewer shards than before: the old ones go
    assert [path.name for path in tmp_path.iterdir()] == ["weights-00001-of-00001.safetensors"]
    with pytest.raises(ValueError, match="alone is larger"):
        save_int8(state, tmp_path, max_shard=1_000)
    assert is_int8_folder(tmp_path)  # a save that fails leaves the old files


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing or incomplete"):
        load_int8(tmp_path / "none")
    paths = save_int8(network(), tmp_path, max_shard=12_000)
    content = paths[1].read_bytes()
    paths[1].unlink()
    with pytest.raises(InputError, match="missing or incomplete"):
        load_int8(tmp_path)
    paths[1].write_bytes(content[:50])
    with pytest.raises(InputError, match="damaged"):
        load_int8(tmp_path)
    paths[1].write_bytes(content)
    for path in paths:
        tensors = load_file(path)
        if "linear.weight.scale" in tensors:
            tensors["linear.weight.scale"] = tensors["linear.weight.scale"][:5].clone()
            save_file(tensors, path)
    with pytest.raises(InputError, match="damaged"):
        load_int8(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e7])
def test_values_that_cannot_be_stored(value: float) -> None:
    for shape in ((64, 64), (8,)):
        weight = torch.ones(shape)
        weight.view(-1)[0] = value
        with pytest.raises(ValueError, match="w holds values"):
            quantise_state({"w": weight})


def test_names_that_collide() -> None:
    weight = torch.ones(64, 64)
    for state in ({"w": weight, "w.scale": torch.ones(3)}, {"w.scale": torch.ones(3), "w": weight}):
        with pytest.raises(ValueError, match="name of a scale"):
            quantise_state(state)
    kept = restore_state(quantise_state({"norm.scale": torch.full((3,), 0.5), "norm": torch.ones(3)}))
    assert kept["norm.scale"].tolist() == [0.5, 0.5, 0.5]
