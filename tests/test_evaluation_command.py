"""`vivid evaluate` from clips to the table, with dummy networks and poses that are known instead of detected."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.dummies import dummy_pipeline
from tests.training_data import SIZE, key_points, write_rendered
from vivid import cli
from vivid.pipeline import VividPipeline
from vivid.pose.skeleton import PoseClip

FRAMES = 6


def known_poses(frames: np.ndarray, detector: str) -> PoseClip:
    points = np.concatenate([key_points(), np.ones((12, 128, 1), np.float32)], -1)[: len(frames)]
    return PoseClip(points[:, :18], points[:, 18:60].reshape(-1, 2, 21, 3), points[:, 60:], (SIZE, SIZE))


def test_a_model_is_measured_beside_what_it_must_beat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        write_rendered(tmp_path / "held", f"{number:03d}", identity=number, seed=number)
        write_rendered(tmp_path / "people", f"{number:03d}", identity=number, seed=number)
    monkeypatch.setattr("vivid.evaluation.measure.detect", known_poses)
    pipeline = dummy_pipeline()
    monkeypatch.setattr(VividPipeline, "from_pretrained", classmethod(lambda cls, name: pipeline))  # "one" and "two"
    command = ["evaluate", "--data", str(tmp_path / "held"), "--training", str(tmp_path / "people")]
    command += ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out"), "--frames", str(FRAMES)]
    command += ["--probes", "--ablation", "no-codebook", "--model", "one", "two"]
    assert cli.main(command) == 0
    printed = capsys.readouterr().out
    table = json.loads((tmp_path / "out" / "table.json").read_text())
    mean, each = table["mean"], table["each"]
    names = {
        "truth",
        "still portrait",
        "nearest training clip",
        "one",
        "two",
        "no codebook",
        "truth through the latents",
    }
    assert set(mean) == names and all(f"| {name} |" in printed for name in names)
    assert [row["psnr"] for row in each["truth"]] == [float("inf")] * 2
    assert mean["still portrait"]["flicker_whole"] == 0 < mean["truth"]["flicker_whole"]
    # the nearest clip of the same person is here the held-out clip itself
    assert mean["nearest training clip"]["psnr"] == float("inf")
    for name in ("one", "two", "truth through the latents"):
        assert 3 < mean[name]["psnr"] < 60
    assert mean["no codebook"]["psnr_hands"] != mean["one"]["psnr_hands"]
    assert {"other voice changes mouth by", "openness in silence, mean"} <= set(table["probes"])
    assert np.isfinite(mean["one"]["mouth_read"])  # their mouths do not move
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "videos").iterdir()}
    assert len(made) == 2 * 3 + 3
    assert cli.main(command) == 0
    assert made == {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "videos").iterdir()}
