"""Values computed from samples or a data set are computed once, and kept as long as the samples or data set exist."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from pathlib import Path

import pytest
import torch
from kinds import IMAGES

from ganzoo.data.dataset import Dataset
from ganzoo.data.memo import Memo
from ganzoo.data.samples import Samples
from ganzoo.machine.rank_group import SINGLE_PROCESS, RankGroup
from ganzoo.recipes import Data, DataSpec

SPEC = DataSpec("black", "image", (1, 4, 4))


def black(split: str) -> Dataset:
    return Dataset({"x": torch.zeros(12, *SPEC.shape, dtype=torch.uint8)}, SPEC)


def samples() -> Samples:
    fake = torch.zeros(10, *SPEC.shape, dtype=torch.uint8)
    return Samples(fake, None, SPEC, Data(name="black"), Path(), 0, black, IMAGES)


def test_each_key_is_made_once() -> None:
    memo, made = Memo(), iter(range(10))
    assert [memo.once(key, lambda: next(made)) for key in ("a", "b", "a", ("a", 1), "b")] == [0, 1, 0, 2, 1]


def test_none_is_a_value_too() -> None:
    memo, calls = Memo(), []
    for _ in range(2):
        assert memo.once("nothing", lambda: calls.append(1)) is None
    assert len(calls) == 1


def test_what_fails_is_tried_again() -> None:
    memo = Memo()
    with pytest.raises(ZeroDivisionError):
        memo.once("a", lambda: 1 // 0)
    assert memo.once("a", lambda: 2) == 2


@pytest.mark.parametrize("owner", [samples, lambda: black("train")], ids=["samples", "data set"])
def test_values_go_with_their_owner(owner: object) -> None:
    owning = owner()  # type: ignore[operator]
    value = weakref.ref(owning.memo.once("value", lambda: torch.zeros(1)))
    assert value() is not None
    del owning
    gc.collect()
    assert value() is None


def test_a_split_is_read_once() -> None:
    given = samples()
    assert given.real("train") is given.real("train")
    assert given.real("train") is not given.real("test")


def test_other_samples_made_from_these_begin_with_an_empty_memo_and_on_one_rank() -> None:
    given = samples()
    given.shared_by(RankGroup())
    given.memo.once("value", lambda: 1)
    other = dataclasses.replace(given, seed=1)
    assert other.memo.once("value", lambda: 2) == 2
    assert given.group is not SINGLE_PROCESS
    assert other.group is SINGLE_PROCESS


def test_real_samples_in_their_place_are_shared_by_the_same_ranks() -> None:
    given, group = samples(), RankGroup()
    given.shared_by(group)
    assert given.real_baseline().group is group
