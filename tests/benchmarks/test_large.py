"""The benchmark of large folders, on a few images."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import large


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="memory is read from Linux's /proc")
def test_every_measure_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def here(measure: str, folder: Path, cache: Path, steps: int) -> dict[str, float]:
        monkeypatch.setenv("GANZOO_CACHE", str(cache))
        return large.MEASURES[measure](folder, steps)

    monkeypatch.setattr(large, "in_a_process", here)
    found = large.measure_all(tmp_path, 300, steps=2, names=400)
    assert [size["images"] for size in found["sizes"]] == [75, 150, 300]
    for size in found["sizes"]:
        assert size["scan"]["names"] == size["first start"]["images"] == size["second start"]["images"]
        assert size["first start"]["bytes of the array"] == size["images"] * 3 * 64 * 64
        assert size["training"]["median seconds of a step"] > 0
        assert size["stream"]["images per second"] > 0
        assert size["evaluation"]["images"] == size["images"]
    assert found["names in one folder"]["names"] == 400
    assert all(set(slope) == {"per image", large.LAST} for slope in found["slopes"].values())
    large.report(found)


def test_a_slope_is_extrapolated_from_the_last_point() -> None:
    sizes = [
        {"images": n, **{measure: {"seconds": 2e-6 * n + 1, "peak bytes": 100 * n} for measure in large.MEASURES}}
        for n in (25_000, 50_000, 100_000)
    ]
    found = large.slopes(sizes)
    assert found["scan, seconds"]["per image"] == pytest.approx(2e-6)
    assert found["scan, seconds"][large.LAST] == pytest.approx(3)
    assert found["first start, peak bytes"][large.LAST] == pytest.approx(1e8)
