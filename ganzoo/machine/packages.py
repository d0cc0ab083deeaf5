"""Names and versions of installed packages, whose metadata can be damaged. Imports no torch."""

from __future__ import annotations

import importlib.metadata
import re
from typing import Any

UNKNOWN = "?"


def installed_version(package: str) -> str:
    """The installed version of a package; "?" if it is not installed or its metadata cannot be read."""
    try:
        return importlib.metadata.version(package) or UNKNOWN
    # Metadata are anyone's: undecodable bytes and missing fields raise exceptions of many types.
    except Exception:
        return UNKNOWN


def read_text(distribution: importlib.metadata.Distribution, name: str) -> tuple[str, bool]:
    """A file of a distribution's metadata, "" if there is none, and whether all of its bytes are UTF-8."""
    try:
        # Not what `tolerate_damage` leaves of it.
        if isinstance(distribution, importlib.metadata.PathDistribution):
            return _read(distribution, name) or "", True
        return distribution.read_text(name) or "", True
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace"), False


def intact_lines(text: str) -> str:
    """The sections and entries of an entry_points.txt, without comments and damaged lines."""
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line.startswith("[") or (is_entry(line) and not line.startswith("#")))


def is_entry(line: str) -> bool:
    """Whether a line of an entry_points.txt has a name and a target."""
    name, equals, target = line.partition("=")
    return bool(name.strip() and equals and target.strip()) and "\ufffd" not in line


def tolerate_damage() -> None:
    """From now on, other libraries get the intact lines of an entry_points.txt that is damaged, and not an exception.

    Importing torch reads those of all packages.
    """
    if importlib.metadata.PathDistribution.read_text is not _read_tolerantly:
        importlib.metadata.PathDistribution.read_text = _read_tolerantly  # type: ignore[method-assign]


_read = importlib.metadata.PathDistribution.read_text


def _read_tolerantly(self: importlib.metadata.PathDistribution, filename: Any) -> str | None:
    if filename != "entry_points.txt":
        return _read(self, filename)
    try:
        return intact_lines(_read(self, filename) or "") or None
    except UnicodeDecodeError as error:
        return intact_lines(error.object.decode("utf-8", "replace"))


def identify(distribution: importlib.metadata.Distribution) -> tuple[str, str, str]:
    """The name and version of a distribution, and what is wrong with its metadata or "".

    Of damaged metadata, what can be read is returned, also from the name of their folder, else "?".
    """
    text, problem = "", ""
    try:
        for file in ("METADATA", "PKG-INFO"):
            text, readable = read_text(distribution, file)
            if text:
                problem = "" if readable else f"{file} is not UTF-8"
                break
        else:
            problem = "METADATA is missing"
    except Exception as error:
        problem = f"METADATA cannot be read ({type(error).__name__})"
    folder = re.match(r"([^/\\]+?)-([^-/\\]+)(-py[\d.]+)?\.(dist|egg)-info$", _folder(distribution))
    found = []
    for number, field in enumerate(("Name", "Version"), 1):
        given = re.search(rf"^{field}:[ \t]*(\S+)[ \t]*$", text.partition("\n\n")[0], re.MULTILINE | re.IGNORECASE)
        if given is None and not problem:
            problem = f"METADATA has no {field}"
        found.append(given[1] if given else folder[number].replace("_", "-") if folder else UNKNOWN)
    return found[0], found[1], problem


def _folder(distribution: importlib.metadata.Distribution) -> str:
    return str(getattr(getattr(distribution, "_path", None), "name", ""))
