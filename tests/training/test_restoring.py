"""A training state from a checkpoint is checked before any of it reaches a network or a kernel."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small import recipe, same, train_digits, trainer, two_player

from ganzoo.cli import run as typed
from ganzoo.files import checkpoint
from ganzoo.game import GAN
from ganzoo.recipes import Optimiser
from ganzoo.training import restoring
from ganzoo.training.trainer import Trainer

OPTIMISERS = {
    "adam": Optimiser(name="adam", lr=1e-2),
    "adamw": Optimiser(name="adamw", lr=1e-2, weight_decay=0.1),
    "rmsprop": Optimiser(name="rmsprop", lr=1e-2),
    "rmsprop with momentum": Optimiser(name="rmsprop", lr=1e-2, momentum=0.5),
    "sgd": Optimiser(name="sgd", lr=1e-2),
    "sgd with momentum": Optimiser(name="sgd", lr=1e-2, momentum=0.5),
}
KEPT = {"adam": ("step", "exp_avg", "exp_avg_sq"), "adamw": ("step", "exp_avg", "exp_avg_sq")}
KEPT |= {"rmsprop": ("step", "square_avg"), "rmsprop with momentum": ("step", "square_avg", "momentum_buffer")}
KEPT |= {"sgd": (), "sgd with momentum": ("momentum_buffer",)}


def trained(kind: str, steps: int = 3) -> Trainer:
    made = trainer(recipe(g=OPTIMISERS[kind], d=OPTIMISERS[kind], steps=steps))
    made.fit()
    return made


def loaded(state: Any, kind: str = "adam", steps: int = 6) -> Trainer:
    made = trainer(recipe(g=OPTIMISERS[kind], d=OPTIMISERS[kind], steps=steps))
    made.load_state(state)
    return made


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_a_sound_state_is_restored_bitwise_and_ends_alike(kind: str) -> None:
    state = copy.deepcopy(trained(kind).state())
    assert all(set(kept) == set(KEPT[kind]) for kept in state["optimisers"]["g"]["state"].values())
    made = loaded(state, kind)
    assert same({**made.state(), "recipe": 0}, {**state, "recipe": 0})
    made.fit()
    assert same(made.state(), trained(kind, 6).state())


def test_a_state_of_bf16_is_restored_bitwise_and_ends_alike() -> None:
    """Optimisers and weights are fp32 in it, and the copies in bf16 are made from these."""
    halves, whole = (trainer(recipe(steps=steps), bf16=True) for steps in (3, 6))
    halves.fit()
    state = copy.deepcopy(halves.state())
    assert all(tensor.dtype != torch.bfloat16 for tensor in state["gan"].values())
    resumed = trainer(recipe(steps=6), bf16=True)
    resumed.load_state(state)
    resumed.fit()
    whole.fit()
    assert same(resumed.state(), whole.state())
    plain = trainer(recipe(steps=6))
    plain.fit()
    assert not same(plain.state(), whole.state()), "bf16 rounds"


def quantised(value: torch.Tensor) -> torch.Tensor:
    return torch.quantize_per_tensor(value.float(), 0.1, 0, torch.qint8)


DAMAGES: dict[str, Callable[[torch.Tensor], Any]] = {
    "one value": lambda value: torch.zeros(1),
    "no value": lambda value: torch.zeros(0),
    "turned": lambda value: torch.zeros(*reversed(value.shape), 1),
    "double": lambda value: value.double(),
    "half": lambda value: value.half(),
    "whole numbers": lambda value: value.long(),
    "complex": lambda value: value.to(torch.complex64),
    "sparse": lambda value: value.to_sparse(),
    "quantised": quantised,
    "meta": lambda value: value.to("meta"),
    "NaN": lambda value: torch.full_like(value, float("nan")),
    "a number": lambda value: 1.0,
    "a list": lambda value: [0.0],
    "None": lambda value: None,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in KEPT.items() for name in names])
def test_what_an_optimiser_keeps_has_the_type_shape_and_layout_of_its_weight(kind: str, name: str, damage: str) -> None:
    state = copy.deepcopy(trained(kind).state())
    kept = state["optimisers"]["d"]["state"][0]
    if name == "step" and damage == "turned":
        damage = "one value"
    kept[name] = DAMAGES[damage](kept[name])
    if kept[name] is None and kind == "sgd with momentum":
        loaded(state, kind)  # SGD's own sign for a momentum that has not begun
        return
    with pytest.raises(ValueError, match=r"^d: "):
        loaded(state, kind)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), 0.5, 1e30])
def test_the_number_of_steps_of_an_optimiser_is_a_count(value: float) -> None:
    state = copy.deepcopy(trained("adam").state())
    state["optimisers"]["g"]["state"][1]["step"] = torch.tensor(value)
    with pytest.raises(ValueError, match=r"g: 0\.bias: step is .*, not a count"):
        loaded(state)


def test_mean_squares_are_not_negative() -> None:
    state = copy.deepcopy(trained("rmsprop").state())
    state["optimisers"]["g"]["state"][0]["square_avg"].view(-1)[3] = -1e-9
    with pytest.raises(ValueError, match="square_avg has values that cannot be"):
        loaded(state, "rmsprop")


def test_values_that_share_memory_are_given_their_own() -> None:
    """Strides of 0, and one tensor for two weights: a kernel that writes in place would read what it wrote."""
    state = copy.deepcopy(trained("adam").state())
    kept = state["optimisers"]["d"]["state"]
    kept[0]["exp_avg"] = torch.zeros(1).expand(kept[0]["exp_avg"].shape)
    kept[0]["exp_avg_sq"] = kept[0]["exp_avg"]
    made = loaded(state).optimisers["d"].state
    tensors = [value for values in made.values() for key, value in values.items() if key != "step"]
    assert len({value.data_ptr() for value in tensors}) == len(tensors)
    for weight, values in made.items():
        assert values["exp_avg"].stride() == values["exp_avg_sq"].stride() == weight.stride()


GROUPS: dict[str, Any] = {
    "lr": "fast", "betas": (0.5,), "eps": None, "weight_decay": torch.zeros(3), "amsgrad": True, "maximize": 1,
    "params": [0, 1, 2, 99], "decoupled_weight_decay": "yes", "fused": "yes",
}  # fmt: skip


@pytest.mark.parametrize("key", GROUPS)
def test_settings_of_other_kinds_are_refused(key: str) -> None:
    state = copy.deepcopy(trained("adam").state())
    state["optimisers"]["g"]["param_groups"][0][key] = GROUPS[key]
    with pytest.raises(ValueError, match=r"^g: "):
        loaded(state)


def test_settings_are_the_recipes_own() -> None:
    state = copy.deepcopy(trained("adam").state())
    state["optimisers"]["g"]["param_groups"][0] |= {"lr": 7.0, "betas": (2.0, 3.0), "eps": -1.0, "theirs": "x"}
    (group,) = loaded(state).optimisers["g"].param_groups
    assert (group["lr"], group["betas"]) == (1e-2, OPTIMISERS["adam"].betas)
    assert "theirs" not in group


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("progress", {"step": True, "updates": 6, "samples": 48}),
        ("progress", {"step": 3.0, "updates": 6, "samples": 48}),
        ("progress", {"step": 3, "updates": -1, "samples": 48}),
        ("progress", {"step": 3, "updates": "6", "samples": 48}),
        ("progress", {"step": 3, "batches": None}),
        ("progress", {"step": 3, "updates": 6, "samples": 2**70}),
        ("progress", {"step": torch.tensor(3), "updates": 6, "samples": 48}),
        ("progress", []),
        ("skipped", -1),
        ("skipped", "many"),
        ("skipped", torch.zeros(3)),
        ("log", {"sums": {"g/loss": "x"}, "counts": {"g/loss": 1}}),
        ("log", {"sums": {"g/loss": float("nan")}, "counts": {"g/loss": 1}}),
        ("log", {"sums": {"g/loss": 1.0}, "counts": {"g/loss": 0}}),
        ("log", {"sums": {"g/loss": 1.0}, "counts": {}}),
        ("log", {"sums": {"g/\x1b[2J": 1.0}, "counts": {"g/\x1b[2J": 1}}),
        ("log", {"sums": {5: 1.0}, "counts": {5: 1}}),
        ("log", []),
        ("optimisers", {"g": 5, "d": 5}),
        ("optimisers", {"g": {"state": {}, "param_groups": 5}, "d": {}}),
        ("gan", 5),
    ],
)
def test_counts_and_sums_have_their_types_and_ranges(part: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"count|described|number|terms|shape|plain|groups"):
        loaded(copy.deepcopy(trained("adam").state()) | {part: value})


def test_a_refused_state_changes_nothing() -> None:
    state = copy.deepcopy(trained("adam").state())
    made = trainer(recipe())
    before = copy.deepcopy(made.state())
    for part in ("optimisers", "log", "skipped"):
        with pytest.raises(ValueError, match=r"count|described"):
            made.load_state(state | {part: "x"})
        assert same(made.state(), before)


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "NaN"])
def test_weights_have_the_type_shape_and_layout_of_the_networks(damage: str) -> None:
    gan: GAN = two_player(recipe())
    state = {"gan": dict(gan.state_dict())}
    name = next(iter(state["gan"]))
    state["gan"][name] = DAMAGES[damage](state["gan"][name])
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        restoring.load_weights(gan, state)


@pytest.mark.parametrize("command", ["resume", "sample", "eval"])
def test_a_number_that_a_network_keeps_is_not_taken_from_an_empty_tensor(
    command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = train_digits(tmp_path / "run")
    _, state, _ = checkpoint.newest(run.checkpoints)
    name = next(iter(state["gan"]))
    state["gan"][name] = torch.zeros(0)
    for step in checkpoint.found(run.checkpoints):
        checkpoint.save(run.checkpoints, step, state)
    assert typed([command, str(run.path), *(["--steps", "5"] if command == "resume" else [])]) == 2
    assert "does not fit the networks" in capfd.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "rmsprop", "sgd"])
def test_a_crafted_checkpoint_ends_in_one_line_and_not_in_a_crash(optimiser: str, tmp_path: Path) -> None:
    keys = {f"{player}.name": optimiser for player in "gd"}
    keys |= {} if optimiser in ("adam", "adamw") else {f"{player}.momentum": "0.5" for player in "gd"}
    run = train_digits(tmp_path / "run", **(keys | {"g_hidden": "512", "d_hidden": "512"}))
    _, state, _ = checkpoint.newest(run.checkpoints)
    for player in "gd":
        for kept in state["optimisers"][player]["state"].values():
            kept |= {name: torch.zeros(1) for name in kept if name != "step"}
    checkpoint.save(run.checkpoints, 3, state)
    before = {path.name: path.read_bytes() for path in run.checkpoints.iterdir()}
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "resume", str(run.path), "--steps", "6", "--device", "cpu"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert "has the shape [1], not [" in done.stderr.splitlines()[-1]
    assert {path.name: path.read_bytes() for path in run.checkpoints.iterdir()} == before
    assert json.loads((run.path / "recipe.json").read_text())["recipe"]["steps"] == 3
