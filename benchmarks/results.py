"""Where and on what a number was measured: every results file begins with it."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

FOLDER = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Hardware and versions."""
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
        "versions": {name: importlib.metadata.version(name) for name in ("ganzoo", "torch", "torchvision", "numpy")},
        "date": datetime.date.today().isoformat(),
    }


def write(name: str, command: str, values: dict[str, Any]) -> Path:
    """Write results/NAME.json: the command, the machine, the values."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({"command": command, "machine": machine(), **values}, indent=1) + "\n", "utf-8")
    return path
