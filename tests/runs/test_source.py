"""A run is continued and scored on the data that it was trained on, wherever it is resumed from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small import SMALL

import ganzoo
from ganzoo import cli
from ganzoo.errors import GanzooError

RANDOM = np.random.RandomState(0)
PIXELS = RANDOM.randint(0, 256, (100, 8, 8)).astype(np.uint8)


def photos(folder: Path, pixels: np.ndarray = PIXELS) -> Path:
    folder.mkdir(parents=True)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number:02d}.bmp")
    return folder


def arrays(file: Path, pixels: np.ndarray = PIXELS) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, x=pixels, x_test=PIXELS // 2)
    return file


KINDS = {"folder": photos, "npz": arrays}
NAMES = {"folder": "photos", "npz": "photos.npz"}


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return str(request.param)


def train(dataset: Any, **options: Any) -> ganzoo.Run:
    keys = SMALL | {"data.size": 8, "batch": 8}
    return ganzoo.train(
        "vanilla", dataset=dataset, steps=2, set=keys, out="run", progress=False, device="cpu", **options
    )


def source(run: str = "run") -> dict[str, Any]:
    return dict(json.loads((Path(run) / "recipe.json").read_text())["source"])


def test_path_count_and_digest_are_recorded(kind: str) -> None:
    made = KINDS[kind](Path(NAMES[kind]))
    train(NAMES[kind])
    found = source()
    assert (found["path"], found["count"]) == (str(made.absolute()), 100)
    assert len(found["digest"]) == 64


def test_a_relative_path_means_the_same_folder_from_elsewhere(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    KINDS[kind](Path(NAMES[kind]))
    train(NAMES[kind])
    there = Path("../there")
    KINDS[kind](there / NAMES[kind], 255 - PIXELS)
    monkeypatch.chdir(there)
    run = ganzoo.resume("../here/run", steps=3, progress=False)
    assert run.info["source"]["path"].endswith(f"here/{NAMES[kind]}")
    assert "data_changes" not in run.info
    assert cli.run(["eval", "../here/run", "-n", "100"]) == 0
    planned = ganzoo.plan("vanilla", recipe="../here/run")
    assert planned.recipe.data.path == run.info["source"]["path"]


@pytest.mark.parametrize("change", ["added", "swapped", "other pixels"])
def test_changed_data_are_refused_with_what_differs_unless_asked_for(
    kind: str, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = KINDS[kind](Path(NAMES[kind]))
    train(NAMES[kind])
    before = source()
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    changed = {
        "added": np.concatenate([PIXELS, PIXELS[:2]]),
        "swapped": PIXELS[::-1],
        "other pixels": np.where(np.arange(100)[:, None, None] == 3, 7, PIXELS).astype(np.uint8),
    }[change]
    KINDS[kind](place, changed)
    text = Path("run/recipe.json").read_text()
    for command in (["resume", "run", "--steps", "3"], ["eval", "run", "-n", "100"]):
        assert cli.run(command) == 2
        said = capsys.readouterr().err
        assert ("102 samples, not 100" if change == "added" else "other samples") in said
        assert "--data PATH" in said
        assert "--other-data" in said
        assert said.count("\n") == 1
    assert Path("run/recipe.json").read_text() == text
    assert cli.run(["eval", "run", "-n", "100", "--other-data"]) == 0
    if kind == "npz":
        scores = ganzoo.evaluate("run", n=100, metrics="memorisation", other_data=True)
        assert scores.scores[0].protocol["other_data"]["count"] == len(changed)
    assert cli.run(["resume", "run", "--steps", "3", "--other-data", "--no-scores"]) == 0
    info = ganzoo.load("run").info
    assert info["source"]["count"] == len(changed)
    (recorded,) = info["data_changes"]
    assert (recorded["step"], recorded["from"]["digest"]) == (2, before["digest"])
    assert cli.run(["resume", "run", "--steps", "4", "--no-scores"]) == 0


@pytest.mark.parametrize("how", ["resume", "eval"])
def test_data_that_moved_are_accepted_if_they_are_the_same(
    kind: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = KINDS[kind](Path(NAMES[kind]))
    train(NAMES[kind])
    moved = place.rename(Path("..") / f"moved-{NAMES[kind]}")
    command = {"resume": ["resume", "run", "--steps", "3", "--no-scores"], "eval": ["eval", "run", "-n", "100"]}[how]
    assert cli.run(command) == 2
    assert "add --data PATH" in capsys.readouterr().err
    other = KINDS[kind](Path("other.npz" if kind == "npz" else "other"), 255 - PIXELS)
    assert cli.run([*command, "--data", str(other)]) == 2
    assert "other samples" in capsys.readouterr().err
    assert cli.run([*command, "--data", str(moved)]) == 0
    assert source()["path"] == str(moved.absolute())
    assert cli.run(["eval", "run", "-n", "100"]) == 0


def test_a_run_that_recorded_nothing_is_resumed_and_records_it(kind: str) -> None:
    KINDS[kind](Path(NAMES[kind]))
    run = train(NAMES[kind])
    del run.info["source"]
    run.write_info()
    ganzoo.resume("run", steps=3, progress=False)
    assert source()["count"] == 100
    assert "data_changes" not in ganzoo.load("run").info


def test_other_labels_are_noticed(kind: str) -> None:
    np.savez("labelled.npz", x=PIXELS, y=np.arange(100) % 2)
    train("labelled.npz")
    np.savez("labelled.npz", x=PIXELS, y=(np.arange(100) + 1) % 2)
    with pytest.raises(GanzooError, match="other labels"):
        ganzoo.resume("run", steps=3, progress=False)


def test_data_is_for_your_own_files_only(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    ganzoo.train("vanilla", dataset="digits", steps=1, set=SMALL, out="run", progress=False, device="cpu")
    for command in (["resume", "run", "--steps", "3", "--data", "x"], ["eval", "run", "--data", "x"]):
        assert cli.run(command) == 2
        assert "leave --data out" in capsys.readouterr().err
    assert cli.run(["eval", "run", "--against", "digits", "--other-data"]) == 2


@pytest.mark.parametrize("damaged", [3, {"path": 3, "count": 4}, {"count": 4}])
def test_a_damaged_source_is_said(kind: str, damaged: Any) -> None:
    KINDS[kind](Path(NAMES[kind]))
    run = train(NAMES[kind])
    run.info["source"] = damaged
    run.write_info()
    with pytest.raises(GanzooError, match="its source is not described"):
        ganzoo.resume("run", steps=3, progress=False)
