"""The list of built-in data sets, and what all of them refuse."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from ganzoo.builtins.datasets import DATASETS
from ganzoo.data import points
from ganzoo.data.paths import cache_dir, data_root
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data
from ganzoo.specs import DatasetSpec

BY_NAME = {spec.name: spec for spec in DATASETS}
SPECS = [pytest.param(spec, id=spec.name) for spec in DATASETS]


def given(spec: DatasetSpec, path: Path) -> Data:
    return Data(name=spec.name, path=str(path) if spec.argument == "path" else "")


def test_the_names() -> None:
    names = "digits photo-crops points mnist fashion-mnist cifar10 cifar100 svhn stl10 stacked-mnist celeba folder npz"
    assert [spec.name for spec in DATASETS] == names.split()


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, ganzoo.builtins.datasets\n"
        "print([m for m in ('torch', 'torchvision', 'sklearn', 'numpy', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("spec", SPECS)
def test_the_card_is_complete(spec: DatasetSpec) -> None:
    assert spec.summary.endswith(".")
    assert len(spec.summary) <= 110
    assert "http" in spec.source or spec.argument == "path"


def test_the_kinds_on_the_card_are_those_of_the_module() -> None:
    assert BY_NAME["points"].kinds == points.KINDS
    assert BY_NAME["points"].kinds[0] == points.DEFAULT


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("split", ["", "validation", "tset"])
def test_an_unknown_split_is_refused_by_name(spec: DatasetSpec, split: str, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match="unknown split") as error:
        spec.load(given(spec, tmp_path), tmp_path, split)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if BY_NAME[str(spec.id)].argument != "path"])
def test_a_path_that_the_data_set_does_not_read_is_refused(spec: DatasetSpec, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=f"{spec.name} does not read your own files"):
        spec.load(dataclasses.replace(given(spec, tmp_path), path="here"), tmp_path, "train")


@pytest.mark.parametrize("spec", [spec for spec in SPECS if BY_NAME[str(spec.id)].argument != "kind"])
def test_a_kind_that_the_data_set_does_not_have_is_refused(spec: DatasetSpec, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=f"{spec.name} has no kinds"):
        spec.load(dataclasses.replace(given(spec, tmp_path), kind="ring"), tmp_path, "train")


def test_the_cache_and_the_data_root_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_CACHE", "somewhere")
    assert cache_dir() == Path("somewhere")
    assert data_root() == Path("somewhere/data")
    monkeypatch.setenv("GANZOO_DATA", "elsewhere")
    assert data_root() == Path("elsewhere")
    assert data_root("here") == Path("here")
    monkeypatch.delenv("GANZOO_CACHE")
    assert cache_dir() == Path.home() / ".cache" / "ganzoo"
