"""The machine: devices, ranks and precision, through Lightning Fabric."""

from __future__ import annotations

import warnings

import torch

# Fabric announces itself and its tips on import; what users should read is ours.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lightning_fabric import Fabric

from ganzoo.errors import GanzooError
from ganzoo.specs import RunOptions

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
