"""Outputs of networks that are more than one tensor: several scales, a logit with an embedding, a dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def scales(logits: Any) -> Sequence[Tensor]:
    """The logits of each scale; a single tensor is one scale."""
    return [logits] if isinstance(logits, Tensor) else list(logits)


def mean(values: Sequence[Tensor]) -> Tensor:
    """The mean of scalars."""
    return values[0] if len(values) == 1 else torch.stack(list(values)).mean()


def per_sample(logits: Any) -> Tensor:
    """One logit per sample `[N]`: the mean over patches, and then over scales."""
    means = [each if each.ndim == 1 else each.flatten(1).mean(1) for each in scales(logits)]
    return means[0] if len(means) == 1 else torch.stack(means).mean(0)


def joined(a: Any, b: Any) -> Any:
    """Two batches as one: tensors are concatenated, in tuples and dictionaries part by part."""
    if isinstance(a, Tensor):
        return torch.cat([a, b])
    if isinstance(a, Mapping):
        return {name: joined(part, b[name]) for name, part in a.items()}
    return tuple(joined(part, other) for part, other in zip(a, b, strict=True))


def split(output: Any, n: int) -> tuple[Any, Any]:
    """The outputs for the first `n` samples, and for the others: the inverse of `joined`."""
    if isinstance(output, Tensor):
        return output[:n], output[n:]
    if isinstance(output, Mapping):
        parts = {name: split(part, n) for name, part in output.items()}
        return {name: part[0] for name, part in parts.items()}, {name: part[1] for name, part in parts.items()}
    halves = [split(part, n) for part in output]
    return tuple(first for first, _ in halves), tuple(rest for _, rest in halves)


def first_tensor(x: Any) -> Tensor:
    """The first tensor in a batch of any structure."""
    while not isinstance(x, Tensor):
        x = next(iter(x.values() if isinstance(x, Mapping) else x))
    return x


def flattened(x: Any) -> Tensor:
    """A batch of any structure as one tensor `[N, values]`: what is shown of a sample becomes one vector."""
    if isinstance(x, Tensor):
        return x.reshape(len(x), -1)
    return torch.cat([flattened(part) for part in (x.values() if isinstance(x, Mapping) else x)], 1)


def restored(flat: Tensor, like: Any) -> Any:
    """The inverse of `flattened`, in the structure and the shapes of `like`; the numbers of samples may differ."""
    if isinstance(like, Tensor):
        return flat.reshape(len(flat), *like.shape[1:])
    parts = list(like.values() if isinstance(like, Mapping) else like)
    pieces = flat.split([flattened(part).shape[1] for part in parts], 1)
    found = [restored(piece, part) for piece, part in zip(pieces, parts, strict=True)]
    return dict(zip(like, found, strict=True)) if isinstance(like, Mapping) else tuple(found)


def is_floating(x: Any) -> bool:
    """Whether all tensors in a batch of any structure have floating-point values."""
    if isinstance(x, Tensor):
        return x.is_floating_point()
    return all(map(is_floating, x.values() if isinstance(x, Mapping) else x))
