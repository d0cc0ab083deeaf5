"""Fixtures for all tests. Nothing is written outside temporary folders; real data sets are used if available."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

# Packages with their own tests, which test_third_party.py runs in environments where they are installed.
collect_ignore_glob = ["packages/*"]

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported: processes with several threads each would slow each other down tenfold.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

MOST_WORKERS = 4
"""Each holds a copy of torch, about a gigabyte."""

SHARED_DATA = ROOT / ".." / "shared" / "data"


def pytest_xdist_auto_num_workers() -> int:
    """One process for each core, up to four."""
    return min(os.cpu_count() or 1, MOST_WORKERS)


def pytest_configure() -> None:
    """Stop ignoring Ctrl-C and SIGHUP, as background jobs and nohup do, and as every child process would inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that requests the real data sets, so that `-m "not shared_data"` deselects it."""
    for item in items:
        if "shared_data_root" in getattr(item, "fixturenames", ()):
            item.add_marker("shared_data")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """GANZOO_CACHE in a temporary folder, so that no test uses the user's own cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_CACHE", str(folder))
        patch.delenv("GANZOO_DATA", raising=False)
        yield folder


@pytest.fixture(scope="session")
def shared_data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with the real MNIST and CIFAR-10, from a folder next to development checkouts."""
    script = SHARED_DATA / "unpack.py"
    if not script.is_file():
        pytest.skip(f"the real data sets are not in {SHARED_DATA}")
    root = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, str(script), str(root), "mnist", "cifar10"], check=True, capture_output=True)
    return root


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an unconditional run of three steps. Copy it instead of writing to it."""
    from small import train_digits

    return Path(train_digits(tmp_path_factory.mktemp("runs") / "digits").path)


@pytest.fixture(scope="session")
def conditional_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a conditional run of three steps. Copy it instead of writing to it."""
    from small import train_digits

    return Path(train_digits(tmp_path_factory.mktemp("runs") / "conditional", "conditional").path)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The zoo of this process, to which tests add plugins."""
    from ganzoo.zoo import zoo

    found = zoo.Zoo()
    found.discover()
    monkeypatch.setattr(zoo, "_current", found)
    return found
