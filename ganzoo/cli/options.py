"""Command-line options made from the fields of RunOptions, which define their help, bounds and choices."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ganzoo.cli.completing import complete_metrics, complete_words
from ganzoo.recipes import RunOptions

F = TypeVar("F", bound=Callable[..., Any])

MACHINE = (
    "device",
    "devices",
    "nodes",
    "precision",
    "compile",
    "capture",
    "sync_batch_norm",
    "data_root",
    "loggers",
    "log_every",
    "sample_every",
    "save_every",
    "keep",
    "eval_every",
    "early_stop",
    "on_nonfinite",
    "scores",
    "metrics",
)
"""The fields that `train` and `resume` share."""

FLAGS = {"loggers": "--logger"}
"""Flags that differ from the field's name."""

CLICK_TYPES: dict[str, dict[str, Any]] = {
    "out": {"type": click.Path()},
    "data_root": {"type": click.Path()},
    "early_stop": {"metavar": "METRIC:N"},
    "device": {"metavar": "D", "shell_complete": complete_words("auto", "cpu", "cuda", "cuda:0", "mps")},
    "metrics": {"metavar": "A,B", "shell_complete": complete_metrics},
    "loggers": {"metavar": "NAME", "shell_complete": complete_words("tensorboard", "wandb")},
}
"""Arguments of `click.option` that do not follow from the field's type."""


def run_options(*names: str) -> Callable[[F], F]:
    """A decorator that gives a command the options of some fields of RunOptions, in this order.

    An option that is not typed is None, or () if it takes several values, so that `given` can leave it out: its default
    may differ from the field's, such as the value that a run was started with.
    """
    fields = {field.name: field for field in dataclasses.fields(RunOptions)}
    hints = typing.get_type_hints(RunOptions)

    def add(command: F) -> F:
        for name in reversed(names):
            command = _option(fields[name], hints[name])(command)
        return command

    return add


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were typed."""
    return {name: value for name, value in options.items() if value not in (None, ())}


def _option(field: dataclasses.Field[Any], hint: Any) -> Callable[[F], F]:
    metadata = field.metadata
    flag = FLAGS.get(field.name, "--" + field.name.replace("_", "-"))
    form: dict[str, Any] = {}
    if hint is bool:
        flag += "/--no-" + flag.removeprefix("--")
    elif typing.get_origin(hint) is tuple:
        form = {"multiple": True}
    elif metadata["choices"]:
        form = {"type": click.Choice(metadata["choices"])}
    elif int in (hint, *typing.get_args(hint)):
        form = {"type": click.IntRange(metadata["ge"], metadata["le"]), "metavar": "N"}
    return click.option(flag, field.name, default=None, help=metadata["help"], **form | CLICK_TYPES.get(field.name, {}))
