"""Names and versions of installed packages, whose metadata can be damaged. Imports no torch."""

from __future__ import annotations

import importlib.metadata
import re

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
        return distribution.read_text(name) or "", True
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace"), False


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
        found.append(given[1] if given else folder[number] if folder else UNKNOWN)
    return found[0], found[1], problem


def _folder(distribution: importlib.metadata.Distribution) -> str:
    return str(getattr(getattr(distribution, "_path", None), "name", ""))
