"""Run options: defined once, in RunOptions, for Python and the command line."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import click
import pytest

from ganzoo.api.planning import make_options
from ganzoo.cli import cli
from ganzoo.cli.options import MACHINE, run_options
from ganzoo.errors import GanzooError
from ganzoo.recipes import RunOptions

FIELDS = {field.name: field for field in dataclasses.fields(RunOptions)}
COMMANDS = {
    "train": ("out", *MACHINE),
    "resume": MACHINE,
    "eval": ("device", "devices", "nodes", "data_root"),
    "bench": ("data_root", "device"),
}


def options_of(command: str) -> dict[str, click.Option]:
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    return {str(option.name): option for option in found.params if isinstance(option, click.Option)}


@pytest.mark.parametrize("name", FIELDS)
def test_every_option_has_a_meaning(name: str) -> None:
    assert FIELDS[name].metadata["help"].endswith(".")


@pytest.mark.parametrize("name", FIELDS)
def test_the_default_that_the_help_names_is_the_default(name: str) -> None:
    named = re.search(r"\[default: (\w+)", FIELDS[name].metadata["help"])
    default = FIELDS[name].default
    if named and default not in (None, False):
        assert named[1] == ("yes" if default is True else str(default))


@pytest.mark.parametrize(("command", "name"), [(c, name) for c, names in COMMANDS.items() for name in names])
def test_commands_take_their_options_from_the_fields(command: str, name: str) -> None:
    option, metadata = options_of(command)[name], FIELDS[name].metadata
    assert option.help == metadata["help"]
    if metadata["choices"]:
        assert isinstance(option.type, click.Choice)
        assert tuple(option.type.choices) == metadata["choices"]
    if metadata["ge"] is not None:
        assert isinstance(option.type, click.IntRange)
        assert option.type.min == metadata["ge"]


def test_typed_options_are_distinguished_from_others() -> None:
    @click.command()
    @run_options(*MACHINE)
    def command(**options: Any) -> None: ...

    untyped = command.make_context("x", []).params
    assert all(value in (None, ()) for value in untyped.values())
    words = ["--no-scores", "--compile", "--logger", "a", "--logger", "b", "--devices", "2", "--data-root", "d"]
    typed = command.make_context("x", words).params
    assert {name: value for name, value in typed.items() if value not in (None, ())} == {
        "scores": False,
        "compile": True,
        "loggers": ("a", "b"),
        "devices": 2,
        "data_root": "d",
    }


def test_the_defaults_are_valid_and_recorded_in_order() -> None:
    recorded = dataclasses.asdict(RunOptions())
    assert make_options(**recorded) == RunOptions()
    assert list(recorded)[:4] == ["out", "device", "devices", "nodes"]


def test_paths_are_taken_as_text_and_lists_as_tuples() -> None:
    made = make_options(out=Path("a/b"), data_root=Path("c"), loggers=["wandb"])
    assert (made.out, made.data_root, made.loggers) == (str(Path("a/b")), "c", ("wandb",))


def test_a_path_that_is_not_utf8_is_taken() -> None:
    assert make_options(out="runs/\udcff").out == "runs/\udcff"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"devise": "cpu"}, "unknown option 'devise': did you mean device"),
        ({"device": 5}, "device: expected text, got 5."),
        ({"devices": 0}, "devices: expected a whole number of at least 1, got 0."),
        ({"devices": "2"}, "devices: expected a whole number of at least 1, got '2'."),
        ({"devices": True}, "devices: expected a whole number of at least 1, got True."),
        ({"nodes": 1.0}, "nodes: expected a whole number of at least 1, got 1.0."),
        ({"keep": None}, "keep: expected a whole number of at least 1, got None."),
        ({"save_every": 0.5}, "save_every: expected a whole number of at least 1 or none, got 0.5."),
        ({"precision": "fp16"}, "unknown value of precision 'fp16': did you mean"),
        ({"on_nonfinite": 1}, "on_nonfinite: expected one of stop, skip, got 1."),
        ({"capture": "no"}, "capture: expected true or false, got 'no'."),
        ({"loggers": "wandb"}, "loggers: expected a list of names, got 'wandb'."),
        ({"out": 5}, "out: expected text or none, got 5."),
    ],
)
def test_a_wrong_option_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GanzooError) as caught:
        make_options(**options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
