"""Compiled networks for CUDA: fused kernels, and one graph of them for each shape of a denoiser call.

Called from Python one by one, the kernels of a compiled step take longer to start than to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from ...method.attention import Region
from ...method.conditions import Conditions
from ...method.factory import Models
from ...method.motion import MotionModule

REGION_STEPS = 8
"""Regions are padded to this many sizes, so that windows whose hands differ a little share a graph."""
MOST_GRAPHS = 8
"""Graphs kept; a call of yet another shape runs without one. Each holds its own copy of the conditions (100 MB)."""
WARM_UP = 2
RECOMPILATIONS = 256
"""One compiled piece of code serves all blocks of a kind, once for each shape."""


def compile_networks(models: Models, decoded: int) -> None:
    """Compile the denoiser's blocks, and the decoder for `decoded` frames at a time; other numbers run as before.

    The first calls take a minute longer (seconds when torch's cache on disk knows them). On CUDA, denoiser calls become
    graphs; call this after the networks have been moved there.
    """
    torch._dynamo.config.recompile_limit = RECOMPILATIONS
    denoiser: Any = models.denoiser
    decoder = models.vae.decoder
    for network in (denoiser, models.vae):
        network.to(memory_format=torch.channels_last)
    for module in denoiser.modules():
        if isinstance(module, ResnetBlock2D | FeedForward | MotionModule):
            module.compile(dynamic=False)
    plain, fast = decoder.forward, torch.compile(decoder.forward, dynamic=False)
    decoder.forward = lambda z, *rest: (fast if len(z) == decoded else plain)(z, *rest)
    if denoiser.device.type == "cuda":
        denoiser.forward = Graphs(denoiser.forward)


class Graphs:
    """A denoiser's forward that records a CUDA graph for every shape of its arguments and replays it.

    Arguments are copied to where the graph reads them, and the result is copied out: nothing of a run stays in them.
    """

    def __init__(self, forward: Callable[[Tensor, Tensor, Conditions], Tensor]) -> None:
        self.forward = forward
        self.recorded: dict[Any, tuple[torch.cuda.CUDAGraph, list[Tensor], Tensor]] = {}
        self.pool: Any = None

    def __call__(self, sample: Tensor, timestep: Tensor, conditions: Conditions) -> Tensor:
        if conditions.prepared is None:
            return self.forward(sample, timestep, conditions)
        given = (sample, timestep, pad_regions(used(conditions)))
        key = shape_of(given)
        if key not in self.recorded:
            if len(self.recorded) == MOST_GRAPHS:
                return self.forward(sample, timestep, conditions)
            self.recorded[key] = self._record(given)
        graph, inputs, out = self.recorded[key]
        torch._foreach_copy_(inputs, list(tensors_of(given)))
        graph.replay()
        return out.clone()

    def _record(self, given: Any) -> tuple[torch.cuda.CUDAGraph, list[Tensor], Tensor]:
        inputs = [tensor.clone() for tensor in tensors_of(given)]
        own = with_tensors(given, iter(inputs))
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # compiles, and lets libraries take their memory, before anything is recorded
            for _ in range(WARM_UP):
                self.forward(*own)
        torch.cuda.current_stream().wait_stream(stream)
        self.pool = self.pool or torch.cuda.graph_pool_handle()  # one memory for all: each result is copied at once
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            out = self.forward(*own)
        return graph, inputs, out


def used(conditions: Conditions) -> Conditions:
    """Prepared conditions without what the denoiser does not read any more."""
    return Conditions(
        hand_features=conditions.hand_features,
        reference_latents=conditions.reference_latents,
        layered_latents=conditions.layered_latents,
        prepared=conditions.prepared,
    )


def pad_regions(conditions: Conditions) -> Conditions:
    """The same conditions with regions of one of REGION_STEPS sizes on each grid: padding rows are not valid."""
    prepared, features = conditions.prepared, conditions.hand_features
    assert prepared is not None
    if features is None:
        return conditions
    tokens = features.shape[3] * features.shape[4]

    def padded(regions: tuple[Region, ...] | None, frames: int) -> tuple[Region, ...] | None:
        if regions is None:
            return None
        out = []
        for level, region in enumerate(regions):
            step = -(-frames * tokens // 4**level // REGION_STEPS)
            more = -region.valid.shape[1] % step
            rows = region.rows.view(len(region.valid), -1)
            rows = torch.cat([rows, rows[:, :1].expand(-1, more)], 1)
            out.append(Region(rows.flatten(), nn.functional.pad(region.valid, (0, 0, 0, more))))
        return tuple(out)

    # a head's region is of one frame, that of the hands of all frames of the window
    changed = replace(
        prepared,
        head_regions=padded(prepared.head_regions, 1),
        hand_regions=padded(prepared.hand_regions, features.shape[2]),
    )
    return replace(conditions, prepared=changed)


def tensors_of(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, dictionaries and dataclasses, in a fixed order."""
    if isinstance(value, Tensor):
        yield value
    for part in _parts(value):
        yield from tensors_of(part)


def with_tensors(value: Any, tensors: Iterator[Tensor]) -> Any:
    """The same structure around other tensors."""
    if isinstance(value, Tensor):
        return next(tensors)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: with_tensors(getattr(value, f.name), tensors) for f in fields(value)})
    if isinstance(value, dict):
        return {name: with_tensors(part, tensors) for name, part in value.items()}
    if isinstance(value, tuple):
        parts = [with_tensors(part, tensors) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def shape_of(value: Any) -> Any:
    """Hashable: what a graph depends on."""
    if isinstance(value, Tensor):
        return tuple(value.shape), value.dtype
    return type(value).__name__, tuple(shape_of(part) for part in _parts(value))


def _parts(value: Any) -> list[Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, f.name) for f in fields(value)]
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, tuple) else []
