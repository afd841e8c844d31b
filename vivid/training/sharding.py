"""Training with every process holding a part of each network only (PyTorch's FSDP2), for cards that hold no whole copy.

Weights, gradients, the optimiser's state and the average are split; a unit's weights are gathered while it computes.
Checkpoints hold whole tensors under the same names, so a run goes on with any number of processes, split or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from ..errors import InputError


def shard(stage: nn.Module, device: torch.device) -> None:
    """Split a stage's parameters between all processes, in place. Errors: InputError for a torch that is too old.

    Residual blocks, feed-forwards and motion modules are gathered each for itself. The weights of attention stay
    gathered for the whole step: keys and values of what is attended to are computed outside of their blocks.
    """
    from diffusers.models.attention import FeedForward
    from diffusers.models.resnet import ResnetBlock2D
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

    from ..method.motion import MotionModule

    if not hasattr(FSDPModule, "set_reduce_scatter_unused_params"):
        raise InputError("Sharding needs a newer torch: install the one that constraints.txt names.")
    mesh = init_device_mesh(device.type, (distributed.get_world_size(),))
    units = (ResnetBlock2D, FeedForward, MotionModule)
    for module in reversed([module for module in stage.modules() if isinstance(module, units)]):  # inner ones first
        fully_shard(module, mesh=mesh, reshard_after_forward=True)
    fully_shard(stage, mesh=mesh, reshard_after_forward=True)
    # conditions are dropped at random, so what one process has no gradient of, another one may have
    cast(FSDPModule, stage).set_reduce_scatter_unused_params(True)
    register_fsdp_forward_method(stage, "sample")


def own(tensor: Tensor) -> Tensor:
    """This process's part of a tensor: a view, not a copy."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def gathered(tensor: Tensor, keep: bool, like: Tensor | None = None) -> Tensor:
    """The whole of a split tensor, or of a process's part of one that is split like another, on the CPU.

    Every process must ask; with `keep` it gets it, else something that is not worth keeping.
    """
    if isinstance(like, DTensor):
        mesh, size = like.device_mesh, like.shape
        tensor = DTensor.from_local(tensor, mesh, like.placements, run_check=False, shape=size, stride=like.stride())
    if not isinstance(tensor, DTensor):
        return tensor
    whole = tensor.full_tensor()
    return whole.cpu() if keep else own(tensor)


def split_like(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, which every process has, split as another one is."""
    if not isinstance(like, DTensor) or tensor.shape != like.shape:  # an optimiser also counts steps
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def optimizer_state(optimizer: Any, change: Callable[[Tensor, Tensor], Tensor], state: Any = None) -> dict[str, Any]:
    """The optimiser's state dict, or the one given, with `change(tensor, parameter)` of each of its tensors."""
    state = state or optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    tensors = {
        index: {key: change(value, parameters[index]) for key, value in numbers.items()}
        for index, numbers in state["state"].items()
    }
    return {**state, "state": tensors}


@contextmanager
def replaced(stage: nn.Module, state: Mapping[str, Tensor]) -> Iterator[None]:
    """Meanwhile the stage has the tensors of `state` in the place of its split parameters, to be written, not run."""
    kept: list[tuple[dict[str, Any], str, Any]] = []
    for path, module in stage.named_modules(remove_duplicate=False):
        for name, parameter in module._parameters.items():
            if isinstance(parameter, DTensor):
                kept.append((module._parameters, name, parameter))
                whole = state[f"{path}.{name}" if path else name]
                module._parameters[name] = nn.Parameter(whole, requires_grad=False)
    try:
        yield
    finally:
        for parameters, name, parameter in kept:
            parameters[name] = parameter
