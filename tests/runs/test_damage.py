"""Damage to the files of a run, and pictures that fail: no step, no score and no state is lost to them."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from small import SMALL, same, train_digits

import ganzoo
from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.pictures import plots, sheets
from ganzoo.pictures.comparison import Panel, draw_panels
from ganzoo.runs.callbacks import evaluations
from ganzoo.runs.callbacks import sheets as sheet_callback
from ganzoo.runs.callbacks.loggers import LOGGERS
from ganzoo.runs.callbacks.sheets import Sheets
from ganzoo.runs.run import Run

FD = "FD[domain:digits]"


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 6 steps, scored every 2, whose best score is the first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluations, "SAMPLES", 200)
        folder = tmp_path_factory.mktemp("scored") / "run"
        keys = dict(SMALL) | {"g.lr": "0.01", "d.lr": "0.01"}
        options = {"progress": False, "device": "cpu", "eval_every": 2, "log_every": 1}
        ganzoo.train("vanilla", dataset="digits", steps=6, set=keys, out=str(folder), **options)
    return folder


@pytest.fixture
def copied(scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(evaluations, "SAMPLES", 200)
    return Path(shutil.copytree(scored, tmp_path / "run"))


def best_state(run: Path) -> Any:
    return checkpoint.newest(run / "checkpoints" / "best")


def set_best(run: Path, step: int, value: float) -> None:
    """Let the best state be that of a step, with a score that nothing reaches."""
    lines = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    (record,) = [line for line in lines if line["step"] == step]
    record["scores"][FD] = value
    (run / "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    _, state, _ = checkpoint.newest(run / "checkpoints")
    shutil.rmtree(run / "checkpoints" / "best")
    state = state | {"evaluation": record, "progress": state["progress"] | {"step": step}}
    checkpoint.save(run / "checkpoints" / "best", step, state)


DAMAGE = [b"\n", b"\0" * 100 + b"\n", b"\xef\xbb\xbf", b"{\n"]


# One function reads all of these files.
@pytest.mark.parametrize(
    ("name", "damage"),
    [*(("metrics", damage) for damage in DAMAGE), ("evaluations", b"{\n"), ("hints", b"{\n"), ("diagnosis", b"{\n")],
)
def test_a_damaged_line_costs_no_other_line_and_not_the_best_state(
    name: str, damage: bytes, copied: Path, caplog: pytest.LogCaptureFixture
) -> None:
    set_best(copied, 2, 0.0)
    path = copied / f"{name}.jsonl"
    if name == "hints":
        path.write_text(json.dumps({"step": 1, "name": "divergence", "hint": "try", "values": {}}) + "\n")
    before, state = path.read_bytes(), best_state(copied)[1]
    path.write_bytes(damage + before)
    with caplog.at_level(logging.WARNING):
        ganzoo.resume(copied, 8, progress=False, eval_every=2)
    assert path.read_bytes().startswith(before)
    assert (copied / f"{name}-damaged.jsonl").read_bytes() == damage + before
    assert [str(path) in record.getMessage() for record in caplog.records].count(True) == 1
    found, kept, _ = best_state(copied)
    assert found.name == "step-000000002.pt"
    assert same(kept, state)


def test_the_best_state_knows_its_scores_where_the_file_has_lost_them(copied: Path) -> None:
    set_best(copied, 4, 0.0)
    (copied / "evaluations.jsonl").write_bytes(b"\0" * 300)
    ganzoo.resume(copied, 8, progress=False, eval_every=2)
    assert best_state(copied)[0].name == "step-000000004.pt"
    assert [record["step"] for record in ganzoo.load(copied).evaluations()] == [8]


def test_a_best_state_whose_scores_cannot_be_read_is_kept(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, state, _ = best_state(copied)
    step = state["progress"]["step"]
    shutil.rmtree(copied / "checkpoints" / "best")
    checkpoint.save(copied / "checkpoints" / "best", step, {k: v for k, v in state.items() if k != "evaluation"})
    (copied / "evaluations.jsonl").write_text("damaged\n")
    ganzoo.resume(copied, 8, progress=False, eval_every=2)
    kept = copied / "checkpoints" / f"best-step-{step:09d}"
    assert same(checkpoint.newest(kept)[1]["gan"], state["gan"])
    assert best_state(copied)[0].name == "step-000000008.pt"
    assert any(kept.name in record.getMessage() for record in caplog.records)


def test_a_damaged_best_state_is_put_aside(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = best_state(copied)[0]
    file.write_bytes(file.read_bytes()[:-1])
    ganzoo.resume(copied, 8, progress=False, eval_every=2)
    assert (copied / "checkpoints" / "best-damaged" / file.name).exists()
    assert best_state(copied)[0].name == "step-000000008.pt"
    assert any("best-damaged" in record.getMessage() for record in caplog.records)


# Pictures.

NAMES = [r"g/$\lambda_{$", "g/$x$ and $", "_g/loss", "g/a\\$b", "g/\\frac{", "g/{", "g/ä/loss"]


@pytest.mark.parametrize("value", [1.0, 0.0, 1e308, -1.7e308, 5e-324, float("inf"), float("nan")])
def test_every_term_and_value_is_drawn(value: float) -> None:
    records = [{"step": step, **dict.fromkeys(NAMES, step * value if abs(value) < 1 else value)} for step in (1, 2)]
    picture = plots.loss_plot(records)
    assert picture.size == plots.loss_plot([{"step": 1, "g/loss": 1.0}]).size
    scores = [{"step": 1, "scores": dict.fromkeys(NAMES, value), "protocol": dict.fromkeys(NAMES, "$_{$")}]
    assert draw_panels([Panel("$\\a{$\nb$", None, "$_", records, scores)]).size


def test_terms_with_dollars_are_drawn_as_they_are_written() -> None:
    figure = plots.new_figure(2, 2)
    axes = figure.add_subplot()
    plots.draw_curve(axes, [(1, 1.0)], label="a$x$_b")
    (text,) = axes.legend().get_texts()
    figure.canvas.draw()
    drawn, formula = text._preprocess_math(text.get_text())  # type: ignore[attr-defined]
    assert not formula
    assert drawn == "a$x$_b"


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ("current", ValueError("x\ny")),
        ("loss_plot", OverflowError("too large")),
        ("animation", MemoryError()),
        ("write", IsADirectoryError()),
    ],
)
def test_pictures_that_fail_cost_no_step(
    part: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise error

    home = sheets if part in ("animation", "write") else sheet_callback
    monkeypatch.setattr(home, part, fail)
    run = train_digits(tmp_path / "run", steps=4)
    assert checkpoint.newest(run.checkpoints)[1]["progress"]["step"] == 4
    monkeypatch.undo()
    whole = train_digits(tmp_path / "whole", steps=4)
    assert same(checkpoint.newest(run.checkpoints)[1], checkpoint.newest(whole.checkpoints)[1])
    lines = [record.getMessage() for record in caplog.records if "could not be drawn" in record.getMessage()]
    assert lines
    assert len(lines) == len(set(lines))
    assert not any("\n" in line for line in lines)


def test_a_logger_that_fails_costs_no_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Callback):
        def on_log(self, trainer: Any, values: dict[str, float]) -> None:
            raise ConnectionError("the server is away")

    monkeypatch.setitem(LOGGERS, "broken", lambda run: Broken())
    monkeypatch.setattr("ganzoo.runs.callbacks.loggers.check_logger", lambda name: None)
    monkeypatch.setattr("ganzoo.api.planning.check_logger", lambda name: None)
    keys = dict(SMALL)
    run = ganzoo.train(
        "vanilla", dataset="digits", steps=3, set=keys, out=str(tmp_path / "run"), progress=False, device="cpu",
        loggers=("broken",), log_every=1,
    )  # fmt: skip
    assert checkpoint.newest(run.checkpoints)[1]["progress"]["step"] == 3
    assert [record.getMessage() for record in caplog.records if "the server is away" in record.getMessage()] == [
        "--logger broken: Broken.on_log failed: ConnectionError: the server is away; training continues without it."
    ]


def test_sheets_are_in_the_order_of_their_steps(tmp_path: Path) -> None:
    run = Run(tmp_path, {})
    (tmp_path / "samples").mkdir()
    for name in ("999999", "1000000", "000005", "10000000", "x", "²", "١"):
        Image.new("L", (4, 4)).save(tmp_path / "samples" / f"{name}.png")
    assert list(Sheets(run, 1).drawn()) == [5, 999_999, 1_000_000, 10_000_000]


def test_the_animation_ends_with_the_newest_sheet(tmp_path: Path) -> None:
    run = train_digits(tmp_path / "run", steps=2)
    shades = {"999990": 10, "1000000": 250}
    for sheet in (run.path / "samples").glob("*.png"):
        sheet.unlink()
    for name, shade in shades.items():
        Image.new("L", (4, 4), shade).save(run.path / "samples" / f"{name}.png")
    sheets.animation(Sheets(run, 1).drawn().values(), run.path / "a.gif")
    with Image.open(run.path / "a.gif") as gif:
        gif.seek(gif.n_frames - 1)
        assert gif.convert("L").getpixel((0, 0)) > 200


# Scores.


@pytest.mark.parametrize(
    "row",
    [
        {"value": "low"}, {"value": None}, {"value": 1e400}, {"name": 5}, {"protocol": []}, {"real": "x"},
        {"better": "bigger"}, {"protocol": {"step": "many"}}, {"protocol": {"step": -1}},
    ],
)  # fmt: skip
def test_scores_of_another_form_are_damaged(row: Any, tmp_path: Path, digits_run: Path) -> None:
    shutil.copytree(digits_run, tmp_path / "run")
    good = {"name": "FD", "value": 1.0, "real": None, "better": "lower", "protocol": {"name": "fd", "step": 3}}
    (tmp_path / "run" / "scores.json").write_text(json.dumps({"scores": [good], "notes": []}))
    assert ganzoo.load(tmp_path / "run").scores == {"scores": [good], "notes": []}
    (tmp_path / "run" / "scores.json").write_text(json.dumps({"scores": [good, good | row], "notes": []}))
    with pytest.raises(GanzooError, match=r"scores\.json is damaged"):
        _ = ganzoo.load(tmp_path / "run").scores
