"""From a portrait, speech and a gesture clip to a video file, as a stream of events."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from .conditioner import Conditioner, Remembered, decode_pictures, frame_inputs, from_unit, remember, to_unit
from .config import FPS, SAMPLE_RATE, ModelInfo, RunSettings
from .devices import default_device, default_dtype, peak_memory, prepare_for_cpu
from .errors import InputError
from .events import Clock, Done, Event, Result, Speed, Step, Workload
from .media.provenance import Provenance, sha256_of, stamp
from .media.video import VideoWriter
from .models.conditions import Conditions
from .pose.calibrate import calibrate, place
from .pose.library import DEFAULT_MOTION, loop, shipped_motion
from .pose.portrait import Portrait
from .pose.report import CalibrationReport
from .pose.skeleton import PoseClip
from .sampling import (
    context_windows,
    guidance_coefficients,
    guided_prediction,
    initial_noise,
    make_scheduler,
    predicted_clean,
    window_weights,
)
from .speech.encoder import SpeechEncoder, load_speech_encoder
from .speech.types import Speech
from .weights.hub import model_folder
from .weights.store import load_model

__all__ = ["Done", "Event", "Result", "Step", "VividPipeline", "estimate_seconds"]

SINGLE_FRAMES = 8
"""Frames in one call of a model that knows single frames only (a window of 1)."""
DECODE_CHUNK = 4
"""Frames decoded at a time: enough to keep the processor busy, few enough to keep memory flat."""


class VividPipeline(DiffusionPipeline):
    """The engine: networks, scheduler and speech encoder of one model.

    Device placement and offloading (`enable_model_cpu_offload`) are diffusers'; slicing and tiling are the VAE's.
    """

    model_cpu_offload_seq = "reference->codebook->hand_encoder->denoiser->vae"

    def __init__(
        self,
        vae: Any,
        reference: Any,
        denoiser: Any,
        hand_encoder: Any,
        codebook: Any,
        scheduler: Any,
        speech_encoder: SpeechEncoder | None = None,
        info: ModelInfo | None = None,
    ) -> None:
        """The parts of `Models`, and a scheduler; what has a default is no network to diffusers, but needed too."""
        super().__init__()
        if speech_encoder is None or info is None:
            raise TypeError("a pipeline needs a speech encoder and the model's information")
        if speech_encoder.name != info.speech_encoder:
            raise InputError(
                f"Model {info.name} was made with {info.speech_encoder}, not with {speech_encoder.name}: "
                "the features have the same shapes and another meaning."
            )
        self.register_modules(
            vae=vae,
            reference=reference,
            denoiser=denoiser,
            hand_encoder=hand_encoder,
            codebook=codebook,
            scheduler=scheduler,
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
        models, info = load_model(model_folder(name), dtype or default_dtype(device))
        scheduler = make_scheduler(info.solver, info.prediction_type)  # type: ignore[arg-type]
        if device.type == "cpu":
            prepare_for_cpu(vars(models).values())
        speech_encoder = load_speech_encoder(info.speech_encoder)
        return cls(**vars(models), scheduler=scheduler, speech_encoder=speech_encoder, info=info).to(device)

    @property
    def untrained(self) -> tuple[str, ...]:
        """Parts that have no trained weights and stay at zero effect."""
        return self.info.untrained

    @property
    def domain(self) -> str:
        """What portraits the model was made for: "rendered" people only, or "any"."""
        return self.info.domain

    @property
    def default_size(self) -> tuple[int, int]:
        """Width and height of a video when none is asked for."""
        return self.info.size

    @property
    def execution_device(self) -> torch.device:
        """Where networks run, which offloading may make another place than where they rest."""
        return torch.device(self._execution_device)

    @property
    def weights_dtype(self) -> torch.dtype:
        """The type of the denoiser's weights."""
        return next(self.denoiser.parameters()).dtype

    @torch.no_grad()
    def reconstruct_hands(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What the hand codebook makes of hand crops (N, 256, 256, 3); same shape. Shows what it knows of a hand."""
        pictures = to_unit(crops, self.execution_device, self.weights_dtype)
        return from_unit(self.codebook(pictures).reconstruction)

    @torch.no_grad()
    def animate(
        self,
        portrait: Portrait,
        speech: Speech,
        motion: PoseClip,
        settings: RunSettings,
        output: Path,
        calibrated: tuple[PoseClip, CalibrationReport] | None = None,
    ) -> Generator[Event, None, None]:
        """Make a video; yields Step events and, last, Done.

        motion: the raw clip at 24 frames a second on its own canvas. It is calibrated here (or comes `calibrated`, in
        the portrait's pixels and with its report), looped to the length of the speech and drawn. Closing the
        generator stops within one network call and leaves no file. Errors: InputError.
        """
        run = self.resolve(settings)
        assert run.width and run.height
        frames = frame_count(speech, run)
        work = self.workload(frames, run)
        clock = Clock(work, self.speed)
        if calibrated is not None:
            clip, report = calibrated
        elif run.calibrate:
            clip, report = calibrate(portrait.pose, motion)
        else:
            clip, report = place(motion, portrait.size)[0], None
        self._reset_peak_memory()
        try:
            inputs = frame_inputs(portrait, loop(clip, frames), (run.width, run.height))
            features = self.speech_encoder.features(speech.samples, frames, FPS)
            self.denoiser.switch(run.head_stream, run.codebook, motion="motion" not in self.untrained)
            conditioner = Conditioner(self, inputs, features, codebook=run.codebook, reused=run.steps != 1)
            latents = yield from self._denoise(conditioner, frames, run, clock)
            remembered = conditioner.portrait
            del conditioner  # its memory is free for decoding
            clock.start_decoding()
            sound = Speech(speech.samples[: frames * SAMPLE_RATE // FPS])
            note = provenance_of(self.info.name, portrait, speech, motion, run)
            with VideoWriter(output, (run.width, run.height), FPS, sound, note) as writer:
                yield from self._decode(latents, remembered, inputs.clip, writer, run, clock)
        finally:
            self.maybe_free_model_hooks()
        self.speed = clock.measured()
        yield Done(
            Result(
                path=output,
                frames=frames,
                fps=FPS,
                seconds=round(clock.total(), 2),
                seed=run.seed,
                model=self.info.name,
                untrained=self.info.untrained,
                peak_memory=peak_memory(self.execution_device),
                settings=run.to_dict(),
                calibration=report.to_dict() if report else None,
            )
        )

    def resolve(self, settings: RunSettings) -> RunSettings:
        """The settings with the model's own values where none were given, and untrained parts switched off."""
        info = self.info

        def chosen(name: str, default: Any) -> Any:
            value = getattr(settings, name)
            return default if value is None else value

        return dataclasses.replace(
            settings,
            width=chosen("width", info.size[0]),
            height=chosen("height", info.size[1]),
            steps=chosen("steps", info.steps),
            guidance_audio=chosen("guidance_audio", info.guidance_audio),
            guidance_image=chosen("guidance_image", info.guidance_image),
            head_stream=settings.head_stream and "head_stream" not in info.untrained,
            codebook=settings.codebook and "codebook" not in info.untrained,
        )

    def workload(self, frames: int, settings: RunSettings) -> Workload:
        """What a video of `frames` frames costs with these settings."""
        run = self.resolve(settings)
        assert run.width and run.height and run.steps
        assert run.guidance_audio is not None and run.guidance_image is not None
        area = run.width * run.height / (self.info.size[0] * self.info.size[1])
        evaluations = sum(map(bool, guidance_coefficients(run.guidance_audio, run.guidance_image)))
        evaluated = sum(map(len, self._windows(frames)))
        return Workload(area * evaluations * run.steps * evaluated, area * frames, area * run.steps)

    @torch.no_grad()
    def measure_speed(self) -> Speed:
        """Time one short denoiser call and one decoded frame, to promise a duration before the first run."""
        width, height = self.info.size
        device, dtype = self.execution_device, self.weights_dtype
        frames = 4 if self.info.window == 1 else min(4, self.info.window)
        latents = torch.zeros(1, self.vae.config.latent_channels, frames, height // 8, width // 8).to(device, dtype)
        sample = self._as_videos(latents)
        bank = self.reference.bank(latents[:, :, 0])
        conditions = Conditions(
            audio=torch.zeros(len(sample), sample.shape[2], 50, 384).to(device, dtype),
            reference=self.denoiser.project_reference(bank),
            reference_latents=latents[:, :, 0],
        )
        timestep = torch.tensor(500, device=device)
        evaluate = _fastest(lambda: self.denoiser(sample, timestep, conditions), device) / frames
        pose = place(shipped_motion(DEFAULT_MOTION), (width, height))[0].take(slice(1))
        portrait = remember(self.vae, np.zeros((height, width, 3), np.uint8), pose.frame(0), device, dtype)
        decode = _fastest(lambda: self._decode_frames(latents[:, :, :1], portrait, pose), device)
        self.speed = Speed(evaluate, decode)
        return self.speed

    def _windows(self, frames: int) -> list[range]:
        """What the denoiser is called on, one after the other."""
        if self.info.window == 1:
            return [range(start, min(start + SINGLE_FRAMES, frames)) for start in range(0, frames, SINGLE_FRAMES)]
        return context_windows(frames, self.info.window, self.info.overlap)

    def _as_videos(self, latents: Tensor) -> Tensor:
        """Latents (1, C, F, h, w) of a window as the denoiser takes them: single frames are F videos (F, C, 1, h, w).

        Applied to a prediction, it undoes itself.
        """
        return latents.transpose(0, 2) if self.info.window == 1 else latents

    def _denoise(
        self, conditioner: Conditioner, frames: int, run: RunSettings, clock: Clock
    ) -> Generator[Step, None, Tensor]:
        """Latents (1, C, T, H/8, W/8) from noise; one Step for each window of each sampling step."""
        assert run.guidance_audio is not None and run.guidance_image is not None
        device, dtype = self.execution_device, self.weights_dtype
        windows = self._windows(frames)
        weights = [rearrange(weight.to(device), "f -> 1 1 f 1 1") for weight in window_weights(windows)]
        scheduler = self.scheduler
        scheduler.set_timesteps(run.steps, device=device)
        shape = (1, self.vae.config.latent_channels, frames, *conditioner.grid)
        # The solver works in float32 whatever the weights are: its small differences matter more than memory.
        latents = initial_noise(shape, run.seed, device, torch.float32, self.info.noise_clamp)
        total, done = len(scheduler.timesteps) * len(windows), 0
        for timestep in scheduler.timesteps:
            prediction = torch.zeros_like(latents)
            for window, weight in zip(windows, weights, strict=True):
                part = slice(window.start, window.stop)
                sample = self._as_videos(latents[:, :, part]).to(dtype)
                guided = guided_prediction(
                    partial(self.denoiser, sample, timestep),
                    conditioner.window(window),
                    run.guidance_audio,
                    run.guidance_image,
                )
                prediction[:, :, part] += self._as_videos(guided.float()) * weight
                done += 1
                preview = None
                # In a single step each window comes out finished; otherwise one frame gets clearer step by step.
                finished = len(scheduler.timesteps) == 1
                if finished or window is windows[-1]:
                    one = slice(window.start, window.start + 1) if finished else slice(frames // 2, frames // 2 + 1)
                    clean = predicted_clean(scheduler, latents[:, :, one], prediction[:, :, one], timestep)
                    preview = self._decode_frames(clean, conditioner.portrait, conditioner.inputs.clip.take(one))[0]
                yield Step(done, total, "denoise", clock.denoise_left(done, total), preview)
            latents = scheduler.step(prediction, timestep, latents).prev_sample
        return latents

    def _decode_frames(self, latents: Tensor, portrait: Remembered | None, clip: PoseClip) -> NDArray[np.uint8]:
        """(1, C, n, h, w) latents -> (n, H, W, 3) pictures of the n poses of `clip`."""
        frames = rearrange(latents, "1 c n h w -> n c h w").to(self.weights_dtype)
        return decode_pictures(self.vae, frames, portrait, clip)

    def _decode(
        self,
        latents: Tensor,
        portrait: Remembered | None,
        clip: PoseClip,
        writer: VideoWriter,
        run: RunSettings,
        clock: Clock,
    ) -> Generator[Step, None, None]:
        frames = latents.shape[2]
        for start in range(0, frames, DECODE_CHUNK):
            chunk = slice(start, start + DECODE_CHUNK)
            pictures = self._decode_frames(latents[:, :, chunk], portrait, clip.take(chunk))
            writer.write(stamp(pictures) if run.mark else pictures)
            done = start + len(pictures)
            yield Step(done, frames, "decode", clock.decode_left(done, frames))

    def _reset_peak_memory(self) -> None:
        if self.execution_device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.execution_device)


def estimate_seconds(pipeline: VividPipeline, frames: int, settings: RunSettings) -> float:
    """Expected seconds of a run on this machine, from the last run or a short measurement."""
    speed = pipeline.speed or pipeline.measure_speed()
    return pipeline.workload(frames, settings).seconds(speed)


def frame_count(speech: Speech, run: RunSettings) -> int:
    """Frames of the video: the length of the speech, or of its first `run.seconds`."""
    frames = speech.frames if run.seconds is None else min(speech.frames, int(run.seconds * FPS))
    if frames < 1:
        raise InputError("The speech is shorter than one frame of video: record at least a second.")
    return frames


def provenance_of(model: str, portrait: Portrait, speech: Speech, motion: PoseClip, run: RunSettings) -> Provenance:
    """The note in the video's metadata."""
    poses = np.concatenate([motion.body.ravel(), motion.hands.ravel(), motion.face.ravel()])
    inputs = {"portrait": portrait.image, "speech": speech.samples, "motion": poses}
    hashes = {name: sha256_of(array) for name, array in inputs.items()}
    return Provenance(model=model, seed=run.seed, settings=run.to_dict(), inputs_sha256=hashes)


def _fastest(work: Any, device: torch.device, rounds: int = 2) -> float:
    """Seconds of the fastest of a few calls; the first one warms up."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return best
