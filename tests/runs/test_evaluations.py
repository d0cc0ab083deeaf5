"""`--eval-every`: scores along a training and its best state, without any change to the training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from clock import Clock
from small import SMALL, same, train_digits

import ganzoo
from ganzoo.api import execution
from ganzoo.api.execution import make_callbacks
from ganzoo.api.planning import make_options
from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError
from ganzoo.evaluation.scoring import Score, Scores
from ganzoo.files import checkpoint
from ganzoo.runs.callbacks import evaluations
from ganzoo.runs.run import Run

FD = "FD[domain:digits]"
FAST = {"g.lr": "0.01", "d.lr": "0.01"}
"""Learning rates with which the scores of such small networks move within a few steps."""


def train(folder: Path, steps: int = 12, dataset: str = "digits", **options: Any) -> Run:
    values = dict(SMALL) | FAST
    options = {"progress": False, "device": "cpu", "save_every": 5, "keep": 9} | options
    return ganzoo.train("vanilla", dataset=dataset, steps=steps, set=values, out=str(folder), **options)


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluations, "SAMPLES", 200)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 12 steps that was scored every 3."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluations, "SAMPLES", 200)
        return train(tmp_path_factory.mktemp("unbroken") / "run", eval_every=3).path


def test_scoring_is_not_counted_as_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def scored(*_: Any, **__: Any) -> Scores:
        clock.now += 100
        return Scores([])

    monkeypatch.setattr(evaluations.Evaluations, "_score", scored)
    run = train(tmp_path / "run", steps=6, eval_every=2, log_every=1)
    assert [(row["seconds"], row["cpu_seconds"]) for row in run.metrics()] == [(n, n) for n in range(1, 7)]
    run = ganzoo.resume(run.path, steps=8, progress=False)
    assert [row["seconds"] for row in run.metrics()][-2:] == [7, 8], "seconds before the resumption count"


def state(folder: Path) -> dict[str, Any]:
    return checkpoint.newest(folder)[1]


def best_of(run: Run, name: str) -> int:
    step: int = min(run.evaluations(), key=lambda record: record["scores"][name])["step"]
    return step


def test_every_line_has_step_number_scores_and_protocols(unbroken: Path) -> None:
    records = ganzoo.load(unbroken).evaluations()
    assert [record["step"] for record in records] == [3, 6, 9, 12]
    for record in records:
        assert set(record) == {"step", "n", "seed", "scores", "protocol"}
        assert (record["n"], record["seed"]) == (200, 1)
        assert set(record["scores"]) == {"IS[domain:digits]", FD}
        assert record["protocol"][FD] == "fd200_train[domain:digits]"
    assert len({record["scores"][FD] for record in records}) == 4


def test_the_training_is_the_same_with_and_without(unbroken: Path, tmp_path: Path) -> None:
    train(tmp_path / "without")
    assert same(state(unbroken / "checkpoints"), state(tmp_path / "without" / "checkpoints"))
    assert not (tmp_path / "without" / "evaluations.jsonl").exists()


def test_the_best_state_is_that_of_the_best_line_and_whole(unbroken: Path) -> None:
    run = ganzoo.load(unbroken)
    (kept,) = checkpoint.found(unbroken / "checkpoints" / "best")
    assert kept == best_of(run, FD)
    assert state(unbroken / "checkpoints" / "best")["progress"]["step"] == kept


def test_the_best_state_is_the_trainings_at_that_step(unbroken: Path, tmp_path: Path) -> None:
    (kept,) = checkpoint.found(unbroken / "checkpoints" / "best")
    train(tmp_path / "short", kept)
    short, best = state(tmp_path / "short" / "checkpoints"), state(unbroken / "checkpoints" / "best")
    assert same(short["gan"], best["gan"])


def test_a_line_is_what_evaluate_finds(unbroken: Path, tmp_path: Path) -> None:
    shutil.copytree(unbroken, tmp_path / "run")
    scores = ganzoo.evaluate(tmp_path / "run", n=200, metrics="fd").scores
    assert scores[0].value == pytest.approx(ganzoo.load(unbroken).evaluations()[-1]["scores"][FD], rel=1e-6)
    assert scores[0].protocol["name"] == "fd200_train[domain:digits]"


@pytest.mark.parametrize("torn", [False, True], ids=["whole lines ahead", "a line cut while it was written"])
@pytest.mark.parametrize("back_to", [5, 10])
def test_a_killed_training_that_is_resumed_ends_like_an_unbroken_one(
    unbroken: Path, tmp_path: Path, back_to: int, torn: bool
) -> None:
    shutil.copytree(unbroken, tmp_path / "killed")
    killed = tmp_path / "killed"
    # What a process that was killed after its last evaluation, and before its next checkpoint, leaves behind.
    for step, path in checkpoint.found(killed / "checkpoints").items():
        if step > back_to:
            checkpoint.remove(path)
    assert max(checkpoint.found(killed / "checkpoints")) == back_to
    log = killed / "evaluations.jsonl"
    if torn:
        log.write_text(log.read_text()[:-20])
    ganzoo.resume(killed, progress=False)
    assert log.read_text() == (unbroken / "evaluations.jsonl").read_text()
    for folder in ("checkpoints", "checkpoints/best"):
        assert same(state(killed / folder), state(unbroken / folder)), folder
    names = [sorted(path.name for path in (where / "checkpoints" / "best").iterdir()) for where in (killed, unbroken)]
    assert names[0] == names[1]


class StopAt(Callback):
    """Asks the training to stop after a step, as a signal does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, trainer: Any) -> None:
        trainer.stop_requested = trainer.stop_requested or trainer.progress.step == self.step


def test_a_stopped_training_that_is_resumed_ends_like_an_unbroken_one(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(execution, "make_callbacks", lambda *args: [StopAt(7), *made(*args)])
        run = train(tmp_path / "stopped", eval_every=3)
    assert [record["step"] for record in run.evaluations()] == [3, 6]
    ganzoo.resume(run.path, progress=False)
    assert (run.path / "evaluations.jsonl").read_text() == (unbroken / "evaluations.jsonl").read_text()
    assert same(state(run.path / "checkpoints" / "best"), state(unbroken / "checkpoints" / "best"))


def test_points_are_scored_by_their_modes_and_distance(tmp_path: Path) -> None:
    run = train(tmp_path / "run", 4, "points:ring", eval_every=2)
    (first, second) = run.evaluations()
    assert list(first["scores"]) == ["modes", "quality", "MMD"]
    assert first["protocol"]["MMD"] == "mmd200_test"
    (kept,) = checkpoint.found(run.path / "checkpoints" / "best")
    assert kept == best_of(run, "MMD") == min((first, second), key=lambda record: record["scores"]["MMD"])["step"]


def test_a_run_can_be_scored_from_some_step_on(tmp_path: Path) -> None:
    run = train_digits(tmp_path / "run")
    resumed = ganzoo.resume(run.path, 6, progress=False, eval_every=2)
    assert [record["step"] for record in resumed.evaluations()] == [4, 6]
    assert resumed.best().sample(2).shape == (2, 1, 8, 8)


def test_a_conditional_variant_is_asked_for_every_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.Tensor | None] = []
    score = evaluations.score

    def watched(samples: Any, *args: Any, **keys: Any) -> Scores:
        asked.append(samples.labels)
        return score(samples, *args, **keys)

    monkeypatch.setattr(evaluations, "score", watched)
    values = {name: value for name, value in SMALL.items() if "hidden" not in name}
    values |= {"network": "mlp", "g_hidden": "8", "d_hidden": "8", "embedding": "4"}
    ganzoo.train(
        "conditional", dataset="digits", steps=1, set=values, out=str(tmp_path / "run"), progress=False, eval_every=1
    )
    assert asked[0] is not None
    counts = torch.bincount(asked[0], minlength=10)
    assert len(counts) == 10
    # At random, as often as in training.
    assert counts.min() > 5
    assert counts.float().std() > 1


@pytest.mark.parametrize(
    ("better", "before", "value", "wanted"),
    [
        ("lower", 2.0, 1.0, True),
        ("lower", 2.0, 2.0, False),
        ("lower", 2.0, 3.0, False),
        ("higher", 2.0, 3.0, True),
        ("higher", 2.0, 1.0, False),
        ("", 2.0, 1.0, False),
    ],
)
def test_of_other_metrics_the_first_with_a_direction_decides(
    digits_run: Path, better: str, before: float, value: float, wanted: bool
) -> None:
    callback = evaluations.Evaluations(ganzoo.load(digits_run), make_options(eval_every=1))
    callback.best = {"step": 1, "scores": {"theirs": before}, "protocol": {"theirs": "theirs200"}}
    record = {"step": 2, "scores": {"theirs": value}, "protocol": {"theirs": "theirs200"}}
    found = Scores([Score("theirs", value, None, better, {"metric": "theirs"})])
    assert callback._is_best(record, found) is wanted


def test_what_it_does_is_said_and_only_where_progress_is_wanted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path / "quiet", 1, eval_every=1)
    assert "scoring" not in capfd.readouterr().err
    train(tmp_path / "loud", 1, eval_every=1, progress=True)
    err = capfd.readouterr().err
    assert "scoring 200 samples every 1 steps ..." in err
    assert "step 1: IS[domain:digits] 1" in err
    assert "(best)" in err


@pytest.mark.parametrize("every", [0, -1, 1.5])
def test_an_interval_that_is_no_number_of_steps_is_refused(every: Any) -> None:
    with pytest.raises(GanzooError, match=f"eval_every: expected a whole number of at least 1 or none, got {every}"):
        make_options(eval_every=every)
