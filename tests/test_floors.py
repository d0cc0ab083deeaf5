"""The floor plan of docs/design.md holds: every import runs downwards, and nothing is circular."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from paths import ROOT

FLOORS = (
    ("errors.py", "keys.py", "recipes.py", "game.py"),
    ("data/", "machine/", "files/", "networks/"),
    ("specs.py", "callbacks.py", "hookspecs.py", "pictures/"),
    ("zoo/", "training/", "evaluation/", "modalities/"),
    ("runs/", "games/", "builtins/", "testing/"),
    ("api/", "exporting/", "reporting/"),
    ("cli/", "__init__.py"),
    ("__main__.py", "plugins/", "benchmarks/"),
)
"""From the ground up."""

LEVEL = {room.removesuffix(".py").removesuffix("/"): level for level, rooms in enumerate(FLOORS) for room in rooms}
PUBLIC = {"ganzoo.errors", "ganzoo.recipes", "ganzoo.specs", "ganzoo.game", "ganzoo.callbacks", "ganzoo.hookspecs"}
PUBLIC |= {"ganzoo", "ganzoo.games", "ganzoo.networks", "ganzoo.modalities"}
PUBLIC |= {"ganzoo.data.dataset", "ganzoo.data.samples", "ganzoo.data.common"}
PUBLIC |= {"ganzoo.data.image_files", "ganzoo.zoo.registry", "ganzoo.evaluation.metrics.images"}
PUBLIC |= {f"ganzoo.evaluation.{name}" for name in ("standard_errors", "features.domain", "features.cache")}
PUBLIC |= {"ganzoo.files.typed", "ganzoo.pictures.plots", "ganzoo.pictures.videos"}
PUBLIC |= {"ganzoo.runs.judging", "ganzoo.api.session", "ganzoo.zoo.config", "ganzoo.api.served", "ganzoo.runs.plane"}
PUBLIC |= {"ganzoo.reporting.page", "ganzoo.reporting.rendering", "ganzoo.runs.run"}
PUBLIC |= {"ganzoo.data.own_files", "ganzoo.data.images.digits"}
PUBLIC |= {"ganzoo.evaluation.scoring", "ganzoo.evaluation.features.pairs", "ganzoo.testing"}
PUBLIC |= {"ganzoo.evaluation.features.views", "ganzoo.evaluation.standard_errors", "ganzoo.pictures.plots"}
PUBLIC |= {"ganzoo.evaluation.metrics.fidelity", "ganzoo.evaluation.metrics.images"}
"""What a plugin imports."""


def modules(folder: Path, root: Path) -> Mapping[str, Path]:
    """Every module under a folder, by its dotted name."""
    found = {}
    for file in folder.rglob("*.py"):
        parts = file.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


CORE = modules(ROOT / "ganzoo", ROOT)


def imports(file: Path) -> Iterator[str]:
    """The core's modules that a file imports, also late and for type hints only."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "ganzoo":
            assert node.level == 0
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in CORE else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in CORE)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


GRAPH = {module: set(imports(file)) - {module} for module, file in CORE.items()}


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """A cycle of the graph; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_runs_up() -> None:
    up = [
        f"{module} imports {imported}"
        for module, found in GRAPH.items()
        for imported in found
        if LEVEL[room(module)] < LEVEL[room(imported)]
    ]
    assert up == []


def test_no_circle_among_files() -> None:
    assert cycle(GRAPH) == []


def test_no_circle_among_rooms() -> None:
    rooms: dict[str, set[str]] = {}
    for module, found in GRAPH.items():
        rooms.setdefault(room(module), set()).update(room(other) for other in found if room(other) != room(module))
    assert cycle(rooms) == []


def test_a_circle_is_seen() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()))
def test_a_bundled_plugin_imports_nothing_private_and_no_other_plugin(name: str) -> None:
    for file in (ROOT / "plugins" / name).rglob("*.py"):
        assert set(imports(file)) <= PUBLIC, file
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ganzoo_"):
                assert (node.module or "").partition(".")[0] == name, file


def test_the_root_is_small_and_files_and_functions_are_short() -> None:
    assert len(list((ROOT / "ganzoo").glob("*.py"))) <= 12
    for folder in ("ganzoo", "plugins"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text("utf-8")
            assert text.count("\n") <= 400, file
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    assert (node.end_lineno or 0) - node.lineno < 60, f"{file}: {node.name}"


def test_the_page_shows_the_same_floors() -> None:
    page = (ROOT / "docs" / "design.md").read_text("utf-8")
    shown = re.findall(r"^(\d)  (\S.*?)$", page, re.MULTILINE)
    assert [(int(number), tuple(rooms.split())) for number, rooms in shown] == [
        (number, FLOORS[number - 1]) for number in range(len(FLOORS), 0, -1)
    ]
