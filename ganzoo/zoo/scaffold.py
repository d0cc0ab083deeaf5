"""Writes the package of a new plugin: `ganzoo plugins new`. The templates are in `templates/`, one folder per kind."""

from __future__ import annotations

import datetime
import importlib.util
import keyword
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from ganzoo.errors import GanzooError, unknown
from ganzoo.files.atomic import new_folder, reason
from ganzoo.files.typed import typed_path
from ganzoo.zoo import registry
from ganzoo.zoo.zoo import current_zoo, version

TEMPLATES = Path(__file__).parent / "templates"

KINDS = {
    "variant": ("variants", "A GAN for ganzoo.", "ganzoo train {thing}"),
    "loss": ("losses", "An adversarial loss for ganzoo.", "ganzoo train vanilla --set loss={thing}"),
    "dataset": ("datasets", "A data set for ganzoo.", "ganzoo train vanilla --dataset {thing}"),
    "metric": ("metrics", "A metric for ganzoo.", "ganzoo train vanilla --steps 200"),
    "command": ("commands", "A command for ganzoo.", "ganzoo {thing} --help"),
}
"""Each kind of plugin: what it registers, the description of its package, and the first command to type."""

LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause"}
"""The available licences, with their SPDX names."""

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

LONGEST = 100
"""The longest name, so that the names of the package's files fit into any file system."""


def create(
    name: str, kind: str = "variant", licence: str = "apache-2.0", into: str | Path = ".", commands: Iterable[str] = ()
) -> Path:
    """Write the folder `into/name` with a package that is ready to install, test and publish; returns it.

    What it registers is called `name`, without a leading `ganzoo-`; its module `name` with underscores. commands: the
    names of existing commands, which a new one must not take.
    Raises GanzooError for a name that is invalid or taken, and if the folder exists or cannot be written.
    """
    if kind not in KINDS:
        raise unknown("kind of plugin", kind, KINDS)
    if licence not in LICENCES:
        raise unknown("licence", licence, LICENCES)
    thing = check_name(name, kind, commands)
    folder = typed_path(into) / name
    if folder.exists() or folder.is_symlink():
        raise GanzooError(f"{folder} already exists and is not overwritten: choose another name, or another --into.")
    values = placeholders(name, thing, kind, licence)
    texts = {path: fill(template, values) for path, template in files(name, kind, licence)}
    try:
        with new_folder(folder) as partial:
            for path, text in texts.items():
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise GanzooError(f"cannot write {folder}: {reason(error)}; choose another --into.") from error
    return folder


def check_name(name: str, kind: str, commands: Iterable[str] = ()) -> str:
    """The name that a plugin in a package of that name registers; GanzooError if it is invalid or taken."""
    if not NAME.fullmatch(name):
        raise GanzooError(
            f"the name {name!r} must be lower-case letters, digits and single hyphens, and begin with a letter: "
            "try my-gan."
        )
    if len(name) > LONGEST:
        raise GanzooError(
            f"the name {name[:20]}... has {len(name)} letters, more than {LONGEST}: choose a shorter one."
        )
    thing, module = name.removeprefix("ganzoo-"), name.replace("-", "_")
    for word in (module, thing):
        if keyword.iskeyword(word) or keyword.issoftkeyword(word):
            raise GanzooError(f"{word!r} is a keyword of Python: choose another name, such as {word}-gan.")
    if module in sys.stdlib_module_names:
        raise GanzooError(f"{module!r} is in Python's standard library: choose another name, such as {name}-gan.")
    taken = list(commands) if kind == "command" else registry_names(KINDS[kind][0])
    if thing in taken:
        raise GanzooError(f"the {kind} {thing!r} already exists: choose another name, such as my-{thing}.")
    for plugin in current_zoo().plugins:
        if name == plugin.package or thing == plugin.name:
            raise GanzooError(f"the name {name!r} is taken by {plugin.source}: choose another, such as my-{thing}.")
    if importlib.util.find_spec(module) is not None:
        raise GanzooError(f"a module {module!r} is already installed: choose another name, such as my-{thing}.")
    return thing


def registry_names(kind: str) -> list[str]:
    """The registered names of a kind."""
    return [*getattr(registry, kind)()]


def files(name: str, kind: str, licence: str) -> Iterable[tuple[str, Path]]:
    """The path of each file of the package, and its template."""
    module = name.replace("-", "_")
    named = {
        "card.py.in": f"{module}/__init__.py",
        "page.md.in": f"{module}/README.md",
        "test.py.in": f"tests/test_{module}.py",
        "gitignore.in": ".gitignore",
        "ci.yml.in": ".github/workflows/test.yml",
    }
    for template in sorted((TEMPLATES / "common").iterdir()):
        yield named.get(template.name, template.stem), template
    yield "LICENSE", TEMPLATES / "licences" / f"{licence}.in"
    for template in sorted((TEMPLATES / kind).iterdir()):
        yield named.get(template.name, f"{module}/{template.stem}"), template


def placeholders(name: str, thing: str, kind: str, licence: str) -> dict[str, str]:
    """The value of each placeholder `<<word>>` in the templates."""
    _, description, first = KINDS[kind]
    return {
        "name": name,
        "thing": thing,
        "module": name.replace("-", "_"),
        "Class": class_name(thing),
        "description": description,
        "spdx": LICENCES[licence],
        "try": first.format(thing=thing),
        "version": version(),
        "year": str(datetime.date.today().year),
    }


def class_name(thing: str) -> str:
    """`my-gan` as MyGan; a name that begins with a digit gets a prefix."""
    joined = "".join(part.capitalize() for part in thing.split("-"))
    return joined if joined[0].isalpha() else f"The{joined}"


def fill(template: Path, values: dict[str, str]) -> str:
    """A template's text with its placeholders filled in. Not string.Template, as CI files contain dollar signs."""
    text = template.read_text("utf-8")
    for word, value in values.items():
        text = text.replace(f"<<{word}>>", value)
    return text
