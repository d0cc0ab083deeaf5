"""Python processes of several ranks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def gloo_or_skip() -> None:
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("torch was built without gloo")


def start(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    gloo_or_skip()
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True, text=True, cwd=folder, env=ENVIRONMENT, timeout=200, check=False,
    )  # fmt: skip
    if done.returncode and "gloo" in done.stderr.lower() and "connect" in done.stderr.lower():
        pytest.skip(f"gloo cannot start here: {done.stderr.splitlines()[-1]}")
    return done
