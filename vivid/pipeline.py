"""From a portrait, speech and a gesture clip to a video file, as a stream of events."""

from __future__ import annotations

import dataclasses
import hashlib
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from .conditioner import Conditioner
from .config import FPS, ModelInfo, RunSettings
from .errors import InputError
from .media.provenance import Provenance, stamp
from .media.video import VideoWriter
from .models.factory import Models
from .pose.calibrate import CalibrationOptions, calibrate
from .pose.library import loop
from .pose.portrait import Portrait, frame_portrait
from .pose.skeleton import PoseClip
from .sampling import context_windows, guided_prediction, initial_noise, predicted_clean, window_weights
from .speech.encoder import SpeechEncoder, load_speech_encoder
from .speech.types import Speech
from .weights.store import load_model
from .weights.hub import model_folder

DECODE_CHUNK = 4
"""Frames decoded at a time: enough to keep the processor busy, few enough to keep memory flat."""


@dataclass(frozen=True)
class Step:
    """Progress: `done` of `total` units of work in this phase ("denoise" or "decode").

    `seconds_left` covers everything that remains (None until it can be known); `preview` is an RGB picture
    (H, W, 3) of the middle frame, now and then.
    """

    done: int
    total: int
    phase: str
    seconds_left: float | None = None
    preview: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Result:
    """What a finished run leaves behind; `peak_memory` in bytes (of the device, or of the process on a CPU)."""

    path: Path
    frames: int
    fps: int
    seconds: float
    seed: int
    model: str
    untrained: tuple[str, ...]
    peak_memory: int
    settings: dict[str, Any]
    calibration: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return dataclasses.asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True)
class Done:
    """The last event of a run."""

    result: Result


Event = Step | Done


class VividPipeline(DiffusionPipeline):
    """The engine: networks, scheduler and speech encoder of one model.

    Device placement and offloading (`enable_model_cpu_offload`) are diffusers'; VAE slicing and tiling are the VAE's.
    """

    model_cpu_offload_seq = "reference->codebook->hand_encoder->denoiser->vae"

    def __init__(self, models: Models, scheduler: Any, speech_encoder: SpeechEncoder, info: ModelInfo) -> None:
        super().__init__()
        self.register_modules(
            vae=models.vae,
            reference=models.reference,
            denoiser=models.denoiser,
            hand_encoder=models.hand_encoder,
            codebook=models.codebook,
            scheduler=scheduler,
        )
        if speech_encoder.name != info.speech_encoder:
            raise InputError(
                f"Model {info.name} was made with {info.speech_encoder}, not with {speech_encoder.name}: same shapes, "
                "other features."
            )
        self.speech_encoder = speech_encoder
        self.info = info
        self.speed: Speed | None = None

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, name: str | Path = "embedded", device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> VividPipeline:
        """Load "embedded", "full" or a model folder; device and type default to the best this machine has."""
        device = torch.device(device or default_device())
        dtype = dtype or default_dtype(device)
        models, info = load_model(model_folder(name), dtype)
        from .sampling import make_scheduler

        scheduler = make_scheduler(info.solver, info.prediction_type)  # type: ignore[arg-type]
        return cls(models, scheduler, load_speech_encoder(info.speech_encoder), info).to(device)

    @property
    def untrained(self) -> tuple[str, ...]:
        """Parts that have no trained weights and stay at zero effect."""
        return self.info.untrained
