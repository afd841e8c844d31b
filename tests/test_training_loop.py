"""The training loop: resuming to the step, being killed, seeds, schedule, averaging."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.utils import DistributedType
from torch import Tensor, nn

from vivid.errors import InputError
from vivid.training.batches import Batch
from vivid.training.ema import Ema
from vivid.training.loop import LoopConfig, Trainer, TrainingStage, rate_at


class Line(TrainingStage):
    """Learns y = 3 x - 1 from noisy points; also draws from the step's generator, as the real stages do."""

    def __init__(self, fail_at: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(1, 1)
        self.fail_at, self.calls = fail_at, 0

    def batch(self, rng: np.random.Generator) -> Batch:
        return {"x": torch.from_numpy(rng.normal(size=(16, 1)).astype(np.float32))}

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        self.calls += 1
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        noise = 0.1 * torch.randn(batch["x"].shape, generator=generator)
        loss = (self.layer(batch["x"]) - 3 * batch["x"] + 1 + noise).square().mean()
        return loss, {"slope": self.layer.weight.detach().sum()}

    def export(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        torch.save(self.state_dict(), folder / "line.pt")


def loop(steps: int = 20, **changes: float) -> LoopConfig:
    settings = {"learning_rate": 0.05, "warmup_steps": 3, "log_every": 1, "save_minutes": 1e-9, **changes}
    return LoopConfig(steps=steps, **settings)  # type: ignore[arg-type]


def losses(trainer: Trainer) -> list[tuple[float, float]]:
    return [(entry["step"], entry["loss"]) for entry in trainer.state.history]


def quiet(text: str) -> None:
    assert text


def test_killed_run_continues_the_same_curve(tmp_path: Path) -> None:
    whole = Trainer(Line(), loop(), tmp_path / "whole")
    whole.run(quiet)
    killed = Trainer(Line(fail_at=12), loop(), tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        killed.run(quiet)
    again = Trainer(Line(), loop(), tmp_path / "killed")
    assert again.state.step == 11  # saved after every step: only the one that was under way is lost
    again.run(quiet)
    np.testing.assert_allclose(losses(again), losses(whole), rtol=1e-5)  # the weights lie at other addresses
    one, other = (torch.load(tmp_path / name / "weights/line.pt", weights_only=True) for name in ("whole", "killed"))
    for key in one:
        torch.testing.assert_close(one[key], other[key], rtol=1e-5, atol=1e-6)


def test_a_kill_loses_at_most_one_interval(tmp_path: Path) -> None:
    killed = Trainer(Line(fail_at=12), loop(save_minutes=1e9), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        killed.run(quiet)
    assert not killed.checkpoint.exists()
    assert Trainer(Line(), loop(), tmp_path).state.step == 0


def test_same_seed_same_curve_other_seed_other_curve(tmp_path: Path) -> None:
    runs = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        trainer = Trainer(Line(), loop(8, seed=seed), tmp_path / name)
        trainer.run(quiet)
        runs.append(losses(trainer))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_processes_make_the_same_batches(tmp_path: Path) -> None:
    alone, helped = (Trainer(Line(), loop(6, workers=workers), tmp_path / str(workers)) for workers in (0, 2))
    alone.run(quiet)
    helped.run(quiet)
    np.testing.assert_allclose(losses(helped), losses(alone), rtol=1e-5)


OPENCV_FIRST = """
import sys
from pathlib import Path
import cv2
import numpy as np
from tests.test_training_loop import Line, Trainer, loop, quiet

picture = np.zeros((1500, 1500, 3), np.uint8)
cv2.setNumThreads(4)

class Blurring(Line):
    def batch(self, rng):
        cv2.GaussianBlur(picture, (0, 0), 2)
        return super().batch(rng)

cv2.GaussianBlur(picture, (0, 0), 2)  # starts OpenCV's threads
Trainer(Blurring(), loop(3, workers=2), Path(sys.argv[1])).run(quiet)
assert cv2.getNumThreads() == 4
"""


def test_processes_make_batches_though_opencv_has_worked_before(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", OPENCV_FIRST, str(tmp_path)], check=True, timeout=120)


def test_it_learns_and_writes_what_it_promises(tmp_path: Path) -> None:
    trainer = Trainer(Line(), loop(60), tmp_path)
    trainer.run(quiet)
    assert trainer.state.history[-1]["loss"] < 0.3 * trainer.state.history[0]["loss"]
    assert {path.name for path in tmp_path.iterdir()} >= {"log.jsonl", "curves.png", "checkpoint.pt", "weights"}


def test_time_budget_ends_the_run_and_the_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 0.005 * next(ticks))
    monkeypatch.setattr("vivid.training.loop.time", clock)
    trainer = Trainer(Line(), LoopConfig(minutes=0.01, learning_rate=0.05, log_every=1), tmp_path)
    trainer.run(quiet)
    assert trainer.state.elapsed == pytest.approx(0.6, abs=0.01)
    assert trainer.state.history[-1]["rate"] < 0.2 * max(entry["rate"] for entry in trainer.state.history)


def test_rate_warms_up_and_falls() -> None:
    config = LoopConfig(warmup_steps=10, final_rate=0.1)
    assert rate_at(0.0, 0, config) == pytest.approx(0.1)
    assert rate_at(0.0, 10, config) == pytest.approx(1.0)
    assert rate_at(1.0, 100, config) == pytest.approx(0.1)
    assert rate_at(0.5, 100, config) == pytest.approx(0.55)


def test_networks_that_accelerate_shards_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first process's part of them would be saved; the loop's own sharding gathers them."""
    monkeypatch.setattr("accelerate.Accelerator.distributed_type", DistributedType.FSDP)
    with pytest.raises(InputError, match=r"FSDP: .* own --shard"):
        Trainer(Line(), loop(), tmp_path)


def test_a_bad_batch_does_not_spoil_the_weights(tmp_path: Path) -> None:
    stage = Line()
    trainer = Trainer(stage, loop(), tmp_path)
    before = stage.layer.weight.detach().clone()
    trainer.step({"x": torch.full((16, 1), float("nan"))})
    assert torch.equal(stage.layer.weight, before)


def test_average_swaps_and_returns() -> None:
    layer = nn.Linear(2, 2)
    ema = Ema(layer, 0.9)
    start = layer.weight.detach().clone()
    with torch.no_grad():
        layer.weight.add_(1.0)
    ema.update(layer)
    moved = layer.weight.detach().clone()
    ema.swap(layer)
    assert torch.all(layer.weight > start)
    assert torch.all(layer.weight <= moved)
    ema.swap(layer)
    assert torch.equal(layer.weight, moved)


def test_the_scaler_of_fp16_hears_of_bad_batches(tmp_path: Path) -> None:
    """It leaves them out itself, and must be told of them to lower its scale."""
    stage = Line()
    trainer = Trainer(stage, loop(), tmp_path)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    trainer.accelerator.scaler = scaler
    trainer.optimizer = AcceleratedOptimizer(trainer.optimizer.optimizer, scaler=scaler)
    before = stage.layer.weight.detach().clone()
    trainer.step({"x": torch.full((16, 1), float("nan"))})
    assert torch.equal(stage.layer.weight, before) and scaler.get_scale() == 512
