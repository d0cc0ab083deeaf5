"""The benchmark of the check for finite numbers: all its ways find what is not finite, and it writes its rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks import finite, results
from ganzoo.training.nonfinite import NonFinite


@pytest.mark.parametrize("check", [finite.by_products, finite.by_norms])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_other_ways_to_check_find_what_is_not_finite(check: Callable[..., None], value: float) -> None:
    gradients = [torch.ones(3, 2).t(), torch.zeros(4)]
    check(gradients, torch.zeros(()), torch.ones(()))
    gradients[1][2] = value
    with pytest.raises(NonFinite):
        check(gradients, torch.zeros(()), torch.ones(()))


def test_it_writes_what_it_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(finite, "RECIPES", ("vanilla.mnist",))
    finite.main(["--repetitions", "1", "--threads", "1"])
    row = json.loads((tmp_path / "finite.json").read_text("utf-8"))["rows"]["vanilla.mnist"]["threads 1"]
    assert list(row) == list(finite.WAYS)
    assert row[finite.NONE]["to no check"]["median"] == 1
    assert row[finite.CHECK]["median"] > 0
