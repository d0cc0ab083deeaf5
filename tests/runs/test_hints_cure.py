"""Every hint cures the training run that it is given for, and hints of one run do not contradict one another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ganzoo
from benchmarks.diagnosis import alternatives, variety
from ganzoo.errors import TrainingError
from ganzoo.recipes import Optimiser, Term, TwoPlayerRecipe
from ganzoo.runs.callbacks.symptoms import advice, find_hints, nonfinite_hint
from ganzoo.runs.run import Run

POINTS = {"g_hidden": "32,32", "d_hidden": "32,32", "batch": "64"}
DIGITS = {"g_hidden": "32", "d_hidden": "64"}
CRITIC = {"width": 32, "depth": 3}
MOMENTUM = {"g.betas": "0.99,0.999", "d.betas": "0.99,0.999"}

SICK: dict[str, tuple[str, str, int, dict[str, Any], list[dict[str, str]]]] = {
    "a generator much faster than D": (
        "mode-collapse",
        "vanilla.points",
        1200,
        POINTS | {"g.lr": 0.02, "d.lr": 1e-4},
        [{"g.lr": "0.0001"}],
    ),
    "a generator five times as fast": (
        "mode-collapse",
        "vanilla.points",
        1200,
        POINTS | {"g.lr": 0.005},
        [{"g.lr": "0.001"}],
    ),
    "a collapse with the recipe's own rates": (
        "mode-collapse",
        "vanilla.points",
        1200,
        POINTS | MOMENTUM,
        [{"g.lr": "0.00025"}],
    ),
    "a collapse in a short run": (
        "mode-collapse",
        "vanilla.points",
        900,
        POINTS | {"g.lr": 0.005},
        [{"g.lr": "0.001"}],
    ),
    "a latent vector of one number": (
        "mode-collapse",
        "vanilla.digits",
        1200,
        {"g_hidden": "64", "d_hidden": "64", "latent": 1},
        [{"latent": "100"}],
    ),
    "a minimax loss and a fast D": (
        "discriminator-won",
        "vanilla.digits",
        300,
        DIGITS | {"loss": "minimax", "d.lr": 0.01, "g.lr": 1e-5},
        [{"loss": "non-saturating"}, {"d.lr": "1e-05"}],
    ),
    "a minimax loss and much of D": (
        "discriminator-won",
        "vanilla.digits",
        200,
        {"g_hidden": "32", "d_hidden": "512,512", "n_critic": 5, "loss": "minimax"},
        [{"loss": "non-saturating"}],
    ),
    "a D whose units are all off": (
        "discriminator-died",
        "projection.digits",
        200,
        {"width": 4, "d_width": 4, "batch": 16, "d.lr": 0.1},
        [{"d.lr": "0.004"}],
    ),
    "a critic without bounds": (
        "divergence",
        "wgan-gp.points",
        600,
        CRITIC | {"penalties": "none"},
        [{"penalties": "wgan-gp"}, {"clip": "0.01"}, {"spectral_norm": "true"}],
    ),
    "a penalty that is too weak": (
        "divergence",
        "wgan-gp.points",
        400,
        CRITIC | {"penalties.wgan-gp.weight": 1e-4},
        [{"penalties.wgan-gp.weight": "0.1"}],
    ),
    "one rate that overflows": (
        "non-finite",
        "vanilla.points",
        60,
        POINTS | {"g.lr": 1e30},
        [{"g.lr": "0.001"}],
    ),
    "both rates": (
        "non-finite",
        "vanilla.points",
        60,
        POINTS | {"g.lr": 1e30, "d.lr": 1e30},
        [{"g.lr": "0.001", "d.lr": "0.001"}],
    ),
}
"""The hint, recipe, steps and keys of runs that fail, and the alternatives that the hint suggests."""


def train(folder: Path, name: str, steps: int, keys: dict[str, Any]) -> Run:
    try:
        return ganzoo.train(
            name, steps=steps, set=keys, out=str(folder), progress=False, device="cpu", sample_every=steps
        )
    except TrainingError:
        return ganzoo.load(folder)


@pytest.mark.parametrize("case", SICK)
def test_every_alternative_of_a_hint_cures(case: str, tmp_path: Path) -> None:
    wanted, name, steps, keys, cures = SICK[case]
    sick = train(tmp_path / "sick", name, steps, keys)
    (hint,) = [hint for hint in sick.hints() if hint["name"] == wanted]
    assert alternatives(hint["hint"]) == cures
    for number, cure in enumerate(cures):
        cured = train(tmp_path / str(number), name, steps, keys | cure)
        assert [hint["name"] for hint in cured.hints()] == [], cure
        assert cured.metrics()[-1]["step"] == steps
        if wanted == "mode-collapse":
            assert variety(cured.path) > 2 * variety(sick.path)


@pytest.mark.slow
def test_rates_a_hundred_to_one_are_cured_by_either_rate(tmp_path: Path) -> None:
    keys = {"g.lr": 0.01, "d.lr": 1e-4}
    sick = train(tmp_path / "sick", "vanilla.points", 1500, keys)
    (hint,) = sick.hints()
    cures = alternatives(hint["hint"])
    assert cures == [{"g.lr": "0.0001"}, {"d.lr": "0.001"}]
    for number, cure in enumerate(cures):
        cured = train(tmp_path / str(number), "vanilla.points", 1500, keys | cure)
        assert cured.hints() == []
        modes = {score.name: score.value for score in ganzoo.evaluate(cured, metrics=["modes"]).scores}["modes"]
        assert modes >= 3
    assert {score.name: score.value for score in ganzoo.evaluate(sick, metrics=["modes"]).scores}["modes"] == 0


# Short runs.


def history(spread: list[float], variety: float = 0.03) -> list[dict[str, float]]:
    return [{"step": 50.0 * i, "variety": variety, "spread": value} for i, value in enumerate(spread)]


def end(spread: list[float], variety: float = 0.03) -> list[str]:
    past = history(spread, variety)
    recipe = TwoPlayerRecipe(steps=int(past[-1]["step"]))
    assert list(find_hints(past, recipe, ["g", "d"])) == []
    return [hint.name for hint in find_hints(past, recipe, ["g", "d"], finished=True)]


def test_a_short_run_is_judged_at_its_end() -> None:
    assert end([0.02, 0.03, 0.03, 0.02, 0.01, 0.02, 0.02]) == ["mode-collapse"]
    assert end([0.02, 0.03, 0.03, 0.02, 0.01, 0.02, 0.02], variety=0.3) == []


def test_samples_that_still_spread_are_not_collapsed_and_two_measurements_are_too_few() -> None:
    assert end([0.0, 0.05, 0.1, 0.15, 0.18, 0.19]) == []
    assert end([0.5, 0.03, 0.02]) == []


def test_a_run_that_is_short_by_a_little_is_judged_as_a_long_one() -> None:
    past = [{"step": 55.0 * i, "variety": 0.03, "spread": 0.5} for i in range(21)]
    recipe = TwoPlayerRecipe(steps=1100)
    assert list(find_hints(past, recipe, ["g", "d"])) == []
    assert [hint.name for hint in find_hints(past, recipe, ["g", "d"], finished=True)] == ["mode-collapse"]


# One record.


def hint(text: str, step: int = 100, name: str = "mode-collapse") -> dict[str, Any]:
    return {"step": step, "name": name, "hint": f"step {step}, {name}: why; try {text}", "values": {}}


@pytest.mark.parametrize(
    ("before", "suggested", "said"),
    [
        ("`--set d.lr=0.001`", ("d.lr", "1e-05"), "try what the hint of step 100 says"),
        ("`--set d.lr=0.001`", ("g.lr", "1e-05"), "try what the hint of step 100 says"),
        ("`--set d.lr=0.001`", ("d.lr", "0.001"), "try `--set d.lr=0.001`"),
        ("`--set d.lr=0.001`", ("penalties", "r1"), "try `--set penalties=r1`"),
        ("`--set penalties=wgan-gp`", ("penalties", "r1"), "try what the hint of step 100 says"),
        ("`--set penalties=r1`", ("penalties.r1.weight", "100"), "try what the hint of step 100 says"),
        ("`--set clip=0.01` or `--set g.lr=0.5`", ("g.lr", "0.25"), "try what the hint of step 100 says"),
    ],
)
def test_a_later_hint_does_not_contradict_an_earlier_one(before: str, suggested: tuple[str, str], said: str) -> None:
    recipe = TwoPlayerRecipe(g=Optimiser(lr=0.01), d=Optimiser(lr=0.01))
    assert advice(recipe, [suggested], [hint(before)]) == said


SYMPTOMS: dict[str, list[float]] = {
    "variety": [0.01] * 21,
    "separation": [1.0] * 21,
    "gradient": [1.0] + [0.0] * 20,
    "logits": [3.0**i for i in range(21)],
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"g": Optimiser(lr=0.01), "d": Optimiser(lr=1e-4)},
        {"g": Optimiser(lr=1e-5), "d": Optimiser(lr=0.01)},
        {"g": Optimiser(lr=0.1), "d": Optimiser(lr=0.1), "loss": "minimax"},
        {"loss": "wasserstein"},
        {"penalties": {"r1": Term(weight=0.1)}},
        {"latent": 1},
    ],
)
def test_all_hints_of_a_run_agree(changed: dict[str, Any]) -> None:
    own = TwoPlayerRecipe(steps=2000, g=Optimiser(lr=1e-3), d=Optimiser(lr=1e-3))
    recipe = TwoPlayerRecipe(**({"steps": 2000, "g": own.g, "d": own.d} | changed))
    past = [{"step": 100.0 * i, **{name: series[i] for name, series in SYMPTOMS.items()}} for i in range(21)]
    given: list[dict[str, Any]] = []
    for stop in range(1, 22):
        for found in find_hints(past[:stop], recipe, ["g", "d"], own, given):
            given.append(vars(found))
    given.append(vars(nonfinite_hint(2001, recipe, ["g", "d"], own, given)))
    assert {one["name"] for one in given} == {"mode-collapse", "discriminator-won", "divergence", "non-finite"}
    values: dict[str, set[str]] = {}
    for one in given:
        for alternative in alternatives(one["hint"]):
            for key, value in alternative.items():
                values.setdefault(key, set()).add(value)
    assert all(len(found) == 1 for found in values.values()), values
    assert not {"g.lr", "d.lr"} <= values.keys() or recipe.g != own.g


def test_the_record_holds_across_a_resume(tmp_path: Path) -> None:
    keys = POINTS | {"g.lr": 0.02, "d.lr": 1e-4}
    run = train(tmp_path / "run", "vanilla.points", 200, keys)
    text = run.path / "hints.jsonl"
    earlier = hint("`--set penalties=r1` or `--set g.lr=0.5`", 150, "divergence")
    text.write_text(json.dumps(earlier) + "\n")
    resumed = ganzoo.resume(run.path, 600, progress=False, sample_every=600)
    names = [(found["name"], found["hint"].rpartition("; ")[2]) for found in resumed.hints()]
    assert names[1:] == [("mode-collapse", "try what the hint of step 150 says")]
