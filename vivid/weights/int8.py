"""Weights stored at a quarter of their size: int8 with one fp16 scale per row.

A tensor NAME that is quantised lies in the file as NAME (int8) and NAME.scale (fp16, one number for each index of the
first axis); every other floating tensor is fp16, integer tensors stay as they are. `load_int8` reverses this, so
nothing else knows how weights are stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import InputError

SUFFIX = ".scale"
SMALLEST = 2048
"""Tensors with fewer elements are not worth quantising."""
_SHARD = re.compile(r"weights-(\d{5})-of-(\d{5})\.safetensors")


def worth_quantising(name: str, tensor: Tensor) -> bool:
    """Large matrices and kernels: they make up the bulk of a network and tolerate quantisation."""
    return tensor.is_floating_point() and tensor.ndim >= 2 and tensor.numel() >= SMALLEST


def quantise_state(
    state: Mapping[str, Tensor], choose: Callable[[str, Tensor], bool] = worth_quantising
) -> dict[str, Tensor]:
    """A state dict as it is stored; `choose(name, tensor)` says which tensors become int8.

    The error of a quantised value is at most half its row's scale, that is 1/254 of the row's largest value.
    Errors: ValueError for values that are not finite or too large for fp16, and for names that end in ".scale" next
    to a tensor whose scale would take that name.
    """
    stored: dict[str, Tensor] = {}
    for name, value in state.items():
        tensor = value.detach().cpu()
        if name in stored:
            raise ValueError(f"{name} is also the name of a scale")
        if not tensor.is_floating_point():
            stored[name] = tensor.contiguous()
        elif choose(name, tensor):
            if name + SUFFIX in state:
                raise ValueError(f"{name + SUFFIX} is also the name of a scale")
            stored[name], stored[name + SUFFIX] = _quantise(name, tensor.float())
        else:
            stored[name] = _half(name, tensor)
    return stored


def restore_state(stored: Mapping[str, Tensor], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """The inverse of `quantise_state`: floating tensors in `dtype`. Errors: ValueError for an int8 without scale."""
    state: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        if name.endswith(SUFFIX) and _is_quantised(stored, name.removesuffix(SUFFIX)):
            continue
        if _is_quantised(stored, name):
            scale = stored[name + SUFFIX]
            if scale.shape != tensor.shape[:1]:
                raise ValueError(f"{name} has {tensor.shape[0]} rows but {tuple(scale.shape)} scales")
            rows = tensor.float() * scale.float().reshape(-1, *[1] * (tensor.ndim - 1))
            state[name] = rows.to(dtype)
        elif tensor.is_floating_point():
            state[name] = tensor.to(dtype)
        else:
            state[name] = tensor
    return state


def save_int8(
    state: Mapping[str, Tensor],
    folder: str | Path,
    max_shard: int = 9_000_000,
    choose: Callable[[str, Tensor], bool] = worth_quantising,
) -> list[Path]:
    """Quantise and write `weights-00001-of-0000N.safetensors`, none larger than `max_shard` bytes; their paths.

    Shards of an earlier save in the folder are removed. Errors: ValueError when one tensor alone exceeds a shard.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[dict[str, Tensor]] = [{}]
    room = max_shard
    for name, tensor in sorted(quantise_state(state, choose).items()):
        # A header entry is the name and about 100 characters of shape, type and place.
        size = tensor.numel() * tensor.element_size() + len(name.encode()) + 128
        if size > max_shard:
            raise ValueError(f"{name} alone is larger than a file of {max_shard} bytes")
        if size > room:
            shards.append({})
            room = max_shard
        shards[-1][name] = tensor
        room -= size
    for old in _shards(folder):
        old.unlink()
    paths = [folder / f"weights-{k:05}-of-{len(shards):05}.safetensors" for k in range(1, len(shards) + 1)]
    for path, shard in zip(paths, shards, strict=True):
        save_file(shard, path, metadata={"format": "pt"})
        path.chmod(0o644)  # safetensors makes its files private, so other users of a server could not read them
    return paths


def is_int8_folder(folder: str | Path) -> bool:
    """Whether `save_int8` wrote here."""
    return bool(_shards(Path(folder)))


def load_int8(folder: str | Path, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """The state dict that `save_int8` wrote, as `dtype`.

    Errors: InputError when files are missing or damaged.
    """
    folder = Path(folder)
    paths = _shards(folder)
    expected = int(match[2]) if paths and (match := _SHARD.fullmatch(paths[0].name)) else 0
    if not paths or [path.name for path in paths] != [
        f"weights-{k:05}-of-{expected:05}.safetensors" for k in range(1, expected + 1)
    ]:
        raise InputError(f"The weights in {folder} are missing or incomplete: download or copy the folder again.")
    stored: dict[str, Tensor] = {}
    try:
        for path in paths:
            stored.update(load_file(path))
        return restore_state(stored, dtype)
    except (SafetensorError, ValueError, OSError) as error:
        raise InputError(f"The weights in {folder} are damaged: download or copy the folder again.") from error


def _shards(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("weights-*.safetensors") if _SHARD.fullmatch(path.name))


def _is_quantised(stored: Mapping[str, Tensor], name: str) -> bool:
    return name in stored and stored[name].dtype == torch.int8 and name + SUFFIX in stored


def _quantise(name: str, tensor: Tensor) -> tuple[Tensor, Tensor]:
    rows = tensor.reshape(tensor.shape[0], -1)
    exact = rows.abs().amax(dim=1) / 127
    if not bool(torch.isfinite(exact).all()):
        raise ValueError(f"{name} holds values that are not finite")
    scale = exact.half()
    # Rounding to fp16 may make a scale too small for its row's largest value: take the next one up.
    up = torch.nextafter(scale, torch.full_like(scale, torch.inf))
    scale = torch.where(scale.float() < exact, up, scale)
    if not bool(torch.isfinite(scale).all()):
        raise ValueError(f"{name} holds values too large for fp16 scales")
    divisor = torch.where(scale > 0, scale.float(), torch.ones_like(exact))
    whole = torch.round(rows / divisor[:, None]).clamp(-127, 127).to(torch.int8)
    return whole.reshape(tensor.shape).contiguous(), scale


def _half(name: str, tensor: Tensor) -> Tensor:
    half = tensor.half().contiguous()
    if not bool(torch.isfinite(half).all()):
        raise ValueError(f"{name} holds values that fp16 cannot")
    return half


def load_state(folder: str | Path, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """The state dict of a network's folder, stored as int8 or as plain safetensors in any number of shards.

    dtype: what floating tensors become; None keeps plain ones as they are and gives float32 for int8 ones.
    Errors: InputError when files are missing or damaged.
    """
    folder = Path(folder)
    if is_int8_folder(folder):
        return load_int8(folder, dtype or torch.float32)
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise InputError(f"{folder} has no weights: download or copy the folder again.")
    state: dict[str, Tensor] = {}
    try:
        for path in paths:
            state.update(load_file(path))
    except (SafetensorError, OSError) as error:
        raise InputError(f"The weights in {folder} are damaged: download or copy the folder again.") from error
    if dtype is None:
        return state
    return {name: value.to(dtype) if value.is_floating_point() else value for name, value in state.items()}
