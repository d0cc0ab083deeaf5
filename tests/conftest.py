"""Fixtures for all tests: nothing is written outside temporary folders; real data sets where there are any."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import ROOT

# Packages with tests of their own, which test_third_party.py runs where they are installed.
collect_ignore_glob = ["packages/*"]

SHARED_DATA = ROOT / ".." / "shared" / "data"


def pytest_configure() -> None:
    """Undo what shells do to what they start in the background: ignoring Ctrl-C, which every child would inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for the real data sets bears the marker, so that `-m "not shared_data"` leaves it out."""
    for item in items:
        if "shared_data_root" in getattr(item, "fixturenames", ()):
            item.add_marker("shared_data")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """GANZOO_CACHE, in a temporary folder, so that no test sees or touches the user's own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_CACHE", str(folder))
        patch.delenv("GANZOO_DATA", raising=False)
        yield folder


@pytest.fixture(scope="session")
def shared_data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with the real MNIST and CIFAR-10, from a folder that only development checkouts have beside them."""
    script = SHARED_DATA / "unpack.py"
    if not script.is_file():
        pytest.skip(f"the real data sets are not in {SHARED_DATA}")
    root = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, str(script), str(root), "mnist", "cifar10"], check=True, capture_output=True)
    return root


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an unconditional run of three steps. Do not write into it: copy it."""
    from small import train_digits

    return Path(train_digits(tmp_path_factory.mktemp("runs") / "digits").path)


@pytest.fixture(scope="session")
def conditional_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a conditional run of three steps. Do not write into it: copy it."""
    from small import train_digits

    return Path(train_digits(tmp_path_factory.mktemp("runs") / "conditional", "conditional").path)
