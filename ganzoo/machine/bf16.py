"""What this processor has to compute in bf16."""

from __future__ import annotations

from functools import cache
from pathlib import Path

UNITS = ("amx_bf16", "avx512_bf16")
"""Matrix tiles and vector instructions of x86 processors, as Linux names them."""


@cache
def bf16_units(info: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Those of UNITS that this processor has; () if none, or on a system other than Linux, which does not tell.

    info: where Linux tells.
    """
    words = set(info.read_text("utf-8").split()) if info.exists() else set()
    return tuple(unit for unit in UNITS if unit in words)
