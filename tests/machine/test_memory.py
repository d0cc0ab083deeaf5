"""glibc keeps freed memory, so that training steps do not request it from the system again page by page."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from ganzoo.machine import memory

CODE = """
import resource, sys
from ganzoo.machine.memory import keep_freed_memory
import numpy as np
if len(sys.argv) > 1:
    assert keep_freed_memory()
def faults():
    for _ in range(3):
        blocks = [np.ones(24 << 20, np.uint8) for _ in range(4)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
print(faults() - before)
"""


def faults(*arguments: str) -> int:
    clean = {name: value for name, value in os.environ.items() if name not in memory.VARIABLES}
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries allocate memory differently")
def test_blocks_that_were_freed_are_used_again() -> None:
    kept, without = faults("keep"), faults()
    # One page fault per 2 MiB with huge pages, else per 4 KiB.
    assert kept < 20 < without


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert not memory.keep_freed_memory()
