"""`--early-stop METRIC:PATIENCE`, `resume --from best`, and drawing with the weights as trained."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from small import SMALL, same

import ganzoo
from ganzoo.api.planning import make_options
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.runs.callbacks import evaluations
from ganzoo.runs.callbacks.stopping import EarlyStop, early_stop
from ganzoo.runs.run import Run

FD = "FD[domain:digits]"


def records(*values: float, protocol: str = "fd") -> list[dict[str, Any]]:
    return [
        {"step": 10 * n, "scores": {"IS": 0.0, FD: value}, "protocol": {FD: protocol}}
        for n, value in enumerate(values, 1)
    ]


@pytest.mark.parametrize(
    ("values", "stops"),
    [((3, 2, 1), False), ((3, 1, 2), False), ((3, 1, 2, 2), True), ((1, 1, 1), True), ((), False), ((2, 3, 1), False)],
)
def test_it_stops_after_so_many_evaluations_without_improvement(values: tuple[float, ...], stops: bool) -> None:
    assert bool(EarlyStop("FD", "lower", 2).reason(records(*values))) == stops


def test_the_direction_is_the_scores_own_and_other_protocols_do_not_count() -> None:
    assert not EarlyStop("FD", "higher", 2).reason(records(1, 2, 3))
    assert EarlyStop("FD", "higher", 2).reason(records(3, 2, 1))
    assert not EarlyStop("FD", "lower", 2).reason([*records(1, protocol="other"), *records(3, 3)])


@pytest.mark.parametrize(
    ("text", "every", "line"),
    [
        ("fd", 5, "write METRIC:PATIENCE, as "),
        ("fd:0", 5, "write METRIC:PATIENCE, as "),
        ("fd:3", None, "needs --eval-every N"),
        ("fdd:3", 5, "unknown score during training 'fdd': available: FD, "),
    ],
)
def test_mistakes_are_one_line(text: str, every: int | None, line: str) -> None:
    with pytest.raises(GanzooError) as raised:
        early_stop(make_options(early_stop=text, eval_every=every), "image")
    assert line in str(raised.value)


def test_a_score_is_named_in_any_case_and_none_is_no_early_stop() -> None:
    assert early_stop(make_options(early_stop="Fd:3", eval_every=5), "image") == EarlyStop("FD", "lower", 3)
    assert early_stop(make_options(early_stop="MMD:3", eval_every=5), "points") is not None
    assert early_stop(make_options(early_stop="none", eval_every=5), "image") is None


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 40 steps that does not learn, so that the first evaluation is the best: stopped at step 6."""
    path = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluations, "SAMPLES", 200)
        keys = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
        keys += ["--set", "g.lr=1e-30", "--set", "d.lr=1e-30", "--steps", "40", "--eval-every", "2", "--keep", "9"]
        words = ["--early-stop", "fd:2", "--save-every", "2", "--no-scores", "--device", "cpu", "--out", str(path)]
        assert typed(["train", "vanilla", "--dataset", "digits", *keys, *words]) == 0
    return path


def test_the_run_stops_and_is_saved(stopped: Path) -> None:
    run = Run.open(stopped)
    assert [record["step"] for record in run.evaluations()] == [2, 4, 6]
    assert run.step == 6


def test_resuming_it_needs_a_decision(stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluations, "SAMPLES", 200)
    copy = shutil.copytree(stopped, tmp_path / "run")
    with pytest.raises(GanzooError, match=r"stopped early at step 6, as FD.* --early-stop none"):
        ganzoo.resume(copy)
    assert ganzoo.resume(copy, early_stop="FD:4", progress=False).step == 10


def test_a_killed_run_is_stopped_at_the_same_step(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluations, "SAMPLES", 200)
    killed = shutil.copytree(stopped, tmp_path / "run")
    checkpoint.remove(killed / "checkpoints" / checkpoint.file_name(6))
    assert ganzoo.resume(killed, progress=False).step == 6


def test_going_back_to_the_best_state_loses_nothing(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluations, "SAMPLES", 200)
    copy = shutil.copytree(stopped, tmp_path / "run")
    words = ["--from", "best", "--set", "d.lr=1e-3", "--steps", "4", "--no-scores"]
    assert typed(["resume", str(copy), *words]) == 0
    assert "going back to step 2" in capsys.readouterr().out
    run = Run.open(copy)
    assert run.step == 4
    assert run.info["changes"][0] | {"step": 2} == run.info["changes"][0]
    assert [record["step"] for record in run.evaluations()] == [2, 4]
    assert sorted(checkpoint.found(copy / "checkpoints" / "after-step-000000002")) == [4, 6]
    best = checkpoint.newest(stopped / "checkpoints" / "best")[1]
    kept = checkpoint.load(copy / "checkpoints" / checkpoint.file_name(2))
    assert same({name: value for name, value in best.items() if name != "evaluation"}, kept)
    shutil.rmtree(copy / "checkpoints" / "best")
    with pytest.raises(GanzooError, match="has no best state"):
        ganzoo.resume(copy, from_best=True)


def test_samples_can_be_drawn_with_the_weights_as_trained(digits_run: Path, tmp_path: Path) -> None:
    run = Run.open(digits_run)
    assert torch.equal(run.raw().sample(4), run.sample(4, averaged=False))
    assert not torch.equal(run.raw().sample(4), run.sample(4))
    arguments = ["sample", str(digits_run), "-n", "2", "--raw", "--interpolate", "--grid", str(tmp_path / "a.png")]
    assert typed(arguments) == 0
