"""The machine: devices, ranks and precision, through Lightning Fabric."""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

# Fabric announces itself and its tips on import; what users should read is ours.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lightning_fabric import Fabric
    from lightning_fabric.utilities.rank_zero import rank_zero_only

from ganzoo.errors import GanzooError, StoppedElsewhere
from ganzoo.specs import RunOptions

T = TypeVar("T")

GRACE = 10
"""Seconds that another rank has to end by itself."""

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}


def choose_device(name: str) -> torch.device:
    """A device from `auto`, `cpu`, `cuda`, `cuda:1` or `mps`; GanzooError when the machine does not have it."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise GanzooError(f"unknown device {name!r}: use auto, cpu, cuda, cuda:1 or mps.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise GanzooError("--device mps: this machine has no Apple GPU; use --device cpu.")
    if device.type == "cuda":
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not found:
            raise GanzooError(f"--device {name}: torch sees no CUDA GPU here; use --device cpu.")
        if (device.index or 0) >= found:
            raise GanzooError(f"--device {name}: there are {found} GPUs, numbered from cuda:0 to cuda:{found - 1}.")
        return torch.device("cuda", device.index or 0)
    return torch.device(device.type)


def launch(options: RunOptions) -> Fabric:
    """A launched Fabric for the options: with several devices this starts the other ranks' processes.

    Raises GanzooError for a device, number of devices or precision that cannot be had.
    """
    if options.precision not in PRECISIONS:
        raise GanzooError(f"unknown precision {options.precision!r}: use fp32 or bf16.")
    device = choose_device(options.device)
    several = options.devices > 1 or options.nodes > 1
    if device.type == "cuda" and several and options.devices > torch.cuda.device_count():
        raise GanzooError(f"--devices {options.devices}: this machine has {torch.cuda.device_count()} GPUs.")
    if device.type == "mps" and several:
        raise GanzooError("--devices: an Apple GPU trains alone; use --devices 1.")
    devices: list[int] | int = [device.index] if device.type == "cuda" and not several else options.devices
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fabric = Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=options.nodes,
            strategy="ddp" if several else "auto",
            precision=PRECISIONS[options.precision],  # type: ignore[arg-type]
        )
        fabric.launch()
    return fabric


@contextmanager
def launched(options: RunOptions) -> Iterator[Fabric]:
    """`launch`; when the block fails, the ranks that were started here end with it."""
    fabric = launch(options)
    try:
        yield fabric
    except BaseException as error:
        agreed = any(getattr(known, "agreed", False) for known in (error, error.__cause__))
        _end(getattr(fabric.strategy.launcher, "procs", []), agreed)
        raise


def _end(processes: list[subprocess.Popen[bytes]], agreed: bool) -> None:
    started = list(processes)
    # Fabric kills this process as soon as one in the list fails, though it may still have a line to print.
    processes.clear()
    for process in started:
        if not agreed:
            # It would wait for this one in their next exchange.
            process.terminate()
    for process in started:
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_first_rank() -> bool:
    """Whether this process is the first rank, or will be: before `launch` too."""
    # Where machines are started by hand, the number of the machine is all that is known before the launch.
    machine = os.environ.get("NODE_RANK") or os.environ.get("GROUP_RANK") or "0"
    return not getattr(rank_zero_only, "rank", 0) and machine == "0"


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
    reporting = strongest(fabric, [mine])[0]
    if reporting:
        raise on_all_ranks(error if error and mine == reporting else StoppedElsewhere("another rank has failed."))
    return results[0]


def on_first_rank(fabric: Fabric, action: Callable[[], T]) -> T | None:
    """`together` for something that the first rank does alone; the others get None."""
    return together(fabric, lambda: action() if fabric.is_global_zero else None)


def strongest(fabric: Fabric, numbers: Sequence[float]) -> list[float]:
    """The largest of each number over the ranks."""
    largest = torch.tensor(numbers, dtype=torch.float32, device=fabric.device)
    found: list[float] = fabric.all_reduce(largest, reduce_op="max").tolist()  # type: ignore[union-attr]
    return found


def on_all_ranks(error: Exception) -> Exception:
    """Mark an error as one that all ranks stop for, so that the first one need not end the others."""
    error.agreed = True  # type: ignore[attr-defined]
    return error
