"""Peak memory of variants, each in a process of its own, and the memory of a long run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import memory, results


def test_a_variant_and_a_long_run_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(memory, "bundled_variants", lambda: ["vanilla", "stylegan2"])
    results.write("memory", "before", {"rows": {"stylegan2": {"MiB": 1.0}, "gone": {"MiB": 2.0}}})
    memory.main(["--only", "vanilla", "--steps", "2", "--long", "24"])
    found = json.loads((tmp_path / "memory.json").read_text("utf-8"))
    assert list(found["rows"]) == ["vanilla", "stylegan2"]
    assert found["rows"]["stylegan2"] == {"MiB": 1.0}
    # The peak of this process is part of both, see `timing.process`.
    assert found["rows"]["vanilla"]["MiB"] >= found["import torch"] > 50
    assert "weights" in found["rows"]["vanilla"]["networks"]
    long = found["long run"]
    assert list(long) == [str(step) for step in range(2, 25, 2)]
    assert all(50 < mib < 5000 for mib in long.values())
