"""Several ranks, through Lightning Fabric; imported only where there are some."""

from __future__ import annotations

import atexit
import logging
import os
import warnings
from datetime import timedelta

import torch

# Fabric prints an announcement and tips on import.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment
    from lightning_fabric.strategies import DDPStrategy

from ganzoo.errors import GanzooError, TrainingError
from ganzoo.machine import cluster
from ganzoo.machine.rank_processes import RANK_PROCESSES
from ganzoo.recipes import RunOptions

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

COLLECTIVE_TIMEOUT = timedelta(minutes=30)
"""How long a rank waits in a collective: one rank may score or decode while the others wait for it."""


def launch_several(options: RunOptions, device: torch.device, precision: str, rendezvous: timedelta) -> Fabric:
    """A launched Fabric of several ranks.

    precision: Fabric's name for it. rendezvous: how long ranks wait for each other at the start.
    Raises TrainingError if not all ranks connect in time.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fabric = Fabric(
            accelerator=device.type,
            devices=options.devices,
            num_nodes=options.nodes,
            strategy=TimedDDPStrategy(rendezvous, timeout=COLLECTIVE_TIMEOUT),
            plugins=[LightningEnvironment()] if cluster.under_slurm() and not cluster.started_by() else None,
            precision=precision,  # type: ignore[arg-type]
        )
        launch_ranks(fabric, rendezvous)
    return fabric


class TimedDDPStrategy(DDPStrategy):
    """Fabric's strategy for several ranks, with a timeout of the rendezvous."""

    def __init__(self, rendezvous: timedelta, **options: timedelta) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.rendezvous = rendezvous

    def setup_environment(self) -> None:
        if not torch.distributed.is_initialized():
            self._connect()
        super().setup_environment()

    def _connect(self) -> None:
        environment = self.cluster_environment
        assert environment is not None
        os.environ |= {"MASTER_ADDR": environment.main_address, "MASTER_PORT": str(environment.main_port)}
        connections = torch.distributed.rendezvous(
            "env://", environment.global_rank(), environment.world_size(), timeout=self.rendezvous
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


def launch_ranks(fabric: Fabric, rendezvous: timedelta) -> None:
    """Launch and wait for all ranks. Raises TrainingError if they do not connect in time."""
    RANK_PROCESSES.watch(fabric.strategy.launcher)
    try:
        fabric.launch()
    except torch.distributed.DistError as error:
        RANK_PROCESSES.end(agreed=False)
        address = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        if "EADDRINUSE" in str(error):
            raise GanzooError(f"the ranks cannot connect at {address}: the port is in use; set MASTER_PORT.") from error
        raise TrainingError(
            f"not all ranks connected at {address} within {rendezvous.seconds // 60} minutes: "
            "start all of them, and check whether one ended early."
        ) from error
    RANK_PROCESSES.connected = True
