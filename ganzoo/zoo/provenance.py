"""Which packages a run was made with: recorded in its recipe.json, and required when the run is opened again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.recipes import Recipe
from ganzoo.specs import Variant
from ganzoo.zoo import registry
from ganzoo.zoo.loading import VARIABLE, Plugin, selection
from ganzoo.zoo.tables import SINGULAR
from ganzoo.zoo.zoo import current_zoo

SYNTAX = {
    "package": re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"),
    "version": re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*"),
}
"""The syntax of package names and versions (PEP 508, and a superset of PEP 440)."""


def origin(plugin: Plugin) -> dict[str, str]:
    """What a run records about a plugin."""
    return {"name": plugin.name, "package": plugin.package, "version": plugin.version}


def used(variant: Variant, recipe: Recipe) -> list[dict[str, str]]:
    """Everything that a recipe names and a package other than ganzoo registers, with its plugin."""
    names: list[tuple[str, Iterable[Any]]] = [
        ("datasets", [recipe.data.name]),
        ("losses", [getattr(recipe, "loss", None)]),
        ("penalties", getattr(recipe, "penalties", {})),
        ("augmentations", [getattr(recipe, "augment", None)]),
    ]
    found = []
    for kind, wanted in names:
        for name in wanted:
            if isinstance(name, str) and name in registry_of(kind):
                plugin = current_zoo().owner(kind, name)
                if plugin.package != "ganzoo":
                    found.append({"kind": kind, "what": name, **origin(plugin)})
    return found


BUILDING = ("variants", "losses", "penalties", "augmentations")
"""What a run's game is built from."""

TRAINING = (*BUILDING, "datasets")
"""What training or scoring a run needs."""


def require(path: Path, info: Mapping[str, Any], kinds: Iterable[str] = BUILDING) -> None:
    """Raise GanzooError, naming the package to install, unless all that a run needs of these kinds is registered."""
    for part in parts(info):
        if part["kind"] in kinds and part["what"] not in registry_of(part["kind"]):
            raise GanzooError(missing(path, part))


def missing(path: Path, part: Mapping[str, str]) -> str:
    """The message about a part of a run that no plugin registers."""
    package, version = part["package"], part["version"]
    if "?" in (package, version):
        thing = f"{SINGULAR[part['kind']]} {part['what']!r}"
        return f"{path} needs the {thing}, which is not installed; the run does not record its package."
    start = f"{path} needs the {SINGULAR[part['kind']]} {part['what']!r} of {package} {version}, "
    for plugin in current_zoo().plugins:
        if plugin.package == package and plugin.error:
            return f"{start}which was left out: {plugin.reason}"
    if package == "local":
        return f"{start}which was not installed: add its module with ganzoo.zoo.zoo.register before opening the run."
    if any(plugin.package == package for plugin in current_zoo().plugins):
        return f"{start}which is not in the version that is installed: pip install {package}=={version}"
    left_out = selection()
    if left_out is not None:
        return f"{start}which is not loaded: {VARIABLE} loads only {', '.join(left_out) or 'the core'}."
    return f"{start}which is not installed: pip install {package}=={version}"


def differences(info: Mapping[str, Any]) -> list[str]:
    """A line for each package that is installed in another version than the run was made with."""
    lines: dict[str, str] = {}
    for part in parts(info):
        package, version = part["package"], part["version"]
        for plugin in current_zoo().plugins:
            if plugin.package == package and plugin.version != version and not plugin.error:
                lines[package] = (
                    f"the run was made with {package} {version}, but {plugin.version} is installed; "
                    f"for the same version: pip install {package}=={version}"
                )
    return list(lines.values())


def misfit(info: Mapping[str, Any]) -> str:
    """That a run has another recipe than the variant that is installed, with the plugin and both versions."""
    part = parts(info)[0]
    made = f"was made with the variant {part['what']!r} of plugin {part['name']!r} ({_release(part)})"
    return f"{made} and does not fit the one that is installed ({_release(_installed(part))})"


def remedy(info: Mapping[str, Any]) -> str:
    """What to type to get the variant of a run as it was."""
    part = parts(info)[0]
    package, version = part["package"], part["version"]
    known = "?" not in (package, version) and package != "local"
    if known and _release(part) != _release(_installed(part)):
        return f"for the same version: pip install {package}=={version}"
    return "install the plugin as it was then, or train again"


def _release(part: Mapping[str, str]) -> str:
    return f"{part['package']} {part['version']}"


def _installed(part: Mapping[str, str]) -> dict[str, str]:
    return origin(current_zoo().owner("variants", part["what"]))


def parts(info: Mapping[str, Any]) -> list[dict[str, str]]:
    """The variant of a run and what else it uses, each with kind, what, name, package and version.

    A package or version with invalid syntax becomes "?", because messages show it as part of a command to type.
    """
    listed = info.get("uses", [])
    others = [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    found = [{"kind": "variants", "what": info["variant"], **info["plugin"]}, *others]
    keys = ("kind", "what", "name", "package", "version")
    return [{key: _plain(key, str(part.get(key, "?"))) for key in keys} for part in found]


def _plain(key: str, text: str) -> str:
    return "?" if key in SYNTAX and not SYNTAX[key].fullmatch(text) else text


def registry_of(kind: str) -> Mapping[str, Any]:
    """The registered specs of a kind; empty for an unknown kind."""
    return getattr(registry, kind)() if kind in SINGULAR else {}
