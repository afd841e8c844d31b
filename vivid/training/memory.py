"""Memory of CPU training."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def keep_memory() -> None:
    """Let glibc keep freed memory instead of returning it to the kernel after each operation (Linux; else nothing).

    Large tensors come and go hundreds of times a step, and each time the kernel would clear their pages: on CPUs that
    costs more than half of the step.
    """
    if sys.platform != "linux":
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    except (OSError, AttributeError):  # another C library: slower, not wrong
        return
