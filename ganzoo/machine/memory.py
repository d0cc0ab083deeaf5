"""The host process: how its memory is handed out, where the C library lets itself be told."""

from __future__ import annotations

import ctypes
import os
import platform

# Parameters of mallopt(3) in glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")


def keep_freed_memory() -> bool:
    """Let glibc keep the memory that is freed, for the next step to use; returns whether it does.

    Otherwise it gives each large block (a gradient, a feature map) back to the system and asks for it again in the next
    step, page by page, which a training step on the CPU takes longer for. Nothing is done with another C library, or
    where the user has set one of its variables or another allocator.
    """
    if platform.libc_ver()[0] != "glibc" or any(os.environ.get(name) for name in VARIABLES):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((M_MMAP_THRESHOLD, 1 << 30), (M_TRIM_THRESHOLD, (1 << 31) - 1), (M_TOP_PAD, 1 << 26))
    # A threshold above 32 MiB is refused by older versions.
    done = [bool(mallopt(*setting)) for setting in settings]
    return all(done) or (bool(mallopt(M_MMAP_THRESHOLD, 1 << 25)) and all(done[1:]))
