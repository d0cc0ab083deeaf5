"""Commands that run at the same time on one run: each file is written once, and no score is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import ganzoo
from ganzoo.api import sample
from ganzoo.api.compare import compare
from ganzoo.api.sample import write_samples
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.evaluation import records
from ganzoo.evaluation.scoring import Score, Scores
from ganzoo.exporting.writing import export
from ganzoo.files import atomic
from ganzoo.pictures.sheets import encoded
from ganzoo.runs import folders
from ganzoo.runs.run import Run


@pytest.fixture
def opened(digits_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    run = ganzoo.load(shutil.copytree(digits_run, tmp_path / "run"))
    # Drawn one after the other here: it is the writing that has to stand several at once.
    drawn = run.sample(3)
    monkeypatch.setattr(Run, "sample", lambda *arguments, **options: drawn)
    monkeypatch.setattr(Run, "labels", lambda *arguments, **options: None)
    return run


def at_once(count: int, action: Callable[[int], Any]) -> list[Any]:
    """What an action returns or raises that is started several times."""

    def one(number: int) -> Any:
        try:
            return action(number)
        except GanzooError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_samples_without_a_name_each_get_a_file_of_their_own(opened: Run) -> None:
    paths = at_once(8, lambda number: write_samples(opened, 3))
    assert sorted(path.name for path in paths) == sorted(f"grid-{number}.png" for number in range(1, 9))
    for path in paths:
        with Image.open(path) as picture:
            picture.load()


def test_comparisons_without_a_name_each_get_a_file_of_their_own(opened: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.api.compare.Comparison.figure", lambda self: None)
    monkeypatch.setattr(
        "ganzoo.api.compare.figure_bytes", lambda figure, ending: encoded(Image.new("L", (4, 4)), ending)
    )
    found = compare([opened])
    paths = at_once(5, lambda number: found.draw())
    assert {path.name for path in paths} == {"compare.png", *(f"compare-{number}.png" for number in range(1, 5))}


@pytest.mark.parametrize(
    "write",
    [
        lambda run, number: write_samples(run, 3, npz="out/x.npz"),
        lambda run, number: write_samples(run, 3, grid="x.png"),
        lambda run, number: write_samples(run, 3, folder="folder"),
        lambda run, number: compare([run]).draw("x.png"),
        lambda run, number: export(run, "x.safetensors"),
        lambda run, number: records.write_new(Path("x.json"), Scores([], [str(number)])),
    ],
    ids=["npz", "grid", "folder", "compare", "export", "scores"],
)
def test_of_many_that_name_one_output_one_writes_it_and_the_others_say_why_not(
    write: Callable[[Run, int], Any], opened: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganzoo.api.compare.Comparison.figure", lambda self: None)
    monkeypatch.setattr(
        "ganzoo.api.compare.figure_bytes", lambda figure, ending: encoded(Image.new("L", (4, 4)), ending)
    )
    _ = opened.gan
    refused = [result for result in at_once(6, lambda number: write(opened, number)) if isinstance(result, GanzooError)]
    assert len(refused) == 5
    for error in refused:
        assert "exists" in str(error) or "is not empty" in str(error) or "is writing" in str(error)
    assert not [path for path in Path().rglob("*") if atomic.PARTIAL.fullmatch(path.name)]


def test_a_folder_that_is_made_after_it_was_looked_for_is_not_written_into(
    opened: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_dir = Path.is_dir

    def made_meanwhile(path: Path) -> bool:
        found = is_dir(path)
        if path.name == "folder" and not found:
            path.mkdir()
            (path / "00000.png").write_text("theirs")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(folders, "require_new", lambda path, option="--out": None)
        patch.setattr(sample, "require_new", lambda path, option="--out": None)
        patch.setattr(Path, "is_dir", made_meanwhile)
        with pytest.raises(GanzooError, match="folder exists"):
            write_samples(opened, 3, folder="folder")
    assert [file.read_text() for file in Path("folder").iterdir()] == ["theirs"]


def test_a_folder_of_samples_has_nothing_else_in_it(opened: Run) -> None:
    write_samples(opened, 3, folder="folder")
    assert sorted(path.name for path in Path("folder").iterdir()) == ["00000.png", "00001.png", "00002.png"]


def test_a_name_that_is_taken_while_samples_are_drawn_is_not_overwritten(
    opened: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = sample.npz_content

    def taken(*arguments: Any) -> bytes:
        Path("x.npz").write_text("mine")
        return draw(*arguments)

    monkeypatch.setattr(sample, "npz_content", taken)
    with pytest.raises(GanzooError, match=r"x\.npz exists"):
        write_samples(opened, 3, npz="x.npz")
    assert Path("x.npz").read_text() == "mine"


def test_scores_that_are_written_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"

    def write(number: int) -> list[str]:
        score = Score(f"metric-{number}", 1.0 * number, None, "lower", {"name": "m", "step": 3})
        return records.write_merged(path, Scores([score]), 3)

    assert at_once(8, write) == [[]] * 8
    assert {row["name"] for row in json.loads(path.read_text())["scores"]} == {f"metric-{n}" for n in range(8)}


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_scores_that_cannot_be_kept_are_printed(
    options: list[str], code: int, digits_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shutil.copytree(digits_run, tmp_path / "run")

    def full(self: Scores, path: Path) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Scores, "write", full)
    assert typed(["eval", str(tmp_path / "run"), "-n", "60", "--metrics", "is", *options]) == 0
    said = capfd.readouterr()
    assert "IS[domain:digits]" in said.out
    assert f"scores.json: {atomic.REASONS[code]}; what it would hold is not kept." in said.out + said.err
    if options:
        assert json.loads(said.out)["scores"]
    assert not (tmp_path / "run" / "scores.json").exists()
