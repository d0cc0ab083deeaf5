"""Memory allocation of this process, where the C library lets it be configured."""

from __future__ import annotations

import ctypes
import os
import platform

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
