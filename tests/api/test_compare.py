"""Runs side by side: which scores share a column, what is best, and the picture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ganzoo
from ganzoo.api.compare import compare
from ganzoo.cli import run
from ganzoo.cli.terminal_table import show, width_of
from ganzoo.evaluation.comparability import columns_of
from ganzoo.pictures.comparison import Panel, draw_panels, score_curves
from ganzoo.pictures.tables import ScoreTable


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def score(name: str, value: float, better: str = "", real: float | None = None, /, **protocol: Any) -> dict[str, Any]:
    protocol = {"name": "made-up", "n_fake": 100, "seed": 1, "step": 3, "weights": "ema"} | protocol
    return {"name": name, "value": value, "real": real, "better": better, "protocol": protocol}


def scored(folder: Path, name: str, *scores: dict[str, Any]) -> str:
    """A copy of a run with these scores; without any, it was not scored."""
    shutil.copytree(folder, name)
    if scores:
        Path(name, "scores.json").write_text(json.dumps({"scores": scores, "notes": []}))
    return name


def body(table: ScoreTable) -> dict[str, dict[str, str]]:
    """A table's cells by run and column."""
    return {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}


# Columns.


def test_scores_of_equal_protocols_share_a_column_and_the_best_is_marked(digits_run: Path) -> None:
    a = scored(digits_run, "a", score("FD", 2.0, "lower", 0.5), score("IS", 3.0, "higher", 9.0))
    b = scored(digits_run, "b", score("FD", 1.0, "lower", 0.5, seed=7), score("IS", 2.0, "higher", 9.0, seed=7))
    found = compare([a, b])
    assert [column.title for column in found.columns] == ["FD", "IS"]
    table = found.table()
    assert (body(table)["a"]["FD"], body(table)["b"]["FD"]) == ("2", "1")
    assert {(table.rows[row][0], table.header[column]) for row, column in table.best} == {("b", "FD"), ("a", "IS")}
    assert (body(table)["real data"]["FD"], body(table)["real data"]["IS"]) == ("0.5", "9")
    assert found.legend == []


@pytest.mark.parametrize(
    ("protocols", "titles"),
    [
        (("fd10k", "fd50k"), ["FD (fd10k)", "FD (fd50k)"]),
        (("fd10k", "fd10k"), ["FD (a)", "FD (b)"]),
    ],
)
def test_scores_of_different_protocols_get_columns_that_say_so(
    digits_run: Path, protocols: tuple[str, str], titles: list[str]
) -> None:
    a = scored(digits_run, "a", score("FD", 2.0, "lower", name=protocols[0], n_fake=10))
    b = scored(digits_run, "b", score("FD", 1.0, "lower", name=protocols[1], n_fake=50))
    found = compare([a, b])
    assert [column.title for column in found.columns] == titles
    assert found.legend == [f"{titles[0]}: n_fake 10", f"{titles[1]}: n_fake 50"]
    table = found.table()
    assert body(table)["a"] | {titles[0]: "2", titles[1]: ""} == body(table)["a"]
    assert body(table)["b"] | {titles[0]: "", titles[1]: "1"} == body(table)["b"]
    assert not table.best


def test_the_legend_names_only_what_differs() -> None:
    first = score("W2", 1.0, data={"name": "points", "kind": "ring"}, n_real=5)
    second = score("W2", 1.0, data={"name": "points", "kind": "grid"}, n_real=5)
    _, legend = columns_of([first, second])
    assert legend == ["W2 (a): data.kind ring", "W2 (b): data.kind grid"]


def test_more_protocols_than_letters_are_still_told_apart() -> None:
    columns, _ = columns_of(score("FD", 1.0, n_fake=n) for n in range(30))
    assert len({column.title for column in columns}) == 30


def test_ties_are_all_best_and_a_score_without_a_direction_has_none(digits_run: Path) -> None:
    same = (score("FD", 1.0, "lower"), score("mood", 1.0))
    found = compare([scored(digits_run, "a", *same), scored(digits_run, "b", *same)])
    assert [found.best(column) for column in found.columns] == [[0, 1], []]


def test_a_run_without_scores_is_a_row_of_blanks_with_a_hint(digits_run: Path) -> None:
    a, b = scored(digits_run, "a"), scored(digits_run, "b", score("FD", 1.0, "lower"))
    table = compare([a, b]).table()
    assert body(table)["a"]["FD"] == ""
    assert body(table)["a"]["step"] == "3"
    assert not table.best
    assert table.notes == ["a has no scores: `ganzoo eval a`."]


def test_scores_of_an_earlier_step_are_pointed_out(digits_run: Path) -> None:
    a = scored(digits_run, "a", score("FD", 1.0, step=2))
    assert compare([a]).hints == ["the scores of a are of step 2, and it is at step 3: `ganzoo eval a`."]


def test_the_rows_say_what_was_trained(digits_run: Path) -> None:
    (row,) = body(compare([scored(digits_run, "a", score("FD", 1.0))]).table()).values()
    assert (row["recipe"], row["data"], row["step"], row["weights"]) == ("vanilla.digits", "digits", "3", "ema")
    assert float(row["seconds"]) == pytest.approx(ganzoo.load("a").metrics()[-1]["seconds"], rel=1e-2)


def test_real_data_that_differ_are_given_as_a_range(digits_run: Path) -> None:
    a = scored(digits_run, "a", score("FD", 2.0, "", 0.5))
    b = scored(digits_run, "b", score("FD", 1.0, "", 0.25))
    assert body(compare([a, b]).table())["real data"]["FD"] == "0.25 to 0.5"


# What is refused.


def test_what_cannot_be_compared_is_one_line(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = scored(digits_run, "a")
    for arguments, message in (
        ([], "Missing argument 'RUN...'"),
        (["absent"], "absent is not a run folder"),
        ([a, "./a"], "a is named twice"),
        ([a, "--best"], "a has no best state"),
        ([a, "--json", "--markdown"], "give either --markdown or --json"),
        ([a, "--out", "picture.txt"], "end the name in .png, .pdf or .svg"),
        ([a, "--out", "nowhere/picture.png"], "nowhere is not a folder"),
    ):
        assert run(["compare", *arguments]) == 2
        shown = capsys.readouterr()
        assert message in shown.err
        assert shown.err.count("\n") == 1
    assert not list(Path().glob("*.png"))


@pytest.mark.parametrize(
    "content", ['{"scores": [{"name": "FD"}]}', "{", "", "\ud800", "[]", '{"scores": [], "notes": 3}']
)
def test_damaged_scores_cost_no_other_run_its_scores(
    content: str, digits_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = scored(digits_run, "a", score("FD", 2.0, "lower"))
    b = scored(digits_run, "b")
    Path(b, "scores.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    before = Path(b, "scores.json").read_bytes()
    found = compare([a, b])
    assert (body(found.table())["a"]["FD"], body(found.table())["b"]["FD"]) == ("2", "")
    assert found.hints == ["b/scores.json is damaged, so its scores are not shown: `ganzoo eval b`."]
    assert run(["compare", a, b]) == 0
    assert capsys.readouterr().out.count("b/scores.json is damaged") == 1
    assert run(["compare", b, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hints"] == found.hints
    assert Path(b, "scores.json").read_bytes() == before


# What is printed.


def test_json_is_all_that_is_on_standard_output(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = scored(digits_run, "a", score("FD", 2.0, "lower"))
    b = scored(digits_run, "b", score("FD", 1.0, "lower"))
    assert run(["compare", a, b, "--json"]) == 0
    shown = capsys.readouterr()
    values = json.loads(shown.out)
    assert [row["scores"] for row in values["runs"]] == [{"FD": 2.0}, {"FD": 1.0}]
    assert values["columns"][0]["best"] == ["b"]
    assert values["columns"][0]["protocol"]["n_fake"] == 100
    assert shown.err == "picture: compare.png\n"


def test_markdown_has_the_best_in_bold(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = scored(digits_run, "a", score("FD", 2.0, "lower"))
    b = scored(digits_run, "b", score("FD", 1.0, "lower"))
    assert run(["compare", a, b, "--markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| run | recipe | data |")
    assert lines[2].endswith("| 2 |")
    assert lines[3].endswith("| **1** |")


def test_the_table_on_the_terminal_has_every_number(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"FD[domain:a-very-long-data-set-{i}]" for i in range(12)]
    a = scored(digits_run, "a", *[score(name, 0.125 + i, "lower") for i, name in enumerate(names)])
    assert run(["compare", a]) == 0
    shown = capsys.readouterr().out
    for i in range(12):
        assert f"{0.125 + i:.4g}" in shown
    table = compare([a]).table()
    assert width_of(table) > 100
    show(table, 100)
    turned = capsys.readouterr().out
    for i in range(12):
        assert f"{0.125 + i:.4g}" in turned
    assert max(map(len, turned.splitlines())) <= 100


# The picture.


def test_no_picture_is_overwritten(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = scored(digits_run, "a")
    for name in ("compare.png", "compare-1.png", "compare-2.png"):
        assert run(["compare", a]) == 0
        assert f"picture: {name}" in capsys.readouterr().out
        assert Path(name).is_file()
    before = Path("compare.png").read_bytes()
    assert run(["compare", a, "--out", "compare.png"]) == 2
    assert "compare.png exists" in capsys.readouterr().err
    assert Path("compare.png").read_bytes() == before


def panel(colour: str = "red", steps: int = 3, **scores: float) -> Panel:
    records = [{"step": step, "d/loss": 1.0 / step, "g/loss": 1.0} for step in range(1, steps + 1)]
    evaluations = [{"step": step, "scores": scores, "protocol": {}} for step in range(1, steps + 1)] if scores else []
    return Panel(f"{colour}\nrun", Image.new("RGB", (40, 40), colour), "step 3", records, evaluations)


def shares(picture: Image.Image, colour: tuple[int, int, int]) -> float:
    return float((np.asarray(picture.convert("RGB")) == colour).all(axis=2).mean())


def test_every_run_has_its_sheet_in_the_picture() -> None:
    colours = {"red": (255, 0, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0), "cyan": (0, 255, 255)}
    picture = draw_panels([panel(name) for name in colours])
    for colour in colours.values():
        assert shares(picture, colour) > 0.02


def test_three_runs_stand_side_by_side_and_more_below() -> None:
    sizes = {count: draw_panels([panel() for _ in range(count)]).size for count in (2, 3, 6)}
    assert sizes[3][0] > sizes[2][0]
    assert sizes[3][1] == sizes[2][1]
    assert sizes[6][0] == sizes[3][0]
    assert sizes[6][1] == pytest.approx(2 * sizes[3][1], abs=2)


def test_scores_along_the_way_add_plots_below() -> None:
    without, with_scores = (draw_panels([panel(**scores) for _ in range(2)]) for scores in ({}, {"FD": 1.0}))
    assert with_scores.height > without.height


def test_curves_of_different_protocols_are_kept_apart() -> None:
    first, second = panel(FD=1.0), panel(FD=2.0)
    assert [list(curves) for _, curves in score_curves([first, second])] == [[0, 1]]
    for record in second.evaluations:
        record["protocol"]["FD"] = "fd50k"  # type: ignore[index]
    assert [(title, list(curves)) for title, curves in score_curves([first, second])] == [
        ("FD", [0]),
        ("FD\nfd50k", [1]),
    ]


def test_a_run_without_pictures_or_log_can_be_compared(digits_run: Path) -> None:
    a = scored(digits_run, "a")
    Path(a, "samples.png").unlink()
    Path(a, "metrics.jsonl").unlink()
    found = compare([a])
    assert body(found.table())["a"]["seconds"] == ""
    assert found.draw().is_file()


def test_the_best_state_is_compared_with_its_own_scores_and_samples(digits_run: Path) -> None:
    a = scored(digits_run, "a", score("FD", 1.0, "lower"))
    shutil.copytree("a/checkpoints", "best")
    shutil.move("best", "a/checkpoints/best")
    Path("a/scores-best.json").write_text(json.dumps({"scores": [score("FD", 0.5, "lower", step=2)], "notes": []}))
    found = compare([a], best=True)
    assert (found.rows[0].step, found.rows[0].scores[found.columns[0].key]["value"]) == (2, 0.5)
    assert found.draw("best.png") == Path("best.png")
    assert Path("best.png").is_file()
