"""Interleaved timing: the order of candidates, medians and ratios."""

import math
import sys

import pytest

from benchmarks import timing


def test_the_first_candidate_rotates() -> None:
    order: list[str] = []
    found = timing.interleaved({name: lambda name=name: order.append(name) for name in "abc"}, 2, warmup=1)
    assert "".join(order) == "abc" + "bca" + "cab"
    assert {name: len(values) for name, values in found.items()} == {"a": 2, "b": 2, "c": 2}


def test_a_candidate_may_measure_its_own_time() -> None:
    assert timing.interleaved({"a": lambda: 3.0}, 2, warmup=1) == {"a": [3.0, 3.0]}


def test_a_summary_has_the_quartiles() -> None:
    assert timing.summary([1.0, 2.0, 3.0, 4.0, 5.0], per=2) == {"median": 1.5, "q1": 1, "q3": 2, "repetitions": 5}
    assert timing.summary([4.0])["median"] == 4


def test_a_ratio_is_taken_repetition_by_repetition() -> None:
    # The machine was four times slower in the second half, which does not affect the ratio.
    slow = [1.0, 1.0, 4.0, 4.0]
    assert timing.ratio([2 * value for value in slow], slow)["median"] == 2
    assert timing.ratio([1.0, 9.0, 2.0], [1.0, 1.0, 1.0]).items() >= {"low": 1.0, "high": 9.0}.items()


@pytest.mark.parametrize("n", [6, 20, 31])
def test_the_interval_holds_the_median_with_95_percent(n: int) -> None:
    rank = timing.below_median(n)

    def missed(r: int) -> float:
        return 2 * sum(math.comb(n, k) for k in range(r + 1)) / 2**n

    assert missed(rank) <= 0.05 < missed(rank + 1)


def test_a_process_is_measured() -> None:
    done = timing.process([sys.executable, "-c", "import os; print(os.environ['WORD'])"], {"WORD": "here"})
    assert done["output"] == "here\n"
    assert done["cpu seconds"] > 0
    assert 0 < done["seconds"] < 60
    assert done["MiB"] > 1
    assert timing.peak_memory() > 1
