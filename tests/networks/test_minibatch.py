"""The standard deviation over a minibatch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from ganzoo.errors import GanzooError
from ganzoo.networks import MinibatchStd


@pytest.mark.parametrize(("batch", "group", "used"), [(8, 4, 4), (4, 4, 4), (6, 4, 3), (3, 4, 3), (7, 4, 1), (1, 4, 1)])
@pytest.mark.parametrize("features", [1, 2])
def test_the_added_maps_are_those_of_numpy(batch: int, group: int, used: int, features: int) -> None:
    x = torch.randn(batch, 4, 3, 2, dtype=torch.float64)
    y = MinibatchStd(group, features)(x).numpy()
    assert y.shape == (batch, 4 + features, 3, 2)
    assert np.array_equal(y[:, :4], x.numpy())
    groups = batch // used
    for sample in range(batch):
        mates = x.numpy()[[other for other in range(batch) if other % groups == sample % groups]]
        assert len(mates) == used
        for feature in range(features):
            own = mates[:, feature * 4 // features : (feature + 1) * 4 // features]
            expected = np.sqrt(own.var(0) + 1e-8).mean()
            assert np.allclose(y[sample, 4 + feature], expected, rtol=1e-12)


def test_features_divide_the_channels() -> None:
    with pytest.raises(GanzooError, match=r"4 channels cannot be split into 3 equal parts"):
        MinibatchStd(features=3)(torch.randn(2, 4, 2, 2))


def test_it_can_be_differentiated_twice() -> None:
    x = torch.randn(4, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(MinibatchStd(2), (x,))
    assert gradgradcheck(MinibatchStd(2), (x,))


def test_equal_samples_have_finite_gradients_of_both_orders() -> None:
    x = torch.ones(4, 2, 2, 2, requires_grad=True)
    (first,) = torch.autograd.grad(MinibatchStd()(x).square().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)
    assert first.isfinite().all()
    assert second.isfinite().all()
