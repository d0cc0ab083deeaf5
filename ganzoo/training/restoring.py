"""Checks a training state from a checkpoint, which may be damaged or anyone's, before any of it is used.

A tensor of the wrong shape or memory layout makes a native kernel read and write beyond its memory. So tensors are
compared with the weights that they belong to and copied into memory of the same layout, and settings are taken from the
recipe. Every function raises ValueError, with one line that says what does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.errors import printable
from ganzoo.game import GAN
from ganzoo.recipes import Recipe
from ganzoo.training.optim import make_optimiser

LARGEST = 2**53
"""No count of steps, updates or samples is larger; up to here, floating-point numbers are exact."""

STATES = {
    torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.RMSprop: ("step", "square_avg", "momentum_buffer"),
    torch.optim.SGD: ("momentum_buffer",),
}
"""What each optimiser keeps for a weight; AdamW is an Adam."""

SQUARES = ("exp_avg_sq", "square_avg")
CHOICES = ("fused", "foreach", "capturable")
"""Settings of a group that say how a step is computed: they differ between devices."""


def steps_done(state: Any) -> int:
    """How many steps were done at a state."""
    return _count(_part(_mapping(state, "the state"), "progress"), "step", "progress")


def progress_counts(state: Mapping[str, Any], batch: int) -> tuple[int, int, int]:
    """Steps, updates and samples at a state. batch: the recipe's, for states that lack the samples."""
    progress = _part(state, "progress")
    # In 0.1 every update took a new batch, and only their number was saved.
    updates = _count(progress, "updates" if "updates" in progress else "batches", "progress")
    samples = _count(progress, "samples", "progress") if "samples" in progress else updates * batch
    return steps_done(state), updates, samples


def skipped_updates(state: Mapping[str, Any]) -> int:
    """How many updates were skipped at a state."""
    return _count(state, "skipped", "the state") if "skipped" in state else 0


def log_sums(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The sums and counts that were not yet logged at a state."""
    log = _part(state, "log")
    sums, counts = _part(log, "sums"), _part(log, "counts")
    if sums.keys() != counts.keys() or not all(isinstance(name, str) and name.isprintable() for name in sums):
        raise ValueError("the log has sums and counts of different terms")
    for name, value in sums.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"the log's sum of {printable(name)} is not a finite number")
        if _count(counts, name, "the log's counts") < 1:
            raise ValueError(f"the log's count of {printable(name)} is not at least 1")
    return {"sums": dict(sums), "counts": dict(counts)}


def check(state: Mapping[str, Any], gan: GAN, recipe: Recipe) -> None:
    """Check everything but the weights, for a game that is not yet in a trainer."""
    progress_counts(state, recipe.batch), skipped_updates(state), log_sums(state)
    for name, player in gan.players.items():
        optimiser_state(name, make_optimiser(recipe.optimiser(name), player.parameters()), state, gan)


def load_weights(module: nn.Module, state: Any) -> None:
    """`module.load_state_dict(state["gan"])`, for tensors of the right shapes, types and layouts only."""
    given = _part(_mapping(state, "the state"), "gan")
    if not all(isinstance(name, str) for name in given):
        raise ValueError("the weights have no names")
    for name, own in module.state_dict().items():
        # A module may keep other values too; names that are missing or unknown are refused by torch.
        if name in given and isinstance(own, Tensor):
            require_like(given[name], own, own.dtype, printable(name))
    try:
        module.load_state_dict(given)
    except Exception as error:
        # A module's own way of loading can fail in any way on values that it does not expect.
        if isinstance(error, MemoryError):
            raise
        raise ValueError(" ".join(str(error).split())) from error


def optimiser_state(name: str, optimiser: torch.optim.Optimizer, state: Mapping[str, Any], gan: GAN) -> dict[str, Any]:
    """What the optimiser of the player `name` can load of a state: new tensors in its weights' memory layout.

    Its settings are the optimiser's own; those of the state are checked and left out.
    """
    given = _part(_part(state, "optimisers"), name)
    own = optimiser.state_dict()["param_groups"]
    _check_groups(given.get("param_groups"), own, name)
    names = {id(weight): label for label, weight in gan.players[name].named_parameters()}
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    settings = [group for group in optimiser.param_groups for _ in group["params"]]
    copies: dict[int, Tensor] = {}
    found: dict[int, dict[str, Tensor]] = {}
    for number, values in _part(given, "state").items():
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(weights):
            raise ValueError(f"{name}: state of a weight that it does not have")
        weight = weights[number]
        label = f"{name}: {names.get(id(weight), f'weight {number}')}"
        values = _mapping(values, label)
        if not values:
            continue
        # torch writes None for a momentum that was never needed.
        kept = {key: value for key, value in values.items() if key != "momentum_buffer" or value is not None}
        _check_names(kept, _state_names(optimiser, settings[number]), label)
        found[number] = {key: _copied(key, value, weight, f"{label}: {key}", copies) for key, value in kept.items()}
    return {"state": found, "param_groups": own}


def _state_names(optimiser: torch.optim.Optimizer, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of what the optimiser keeps for a weight with these settings."""
    for kind, names in STATES.items():
        if isinstance(optimiser, kind):
            has_momentum = isinstance(optimiser, torch.optim.Adam) or settings.get("momentum", 0) != 0
            return tuple(key for key in names if has_momentum or key != "momentum_buffer")
    raise ValueError(f"{type(optimiser).__name__} is not an optimiser that can be restored")


def _check_names(values: Mapping[Any, Any], wanted: Sequence[str], label: str) -> None:
    # A momentum can also begin later: SGD makes it in the next step.
    if set(values) != set(wanted) and not (not values and wanted == ("momentum_buffer",)):
        raise ValueError(f"{label}: has other state than {', '.join(wanted) or 'none'}")


def _copied(key: str, value: Any, weight: Tensor, label: str, copies: dict[int, Tensor]) -> Tensor:
    """A checked copy of one value that an optimiser keeps for a weight."""
    if key != "step":
        require_like(value, weight, weight.dtype, label)
        # Not finite only after an overflow, which a sound training run can have; never NaN, and squares never below 0.
        if not (value >= 0 if key in SQUARES else value == value).all():
            raise ValueError(f"{label} has values that cannot be")
        return torch.empty_like(weight, memory_format=torch.preserve_format, requires_grad=False).copy_(value)
    wanted = torch.empty((), dtype=torch.float32, device=weight.device)
    require_like(value, wanted, wanted.dtype, label)
    number = value.item()
    if not (math.isfinite(number) and 0 <= number <= LARGEST and number == int(number)):
        raise ValueError(f"{label} is {number}, not a count")
    # Weights can share one count on a CPU (see FusedAdam), and go on sharing it.
    if id(value) not in copies:
        copies[id(value)] = value.clone()
    return copies[id(value)]


def _check_groups(given: Any, own: Sequence[Mapping[str, Any]], name: str) -> None:
    """Groups of the same weights, with settings of the kinds that this optimiser has."""
    if not isinstance(given, list) or len(given) != len(own) or not all(isinstance(group, Mapping) for group in given):
        raise ValueError(f"{name}: other groups of weights")
    for group, mine in zip(given, own, strict=True):
        numbers = group.get("params")
        if not isinstance(numbers, list) or any(type(n) is not int for n in numbers) or numbers != mine["params"]:
            raise ValueError(f"{name}: other weights in a group")
        for key, value in mine.items():
            if key in group and key != "params" and not _same_kind(group[key], value, key):
                raise ValueError(f"{name}: {key} is not a setting of this optimiser")


def _same_kind(given: Any, own: Any, key: str) -> bool:
    if key in CHOICES:
        return given is None or isinstance(given, bool)
    if own is None or isinstance(own, bool):
        return given is own
    if isinstance(own, tuple):
        return isinstance(given, (tuple, list)) and len(given) == len(own) and all(map(_is_number, given))
    return _is_number(given)


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        # A learning rate that was kept on a GPU.
        plain = _is_plain(value, value.device.type) and value.shape == () and value.is_floating_point()
        return plain and math.isfinite(value.item())
    return not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)


def _is_plain(value: Any, device: str = "cpu") -> bool:
    """Whether a value is a tensor with ordinary memory, on the CPU or on this type of device."""
    return (
        type(value) in (Tensor, nn.Parameter)
        and value.layout is torch.strided
        and not value.is_quantized
        and not value.is_nested
        and value.device.type in ("cpu", device)
    )


def require_like(value: Any, own: Tensor, dtype: torch.dtype, label: str) -> None:
    """Raise ValueError unless `value` is a plain tensor of the shape of `own` and of this type."""
    if not _is_plain(value, own.device.type):
        raise ValueError(f"{label} is not a plain tensor")
    if value.shape != own.shape:
        raise ValueError(f"{label} has the shape {list(value.shape)}, not {list(own.shape)}")
    if value.dtype != dtype:
        raise ValueError(f"{label} has the type {value.dtype}, not {dtype}")


def _part(whole: Mapping[str, Any], name: str) -> Mapping[Any, Any]:
    if name not in whole:
        raise ValueError(f"it has no {name}")
    return _mapping(whole[name], name)


def _mapping(value: Any, label: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{label} is not described")
    return value


def _count(values: Mapping[str, Any], name: str, label: str) -> int:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise ValueError(f"{name} in {label} is not a count")
    return value
