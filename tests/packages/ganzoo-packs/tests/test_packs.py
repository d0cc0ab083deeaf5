"""ganzoo's contract, and tests of packs."""

import pytest
import torch
from ganzoo_packs.networks import Packed
from torch import nn

import ganzoo
from ganzoo.testing import contract


@pytest.mark.parametrize("check", contract("ganzoo-packs", keys={"width": 8, "hidden": (16,)}), ids=str)
def test_contract(check):
    check()


def test_a_pack_is_consecutive_samples():
    packed = Packed(nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), 2)
    x = torch.randn(6, 2)
    logits = packed(x)
    assert logits.shape == (6,)
    assert torch.equal(logits[0::2], logits[1::2])
    other = x.clone()
    other[1] += 1
    assert (packed(other) != logits).tolist() == [True, True, False, False, False, False]


def test_a_batch_that_cannot_be_packed_is_refused():
    with pytest.raises(ganzoo.GanzooError, match="packs of 3"):
        ganzoo.train("packed", dataset="digits", set={"pack": 3, "batch": 64}, progress=False)
