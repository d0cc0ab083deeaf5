"""Everything that a package registers, as a list of checks for pytest to run one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from ganzoo.errors import unknown
from ganzoo.specs import Variant
from ganzoo.testing import variants as variant_checks
from ganzoo.testing.examples import cases_of
from ganzoo.testing.parts import (
    check_augmentation,
    check_command,
    check_dataset,
    check_loss,
    check_metric,
    check_modality,
    check_penalty,
)
from ganzoo.zoo.loading import Plugin
from ganzoo.zoo.tables import SINGULAR
from ganzoo.zoo.zoo import current_zoo

PART_CHECKS: dict[str, Callable[[Any], None]] = {
    "losses": check_loss,
    "penalties": check_penalty,
    "augmentations": check_augmentation,
    "datasets": check_dataset,
    "metrics": check_metric,
    "modalities": check_modality,
}


@dataclass(frozen=True)
class Check:
    """One check of one spec: call it. Raises AssertionError with what is wrong, or SkipTest if it does not apply."""

    name: str
    run: Callable[[], None]

    def __call__(self) -> None:
        self.run()

    def __str__(self) -> str:
        return self.name


def contract(*packages: str, keys: Mapping[str, Any] | None = None, leave_out: Collection[str] = ()) -> list[Check]:
    """The checks of everything that the named packages register, or all installed ones.

    packages: the names of packages or of plugins. keys: values for keys that a recipe has, to make networks small, such
    as {"width": 16}. leave_out: names of variants, losses, ... that are not checked (data sets that would be
    downloaded).
    Raises GanzooError if no plugin of that name is installed. A broken plugin is a check that fails.
    """
    known = current_zoo().plugins
    for package in packages:
        if not any(package in (plugin.package, plugin.name) for plugin in known):
            names = {plugin.package for plugin in known}
            raise unknown("package", package, names, "Install it first: pip install -e .")
    chosen = [plugin for plugin in known if not packages or plugin.package in packages or plugin.name in packages]
    return [check for plugin in chosen for check in _checks(plugin, keys, leave_out)]


def _checks(plugin: Plugin, keys: Mapping[str, Any] | None, leave_out: Collection[str]) -> Iterator[Check]:
    yield Check(f"plugin {plugin.name}", partial(check_plugin, plugin))
    tables = current_zoo().tables
    for name in plugin.adds.get("variants", []):
        if name not in leave_out:
            yield from _variant_checks(tables["variants"][name], keys)
    for kind, check in PART_CHECKS.items():
        for name in plugin.adds.get(kind, []):
            if name not in leave_out:
                yield Check(f"{SINGULAR[kind]} {name}", partial(check, tables[kind][name]))
    if current_zoo().implements(plugin, "ganzoo_commands"):
        yield Check(f"commands of {plugin.name}", partial(check_commands, plugin))


def _variant_checks(variant: Variant, keys: Mapping[str, Any] | None) -> Iterator[Check]:
    yield Check(f"{variant.name}: recipes", partial(variant_checks.check_recipes, variant))
    for case in cases_of(variant):
        for check in variant_checks.case_checks(variant, case):
            what = check.__name__.removeprefix("check_")
            yield Check(f"{case}: {what}", partial(variant_checks.run_check, check, variant, case, keys))


def check_plugin(plugin: Plugin) -> None:
    """The plugin loads without notes and without torch, and a variant has its page, README.md, beside the card."""
    assert not plugin.error, plugin.problem
    for note in plugin.notes:
        # Load time depends on the machine and its load, not only on the plugin.
        assert note.startswith("slow"), f"{plugin.source}: {note}"
    module = plugin.target.partition(":")[0]
    if plugin.package != "local":
        variant_checks.check_import(module)
    if plugin.adds.get("variants"):
        file = getattr(plugin.module, "__file__", None)
        page = Path(file).parent / "README.md" if file else None
        there = page is not None and page.is_file()
        assert there, f"{plugin.source}: write README.md beside the card: what it is, its paper, its recipes"
        text = page.read_text("utf-8") if page else ""
        for name in plugin.adds["variants"]:
            assert name in text, f"{plugin.source}: {page} does not name the variant {name!r}"


def check_commands(plugin: Plugin) -> None:
    """The commands of a plugin can be added, and have help texts."""
    group = click.Group()
    for problem in current_zoo().add_commands(group):
        if problem.startswith(plugin.source):
            raise AssertionError(problem)
    names = plugin.adds.get("commands", [])
    if not names:
        raise AssertionError(f"{plugin.source}: ganzoo_commands adds no command")
    for name in names:
        check_command(group.commands[name])
