"""`--precision auto` is bf16 on a processor with units for it, for recipes that learn as well in it by their card."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from small import SMALL, same

import ganzoo
from ganzoo.api import precision
from ganzoo.api.planning import Plan, plan
from ganzoo.api.train import execute
from ganzoo.callbacks import Callback, Training
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.zoo import cards

QUIET: dict[str, Any] = {"device": "cpu", "scores": False, "progress": False}


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with bf16 units. Any processor can compute in bf16, if slowly."""
    monkeypatch.setattr(precision, "bf16_units", lambda: ("avx512_bf16",))


@pytest.fixture
def no_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bf16_units", lambda: ())


def planned(out: Path, steps: int = 4, measured: tuple[str, ...] = ("digits",), **options: Any) -> Plan:
    """A plan of vanilla.digits, whose card names the recipes in `measured`."""
    made = plan("vanilla.digits", set=SMALL, steps=steps, out=str(out), save_every=2, **QUIET | options)
    return dataclasses.replace(made, variant=dataclasses.replace(made.variant, bf16=measured))


class StopAt(Callback):
    """Ends training after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, trainer: Training) -> None:
        trainer.stop_requested = trainer.progress.step == self.step


def trained(made: Plan) -> tuple[ganzoo.Run, list[str]]:
    lines: list[str] = []
    return execute(made, lines.append).run, lines


def state(run: ganzoo.Run) -> Any:
    kept = checkpoint.load(run.checkpoints / checkpoint.file_name(run.step))
    return {name: kept[name] for name in ("gan", "optimisers")}


@pytest.mark.usefixtures("units")
def test_auto_is_bf16_which_is_said_and_recorded(tmp_path: Path) -> None:
    run, lines = trained(planned(tmp_path / "auto"))
    assert run.info["options"]["precision"] == "bf16"
    assert [line for line in lines if line.startswith("precision: bf16")]
    asked, _ = trained(planned(tmp_path / "bf16", precision="bf16"))
    full, _ = trained(planned(tmp_path / "fp32", precision="fp32"))
    assert same(state(run), state(asked))
    assert not same(state(run), state(full))


@pytest.mark.parametrize(
    "change",
    [{"measured": ("points",)}, {"measured": ()}, {"precision": "fp32"}, {"precision": "tf32"}],
    ids=["another recipe", "no recipe", "fp32", "tf32"],
)
@pytest.mark.usefixtures("units")
def test_nothing_else_is_bf16(change: dict[str, Any], tmp_path: Path) -> None:
    run, lines = trained(planned(tmp_path / "run", **change))
    assert run.info["options"]["precision"] == change.get("precision", "auto")
    assert not [line for line in lines if line.startswith("precision: bf16")]
    full, _ = trained(planned(tmp_path / "fp32", precision="fp32"))
    assert same(state(run), state(full))


@pytest.mark.usefixtures("no_units")
def test_auto_is_fp32_on_a_processor_without_units(tmp_path: Path) -> None:
    run, lines = trained(planned(tmp_path / "run"))
    assert run.info["options"]["precision"] == "auto"
    assert not [line for line in lines if line.startswith("precision: bf16")]


@pytest.mark.usefixtures("units")
def test_several_machines_stay_in_fp32() -> None:
    made = planned(Path("unused"), nodes=2)
    assert precision.with_precision(made.options, made.variant, made.recipe_name).precision == "auto"


@pytest.mark.parametrize("later", [("avx512_bf16",), ()], ids=["with units", "without units"])
def test_a_run_keeps_bf16_wherever_it_is_resumed(
    later: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bf16_units", lambda: ("avx512_bf16",))
    whole, _ = trained(planned(tmp_path / "whole"))
    half, _ = trained(planned(tmp_path / "half", steps=2))
    monkeypatch.setattr(precision, "bf16_units", lambda: later)
    resumed = ganzoo.resume(half.path, steps=4, progress=False)
    assert same(state(resumed), state(whole))


@pytest.mark.usefixtures("units")
def test_a_run_that_began_in_fp32_stays_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even of a recipe that is bf16 here: the run began on another processor, or before its card said so."""
    monkeypatch.setattr(precision, "bf16_units", lambda: ())
    whole, _ = trained(planned(tmp_path / "whole"))
    half, _ = trained(planned(tmp_path / "half", steps=2))
    monkeypatch.setattr(precision, "bf16_units", lambda: ("avx512_bf16",))
    assert same(state(ganzoo.resume(half.path, steps=4, progress=False)), state(whole))


def test_a_card_names_recipes_that_exist() -> None:
    variant = dataclasses.replace(planned(Path("unused")).variant, bf16=("digits", "huge"))
    with pytest.raises(GanzooError, match=r"the plugin: 'vanilla' has no recipe 'huge', named in bf16\."):
        cards.check_recipes(variant, "the plugin")


def test_a_benchmark_takes_a_precision_and_notes_bf16(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = tmp_path / "grid.toml"
    grid.write_text('variants = ["vanilla"]\ndatasets = ["digits"]\nseeds = [0]\nsteps = 4\nmetrics = ["is"]\n')
    assert typed(["bench", str(grid), "--out", str(tmp_path / "out"), "--precision", "bf16", "--device", "cpu"]) == 0
    assert "trained in bf16" in capsys.readouterr().out
    report = (tmp_path / "out" / "report.json").read_text("utf-8")
    assert '"precision": [\n    "bf16"' in report.replace("\r", "")


@pytest.mark.parametrize("before", [("avx512_bf16",), ()], ids=["with units", "without units"])
def test_a_restarted_job_continues_in_the_precision_that_it_began_in(
    before: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it is started again on another processor."""
    after = () if before else ("avx512_bf16",)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a job")
    monkeypatch.setattr(precision, "bf16_units", lambda: before)
    whole, _ = trained(planned(tmp_path / "whole"))
    stopping = planned(tmp_path / "run")
    execute(stopping, callbacks=[StopAt(2)])
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    monkeypatch.setattr(precision, "bf16_units", lambda: after)
    run, _ = trained(stopping)
    assert run.step == 4
    assert same(state(run), state(whole))
