"""From what a user types to a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ganzoo
from ganzoo import cli
from ganzoo.errors import GanzooError
from ganzoo.zoo.datasets import parse_dataset


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    np.savez(tmp_path / "x.npz", x=np.zeros((20, 8, 8), np.uint8))
    return tmp_path


def test_a_tilde_that_the_shell_left_is_expanded(home: Path) -> None:
    assert parse_dataset("~/photos") == {"name": "folder", "path": "~/photos"}
    assert parse_dataset("~/x.npz") == {"name": "npz", "path": "~/x.npz"}
    assert cli.run(["train", "vanilla", "--dry-run", "--dataset=~/x.npz"]) == 0
    assert cli.run(["train", "vanilla", "--dry-run", "--dataset=npz:~/x.npz"]) == 0


def test_path_objects_are_folders_and_files_even_under_a_data_sets_name(home: Path) -> None:
    (home / "digits").mkdir()
    assert ganzoo.plan("vanilla", dataset=Path("digits")).recipe.data.name == "folder"
    assert ganzoo.plan("vanilla", dataset=home / "x.npz").recipe.data.path == str(home / "x.npz")
    assert ganzoo.plan("vanilla", dataset="npz", set={"data.path": home / "x.npz"}).recipe.data.path
    with pytest.raises(GanzooError, match="there is no folder"):
        ganzoo.train("vanilla", dataset=Path("none"), out="run", progress=False)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("photos.zip", "unzip"),
        ("photos.tar", "tar -xf"),
        ("shard-000.tar.gz", "tar -xf"),
        ("train.parquet", "np.savez"),
        ("data.h5", "np.savez"),
        ("data.mat", "np.savez"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "npz:", "folder:"])
def test_archives_say_how_to_convert_them(
    name: str, part: str, prefix: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_bytes(b"archive")
    assert cli.run(["train", "vanilla", "--dry-run", "--dataset", prefix + name]) == 2
    said = capsys.readouterr().err
    assert part in said
    assert said.count("\n") == 1
