"""What a result was measured on: hardware, versions and date."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path
from typing import Any

import torch

from ganzoo.machine.packages import installed_version


def machine() -> dict[str, Any]:
    """Hardware, versions and date of this process."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "python": platform.python_version(),
        "versions": {name: installed_version(name) for name in ("ganzoo", "torch", "torchvision", "numpy")},
        "date": datetime.date.today().isoformat(),
    }


def versions() -> dict[str, str]:
    """Versions of ganzoo, of the packages that influence training results, and of Python."""
    names = ("ganzoo", "torch", "torchvision", "numpy", "torch-fidelity")
    return {name: installed_version(name) for name in names} | {"python": platform.python_version()}


def hardware() -> dict[str, Any]:
    """The hardware that a run is trained on."""
    gpus = (
        [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    )
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
    }
