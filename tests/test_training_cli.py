"""`vivid train` from rendered clips to a model folder that makes a video: every part, by its command, at tiny size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.dummies import DUMMY, DummySpeech
from tests.test_pipeline import gestures, portrait, tone
from tests.training_data import SIZE, write_rendered
from vivid import cli
from vivid.config import ModelInfo, RunSettings
from vivid.events import Done
from vivid.training import presets
from vivid.training.detail import DetailConfig
from vivid.training.hcc import HccConfig
from vivid.training.loop import LoopConfig
from vivid.training.presets import Preset
from vivid.training.stages import CPU_STAGE_1, CPU_STAGE_2
from vivid.training.vae import VaeConfig
from vivid.training.windows import WindowShape

TINY = Preset(
    DUMMY,
    ModelInfo("own", "dummy", "any", (SIZE, SIZE), 8, 2, 1, 1.0, 1.0, noise_clamp=0.0),
    SIZE,
    VaeConfig(LoopConfig(), DUMMY, batch=2, crop=32),
    HccConfig(LoopConfig(), batch=2),
    replace(CPU_STAGE_1, window=WindowShape(2, stride=2, crop=4), batch=2),
    replace(CPU_STAGE_2, window=WindowShape(4, crop=4), batch=1),
    DetailConfig(LoopConfig(), channels=8, batch=2, crop=4, windows=2, window=WindowShape(2)),
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with clips, in which an autoencoder and a codebook have been trained for two steps."""
    root = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS, "cpu", TINY)
        for module in ("vivid.speech.encoder", "vivid.generators.diffusion.generator"):
            patch.setattr(f"{module}.load_speech_encoder", DummySpeech)
        patch.setattr("vivid.training.hands.SHARPEST_BLUR", 0.0)
        for number in range(2):
            write_rendered(root / "people", f"{number:03d}", identity=1, seed=number)
        for part in ("vae", "hcc"):
            train(root, part, "--data", str(root / "people"))
        yield root


def train(root: Path, part: str, *options: str) -> None:
    common = ["--preset", "cpu", "--cache", str(root / "cache")]
    steps = [] if part == "export" else ["--steps", "2"]
    assert cli.main(["train", part, "--out", str(root / part), *common, *steps, *options]) == 0


def test_every_part_trains_and_the_export_makes_a_video(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, parts = ["--data", str(tiny / "people")], ["--vae", str(tiny / "vae"), "--codebook", str(tiny / "hcc")]
    train(tiny, "stage1", *data, *parts)
    train(tiny, "stage2", *data, *parts, "--init", str(tiny / "stage1"))
    train(tiny, "detail", *data, *parts, "--init", str(tiny / "stage2"))
    parts[1] = str(tiny / "detail")
    train(tiny, "export", *parts, "--init", str(tiny / "stage2"), "--guidance-audio", "1.5")
    for part in ("vae", "hcc", "stage1", "stage2", "detail"):
        assert (tiny / part / "log.jsonl").read_text() and (tiny / part / "curves.png").exists()
    assert "MiB" in capsys.readouterr().out

    from vivid.pipeline import VividPipeline

    pipeline = VividPipeline.from_pretrained(tiny / "export", device="cpu")
    assert pipeline.capabilities.guidance[0] == 1.5
    assert pipeline.generator.models.vae.detail is not None
    last = list(pipeline.animate(portrait(), tone(4), gestures(), RunSettings(steps=1), tiny / "video.mp4"))[-1]
    assert isinstance(last, Done) and last.result.frames == 4

    # from the exported folder alone, as from a fresh clone, everything starts warm
    monkeypatch.setattr("vivid.training.loop.write_curve", lambda history, path: None)  # it was drawn above
    for part in ("vae", "hcc", "stage1", "detail"):
        train(tiny, part, *data, "--init", str(tiny / "export"), "--fresh", "--steps", "1")


def test_a_stage_without_an_autoencoder_is_refused(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["train", "stage1", "--out", str(tiny / "x"), "--data", str(tiny / "people"), "--preset", "cpu"])
    assert code == 2 and "--vae" in capsys.readouterr().err
