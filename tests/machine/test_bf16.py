"""Which bf16 units a processor has is read from what Linux tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganzoo.machine.bf16 import bf16_units


@pytest.mark.parametrize(
    ("flags", "units"),
    [
        ("fpu sse2 avx512f avx512_bf16 avx512vbmi", ("avx512_bf16",)),
        ("fpu avx512_bf16 amx_bf16 avx512_fp16 amx_tile amx_int8", ("amx_bf16", "avx512_bf16")),
        ("fpu sse2 avx512f avx512_vnni", ()),
    ],
)
def test_units_are_those_among_the_flags(flags: str, units: tuple[str, ...], tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: {flags}\nbogomips\t: 5000\n", "utf-8")
    assert bf16_units(info) == units


def test_a_system_that_does_not_tell_has_none(tmp_path: Path) -> None:
    assert bf16_units(tmp_path / "missing") == ()
