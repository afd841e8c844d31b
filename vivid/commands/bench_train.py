"""`bench --train`: what a step of the paper's stages costs, with random weights and random clips."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from ..devices import peak_memory, reset_peak_memory
from ..method.conditions import Conditions
from ..method.factory import ModelConfig, build_denoiser, build_hand_encoder, build_reference
from ..training.batches import Batch, step_seed
from ..training.loop import Trainer
from ..training.prepare import PreparedClip
from ..training.presets import preset
from ..training.stages import DiffusionStage
from ..training.windows import NEAREST
from .bench import random_models

PAPER_GPUS = 8


def random_clip(config: ModelConfig, side: int, frames: int, grid: int) -> PreparedClip:
    """A prepared clip of noise with a head above and hands below, of `side` pixels and `frames` frames."""
    rng, cells = np.random.default_rng(0), side // 8
    head, hands = (np.zeros((cells, cells), bool) for _ in range(2))
    head[: cells // 3, cells // 3 : 2 * cells // 3] = True
    hands[2 * cells // 3 :, cells // 4 : 3 * cells // 4] = True

    def noise(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float16)

    return PreparedClip(
        latents=noise(frames, config.latent_channels, cells, cells),
        audio=noise(frames, 50, config.speech_width),
        hand_maps=rng.integers(256, size=(frames, side, side, 3), dtype=np.uint8),
        hand_mask=np.repeat(hands[None], frames, 0),
        mouth_mask=np.repeat(head[None], frames, 0),
        head_mask=np.repeat(head[None], frames, 0),
        references=np.arange(frames),
        hand_pictures=np.zeros((frames, 2, config.hand_size, config.hand_size, 3), np.uint8),
        hand_indices=rng.integers(config.codes, size=(frames, 2, grid, grid)).astype(np.int16),
        hand_present=np.ones((frames, 2), bool),
        face=np.zeros((frames, 68, 2), np.float32),
        scene=np.array(0),
    )


def count_stage(part: str, config: ModelConfig, side: int) -> dict[str, Any]:
    """Arithmetic and memory of a step of `part`, found on tensors without contents: needs no GPU and little memory.

    Head stream and codebook attention are left out, because their arithmetic depends on the masks; memory is that of
    weights, gradients, AdamW's and the averaged weights, and of what the forward pass keeps for the backward one.
    """
    settings, cells = getattr(preset("paper"), part), side // 8
    videos, frames, width = settings.batch, settings.window.frames, config.speech_width
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    with FakeTensorMode():
        denoiser = build_denoiser(replace(config, motion=settings.motion)).train()
        reference, hand_encoder = build_reference(config), build_hand_encoder(config)
        weights = [p for network in (denoiser, reference, hand_encoder) for p in network.parameters()]
        if settings.spatial_rate == 0:
            motion = {id(p) for module in denoiser.motion_modules() for p in module.parameters()}
            for weight in weights:
                weight.requires_grad_(id(weight) in motion)
        if settings.gradient_checkpointing:
            denoiser.enable_gradient_checkpointing()
        learnt = sum(weight.numel() for weight in weights if weight.requires_grad)
        own = {weight.untyped_storage()._cdata for weight in weights}
        forward, backward = (FlopCounterMode(display=False) for _ in range(2))
        with (
            forward,
            torch.autocast("cpu", torch.bfloat16),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            latents = torch.zeros(videos, config.latent_channels, cells, cells)
            tokens = torch.zeros(videos, frames, 50, width)
            features = hand_encoder(torch.zeros(videos * frames, 3, side, side)).unflatten(0, (videos, frames))
            conditions = Conditions(
                audio=tokens,
                rhythm=tokens,
                hand_features=features.transpose(1, 2),
                reference=denoiser.project_reference(reference.bank(latents)),
                reference_latents=latents,
            )
            noisy = latents[:, :, None].expand(-1, -1, frames, -1, -1)
            loss = denoiser(noisy, torch.zeros(videos, dtype=torch.long), conditions).square().mean()
        with backward:
            loss.backward()
    activations = sum(size for storage, size in kept.items() if storage not in own)
    total = sum(weight.numel() for weight in weights)
    return {
        "part": part,
        "trained_millions": round(learnt / 1e6),
        "tflop_forward": round(forward.get_total_flops() / 1e12, 1),
        "tflop_backward": round(backward.get_total_flops() / 1e12, 1),
        "gigabytes_weights_and_optimiser": round(4 * (2 * total + 3 * learnt) / 1e9, 1),
        "gigabytes_activations": round(activations / 1e9, 1),
    }


def measure_stage(part: str, config: ModelConfig, side: int, device: torch.device, repeat: int) -> dict[str, Any]:
    """Seconds, arithmetic and the most memory of a step of `part` (stage1, stage2) as the paper's preset trains it."""
    settings = getattr(preset("paper"), part)
    precision = settings.loop.precision if device.type == "cuda" else "no"
    settings = replace(settings, loop=replace(settings.loop, precision=precision))
    models = random_models(replace(config, motion=settings.motion), device, torch.float32)
    frames = settings.window.frames
    clip = random_clip(config, side, 2 * (frames + NEAREST), models.codebook.grid)
    stage = DiffusionStage(settings, models, [clip])
    trained = sum(p.numel() for p in stage.parameters() if p.requires_grad)
    for network in stage.frozen.values():
        network.to(device)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(stage, settings.loop, Path(folder), resume=False)
        batch: Batch = stage.batch(step_seed(0, 0, 0))
        reset_peak_memory(str(device))
        with FlopCounterMode(display=False) as counter:  # also warms up
            trainer.step(batch)
        seconds = []
        for _ in range(repeat):
            started = time.perf_counter()
            trainer.step(batch)  # its numbers come back to the CPU, so it is finished
            seconds.append(time.perf_counter() - started)
    return {
        "part": part,
        "batch": settings.batch,
        "frames": frames,
        "side": side,
        "trained_millions": round(trained / 1e6),
        "seconds_step": round(min(seconds), 4),
        "tflop_step": round(counter.get_total_flops() / 1e12, 2),
        "tflop_per_second": round(counter.get_total_flops() / 1e12 / min(seconds), 1),
        "peak_memory": peak_memory(str(device)),
        "days_of_all_gpus": round(min(seconds) * (settings.loop.steps or 0) / 86400, 2),
        "gpu_days": round(PAPER_GPUS * min(seconds) * (settings.loop.steps or 0) / 86400, 1),
    }
