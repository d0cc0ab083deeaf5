"""What is said before a training run begins."""

from __future__ import annotations

from ganzoo.api.planning import advice_on_ranks
from ganzoo.recipes import RunOptions


def test_ranks_on_the_cores_of_one_machine_get_a_note() -> None:
    (line,) = advice_on_ranks(RunOptions(devices=2), "cpu")
    assert line.startswith("note: 2 ranks on the cores of one machine are slower than threads")
    assert advice_on_ranks(RunOptions(devices=2), "cuda") == []
    assert advice_on_ranks(RunOptions(), "cpu") == []
    # Ranks on several machines have cores of their own.
    assert advice_on_ranks(RunOptions(nodes=2), "cpu") == []
