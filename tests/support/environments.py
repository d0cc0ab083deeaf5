"""For tests of packages: environments in which they are installed without a network."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
OFFLINE = {"PIP_NO_INDEX": "1", "OMP_NUM_THREADS": "1"}


def run(command: list[str], cwd: Path, extra: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder with a wide terminal; its output is captured."""
    environment = os.environ | OFFLINE | {"COLUMNS": "200"} | dict(extra)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def done(command: list[str], cwd: Path, extra: Mapping[str, str] = {}) -> str:
    """Run a command that must succeed; returns its standard output."""
    finished = run(command, cwd, extra)
    assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def make(folder: Path) -> Path:
    """Create a virtual environment that also sees this one's packages; returns its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages()]
    (site_packages(folder) / "beside.pth").write_text("\n".join(lines) + "\n")
    return python


def site_packages(folder: Path) -> Path:
    """The folder of a virtual environment's own packages."""
    return folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def build_wheel(source: Path, into: Path) -> Path:
    """Build the wheel of the package in a folder with the tools of this environment."""
    done([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(into), str(source)], into.parent)
    (wheel,) = into.glob("*.whl")
    return wheel


def install(package: Path, target: Path) -> None:
    """Install a folder or wheel into a folder for PYTHONPATH."""
    done(
        [*PIP, "install", "--no-deps", "--no-build-isolation", "--target", str(target), str(package)],
        package.parent,
    )


def installed(folder: Path, name: str, modules: Mapping[str, str], version: str = "1.0", requires: str = "") -> Path:
    """Write modules and the metadata of a distribution whose entry points they are, as an installer would.

    modules: entry point to source; its module is `NAME_ENTRYPOINT` with underscores. Returns the folder.
    """
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
    points = ["[ganzoo]"]
    for point, source in modules.items():
        module = f"{name}_{point}".replace("-", "_")
        (folder / f"{module}.py").write_text(source)
        points.append(f"{point} = {module}")
    (info / "entry_points.txt").write_text("\n".join(points) + "\n")
    return folder
