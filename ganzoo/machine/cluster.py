"""Which launcher started or restarted the ranks of a training run: torchrun, SLURM, or ganzoo itself.

Everything is read from the environment variables that the launchers set. Imports no torch.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from ganzoo.errors import GanzooError
from ganzoo.recipes import RunOptions


@dataclass(frozen=True)
class Cluster:
    """The launcher that started the ranks: `devices` ranks on each of `nodes` machines."""

    name: str
    devices: int
    nodes: int


def started_by() -> Cluster | None:
    """torchrun, or SLURM's srun with several tasks; None if ganzoo starts the ranks itself or a user started them.

    Raises GanzooError if the machines have different numbers of ranks, or SLURM does not set how many each has.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        ranks, devices = _number("WORLD_SIZE", 1), _number("LOCAL_WORLD_SIZE", 1)
        if ranks % devices:
            raise GanzooError("torchrun: use the same --nproc-per-node on all machines.")
        return Cluster("torchrun", devices, ranks // devices)
    if under_slurm() and "SLURM_STEP_ID" in os.environ and _number("SLURM_NTASKS", 1) > 1:
        devices = _number("SLURM_NTASKS_PER_NODE", 0)
        if not devices or _number("SLURM_NTASKS", 1) % devices:
            raise GanzooError(
                "SLURM: use --ntasks-per-node=N (one task per device of a machine) and --nodes=M, not --ntasks."
            )
        return Cluster("SLURM", devices, _number("SLURM_NTASKS", 1) // devices)
    return None


def under_slurm() -> bool:
    """Whether this process belongs to a SLURM job other than an interactive shell."""
    return "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")


def with_launched_devices(options: RunOptions, typed: Container[str] | None = None) -> RunOptions:
    """The options with the numbers of devices and machines on which torchrun or SLURM started ranks.

    typed: the options that the user requested, by default all that are not 1. Raises GanzooError if they do not match.
    """
    cluster = started_by()
    if cluster is None:
        return options
    for name in ("devices", "nodes"):
        requested, launched = getattr(options, name), getattr(cluster, name)
        if (requested > 1 if typed is None else name in typed) and requested != launched:
            raise GanzooError(
                f"--{name} {requested}: {cluster.name} has started ranks for {cluster.devices} devices on "
                f"{cluster.nodes} machines; leave out --devices and --nodes."
            )
    return dataclasses.replace(options, devices=cluster.devices, nodes=cluster.nodes)


def restarted() -> set[str]:
    """Which of "torchrun" and "slurm" has restarted this job, after a rank died or the job was requeued."""
    counts = {"torchrun": "TORCHELASTIC_RESTART_COUNT", "slurm": "SLURM_RESTART_COUNT"}
    return {name for name, count in counts.items() if _number(count, 0) > 0}


def job() -> dict[str, str]:
    """An identifier of this job for each launcher that could restart it; the same after each restart."""
    found = {}
    run = os.environ.get("TORCHELASTIC_RUN_ID")
    if run == "none":
        # torchrun was given no name, but its log folder is unique to the job; it holds one folder per attempt.
        run = Path(os.environ.get("TORCHELASTIC_ERROR_FILE", "").partition("/attempt_")[0]).name
    if run:
        found["torchrun"] = run
    if under_slurm() and "SLURM_JOB_ID" in os.environ:
        found["slurm"] = f"{os.environ.get('SLURM_CLUSTER_NAME', '')}/{os.environ['SLURM_JOB_ID']}"
    return found


def is_first_process() -> bool | None:
    """Whether the environment variables mark this process as the first rank; None if they are not set."""
    machine = os.environ.get("NODE_RANK") or os.environ.get("GROUP_RANK") or "0"
    for name in ("RANK", "LOCAL_RANK", *(("SLURM_PROCID",) if started_by() else ())):
        if name in os.environ:
            return os.environ[name] == "0" and machine == "0"
    return None if machine == "0" else False


def _number(name: str, default: int) -> int:
    try:
        return int(os.environ.get(name, default))
    except ValueError:
        return default
