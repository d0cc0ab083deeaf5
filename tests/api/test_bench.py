"""Benchmarks: grids, cells that are gone on with, and the report."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import statistics
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT
from small import SMALL, same

import ganzoo
from ganzoo.api.bench import cells
from ganzoo.api.bench.grid import Cell, Grid, cell_plan, make_grid, parse_shard, read_grid
from ganzoo.api.bench.report import make_report, summarise, tables
from ganzoo.api.bench.runner import bench, short_scores
from ganzoo.api.resume import resume
from ganzoo.api.train import execute
from ganzoo.cli import run
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.files.lock import held
from ganzoo.machine.signals import Stopped
from ganzoo.pictures.tables import format_mean
from ganzoo.runs.run import Run
from ganzoo.training.trainer import Trainer

KEYS = {key: value for key, value in SMALL.items() if key != "batch"}
GRID: dict[str, Any] = {
    "variants": ["vanilla"],
    "datasets": ["points:ring"],
    "seeds": [0, 1],
    "steps": 6,
    "set": {**KEYS, "batch": 16},
}
"""Two cells that train in a moment."""

FOLDER = "vanilla.points-points-ring"


def toml(grid: dict[str, Any], path: Path) -> Path:
    """A grid as a file; JSON's lists and scalars are TOML's too."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in grid.items() if key not in ("set", "cells")]
    lines += ["[set]", *[f'"{key}" = {json.dumps(value)}' for key, value in grid.get("set", {}).items()]]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def quick_scores() -> Iterator[None]:
    """Scores of fewer points, in a moment each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganzoo.evaluation.metrics.points.W2_SAMPLES", 100)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """The folder of a finished benchmark. Do not write into it: copy it."""
    folder = tmp_path_factory.mktemp("bench") / "done"
    assert not bench(GRID, out=folder, progress=False, device="cpu").failed
    return folder


@pytest.fixture
def copy(done: Path, tmp_path: Path) -> Path:
    """A copy of a finished benchmark, to do things to."""
    return Path(shutil.copytree(done, tmp_path / "copy"))


def again(out: Path, grid: dict[str, Any] | None = None) -> tuple[Any, list[str]]:
    """A benchmark started in a folder, and its messages."""
    lines: list[str] = []
    result = bench(grid or GRID, out=out, report=lines.append, progress=False, device="cpu")
    return result, lines


def code(*arguments: str) -> Any:
    """The exit code of a command that ends the process."""
    with pytest.raises(SystemExit) as caught:
        run([*arguments])
    return caught.value.code


def state(path: Path) -> dict[str, Any]:
    return checkpoint.newest(path / "checkpoints")[1]


def times(folder: Path) -> dict[Path, int]:
    """When each file of the runs was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and "report" not in path.name}


# The grid.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"varaints": ["dcgan"]}, "unknown grid key 'varaints': did you mean variants"),
        ({"variants": ["vanila"]}, "vanila on points:ring: unknown variant 'vanila': did you mean vanilla"),
        ({"variants": ["vanilla.nope"]}, "unknown recipe of vanilla 'nope'"),
        ({"datasets": ["mnsit"]}, "vanilla on mnsit: unknown data set 'mnsit': did you mean mnist"),
        ({"variants": []}, "variants is empty"),
        ({"variants": "vanilla"}, "variants must be a list of names in quotes"),
        ({"variants": ["vanilla", "vanilla"]}, "variants names 'vanilla' twice"),
        ({"variants": ["vanilla", "vanilla.points"]}, "two cells would be trained in vanilla.points-points-ring"),
        ({"datasets": [1]}, "datasets must be a list of names in quotes"),
        ({"seeds": []}, "seeds must be a list of whole numbers"),
        ({"seeds": 3}, "seeds must be a list of whole numbers"),
        ({"seeds": [True]}, "seeds must be whole numbers of at least 0, not True"),
        ({"seeds": [-1]}, "seeds must be whole numbers of at least 0, not -1"),
        ({"seeds": [1, 1]}, "seeds has a number twice"),
        ({"steps": 0}, "steps must be whole numbers of at least 1, not 0"),
        ({"steps": "many"}, "steps must be whole numbers"),
        ({"set": {"g.rl": 1}}, "vanilla on points:ring: unknown recipe key 'g.rl': did you mean g.lr"),
        ({"set": {"loss": "hinze"}}, "vanilla on points:ring: unknown loss 'hinze': did you mean hinge?"),
        ({"set": {"augment": "difaug"}}, "unknown augmentation 'difaug': did you mean diffaug?"),
        ({"set": {"batch": -1}}, "batch: expected a whole number of at least 1, got -1"),
        ({"set": {"seed": 1}}, "seed is a top-level key of the grid: use seeds there"),
        ({"set": 3}, "set must be a table"),
        ({"cells": 3}, "cells must be tables"),
        ({"cells": [{"variant": "vanilla"}]}, "cells, number 1: dataset must be a name in quotes"),
        ({"cells": [{"variant": "vanilla", "dataset": "digits", "seed": 1}]}, "cells, number 1: unknown key 'seed'"),
        (
            {"cells": [{"variant": "vanilla", "dataset": "digits", "label": "../up"}]},
            "label must be lower-case letters, digits and single hyphens, not '../up'",
        ),
        (
            {"cells": [{"variant": "vanilla", "dataset": "points:ring"}]},
            "two cells would be trained in vanilla.points-points-ring: leave one out, or give one a label",
        ),
        ({"variants": ["dcgan"], "set": {}}, "nothing to train: no variant takes any of the data sets"),
    ],
)
def test_a_mistake_in_a_grid_is_one_line_and_nothing_is_written(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(GanzooError) as caught:
        bench(GRID | changes, out="out")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_variants_without_datasets_are_refused() -> None:
    with pytest.raises(GanzooError, match="variants without datasets: list both"):
        read_grid({"variants": ["vanilla"], "seeds": [0]})


def test_the_file_is_named_in_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text("variants = [\n")
    (tmp_path / "wrong.toml").write_text('variants = ["nope"]\ndatasets = ["digits"]\nseeds = [0]\n')
    for name in ("bad", "wrong", "missing"):
        assert run(["bench", f"{name}.toml"]) == 2
        message = capsys.readouterr().err
        assert f"{name}.toml" in message
        assert message.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.toml", "wrong.toml"]


def test_each_variant_takes_the_recipe_that_a_training_would() -> None:
    grid = read_grid({"variants": ["vanilla", "dcgan"], "datasets": ["digits", "mnist"], "seeds": [3]})
    assert [group.variant for group in grid.groups] == [
        "vanilla.digits",
        "vanilla.mnist",
        "dcgan.digits",
        "dcgan.mnist",
    ]
    planned = cell_plan(grid.cells[1])
    assert planned.recipe == ganzoo.plan("vanilla", dataset="mnist", seed=3).recipe


def test_what_a_variant_cannot_take_is_left_out_and_listed() -> None:
    names = ["points:ring", "points:moons", "digits"]
    grid = read_grid({"variants": ["dcgan", "conditional"], "datasets": names, "seeds": [0]})
    assert [group.title for group, _ in grid.left_out] == [
        "dcgan.digits on points:ring",
        "dcgan.digits on points:moons",
    ]
    assert "dcgan takes image data, and points is points data" in grid.left_out[0][1]


def test_keys_of_a_cell_go_over_those_of_all() -> None:
    cells = [{"variant": "vanilla", "dataset": "digits", "set": {"g": {"lr": 0.5}}, "label": "fast"}]
    grid = read_grid({"cells": cells, "seeds": [0], "steps": 9, "set": {"g.lr": 0.1, "d.lr": 0.2}})
    recipe: Any = cell_plan(grid.cells[0]).recipe
    assert (recipe.g.lr, recipe.d.lr, recipe.steps) == (0.5, 0.2, 9)
    assert grid.cells[0].folder == Path("vanilla.digits-digits-fast/seed-0")


@pytest.mark.parametrize("dataset", ["points:ring", "npz:/Some where/Ünï code.npz", "folder:../up/.."])
def test_folders_have_names_that_every_file_system_takes(dataset: str) -> None:
    grid = read_grid({"variants": ["vanilla"], "datasets": [dataset], "seeds": [0]})
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*[a-z0-9]", grid.groups[0].folder)
    assert ".." not in grid.groups[0].folder


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 20])
def test_shards_share_out_all_cells_evenly(count: int) -> None:
    grid = read_grid({"variants": ["vanilla"], "datasets": ["digits", "mnist", "points"], "seeds": [0, 1, 2]})
    parts = [grid.shard(number, count) for number in range(1, count + 1)]
    assert sorted(cell.title for part in parts for cell in part) == sorted(cell.title for cell in grid.cells)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_shard_plays_every_group_once_before_any_twice() -> None:
    grid = read_grid({"variants": ["vanilla"], "datasets": ["digits", "mnist", "points"], "seeds": [4, 2]})
    assert [cell.seed for cell in grid.shard(1, 1)] == [4, 4, 4, 2, 2, 2]


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(GanzooError, match="write it as i/n"):
        parse_shard(text)


def test_the_grids_in_the_repository_and_its_docs_are_whole() -> None:
    root = ROOT
    zoo = read_grid(root / "benchmarks" / "zoo.toml")
    assert {group.variant for group in zoo.groups} >= {"dcgan.mnist", "wgan.points", "conditional.digits-mlp"}
    page = (root / "docs" / "benchmarks.md").read_text("utf-8")
    wide, swept, tuned = (
        [group.folder for group in make_grid(tomllib.loads(example)).groups]
        for example in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    )
    assert "dcgan.digits-digits-wide" in wide
    assert len(swept) == 6
    assert "dcgan.digits-digits-loss-hinge-g.lr-0.0001" in swept
    assert tuned == ["dcgan.digits-digits", "dcgan.digits-digits-tuned"]
    fractions = read_grid(root / "benchmarks" / "more-data.toml")
    assert [group.set["data.fraction"] for group in fractions.groups] == [0.01, 0.1, 1.0]
    assert fractions.metrics == "augmentation"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "abacus"}, "unknown device 'abacus'"),
        ({"devise": "cpu"}, "unknown option 'devise': did you mean device"),
        ({"devices": 2}, "a benchmark trains each cell on one device"),
        ({"precision": "fp32", "keep": 0}, "keep: expected a whole number of at least 1, got 0"),
    ],
)
def test_options_that_would_fail_every_cell_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GanzooError, match=message):
        bench(GRID, out="out", **options)
    assert not Path("out").exists()


# Cells.


def test_every_cell_is_a_run_of_its_own_with_scores(done: Path) -> None:
    for seed in (0, 1):
        opened = ganzoo.load(done / FOLDER / f"seed-{seed}")
        assert (opened.recipe.seed, opened.recipe.steps) == (seed, 6)
        assert opened.scores is not None
    assert not same(state(done / FOLDER / "seed-0")["gan"], state(done / FOLDER / "seed-1")["gan"])


def test_a_second_start_leaves_what_is_finished(copy: Path) -> None:
    before = times(copy)
    result, lines = again(copy)
    assert not result.failed
    assert times(copy) == before
    assert [line for line in lines if "already finished" in line] == lines


@pytest.fixture
def stopped_at_two(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Every training stops after two steps, with all saved, as after a signal."""
    play = Trainer.play_step

    def stop(trainer: Trainer) -> Any:
        trainer.stop_requested = trainer.progress.step >= 1
        return play(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "play_step", stop)
        yield patch


def test_an_unfinished_cell_is_gone_on_with(done: Path, tmp_path: Path, stopped_at_two: pytest.MonkeyPatch) -> None:
    cell = read_grid(GRID).cells[0]
    path = tmp_path / "out" / cell.folder
    execute(cell_plan(cell, out=str(path), progress=False, device="cpu"))
    stopped_at_two.undo()
    assert 0 < state(path)["progress"]["step"] < 6
    _, lines = again(tmp_path / "out")
    assert any(f"{path}: step " in line for line in lines)
    assert same(state(path)["gan"], state(done / cell.folder)["gan"])


def test_a_cell_stopped_before_its_first_checkpoint_starts_anew(copy: Path, done: Path) -> None:
    path = copy / FOLDER / "seed-1"
    shutil.rmtree(path / "checkpoints")
    (path / "scores.json").unlink()
    result, _ = again(copy)
    assert not result.failed
    assert same(state(path)["gan"], state(done / FOLDER / "seed-1")["gan"])


@pytest.mark.parametrize("left", ["", "{", '{"scores": [{}]}', "of an earlier step"])
def test_a_trained_cell_without_whole_scores_is_only_scored(copy: Path, left: str) -> None:
    path = copy / FOLDER / "seed-0"
    before, scores = times(path / "checkpoints"), (path / "scores.json").read_text()
    (path / "scores.json").unlink()
    if left:
        (path / "scores.json").write_text(left if "step" not in left else scores.replace('"step": 6', '"step": 5'))
    _, lines = again(copy)
    assert (path / "scores.json").read_text() == scores
    assert times(path / "checkpoints") == before
    assert sum("scoring" in line for line in lines) == 1


def test_a_cell_that_holds_another_recipe_is_a_mismatch_and_left_alone(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = times(copy)
    grid = toml(GRID | {"set": {**KEYS, "batch": 8}}, Path("grid.toml"))
    assert code("bench", str(grid), "--out", str(copy), "--device", "cpu") == 1
    message = capsys.readouterr().out
    assert "seed-0 contains a different run (batch is 16, not 8)" in message
    assert times(copy) == before
    report = json.loads((copy / "report.json").read_text())
    assert report["groups"][0]["missing"]["0"]["status"] == "mismatch"
    assert report["groups"][0]["done"] == []


def test_a_run_whose_recipe_was_changed_along_the_way_is_a_mismatch(copy: Path) -> None:
    path = copy / FOLDER / "seed-0" / "recipe.json"
    info = json.loads(path.read_text())
    path.write_text(json.dumps(info | {"changes": [{"step": 3, "key": "g.lr", "from": 0.1, "to": 0.0002}]}))
    result, _ = again(copy)
    assert "was changed along the way (g.lr)" in next(iter(result.failed.values()))


def test_a_failed_cell_is_named_and_recorded_and_does_not_stop_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = GRID | {"datasets": ["npz:absent.npz", "points:ring"], "seeds": [0]}
    path = toml(grid, tmp_path / "grid.toml")
    assert code("bench", str(path), "--out", "out", "--device", "cpu") == 1
    shown = capsys.readouterr()
    assert sum(line.startswith("failed: ") for line in shown.out.splitlines()) == 1
    assert "absent.npz" in shown.out
    report = json.loads(Path("out/report.json").read_text())
    assert [group["done"] for group in report["groups"]] == [[], [0]]
    assert report["groups"][0]["missing"]["0"]["status"] == "failed"
    assert "absent.npz" in report["groups"][0]["missing"]["0"]["message"]


def test_an_unforeseen_exception_costs_one_cell_and_its_traceback_is_kept(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / FOLDER / "seed-0" / "scores.json").unlink()

    def fail(*arguments: Any, **options: Any) -> None:
        raise ZeroDivisionError("no\nway")

    with monkeypatch.context() as patch:
        patch.setattr(cells, "evaluate", fail)
        result, _ = again(copy)
    assert list(result.failed.values()) == ["ZeroDivisionError: no way"]
    record = json.loads((copy / FOLDER / "seed-0.failed.json").read_text())
    assert "test_bench.py" in record["traceback"]
    result, _ = again(copy)
    assert not result.failed
    assert not (copy / FOLDER / "seed-0.failed.json").exists()


def test_a_signal_stops_the_whole_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []

    def stop(plan: Any, report: Any) -> None:
        begun.append(plan)
        raise Stopped(15, Path("runs"))

    monkeypatch.setattr(cells, "execute", stop)
    grid = toml(GRID, tmp_path / "grid.toml")
    assert code("bench", str(grid), "--out", "out") == 143
    assert len(begun) == 1


def test_a_cell_that_is_trained_elsewhere_is_left_alone(copy: Path) -> None:
    path = copy / FOLDER / "seed-0"
    (path / "scores.json").unlink()
    shutil.rmtree(path / "checkpoints")
    with held(path):
        result, lines = again(copy)
    assert not result.failed
    assert any(line.startswith("left alone: vanilla.points on points:ring, seed 0") for line in lines)
    assert not (path / "checkpoints").exists()


def test_data_that_turn_out_not_to_suit_are_left_out(tmp_path: Path) -> None:
    grid = {"variants": ["conditional"], "datasets": ["points:moons"], "seeds": [0], "steps": 2}
    result, lines = again(tmp_path / "out", grid)
    assert not result.failed
    assert any("left out: conditional.digits on points:moons, seed 0" in line for line in lines)
    assert result.report["groups"][0]["missing"]["0"]["status"] == "unsuited"


# The report.


def test_the_report_has_mean_and_deviation_over_the_seeds_and_the_cost(done: Path) -> None:
    group = json.loads((done / "report.json").read_text())["groups"][0]
    runs = [ganzoo.load(done / FOLDER / f"seed-{seed}") for seed in (0, 1)]
    for row in group["scores"]:
        scores = [next(s for s in (run.scores or {})["scores"] if s["name"] == row["name"]) for run in runs]
        values = [score["value"] for score in scores]
        assert row["mean"] == pytest.approx(statistics.mean(values))
        assert row["sd"] == pytest.approx(statistics.stdev(values))
        assert row["real"]["mean"] == pytest.approx(statistics.mean(score["real"] for score in scores))
    for name in ("seconds", "cpu_seconds"):
        assert group[name]["mean"] == pytest.approx(statistics.mean(run.metrics()[-1][name] for run in runs))
    assert {"MMD", "W2", "modes", "quality"} == {row["name"] for row in group["scores"]}


def test_the_report_in_markdown_has_the_numbers(done: Path) -> None:
    text = (done / "report.md").read_text()
    group = json.loads((done / "report.json").read_text())["groups"][0]
    w2 = next(row for row in group["scores"] if row["name"] == "W2")
    assert "## points:ring" in text
    assert format_mean(w2["mean"], w2["sd"]) in text
    assert "| real data |" in text
    assert "| 2/2 |" in text


def test_scores_of_different_protocols_are_not_averaged(copy: Path) -> None:
    path = copy / FOLDER / "seed-0" / "scores.json"
    scores = json.loads(path.read_text())
    for score in scores["scores"]:
        if score["name"] == "W2":
            score["protocol"]["n_fake"] = 17
    path.write_text(json.dumps(scores))
    report = make_report(read_grid(GRID), copy)
    row = next(row for row in report["groups"][0]["scores"] if row["name"] == "W2")
    assert not row["equal_protocols"]
    assert "mean" not in row
    (table,) = tables(report)
    assert "W2" not in table.header
    assert any("W2 is not averaged: its protocol differs between seeds" in note for note in table.notes)


def test_of_one_seed_there_is_no_deviation() -> None:
    score = {"name": "W2", "value": 1.0, "real": None, "better": "lower", "protocol": {"n_fake": 1}}
    (row,) = summarise([[score]])
    assert (row["mean"], row["sd"], row["real"]["mean"]) == (1.0, None, None)


def test_a_score_that_one_seed_has_with_another_protocol_too_is_averaged() -> None:
    def score(value: float, n_fake: int) -> dict[str, Any]:
        return {"name": "W2", "value": value, "real": 0.5, "better": "lower", "protocol": {"n_fake": n_fake}}

    (row,) = summarise([[score(1.0, 10), score(9.0, 99)], [score(3.0, 10)]])
    assert (row["mean"], row["values"], row["protocol"]["n_fake"]) == (2.0, [1.0, 3.0], 10)
    both = summarise([[score(1.0, 10), score(9.0, 99)], [score(3.0, 10), score(7.0, 99)]])
    assert [row["mean"] for row in both] == [2.0, 8.0]


def test_report_trains_nothing_and_marks_what_is_missing(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(copy / FOLDER / "seed-1")
    (copy / "report.md").unlink()
    grid = toml(GRID, Path("zoo.toml"))
    assert run(["bench", str(grid), "--out", str(copy), "--report", "--json", "zoo.json"]) == 0
    assert "seed 1 not started" in capsys.readouterr().out
    assert "| 1/2 |" in (copy / "report.md").read_text()
    assert not (copy / FOLDER / "seed-1").exists()
    written = json.loads(Path("zoo.json").read_text())
    assert written["command"] == "ganzoo bench zoo.toml --json zoo.json"
    assert {"processor", "cores", "versions", "date"} <= set(written["machine"])


def test_the_report_of_a_grid_whose_name_is_no_utf8_is_written(copy: Path) -> None:
    grid = toml(GRID, Path("zoo.toml"))
    named = os.fsdecode(b"caf\xe9.toml")
    try:
        grid.rename(named)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert run(["bench", named, "--out", str(copy), "--report"]) == 0
    assert (copy / "report.md").read_text("utf-8").startswith("# ganzoo bench caf?.toml\n")
    assert json.loads((copy / "report.json").read_text("utf-8"))["command"] == f"ganzoo bench {named}"


def test_a_report_on_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    grid = toml(GRID, Path("zoo.toml"))
    assert run(["bench", str(grid), "--report"]) == 2
    assert "runs/bench-zoo does not exist" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_shards_write_nothing_in_common(copy: Path, tmp_path: Path) -> None:
    for file in ("report.md", "report.json", "report.png"):
        (copy / file).unlink()
    for number in (1, 2):
        bench(GRID, out=copy, shard=(number, 2), progress=False)
    assert [path.name for path in copy.iterdir()] == [FOLDER]


def test_a_grid_of_many_groups_is_one_table_for_each_data_set() -> None:
    grid = read_grid({"variants": ["vanilla", "dcgan"], "datasets": ["digits", "points"], "seeds": [0]})
    assert isinstance(grid, Grid)
    shown = tables(make_report(grid, Path("nowhere")))
    assert [table.title for table in shown] == ["digits", "points"]
    assert [row[0] for row in shown[0].rows] == ["vanilla.digits", "dcgan.digits"]
    assert [row[0] for row in shown[1].rows] == ["vanilla.points"]


def test_seconds_on_the_processor_go_on_after_a_stop(tmp_path: Path, stopped_at_two: pytest.MonkeyPatch) -> None:
    cell: Cell = read_grid(GRID).cells[0]
    options = {"out": "stopped", "progress": False, "device": "cpu", "log_every": 1}
    before = execute(cell_plan(cell, **options)).run.metrics()[-1]
    stopped_at_two.undo()
    after = resume("stopped").metrics()
    assert before["cpu_seconds"] > 0
    assert [record["cpu_seconds"] for record in after] == sorted(record["cpu_seconds"] for record in after)
    assert after[-1]["cpu_seconds"] > before["cpu_seconds"]


def test_the_gallery_takes_the_pictures_of_a_benchmark(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = importlib.import_module("benchmarks.gallery")
    row = gallery.Row(FOLDER, "page/samples.png", (("training.gif", "docs/ring.gif"),))
    assert gallery.copy_pictures(row, done, tmp_path) == []
    assert (tmp_path / "page" / "samples.png").read_bytes() == (done / FOLDER / "seed-0" / "samples.png").read_bytes()
    assert (tmp_path / "docs" / "ring.gif").is_file()
    (problem,) = gallery.copy_pictures(gallery.Row("absent", "other.png"), done, tmp_path)
    assert "absent" in problem
    folders = {group.folder for group in read_grid(Path(gallery.__file__).parent / "zoo.toml").groups}
    assert {row.group for row in gallery.ROWS} <= folders


def test_the_page_of_results_is_made_from_the_report(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    generated = importlib.import_module("generated")
    report = json.loads((done / "report.json").read_text())
    page = generated.results_page(report)
    assert "`ganzoo bench GRID.toml`" in page
    assert "over the seeds 0, 1" in page
    w2 = next(row for row in report["groups"][0]["scores"] if row["name"] == "W2")
    assert format_mean(w2["mean"], w2["sd"]) in page


# Cells whose files are damaged.

CELL = f"{FOLDER}/seed-0"


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"scores": [5], "notes": []}', '{"scores": [{"name": "W2", "value": "x", "protocol": {}}]}']
)
def test_damaged_scores_are_put_aside_and_the_cell_is_scored_again(content: str, copy: Path) -> None:
    before = (copy / CELL / "scores.json").read_text()
    (copy / CELL / "scores.json").write_text(content)
    assert cells.read_state(copy, make_grid(GRID).cells[0]).status == "started"
    result, lines = again(copy)
    assert not result.failed
    assert (copy / CELL / "scores.json").read_text() == before
    assert (copy / CELL / "scores-damaged.json").read_text() == content
    assert any("scores-damaged.json" in line for line in lines)


DAMAGED_RECIPES: list[Any] = [
    b"{", b"[]", {"changes": 5}, {"changes": [5]}, {"recipe": 5}, {"recipe": {"steps": "x"}}, {"data": {}},
    {"variant": "gone"}, {"hardware": 5},
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED_RECIPES)
def test_a_damaged_cell_does_not_stop_the_others_nor_the_report(damage: Any, copy: Path) -> None:
    file = copy / CELL / "recipe.json"
    changed = damage if isinstance(damage, bytes) else json.dumps(json.loads(file.read_text()) | damage).encode()
    file.write_bytes(changed)
    (copy / FOLDER / "seed-1" / "scores.json").unlink()
    result, _ = again(copy)
    (group,) = result.report["groups"]
    assert 1 in group["done"]
    assert group["missing"].keys() <= {"0"}
    assert (copy / "report.md").exists()


@pytest.mark.parametrize("content", ["{", "5", '{"status": 5, "message": []}', "[" * 100_000])
def test_a_damaged_record_of_a_failure_is_put_aside(content: str, copy: Path) -> None:
    (copy / CELL / "scores.json").unlink()
    record = copy / f"{CELL}.failed.json"
    record.write_text(content)
    result, lines = again(copy)
    assert not result.failed
    assert not record.exists()
    assert (copy / f"{CELL}.failed-damaged.json").read_text() == content
    assert any("failed-damaged.json" in line for line in lines)


def test_a_folder_in_the_place_of_a_record_does_not_stop_the_benchmark(copy: Path) -> None:
    (copy / CELL / "scores.json").unlink()
    (copy / f"{CELL}.failed.json").mkdir()
    assert not again(copy)[0].failed


def test_anything_that_goes_wrong_with_one_cell_is_its_own(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Run.open.__func__  # type: ignore[attr-defined]

    def fail(cls: type[Run], path: Any, **options: Any) -> Run:
        if "seed-0" in str(path):
            raise PermissionError("not yours")
        return opened(cls, path, **options)

    monkeypatch.setattr(Run, "open", classmethod(fail))
    result, _ = again(copy)
    (group,) = result.report["groups"]
    assert group["done"] == [1]
    assert group["missing"]["0"] == {"status": "failed", "message": "PermissionError: not yours"}


def test_the_line_of_a_finished_cell_has_each_score_once() -> None:
    rows = [("FD[domain:digits]", 0.61234), ("memorised[pixels]", 0.5), ("memorised[shifted]", 0.25)]
    scores = {"scores": [{"name": name, "value": value} for name, value in rows]}
    assert short_scores(scores) == "FD 0.6123, memorised 0.5"
