"""The optional loggers: their files where the package is there, one line where it is not."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from small import SMALL

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.runs.callbacks.loggers import LOGGERS, Logger, check_logger


@pytest.mark.parametrize("name", LOGGERS)
def test_a_missing_package_is_named_with_what_to_type_before_anything_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    wanted = rf"^--logger {name} needs a package: pip install 'ganzoo\[{name}\]'\.$"
    with pytest.raises(GanzooError, match=wanted):
        ganzoo.train("vanilla", dataset="digits", loggers=(name,), out=str(tmp_path / "run"))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_logger_is_refused_with_a_suggestion() -> None:
    with pytest.raises(GanzooError, match="unknown logger 'wandbb': did you mean wandb"):
        check_logger("wandbb")


SCHEDULED = SMALL | {"g.lr": 1e-3, "g.schedule": "linear"}


def logged(name: str, folder: Path) -> ganzoo.Run:
    return ganzoo.train(
        "vanilla",
        dataset="points",
        steps=4,
        set={**SCHEDULED, "latent": 2},
        loggers=(name,),
        out=str(folder),
        log_every=1,
        sample_every=2,
        eval_every=2,
        progress=False,
        scores=False,
    )


class Recorded(Logger):
    """A logger that keeps what it is sent."""

    def __init__(self, run: ganzoo.Run) -> None:
        super().__init__(run)
        self.numbers: list[tuple[int, dict[str, float]]] = []
        self.pictures: list[tuple[int, Any]] = []
        self.closed = 0
        MADE.append(self)

    def send_numbers(self, values: Mapping[str, float], step: int) -> None:
        self.numbers.append((step, dict(values)))

    def send_picture(self, picture: Any, step: int) -> None:
        self.pictures.append((step, picture.size))

    def close(self) -> None:
        self.closed += 1


MADE: list[Recorded] = []


def test_a_logger_gets_terms_rates_scores_and_every_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOGGERS, "json", Recorded)
    run = logged("json", tmp_path / "run")
    (made,) = MADE
    terms = [(step, values) for step, values in made.numbers if "g/loss" in values]
    assert [step for step, _ in terms] == [1, 2, 3, 4]
    assert [values["g/loss"] for _, values in terms] == [record["g/loss"] for record in run.metrics()]
    # Linear to 0 over four steps, the last of which has the end value.
    assert [values["g/lr"] for _, values in terms] == pytest.approx([1e-3, 1e-3 * 2 / 3, 1e-3 / 3, 0.0])
    scores = [(step, values) for step, values in made.numbers if "g/loss" not in values]
    assert [step for step, _ in scores] == [2, 4]
    assert [values["scores/modes"] for _, values in scores] == [e["scores"]["modes"] for e in run.evaluations()]
    assert [step for step, _ in made.pictures] == [0, 2, 4]
    assert made.closed == 1


def test_tensorboard_writes_its_terms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logged("tensorboard", tmp_path / "run")
    assert f"tensorboard --logdir {tmp_path}/run/tensorboard" in capsys.readouterr().err
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert {"d/loss", "g/loss", "g/lr", "scores/modes"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("g/loss")] == [1, 2, 3, 4]
    assert [event.step for event in events.Images("samples")] == [0, 2, 4]


def test_weights_and_biases_writes_its_terms_into_the_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = logged("wandb", tmp_path / "run")
    (log,) = (run.path / "wandb").rglob("*.wandb")
    # The log holds the names and the values as they are.
    written = log.read_bytes()
    for name in ("d/loss", "g/loss", "g/lr", "scores/modes"):
        assert name.encode() in written, name
    (last,) = (record["g/loss"] for record in run.metrics() if record["step"] == 4)
    assert repr(last).encode() in written
    sheets = sorted(int(sheet.stem.split("_")[1]) for sheet in (run.path / "wandb").rglob("samples_*.png"))
    assert sheets == [0, 2, 4]
