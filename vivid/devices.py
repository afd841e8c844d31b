"""Where networks run and in which type; what a CPU needs to run them well."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def default_device() -> str:
    """CUDA, Apple's GPU, or the CPU."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def default_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware computes it, float16 on Apple's GPU, float32 on other CPUs."""
    import torch

    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "mps":
        return torch.float16
    capabilities = torch.backends.cpu.get_cpu_capability()
    return torch.bfloat16 if capabilities == "AVX512" and _has_avx512_bf16() else torch.float32


def _has_avx512_bf16() -> bool:
    import torch

    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check and check())


def reset_peak_memory(device: str) -> None:
    """Mark the start of a run for `peak_memory`."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: str) -> int:
    """Peak memory in bytes: of this run on a GPU, else of this process since it started."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def prepare_for_cpu(networks: Iterable[torch.nn.Module]) -> None:
    """Put convolutions in the memory layout that CPU kernels prefer."""
    import torch

    for network in networks:
        network.to(memory_format=torch.channels_last)


def keep_memory() -> None:
    """Let glibc keep freed memory (on Linux; elsewhere nothing happens); for programs with networks on the CPU.

    glibc returns a large tensor's memory to the kernel as soon as it is freed and gets it back zeroed for the next one;
    with networks as small as the compact ones this takes longer than computing. It holds for the whole process, so that
    only commands and servers decide on it.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent in other C libraries
    if mallopt is not None:
        trim_threshold, mmap_threshold = -1, -3  # glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
        mallopt(mmap_threshold, 2**30)
        mallopt(trim_threshold, 2**31 - 1)
