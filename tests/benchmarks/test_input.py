"""The benchmark of the input pipeline: every source is timed at every shape and batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import input as pipeline
from benchmarks import results
from ganzoo.data.dataset import as_input


def test_every_source_is_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(pipeline, "SHAPES", {"8x8x1": (200, 1, 8, 8)})
    monkeypatch.setattr(pipeline, "MIN_BATCHES", 2)
    monkeypatch.setattr(pipeline, "WORKERS", (0,))
    pipeline.main(["--divide", "1000", "--repetitions", "2", "--threads", "1"])
    found = json.loads((tmp_path / "input.json").read_text("utf-8"))["images per second"]["8x8x1"]
    assert set(found) == {"64", "512"}
    for sources in found.values():
        assert set(sources) == {"memory", "memory-mapped", "DataLoader, 0 workers"}
        assert all(values["median"] > 0 for values in sources.values())


@pytest.mark.parametrize("channels", [1, 3])
def test_the_data_loader_gives_the_same_pixels(channels: int, tmp_path: Path) -> None:
    images, labels = pipeline.make(tmp_path / "x.npy", (600, channels, 8, 8))
    x, y = pipeline.Pictures(images, labels.numpy())[13]
    torch.testing.assert_close(x, as_input(torch.from_numpy(images[13].copy())), rtol=0, atol=1e-6)
    assert y == 3
