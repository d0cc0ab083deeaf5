"""Finds the entry points of installed plugins. A package whose metadata are damaged costs only that package.

`importlib.metadata.entry_points` reads the files of all packages, and one that it cannot read stops it.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ganzoo.errors import printable
from ganzoo.machine.packages import identify, is_entry, read_text
from ganzoo.zoo.boundary import describe

GROUP = "ganzoo"
FILE = "entry_points.txt"
TARGET = re.compile(r"[^\W\d][\w.]*(\s*:\s*[^\W\d][\w.]*)?(\s*\[.*\])?")
"""A module, or an object in one, and extras."""


@dataclass(frozen=True)
class Point:
    """An entry point, or a package of which something cannot be read: then `problem` says what, and what to type."""

    name: str
    value: str
    package: str
    version: str
    distribution: importlib.metadata.Distribution
    problem: str = ""


def points() -> Iterator[Point]:
    """The entry points of all installed packages, and the packages with damaged metadata.

    Of a package that is found twice on the path, the first is imported and counts, as for Python.
    """
    seen = set()
    for distribution in _distributions():
        text, problem = "", ""
        try:
            text = read_text(distribution, FILE)[0]
        # A folder that cannot be read, a finder of someone else's.
        except Exception as error:
            problem = f"its {FILE} cannot be read ({describe(error)})"
        found, wrong = parse(text)
        if not (found or wrong or problem):
            continue
        package, version, damage = identify(distribution)
        if normal(package) in seen or _is_shadowed(distribution, package, text):
            continue
        seen.add(normal(package))
        if wrong:
            problem = f"{FILE} has the damaged line {printable(wrong[0])[:80]!r}"
        if found and damage:
            problem = f"its {damage}"
        else:
            yield from (Point(name, value, package, version, distribution) for name, value in found.items())
        if problem:
            line = f"{problem}: pip install --force-reinstall {package}"
            yield Point(package, "", package, version, distribution, line)


def parse(text: str) -> tuple[dict[str, str], list[str]]:
    """The entry points of the group, name to target, and the damaged lines of all groups."""
    found: dict[str, str] = {}
    wrong: list[str] = []
    group = ""
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
            continue
        name, _, value = (part.strip() for part in line.partition("="))
        if not (group and is_entry(line)) or (group == GROUP and not TARGET.fullmatch(value)):
            wrong.append(line)
        elif group == GROUP:
            found[name] = value
    return found, wrong


def normal(package: str) -> str:
    """The normalised name of a package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()


def _distributions() -> Iterator[importlib.metadata.Distribution]:
    """All installed packages, as far as they can be listed."""
    listed = iter(importlib.metadata.distributions())
    while True:
        try:
            yield next(listed)
        except StopIteration:
            return
        # A finder that fails has no more packages; the others are asked first.
        except Exception:
            return


def _is_shadowed(distribution: importlib.metadata.Distribution, package: str, text: str) -> bool:
    """Whether Python finds another distribution of this package first."""
    try:
        first = importlib.metadata.distribution(package)
        same = first.locate_file("") == distribution.locate_file("")
        return not (same or read_text(first, FILE)[0] == text)
    except Exception:
        return False
