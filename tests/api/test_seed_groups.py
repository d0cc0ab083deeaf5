"""Runs that differ in their seed only: mean and standard deviation, for the terminal, a spreadsheet and a paper."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ganzoo.api.compare import compare
from ganzoo.cli import run
from ganzoo.errors import GanzooError
from ganzoo.pictures import latex
from ganzoo.pictures.group_figure import GroupPanel, bands_of
from ganzoo.recipes import flat


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def score(name: str, value: float, better: str | float = "", real: float | None = None) -> dict[str, Any]:
    protocol = {"name": "made-up", "n_fake": 100, "seed": 1, "step": 3, "weights": "ema"}
    return {"name": name, "value": value, "real": real, "better": better, "protocol": protocol}


def made(folder: Path, name: str, fd: float, more: float = 1.0, **keys: Any) -> str:
    """A copy of a run with other recipe keys, and two scores."""
    shutil.copytree(folder, name)
    file = Path(name, "recipe.json")
    info = json.loads(file.read_text("utf-8"))
    for key, value in keys.items():
        part, _, last = key.replace("__", ".").rpartition(".")
        (info["recipe"][part] if part else info["recipe"])[last] = value
    file.write_text(json.dumps(info), "utf-8")
    scores = [score("FD[domain:d_1]", fd, "lower", 0.5), score("KD[domain:d_1]", more, 0.0, -1e-12)]
    Path(name, "scores.json").write_text(json.dumps({"scores": scores, "notes": []}), "utf-8")
    return name


@pytest.fixture
def runs(digits_run: Path) -> list[str]:
    """Two losses with two seeds each, and a third with one."""
    return [
        made(digits_run, "a0", 1.0, seed=0, loss="hinge"),
        made(digits_run, "a1", 3.0, seed=1, loss="hinge"),
        made(digits_run, "b0", 12.25, 2.0, seed=0, loss="w&b_{1}"),
        made(digits_run, "b1", 12.5, 2.0, seed=1, loss="w&b_{1}"),
        made(digits_run, "c0", 30.0, 3.0, seed=0, loss="minimax"),
    ]


def test_seeds_are_averaged_and_other_keys_have_columns(runs: list[str]) -> None:
    table = compare(runs).groups().table()
    assert table.header[:6] == ["recipe", "data", "loss", "step", "weights", "seeds"]
    assert [row[2] for row in table.rows] == ["hinge", "w&b_{1}", "minimax", ""]
    assert [row[5:7] for row in table.rows[:3]] == [["2", "2.0 ± 1.4"], ["2", "12.38 ± 0.18"], ["1", "30"]]
    assert table.rows[3][6] == "0.5"
    assert {(row, table.header[column][:2]) for row, column in table.best} == {(0, "FD"), (0, "KD")}


def test_every_run_by_itself_says_its_seed_too(runs: list[str]) -> None:
    found = compare(runs)
    assert [row[3:5] for row in found.table().rows[:2]] == [["0", "hinge"], ["1", "hinge"]]
    each = found.groups(each=True)
    assert each.keys == ["seed", "loss"]
    assert each.labels[1] == "seed=1 loss=hinge"
    assert json.loads(found.to_json())["runs"][1]["keys"] == {"seed": 1, "loss": "hinge"}


def test_other_weights_to_start_from_and_other_steps_are_other_groups(runs: list[str]) -> None:
    file = Path("a1", "recipe.json")
    info = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(info | {"initialised": {"source": "runs/x", "sha256": "1"}}), "utf-8")
    groups = compare(runs[:2]).groups()
    assert [len(group.rows) for group in groups.groups] == [1, 1]
    assert groups.keys == ["init_from"]
    assert groups.labels == ["", "init_from=runs/x"]


def test_csv_has_all_digits(runs: list[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(compare(runs).groups().csv())))
    assert [row["loss"] for row in rows] == ["hinge", "w&b_{1}", "minimax", ""]
    assert [float(row["FD[domain:d_1]"]) for row in rows] == [2.0, 12.375, 30.0, 0.5]
    assert float(rows[0]["FD[domain:d_1] sd"]) == pytest.approx(2**0.5, rel=1e-12)
    assert (rows[2]["FD[domain:d_1] sd"], rows[2]["seeds"], rows[0]["seeds"]) == ("", "0", "0 1")


CELL = re.compile(r"\$(\\mathbf\{)?-?\d+(\.\d+)?( \\pm \d+(\.\d+)?)?\}?\$")


def test_latex_is_escaped_with_equal_decimals_and_the_best_in_bold(runs: list[str]) -> None:
    lines = compare(runs).groups().latex().splitlines()
    body = [line for line in lines if not line.startswith("%")]
    assert body[0] == r"\begin{tabular}{lrr}"
    assert (body[1], body[3], body[-3], body[-2], body[-1]) == (
        r"\toprule", r"\midrule", body[-3], r"\bottomrule", r"\end{tabular}",
    )  # fmt: skip
    assert body[2] == r"loss & FD $\downarrow$ & KD $\to 0$ \\"
    assert body[4] == r"hinge & $\mathbf{2.00 \pm 1.41}$ & $\mathbf{1.000 \pm 0.000}$ \\"
    assert body[5].startswith(r"w\&b\_\{1\} & $12.38 \pm 0.18$ & ")
    assert body[6].startswith(r"minimax & $30.00$ & ")
    assert body[8] == r"real data & $0.50$ & $0.000$ \\"
    rows = [line for line in body if line.endswith(r"\\")]
    assert {line.count(" & ") for line in rows} == {2}
    for line in rows[1:]:
        assert all(CELL.fullmatch(cell) for cell in line.removesuffix(r" \\").split(" & ")[1:]), line
    assert "% Features of FD, KD: domain:d_1." in lines


def test_scores_are_chosen_by_name(runs: list[str]) -> None:
    assert [column.name for column in compare(runs, metrics="kd,FD").columns] == ["KD[domain:d_1]", "FD[domain:d_1]"]
    with pytest.raises(GanzooError, match="unknown score 'is': available: FD, KD"):
        compare(runs, metrics=["is"])


def test_copies_of_one_seed_are_not_averaged(runs: list[str]) -> None:
    shutil.copytree("a0", "copy")
    assert [len(group.rows) for group in compare([*runs, "copy"]).groups().groups] == [2, 2, 1, 1]


def test_what_latex_would_obey_is_escaped() -> None:
    assert latex.escape("\\input{/etc/passwd}\n%$") == r"\textbackslash{}input\{/etc/passwd\}?\%\$"


def test_bands_are_mean_and_deviation_over_the_runs_that_reached_a_step() -> None:
    first = [{"step": 1, "scores": {"FD": 1.0}}, {"step": 2, "scores": {"FD": 9.0}}]
    records = [first, [{"step": 1, "scores": {"FD": 3.0}}]]
    assert bands_of([GroupPanel("a", None, records)]) == [("FD", {0: ([1, 2], [2.0, 9.0], [2**0.5, 0.0])})]


def test_two_commands_make_a_table_and_a_figure_for_a_paper(
    runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", *runs, "--latex", "t.tex", "--csv", "t.csv", "--out", "f.pdf"]) == 0
    out = capsys.readouterr().out
    assert "12.38 ± 0.18" in out
    assert "picture: f.pdf, table: t.csv, table: t.tex" in out
    assert Path("f.pdf").read_bytes().startswith(b"%PDF")
    assert run(["compare", *runs, "--out", "f.svg"]) == 0
    assert b"<svg" in Path("f.svg").read_bytes()
    assert run(["compare", *runs, "--each", "--out", "f.png"]) == 0
    assert "seed" in capsys.readouterr().out
    with Image.open("f.png") as picture:
        assert picture.height > picture.width
    before = Path("t.tex").read_bytes()
    assert run(["compare", *runs, "--latex", "t.tex"]) == 2
    assert "t.tex exists" in capsys.readouterr().err
    assert run(["compare", *runs, "--csv", "no/t.csv"]) == 2
    assert "no is not a folder" in capsys.readouterr().err
    assert Path("t.tex").read_bytes() == before
    assert not list(Path().glob("compare*.png"))


def test_keys_are_those_of_the_recipe(digits_run: Path) -> None:
    (row,) = compare([digits_run]).rows
    assert row.keys == flat(row.run.info["recipe"])
    assert row.value("absent") == ""
