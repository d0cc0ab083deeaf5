"""Data sets that read two of the user's folders, and folders that name their data set by what is in them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doc_examples import room_for_examples
from kinds_of_data import folders as two_folders
from kinds_of_data import signals
from kinds_of_data.folders import load
from PIL import Image

import ganzoo
from ganzoo import cli, hookimpl
from ganzoo.specs import DatasetSpec
from ganzoo.zoo.zoo import Plugin, Zoo


@pytest.fixture
def zoo() -> Iterator[Zoo]:
    with room_for_examples() as zoo:
        for name, module in (("pairs", two_folders), ("signals", signals)):
            assert zoo.add(Plugin(name, name, "example", module)).error == ""
        yield zoo


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    random = np.random.default_rng(0)
    for name, count in (("a", 12), ("b", 20)):
        (tmp_path / name).mkdir()
        for number in range(count):
            Image.fromarray(random.integers(0, 255, (8, 8), np.uint8)).save(tmp_path / name / f"{number:02d}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(*more: str) -> int:
    words = ["train", "paired-cycle", "--dataset", "pairs:a", "--set", "data.second_path=b", "--out", "run"]
    return cli.run([*words, "--no-scores", "--steps", "2", *more])


def test_both_paths_are_recorded_and_mean_the_same_from_elsewhere(
    zoo: Zoo, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train() == 0
    source = json.loads((folders / "run" / "recipe.json").read_text())["source"]
    assert (source["path"], source["second_path"]) == (str(folders / "a"), str(folders / "b"))
    assert len(source["others"]) == 64
    (folders / "there").mkdir()
    monkeypatch.chdir(folders / "there")
    assert cli.run(["resume", "../run", "--steps", "4", "--no-scores"]) == 0
    planned = ganzoo.plan("paired-cycle", recipe="../run").recipe.data
    assert (planned.path, planned.second_path) == (str(folders / "a"), str(folders / "b"))


def test_changed_inputs_are_other_data(zoo: Zoo, folders: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert train() == 0
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folders / "b" / "00.png")
    assert cli.run(["resume", "run", "--steps", "4", "--no-scores"]) == 2
    assert "does not hold the data that run was trained on (other inputs)" in capfd.readouterr().err
    assert cli.run(["resume", "run", "--steps", "4", "--no-scores", "--other-data"]) == 0


def test_two_moved_folders_are_named_together(zoo: Zoo, folders: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert train() == 0
    shutil.move("b", "c")
    assert cli.run(["resume", "run", "--steps", "4", "--no-scores"]) == 2
    assert f"no longer at {folders / 'b'}: add --data PATH" in capfd.readouterr().err
    assert cli.run(["resume", "run", "--steps", "4", "--no-scores", "--data", "a"]) == 2
    assert f"write --data FIRST{os.pathsep}SECOND" in capfd.readouterr().err
    assert cli.run(["resume", "run", "--steps", "4", "--no-scores", "--data", f"a{os.pathsep}c"]) == 0
    source = json.loads((folders / "run" / "recipe.json").read_text())["source"]
    assert source["second_path"] == str(folders / "c")


@pytest.mark.parametrize("dataset", ["digits", "points", "folder:a"])
def test_a_data_set_that_reads_one_path_refuses_another(
    zoo: Zoo, folders: Path, dataset: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "vanilla", "--dataset", dataset, "--set", "data.second_path=b", "--steps", "1"]
    assert cli.run([*words, "--out", "run"]) == 2
    assert "does not read two paths: leave out data.second_path ('b')" in capfd.readouterr().err


def test_a_folder_names_its_data_set_by_what_most_of_its_files_are(
    zoo: Zoo, folders: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def read(path: Any) -> str:
        return ganzoo.plan("signal-gan", dataset=path).recipe.data.name

    assert cli.run(["train", "signal-gan.beeps", "--out", "run", "--steps", "1", "--no-scores"]) == 0
    assert cli.run(["sample", "run", "-n", "12", "--to", "sounds"]) == 0
    assert read("sounds") == read(Path("sounds")) == read("./sounds/") == "beeps"
    assert ganzoo.plan("signal-gan", dataset="sounds").recipe.data.path == "sounds"
    assert cli.run(["train", "signal-gan", "--dataset", "sounds", "--out", "again", "--steps", "1", "--no-scores"]) == 0
    assert ganzoo.load("again").data.modality == "recordings"
    assert cli.run(["eval", "sounds", "--against", "beeps", "--json"]) == 0
    for number in range(13):
        shutil.copy("a/00.png", f"sounds/{number}.png")
    assert ganzoo.plan("dcgan", dataset="sounds").recipe.data.name == "folder"
    (folders / "none").mkdir()
    assert ganzoo.plan("dcgan", dataset="none").recipe.data.name == "folder"
    (folders / "sounds" / "broken.wav").write_bytes(b"RIFF")
    capfd.readouterr()
    assert cli.run(["eval", "sounds", "--against", "beeps"]) == 2
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_two_data_sets_that_read_the_same_files_must_be_named(
    zoo: Zoo, folders: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Other:
        @staticmethod
        @hookimpl
        def ganzoo_datasets() -> list[DatasetSpec]:
            more = {"argument": "path", "downloads": False}
            return [
                DatasetSpec("noises", "Noises.", "none", "recordings", load, folder_endings=(".wav",), **more),
                DatasetSpec("arrays", "Arrays.", "none", "image", load, endings=(".npy",), **more),
                DatasetSpec("rows", "Arrays.", "none", "recordings", load, endings=(".npy",), **more),
            ]

    assert zoo.add(Plugin("other", "other", "example", Other)).error == ""
    (folders / "sounds").mkdir()
    (folders / "sounds" / "1.wav").touch()
    assert cli.run(["train", "signal-gan", "--dataset", "sounds"]) == 2
    assert "type --dataset beeps:sounds or --dataset noises:sounds" in capfd.readouterr().err
    np.save(folders / "x.npy", np.zeros((20, 8, 8), np.uint8))
    assert cli.run(["train", "dcgan", "--dataset", "x.npy"]) == 2
    assert "type --dataset npz:x.npy or --dataset arrays:x.npy." in capfd.readouterr().err
    # Only one of them is of the kind that the variant takes.
    assert ganzoo.plan("signal-gan", dataset="x.npy").recipe.data.name == "rows"


@pytest.mark.parametrize("endings", ["csv", (".CSV",), ("csv",), (".",), (1,), None])
def test_endings_are_checked(zoo: Zoo, endings: Any) -> None:
    class Wrong:
        @staticmethod
        @hookimpl
        def ganzoo_datasets() -> list[DatasetSpec]:
            return [DatasetSpec("wrong", "Wrong.", "none", "recordings", load, endings=endings)]

    plugin = zoo.add(Plugin("wrong", "wrong", "example", Wrong))
    assert "endings of the data set 'wrong' must be a tuple of lower-case file endings" in plugin.error
