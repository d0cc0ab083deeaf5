"""docs/reliability.md names tests that exist, and shows the results of the kill benchmark."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from paths import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def functions(file: Path) -> set[str]:
    return {node.name for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    assert name in functions(ROOT / file)


def test_every_promise_has_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    promises = PAGE.count("| promise | test |")
    assert promises >= 6
    assert sum("::test_" in row for row in rows) == len([row for row in rows if row.count("|") == 3]) - promises


def test_the_table_of_kills_is_that_of_the_results() -> None:
    found = json.loads((ROOT / "benchmarks" / "results" / "kills.json").read_text("utf-8"))
    assert found["command"] in PAGE
    for name, row in (found["cases"] | {"all": found["all"]}).items():
        numbers = [f"{row[key]:,}" for key in ("kills", "kills inside a save", "resumes", "files", "tensors", "bytes")]
        assert f"| {name} | {' | '.join(numbers)} | {row['differences'] + row['failed starts']} |" in PAGE
