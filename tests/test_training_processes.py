"""Several processes train as one with their batches together, also after one of them was killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.distributed.tensor import DTensor

from tests.dummies import DUMMY, DummySpeech, dummy_models
from tests.test_training_loop import Line
from tests.training_data import write_rendered
from vivid.method.factory import build_codebook
from vivid.training.batches import Batch, step_seed
from vivid.training.clips import load_clips
from vivid.training.hcc import HccConfig, HccStage
from vivid.training.loop import LoopConfig, Trainer, TrainingStage
from vivid.training.prepare import prepare_clips
from vivid.training.stages import DiffusionConfig, DiffusionStage
from vivid.training.windows import WindowShape

STEPS = 4
PARTS = ("hcc", "stage1", "stage2")
TURNS = ("hcc", "stage2")


def loop(**changes: Any) -> LoopConfig:
    return LoopConfig(steps=STEPS, learning_rate=1e-3, warmup_steps=2, log_every=1, **changes)


def make(part: str, folder: Path) -> TrainingStage:
    """A small stage of each kind on the clips of `folder`, the same in every process."""
    torch.manual_seed(0)
    if part == "hcc":
        crops = np.random.default_rng(0).integers(256, size=(64, 64, 64, 3), dtype=np.uint8)
        return HccStage(HccConfig(loop(), batch=4), crops, build_codebook(replace(DUMMY, hand_size=64)))
    models = dummy_models()
    clips = load_clips(folder / "clips", folder / "cache")
    prepared = prepare_clips(clips, models.vae, models.codebook, DummySpeech(), folder / "prepared", lambda text: None)  # type: ignore[arg-type]
    shape = WindowShape(1 if part == "stage1" else 3)
    config = DiffusionConfig(loop(), shape, batch=2, motion=part == "stage2", sample_steps=1)
    return DiffusionStage(config, models, prepared)


class Both(TrainingStage):
    """What two processes do, in one: the batches and the random numbers of both."""

    def __init__(self, stage: Any) -> None:
        super().__init__()
        self.stage, self.step = stage, 0
        self.sample, self.export = lambda: None, lambda folder: folder.mkdir()  # type: ignore[method-assign, assignment]
        if isinstance(stage, DiffusionStage):
            self.draws = stage.draws
            stage.draws = self.draws_of_both  # type: ignore[method-assign]

    def batch(self, rng: np.random.Generator) -> Batch:
        step = int(rng.bit_generator.seed_seq.entropy[2])  # type: ignore[attr-defined]
        parts = [self.stage.batch(step_seed(0, rank, step)) for rank in range(2)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def draws_of_both(self, clean: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        seeds = [int(step_seed(1, rank, self.step).integers(2**62)) for rank in range(2)]
        halves = zip(clean.chunk(2), seeds, strict=True)
        drawn = [self.draws(half, torch.Generator().manual_seed(seed)) for half, seed in halves]
        steps, noise = zip(*drawn, strict=True)
        return torch.cat(steps), torch.cat(noise)

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        result: tuple[Tensor, dict[str, Tensor]] = self.stage(batch, generator, progress)
        self.step += 1
        return result


WORKER = """
import sys
from pathlib import Path
from tests.test_training_processes import train, train_by_clocks_that_differ, train_in_turns

if sys.argv[3] == "turns":
    train_in_turns(Path(sys.argv[1]))
elif sys.argv[3] == "two":
    train(sys.argv[2].split(","), Path(sys.argv[1]), "two")
    train_by_clocks_that_differ(Path(sys.argv[1]))
else:
    train(sys.argv[2].split(","), Path(sys.argv[1]), sys.argv[3], float(sys.argv[4]))
"""


def train(parts: list[str], folder: Path, name: str, pause: float = 0.0) -> None:
    """Train parts in folder/name/part, slowed down by `pause` seconds a step, and then saved at every step."""
    torch.set_num_threads(1)
    for part in parts:
        stage = make(part, folder)
        stage.sample = lambda: None  # type: ignore[method-assign]
        trainer = Trainer(stage, loop(save_minutes=1e-9) if pause else loop(), folder / name / part)
        step = trainer.step

        def slow(batch: Batch, step: Any = step) -> dict[str, float]:
            time.sleep(pause)
            return step(batch)  # type: ignore[no-any-return]

        trainer.step = slow  # type: ignore[method-assign]
        trainer.run(lambda text: None)


def train_by_clocks_that_differ(folder: Path) -> None:
    """A run of so many minutes, whose rates are written to folder/ratesRANK.txt; the second process's time flies."""
    rank, clock = int(os.environ["RANK"]), time.monotonic
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: clock() * (1 + 3 * rank))
        config = LoopConfig(minutes=0.02, learning_rate=0.05, warmup_steps=1, log_every=1)
        trainer = Trainer(Line(), config, folder / f"clock{rank}")
        trainer.run(lambda text: None)
    (folder / f"rates{rank}.txt").write_text(repr([round(entry["rate"], 9) for entry in trainer.state.history]))


class Enough(Exception):  # noqa: N818
    """Ends a run before its time."""


def train_in_turns(folder: Path) -> None:
    """Each part in folder/split-whole/part, in its first half split between the processes, and the reverse."""
    torch.set_num_threads(1)
    for part in TURNS:
        for name, turns in (("split-whole", (True, False)), ("whole-split", (False, True))):
            for turn, shard in enumerate(turns):
                config = loop(save_minutes=1e-9, sample_minutes=1e9, shard=shard)
                trainer = Trainer(make(part, folder), config, folder / name / part)
                parts = [parameter for parameter in trainer.stage.parameters() if isinstance(parameter, DTensor)]
                assert bool(parts) == shard and all(each.to_local().numel() < each.numel() for each in parts)
                step = trainer.step

                def until(batch: Batch, step: Any = step, trainer: Trainer = trainer, turn: int = turn) -> Any:
                    if turn == 0 and trainer.state.step == STEPS // 2:
                        raise Enough
                    return step(batch)

                trainer.step = until  # type: ignore[method-assign]
                with contextlib.suppress(Enough):
                    trainer.run(lambda text: None)


def two_processes(folder: Path, parts: str, name: str, pause: float = 0.0) -> list[subprocess.Popen[bytes]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = []
    for rank in ("0", "1"):
        own = {**os.environ, **common, "RANK": rank, "LOCAL_RANK": rank, "ACCELERATE_USE_CPU": "true"}
        line = [sys.executable, "-c", WORKER, str(folder), parts, name, str(pause)]
        processes.append(subprocess.Popen(line, env=own))
    return processes


def curve(folder: Path) -> dict[int, dict[str, float]]:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {entry["step"]: entry for entry in entries}  # of a step done twice, the second time


def assert_same_curve(one: Path, other: Path, rtol: float) -> None:
    a, b = curve(one), curve(other)
    assert list(a) == list(b) == list(range(1, STEPS + 1))
    for name in ("loss", "gradient"):
        values = [[entry[name] for entry in found.values()] for found in (a, b)]
        np.testing.assert_allclose(*values, rtol=rtol)
        assert len({round(value, 6) for value in values[0]}) == STEPS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips, and what two undisturbed processes make of them."""
    folder = tmp_path_factory.mktemp("processes")
    for number in range(2):
        write_rendered(folder / "clips", f"{number:03d}", identity=1, seed=1)
    make("stage1", folder)  # prepares the clips
    processes = two_processes(folder, ",".join(PARTS), "two")
    try:
        assert [process.wait(300) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return folder


@pytest.mark.parametrize("part", PARTS)
def test_two_processes_train_like_one_with_the_doubled_batch(folder: Path, part: str) -> None:
    Trainer(Both(make(part, folder)), loop(), folder / "one" / part).run(lambda text: None)
    assert_same_curve(folder / "two" / part, folder / "one" / part, rtol=1e-4)


def test_two_processes_end_together_with_one_rate_by_the_first_ones_clock(folder: Path) -> None:
    first, second = ((folder / f"rates{rank}.txt").read_text() for rank in (0, 1))
    assert first == second and len(first) > 20


@pytest.fixture(scope="module")
def turns(folder: Path) -> Path:
    """The same by two processes that hold parts of the networks in one half of the run."""
    processes = two_processes(folder, "", "turns")
    try:
        assert [process.wait(900) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("part", TURNS)
@pytest.mark.parametrize("name", ["split-whole", "whole-split"])
def test_split_networks_train_like_whole_ones_and_take_turns_with_them(turns: Path, part: str, name: str) -> None:
    # In the first step nobody has hands: the gradient of the attention to codes is zero where it is split, and none
    # where it is whole, and AdamW counts its steps from another one on.
    assert_same_curve(turns / name / part, turns / "two" / part, rtol=5e-3 if name == "split-whole" else 1e-4)
    assert len(list((turns / name / part / "samples").glob("*.png"))) == 1
    if name == "whole-split":
        assert_same_weights(*(turns / which / part / "weights" for which in ("two", name)))


def assert_same_weights(whole: Path, split: Path) -> None:
    files = sorted(path.relative_to(whole) for path in whole.rglob("*.*"))
    assert files == sorted(path.relative_to(split) for path in split.rglob("*.*")) and len(files) >= 2
    for file in files:
        if file.suffix != ".safetensors":
            assert (whole / file).read_bytes() == (split / file).read_bytes()
            continue
        one, other = (load_file(folder / file) for folder in (whole, split))
        assert one.keys() == other.keys()
        for key in one:
            torch.testing.assert_close(other[key], one[key], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_killed_process_costs_nothing_but_time(folder: Path) -> None:
    for attempt in ("killed", "again"):
        processes = two_processes(folder, "hcc,stage2", "killed", pause=0.5 if attempt == "killed" else 0.0)
        log = folder / "killed" / "stage2" / "log.jsonl"
        try:
            if attempt == "killed":
                while not (log.exists() and len(log.read_text().splitlines()) >= 2):
                    assert all(process.poll() is None for process in processes)
                    time.sleep(0.05)
                processes[1].send_signal(signal.SIGKILL)
                assert processes[1].wait(60) == -signal.SIGKILL
                processes[0].wait(120)  # it cannot go on alone
                assert processes[0].returncode != 0 and len(log.read_text().splitlines()) < STEPS
            else:
                assert [process.wait(300) for process in processes] == [0, 0]
        finally:
            for process in processes:
                process.kill()
    for part in ("hcc", "stage2"):
        assert_same_curve(folder / "killed" / part, folder / "two" / part, rtol=1e-5)
