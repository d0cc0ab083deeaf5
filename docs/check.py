"""Keep the docs up to date: generate what can be generated, and report what is out of date.

    python docs/check.py            exits with 1 and reports what is out of date
    python docs/check.py --write    writes generated pages, code taken from tests, and values in recipe tables

Values in a recipe table are written; their sources are not, so check the row when a value has changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
from examples import files_of
from generated import DOCS, RECIPE, ROOT, cells, fresh_texts, own, page_of, values_of

from ganzoo import hookspecs
from ganzoo.api import planning
from ganzoo.callbacks import Callback
from ganzoo.cli import cli
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.recipes import DataSpec
from ganzoo.runs.callbacks.loggers import LOGGERS
from ganzoo.specs import DatasetSpec, LossSpec, MetricSpec, ModalitySpec, Option, PenaltySpec, Variant
from ganzoo.zoo import config, registry
from ganzoo.zoo.tables import TYPES

NO_DOCS = {"packages", "runs", "site", "dist", "build", "venv", "node_modules"}
FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
HOOKS = [name for name in vars(hookspecs) if name.startswith("ganzoo_")]
RETURNED: dict[str, tuple[type, ...]] = {
    "ganzoo_variants": (Variant, DataSpec),
    "ganzoo_losses": (LossSpec, Option),
    "ganzoo_penalties": (PenaltySpec,),
    "ganzoo_datasets": (DatasetSpec,),
    "ganzoo_metrics": (MetricSpec, Samples),
    "ganzoo_modalities": (ModalitySpec,),
    "ganzoo_callbacks": (Callback,),
}
"""The classes that a hook's page explains field by field: what the hook returns, and what its functions receive."""


def main(arguments: list[str]) -> int:
    """Check, or with --write update and then check; returns the exit code."""
    if arguments == ["--write"]:
        for path, text in fresh_texts():
            if not path.exists() or path.read_text("utf-8") != text:
                path.write_text(text, "utf-8")
                print(f"wrote {path.relative_to(ROOT)}")
    elif arguments:
        print(__doc__)
        return 2
    problems = list(dict.fromkeys(check()))
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems in the docs" if problems else "the docs are up to date")
    return 1 if problems else 0


def check() -> Iterator[str]:
    """A line for each problem."""
    for path, text in fresh_texts():
        yield from changed_lines(path, text)
    for hook in HOOKS:
        yield from check_hook(hook)
    for variant in own("variants"):
        yield from check_page(variant)
    for path in sorted(ROOT.rglob("*.md")):
        parts = path.relative_to(ROOT).parts
        if not any(part.startswith(".") or part in NO_DOCS for part in parts):
            where, text = "/".join(parts), path.read_text("utf-8")
            yield from (f"{where}: {problem}" for problem in check_links(path, text))
            yield from (f"{where}: {problem}" for problem in check_blocks(text))
            yield from (f"{where}: {problem}" for problem in check_tables(text))


def changed_lines(path: Path, text: str) -> Iterator[str]:
    """Each line that is out of date; only the first if the number of lines differs."""
    old = path.read_text("utf-8").splitlines() if path.exists() else []
    new = text.splitlines()
    differ = [i for i, (a, b) in enumerate(zip_longest(old, new)) if a != b]
    for i in differ if len(old) == len(new) else differ[:1]:
        wanted = f"should be {new[i]!r}" if i < len(new) else "should end here"
        yield f"{path.relative_to(ROOT)}:{i + 1}: {wanted}: run `python docs/check.py --write`"


def check_page(variant: Variant) -> Iterator[str]:
    """The page exists, and its tables show every recipe and every key that a recipe changes."""
    page = page_of(variant)
    if not page.exists():
        yield f"{page.relative_to(ROOT)}: variant {variant.name!r} has no page"
        return
    where, tables = page.relative_to(ROOT), re.findall(r"(?:^\|.*\n)+", page.read_text("utf-8"), re.MULTILINE)
    headed = {name: table for table in tables for name in RECIPE.findall(table.partition("\n")[0])}
    for name in headed:
        if name.partition(".")[0] == variant.name and name.partition(".")[2] not in variant.recipes:
            yield f"{where}: a table has a column {name!r}, which is not a recipe"
    for name, recipe in variant.recipes.items():
        full = f"{variant.name}.{name}"
        if full not in headed:
            yield f"{where}: no table has a column `{full}`"
            continue
        rows = rows_of(headed[full])
        yield from (f"{where}: no recipe has the key `{key}`" for key, row in rows.items() if set(row[:-1]) == {"-"})
        values, defaults = values_of(recipe), values_of(type(recipe)())
        # How a schedule reaches its end value is usually the same for all, and said below the table.
        left_out = [
            key
            for key, value in values.items()
            if value != defaults.get(key, "1" if key.endswith(".every") else None)
            and key not in rows
            and (not key.startswith("schedules.") or key.endswith(".to"))
        ]
        above = shown_above(variant, name, headed)
        if any(values[key] == above.get(key) for key in left_out):
            # The table adds to the ancestor's above it.
            usual = [key for key in above if key not in left_out and key not in rows]
            left_out = [key for key in left_out + usual if values.get(key) != above.get(key)]
        yield from (f"{where}: the table of {full} leaves out {key} = {values.get(key)}" for key in left_out)


def shown_above(variant: Variant, recipe: str, headed: dict[str, str]) -> dict[str, str]:
    """The values of the ancestor's recipe of the same name in a table of the same page, which need not be repeated."""
    ancestor = registry.variants().get(variant.ancestor)
    table = headed.get(f"{variant.ancestor}.{recipe}")
    if ancestor is None or table is None or recipe not in ancestor.recipes:
        return {}
    rows = rows_of(table)
    return {key: value for key, value in values_of(ancestor.recipes[recipe]).items() if key in rows}


def rows_of(table: str) -> dict[str, list[str]]:
    """The other cells of each row, by its key."""
    return {key.strip("`"): rest for key, *rest in map(cells, table.splitlines()[2:])}


def check_hook(hook: str) -> Iterator[str]:
    """The hook's page shows its signature, has a row for each argument and for each field of what it returns."""
    page = DOCS / "hooks" / f"{hook.removeprefix('ganzoo_')}.md"
    where = page.relative_to(ROOT)
    if not page.exists():
        yield f"{where}: the hook {hook} has no page"
        return
    text = page.read_text("utf-8")
    function = getattr(hookspecs, hook)
    names = list(inspect.signature(function).parameters)
    signature = f"{hook}({', '.join(names)}) -> {function.__annotations__['return']}"
    if signature not in text:
        yield f"{where}: should show {signature!r}"
    rows = set(re.findall(r"^\| `(\w+)", text, re.MULTILINE))
    yield from (f"{where}: no table has a row for the argument {name!r}" for name in names if name not in rows)
    for cls in RETURNED.get(hook, ()):
        yield from (f"{where}: no table has a row for {name!r} of {cls.__name__}" for name in members(cls) - rows)
    index = DOCS / "hooks" / "index.md"
    if not index.exists() or f"[`{hook}`]({page.name})" not in index.read_text("utf-8"):
        yield f"docs/hooks/index.md: does not link to the page of {hook}"


def members(cls: type) -> set[str]:
    """The public fields of a dataclass, or the methods of another class."""
    if dataclasses.is_dataclass(cls):
        return {field.name for field in dataclasses.fields(cls) if not field.name.startswith("_")}
    return {name for name in vars(cls) if not name.startswith("_")}


def check_links(path: Path, text: str) -> Iterator[str]:
    """The targets of relative links and pictures exist, and anchors are headings."""
    for match in LINK.finditer(FENCE.sub("", text)):
        target, _, anchor = (match[1] or match[2]).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = path.parent / target if target else path
        if not file.exists():
            yield f"{target} does not exist"
        elif anchor and anchor not in anchors(file):
            yield f"{target}#{anchor}: no such heading"


def anchors(file: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def check_tables(text: str) -> Iterator[str]:
    """Every row of a table has as many cells as its heading: a vertical bar in a cell is written `\\|`."""
    expected = 0
    for line in FENCE.sub("", text).splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        if bars and expected and bars != expected:
            yield f"a row has {bars - 1} cells where its table has {expected - 1}: {line[:80]}"
        expected = (expected or bars) if bars else 0


def check_blocks(text: str) -> Iterator[str]:
    """Python compiles, TOML parses, and `ganzoo` commands parse and use names that exist.

    They may also use names that a block of the page, or a file that it takes code from, defines.
    """
    code = "".join([text, *((ROOT / file).read_text("utf-8") for file in files_of(text))])
    defined = set(re.findall(r"(?:Spec\(|Variant\(|\.command\()\s*\"([a-z0-9-]+)\"", code))
    defined |= set(re.findall(r"^([a-z0-9-]+) = \"ganzoo_", text, re.MULTILINE))
    own = {Path(name).stem for name in re.findall(r"(?:--dataset (?:[a-z-]+:)?|data\.path=)([^\s`]+)", text)}
    defined |= set(re.findall(r"^ganzoo plugins new (?:ganzoo-)?([a-z0-9-]+)", text, re.MULTILINE))
    for language, code in FENCE.findall(text):
        try:
            if language == "python":
                compile(code, "<docs>", "exec")
            elif language == "toml":
                tomllib.loads(code)
        except (SyntaxError, tomllib.TOMLDecodeError) as error:
            yield f"a {language} block is not valid: {error}"
        if language == "bash":
            for words in ganzoo_commands(code):
                # Commands with a plugin that the page itself defines are run by the tests of the page.
                if defined.isdisjoint(re.split(r"[ =.:,]", " ".join(words))):
                    shown = shlex.join(words)
                    yield from (f"`ganzoo {shown}`: {problem}" for problem in check_command(words, defined, own))


def ganzoo_commands(code: str) -> Iterator[list[str]]:
    """The arguments of each `ganzoo` in a block of shell commands."""
    for line in code.replace("\\\n", " ").splitlines():
        for inner in [line, *re.findall(r"\$\(([^)]*)\)", line)]:
            lexer = shlex.shlex(inner, posix=True, punctuation_chars="&|;")
            lexer.whitespace_split = True
            for command in re.split(r"(?:^|\n)[&|;]+(?:\n|$)", "\n".join(lexer)):
                words = [word for word in command.splitlines() if word]
                while words and re.match(r"[A-Z_]+=", words[0]):
                    words.pop(0)
                if len(words) > 1 and words[0] == "ganzoo":
                    yield words[1:]


def check_command(words: list[str], defined: set[str], own: set[str]) -> Iterator[str]:
    """Parse a command without running it, then look up the names in it.

    defined: names that the page defines. own: names of files and folders that it trains on.
    """
    options = {name for option in cli.params for name in option.opts}
    while words and words[0] in options:
        words = words[1:]
    if not words:
        return
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            command = cli.get_command(click.Context(cli), words[0])
            if command is None:
                cli.make_context("ganzoo", words)
                yield "there is no such command"
                return
            if isinstance(command, click.Group) and words[1:] and words[1] in command.commands:
                command, words = command.commands[words[1]], words[1:]
            given = command.make_context(words[0], words[1:], parent=click.Context(cli, info_name="ganzoo")).params
        if words[0] == "train" and given["name"].partition(".")[0] not in defined:
            check_training(given)
        elif words[0] == "show" and given["name"] not in defined:
            check_name(given["name"])
        elif words[0] in ("sample", "resume") and given["run"].startswith("runs/"):
            check_run(given["run"], defined, own)
    except click.exceptions.Exit:
        return
    except (click.ClickException, GanzooError) as error:
        yield error.format_message() if isinstance(error, click.ClickException) else str(error)


def check_training(given: dict[str, Any]) -> None:
    """Raise GanzooError unless training could begin; the reader's own files need not exist."""
    options = {name: value for name, value in given.items() if value not in (None, (), False)}
    options["set"] = config.parse_assignments(options.pop("assignments", ()))
    options["set"] |= {"freeze": options.pop("freeze")} if "freeze" in options else {}
    options.pop("dry_run", None)
    for logger in options.pop("loggers", ()):  # its package need not be installed to read about it
        if logger not in LOGGERS:
            raise GanzooError(f"there is no logger {logger}.")
    if not Path(options.get("recipe", ".")).exists():
        del options["recipe"]
    dataset = options.get("dataset", "")
    if "/" in dataset and ":" not in dataset:
        options["dataset"] = f"{'npz' if dataset.endswith('.npz') else 'folder'}:{dataset}"
    recipe: Any = planning.plan(options.pop("name"), **options).recipe
    kinds = registry.datasets()[recipe.data.name].kinds
    # Without a list of kinds, the data set says itself what it understands.
    if kinds and recipe.data.kind and recipe.data.kind not in kinds:
        raise GanzooError(f"{recipe.data.name} has no kind {recipe.data.kind}.")
    if hasattr(recipe, "loss"):
        known = [option.name for option in registry.losses().find(recipe.loss).options]
        for option in recipe.loss_options:
            if option not in known:
                raise GanzooError(f"loss {recipe.loss} has no option {option}.")


def check_name(name: str) -> None:
    if not any(name in getattr(registry, kind)() for kind in TYPES):
        registry.find_recipe(name)


def check_run(path: str, defined: set[str], own: set[str]) -> None:
    """Runs are called runs/VARIANT-DATASET-NUMBER, and those of the user's own data after its file or folder."""
    data = defined | own | set(registry.datasets())
    names = {f"{v}-{d}" for v in defined | set(registry.variants()) for d in data}
    if path.split("/")[1].rpartition("-")[0] not in names:
        raise GanzooError(f"no training writes {path}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
