"""The zoo: what all plugins register. A broken plugin is reported and left out; it never stops the others."""

from __future__ import annotations

import copy
import inspect
import logging
import re
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from ganzoo import hookspecs
from ganzoo.errors import GanzooError, unknown
from ganzoo.machine.packages import UNKNOWN, installed_version
from ganzoo.recipes import Recipe
from ganzoo.specs import Variant
from ganzoo.zoo.boundary import Broken, contained, few, kind_of, message, shown, trace_of
from ganzoo.zoo.loading import (
    SLOW,
    VARIABLE,
    Plugin,
    how_to_leave_out,
    import_module,
    installed,
    is_core,
    running,
    selection,
)
from ganzoo.zoo.tables import TYPES, SpecTable
from ganzoo.zoo.watch import Watch, report_crashes

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

COMMAND = re.compile(r"[A-Za-z0-9]+([-_][A-Za-z0-9]+)*")
"""Names of commands: as other names, and what click makes of a function's."""

log = logging.getLogger("ganzoo")


class Manager(pluggy.PluginManager):
    """pluggy's manager, which does not look for hooks among the recipes, classes and constants of a module."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> pluggy.HookimplOpts | None:
        # pluggy's own look-up is safe for objects of any class, which makes it slow; a module needs none of that.
        if type(plugin) is ModuleType and not inspect.isroutine(vars(plugin).get(name)):
            return None
        return super().parse_hookimpl_opts(plugin, name)


class Zoo:
    """The plugins and what they registered."""

    def __init__(self) -> None:
        self.manager = Manager("ganzoo")
        self.manager.add_hookspecs(hookspecs)
        self.tables: dict[str, SpecTable[Any]] = {kind: SpecTable(kind, self.hint) for kind in TYPES}
        self.plugins: list[Plugin] = []

    def discover(self) -> None:
        """Add every installed plugin, or only the core's own and those that GANZOO_PLUGINS names.

        Raises GanzooError if it names one that is not installed, and if ganzoo itself is not installed.
        """
        report_crashes()
        found = installed()
        with self._watch([plugin for plugin, _ in found]) as watch:
            for plugin, point in found:
                if not plugin.error:
                    import_module(plugin, point, watch)
                self.add(plugin, watch)
        if not any(map(is_core, self.plugins)):
            raise GanzooError("this ganzoo is not installed, or an older version is: run `pip install -e .` again.")

    def _watch(self, plugins: list[Plugin]) -> Watch:
        return Watch(lambda name, package: how_to_leave_out(plugins, name, package))

    def add(self, plugin: Plugin, watch: Watch | None = None) -> Plugin:
        """Register everything in a plugin's module or, if any of it is invalid, nothing; then `error` is the reason."""
        self.plugins.append(plugin)
        if plugin.error:
            return plugin
        try:
            with running(plugin, "calling the hooks of", "when its hooks were called", watch), contained(GanzooError):
                self._register(plugin)
                specs = {kind: self._collect(plugin, kind) for kind in TYPES}
                self._check(plugin, specs)
            for kind, values in specs.items():
                for spec in values:
                    self.tables[kind].add(spec, plugin.source)
                plugin.adds[kind] = [spec.name for spec in values]
        except (GanzooError, Broken) as error:
            plugin.error = f"{plugin.source}: {error}" if isinstance(error, Broken) else message(error)
            plugin.trace = plugin.trace or trace_of(error.__cause__ or error)
            self._unregister(plugin)
        if plugin.seconds > SLOW:
            plugin.notes.append(f"slow: it took {plugin.seconds:.1f} s to load; import heavy modules inside functions.")
        return plugin

    def _unregister(self, plugin: Plugin) -> None:
        # Not another plugin that shares this module.
        if self.manager.get_plugin(_key(plugin)) is plugin.module and plugin.module is not None:
            self.manager.unregister(name=_key(plugin))

    def _register(self, plugin: Plugin) -> None:
        check_api(plugin)
        # pluggy compares modules by `==`, so that one with an operator of its own would fail all others.
        if plugin.module == self.manager or self.manager == plugin.module:
            raise GanzooError(f"{plugin.source}: its entry point must name a module.")
        for hook in HOOKS:
            function = getattr(plugin.module, hook, None)
            if callable(function) and not hasattr(function, "ganzoo_impl"):
                raise GanzooError(f"{plugin.source}: {hook} is not marked: write @ganzoo.hookimpl above it.")
        if self.manager.is_registered(plugin.module):
            raise GanzooError(f"{plugin.source}: its module is already registered under another name.")
        self.manager.register(plugin.module, name=_key(plugin))
        callers = self.manager.get_hookcallers(plugin.module) or []
        for caller in callers:
            if not caller.has_spec():
                raise GanzooError(f"{plugin.source}: {unknown('hook', caller.name, HOOKS)}")
        if not callers:
            plugin.notes.append("it adds nothing: none of its functions is marked with @ganzoo.hookimpl.")

    def _collect(self, plugin: Plugin, kind: str) -> list[Any]:
        """What a plugin's hook for a kind returns. The names are noted as offered, even if it is left out."""
        hook, wanted = f"ganzoo_{kind}", f"return a list of {TYPES[kind].__name__} objects"
        found: list[Any] = []
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            if implementation.plugin is not plugin.module:
                continue
            try:
                with contained(GanzooError):
                    values = implementation.function()
                    if values is None or isinstance(values, (str, TYPES[kind])):
                        given = "nothing" if values is None else f"one {kind_of(values)}"
                        raise GanzooError(f"{plugin.source}: {hook} returns {given}: it must {wanted}.")
                    found += few(values)
            except Broken as error:
                plugin.trace = error.trace
                raise GanzooError(f"{plugin.source}: {hook} failed: {error}") from error.__cause__
        plugin.offered |= {spec.name for spec in found if isinstance(getattr(spec, "name", None), str)}
        return found

    def _check(self, plugin: Plugin, specs: dict[str, list[Any]]) -> None:
        for kind, values in specs.items():
            names: set[str] = set()
            for spec in values:
                self.tables[kind].check(spec, plugin.source)
                if spec.name in names:
                    raise GanzooError(f"{plugin.source}: ganzoo_{kind} returns {spec.name!r} twice.")
                names.add(spec.name)

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
                with contained(GanzooError):
                    function: Callable[..., Any] = implementation.function
                    made = few(function(*[given[name] for name in implementation.argnames]))
                    wrong = [kind_of(callback) for callback in made if not isinstance(callback, Callback)]
                    if wrong:
                        raise TypeError(f"it must return ganzoo.callbacks.Callback objects, not {wrong[0]}")
            except Broken as error:
                log.warning("%s: ganzoo_callbacks failed: %s; training continues without it.", source, error)
                continue
            found += [IsolatedCallback(callback, source) for callback in made]
        return found

    def add_commands(self, cli: click.Group) -> list[str]:
        """Let plugins add commands; returns a line for each plugin that failed."""
        problems = []
        with self._watch(self.plugins) as watch:
            for implementation in self.manager.hook.ganzoo_commands.get_hookimpls():
                plugin = self.of_module(implementation.plugin)
                try:
                    with running(plugin, "adding the commands of", "when it added its commands", watch), contained():
                        new = commands_of(implementation.function, cli)
                    cli.commands.update(new)
                    plugin.adds["commands"] = [*new]
                except Broken as error:
                    problems.append(f"{plugin.source}: ganzoo_commands failed: {error}")
                    plugin.notes.append(f"its commands were left out: {error}")
        return problems


def commands_of(function: Callable[..., Any], cli: click.Group) -> dict[str, click.Command]:
    """The commands that a hook adds. Raises GanzooError unless each is new and can be typed and listed.

    The hook is given a copy of the group, so that one that fails half-way has changed nothing.
    """
    import click

    group = copy.copy(cli)
    group.params, group.commands = [*cli.params], {**cli.commands}
    function(group)
    new = {name: command for name, command in group.commands.items() if cli.commands.get(name) is not command}
    for name, command in new.items():
        if name in cli.commands or name in getattr(cli, "lazy", ()):
            raise GanzooError(f"the command {name!r} already exists")
        if not isinstance(name, str) or not COMMAND.fullmatch(name):
            raise GanzooError(f"the command name {shown(name)} must be letters and digits, joined by - or _")
        if not isinstance(command, click.Command):
            raise GanzooError(f"the command {name!r} must be a click.Command, not {kind_of(command)}")
        if not command.hidden and not command.get_short_help_str().isprintable():
            raise GanzooError(f"the help of the command {name!r} contains control characters")
    if not cli.commands.keys() <= group.commands.keys():
        raise GanzooError("it removes commands")
    return new


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
        raise GanzooError(f"{plugin.source}: ganzoo_api must be a whole number such as {API}, not {shown(made_for)}.")
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
    found = installed_version("ganzoo")
    return "0" if found == UNKNOWN else found


def _key(plugin: Plugin) -> str:
    return f"{plugin.package}:{plugin.name}"
