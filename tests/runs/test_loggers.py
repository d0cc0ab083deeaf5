"""The optional loggers: their files where the package is there, one line where it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from small import SMALL

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.runs.callbacks.loggers import LOGGERS, check_logger


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


def logged(name: str, folder: Path) -> ganzoo.Run:
    return ganzoo.train(
        "vanilla", dataset="digits", steps=2, set=SMALL, loggers=(name,), out=str(folder), log_every=1, progress=False
    )


def test_tensorboard_writes_its_terms(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logged("tensorboard", tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert {"d/loss", "g/loss"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("g/loss")] == [1, 2]
    assert events.Tags()["images"] == ["samples"]


def test_weights_and_biases_writes_into_the_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    logged("wandb", tmp_path / "run")
    assert any((tmp_path / "run" / "wandb").rglob("*.wandb"))
