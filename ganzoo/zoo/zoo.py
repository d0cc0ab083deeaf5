"""The zoo: what all plugins register. A broken plugin is reported and left out; it never stops the others."""

from __future__ import annotations

import importlib.metadata
import logging
import traceback
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from ganzoo import hookspecs
from ganzoo.errors import GanzooError, unknown
from ganzoo.recipes import Recipe
from ganzoo.specs import Variant
from ganzoo.zoo.loading import SLOW, VARIABLE, Plugin, installed, is_core, one_line, selection, timed_and_silenced
from ganzoo.zoo.tables import TYPES, SpecTable

if TYPE_CHECKING:
    import click

    from ganzoo.callbacks import Callback, RunFolder

API = 1
"""The version of the plugin interface. A module declares the one that it was made for: `ganzoo_api = 1`, the default.

The version is raised when plugins that worked would break. A plugin made for a newer version is refused; one made for
an older version is accepted from OLDEST_API on.
"""
OLDEST_API = 1

HOOKS = [name for name in vars(hookspecs) if name.startswith("ganzoo_")]

log = logging.getLogger("ganzoo")


class Zoo:
    """The plugins and what they registered."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager("ganzoo")
        self.manager.add_hookspecs(hookspecs)
        self.tables: dict[str, SpecTable[Any]] = {kind: SpecTable(kind, self.hint) for kind in TYPES}
        self.plugins: list[Plugin] = []

    def discover(self) -> None:
        """Add every installed plugin, or only the core's own and those that GANZOO_PLUGINS names.

        Raises GanzooError if it names one that is not installed, and if ganzoo itself is not installed.
        """
        for plugin in installed():
            self.add(plugin)
        if not any(map(is_core, self.plugins)):
            raise GanzooError("this ganzoo is not installed, or an older version is: run `pip install -e .` again.")

    def add(self, plugin: Plugin) -> Plugin:
        """Register everything in a plugin's module or, if any of it is invalid, nothing; then `error` is the reason."""
        self.plugins.append(plugin)
        if plugin.error:
            return plugin
        try:
            with timed_and_silenced(plugin, "when its hooks were called"):
                self._register(plugin)
                specs = {kind: list(self._collect(plugin, kind)) for kind in TYPES}
            plugin.offered = {str(getattr(spec, "name", "")) for values in specs.values() for spec in values}
            self._check(plugin, specs)
            for kind, values in specs.items():
                for spec in values:
                    self.tables[kind].add(spec, plugin.source)
                plugin.adds[kind] = [spec.name for spec in values]
        except GanzooError as error:
            plugin.error = str(error)
            plugin.trace = plugin.trace or traceback.format_exc()
            # Not another plugin that shares this module.
            if self.manager.get_plugin(_key(plugin)) is plugin.module:
                self.manager.unregister(name=_key(plugin))
        if plugin.seconds > SLOW:
            plugin.notes.append(f"slow: it took {plugin.seconds:.1f} s to load; import heavy modules inside functions.")
        return plugin

    def _register(self, plugin: Plugin) -> None:
        check_api(plugin)
        for hook in HOOKS:
            function = getattr(plugin.module, hook, None)
            if callable(function) and not hasattr(function, "ganzoo_impl"):
                raise GanzooError(f"{plugin.source}: {hook} is not marked: write @ganzoo.hookimpl above it.")
        try:
            if self.manager.is_registered(plugin.module):
                raise GanzooError(f"{plugin.source}: its module is already registered under another name.")
            self.manager.register(plugin.module, name=_key(plugin))
        except GanzooError:
            raise
        # Usually pluggy's check of a hook's arguments, but inspecting a third-party object can raise anything.
        except Exception as error:
            raise GanzooError(f"{plugin.source}: {one_line(error)}") from error
        callers = self.manager.get_hookcallers(plugin.module) or []
        for caller in callers:
            if not caller.has_spec():
                raise GanzooError(f"{plugin.source}: {unknown('hook', caller.name, HOOKS)}")
        if not callers:
            plugin.notes.append("it adds nothing: none of its functions is marked with @ganzoo.hookimpl.")

    def _collect(self, plugin: Plugin, kind: str) -> Iterable[Any]:
        hook, wanted = f"ganzoo_{kind}", f"return a list of {TYPES[kind].__name__} objects"
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            if implementation.plugin is not plugin.module:
                continue
            try:
                values = implementation.function()
                if values is None or isinstance(values, (str, TYPES[kind])):
                    given = "nothing" if values is None else f"one {type(values).__name__}"
                    raise GanzooError(f"{plugin.source}: {hook} returns {given}: it must {wanted}.")
                yield from list(values)
            except GanzooError:
                raise
            except (Exception, SystemExit) as error:
                plugin.trace = traceback.format_exc()
                raise GanzooError(f"{plugin.source}: {hook} failed: {one_line(error)}") from error

    def _check(self, plugin: Plugin, specs: dict[str, list[Any]]) -> None:
        for kind, values in specs.items():
            for spec in values:
                self.tables[kind].check(spec, plugin.source)
                if sum(other.name == spec.name for other in values) > 1:
                    raise GanzooError(f"{plugin.source}: ganzoo_{kind} returns {spec.name!r} twice.")

    def owner(self, kind: str, name: str) -> Plugin:
        """The plugin that registered a name."""
        return next(plugin for plugin in self.plugins if name in plugin.adds.get(kind, []))

    def of_module(self, module: Any) -> Plugin:
        """The plugin that a registered module belongs to."""
        return next(plugin for plugin in self.plugins if plugin.module is module and not plugin.error)

    def implements(self, plugin: Plugin, hook: str) -> bool:
        """Whether a plugin implements a hook."""
        found = getattr(self.manager.hook, hook).get_hookimpls()
        return not plugin.error and any(implementation.plugin is plugin.module for implementation in found)

    def hint(self, name: str) -> str:
        """The end of a message about an unknown name: which plugins were left out that may have registered it."""
        broken = [plugin for plugin in self.plugins if plugin.error]
        for plugin in broken:
            if plugin.goes_by(name):
                return f"; {plugin.problem}"
        if broken:
            return f"; left out: {', '.join(plugin.name for plugin in broken)} (see `ganzoo plugins`)"
        chosen = selection()
        return "" if chosen is None else f"; {VARIABLE} loads only {', '.join(chosen) or 'the core'}"

    def callbacks(self, variant: Variant, recipe: Recipe, run: RunFolder) -> list[Callback]:
        """The plugins' callbacks for a run, each isolated. A hook that fails is logged and left out.

        A GanzooError is passed on: it is a mistake that the user can correct before training.
        """
        from ganzoo.callbacks import Callback
        from ganzoo.zoo.isolated import IsolatedCallback

        given = {"variant": variant, "recipe": recipe, "run": run}
        found: list[Callback] = []
        for implementation in self.manager.hook.ganzoo_callbacks.get_hookimpls():
            source = self.of_module(implementation.plugin).source
            try:
                function: Callable[..., Any] = implementation.function
                made = list(function(*[given[name] for name in implementation.argnames]))
                wrong = [type(callback).__name__ for callback in made if not isinstance(callback, Callback)]
                if wrong:
                    raise TypeError(f"it must return ganzoo.callbacks.Callback objects, not {wrong[0]}")
            except GanzooError:
                raise
            except Exception as error:
                log.warning("%s: ganzoo_callbacks failed: %s; training continues without it.", source, one_line(error))
                continue
            found += [IsolatedCallback(callback, source) for callback in made]
        return found

    def add_commands(self, cli: click.Group) -> list[str]:
        """Let plugins add commands; returns a line for each plugin that failed."""
        problems = []
        for implementation in self.manager.hook.ganzoo_commands.get_hookimpls():
            plugin = self.of_module(implementation.plugin)
            before = dict(cli.commands)
            try:
                with timed_and_silenced(plugin, "when it added its commands"):
                    implementation.function(cli)
                new = [name for name, command in cli.commands.items() if before.get(name) is not command]
                taken = [name for name in new if name in before or name in getattr(cli, "lazy", ())]
                if taken or not before.keys() <= cli.commands.keys():
                    raise GanzooError(f"the command {taken[0]!r} already exists" if taken else "it removes commands")
                plugin.adds["commands"] = new
            except (Exception, SystemExit) as error:
                cli.commands.clear()
                cli.commands.update(before)
                problems.append(f"{plugin.source}: ganzoo_commands failed: {one_line(error)}")
                plugin.notes.append(f"its commands were left out: {one_line(error)}")
        return problems


_current: Zoo | None = None


def current_zoo() -> Zoo:
    """The zoo of this process, loaded on first use."""
    global _current
    if _current is None:
        found = Zoo()
        found.discover()
        _current = found
    return _current


def register(module: ModuleType | object, name: str) -> None:
    """Add a plugin that is not installed (a notebook's, a test's); raises GanzooError if it is refused."""
    plugin = current_zoo().add(Plugin(name, "local", "0", module, target=getattr(module, "__name__", "")))
    if plugin.error:
        current_zoo().plugins.remove(plugin)
        raise GanzooError(plugin.error)


def check_api(plugin: Plugin) -> None:
    """Raise GanzooError if a plugin's module was made for a version of the interface that is not supported."""
    made_for = getattr(plugin.module, "ganzoo_api", 1)
    if not isinstance(made_for, int) or isinstance(made_for, bool):
        raise GanzooError(f"{plugin.source}: ganzoo_api must be a whole number such as {API}, not {made_for!r}.")
    if made_for > API:
        raise GanzooError(
            f"{plugin.source}: it was made for version {made_for} of the plugin interface, and this ganzoo has version "
            f"{API}: pip install --upgrade ganzoo"
        )
    if made_for < OLDEST_API:
        raise GanzooError(
            f"{plugin.source}: it was made for version {made_for} of the plugin interface, and this ganzoo supports "
            f"{OLDEST_API} to {API}: pip install --upgrade {plugin.package}"
        )


def version() -> str:
    """The installed version of ganzoo; "0" if it is not installed."""
    try:
        return importlib.metadata.version("ganzoo")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def _key(plugin: Plugin) -> str:
    return f"{plugin.package}:{plugin.name}"
