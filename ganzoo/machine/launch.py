"""Devices, ranks and precision, through Lightning Fabric."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch

# Fabric prints an announcement and tips on import.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment
    from lightning_fabric.strategies import DDPStrategy

from ganzoo.errors import GanzooError, TrainingError
from ganzoo.machine import cluster
from ganzoo.machine.memory import keep_freed_memory
from ganzoo.machine.rank_processes import RANK_PROCESSES
from ganzoo.machine.tf32 import set_tf32
from ganzoo.recipes import RunOptions

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

RENDEZVOUS_TIMEOUT = timedelta(minutes=5)
"""How long ranks wait for each other when a training run starts."""

COLLECTIVE_TIMEOUT = timedelta(minutes=30)
"""How long a rank waits in a collective: one rank may score or decode while the others wait for it."""

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
    """A launched Fabric for the options; with several devices, this starts the processes of the other ranks.

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
    devices: list[int] | int = [device.index] if device.type == "cuda" and not several else options.devices
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        set_tf32(device, options.precision != "fp32")
        fabric = Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=options.nodes,
            strategy=TimedDDPStrategy(timeout=COLLECTIVE_TIMEOUT) if several else "auto",
            plugins=[LightningEnvironment()] if cluster.under_slurm() and not cluster.started_by() else None,
            precision=PRECISIONS[options.precision],  # type: ignore[arg-type]
        )
        if several:
            launch_ranks(fabric)
        else:
            fabric.launch()
    return fabric


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


class TimedDDPStrategy(DDPStrategy):
    """Fabric's strategy for several ranks, with RENDEZVOUS_TIMEOUT as the timeout of the rendezvous."""

    def setup_environment(self) -> None:
        if not torch.distributed.is_initialized():
            self._rendezvous()
        super().setup_environment()

    def _rendezvous(self) -> None:
        environment = self.cluster_environment
        assert environment is not None
        os.environ |= {"MASTER_ADDR": environment.main_address, "MASTER_PORT": str(environment.main_port)}
        connections = torch.distributed.rendezvous(
            "env://", environment.global_rank(), environment.world_size(), timeout=RENDEZVOUS_TIMEOUT
        )
        store, rank, ranks = next(connections)
        store.set_timeout(COLLECTIVE_TIMEOUT)
        # torchrun keeps one store for all attempts, which still holds the keys of the previous attempt.
        attempt = torch.distributed.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        backend = torch.distributed.get_default_backend_for_device(self.root_device)
        torch.distributed.init_process_group(
            backend, store=attempt, rank=rank, world_size=ranks, timeout=COLLECTIVE_TIMEOUT
        )
        # NCCL warns about a group that is not destroyed, and a gloo thread that releases a tensor during interpreter
        # shutdown would abort the process.
        atexit.register(torch.distributed.destroy_process_group)


def launch_ranks(fabric: Fabric) -> None:
    """Launch and wait for all ranks. Raises TrainingError if they do not connect within RENDEZVOUS_TIMEOUT."""
    RANK_PROCESSES.watch(fabric.strategy.launcher)
    try:
        fabric.launch()
    except torch.distributed.DistError as error:
        RANK_PROCESSES.end(agreed=False)
        address = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        if "EADDRINUSE" in str(error):
            raise GanzooError(f"the ranks cannot connect at {address}: the port is in use; set MASTER_PORT.") from error
        raise TrainingError(
            f"not all ranks connected at {address} within {RENDEZVOUS_TIMEOUT.seconds // 60} minutes: "
            "start all of them, and check whether one ended early."
        ) from error
    RANK_PROCESSES.connected = True


@contextmanager
def launched(options: RunOptions) -> Iterator[Fabric]:
    """`launch` as a context; if the block fails, the ranks started by this process end with it."""
    fabric = launch(options)
    try:
        yield fabric
    except BaseException as error:
        RANK_PROCESSES.end(agreed=any(getattr(known, "agreed", False) for known in (error, error.__cause__)))
        raise
