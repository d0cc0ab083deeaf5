"""What the ranks of a training run do together, and what one of them does alone."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

# Fabric announces itself and its tips on import; what users should read is ours.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lightning_fabric import Fabric
    from lightning_fabric.utilities.rank_zero import rank_zero_only

from ganzoo.errors import StoppedElsewhere
from ganzoo.machine import cluster

LOST_RANK = re.compile(r"gloo|NCCL|connection (closed|reset) by peer", re.IGNORECASE)
"""What an exchange with a rank that is no more fails with."""

T = TypeVar("T")


def is_first_rank() -> bool:
    """Whether this process is the first rank, or will be: before `launch` too."""
    # Fabric knows its rank after the launch. Before, and where machines are started by hand, the variables tell.
    first = cluster.first_of_all()
    return not getattr(rank_zero_only, "rank", 0) if first is None else first


def together(fabric: Fabric, action: Callable[[], T]) -> T:
    """Do something on every rank that exchanges nothing with the others.

    When it fails anywhere, no rank goes on: the first of those where it failed raises its error, all others
    StoppedElsewhere.
    """
    if fabric.world_size == 1:
        return action()
    results, error = [], None
    try:
        results.append(action())
    except Exception as caught:
        error = caught
    mine = float(fabric.world_size - fabric.global_rank) if error else 0.0
    reporting = maximum(fabric, [mine])[0]
    if reporting:
        raise stops_all_ranks(error if error and mine == reporting else StoppedElsewhere("another rank has failed."))
    return results[0]


def on_first_rank(fabric: Fabric, action: Callable[[], T]) -> T | None:
    """`together` for something that the first rank does alone; the others get None."""
    return together(fabric, lambda: action() if fabric.is_global_zero else None)


def maximum(fabric: Fabric, numbers: Sequence[float]) -> list[float]:
    """The largest of each number over the ranks."""
    largest = torch.tensor(numbers, dtype=torch.float32, device=fabric.device)
    found: list[float] = fabric.all_reduce(largest, reduce_op="max").tolist()  # type: ignore[union-attr]
    return found


def stops_all_ranks(error: Exception) -> Exception:
    """Mark an error as one that all ranks stop for, so that the first one need not end the others."""
    error.agreed = True  # type: ignore[attr-defined]
    return error
