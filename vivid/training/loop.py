"""The training loop that all stages share: budget, schedule, EMA, checkpoints, curves and sample pictures.

A stage is a module whose forward takes the step's number and returns its loss; every random draw of step n comes from
(seed, rank, n), so a run resumed from a checkpoint draws the same as an uninterrupted one.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError
from ..media.outputs import write_png
from .batches import Batch, prefetch, step_seed
from .ema import Ema
from .sharding import gathered, optimizer_state, own, replaced, shard, split_like

WHOLE_COPIES = ("NO", "MULTI_GPU", "MULTI_CPU")
"""accelerate's names of launches that leave networks whole: sharding is this loop's own (`LoopConfig.shard`)."""


@dataclass(frozen=True)
class LoopConfig:
    """How a stage is optimised; `steps` or `minutes` ends it, whichever comes first; at least one must be given."""

    steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 1e-3
    final_rate: float = 0.02
    warmup_steps: int = 100
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    seed: int = 0
    precision: str = "no"
    save_minutes: float = 2.0
    sample_minutes: float = 5.0
    log_every: int = 10
    workers: int = 0
    shard: bool = False
    """Split networks and the optimiser's state between the processes; see `sharding`."""


class TrainingStage(nn.Module):
    """What the loop trains: a module with its own data."""

    config: Any
    rates: dict[nn.Parameter, float] = {}  # noqa: RUF012
    """Factors on the learning rate; 1 for parameters that are not in it."""

    def batch(self, rng: np.random.Generator) -> Batch:
        """Numpy or CPU-tensor batch of one step."""
        raise NotImplementedError

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss (scalar) and named scalars to log; `progress` runs from 0 to 1."""
        raise NotImplementedError

    def sample(self) -> np.ndarray | None:
        """A picture (H, W, 3) uint8 that shows what has been learnt, or None."""
        return None

    def export(self, folder: Path) -> None:
        """Write the trained networks as diffusers folders."""
        raise NotImplementedError


@dataclass
class RunState:
    """What a checkpoint holds besides tensors."""

    step: int = 0
    elapsed: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def rate_at(progress: float, step: int, config: LoopConfig) -> float:
    """Factor on the learning rate: linear warm-up over steps, then cosine over the progress of the budget."""
    warm = min(1.0, (step + 1) / max(1, config.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return warm * (config.final_rate + (1 - config.final_rate) * cosine)


def _atomic_save(payload: Any, path: Path) -> None:
    partial = path.with_suffix(".partial")
    torch.save(payload, partial)
    partial.replace(path)


def write_curve(history: list[dict[str, float]], path: Path) -> None:
    """Curves of all logged numbers as one PNG."""
    from matplotlib.figure import Figure

    names = [name for name in history[-1] if name not in ("step", "seconds")]
    columns = min(4, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(4 * columns, 2.6 * rows))
    # a fixed layout: finding one draws all the labels first, which is most of the work
    spaces = {"left": 0.16 / columns, "right": 0.99, "bottom": 0.12 / rows, "top": 1 - 0.12 / rows, "hspace": 0.28}
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=spaces)
    for axis, name in zip(axes.flat, names, strict=False):
        points = [(entry["step"], entry[name]) for entry in history if name in entry]
        axis.plot(*zip(*points, strict=True), linewidth=0.7)
        values = np.array([value for _, value in points])
        if len(values) > 20:
            width = max(5, len(values) // 20)
            smooth = np.convolve(values, np.ones(width) / width, "valid")
            axis.plot([step for step, _ in points][width - 1 :], smooth, linewidth=1.5)
        if (values > 0).all() and name != "rate":
            axis.set_yscale("log")
        axis.set_title(name, fontsize=8)
        axis.tick_params(which="both", labelsize=6)
    for axis in axes.flat[len(names) :]:
        axis.remove()
    figure.savefig(path, dpi=80)


class Trainer:
    """Runs a stage in `folder`: log.jsonl, curves.png, samples/*.png, checkpoint.pt, weights/."""

    def __init__(self, stage: TrainingStage, config: LoopConfig, folder: Path, resume: bool = True) -> None:
        from accelerate import Accelerator, DistributedDataParallelKwargs

        folder.mkdir(parents=True, exist_ok=True)
        self.config, self.folder = config, folder
        # conditions are dropped at random, so a step may leave parameters without gradient
        kwargs = [DistributedDataParallelKwargs(find_unused_parameters=True)]
        self.accelerator = Accelerator(mixed_precision=config.precision, kwargs_handlers=kwargs)
        if (kind := self.accelerator.distributed_type.value) not in WHOLE_COPIES:
            raise InputError(
                f"Training was launched with {kind}: launch it with --multi_gpu, and shard networks with the command's "
                "own --shard."
            )
        torch.manual_seed(config.seed)
        factors = {name: stage.rates.get(parameter, 1.0) for name, parameter in stage.named_parameters()}
        self.sharded = config.shard and self.accelerator.num_processes > 1
        if self.sharded:  # before the optimiser, because it replaces the parameters
            shard(stage.to(self.accelerator.device), self.accelerator.device)
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in stage.named_parameters():
            if parameter.requires_grad:
                groups.setdefault(factors[name], []).append(parameter)
        fused = self.accelerator.device.type in ("cuda", "cpu")
        self.optimizer = torch.optim.AdamW(
            [{"params": p, "lr": config.learning_rate * f, "factor": f} for f, p in groups.items()],
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=fused,
        )
        self.stage = stage
        if self.sharded:
            self.wrapped, self.optimizer = stage, self.accelerator.prepare(self.optimizer)
        else:
            self.wrapped, self.optimizer = self.accelerator.prepare(stage, self.optimizer)
        self.ema = Ema(stage, config.ema_decay)
        self.state = RunState()
        if resume and self.checkpoint.exists():
            self.load()

    @property
    def checkpoint(self) -> Path:
        """Where the one checkpoint is stored; it is replaced as a whole."""
        return self.folder / "checkpoint.pt"

    def load(self) -> None:
        """Continue from the folder's checkpoint."""
        device = self.accelerator.device
        whole = device.type == "cpu" or self.sharded  # of several processes on a CPU the device is "cpu:0", which fails
        saved = torch.load(self.checkpoint, map_location="cpu" if whole else device, weights_only=True)
        state = self.stage.state_dict()
        self.stage.load_state_dict({name: split_like(value, state[name]) for name, value in saved["model"].items()})
        self.optimizer.load_state_dict(optimizer_state(self.optimizer, split_like, saved["optimizer"]))
        for name, value in saved["ema"].items():
            self.ema.shadow[name].copy_(own(split_like(value, state[name])))
        self.ema.count = saved["ema_count"]
        self.state = RunState(saved["step"], saved["elapsed"], saved["history"])

    def save(self) -> None:
        """Write the checkpoint (whole or not at all); the other processes go on meanwhile, unless they have parts."""
        if not self._takes_part:
            return
        keep, state = self.accelerator.is_main_process, self.stage.state_dict()
        ema = {name: gathered(value, keep, state[name]) for name, value in self.ema.shadow.items()}
        model = {name: gathered(value, keep) for name, value in state.items()}
        optimizer = optimizer_state(self.optimizer, lambda tensor, _: gathered(tensor, keep))
        if not keep:
            return
        _atomic_save(
            {
                "model": model,
                "optimizer": optimizer,
                "ema": ema,
                "ema_count": self.ema.count,
                "step": self.state.step,
                "elapsed": self.state.elapsed,
                "history": self.state.history,
                "config": json.dumps(asdict(self.config)),
            },
            self.checkpoint,
        )

    def sample(self) -> None:
        """Write the curves, and the stage's sample picture, drawn with the averaged weights."""
        if not self._takes_part:
            return
        if self.state.history and self.accelerator.is_main_process:
            write_curve(self.state.history, self.folder / "curves.png")
        self.ema.swap(self.stage)
        self.stage.eval()
        picture = self.stage.sample()
        self.stage.train()
        self.ema.swap(self.stage)
        if picture is not None and self.accelerator.is_main_process:
            write_png(self.folder / "samples" / f"{self.state.step:07d}.png", picture)

    def export(self) -> None:
        """Write the averaged networks to weights/ (whole or not at all)."""
        if not self._takes_part:
            return
        partial, target = self.folder / "weights.partial", self.folder / "weights"
        self.ema.swap(self.stage)
        writes = self.accelerator.is_main_process
        state = {name: gathered(value, writes) for name, value in self.stage.state_dict().items()}
        if writes:
            shutil.rmtree(partial, ignore_errors=True)
            with replaced(self.stage, state):
                self.stage.export(partial)
            shutil.rmtree(target, ignore_errors=True)
            os.replace(partial, target)
        self.ema.swap(self.stage)

    @property
    def _takes_part(self) -> bool:
        """Whether this process is needed for what is written: the first one, or each where each has a part only."""
        return self.sharded or self.accelerator.is_main_process

    def progress(self) -> float:
        """Share of the budget that is used, 0 to 1."""
        parts = [0.0]
        if self.config.steps is not None:
            parts.append(self.state.step / self.config.steps if self.config.steps else 1.0)
        if self.config.minutes:
            parts.append(self.state.elapsed / (60 * self.config.minutes))
        return min(1.0, max(parts))

    def _agree(self) -> None:
        """Adopt the first process's elapsed time, on which budget and rates depend, so that all end together."""
        if self.accelerator.num_processes > 1:
            from accelerate.utils import broadcast

            elapsed = torch.tensor(self.state.elapsed, device=self.accelerator.device)
            self.state.elapsed = float(broadcast(elapsed))

    def _mean(self, values: dict[str, Any]) -> dict[str, float]:
        """Over all processes: what one process with their batches together would log."""
        found = torch.stack([torch.as_tensor(value, dtype=torch.float64).cpu() for value in values.values()])
        if self.accelerator.num_processes > 1:
            found = self.accelerator.reduce(found.float().to(self.accelerator.device), "mean")
        return dict(zip(values, found.tolist(), strict=True))

    def step(self, batch: Batch) -> dict[str, float]:
        """Train on one batch; returns what is logged."""
        config, rank = self.config, self.accelerator.process_index
        rng = step_seed(config.seed + 1, rank, self.state.step)
        seed = int(rng.integers(2**62))
        generator = torch.Generator(self.accelerator.device).manual_seed(seed)
        torch.manual_seed(seed)  # for what draws without a generator, such as the places of new codes
        progress = self.progress()
        factor = rate_at(progress, self.state.step, config)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * group.get("factor", 1.0) * factor
        device = self.accelerator.device
        moved = {k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for k, v in batch.items()}
        with self.accelerator.autocast():
            loss, numbers = self.wrapped(moved, generator, progress)
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.wrapped.parameters(), config.clip_norm)
        if norm is not None:
            norm = gathered(norm, keep=True)
        finite = bool(torch.isfinite(norm)) if norm is not None else True
        if finite or self.accelerator.scaler is not None:
            # One bad batch must not end hours of training. The fp16 scaler skips it itself, and adapts to it.
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.stage)
        values = {"loss": loss.detach(), **numbers, "rate": config.learning_rate * factor}
        if norm is not None:
            values["gradient"] = norm
        return self._mean(values)

    def run(self, report: Callable[[str], None] = print) -> RunState:
        """Train until the budget is used; checkpoint, log and sample on the way; export at the end."""
        config, state = self.config, self.state
        self.stage.train()
        batches = prefetch(self.stage.batch, config.seed, self.accelerator.process_index, state.step, config.workers)
        began, elapsed_before = time.monotonic(), state.elapsed
        saved = sampled = state.elapsed
        log = (self.folder / "log.jsonl").open("a") if self.accelerator.is_main_process else None
        recent: list[dict[str, float]] = []
        while self.progress() < 1:
            recent.append(self.step(next(batches)))
            state.step += 1
            state.elapsed = elapsed_before + time.monotonic() - began
            self._agree()
            now = state.elapsed  # which all processes agree on, so that they save together
            if state.step % config.log_every == 0 or state.step == 1:
                numbers = {name: sum(one[name] for one in recent) / len(recent) for name in recent[0]}
                recent.clear()
                entry = {"step": state.step, "seconds": round(state.elapsed, 2), **numbers}
                state.history.append(entry)
                if log:
                    log.write(json.dumps(entry) + "\n")
                    log.flush()
                if state.step % (10 * config.log_every) == 0:
                    parts = " ".join(f"{name} {value:.4g}" for name, value in entry.items())
                    report(f"{parts} ({100 * self.progress():.1f}% of the budget)")
            if now - sampled > 60 * config.sample_minutes:
                self.sample()
                sampled = now
            if now - saved > 60 * config.save_minutes:
                self.save()
                saved = now
        batches.close()
        self.accelerator.wait_for_everyone()
        self.save()
        self.sample()
        self.export()
        if log:
            log.close()
        return state
