"""A third-party package: built, installed with ganzoo, used, and uninstalled without a trace."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from environments import PIP, build_wheel, done, make, run, site_packages
from paths import TESTS
from PIL import Image

SOURCE = TESTS / "packages" / "ganzoo-packs"
TRAIN = ["--steps", "20", "--device", "cpu", "--set", "batch=16", "--set", "ema=0"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    shutil.copytree(SOURCE, folder / SOURCE.name, ignore=shutil.ignore_patterns("__pycache__"))
    return build_wheel(folder / SOURCE.name, folder / "dist")


def test_a_package_is_installed_used_from_the_command_line_and_uninstalled(wheel: Path, tmp_path: Path) -> None:
    python = make(tmp_path / "venv")
    own = site_packages(tmp_path / "venv")
    before = sorted(path.name for path in own.iterdir())
    pip = [*PIP, "--python", str(python)]
    ganzoo = [str(python), "-m", "ganzoo"]
    plain = done([*ganzoo, "list", "--json"], tmp_path)

    done([*pip, "install", "--no-deps", str(wheel)], tmp_path)
    rows = {row["name"]: row for row in json.loads(done([*ganzoo, "plugins", "--json"], tmp_path))}
    assert (rows["packs"]["package"], rows["packs"]["version"], rows["packs"]["error"]) == (
        "ganzoo-packs",
        "0.3.0",
        "",
    )
    assert rows["packs"]["notes"] == []
    assert rows["packs"]["adds"] == {
        "variants": ["packed", "packed-dcgan"],
        "losses": ["margin-hinge"],
        "penalties": ["drift"],
        "datasets": ["bars"],
        "metrics": ["variety"],
        "commands": ["packs"],
        "callbacks": True,
    }
    assert "packed" in done([*ganzoo, "list"], tmp_path)
    shown = done([*ganzoo, "show", "packed"], tmp_path)
    assert "package ganzoo-packs 0.3.0" in shown
    assert "pack = 2" in shown
    assert "packs" in done([*ganzoo, "--help"], tmp_path)

    use_variants(ganzoo, tmp_path)
    use_parts(ganzoo, tmp_path)

    done([*pip, "uninstall", "--yes", "ganzoo-packs"], tmp_path)
    assert sorted(path.name for path in own.iterdir()) == before
    assert done([*ganzoo, "list", "--json"], tmp_path) == plain
    refused(ganzoo, tmp_path)


def use_variants(ganzoo: list[str], folder: Path) -> None:
    trained = done([*ganzoo, "train", "packed", "--dataset", "digits", "--out", "a", "--no-scores", *TRAIN], folder)
    assert "trained 20 steps" in trained
    assert (folder / "a" / "packs.csv").read_text().startswith("step,pack,lead\n20,2,")
    done([*ganzoo, "sample", "a", "-n", "4", "--npz", "a.npz"], folder)
    with np.load(folder / "a.npz") as arrays:
        assert arrays["x"].shape == (4, 8, 8, 1)
    done([*ganzoo, "resume", "a", "--steps", "22", "--no-scores"], folder)
    assert (folder / "a" / "packs.csv").read_text().splitlines()[-1].startswith("22,2,")
    assert done([*ganzoo, "packs", "a"], folder) == "packs of 2, 8 in a batch\n"


def use_parts(ganzoo: list[str], folder: Path) -> None:
    """Its loss, penalty and data set in another package's variant, and its metric among the scores."""
    parts = ["--set", "loss=margin-hinge", "--set", "loss_options.margin=2", "--set", "penalties=drift"]
    small = ["--set", "g_hidden=8", "--set", "d_hidden=8"]
    scored = done([*ganzoo, "train", "vanilla", "--dataset", "bars", "--out", "b", *parts, *small, *TRAIN], folder)
    assert re.search(r"^variety +\d", scored, re.MULTILINE), scored
    assert re.search(r"^FD\[domain:bars\] +\d", scored, re.MULTILINE), scored
    scores = json.loads((folder / "b" / "scores.json").read_text())
    assert "variety" in [score["name"] for score in scores["scores"]]
    record = json.loads((folder / "b" / "metrics.jsonl").read_text().splitlines()[-1])
    assert record["d/drift"] >= 0
    info = json.loads((folder / "b" / "recipe.json").read_text())
    assert [(part["kind"], part["what"], part["package"], part["version"]) for part in info["uses"]] == [
        ("datasets", "bars", "ganzoo-packs", "0.3.0"),
        ("losses", "margin-hinge", "ganzoo-packs", "0.3.0"),
        ("penalties", "drift", "ganzoo-packs", "0.3.0"),
    ]
    with Image.open(folder / "b" / "samples.png") as sheet:
        assert sheet.width > 1.8 * sheet.height


def refused(ganzoo: list[str], folder: Path) -> None:
    """What commands on its runs print after the package is uninstalled."""
    finished = run([*ganzoo, "resume", "a", "--steps", "30"], folder)
    assert finished.returncode == 2
    assert finished.stderr == (
        "error: a needs the variant 'packed' of ganzoo-packs 0.3.0, which is not installed: "
        "pip install ganzoo-packs==0.3.0\n"
    )
    assert "unknown command 'packs'" in run([*ganzoo, "packs", "a"], folder).stderr


def test_its_own_tests_pass(wheel: Path, tmp_path: Path) -> None:
    python = make(tmp_path / "venv")
    done([*PIP, "--python", str(python), "install", "--no-deps", str(wheel)], tmp_path)
    shutil.copytree(SOURCE / "tests", tmp_path / "tests")
    assert " passed" in done([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], tmp_path)
