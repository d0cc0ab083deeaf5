"""Feature maps stay channels-last through fully connected layers and instance normalisation, and are what they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.networks import ConvDiscriminator, ConvGenerator, ResnetTranslator, as_maps, as_vectors, normalisation

SHAPE = (8, 3, 5)
COPIES = ("copy_", "clone", "_to_copy", "convolution")
"""Operations whose purpose is another layout, or that take any."""


def last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def is_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def test_vectors_become_channels_last_maps_with_the_values_of_a_reshape() -> None:
    x = torch.randn(4, 120, requires_grad=True)
    maps = as_maps(x, SHAPE)
    assert is_last(maps)
    assert torch.equal(maps, x.reshape(4, *SHAPE))
    weight = torch.randn(4, *SHAPE)
    (maps * weight).sum().backward()
    assert torch.equal(x.grad, weight.reshape(4, 120))


def test_maps_become_vectors_with_the_values_of_a_reshape_and_get_their_gradient_channels_last() -> None:
    x = last(torch.randn(4, *SHAPE)).requires_grad_()
    vectors = as_vectors(x)
    assert torch.equal(vectors, x.detach().contiguous().reshape(4, 120))
    weight = torch.randn(4, 120)
    (gradient,) = torch.autograd.grad((vectors * weight).sum(), x)
    assert is_last(gradient)
    assert torch.equal(gradient, weight.reshape(4, *SHAPE))


def test_maps_that_are_not_channels_last_keep_their_layout() -> None:
    x = torch.randn(4, *SHAPE, requires_grad=True)
    (gradient,) = torch.autograd.grad(as_vectors(x).square().sum(), x)
    assert gradient.is_contiguous()


def test_vectors_of_maps_can_be_differentiated_twice_and_forwards() -> None:
    x = last(torch.randn(2, 2, 2, 2, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x: as_vectors(x) ** 3, x)
    assert torch.autograd.gradcheck(lambda x: as_vectors(x) ** 3, x, check_forward_ad=True)


def test_maps_of_vectors_can_be_differentiated_twice_and_forwards() -> None:
    x = torch.randn(2, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: as_maps(x, (2, 2, 2)) ** 3, x)
    assert torch.autograd.gradcheck(lambda x: as_maps(x, (2, 2, 2)) ** 3, x, check_forward_ad=True)


@pytest.mark.parametrize("norm", ["batch", "instance", "layer", "none"])
def test_networks_with_them_can_be_compiled(norm: str) -> None:
    """And differentiated then, also through group normalisation, whose gradient is traced with another layout."""
    g = ConvGenerator(6, (3, 16, 16), 4, norm=norm).to(memory_format=torch.channels_last)
    z = torch.randn(4, 6)
    wanted = torch.autograd.grad(g(z).square().sum(), list(g.parameters()))
    torch._dynamo.reset()
    compiled = torch.compile(g, backend="aot_eager")
    found = torch.autograd.grad(compiled(z).square().sum(), list(g.parameters()))
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_instance_normalisation_is_torchs_and_keeps_the_layout() -> None:
    ours, torchs = normalisation("instance", 8)[0], nn.InstanceNorm2d(8, affine=True)
    torchs.load_state_dict(ours.state_dict())
    for x in (torch.randn(4, *SHAPE), last(torch.randn(4, *SHAPE))):
        assert torch.equal(ours(x), torchs(x))
        assert is_last(ours(x)) == is_last(x)


class Mixed(TorchDispatchMode):
    """Collects operations on images of which some are channels-last and some are not."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        images = [x for x in args if isinstance(x, Tensor) and x.ndim == 4]
        # An image of one channel or pixel has both layouts.
        layouts = {is_last(x) for x in images if is_last(last(x))}
        if len(layouts) > 1 and not any(name in str(func) for name in COPIES):
            self.found.add(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "networks",
    [
        lambda: (ConvGenerator(6, (1, 16, 16), 4), ConvDiscriminator((1, 16, 16), 4)),
        lambda: (ConvGenerator(6, (3, 16, 16), 4, norm="instance"), ConvDiscriminator((3, 16, 16), 4, norm="none")),
        lambda: (
            nn.Sequential(ConvGenerator(6, (3, 16, 16), 4), ResnetTranslator(3, (3, 16, 16), 4)),
            ConvDiscriminator((3, 16, 16), 4),
        ),
    ],
    ids=["pyramid", "pyramid with instance normalisation", "translator"],
)
def test_no_operation_of_a_pass_and_its_gradient_mixes_layouts(
    networks: Callable[[], tuple[nn.Module, nn.Module]],
) -> None:
    """On a CPU it would take many times as long."""
    g, d = (network.to(memory_format=torch.channels_last) for network in networks())
    with Mixed() as mixed:
        d(g(torch.randn(4, 6))).square().sum().backward()
    assert mixed.found == set()
