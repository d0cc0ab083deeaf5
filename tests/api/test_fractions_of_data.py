"""data.fraction from the command line to the scores: a run, its pictures, its records, resume and eval."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import SET

import ganzoo
from ganzoo import cli
from ganzoo.api.replaying import train_words
from ganzoo.errors import GanzooError
from ganzoo.evaluation.scoring import key_of

TENTH = ["--set", "data.fraction=0.1"]
QUICK = [*SET, "--set", "network=mlp"]


def trained(*words: str, out: str = "run", steps: int = 4) -> ganzoo.Run:
    assert cli.run(["train", "conditional", *QUICK, "--steps", str(steps), "--no-scores", "--out", out, *words]) == 0
    return ganzoo.load(out)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_training_says_what_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    trained(*TENTH)
    lines = capfd.readouterr().out.splitlines()
    assert "data: 144 samples of 1x8x8, 10 classes" in lines
    assert "digits: 144 of 1,438 samples are kept (data.fraction 0.1)" in lines


def test_a_recipe_file_has_the_key_too() -> None:
    Path("few.toml").write_text("[data]\nfraction = 0.25\n")
    assert ganzoo.plan("dcgan", recipe="few.toml").recipe.data.fraction == 0.25
    assert ganzoo.plan("dcgan", recipe="few.toml", dataset="mnist").recipe.data.fraction == 0.25


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "data.fraction: expected a number above 0 and of at most 1, got '0'."),
        ("1.5", "data.fraction: expected a number above 0 and of at most 1, got '1.5'."),
        ("nan", "data.fraction: "),
        ("few", "data.fraction: "),
    ],
)
def test_a_value_out_of_range_is_one_line(value: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["train", "dcgan", "--set", f"data.fraction={value}"]) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.count("\n") == 1
    assert not Path("runs").exists()


def test_too_few_samples_are_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["train", "dcgan", "--set", "data.labels=false", "--set", "data.fraction=0.0005"]
    assert cli.run(words) == 2
    wanted = "error: data.fraction=0.0005 leaves 1 of 1,438 samples of digits: use at least 0.0014.\n"
    assert capfd.readouterr().err == wanted
    assert not Path("runs").exists()


def test_a_resumed_run_is_the_run_that_was_not_stopped() -> None:
    whole = trained(*TENTH, out="whole", steps=6)
    trained(*TENTH, out="parts", steps=3)
    assert cli.run(["resume", "parts", "--steps", "6", "--no-scores"]) == 0
    one, other = whole.sample(8, seed=1), ganzoo.load("parts").sample(8, seed=1)
    assert one.equal(other)


def test_the_fraction_changes_what_is_trained_on() -> None:
    one, other = trained(out="all").sample(8, seed=1), trained(*TENTH, out="tenth").sample(8, seed=1)
    assert not one.equal(other)


def test_the_command_that_repeats_a_run_has_the_key() -> None:
    run = trained(*TENTH)
    words = train_words(run.variant, run.info["recipe_name"], run.recipe)
    assert "data.fraction=0.1" in words


def scores_of(run: str, *words: str) -> dict[str, Any]:
    assert cli.run(["eval", run, *words]) == 0
    return {row["name"]: row for row in json.loads((Path(run) / "scores.json").read_text())["scores"]}


def test_scores_against_training_data_are_against_those_kept() -> None:
    trained(*TENTH)
    found = scores_of("run", "--metrics", "memorisation,fd", "-n", "200")
    assert found["memorised[pixels]"]["protocol"]["n_real"] == 144
    (distance,) = [row for name, row in found.items() if name.startswith("FD")]
    assert distance["protocol"]["n_real"] == 144
    assert distance["protocol"]["data"]["fraction"] == 0.1
    # Real data to compare with are the held-out ones, all of them.
    assert distance["protocol"]["real"] == {"split": "test", "n": 200}


def test_scores_are_comparable_for_the_same_fraction_only_unless_they_compare_with_held_out_data() -> None:
    row: dict[str, Any] = {"name": "FD", "protocol": {"split": "train", "data": {"name": "digits"}}}

    def key(split: str, **more: Any) -> str:
        return key_of({**row, "protocol": {"split": split, "data": {"name": "digits", **more}}})

    assert key("train", fraction=0.1) == key("train", fraction=0.1)
    assert len({key("train"), key("train", fraction=0.1), key("train", fraction=0.5)}) == 3
    assert key("test") == key("test", fraction=0.1) == key("test", fraction=0.5)


def test_the_whole_data_set_has_the_protocol_that_it_had_before() -> None:
    trained()
    found = scores_of("run", "--metrics", "memorisation", "-n", "100")
    assert "fraction" not in found["memorised[pixels]"]["protocol"]["data"]


def test_own_files_are_recorded_as_those_kept(capfd: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (60, 8, 8), dtype=np.uint8), np.arange(60) % 3
    np.savez("own.npz", x=images, y=labels, x_test=images[:20], y_test=labels[:20])
    run = trained("--dataset", "own.npz", "--set", "data.fraction=0.5")
    assert run.info["source"]["count"] == 30
    scores_of("run", "--metrics", "fd", "-n", "20")
    assert cli.run(["resume", "run", "--steps", "6", "--no-scores"]) == 0
    capfd.readouterr()
    # Other samples: nothing is trained on them by mistake.
    assert cli.run(["resume", "run", "--steps", "8", "--set", "data.fraction=0.9"]) == 2
    assert "(54 samples, not 30)" in capfd.readouterr().err


def test_real_samples_beside_drawn_ones_are_those_kept() -> None:
    from ganzoo.api.reals import real_samples

    run = trained(*TENTH)
    found = real_samples(run, 1000)
    assert found is not None
    assert len(found) == 144


def test_an_exported_generator_says_what_it_was_trained_on() -> None:
    trained(*TENTH)
    assert cli.run(["export", "run", "--to", "g.safetensors"]) == 0
    assert ganzoo.load_generator("g.safetensors").info["recipe"]["data"]["fraction"] == 0.1
    assert cli.run(["export", "run", "--to", "model"]) == 0
    assert "| data | digits, 1x8x8, data.fraction 0.1 |" in Path("model/README.md").read_text("utf-8")


def test_runs_of_several_fractions_are_told_apart(capfd: pytest.CaptureFixture[str]) -> None:
    for fraction in ("0.1", "0.5"):
        trained("--set", f"data.fraction={fraction}", out=f"run-{fraction}")
        scores_of(f"run-{fraction}", "--metrics", "memorisation", "-n", "100")
    capfd.readouterr()
    assert cli.run(["compare", "run-0.1", "run-0.5", "--markdown"]) == 0
    table = capfd.readouterr().out
    assert "data.fraction" in table


def test_a_damaged_fraction_in_a_run_is_refused() -> None:
    run = trained(*TENTH)
    info = json.loads((run.path / "recipe.json").read_text())
    info["recipe"]["data"]["fraction"] = 2
    (run.path / "recipe.json").write_text(json.dumps(info))
    with pytest.raises(GanzooError, match=r"data\.fraction"):
        _ = ganzoo.load("run").recipe
