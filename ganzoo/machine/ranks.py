"""Running something on all ranks or on the first rank only, with failures that stop every rank."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from ganzoo.errors import OtherRankFailed
from ganzoo.machine import cluster
from ganzoo.machine.fabric import Fabric

LOST_RANK = re.compile(r"gloo|NCCL|connection (closed|reset) by peer", re.IGNORECASE)
"""Matches the error message of a collective with a rank that has died."""

T = TypeVar("T")


def is_first_rank() -> bool:
    """Whether this process is or will be the first rank; works before `launch` too."""
    # Fabric knows its rank only after the launch; before it, and with manually started ranks, the environment does.
    first = cluster.is_first_process()
    if first is None:
        # Fabric sets the rank there; in a process of a single device it has not been imported.
        known = sys.modules.get("lightning_fabric.utilities.rank_zero")
        return not getattr(getattr(known, "rank_zero_only", None), "rank", 0)
    return first


def on_all_ranks(fabric: Fabric, action: Callable[[], T]) -> T:
    """Run `action` on every rank; it must not communicate with other ranks.

    If it fails on any rank, all ranks stop: the lowest rank that failed raises its own error, all others
    OtherRankFailed.
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
        raise stops_all_ranks(error if error and mine == reporting else OtherRankFailed("another rank has failed."))
    return results[0]


def on_first_rank(fabric: Fabric, action: Callable[[], T]) -> T | None:
    """`on_all_ranks` for an action of the first rank only; the others get None."""
    return on_all_ranks(fabric, lambda: action() if fabric.is_global_zero else None)


def maximum(fabric: Fabric, numbers: Sequence[float]) -> list[float]:
    """The maximum of each number over the ranks."""
    largest = torch.tensor(numbers, dtype=torch.float32, device=fabric.device)
    found: list[float] = fabric.all_reduce(largest, reduce_op="max").tolist()
    return found


def stops_all_ranks(error: Exception) -> Exception:
    """Mark an error as one that all ranks stop for, so that the first rank does not have to end the others."""
    error.agreed = True  # type: ignore[attr-defined]
    return error
