"""Importing torch without the garbage collector, which would search it again and again. Imports no torch."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing_torch() -> Iterator[None]:
    """Within this block, the command line imports modules. What they create is never searched for garbage.

    Modules live as long as the process, so nothing of them can be freed before; searching them costs a fifth of the
    time to import torch, and as much again when the process ends. Where torch is imported already, nothing changes.
    """
    if "torch" in sys.modules:
        yield
        return
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
