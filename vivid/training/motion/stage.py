"""Training of speech to motion: recordings are encoded once, then short windows of their states are drawn."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...generators.layered.speech_motion import FILE, LIP, RHYTHM, SpeechMotion
from ...speech.encoder import SHIPPED, load_speech_encoder
from ...speech.windows import STATE_RATE
from ..batches import Batch
from ..loop import LoopConfig, TrainingStage
from .evaluation import evaluate_motion, report_lines
from .recordings import SECONDS, random_conditions, record, targets

STATES = int(SECONDS * STATE_RATE)
"""Encoder states of one recording."""


@dataclass(frozen=True)
class MotionConfig:
    """recordings: how many of 28 s; window: states of one example (4 s); jitter: deviation of the noise on the constant
    part of a voice's states, which must not be relied on; speed_weight: weight of the error of differences."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            minutes=10, learning_rate=1.5e-3, weight_decay=0.05, warmup_steps=50, ema_decay=0.995, clip_norm=1.0
        )
    )
    recordings: int = 160
    batch: int = 12
    window: int = 200
    jitter: float = 0.15
    speed_weight: float = 2.0


@dataclass(frozen=True)
class EncodedRecording:
    """One recording: states (STATES, 1920) float16, read from disk as they are needed; goals (STATES, 20)."""

    states: NDArray[np.float16]
    goals: NDArray[np.float32]


def encode_recordings(
    config: MotionConfig, folder: Path, report: Callable[[str], None] = print
) -> list[EncodedRecording]:
    """The training recordings as encoder states; each is made once per seed and kept."""
    folder = folder / f"motion-{config.loop.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    encoder = load_speech_encoder(SHIPPED)
    out = []
    for k in range(config.recordings):
        kept, goals = folder / f"{k:04d}-states.npy", folder / f"{k:04d}-goals.npy"
        if not kept.exists():
            rng = np.random.default_rng([config.loop.seed, k])
            recording = record(rng, random_conditions(rng))
            np.save(goals, targets(recording, STATES))
            partial = folder / "partial.npy"
            np.save(partial, encoder.states(recording.samples).flatten(1)[:STATES].half().numpy())
            os.replace(partial, kept)
        out.append(EncodedRecording(np.load(kept, mmap_mode="r"), np.load(goals)))
        if k % 10 == 9:
            report(f"recorded {k + 1} of {config.recordings}")
    return out


class MotionStage(TrainingStage):
    """Trains the network; exports its weights and the evaluation on held-out speech."""

    def __init__(
        self, config: MotionConfig, recordings: list[EncodedRecording] | None, network: SpeechMotion | None = None
    ) -> None:
        """recordings: None only to measure a network without training it."""
        super().__init__()
        self.config, self.recordings = config, recordings
        torch.manual_seed(config.loop.seed)
        self.network = (network or SpeechMotion()).requires_grad_(True)
        if network is None and recordings is not None:
            some = np.concatenate([one.states[::14] for one in recordings]).astype(np.float32)
            goals = torch.from_numpy(np.concatenate([one.goals for one in recordings]))
            self.network.mean.copy_(torch.from_numpy(some.mean(0)))
            self.network.deviation.copy_(torch.from_numpy(some.std(0)).clamp(min=0.02))
            self.network.scale.copy_(goals.std(0).clamp(min=0.02))
            with torch.no_grad():
                start = goals.mean(0) / self.network.scale
                self.network.out.bias.copy_(start[: len(LIP)])
                self.network.head_out.bias.copy_(start[len(LIP) :])

    def batch(self, rng: np.random.Generator) -> Batch:
        assert self.recordings is not None
        chosen = rng.integers(len(self.recordings), size=self.config.batch).tolist()
        starts = rng.integers(STATES - self.config.window, size=self.config.batch).tolist()
        cuts = [(self.recordings[k], slice(at, at + self.config.window)) for k, at in zip(chosen, starts, strict=True)]
        return {
            "states": torch.from_numpy(np.stack([one.states[cut] for one, cut in cuts]).astype(np.float32)),
            "goals": torch.from_numpy(np.stack([one.goals[cut] for one, cut in cuts])),
        }

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        states, network = batch["states"], self.network
        shape = (len(states), 1, states.shape[2])
        noise = torch.randn(shape, generator=generator, device=states.device)
        error = (network(states + self.config.jitter * network.deviation * noise) - batch["goals"]) / network.scale
        lip, head = error[..., : len(LIP)], error[..., len(LIP) :]
        loss = lip.square().mean() + self.config.speed_weight * lip.diff(dim=1).square().mean()
        rhythm = head.square().mean()
        return loss + rhythm, {"lip": lip.detach().square().mean(), "rhythm": rhythm.detach()}

    def export(self, folder: Path) -> None:
        from safetensors.torch import save_file

        folder.mkdir(parents=True)
        self.network.eval()
        numbers = evaluate_motion(self.network)
        state = {name: tensor.detach().half().contiguous() for name, tensor in self.network.state_dict().items()}
        save_file(state, folder / FILE, {"channels": json.dumps([*LIP, *RHYTHM])})
        (folder / "evaluation.json").write_text(json.dumps(numbers, indent=1))
        print("\n".join(report_lines(numbers)), flush=True)
