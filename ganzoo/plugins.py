"""Find, load, isolate and report plugins. A broken one is named and left out; it never stops the others.

pluggy's own entry-point loader lets one bad import abort all, hence the short loop here.
"""

from __future__ import annotations

import functools
import importlib.metadata
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from ganzoo import hookspecs
from ganzoo.errors import GanzooError, unknown
from ganzoo.registry import TYPES, Table
from ganzoo.specs import Recipe, Variant

if TYPE_CHECKING:
    import click

    from ganzoo.callbacks import Callback
    from ganzoo.run import Run

GROUP = "ganzoo"


@dataclass
class Plugin:
    """A plugin that was found: where it comes from, what it adds, and why it was left out if it was."""

    name: str
    package: str
    version: str
    module: Any = None
    seconds: float = 0.0
    adds: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""

    @property
    def source(self) -> str:
        """What messages call it."""
        return f"plugin {self.name!r} (package {self.package} {self.version})"


class Zoo:
    """The plugins and what they registered."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager("ganzoo")
        self.manager.add_hookspecs(hookspecs)
        self.tables: dict[str, Table[Any]] = {kind: Table(kind) for kind in TYPES}
        self.plugins: list[Plugin] = []

    def discover(self) -> None:
        """Add the core's own plugin and every installed one, those that ship with ganzoo first."""
        from ganzoo import builtins

        version = _version()
        self.add(Plugin("builtins", "ganzoo", version, builtins))
        points = importlib.metadata.entry_points(group=GROUP)
        for point in sorted(points, key=lambda p: (_package(p) != "ganzoo", _package(p), p.name)):
            plugin = Plugin(point.name, _package(point), point.dist.version if point.dist else "?")
            start = time.perf_counter()
            try:
                plugin.module = point.load()
            # A stranger's module can raise anything, SystemExit included.
            except (Exception, SystemExit) as error:
                plugin.error = f"import failed: {_one_line(error)}"
            plugin.seconds = time.perf_counter() - start
            self.add(plugin)

    def add(self, plugin: Plugin) -> Plugin:
        """Register a plugin's module: all that it offers, or, if any of it is wrong, nothing; then `error` says why."""
        self.plugins.append(plugin)
        if not plugin.error and self.manager.is_registered(plugin.module):
            plugin.error = f"{plugin.source}: its module is there already, under another name."
        if plugin.error:
            return plugin
        try:
            self._register(plugin)
            specs = {kind: list(self._collect(plugin, kind)) for kind in TYPES}
            for kind, values in specs.items():
                for spec in values:
                    self.tables[kind].check(spec, plugin.source)
                    if sum(other.name == spec.name for other in values) > 1:
                        raise GanzooError(f"{plugin.source}: ganzoo_{kind} returns {spec.name!r} twice.")
            for kind, values in specs.items():
                for spec in values:
                    self.tables[kind].add(spec, plugin.source)
                plugin.adds[kind] = [spec.name for spec in values]
        except GanzooError as error:
            plugin.error = str(error)
        if plugin.error and self.manager.is_registered(plugin.module):
            self.manager.unregister(plugin.module)
        return plugin

    def _register(self, plugin: Plugin) -> None:
        try:
            self.manager.register(plugin.module, name=f"{plugin.package}:{plugin.name}")
        except (pluggy.PluginValidationError, ValueError) as error:
            raise GanzooError(f"{plugin.source}: {_one_line(error)}") from error
        for caller in self.manager.get_hookcallers(plugin.module) or []:
            if not caller.has_spec():
                hooks = [name for name in vars(hookspecs) if name.startswith("ganzoo_")]
                raise GanzooError(f"{plugin.source}: {unknown('hook', caller.name, hooks)}")

    def _collect(self, plugin: Plugin, kind: str) -> Iterable[Any]:
        hook = f"ganzoo_{kind}"
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            if implementation.plugin is not plugin.module:
                continue
            try:
                values = implementation.function()
                values = None if isinstance(values, str) else list(values)
            except (Exception, SystemExit) as error:
                raise GanzooError(f"{plugin.source}: {hook} failed: {_one_line(error)}") from error
            if values is None:
                raise GanzooError(f"{plugin.source}: {hook} must return a list of {TYPES[kind].__name__} objects.")
            yield from values

    def owner(self, kind: str, name: str) -> Plugin:
        """The plugin that registered a name."""
        return next(plugin for plugin in self.plugins if name in plugin.adds.get(kind, []))

    def callbacks(self, variant: Variant, recipe: Recipe, run: Run) -> list[Callback]:
        """What the plugins' `ganzoo_callbacks` return for a run."""
        answers = self.manager.hook.ganzoo_callbacks(variant=variant, recipe=recipe, run=run)
        return [callback for answer in answers for callback in answer]

    def add_commands(self, cli: click.Group) -> list[str]:
        """Let plugins add commands; returns a line for each that failed."""
        problems = []
        for implementation in self.manager.hook.ganzoo_commands.get_hookimpls():
            before = dict(cli.commands)
            try:
                implementation.function(cli)
                taken = [name for name, command in before.items() if cli.commands.get(name) is not command]
                if taken:
                    raise GanzooError(f"the command {taken[0]!r} is already there")
            except Exception as error:
                cli.commands.clear()
                cli.commands.update(before)
                problems.append(f"{implementation.plugin_name}: ganzoo_commands failed: {_one_line(error)}")
        return problems


@functools.cache
def zoo() -> Zoo:
    """The zoo of this process, loaded when first asked for."""
    found = Zoo()
    found.discover()
    return found


def register(module: ModuleType | object, name: str) -> None:
    """Add a plugin that is not installed (a notebook's, a test's); raises GanzooError if it is refused."""
    plugin = zoo().add(Plugin(name, "local", "0", module))
    if plugin.error:
        zoo().plugins.remove(plugin)
        raise GanzooError(plugin.error)


def _package(point: importlib.metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "?"


def _version() -> str:
    try:
        return importlib.metadata.version("ganzoo")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
