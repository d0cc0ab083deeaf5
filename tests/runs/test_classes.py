"""Classes by name and by number, and folders of samples with a subfolder for each class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import SMALL

import ganzoo
from ganzoo import cli
from ganzoo.api.sample import write_samples
from ganzoo.errors import GanzooError
from ganzoo.recipes import DataSpec
from ganzoo.runs.classes import as_numbers, class_number, folder_names


def data(*names: str) -> DataSpec:
    return DataSpec("test", "image", (1, 8, 8), len(names), names)


ONE_TO_TEN = data(*(str(number) for number in range(1, 11)))
DIGITS = data(*(str(number) for number in range(10)))


@pytest.mark.parametrize(
    ("label", "spec", "number"),
    [
        ("cat", data("cat", "dog"), 0),
        ("dog", data("cat", "dog"), 1),
        ("1", data("cat", "dog"), 1),
        ("3", DIGITS, 3),
        ("10", ONE_TO_TEN, 9),  # as a number, it is beyond the last class
        ("0", ONE_TO_TEN, 0),  # as a name, it does not exist
        ("name:1", ONE_TO_TEN, 0),
        ("number:1", ONE_TO_TEN, 1),
        ("01", data("00", "01"), 1),
        ("01", data("01", "02"), 0),
        ("name:1", data("name:1", "1"), 0),
    ],
)
def test_names_come_before_numbers(label: str, spec: DataSpec, number: int) -> None:
    assert class_number(label, spec) == number


@pytest.mark.parametrize("label", ["1", "2", "9"])
def test_a_text_that_means_two_classes_is_refused(label: str) -> None:
    with pytest.raises(GanzooError, match=f"type name:{label} or number:{label}") as error:
        class_number(label, ONE_TO_TEN)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("label", ["bird", "", "--5", "1.5", "²", "9" * 9999])
def test_a_text_that_means_none_is_refused(label: str) -> None:
    with pytest.raises(GanzooError, match="unknown class"):
        class_number(label, data("cat", "dog"))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [("dog", 1), (["dog", 0], [1, 0]), (("cat", "dog"), [0, 1]), (np.array(["dog"]), [1]), (1, 1), (None, None)],
)
def test_python_takes_names_too(labels: Any, expected: Any) -> None:
    assert as_numbers(labels, data("cat", "dog")) == expected


def test_names_of_folders_are_safe_and_differ() -> None:
    assert folder_names(data("T-shirt/top", "..", "a:b", "A_b", "")) == ["T-shirt_top", "_-1", "a_b-2", "A_b-3", "_-4"]


def test_names_that_are_too_long_for_a_folder_are_cut_and_stay_apart() -> None:
    names = folder_names(data("x" * 300, "x" * 299 + "y", "é" * 200, "é" * 127 + "z", "a" * 255, "\udce9t\udce9"))
    assert all(len(name.encode()) <= 255 for name in names)
    assert len({name.casefold() for name in names}) == 6
    assert names[0].endswith("x-0")
    assert set(names[2]) <= set("é-2")
    assert names[-1] == "?t?" or "?" not in names[-1]


def test_samples_of_classes_with_long_names_are_written(tmp_path: Path) -> None:
    x = np.random.RandomState(0).randint(0, 256, (30, 8, 8)).astype(np.uint8)
    names = ["long " * 80 + "cat", "long " * 80 + "dog", "é" * 200]
    np.savez(tmp_path / "pets.npz", x=x, y=np.array(names * 10))
    keys = SMALL | {"network": "mlp", "embedding": "4", "batch": "8"}
    options: dict[str, Any] = {"progress": False, "device": "cpu", "out": str(tmp_path / "run")}
    ganzoo.train("conditional", dataset=tmp_path / "pets.npz", steps=1, set=keys, **options)
    assert cli.run(["sample", str(tmp_path / "run"), "-n", "9", "--to", str(tmp_path / "made")]) == 0
    assert len(list((tmp_path / "made").iterdir())) == 3
    assert len(list((tmp_path / "made").glob("*/*.png"))) == 9


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ganzoo.Run:
    here = tmp_path_factory.mktemp("classes")
    x = np.random.RandomState(0).randint(0, 256, (30, 8, 8)).astype(np.uint8)
    np.savez(here / "pets.npz", x=x, y=np.array(["cat", "dog", "T/top"] * 10))
    keys = SMALL | {"network": "mlp", "embedding": "4", "batch": "8"}
    options: dict[str, Any] = {"progress": False, "device": "cpu", "out": str(here / "run")}
    return ganzoo.train("conditional", dataset=here / "pets.npz", steps=1, set=keys, **options)


def test_a_run_is_sampled_by_name(run: ganzoo.Run, tmp_path: Path) -> None:
    assert run.data.class_names == ("T/top", "cat", "dog")
    assert torch.equal(run.sample(4, labels="dog"), run.sample(4, labels=2))
    assert torch.equal(run.sample(4, labels=["cat", "dog"]), run.sample(4, labels=[1, 2]))
    assert torch.equal(run.interpolate(1, 4, labels="dog"), run.interpolate(1, 4, labels=2))
    generator = ganzoo.load_generator(ganzoo.export(run, tmp_path / "g.safetensors"))
    assert torch.equal(generator.sample(4, labels="dog"), run.sample(4, labels=2))
    for wrong in ("bird", ["cat", "bird"], 1.5):
        with pytest.raises(GanzooError, match="no such class"):
            run.sample(4, labels=wrong)  # type: ignore[arg-type]


def test_a_folder_of_labelled_samples_has_a_subfolder_for_each_class(run: ganzoo.Run, tmp_path: Path) -> None:
    path = write_samples(run, 7, folder=tmp_path / "all")
    counts = {folder.name: len(list(folder.glob("*.png"))) for folder in path.iterdir()}
    assert counts == {"T_top": 3, "cat": 2, "dog": 2}
    assert cli.run(["sample", str(run.path), "-n", "4", "--class", "dog", "--to", str(tmp_path / "dogs")]) == 0
    assert [folder.name for folder in (tmp_path / "dogs").iterdir()] == ["dog"]
    assert [
        file.parent.name for file in write_samples(run, 4, folder=tmp_path / "walk", interpolate=True).iterdir()
    ] == ["walk"] * 4


def test_labels_survive_the_way_through_a_folder(
    run: ganzoo.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganzoo.api import targets
    from ganzoo.api.planning import make_options
    from ganzoo.runs.reference import Request

    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    path = write_samples(run, 30, classes=["dog", "T/top"], folder=tmp_path / "samples")
    pets = run.info["source"]["path"]
    samples, _ = targets.from_files(path, Request(), make_options(), pets, lambda line: None)
    assert samples.labels is not None
    assert samples.labels.tolist() == [0] * 15 + [2] * 15
    npz = write_samples(run, 30, classes=["dog", "T/top"], npz=tmp_path / "samples.npz")
    samples, _ = targets.from_files(npz, Request(), make_options(), pets, lambda line: None)
    assert samples.labels is not None
    assert samples.labels.tolist() == [2, 0] * 15
