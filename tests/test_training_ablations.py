"""Every row of the paper's Table 2 as one name, from training to the table, at tiny size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.dummies import dummy_conditions, dummy_models
from tests.test_evaluation_protocol import known_poses
from tests.test_training_cli import tiny, train
from vivid import cli
from vivid.errors import InputError
from vivid.training.ablations import ABLATIONS, FULL
from vivid.training.export import find_component
from vivid.weights.store import read_info

__all__ = ["tiny"]
SWITCHED = {"no-hcc", "no-head-stream", "no-lip-stream", "no-pct"}


def stages(root: Path, name: str, *codebook: str) -> Path:
    """Both stages and the export of one row; its model folder."""
    options = ["--ablation", name] if name else []
    own = root / (name or "full")
    data = ["--data", str(root / "people"), "--vae", str(root / "vae"), *codebook, *options]
    train(root, "stage1", *data, "--out", str(own / "stage1"))
    train(root, "stage2", *data, "--init", str(own / "stage1"), "--out", str(own / "stage2"))
    others = ["--vae", str(root / "vae"), *codebook, "--init", str(own / "stage2"), "--out", str(own / "model")]
    train(root, "export", *options, *others)
    return own / "model"


def test_every_row_goes_from_training_to_the_table(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivid.evaluation.protocol.detect", known_poses)
    monkeypatch.setattr("vivid.training.loop.Trainer.sample", lambda trainer: None)  # half of the time
    train(tiny, "hcc", "--data", str(tiny / "people"), "--ablation", "offline-hcc-8x8", "--out", str(tiny / "hcc8"))
    full = stages(tiny, "", "--codebook", str(tiny / "hcc"))
    methods = [f"full={full}", f"w/o PCT={full},no-pct"]
    codebooks = {"offline-hcc-8x8": ["--codebook", str(tiny / "hcc8")], "no-hcc": []}
    for name, ablation in ABLATIONS.items():
        if name == "no-pct":
            continue
        own = ["--codebook", str(tiny / "hcc")] if not ablation.online_codebook else []
        model = stages(tiny, name, *codebooks.get(name, own))
        methods.append(str(model))
        info = read_info(model)
        assert (info.ablation, info.untrained) == (ablation.title, ablation.untrained)
        codebook = find_component([model], "codebook")
        if name != "no-hcc":
            assert codebook.grid == ablation.codebook_grid
        stream = {"codebook": "codebook_attention", "head_stream": "head_stream"}
        denoiser = find_component([model], "denoiser")
        for part, module in stream.items():  # both begin with outputs of zero
            ends = [getattr(denoiser.block(block), module).attn.to_out[0].weight for block in denoiser.block_names]
            assert any(bool(end.any()) for end in ends) is (part not in ablation.without), (name, part)
    out = tiny / "out"
    line = ["evaluate", "protocol", "--clips", str(tiny / "people"), "--out", str(out), "--frames", "6", "--no-fetch"]
    for method in methods:
        line += ["--method", method]
    assert cli.main(line) == 0
    rows = {row["name"]: row for row in json.loads((out / "results.json").read_text())["rows"]}
    assert set(rows) == {"truth", "full", *(ablation.title for ablation in ABLATIONS.values())}
    table = (out / "table2.md").read_text()
    assert all(f"| {ablation.title} |" in table for ablation in ABLATIONS.values())
    assert all(np.isfinite(row["values"]["hkc"]["value"]) for row in rows.values())


@pytest.mark.parametrize("name", sorted(SWITCHED - {"no-pct"}))
def test_what_is_left_out_does_not_reach_the_network(name: str) -> None:
    models = dummy_models()
    given = dummy_conditions(models)
    generator = torch.Generator().manual_seed(9)
    part, changed = {
        "no-hcc": ("hand_tokens", torch.randn(given.hand_tokens.shape, generator=generator)),  # type: ignore[union-attr]
        "no-head-stream": ("rhythm", torch.randn(given.rhythm.shape, generator=generator)),  # type: ignore[union-attr]
        "no-lip-stream": ("audio", torch.randn(given.audio.shape, generator=generator)),  # type: ignore[union-attr]
    }[name]
    other = type(given)(**{**vars(given), part: changed})
    sample = torch.randn(1, 4, 3, 8, 8, generator=generator)
    with torch.no_grad():
        for ablation, same in ((FULL, False), (ABLATIONS[name], True)):
            one, two = (models.denoiser(sample, 500, ablation.conditions(part)) for part in (given, other))
            assert torch.allclose(one, two, atol=1e-5) is same


@pytest.mark.parametrize("name", ABLATIONS)
def test_a_row_is_a_switch_or_a_training(name: str) -> None:
    if name in SWITCHED:
        assert not any(ABLATIONS[name].switches.values())
    else:
        with pytest.raises(InputError, match="trained with --ablation"):
            _ = ABLATIONS[name].switches


@pytest.mark.parametrize(
    ("part", "name", "said"),
    [
        ("stage1", "no-pct", "no-pct"),
        ("hcc", "no-head-stream", "leave this part out"),
        ("hcc", "online-hcc-8x8", "leave this part out"),
        ("refine", "offline-hcc-8x8", "leave something out"),
        ("vae", "no-hcc", "leave --ablation out"),
    ],
)
def test_parts_that_an_ablation_does_not_change_are_refused(
    part: str, name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", part, "--out", str(tmp_path / "x"), "--ablation", name]) == 2
    assert said in capsys.readouterr().err


def test_codebooks_of_another_grid_or_none_are_refused(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["train", "stage1", "--preset", "cpu", "--out", str(tiny / "x"), "--data", str(tiny / "people")]
    line += ["--vae", str(tiny / "vae"), "--cache", str(tiny / "cache")]
    assert cli.main([*line, "--codebook", str(tiny / "hcc"), "--ablation", "offline-hcc-8x8"]) == 2
    assert "16 x 16 codes, and 8 x 8 are wanted" in capsys.readouterr().err
    assert cli.main(line) == 2
    assert "need a trained codebook" in capsys.readouterr().err
