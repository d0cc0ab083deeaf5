"""Finds installed plugins and imports their modules one by one: errors are recorded, not raised.

With pluggy's own entry-point loader one failing import stops all plugins, hence the loop here and in ganzoo.zoo.zoo.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ganzoo.errors import unknown

GROUP = "ganzoo"
VARIABLE = "GANZOO_PLUGINS"

CORE = "builtins"
"""The entry point of what the core registers itself. It is loaded first, whatever the value of GANZOO_PLUGINS."""

SLOW = 0.5
"""Seconds that a plugin may take to load; every `ganzoo list` waits for it."""


@dataclass
class Plugin:
    """A plugin that was found: where it comes from, what it adds, and why it was left out if it was.

    adds: names by kind. offered: the names that it tried to add, even if it was left out.
    notes: advice to its author about a plugin that works. trace: the traceback of the error.
    target: the module, as written in its entry point.
    """

    name: str
    package: str
    version: str
    module: Any = None
    seconds: float = 0.0
    adds: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""
    notes: list[str] = field(default_factory=list)
    offered: set[str] = field(default_factory=set)
    trace: str = ""
    target: str = ""

    @property
    def source(self) -> str:
        """How messages refer to it."""
        return f"plugin {self.name!r} (package {self.package} {self.version})"

    @property
    def reason(self) -> str:
        """Why it was left out, without the name of the plugin."""
        return self.error.removeprefix(f"{self.source}: ").replace(f" of {self.source}", "")

    @property
    def problem(self) -> str:
        """The warning about a plugin that was left out."""
        return f"left out {self.source}: {self.reason}"

    def goes_by(self, name: str) -> bool:
        """Whether `name` is a name of this plugin or of something that it offers."""
        names = {self.name, self.package, self.package.removeprefix("ganzoo-"), self.target.partition(":")[0]}
        return name in names or name in self.offered


def selection() -> list[str] | None:
    """The names in GANZOO_PLUGINS, or None if it is not set and all plugins are loaded."""
    value = os.environ.get(VARIABLE)
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


def installed() -> Iterator[Plugin]:
    """The selected plugins, imported one by one: the core's own, then the bundled ones, then the rest.

    Raises GanzooError if GANZOO_PLUGINS names one that is not installed.
    """
    wanted = selection()
    found = []
    for distribution, point in _points():
        # Reading the metadata of a distribution is slow, so it is read once.
        package, version = (distribution.name, distribution.version) if distribution else ("?", "?")
        found.append((Plugin(point.name, package, version, target=point.value), point, distribution))
    known = {name for plugin, _, _ in found for name in (plugin.name, plugin.package)}
    for name in wanted or []:
        if name not in known:
            raise unknown("plugin", name, known, f"({VARIABLE} names it)")
    for plugin, point, distribution in sorted(found, key=_order):
        if wanted is None or is_core(plugin) or plugin.name in wanted or plugin.package in wanted:
            import_module(plugin, point, distribution)
            yield plugin


def is_core(plugin: Plugin) -> bool:
    """Whether this is what the core registers itself."""
    return plugin.package == "ganzoo" and plugin.name == CORE


def _order(found: tuple[Plugin, Any, Any]) -> tuple[bool, bool, str, str]:
    plugin = found[0]
    return (not is_core(plugin), plugin.package != "ganzoo", plugin.package, plugin.name)


def _points() -> Iterator[tuple[importlib.metadata.Distribution | None, importlib.metadata.EntryPoint]]:
    for point in importlib.metadata.entry_points(group=GROUP):
        yield point.dist, point


def import_module(
    plugin: Plugin, point: importlib.metadata.EntryPoint, distribution: importlib.metadata.Distribution | None
) -> None:
    """Import a plugin's module into `plugin`; an exception becomes its error, printed output a note."""
    before = "torch" in sys.modules
    with timed_and_silenced(plugin, "when it was imported"):
        try:
            plugin.module = point.load()
        # A third-party module can raise anything, including SystemExit.
        except (Exception, SystemExit) as error:
            plugin.error = f"import failed: {one_line(error)}{remedy(error, plugin, distribution)}"
            plugin.trace = traceback.format_exc()
    if not before and "torch" in sys.modules:
        plugin.notes.append("it imports torch, which slows down every `ganzoo list`: import it inside build().")


@contextlib.contextmanager
def timed_and_silenced(plugin: Plugin, when: str) -> Iterator[None]:
    """Time a plugin's code and keep its output off the terminal, where it would corrupt `--json`."""
    output, start = io.StringIO(), time.perf_counter()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            yield
    finally:
        plugin.seconds += time.perf_counter() - start
        text = " ".join(output.getvalue().split())
        if text:
            shown = text if len(text) <= 80 else text[:77] + "..."
            plugin.notes.append(f"it printed {shown!r} {when}: print in commands and callbacks only.")


def remedy(error: BaseException, plugin: Plugin, distribution: importlib.metadata.Distribution | None) -> str:
    """What to type after an import that failed, if that is known; begins with a semicolon."""
    missing = (getattr(error, "name", None) or "").partition(".")[0]
    if not isinstance(error, ImportError) or not missing:
        return ""
    if missing == "ganzoo":
        return f"; it was made for another version of ganzoo: pip install --upgrade ganzoo {plugin.package}"
    if not isinstance(error, ModuleNotFoundError):
        return ""
    if missing == re.split(r"[.:]", plugin.target)[0]:
        return f"; its files are incomplete: pip install --force-reinstall {plugin.package}"
    required = [name for name in _required(distribution) if not _is_installed(name)]
    same = [name for name in required if _normal(name) == _normal(missing)]
    return f"; a dependency is missing: pip install {' '.join(same or required or [missing])}"


def _required(distribution: importlib.metadata.Distribution | None) -> list[str]:
    """The packages that a distribution requires, without its extras."""
    lines = (distribution.requires if distribution else None) or []
    matches = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines if "extra ==" not in line]
    return [match[0] for match in matches if match]


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def one_line(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
