"""The list of runs: what is found, what differs, and in which order."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ganzoo
from ganzoo.api.listing import format_age
from ganzoo.cli import run as typed
from ganzoo.files.lock import Lock


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(source: Path, name: str, age: float = 0, values: dict[str, float] | None = None, **recipe: Any) -> Path:
    """A copy of a run with other recipe keys and scores, last written some seconds ago."""
    folder = Path(shutil.copytree(source, Path("runs") / name))
    info = json.loads((folder / "recipe.json").read_text())
    info["recipe"] |= recipe
    (folder / "recipe.json").write_text(json.dumps(info))
    kinds = (("higher", "is"), ("lower", "fd"))
    rows = [
        {"name": score, "value": value, "better": better, "protocol": {"metric": metric, "weights": "ema"}}
        for (score, value), (better, metric) in zip((values or {}).items(), kinds, strict=False)
    ]
    if rows:
        (folder / "scores.json").write_text(json.dumps({"scores": rows}))
    for path in (folder / "recipe.json", folder / "metrics.jsonl", folder / "checkpoints"):
        stat = path.stat()
        os.utime(path, (stat.st_atime, stat.st_mtime - age))
    return folder


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    capsys.readouterr()
    assert typed(["runs", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_each_run_has_its_state_score_and_what_differs(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(digits_run, "a", 7300, {"IS[x]": 3.0, "FD[x]": 2.5}, seed=1)
    made(digits_run, "b", 10, steps=2_000)
    lines = shown(capsys, "--sort", "name")
    assert lines[0].split() == ["a", "finished", "step", "3", "FD", "2.5", "2", "h", "ago"]
    assert lines[1].split() == ["vanilla.digits", "on", "digits", "seed=1"]
    assert lines[2].split()[:6] == ["b", "stopped", "step", "3", "of", "2,000"]
    assert lines[3].split() == ["vanilla.digits", "on", "digits", "seed=0"]
    assert "ganzoo report runs/a" in lines[-2]
    assert "ganzoo compare" in lines[-1]


def test_no_line_is_wider_than_a_terminal(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(digits_run, "n" * 70, values={"IS": 1.0, "FD": 123.456}, g_hidden=[128] * 30, seed=5, latent=77, batch=16)
    made(digits_run, "b", steps=2_000_000)
    lines = shown(capsys)
    assert max(map(len, lines[:-1])) <= 80
    assert "n" * 70 in [line.strip() for line in lines]


def test_runs_are_sorted_by_columns_and_keys(digits_run: Path) -> None:
    made(digits_run, "run-10", 30, {"IS": 1.0, "FD": 3.0}, seed=2)
    made(digits_run, "run-9", 20, {"IS": 5.0, "FD": 4.0}, seed=10)
    made(digits_run, "run-1", 40, seed=1)
    for sort, names in {
        "age": ["run-9", "run-10", "run-1"],
        "name": ["run-1", "run-9", "run-10"],
        "score": ["run-10", "run-9", "run-1"],
        "seed": ["run-1", "run-10", "run-9"],
    }.items():
        assert [run.name for run in ganzoo.list_runs(sort=sort)] == names


def test_runs_of_a_grid_are_found_below_and_a_run_folder_is_a_list_of_one(digits_run: Path) -> None:
    made(digits_run, "bench-a/vanilla/seed-0")
    made(digits_run, "b")
    assert sorted(run.name for run in ganzoo.list_runs("runs")) == ["b", "bench-a/vanilla/seed-0"]
    assert [run.name for run in ganzoo.list_runs("runs/b")] == ["b"]
    # Nothing below a run is one.
    shutil.copytree(digits_run, "runs/b/samples/c")
    assert len(ganzoo.list_runs("runs")) == 2


def test_only_keys_that_differ_within_a_variant_are_named(digits_run: Path, conditional_run: Path) -> None:
    made(digits_run, "a", penalties={"r1": {"weight": 2.0, "every": 1, "options": {}}})
    made(digits_run, "b")
    made(conditional_run, "c", latent=99)
    found = {run.name: dict(run.differing) for run in ganzoo.list_runs()}
    assert found == {"a": {"penalties.r1.weight": "2.0", "penalties.r1.every": "1"}, "b": {}, "c": {}}


def test_a_key_that_older_runs_do_not_have_is_no_difference(digits_run: Path) -> None:
    made(digits_run, "a")
    info = json.loads(Path("runs/a/recipe.json").read_text())
    made(digits_run, "b")
    del info["recipe"]["lazy_correction"]
    Path("runs/a/recipe.json").write_text(json.dumps(info))
    assert [dict(run.differing) for run in ganzoo.list_runs()] == [{}, {}]


def test_a_damaged_run_and_a_link_are_warnings(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(digits_run, "a")
    made(digits_run, "b")
    Path("runs/a/recipe.json").write_text("{")
    Path("runs/b/scores.json").symlink_to("/etc/passwd")
    made(digits_run, "c")
    Path("runs/c/scores.json").write_text("{")
    assert typed(["runs"]) == 0
    written = capsys.readouterr()
    assert written.out.startswith("c ")
    assert "runs/a/recipe.json is damaged" in written.err
    assert "scores.json is a link that leads out of it" in written.err


def test_texts_of_a_run_are_printed_as_one_line(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made(digits_run, "a", **{"loss\x1b[2J\n": "x\x1b[31m" * 100})
    info = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(json.dumps(info | {"recipe_name": "\x1b[2J\nx"}))
    made(digits_run, "b")
    text = "\n".join(shown(capsys))
    assert "\x1b[2J" not in text
    assert "vanilla.?[2J?x" in text


def test_json_has_whole_names_and_values(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(digits_run, "a", values={"IS[x]": 3.0, "FD[x]": 2.5}, seed=1)
    made(digits_run, "b")
    lock = Lock(Path("runs/b"))
    (a, b) = json.loads("\n".join(shown(capsys, "--json", "--sort", "name")))
    lock.release()
    assert a["score"] == {"name": "FD[x]", "value": 2.5, "error": None}
    assert (a["run"], a["state"], a["step"], a["differs"]) == ("runs/a", "finished", 3, {"seed": 1})
    assert (b["state"], b["score"]) == ("running", None)


def test_without_runs_there_is_a_line_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys) == ["there is no folder runs here yet: ganzoo train dcgan starts a first run."]
    Path("empty").mkdir()
    assert shown(capsys, "empty") == ["there are no runs in empty."]


def test_mistakes_are_one_line(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(digits_run, "a")
    for arguments, message in ((["absent"], "absent is not a folder"), (["--sort", "sede"], "did you mean seed or")):
        assert typed(["runs", *arguments]) == 2
        written = capsys.readouterr().err
        assert message in written
        assert written.count("\n") == 1


def test_a_list_without_scores_does_not_import_torch(digits_run: Path) -> None:
    made(digits_run, "a")
    code = "import sys, ganzoo; print(len(ganzoo.list_runs()), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]


def test_a_list_shows_itself_in_a_notebook(digits_run: Path) -> None:
    made(digits_run, "a<b>")
    found = ganzoo.list_runs()
    assert '<td style="text-align:left">a&lt;b&gt;</td>' in found._repr_html_()
    assert repr(found) == "a<b>  vanilla.digits on digits  3  finished"


@pytest.mark.parametrize(
    ("seconds", "age"), [(-3, "0 s"), (59, "59 s"), (61, "1 min"), (7_300, "2 h"), (200_000, "2 d")]
)
def test_ages(seconds: float, age: str) -> None:
    assert format_age(seconds) == age
