"""Code in the docs that is taken from tested files, and how many lines each of these examples has.

`<!-- code: FILE NAME NAME -->` to `<!-- end -->` holds the functions and classes of those names, also nested ones (and
for the name `imports` those at the top of the file), `<!-- lines -->` to `<!-- end -->` the numbers of lines.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).resolve().parents[1]
CODE = re.compile(r"(<!-- code: (\S+) ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
LINES = re.compile(r"(<!-- lines -->\n).*?(<!-- end -->)", re.DOTALL)
GAMES = ("TwoPlayer", "GAN")
"""Base classes of games."""

Definition = ast.ClassDef | ast.FunctionDef


def with_code(text: str) -> str:
    """A page with its examples and numbers of lines in place. Raises KeyError for a name that is not found."""
    text = CODE.sub(
        lambda match: f"{match[1]}\n```python\n{code_of(match[2], match[3].split())}```\n\n{match[4]}", text
    )
    return LINES.sub(lambda match: f"{match[1]}\n{lines_table(files_of(text))}\n{match[2]}", text)


def files_of(text: str) -> list[str]:
    """The files that a page takes code from, in order."""
    return list(dict.fromkeys(match[2] for match in CODE.finditer(text)))


def code_of(file: str, names: list[str]) -> str:
    """The source of functions and classes of a file, one below the other."""
    found = {node.name: source(file, node) for node in definitions(parsed(file))}
    found["imports"] = imports_of(file)
    return "\n\n".join(found[name] for name in names)


def imports_of(file: str) -> str:
    """The imports at the top of a file."""
    text = (ROOT / file).read_text("utf-8")
    nodes = [node for node in parsed(file).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    nodes = [node for node in nodes if getattr(node, "module", "") != "__future__"]
    return "".join(f"{ast.get_source_segment(text, node)}\n" for node in nodes)


def source(file: str, node: Definition) -> str:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    lines = (ROOT / file).read_text("utf-8").splitlines()[first - 1 : node.end_lineno]
    return textwrap.dedent("\n".join(lines)) + "\n"


@cache
def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text("utf-8"))


def definitions(node: ast.AST) -> Iterator[Definition]:
    """The functions and classes in a node, the outer ones last, so that they win over inner ones of the same name."""
    for child in ast.iter_child_nodes(node):
        yield from definitions(child)
        if isinstance(child, Definition):
            yield child


def game_lines(file: str, build: str) -> int:
    """Lines of the game that a build function makes, without its networks.

    Counted are lines of code, not blank ones, comments and docstrings. Not counted are the function's own first line,
    imports, and what makes networks: other classes than games, functions, and statements that call `nn` or `mlp`.
    """
    (function,) = (node for node in parsed(file).body if isinstance(node, ast.FunctionDef) and node.name == build)
    return sum(code_lines(file, node) for node in function.body if not makes_networks(node))


def makes_networks(node: ast.stmt) -> bool:
    if isinstance(node, ast.ClassDef):
        return not any(isinstance(base, ast.Name) and base.id in GAMES for base in node.bases)
    if isinstance(node, ast.Return):
        return False
    return isinstance(node, ast.FunctionDef) or any(
        isinstance(part, ast.Name) and part.id in ("nn", "mlp") for part in ast.walk(node)
    )


def data_lines(file: str) -> int:
    """Lines of a file's kind of data, data sets and metrics: all that is neither a game nor a card."""
    own = [node for node in parsed(file).body if not is_card(node)]
    return sum(code_lines(file, node) for node in own)


def is_card(node: ast.stmt) -> bool:
    """Whether a statement is a hook, a build function or a recipe."""
    if isinstance(node, ast.ClassDef):
        return any(isinstance(base, ast.Name) and base.id.endswith("Recipe") for base in node.bases)
    return isinstance(node, ast.FunctionDef) and node.name.startswith(("ganzoo_", "build"))


def code_lines(file: str, node: ast.stmt) -> int:
    """Lines of a statement without blank ones, comments, docstrings and imports."""
    lines = (ROOT / file).read_text("utf-8").splitlines()
    left = set(range(node.lineno, (node.end_lineno or 0) + 1))
    left |= {decorator.lineno for decorator in getattr(node, "decorator_list", ())}
    for part in ast.walk(node):
        if is_docstring(part) or isinstance(part, (ast.Import, ast.ImportFrom)):
            left -= set(range(part.lineno, (part.end_lineno or 0) + 1))
    return sum(1 for number in left if (text := lines[number - 1].strip()) and not text.startswith("#"))


def is_docstring(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def variants_of(file: str) -> dict[str, tuple[str, str]]:
    """For each variant whose game a file builds, its summary and the name of its build function."""
    found = {}
    own = {node.name for node in parsed(file).body if isinstance(node, ast.FunctionDef)}
    for call in ast.walk(parsed(file)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Variant":
            name, summary = (ast.literal_eval(part) for part in call.args[:2])
            (build,) = (part.id for part in call.args if isinstance(part, ast.Name) and part.id.startswith("build"))
            if build in own:
                found[name] = summary, build
    return found


def lines_table(files: list[str]) -> str:
    """A row for each variant of the files."""
    rows = ["| variant | what it is | lines of the game | of its data |", "|---|---|---|---|"]
    for file in files:
        for name, (summary, build) in variants_of(file).items():
            data = data_lines(file) if has_data(file) else ""
            rows.append(f"| [{name}](../{file}) | {summary} | {game_lines(file, build)} | {data} |")
    return "\n".join(rows) + "\n"


def has_data(file: str) -> bool:
    return any(node.name == "ganzoo_datasets" for node in definitions(parsed(file)))
