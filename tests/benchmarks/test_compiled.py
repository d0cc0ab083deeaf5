"""Whether compiling pays: two trainers are timed, and the row says after how many steps."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import compiled, results
from benchmarks.loops.cases import CASES, Case


def test_a_case_is_timed_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    # The graphs are captured as for any backend, and run without a compiler.
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    small = {"g_hidden": (8,), "d_hidden": (8,), "batch": 4}
    monkeypatch.setitem(CASES, "vanilla", Case("vanilla", "", "vanilla.mnist", (1, 28, 28), 1, 1, small))
    monkeypatch.setattr(sys, "argv", ["compiled", "vanilla", "--repetitions", "2", "--data-root", str(tmp_path)])
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    compiled.main()
    row = json.loads((tmp_path / "compiled.json").read_text("utf-8"))["rows"]["vanilla"]
    assert row["seconds to compile"] > 0
    assert row["steps"] == 8000
    gain = row["eager"]["median"] - row["compiled"]["median"]
    assert row["pays after"] == (round(row["seconds to compile"] / gain) if gain > 0 else None)
