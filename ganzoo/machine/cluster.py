"""Who started the ranks of a training, and started them again: torchrun, SLURM, or nobody but ganzoo itself.

Everything is read from the variables that they set. Imports no torch.
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
    """What has started the ranks: so many on each of so many machines."""

    name: str
    devices: int
    nodes: int


def started_by() -> Cluster | None:
    """torchrun, or SLURM's srun with several tasks; None where ganzoo is to start ranks, or a user started them.

    Raises GanzooError where the machines have different numbers of ranks, or SLURM does not say how many each has.
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
                "SLURM: use --ntasks-per-node=N, a task for each device of a machine, and --nodes=M, not --ntasks."
            )
        return Cluster("SLURM", devices, _number("SLURM_NTASKS", 1) // devices)
    return None


def under_slurm() -> bool:
    """Whether this is a process of a SLURM job that is not a shell to type in."""
    return "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")


def fitted(options: RunOptions, typed: Container[str] | None = None) -> RunOptions:
    """The options with the devices and machines that torchrun or SLURM have started ranks on.

    typed: which options were asked for, by default all that are not 1; GanzooError where those do not fit.
    """
    cluster = started_by()
    if cluster is None:
        return options
    for name in ("devices", "nodes"):
        asked, there = getattr(options, name), getattr(cluster, name)
        if (asked > 1 if typed is None else name in typed) and asked != there:
            raise GanzooError(
                f"--{name} {asked}: {cluster.name} has started ranks for {cluster.devices} devices on {cluster.nodes} "
                f"machines; leave --devices and --nodes out."
            )
    return dataclasses.replace(options, devices=cluster.devices, nodes=cluster.nodes)


def restarted() -> set[str]:
    """Which of "torchrun" and "slurm" has started this job not for the first time: after a rank's death, a requeue."""
    counts = {"torchrun": "TORCHELASTIC_RESTART_COUNT", "slurm": "SLURM_RESTART_COUNT"}
    return {name for name, count in counts.items() if _number(count, 0) > 0}


def job() -> dict[str, str]:
    """What tells this job from all others, by who would start it again; the same after each restart."""
    found = {}
    run = os.environ.get("TORCHELASTIC_RUN_ID")
    if run == "none":
        # No name was given to torchrun; the folder of its logs is its own, with one folder in it for each attempt.
        run = Path(os.environ.get("TORCHELASTIC_ERROR_FILE", "").partition("/attempt_")[0]).name
    if run:
        found["torchrun"] = run
    if under_slurm() and "SLURM_JOB_ID" in os.environ:
        found["slurm"] = f"{os.environ.get('SLURM_CLUSTER_NAME', '')}/{os.environ['SLURM_JOB_ID']}"
    return found


def first_of_all() -> bool | None:
    """Whether this process is the first rank, as far as the variables say; None if they say nothing."""
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
