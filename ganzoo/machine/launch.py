"""Devices, ranks and precision: a single device, or several through Lightning Fabric."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch

from ganzoo.errors import GanzooError
from ganzoo.machine import cluster
from ganzoo.machine.fabric import Fabric, SingleDevice
from ganzoo.machine.memory import keep_freed_memory
from ganzoo.machine.rank_processes import RANK_PROCESSES
from ganzoo.machine.tf32 import set_tf32
from ganzoo.recipes import RunOptions

RENDEZVOUS_TIMEOUT = timedelta(minutes=5)
"""How long ranks wait for each other when a training run starts."""

PRECISIONS = {"auto": "32-true", "fp32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed"}
"""Fabric's names for them. All but `fp32` let a GPU round the factors of fp32 products to 10 bits (TF32)."""


DEVICES = "use auto, cpu, cuda, cuda:1 or mps."


def choose_device(name: str) -> torch.device:
    """A device from `auto`, `cpu`, `cuda`, `cuda:1` or `mps`. Raises GanzooError if the machine does not have it."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        gpu = "cuda" if "gpu" in name.lower() or "cuda" in name.lower() else ""
        raise GanzooError(f"unknown device {name!r}: {f'did you mean {gpu}?' if gpu else DEVICES}")
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
    """The devices and ranks for the options; with several devices, this starts the processes of the other ranks.

    If torchrun or SLURM started the ranks, their number is the launcher's (`cluster.with_launched_devices`).
    Raises GanzooError for an unavailable device, number of devices or precision, and TrainingError if not all ranks
    connect within RENDEZVOUS_TIMEOUT.
    """
    options = cluster.with_launched_devices(options)
    if options.precision not in PRECISIONS:
        raise GanzooError(f"unknown precision {options.precision!r}: use auto, fp32, tf32 or bf16.")
    device = choose_device(options.device)
    if device.type == "cpu":
        keep_freed_memory()
    several = options.devices > 1 or options.nodes > 1
    if device.type == "cuda" and several and options.devices > torch.cuda.device_count():
        seen = f"this process sees {torch.cuda.device_count()} of this machine's GPUs"
        slurm = " (SLURM: use --gpus-per-node, not --gpus-per-task)" if cluster.under_slurm() else ""
        raise GanzooError(f"--devices {options.devices}: {seen}{slurm}.")
    if options.devices > 1:
        # A single one on each machine is this process itself.
        require_program()
    if device.type == "mps" and several:
        raise GanzooError("--devices: training on several Apple GPUs is not supported; use --devices 1.")
    set_tf32(device, options.precision != "fp32")
    if not several:
        return SingleDevice(device, options.precision == "bf16")
    from ganzoo.machine.several_devices import launch_several

    return launch_several(options, device, PRECISIONS[options.precision], RENDEZVOUS_TIMEOUT)


def require_program() -> None:
    """Raise GanzooError if this process is to start other ranks and has no program that they could run.

    Each rank runs the program of the first one from the start, and a notebook, a prompt and `python -c` have none.
    Forking is no way out: torch's threads do not survive it.
    """
    if cluster.started_by() is not None or "LOCAL_RANK" in os.environ:
        return
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    prompt = hasattr(sys, "ps1") or sys.flags.interactive
    if prompt or (getattr(main, "__spec__", None) is None and not (file and Path(file).is_file())):
        raise GanzooError(
            "several devices cannot be used from a notebook, a Python prompt, `python -c` or standard input, as every "
            "rank runs the program again: use the command line (`ganzoo train NAME --devices N`), or save the "
            "call in a script and run that."
        )


@contextmanager
def launched(options: RunOptions) -> Iterator[Fabric]:
    """`launch` as a context; if the block fails, the ranks started by this process end with it."""
    fabric = launch(options)
    try:
        yield fabric
    except BaseException as error:
        RANK_PROCESSES.end(agreed=any(getattr(known, "agreed", False) for known in (error, error.__cause__)))
        raise
