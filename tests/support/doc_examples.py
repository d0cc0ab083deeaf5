"""For tests of the docs: a zoo in which a page's examples can be registered and used."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from ganzoo import cli
from ganzoo.zoo import zoo as zoo_module
from ganzoo.zoo.zoo import Plugin, Zoo

FAST = ["--steps", "2", "--no-scores", "--device", "cpu", "--set", "batch=8"]
"""Options for a very short training run."""


@contextlib.contextmanager
def room_for_examples() -> Iterator[Zoo]:
    """Replace this process's zoo by a fresh one with everything that is installed."""
    before, commands = set(sys.modules), dict(cli.cli.commands)
    zoo = Zoo()
    zoo.discover()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo_module, "_current", zoo)
        # Commands are loaded from the zoo once per process.
        patch.setitem(cli.cli.__dict__, "_loaded", False)
        yield zoo
    for plugin in zoo.plugins:
        if plugin.version == "example" and plugin.name not in before:
            sys.modules.pop(plugin.name, None)
    cli.cli.commands.clear()
    cli.cli.commands.update(commands)


def add(zoo: Zoo, code: str, name: str) -> ModuleType:
    """Execute an example as a module with this name and register it."""
    module = ModuleType(name)
    # Dataclasses and pydantic look up their module by name.
    sys.modules[name] = module
    exec(compile(code, f"<{name}>", "exec", dont_inherit=True), module.__dict__)
    plugin = zoo.add(Plugin(name, name, "example", module))
    assert plugin.error == ""
    return module
