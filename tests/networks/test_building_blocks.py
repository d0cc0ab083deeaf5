"""What every building block promises: reproducible weights, any memory format, gradients of both orders."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tape import Tapes
from torch import Tensor, nn

import ganzoo.networks
from ganzoo.games import add_spectral_norm
from ganzoo.networks import (
    AdaptiveInstanceNorm,
    AutoencodingDiscriminator,
    Blur,
    BlurPool,
    ConditionalBatchNorm,
    ConvDiscriminator,
    ConvEncoder,
    ConvGenerator,
    EqualisedConv2d,
    EqualisedDown,
    EqualisedEnd,
    EqualisedGenerator,
    EqualisedLinear,
    FIRDownsample,
    FIRUpsample,
    FixupBottleneck,
    GumbelSoftmax,
    LSTMMemory,
    MappingNetwork,
    MinibatchStd,
    MLPDiscriminator,
    MLPGenerator,
    ModulatedConv2d,
    NoiseInjection,
    PatchDiscriminator,
    PhaseShuffle,
    PixelNorm,
    PlainDiscriminator,
    PlainGenerator,
    RecurrentDiscriminator,
    RecurrentGenerator,
    ReflectedResidual,
    RelationalMemory,
    ResidualDiscriminator,
    ResidualDown,
    ResidualGenerator,
    ResidualUp,
    ResnetTranslator,
    RowSoftmax,
    SelfAttention,
    SignalDiscriminator,
    SignalGenerator,
    SPADENorm,
    TokenDiscriminator,
    TokenEmbedding,
    TokenGenerator,
    UNet,
    VolumeDiscriminator,
    VolumeGenerator,
)
from ganzoo.recipes import DataSpec

ROWS = DataSpec("rows", "table", (5,), range=None, note={"parts": [["value", 1], ["choice", 4]]})
MAPS, Y = (4, 8, 8, 8), torch.tensor([0, 1, 2, 1])

Case = tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]]]


def maps(*size: int) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: (torch.randn(*size),)


class FirstOf(nn.Module):
    """The first of the tensors that a network returns."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        first: Tensor = self.network(*inputs)[0]
        return first


class OneStep(nn.Module):
    """A recurrent cell's output for its first input."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.cell(x, self.cell.start(x.shape[0], x))[0]
        return output


class Relaxed(nn.Module):
    """Relaxed tokens, each sample times a number, as tokens themselves have no gradient."""

    def __init__(self, network: TokenGenerator) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.relaxed(x.shape[0], 1.0) * x[:, None, None]


CASES: dict[str, Case] = {
    "AdaptiveInstanceNorm": (lambda: AdaptiveInstanceNorm(8, 5), lambda: (torch.randn(MAPS), torch.randn(4, 5))),
    "AutoencodingDiscriminator": (
        lambda: FirstOf(AutoencodingDiscriminator(nn.Linear(5, 3), nn.Sequential(nn.Tanh(), nn.Linear(3, 5)), "l2")),
        maps(4, 5),
    ),
    "Blur": (Blur, maps(*MAPS)),
    "BlurPool": (BlurPool, maps(*MAPS)),
    "ConditionalBatchNorm": (lambda: ConditionalBatchNorm(8, classes=3), lambda: (torch.randn(MAPS), Y)),
    "ConvEncoder": (lambda: ConvEncoder((3, 8, 8), 5, 2, norm="none"), maps(4, 3, 8, 8)),
    "ConvDiscriminator": (lambda: ConvDiscriminator((3, 8, 8), 2, norm="none"), maps(4, 3, 8, 8)),
    "ConvGenerator": (lambda: ConvGenerator(5, (3, 8, 8), 2), maps(4, 5)),
    "EqualisedConv2d": (lambda: EqualisedConv2d(8, 4), maps(*MAPS)),
    "EqualisedDown": (lambda: EqualisedDown(8, 4), maps(*MAPS)),
    "EqualisedEnd": (lambda: EqualisedEnd(8, (8, 8)), maps(*MAPS)),
    "EqualisedGenerator": (lambda: FirstOf(EqualisedGenerator(5, (3, 8, 8), 2)), maps(4, 5)),
    "EqualisedLinear": (lambda: EqualisedLinear(5, 3), maps(4, 5)),
    "FIRDownsample": (FIRDownsample, maps(*MAPS)),
    "FIRUpsample": (FIRUpsample, maps(*MAPS)),
    "FixupBottleneck": (lambda: FixupBottleneck(8, 4, depth=2), maps(*MAPS)),
    "GumbelSoftmax": (GumbelSoftmax, maps(4, 6, 5)),
    "LSTMMemory": (lambda: OneStep(LSTMMemory(5, 4)), maps(4, 5)),
    "MLPDiscriminator": (lambda: MLPDiscriminator((3,), (4,)), maps(4, 3)),
    "MLPGenerator": (lambda: MLPGenerator(5, (4,), (3,)), maps(4, 5)),
    "MappingNetwork": (lambda: MappingNetwork(5, 6, 2, classes=3), lambda: (torch.randn(4, 5), Y)),
    "MinibatchStd": (MinibatchStd, maps(*MAPS)),
    "ModulatedConv2d": (lambda: ModulatedConv2d(8, 4, 3, 5, up=True), lambda: (torch.randn(MAPS), torch.randn(4, 5))),
    "NoiseInjection": (NoiseInjection, maps(*MAPS)),
    "PatchDiscriminator": (lambda: PatchDiscriminator((3, 16, 16), 4, layers=2), maps(4, 3, 16, 16)),
    "PhaseShuffle": (PhaseShuffle, maps(4, 3, 9)),
    "PlainDiscriminator": (lambda: PlainDiscriminator((3, 8, 8), 2), maps(4, 3, 8, 8)),
    "PlainGenerator": (lambda: PlainGenerator(5, (3, 8, 8), 2, norm="none"), maps(4, 5)),
    "PixelNorm": (PixelNorm, maps(*MAPS)),
    "RecurrentDiscriminator": (lambda: RecurrentDiscriminator((5, 3), 4, twice=True), maps(4, 5, 3)),
    "RecurrentGenerator": (lambda: RecurrentGenerator(10, (5, 3), 4), maps(4, 10)),
    "ReflectedResidual": (lambda: ReflectedResidual(8), maps(*MAPS)),
    "RelationalMemory": (lambda: OneStep(RelationalMemory(5, 4, 2, 2)), maps(4, 5)),
    "ResidualDiscriminator": (
        lambda: ResidualDiscriminator((3, 16, 16), 8, classes=3, attention=8),
        lambda: (torch.randn(4, 3, 16, 16), Y),
    ),
    "ResidualDown": (lambda: ResidualDown(8, 4), maps(*MAPS)),
    "ResidualGenerator": (
        lambda: ResidualGenerator(6, (3, 16, 16), 8, classes=3, shared=4, split=True, attention=8),
        lambda: (torch.randn(4, 6), Y),
    ),
    "ResidualUp": (lambda: ResidualUp(8, 4), maps(*MAPS)),
    "ResnetTranslator": (lambda: ResnetTranslator(3, (3, 8, 8), 4, blocks=1), maps(4, 3, 8, 8)),
    "RowSoftmax": (lambda: RowSoftmax(ROWS), maps(4, 5)),
    "SPADENorm": (lambda: SPADENorm(8, 3, hidden=4), lambda: (torch.randn(MAPS), torch.randn(4, 3, 16, 16))),
    "SelfAttention": (lambda: SelfAttention(8), maps(*MAPS)),
    "SignalDiscriminator": (lambda: SignalDiscriminator((2, 64), 4, stride=2, kernel=4), maps(4, 2, 64)),
    "SignalGenerator": (lambda: SignalGenerator(5, (2, 64), 4, stride=2, kernel=4), maps(4, 5)),
    "TokenDiscriminator": (lambda: TokenDiscriminator(5, 6, 3, {1: 2, 2: 2}, representations=2), maps(4, 6, 5)),
    "TokenEmbedding": (lambda: TokenEmbedding(5, 3), maps(4, 6, 5)),
    "TokenGenerator": (lambda: Relaxed(TokenGenerator(5, 6, 3, RelationalMemory(3, 4))), maps(4)),
    "UNet": (lambda: UNet(3, (3, 8, 8), 4, dropout=0), maps(4, 3, 8, 8)),
    "VolumeDiscriminator": (lambda: VolumeDiscriminator((2, 8, 8, 8), 4), maps(4, 2, 8, 8, 8)),
    "VolumeGenerator": (lambda: VolumeGenerator(5, (2, 8, 8, 8), 4), maps(4, 5)),
}

every = pytest.mark.parametrize("name", CASES)


def made(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    torch.manual_seed(0)
    make, inputs = CASES[name]
    network = make()
    for parameter in network.parameters():
        # Gains and strengths that begin at 0 would hide what depends on them.
        if not parameter.any():
            nn.init.normal_(parameter, 0.0, 0.1)
    return network, inputs()


def test_every_module_has_a_case() -> None:
    public = {name for name in ganzoo.networks.__all__ if inspect.isclass(getattr(ganzoo.networks, name))}
    # Functions of a row, and not a module that is called.
    assert public - {"Choices"} == set(CASES)


@every
def test_a_seed_decides_weights_and_outputs(name: str) -> None:
    first, inputs = made(name)
    of_first = first(*inputs)
    second, again = made(name)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert torch.equal(of_first, second(*again))


@every
def test_the_memory_format_does_not_matter(name: str) -> None:
    network, inputs = made(name)
    torch.manual_seed(1)
    expected = network(*inputs)
    network, inputs = made(name)
    for dims, layout in ((4, torch.channels_last), (5, torch.channels_last_3d)):
        if any(tensor.ndim == dims for tensor in (*inputs, *network.parameters())):
            network = network.to(memory_format=layout)
            inputs = tuple(x.to(memory_format=layout) if x.ndim == dims else x for x in inputs)
    torch.manual_seed(1)
    assert torch.allclose(network(*inputs), expected, atol=1e-5)


@every
def test_a_gradient_penalty_reaches_the_weights(name: str) -> None:
    network, inputs = made(name)
    x = inputs[0].requires_grad_()
    (gradient,) = torch.autograd.grad(network(x, *inputs[1:]).square().sum(), x, create_graph=True)
    penalty = gradient.square().sum()
    weights: list[Any] = [parameter for parameter in network.parameters() if parameter.ndim > 1] or [x]
    gradients = torch.autograd.grad(penalty, weights, allow_unused=True)
    assert all(g is None or g.isfinite().all() for g in gradients)
    assert any(g is not None and g.any() for g in gradients)


@every
def test_a_recording_of_it_draws_again_and_sees_new_inputs(name: str) -> None:
    network, inputs = made(name)
    replay, result = Tapes().record(lambda: network(*inputs))
    with torch.no_grad():
        for tensor in (*inputs, *network.parameters()):
            if tensor.is_floating_point():
                tensor.normal_()
    torch.manual_seed(1)
    replay()
    torch.manual_seed(1)
    assert result is not None
    assert torch.allclose(result, network(*inputs), atol=1e-5)


def test_a_recording_sees_a_new_temperature() -> None:
    layer, logits = GumbelSoftmax(5.0), torch.zeros(100, 4)
    replay, result = Tapes().record(lambda: layer(logits))
    layer.anneal(0.01)
    replay()
    assert result is not None
    assert result.max(-1).values.mean() > 0.95


@every
def test_spectral_normalisation_takes_what_has_a_weight(name: str, caplog: pytest.LogCaptureFixture) -> None:
    network, inputs = made(name)
    if any(isinstance(module, nn.RNNBase | nn.RNNCellBase) for module in network.modules()) or not any(
        path.endswith("weight") and parameter.ndim > 1 for path, parameter in network.named_parameters()
    ):
        return
    add_spectral_norm(network)
    assert caplog.messages == []
    assert network(*inputs).isfinite().all()


@every
def test_its_docstring_gives_the_shapes(name: str) -> None:
    assert "[" in (getattr(ganzoo.networks, name).__doc__ or "")
