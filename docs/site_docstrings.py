"""Lays out ganzoo's docstrings for the site: `name: ` lines as a list, examples as code, columns unchanged.

A recipe key, `key(default, meaning)`, gets its meaning as docstring and shows the default only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import griffe

FIELD = re.compile(r"^[a-z_]\w*(?:, [a-z_]\w*)*: ")
COLUMNS = re.compile(r"^\S.*\S {3,}\S")


class Layout(griffe.Extension):
    """Changes what griffe read from the sources before it is laid out."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        # Before griffe builds the `__init__` of dataclasses from their attributes.
        for cls in classes_of(pkg):
            for field in cls.attributes.values():
                key = call_of_key(field.value)
                if key:
                    field.value = key[0]
                    field.docstring = griffe.Docstring(ast.literal_eval(str(key[1])), parent=field)

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = "\n\n".join(laid_out(part) for part in obj.docstring.value.split("\n\n"))


def call_of_key(value: Any) -> list[Any]:
    """The arguments of a `key(default, meaning)`; empty for anything else."""
    found = isinstance(value, griffe.ExprCall) and str(value.function) == "key" and len(value.arguments) > 1
    return list(value.arguments) if found else []


def classes_of(module: griffe.Module) -> Iterator[griffe.Class]:
    for inner in module.modules.values():
        if not inner.is_alias:
            yield from classes_of(inner)
    yield from (cls for cls in module.classes.values() if not cls.is_alias)


def laid_out(paragraph: str) -> str:
    lines = paragraph.splitlines()
    if lines and lines[0].startswith(">>> "):
        return "\n".join(["```pycon", *lines, "```"])
    if any(COLUMNS.match(line) for line in lines):
        return "\n".join(["```text", *lines, "```"])
    if not any(FIELD.match(line) for line in lines):
        return paragraph
    made: list[str] = []
    for line in lines:
        field = FIELD.match(line)
        if field:
            names = ", ".join(f"`{name}`" for name in field[0].removesuffix(": ").split(", "))
            line = f"- {names}: {line[field.end() :]}"
            if made and not made[-1].startswith(("- ", "  ")):
                made.append("")
        elif made and made[-1].startswith(("- ", "  ")):
            line = f"  {line}"
        made.append(line)
    return "\n".join(made)
