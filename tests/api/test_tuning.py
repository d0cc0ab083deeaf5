"""`ganzoo tune`: what is searched, that trials are runs, that hopeless ones end early, and that a search continues."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small import SMALL

import ganzoo
from ganzoo.api import tuning
from ganzoo.api.search_space import Dimension, parse
from ganzoo.api.tuning import Pruning, make_task
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.runs.callbacks import evaluations
from ganzoo.zoo import registry

pytest.importorskip("optuna")

RECIPE = registry.find_recipe("vanilla.digits")[2]
OPTIONS: dict[str, Any] = {
    "dataset": "points:ring",
    "steps": 4,
    "eval_every": 2,
    "set": SMALL,
    "device": "cpu",
    "progress": False,
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluations, "SAMPLES", 100)


def test_ranges_and_values_are_parsed() -> None:
    found = parse(["g.lr=1e-4..1e-3:log", "batch=16..128", "loss=hinge|minimax"], RECIPE)
    assert found == [
        Dimension("g.lr", 1e-4, 1e-3, log=True),
        Dimension("batch", 16, 128, whole=True),
        Dimension("loss", choices=("hinge", "minimax")),
    ]
    rates = parse([], RECIPE)
    assert [each.key for each in rates] == ["g.lr", "d.lr"]
    assert rates[0].high == pytest.approx(16 * rates[0].low)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("g.lr", "write it as g.lr=1e-4..1e-3:log"),
        ("g.lr=1e-4", "give a range or several values"),
        ("g.lr=1e-3..1e-4", "the first number must be below the second"),
        ("g.lr=0..1e-4:log", "above 0 on a logarithmic scale"),
        ("batch=0..8", "batch: expected a whole number of at least 1"),
        ("loss=hinge|hinges", "did you mean hinge"),
        ("nothing=1..2", "unknown recipe key"),
    ],
)
def test_mistakes_are_one_line(text: str, line: str) -> None:
    with pytest.raises(GanzooError) as raised:
        parse([text], RECIPE)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_trials_are_runs_and_a_second_start_continues(capsys: pytest.CaptureFixture[str]) -> None:
    search = ["g.lr=1e-4..1e-2:log", "loss=hinge|non-saturating"]
    first = ganzoo.tune("vanilla", trials=2, search=search, out="tuned", **OPTIONS)
    assert (first.trials, first.score) == (2, "MMD")
    more = ganzoo.tune("vanilla", trials=3, search=search, out="tuned", **OPTIONS)
    assert more.trials == 3
    assert sorted(path.name for path in Path("tuned").glob("trial-*")) == ["trial-0000", "trial-0001", "trial-0002"]
    assert more.run is not None
    run = ganzoo.load(more.run)
    values = [ganzoo.load(path).evaluations()[-1]["scores"] for path in Path("tuned").glob("trial-*")]
    assert more.value == min((score["MMD"] for score in values), key=abs)
    assert more.keys["loss"] == run.recipe.loss
    assert more.keys["g.lr"] == run.recipe.g.lr
    with pytest.raises(GanzooError, match="search with other search: choose another folder"):
        ganzoo.tune("vanilla", trials=3, search=search[:1], out="tuned", **OPTIONS)
    sets = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    words = ["--dataset", "points:ring", "--steps", "4", "--eval-every", "2", "--device", "cpu", "--out", "tuned"]
    searches = [part for text in search for part in ("--search", text)]
    assert typed(["tune", "vanilla", "--trials", "3", *words, *sets, *searches]) == 0
    out = capsys.readouterr().out
    assert f"in {more.run} with g.lr=" in out
    assert "train it: ganzoo train vanilla.points --dataset points:ring --steps 4 " in out


def test_a_file_that_is_no_study_is_refused() -> None:
    Path("other.jsonl").write_text("nothing\n", "utf-8")
    with pytest.raises(GanzooError, match="is not a study of ganzoo tune"):
        ganzoo.tune("vanilla", trials=1, out="tuned", study="other.jsonl", **OPTIONS)


def test_a_run_worse_than_the_others_ends_early_with_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task("vanilla", [], None, "tuned", OPTIONS)
    assert (task.score, task.objective(-2.0)) == ("MMD", 2.0)
    records = [{"step": 2, "scores": {"MMD": 0.5}}]
    monkeypatch.setattr(tuning, "Run", SimpleNamespace(open=lambda path: SimpleNamespace(evaluations=lambda: records)))
    reported: list[tuple[float, int]] = []
    trial = SimpleNamespace(report=lambda *values: reported.append(values), should_prune=lambda: True)
    trainer = SimpleNamespace(progress=SimpleNamespace(step=2, steps=4), stop_requested=False)
    watching: Any = Pruning(trial, task, Path("run"))
    watching.on_step(trainer)
    assert (trainer.stop_requested, watching.pruned, reported) == (True, True, [(0.5, 2)])


def test_scores_are_maximised_minimised_or_brought_near_their_ideal() -> None:
    task = make_task("vanilla", [], "is", None, OPTIONS | {"dataset": "digits"})
    assert (task.direction, task.objective(3.0)) == ("maximize", 3.0)
    assert dataclasses.replace(task, better=1.0).objective(0.25) == 0.75
    assert task.out == Path("runs/tune-vanilla-digits")


def test_without_optuna_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GanzooError, match=r"pip install .ganzoo\[tune\]"):
        ganzoo.tune("vanilla", trials=1)
