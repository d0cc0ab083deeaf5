"""Recipes changed between stop and resume: refused when they were edited, recorded when they were typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from small import same, train_digits

import ganzoo
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.runs import changes


@pytest.fixture
def folder(digits_run: Path, tmp_path: Path) -> Path:
    """A run of three steps that may be changed."""
    shutil.copytree(digits_run, tmp_path / "run")
    return tmp_path / "run"


def info(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "recipe.json").read_text())
    return found


def edit(folder: Path, **values: Any) -> None:
    """Change keys of the recipe by hand."""
    whole = info(folder)
    for path, value in values.items():
        group, _, name = path.rpartition("__")
        (whole["recipe"][group] if group else whole["recipe"])[name] = value
    (folder / "recipe.json").write_text(json.dumps(whole))


def refused(folder: Path, *arguments: Any, **options: Any) -> str:
    """The one line that a resume ends in, with the folder as it was."""
    before = content(folder)
    with pytest.raises(GanzooError) as caught:
        ganzoo.resume(folder, *arguments, progress=False, **options)
    assert content(folder) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_a_checkpoint_holds_the_recipe_that_it_was_trained_with(folder: Path) -> None:
    assert checkpoint.newest(folder / "checkpoints")[1]["recipe"] == info(folder)["recipe"]


# Edited by hand.


def test_an_edited_recipe_is_refused_with_what_differs_and_what_to_type(folder: Path) -> None:
    edit(folder, g__lr=0.01)
    line = refused(folder, 5)
    assert "g.lr: 0.0002 in the checkpoint, 0.01 in recipe.json" in line
    assert f"ganzoo resume {folder} --set g.lr=0.01" in line


def test_what_is_said_to_type_works(folder: Path) -> None:
    edit(folder, g__lr=0.01, g__betas=[0.1, 0.9], data__size=None, penalties={"r1": {"weight": 3.0, "every": 2}})
    line = refused(folder, 5)
    assert "and 1 more" in line
    edit(folder, g__betas=[0.5, 0.999])
    line = refused(folder, 5)
    commands = line.partition("`ganzoo resume ")[2].partition("`")[0].split()
    run = ganzoo.resume(folder, 5, set=dict(part.split("=") for part in commands if "=" in part), progress=False)
    assert run.info["recipe"]["penalties"] == {"r1": {"weight": 3.0, "every": 2, "options": {}}}


def test_a_removed_penalty_is_refused_and_typed_away(tmp_path: Path) -> None:
    folder = train_digits(tmp_path / "run", penalties="r1").path
    edit(folder, penalties={})
    line = refused(folder, 5)
    assert "penalties.r1.weight: 10.0 in the checkpoint, nothing in recipe.json" in line
    assert "--set penalties.r1=none`" in line
    run = ganzoo.resume(folder, 5, set={"penalties.r1": "none"}, progress=False)
    assert {"step": 3, "key": "penalties.r1.weight", "from": 10.0} in run.info["changes"]
    assert ganzoo.resume(folder, 6, progress=False).recipe.penalties == {}


def test_edited_steps_are_a_change_too(folder: Path) -> None:
    edit(folder, steps=9)
    assert "steps: 3 in the checkpoint, 9 in recipe.json" in refused(folder)
    assert ganzoo.resume(folder, 9, progress=False).info["changes"] == [{"step": 3, "key": "steps", "from": 3, "to": 9}]


def test_what_a_shell_would_run_is_quoted(folder: Path) -> None:
    edit(folder, data__path="$(touch x)\n")
    line = refused(folder, 5)
    assert "--set 'data.path=$(touch x)?'" in line or "--set 'data.path=$(touch x)'" in line


def test_an_edited_key_that_is_typed_with_another_value_takes_the_typed_one(folder: Path) -> None:
    edit(folder, g__lr=0.01)
    run = ganzoo.resume(folder, 4, set={"g.lr": 0.5}, progress=False)
    assert run.recipe.g.lr == 0.5  # type: ignore[attr-defined]
    assert {"step": 3, "key": "g.lr", "from": 0.0002, "to": 0.5} in run.info["changes"]


def test_a_checkpoint_without_a_recipe_is_gone_on_with(folder: Path) -> None:
    for path in (folder / "checkpoints").glob("*.pt"):
        state = checkpoint.load(path)
        del state["recipe"]
        checkpoint.save(path.parent, state["progress"]["step"], state)
    edit(folder, g__lr=0.01)
    assert ganzoo.resume(folder, 4, progress=False).recipe.g.lr == 0.01  # type: ignore[attr-defined]


# Typed.


def test_a_change_is_recorded_with_its_step_and_holds(folder: Path) -> None:
    run = ganzoo.resume(folder, 5, set={"g.lr": "0.5", "loss": "hinge"}, progress=False)
    assert run.info["changes"] == [
        {"step": 3, "key": "steps", "from": 3, "to": 5},
        {"step": 3, "key": "g.lr", "from": 0.0002, "to": 0.5},
        {"step": 3, "key": "loss", "from": "non-saturating", "to": "hinge"},
    ]
    assert info(folder) == run.info
    again = ganzoo.resume(folder, 6, progress=False)
    assert again.info["changes"] == [*run.info["changes"], {"step": 5, "key": "steps", "from": 5, "to": 6}]
    assert (again.recipe.g.lr, again.recipe.loss) == (0.5, "hinge")  # type: ignore[attr-defined]


def test_a_changed_rate_and_betas_reach_the_optimiser(folder: Path) -> None:
    ganzoo.resume(folder, 4, set={"g.lr": 0.5, "g.betas": "0.1,0.2", "d.weight_decay": 0.25}, progress=False)
    state = checkpoint.newest(folder / "checkpoints")[1]["optimisers"]
    group = state["g"]["param_groups"][0]
    assert (group["lr"], tuple(group["betas"])) == (0.5, (0.1, 0.2))
    assert state["d"]["param_groups"][0]["weight_decay"] == 0.25


def test_a_resume_without_changes_records_none(folder: Path) -> None:
    ganzoo.resume(folder, 6, progress=False, save_every=2)
    before = info(folder)
    for path in (folder / "checkpoints").glob("step-000000006.*"):
        path.unlink()
    ganzoo.resume(folder, progress=False)
    assert info(folder) == before


def test_a_change_holds_when_the_training_stopped_before_its_next_checkpoint(folder: Path) -> None:
    whole = ganzoo.resume(folder, 5, set={"g.lr": "0.5"}, progress=False).path
    wanted = checkpoint.newest(whole / "checkpoints")[1]
    for path in (folder / "checkpoints").glob("step-000000005.*"):
        path.unlink()
    # recipe.json has the changes and the newest checkpoint is from before them, as after a kill.
    again = ganzoo.resume(folder, progress=False)
    assert same(checkpoint.newest(again.checkpoints)[1], wanted)


def test_a_changed_training_differs_from_the_unchanged_one(digits_run: Path, tmp_path: Path) -> None:
    states = []
    for name, values in (("a", {}), ("b", {}), ("c", {"g.lr": 0.5})):
        shutil.copytree(digits_run, tmp_path / name)
        ganzoo.resume(tmp_path / name, 5, set=values, progress=False)
        states.append(checkpoint.newest(tmp_path / name / "checkpoints")[1]["gan"])
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


@pytest.mark.parametrize(
    "values",
    [{"latent": 5}, {"g_hidden": "9"}, {"ema": "0"}, {"spectral_norm": "yes"}, {"data.size": "16"}],
)
def test_what_changes_the_networks_is_refused(folder: Path, values: dict[str, Any]) -> None:
    line = refused(folder, 5, set=values)
    assert "would not fit the networks" in line or "shape or classes differ" in line


def test_the_refusal_names_the_key_and_what_to_type(folder: Path) -> None:
    line = refused(folder, 5, set={"latent": 5})
    assert line.startswith("latent cannot change in a run: the weights in ")
    assert line.endswith(f"start over with `ganzoo train vanilla --recipe {folder} --set ...`.")


@pytest.mark.parametrize("values", [{"g.name": "sgd"}, {"d.name": "rmsprop"}, {"g.name": "sgd", "g.momentum": "0.9"}])
def test_another_optimiser_is_refused(folder: Path, values: dict[str, Any]) -> None:
    line = refused(folder, 5, set=values)
    assert "cannot change in a run: the optimiser's state would not fit" in line
    assert "start over with `ganzoo train vanilla --recipe" in line


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"stpes": 5}, "unknown recipe key 'stpes': did you mean steps"),
        ({"g.lr": "fast"}, "g.lr: expected a number above 0"),
        ({"steps": 2}, "is at step 3 of 2"),
        ({"loss": "hing"}, "unknown loss 'hing'"),
        ({"penalties": "r9"}, "unknown penalty 'r9'"),
        ({"data.name": "points"}, "takes image data|is not what .* was trained on|shape or classes differ"),
    ],
)
def test_wrong_changes_are_refused_as_in_train(folder: Path, values: dict[str, Any], part: str) -> None:
    import re

    assert re.search(part, refused(folder, **({} if "steps" in values else {"steps": 5}), set=values))


@pytest.mark.parametrize("recorded", [5, {}, [1], [{"step": "x", "key": "a"}], [{"key": "a"}]])
def test_damaged_changes_are_one_line(folder: Path, recorded: Any) -> None:
    (folder / "recipe.json").write_text(json.dumps(info(folder) | {"changes": recorded}))
    assert "its changes are not described" in refused(folder, 5)


def test_the_command_line_sets_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["resume", str(folder), "--set", "g.lr=0.5", "--set", "steps=4", "--no-scores"]
    assert typed(arguments) == 0
    assert [change["key"] for change in info(folder)["changes"]] == ["steps", "g.lr"]
    capsys.readouterr()
    assert typed(["resume", str(folder), "--set", "g.lr"]) == 2
    assert "write it as --set key=value" in capsys.readouterr().err


# The parts.


def test_differing_keys_are_found_on_both_sides() -> None:
    assert changes.differing_keys({"a": 1, "b": 2, "c": None}, {"a": 1, "b": 3, "d": 4}) == ["b", "c", "d"]


def test_only_a_few_differences_are_shown() -> None:
    keys = list("abcde")
    shown = changes.describe(keys, dict.fromkeys(keys, 1), dict.fromkeys(keys, 2))
    assert shown.endswith("c: 1 in the checkpoint, 2 in recipe.json; and 2 more")


# A recipe that is taken from a changed run.


def test_a_recipe_of_a_changed_run_says_what_it_does_not_repeat(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ganzoo.resume(folder, 5, set={"g.lr": "0.5"}, progress=False)
    caplog.clear()
    plan = ganzoo.plan("vanilla", recipe=str(folder))
    assert plan.recipe.g.lr == 0.5  # type: ignore[attr-defined]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{folder} was changed on the way (steps from 3 to 5 at step 3; g.lr from 0.0002 to 0.5 at ")
    assert "its last recipe is used from the first step" in line
    caplog.clear()
    ganzoo.plan("vanilla", recipe=folder / "recipe.json")
    assert len(caplog.records) == 1


def test_the_command_line_says_it_in_one_line_and_trains_the_last_recipe(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    ganzoo.resume(folder, 5, set={"g.lr": "0.5"}, progress=False)
    caplog.clear()
    new = tmp_path / "new"
    assert typed(["train", "vanilla", "--recipe", str(folder), "--out", str(new), "--no-scores"]) == 0
    assert [record.getMessage().count("g.lr from 0.0002 to 0.5 at step 3") for record in caplog.records] == [1]
    assert info(new)["recipe"] == info(folder)["recipe"]
    assert "changes" not in info(new)


def test_changed_data_are_named_too_and_only_the_first_changes(folder: Path) -> None:
    many = [{"step": step, "key": "g.lr", "from": 0.1, "to": 0.2} for step in (3, 4, 5)]
    content = info(folder) | {"changes": many, "data_changes": [{"step": 6, "from": {}, "to": {}}]}
    (folder / "recipe.json").write_text(json.dumps(content))
    line = changes.describe_recorded(folder)
    assert line == (
        "g.lr from 0.1 to 0.2 at step 3; g.lr from 0.1 to 0.2 at step 4; g.lr from 0.1 to 0.2 at step 5; and 1 more"
    )
    (folder / "recipe.json").write_text(json.dumps(content | {"changes": []}))
    assert changes.describe_recorded(folder) == "the data at step 6"


def test_an_unchanged_run_and_other_recipe_files_say_nothing(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mine.toml").write_text("steps = 5\n")
    (tmp_path / "mine.json").write_text('{"steps": 5}')
    for recipe in (folder, tmp_path / "mine.toml", tmp_path / "mine.json"):
        ganzoo.plan("vanilla", recipe=recipe)
    assert caplog.records == []
