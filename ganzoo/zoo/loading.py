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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ganzoo.errors import unknown
from ganzoo.machine.packages import UNKNOWN, installed_version
from ganzoo.zoo.boundary import Broken, contained
from ganzoo.zoo.entry_points import GROUP, Point, normal, points
from ganzoo.zoo.watch import Watch

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


def installed() -> list[tuple[Plugin, Point]]:
    """The selected plugins, not yet imported: the core's own, then the bundled ones, then the rest.

    Raises GanzooError if GANZOO_PLUGINS names one that is not installed.
    """
    wanted = selection()
    found = []
    for point in points():
        found.append((Plugin(point.name, point.package, point.version, target=point.value, error=point.problem), point))
    known = {name for plugin, _ in found for name in (plugin.name, plugin.package)}
    for name in wanted or []:
        if name not in known:
            raise unknown("plugin", name, known, f"({VARIABLE} names it)")
    chosen = [
        (plugin, point)
        for plugin, point in sorted(found, key=_order)
        if wanted is None or is_core(plugin) or plugin.name in wanted or plugin.package in wanted
    ]
    return chosen


def is_core(plugin: Plugin) -> bool:
    """Whether this is what the core registers itself."""
    return plugin.package == "ganzoo" and plugin.name == CORE


def is_ours(plugin: Plugin) -> bool:
    """Whether it ships with ganzoo."""
    return plugin.package == "ganzoo"


def _order(found: tuple[Plugin, Point]) -> tuple[bool, bool, str, str]:
    plugin = found[0]
    return (not is_core(plugin), not is_ours(plugin), plugin.package, plugin.name)


def how_to_leave_out(others: Iterable[Plugin], name: str, package: str) -> str:
    """What to type to load all plugins but one."""
    packages = {other.package for other in others} - {"ganzoo", package}
    siblings = {other.name for other in others if other.package == package} - {name}
    kept = ["ganzoo", *sorted(packages | siblings)]
    return f"{VARIABLE}={','.join(kept if len(kept) <= 20 else kept[:1])} leaves it out"


def import_module(plugin: Plugin, point: Point, watch: Watch | None = None) -> None:
    """Import a plugin's module into `plugin`; an exception becomes its error, printed output a note."""
    before = "torch" in sys.modules
    entry = importlib.metadata.EntryPoint(point.name, point.value, GROUP)
    try:
        with running(plugin, "importing", "when it was imported", watch), contained():
            plugin.module = entry.load()
    except Broken as error:
        plugin.error = f"import failed: {error}{remedy(error.__cause__, plugin, point.distribution)}"
        plugin.trace = error.trace
    if not before and "torch" in sys.modules:
        plugin.notes.append("it imports torch, which slows down every `ganzoo list`: import it inside build().")


@contextlib.contextmanager
def running(plugin: Plugin, doing: str, when: str, watch: Watch | None = None) -> Iterator[None]:
    """Run a plugin's code: time it, watch third-party code, and keep its output off the terminal and `--json`."""
    output, start = Captured(), time.perf_counter()
    watched = watch.on(doing, plugin.source, plugin.name, plugin.package) if watch and not is_ours(plugin) else None
    try:
        with (
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
            watched or contextlib.nullcontext(),
        ):
            yield
    finally:
        plugin.seconds += time.perf_counter() - start
        text = " ".join(output.text().split())
        if text:
            shown = text if len(text) <= 80 else text[:77] + "..."
            plugin.notes.append(f"it printed {shown!r} {when}: print in commands and callbacks only.")


class Captured(io.TextIOWrapper):
    """Takes what is printed, as a terminal would, of which a plugin may use the buffer, or which it may close."""

    class Bytes(io.BytesIO):
        """Bytes that can be read after they were closed."""

        def close(self) -> None:
            pass

    def __init__(self) -> None:
        self.bytes = self.Bytes()
        super().__init__(self.bytes, "utf-8", "replace", write_through=True)

    def text(self) -> str:
        """What was printed, at least the beginning of it."""
        return self.bytes.getvalue()[:1000].decode("utf-8", "replace")


def remedy(error: BaseException | None, plugin: Plugin, distribution: importlib.metadata.Distribution | None) -> str:
    """What to type after an import that failed, if that is known; begins with a semicolon."""
    name = error.name if isinstance(error, ImportError) else None
    # A plugin may raise it itself, with any name, and the name is part of a command to type.
    if not isinstance(name, str) or not re.fullmatch(r"[\w.]+", name):
        return ""
    missing = name.partition(".")[0]
    if missing == "ganzoo":
        return f"; it was made for another version of ganzoo: pip install --upgrade ganzoo {plugin.package}"
    if not isinstance(error, ModuleNotFoundError):
        return ""
    if missing == re.split(r"[.:]", plugin.target)[0]:
        return f"; its files are incomplete: pip install --force-reinstall {plugin.package}"
    required = [name for name in _required(distribution) if not _is_installed(name)]
    same = [name for name in required if normal(name) == normal(missing)]
    return f"; a dependency is missing: pip install {' '.join(same or required or [missing])}"


def _required(distribution: importlib.metadata.Distribution | None) -> list[str]:
    """The packages that a distribution requires, without its extras."""
    try:
        lines = (distribution.requires if distribution else None) or []
    # Metadata are anyone's.
    except Exception:
        lines = []
    matches = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines if "extra ==" not in line]
    return [match[0] for match in matches if match]


def _is_installed(package: str) -> bool:
    return installed_version(package) != UNKNOWN
