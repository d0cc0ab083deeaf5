"""Memory allocation of this process, where the C library lets it be configured."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

import torch

# Parameters of mallopt(3) in glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")


def keep_freed_memory() -> bool:
    """Make glibc keep freed memory for the next training step; returns whether it does.

    Otherwise it returns each large block (a gradient, a feature map) to the system and requests it again in the next
    step, page by page, which slows training on the CPU. Does nothing with another C library, or if the user has set
    one of its variables or another allocator.
    """
    if platform.libc_ver()[0] != "glibc" or any(os.environ.get(name) for name in VARIABLES):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((M_MMAP_THRESHOLD, 1 << 30), (M_TRIM_THRESHOLD, (1 << 31) - 1), (M_TOP_PAD, 1 << 26))
    # Older versions reject a threshold above 32 MiB.
    done = [bool(mallopt(*setting)) for setting in settings]
    return all(done) or (bool(mallopt(M_MMAP_THRESHOLD, 1 << 25)) and all(done[1:]))


def reset_peak(device: torch.device) -> None:
    """Measure `peak_memory` of a GPU from now on; that of a process cannot be reset."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int | None:
    """Most bytes that were allocated on a GPU, or that this process has had in memory; None if it is not known."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:
        # Windows.
        return None
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def available_memory() -> int | None:
    """Bytes that processes can still have without swapping; None where the system does not tell (only Linux does)."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def format_bytes(count: int) -> str:
    """A number of bytes in MiB or GiB."""
    mebibytes = count / 2**20
    return f"{mebibytes:.0f} MiB" if mebibytes < 1000 else f"{mebibytes / 1024:.1f} GiB"
