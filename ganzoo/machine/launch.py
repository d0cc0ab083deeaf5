"""The machine: devices, ranks and precision, through Lightning Fabric."""

from __future__ import annotations

import atexit
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch

# Fabric announces itself and its tips on import; what users should read is ours.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment
    from lightning_fabric.strategies import DDPStrategy

from ganzoo.errors import GanzooError, TrainingError
from ganzoo.machine import cluster
from ganzoo.machine.memory import keep_freed_memory
from ganzoo.machine.rank_processes import CHILDREN
from ganzoo.machine.tf32 import set_tf32
from ganzoo.recipes import RunOptions

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

MEETING = timedelta(minutes=5)
"""How long the first ranks wait for the others when a training starts."""

PATIENCE = timedelta(minutes=30)
"""How long a rank waits in an exchange, as one may score or decode while the others wait for it."""

PRECISIONS = {"auto": "32-true", "fp32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed"}
"""What Fabric calls them. All but `fp32` let a GPU round the factors of fp32 products to 10 bits (TF32)."""


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

    Where torchrun or SLURM have started them, there are as many as those say (`cluster.fitted`).
    Raises GanzooError for a device, number of devices or precision that cannot be had, TrainingError when not all ranks
    come within MEETING.
    """
    options = cluster.fitted(options)
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
    if device.type == "mps" and several:
        raise GanzooError("--devices: an Apple GPU trains alone; use --devices 1.")
    devices: list[int] | int = [device.index] if device.type == "cuda" and not several else options.devices
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        set_tf32(device, options.precision != "fp32")
        fabric = Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=options.nodes,
            strategy=Meeting(timeout=PATIENCE) if several else "auto",
            plugins=[LightningEnvironment()] if cluster.under_slurm() and not cluster.started_by() else None,
            precision=PRECISIONS[options.precision],  # type: ignore[arg-type]
        )
        if several:
            meet(fabric)
        else:
            fabric.launch()
    return fabric


class Meeting(DDPStrategy):
    """Fabric's strategy for several ranks, but ranks that do not come are waited for MEETING only."""

    def setup_environment(self) -> None:
        if not torch.distributed.is_initialized():
            self._meet()
        super().setup_environment()

    def _meet(self) -> None:
        place = self.cluster_environment
        assert place is not None
        os.environ |= {"MASTER_ADDR": place.main_address, "MASTER_PORT": str(place.main_port)}
        found = torch.distributed.rendezvous("env://", place.global_rank(), place.world_size(), timeout=MEETING)
        store, rank, ranks = next(found)
        store.set_timeout(PATIENCE)
        # torchrun keeps one store for all its attempts, with what the ranks of the one before have left in it.
        attempt = torch.distributed.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        backend = torch.distributed.get_default_backend_for_device(self.root_device)
        torch.distributed.init_process_group(backend, store=attempt, rank=rank, world_size=ranks, timeout=PATIENCE)
        # NCCL complains of a group that is left, and a thread of gloo's that lets go of a tensor while Python ends
        # would abort the process.
        atexit.register(torch.distributed.destroy_process_group)


def meet(fabric: Fabric) -> None:
    """Launch, and wait for all ranks; TrainingError if they do not come within MEETING."""
    CHILDREN.watch(fabric.strategy.launcher)
    try:
        fabric.launch()
    except torch.distributed.DistError as error:
        CHILDREN.end(agreed=False)
        place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        if "EADDRINUSE" in str(error):
            raise GanzooError(f"the ranks cannot meet at {place}: the port is taken; set MASTER_PORT.") from error
        raise TrainingError(
            f"not all ranks have met at {place} within {MEETING.seconds // 60} minutes: start all of them, and see "
            "whether one has ended before."
        ) from error
    CHILDREN.met = True


@contextmanager
def launched(options: RunOptions) -> Iterator[Fabric]:
    """`launch`; when the block fails, the ranks that were started here end with it."""
    fabric = launch(options)
    try:
        yield fabric
    except BaseException as error:
        CHILDREN.end(agreed=any(getattr(known, "agreed", False) for known in (error, error.__cause__)))
        raise
