"""Which layers of a generator receive the latent, found by following it through the network with derivatives.

Forward-mode automatic differentiation marks a tensor with a tangent, and whatever is computed from it has one too. So a
module whose input has a tangent depends on what was marked, whatever the network looks like.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.utils import parametrize
from torch.utils import _pytree as pytree

from ganzoo.game import GAN

Change = Callable[[Tensor], Tensor]
Hook = Callable[[str, list[Tensor]], None]

ROWS = 61
"""Derivatives that are computed at a time: a prime, so that no other axis is likely to be as long."""


@dataclass(frozen=True, eq=False)
class Latents:
    """Latents `z [N, latent]`, and classes `y [N]` if the game is conditional."""

    z: Tensor
    y: Tensor | None = None

    def row(self, at: int, times: int) -> Latents:
        """One of them, repeated."""
        return Latents(self.z[at].repeat(times, 1), None if self.y is None else self.y[at].repeat(times))


@contextmanager
def dual_level() -> Iterator[None]:
    """Forward-mode differentiation. On first use torch loads code with which it warns about itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=FutureWarning)
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        with forward_ad.dual_level():
            yield


class _Done(Exception):
    """What was looked for has been computed: the rest of the network need not be."""


def generated(gan: Any, latents: Latents, module: str = "", change: Change = lambda value: value) -> Tensor:
    """What the game generates with its latents changed, or the output of the module of that name."""
    if not module:
        samples: Tensor = gan.generate(change(latents.z), latents.y)
        return samples
    handle = gan.get_submodule(module).register_forward_hook(lambda module, given, output: change(output))
    try:
        samples = gan.generate(latents.z, latents.y)
        return samples
    finally:
        handle.remove()


def first_layers(gan: GAN, latents: Latents, module: str = "") -> tuple[str, ...]:
    """Names of the layers that receive the latents (or the module's output) without another layer before them."""
    found: dict[str, None] = {}

    def entered(name: str, given: list[Tensor]) -> None:
        if any(_tangent(value) is not None for value in given):
            found[name] = None

    with dual_level(), _observed(gan, entered=entered, stripped=True):
        generated(gan, latents, module, lambda value: forward_ad.make_dual(value, torch.ones_like(value)))
    return tuple(found)


def sensitivity(gan: GAN, latents: Latents, module: str, layers: tuple[str, ...]) -> Tensor:
    """A^T A `[D, D]` of the layers' outputs as functions of the latents (or the module's output), averaged over these.

    A: the matrix of the layers' derivatives, which is their weight where they are linear.
    """
    total: Tensor | float = 0.0
    for at in range(len(latents.z)):
        columns: dict[str, list[Tensor]] = {name: [] for name in layers}
        done, size = 0, 1
        while done < size:
            width = 0

            def marked(value: Tensor, done: int = done) -> Tensor:
                nonlocal size, width
                size = value.shape[1]
                width = min(ROWS, size - done)
                basis = torch.eye(size, dtype=value.dtype)[done : done + width]
                return forward_ad.make_dual(value, torch.cat([basis, basis.new_zeros(len(value) - width, size)]))

            outputs = _tangents(gan, latents.row(at, ROWS), module, marked, layers)
            for name, output in outputs.items():
                columns[name].append(output[:width])
            done += width
        matrix = torch.cat([torch.cat(parts) for parts in columns.values() if parts], 1).double()
        total = total + matrix @ matrix.T / len(latents.z)
    assert isinstance(total, Tensor)
    return total


def _tangents(gan: GAN, latents: Latents, module: str, marked: Change, layers: tuple[str, ...]) -> dict[str, Tensor]:
    """The tangents of the layers' outputs, `[N, features]` each, with the inputs marked."""
    found: dict[str, list[Tensor]] = {}

    def left(name: str, outputs: list[Tensor]) -> None:
        if name in layers:
            tangents = (tangent for value in outputs if (tangent := _tangent(value)) is not None)
            found.setdefault(name, []).extend(_by_sample(tangents, len(latents.z)))
            if len(found) == len(layers):
                raise _Done

    with dual_level(), _observed(gan, left=left, stripped=True):
        _until_done(gan, latents, module, marked)
    return {name: torch.cat(parts, 1) for name, parts in found.items() if parts}


def next_features(gan: GAN, latents: Latents, module: str, layers: tuple[str, ...]) -> Tensor:
    """The output of `module`; without one, what the layers give to the next layer after their activation.

    `[N, features]`; the samples, where no layer follows.
    """
    found: list[Tensor] = []
    if module:

        def keep(value: Tensor) -> Tensor:
            found.append(value)
            raise _Done

        _until_done(gan, latents, module, keep)
        return found[0]

    def entered(name: str, given: list[Tensor]) -> None:
        reached = (_primal(value) for value in given if _tangent(value) is not None)
        if name not in layers:
            found.extend(_by_sample(reached, len(latents.z)))
            if found:
                raise _Done

    with dual_level(), _observed(gan, entered=entered):
        samples = _until_done(gan, latents, "", lambda z: forward_ad.make_dual(z, torch.ones_like(z)))
        if samples is not None and not found:
            found.append(_primal(samples).flatten(1).float())
    return torch.cat(found, 1)


def style_module(gan: GAN, latents: Latents) -> str:
    """The name of the network that maps latents to styles, in a style-based generator; "" for any other.

    It is a module whose output `[N, D]` is all that samples depend on, and which several layers at different depths
    receive as it is.
    """
    two = Latents(latents.z[:2], None if latents.y is None else latents.y[:1].expand(2))
    inputs: list[tuple[str, Tensor]] = []
    outputs: list[tuple[str, Tensor, int]] = []

    def entered(name: str, given: list[Tensor]) -> None:
        inputs.extend((name, value.clone()) for value in given)

    def left(name: str, given: list[Tensor]) -> None:
        if len(given) == 1 and given[0].ndim == 2 and len(given[0]) == 2 and not torch.equal(*given[0]):
            outputs.append((name, given[0].clone(), len(inputs)))

    with _observed(gan, entered=entered), _observed(gan, left=left, every=True):
        generated(gan, two)
    for name, value, before in reversed(outputs):
        receivers = [layer for layer, given in inputs[before:] if torch.equal(given, value)]
        if len(set(receivers)) > 1 and _is_all(gan, two, name, value) and _goes_on(gan, two, receivers[0]):
            return name
    return ""


def _is_all(gan: GAN, two: Latents, module: str, value: Tensor) -> bool:
    """Whether samples of two latents are equal if the module gives both the same output."""
    same = value[:1].expand(2, -1)
    torch.manual_seed(0)
    first, second = generated(gan, Latents(two.z[:1].expand(2, -1), two.y), module, lambda output: same)
    torch.manual_seed(0)
    other = generated(gan, Latents(two.z[1:].expand(2, -1), two.y), module, lambda output: same)
    return torch.equal(torch.stack([first, second]), other)


def _goes_on(gan: GAN, two: Latents, layer: str) -> bool:
    """Whether what a layer gives reaches another one: otherwise it is one of several last layers."""
    reached: list[str] = []

    def entered(name: str, given: list[Tensor]) -> None:
        if any(_tangent(value) is not None for value in given):
            reached.append(name)

    with dual_level(), _observed(gan, entered=entered, any_weights=True):
        generated(gan, two, layer, lambda output: forward_ad.make_dual(output, torch.ones_like(output)))
    return bool(reached)


def _until_done(gan: GAN, latents: Latents, module: str, change: Change) -> Tensor | None:
    try:
        return generated(gan, latents, module, change)
    except _Done:
        return None


@contextmanager
def _observed(
    gan: GAN,
    entered: Hook | None = None,
    left: Hook | None = None,
    *,
    stripped: bool = False,
    every: bool = False,
    any_weights: bool = False,
) -> Iterator[None]:
    """Within this block, `entered` is called with the tensors that a layer is given, and `left` with those it returns.

    stripped: whether what a layer returns loses its tangent, so that only what reaches a layer without another one
    before it has a tangent. every: call them for all modules, not only layers; any_weights: for all that have weights.
    """

    def before(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            if entered is not None:
                entered(name, _tensors((args, kwargs)))

        return hook

    def after(name: str) -> Callable[..., Any]:
        def hook(module: nn.Module, given: Any, output: Any) -> Any:
            if left is not None:
                left(name, _tensors(output))
            return pytree.tree_map_only(Tensor, _primal, output) if stripped else None

        return hook

    handles = []
    for name, module in gan.named_modules():
        if not (every and name) and not is_layer(module) and not (any_weights and _has_weights(module)):
            continue
        handles.append(module.register_forward_pre_hook(before(name), with_kwargs=True))
        handles.append(module.register_forward_hook(after(name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def is_layer(module: nn.Module) -> bool:
    """Whether a module has a weight matrix (or kernel) of its own, and no other layers inside."""
    inside = (child for name, child in module.named_children() if name != "parametrizations")
    weights = list(module.parameters(recurse=False))
    if parametrize.is_parametrized(module):
        weights += list(module.parametrizations.parameters())  # type: ignore[union-attr]
    return any(weight.ndim > 1 for weight in weights) and not any(_has_layers(child) for child in inside)


def _has_layers(module: nn.Module) -> bool:
    return any(is_layer(inside) for inside in module.modules())


def _has_weights(module: nn.Module) -> bool:
    return next(module.parameters(recurse=False), None) is not None or parametrize.is_parametrized(module)


def _tensors(values: Any) -> list[Tensor]:
    """The floating-point tensors in nested values."""
    return [value for value in pytree.tree_leaves(values) if isinstance(value, Tensor) and value.is_floating_point()]


def _tangent(value: Tensor) -> Tensor | None:
    tangent: Tensor | None = forward_ad.unpack_dual(value).tangent
    return tangent


def _primal(value: Tensor) -> Tensor:
    primal: Tensor = forward_ad.unpack_dual(value).primal
    return primal


def _by_sample(values: Iterable[Tensor], count: int) -> list[Tensor]:
    """Values of a batch as rows `[count, ...]`, flattened; a recurrent layer may have the batch in its second axis."""
    rows = (value.transpose(0, 1) if value.shape[1:2] == (count,) != value.shape[:1] else value for value in values)
    return [value.flatten(1) for value in rows if value.ndim > 1 and len(value) == count]
