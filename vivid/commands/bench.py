"""`python -m vivid bench`: speed, memory and arithmetic of a configuration."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .animate import parse_size

if TYPE_CHECKING:
    import torch
    from torch import Tensor

CONFIGURATIONS = ("compact", "full", "micro")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench`."""
    parser.add_argument("--config", default="compact", choices=CONFIGURATIONS, help="which network, random weights")
    parser.add_argument("--size", default="256x256", metavar="WxH")
    parser.add_argument("--frames", type=int, default=12, help="frames of the one window that is timed")
    parser.add_argument("--steps", type=int, default=None, help="sampling steps to compute the overall speed for")
    parser.add_argument("--dtype", default="fp32", choices=("fp32", "bf16", "fp16"))
    parser.add_argument("--device", default=None, help="cpu, cuda, mps (default: the best here)")
    parser.add_argument("--no-guidance", action="store_true", help="one evaluation a step")
    parser.add_argument(
        "--video", type=int, nargs="+", default=[], metavar="FRAMES", help="also make whole videos of so many frames"
    )
    parser.add_argument("--offload", action="store_true", help="whole videos: networks rest in the CPU's memory")
    parser.add_argument("--compile", action="store_true", help="compile the networks (on CUDA: record graphs) first")
    parser.add_argument(
        "--train", action="store_true", help="instead: a step of the paper's stage 1 and stage 2 (size: the width)"
    )
    parser.add_argument("--count", action="store_true", help="with --train: only what can be said without computing")
    parser.add_argument("--repeat", type=int, default=3, help="timed rounds; the fastest counts")


def run(args: argparse.Namespace) -> int:
    """Measure; print a table and, as the last line, one JSON object."""
    if min(args.frames, args.repeat, *args.video) < 1:
        raise InputError("Frames and repeat must be 1 or more.")
    width, height = parse_size(args.size)
    import torch

    from ..generators.diffusion.generator import LARGEST_SIDE, SIZE_MULTIPLE
    from ..generators.settings import check_size

    check_size(width, height, SIZE_MULTIPLE, LARGEST_SIDE)
    from ..devices import default_device, keep_memory, peak_memory

    device = torch.device(args.device or default_device())
    keep_memory()
    if args.train:
        return _train(args, device, width)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[args.dtype]
    bench = StepBench(args.config, (width, height), args.frames, not args.no_guidance, device, dtype)
    result = bench.measure(args.repeat, args.compile)
    steps = args.steps or (6 if args.no_guidance else 30)
    total = steps * result["seconds_step"] + args.frames * result["seconds_decode"]
    result |= {
        "config": args.config,
        "size": [width, height],
        "frames": args.frames,
        "dtype": args.dtype,
        "device": device.type,
        "guidance": not args.no_guidance,
        "compiled": args.compile,
        "steps": steps,
        "frames_per_second": round(args.frames / total, 4),
        "peak_memory": peak_memory(str(device)),
    }
    if device.type == "cuda":
        result["card"] = torch.cuda.get_device_name(device)
    if args.video:
        result |= _videos(bench, args.video, (width, height), steps, args.offload)
    for name, value in result.items():
        print(f"{name:28s} {value}")
    print(json.dumps(result))
    return 0


def _train(args: argparse.Namespace, device: torch.device, side: int) -> int:
    """A step of both stages; prints a line of JSON for each."""
    import torch

    from ..method import factory
    from .bench_train import count_stage, measure_stage

    config = getattr(factory, args.config.upper())
    for part in ("stage1", "stage2"):
        print(json.dumps(count_stage(part, config, side)), flush=True)
        if args.count:
            continue
        result = measure_stage(part, config, side, device, args.repeat)
        if device.type == "cuda":
            result["card"] = torch.cuda.get_device_name(device)
            torch.cuda.empty_cache()
        print(json.dumps(result), flush=True)
    return 0


def _videos(bench: StepBench, lengths: list[int], size: tuple[int, int], steps: int, offload: bool) -> dict[str, Any]:
    """Whole videos of several lengths; the first of one window is for warming up."""
    from .bench_video import WINDOW, VideoBench

    models, guidance = bench.models, 2.5 if bench.guidance else 1.0
    del bench.conditions, bench.prepared, bench.sample  # their memory would count
    videos = VideoBench(models, size, steps, guidance, offload)
    videos.measure(WINDOW)
    return {"videos": [videos.measure(n) for n in lengths], "left_after_cancel": videos.left_after_cancel(lengths[0])}


class StepBench:
    """One network with random weights and the conditions of one window."""

    def __init__(
        self, config: str, size: tuple[int, int], frames: int, guidance: bool, device: torch.device, dtype: torch.dtype
    ) -> None:
        import torch

        from ..method import factory
        from ..method.conditions import Conditions

        self.device, self.guidance = device, guidance
        self.models = random_models(getattr(factory, config.upper()), device, dtype)
        height, width = size[1] // 8, size[0] // 8
        generator = torch.Generator().manual_seed(0)

        def noise(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator).to(device, dtype)

        channels = self.models.vae.config.latent_channels
        self.sample = noise(1, channels, frames, height, width)
        self.timestep = torch.tensor(500, device=device)
        reference = noise(1, channels, height, width)
        first = self.models.denoiser.config.block_out_channels[0]
        head = torch.zeros(1, frames, height, width, dtype=torch.bool, device=device)
        hands = head.clone()
        head[..., : height // 3, width // 3 : 2 * width // 3] = True
        hands[..., 2 * height // 3 :, width // 4 : 3 * width // 4] = True
        with torch.no_grad():
            self.conditions = Conditions(
                audio=noise(1, frames, 50, 384),
                rhythm=noise(1, frames, 50, 384),
                hand_features=noise(1, first, frames, height, width),
                reference=self.models.denoiser.project_reference(self.models.reference.bank(reference)),
                reference_latents=reference,
                head_mask=head,
                hand_mask=hands,
            )

    def step(self) -> Tensor:
        """One guided prediction as the pipeline makes it, conditions prepared beforehand."""
        from ..generators.diffusion.guidance import guided_prediction

        scale = 2.5 if self.guidance else 1.0
        denoiser = self.models.denoiser
        return guided_prediction(lambda c: denoiser(self.sample, self.timestep, c), self.prepared, scale, scale)

    def measure(self, repeat: int, compiled: bool) -> dict[str, Any]:
        """Seconds and operations of a step, seconds of a decoded frame; the fastest of `repeat` rounds counts.

        compiled: the networks are compiled after their operations have been counted.
        """
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        from ..generators.diffusion.compiling import compile_networks
        from ..generators.diffusion.session import DECODE_CHUNK
        from ..generators.diffusion.speed import fastest

        with torch.no_grad():
            started = time.perf_counter()
            self.prepared = self.models.denoiser.prepare(self.conditions)
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            prepare = time.perf_counter() - started
            with FlopCounterMode(display=False) as counter:
                self.step()  # this warms up, too
            if compiled:
                compile_networks(self.models, DECODE_CHUNK)
                self.step()
            latents = self.sample[0].transpose(0, 1).repeat(DECODE_CHUNK, 1, 1, 1)[:DECODE_CHUNK]
            step = fastest(self.step, self.device, repeat)
            decode = fastest(lambda: self.models.vae.decode(latents), self.device, 3) / DECODE_CHUNK
        return {
            "seconds_prepare": round(prepare, 4),
            "seconds_step": round(step, 4),
            "seconds_decode": round(decode, 4),
            "gflop_frame_step": round(counter.get_total_flops() / self.sample.shape[2] / 1e9, 2),
        }


def random_models(config: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Networks with small random weights, made without the slow initialisation of every layer."""
    import torch
    from accelerate import init_empty_weights

    from ..devices import prepare_for_cpu
    from ..method.factory import build_models

    with init_empty_weights(include_buffers=False):
        models = build_models(config)
    generator = torch.Generator(device).manual_seed(0)
    networks = list(vars(models).values())
    for module in networks:
        for path, parameter in list(module.named_parameters()):
            owner, _, leaf = path.rpartition(".")
            value = torch.empty(parameter.shape, device=device, dtype=dtype)
            if parameter.ndim > 1:
                bound = (3 / parameter[0].numel()) ** 0.5  # uniform: billions of normal numbers take a minute
                value.uniform_(-bound, bound, generator=generator)
            else:
                value.fill_(1.0 if leaf == "weight" else 0.0)
            setattr(module.get_submodule(owner), leaf, torch.nn.Parameter(value, requires_grad=parameter.requires_grad))
        torch.nn.Module.to(module, device, dtype).eval()  # diffusers' own warns of layers that are not there
    if device.type == "cpu":
        prepare_for_cpu(networks)
    return models
