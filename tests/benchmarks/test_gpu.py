"""The GPU benchmark on the CPU, with a tape instead of CUDA graphs (see tests/support/tape.py)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from tape import Tapes

from benchmarks import gpu, results
from ganzoo.training import trainer
from ganzoo.training.nonfinite import FiniteCheck

MODES = ["fp32, eager", "fp32, graphs", "bf16, eager", "bf16, graphs"]


class Unread(FiniteCheck):
    """As on a GPU, the host does not wait for its flag."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.immediate = False


def test_it_times_all_modes_and_compares_trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "make_recorder", lambda device, wanted: Tapes() if wanted else None)
    monkeypatch.setattr(trainer, "FiniteCheck", Unread)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    few = ["--batches", "8", "--steps", "1", "--repetitions", "2", "--agree", "8"]
    monkeypatch.setattr(
        sys, "argv", ["gpu", "--device", "cpu", "--cases", "dcgan-32", *few, "--name", "try", "--modes", *MODES]
    )
    assert gpu.main() == 0
    found = json.loads((tmp_path / "try.json").read_text())
    timed = found["rows"]["dcgan-32, batch 8"]
    assert list(timed["modes"]) == MODES
    assert all(part["images per second"] > 0 and not part["unrecorded"] for part in timed["modes"].values())
    assert set(timed["times as fast"]) == {"graphs / eager, fp32", "graphs / eager, bf16"}
    apart = found["rows"]["dcgan-32, agreement"]
    assert apart["steps"] == 8
    assert apart["largest relative difference of a term"] < 1e-4
    assert apart["unrecorded"] == {}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_one_it_says_how_to_try(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu"])
    assert gpu.main() == 2
    assert "--device cpu" in capsys.readouterr().err
