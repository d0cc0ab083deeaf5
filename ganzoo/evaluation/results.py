"""What a metric returned, checked: whatever it is, it costs no other metric's scores."""

from __future__ import annotations

import decimal
import math
import numbers
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.samples import Measured, Samples
from ganzoo.zoo.boundary import kind_of, shown

RESERVED = ("name", "metric", "seed", "step", "weights", "data", "real", "versions")
"""Keys of a protocol that say where the samples come from; a metric cannot set them."""

LONGEST_NAME = 200
DEEPEST = 20


class Unusable(Exception):
    """A metric's result cannot be used; the message continues `METRIC: it returned ...`."""


def read_result(result: Any) -> tuple[Measured, list[str], list[str]]:
    """The finite values of a metric with its protocol, the names of those that are not finite, and what else is wrong.

    Raises Unusable if nothing of it can be used; anything, if it has methods of its own.
    """
    if not isinstance(result, Mapping):
        raise Unusable(f"{kind_of(result)}: it must return numbers by name")
    values: dict[str, float] = {}
    infinite, wrong = [], []
    for name, given in result.items():
        value = as_number(given)
        if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
            wrong.append(f"the name {shown(name)[:80]}")
        elif value is None:
            wrong.append(f"{shown(given)[:80]} for {name}")
        elif math.isfinite(value):
            values[name] = float(value)
        else:
            infinite.append(name)
    estimate = getattr(result, "standard_errors", None)
    measured = Measured(values, estimate if callable(estimate) else None)
    measured.notes = read_notes(getattr(result, "notes", ()))
    measured.protocol = read_protocol(getattr(result, "protocol", {}))
    measured.of_real = read_of_real(getattr(result, "of_real", {}))
    return measured, sorted(infinite), wrong


def read_notes(notes: Any) -> tuple[str, ...]:
    """A metric's notes, of which only text is kept."""
    return tuple(note for note in notes if isinstance(note, str)) if isinstance(notes, (tuple, list)) else ()


def read_of_real(values: Any) -> dict[str, float]:
    """What a metric says that real samples reach, of which only finite numbers by name are kept."""
    given = values.items() if isinstance(values, Mapping) else ()
    found = {name: as_number(value) for name, value in given if isinstance(name, str)}
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def read_protocol(protocol: Any) -> dict[str, Any]:
    """A metric's protocol in the types of JSON. Raises Unusable, as the values mean nothing without it."""
    if not isinstance(protocol, Mapping):
        raise Unusable(f"a protocol that is {kind_of(protocol)}: it must be a dict")
    for name in RESERVED:
        if name in protocol:
            raise Unusable(f"a protocol with the key {name!r}, which is not its own: rename it")
    if not isinstance(protocol.get("split", ""), str):
        raise Unusable("a protocol whose split is not text")
    found: dict[str, Any] = _plain(protocol, "protocol")
    return found


def as_number(value: Any) -> int | float | None:
    """A number, or the number in an array or tensor without axes; None for anything else, or an int of no float."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value.bit_length() <= 1023 else None
    if isinstance(value, float):
        return float(value)
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        inner = value.item()
        return as_number(inner) if isinstance(inner, (bool, int, float)) else None
    return float(value) if isinstance(value, (numbers.Real, decimal.Decimal)) else None


def _plain(value: Any, where: str, depth: int = 0) -> Any:
    if value is None or isinstance(value, (str, bool)):
        return value
    if depth > DEEPEST:
        raise Unusable(f"a protocol that cannot be written to JSON: {where[:80]}... has too many levels")
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: _plain(part, f"{where}.{name}", depth + 1) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part, where, depth + 1) for part in value]
    number = as_number(value)
    if number is None or not math.isfinite(number):
        raise Unusable(f"a protocol that cannot be written to JSON: {where} holds {shown(value)[:80]}")
    return number


class Untouched:
    """Samples that a metric must not change, and a copy, so that the next metric gets them as they were."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.kept = {
            name: (tensor, tensor.clone())
            for name in ("fake", "labels")
            # Values that are not finite would not be equal to themselves.
            if isinstance(tensor := getattr(samples, name), Tensor) and bool(tensor.isfinite().all())
        }

    @torch.no_grad()
    def restore(self) -> bool:
        """Restore the samples; whether they had been changed."""
        changed = False
        for name, (tensor, copy) in self.kept.items():
            if getattr(self.samples, name) is not tensor:
                changed = True
                object.__setattr__(self.samples, name, tensor)
            if not torch.equal(tensor, copy):
                changed = True
                tensor.set_(copy.clone())  # type: ignore[call-overload]
        return changed
