"""Rows of a results file that were measured on another machine keep it, and the docs' tables say so."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

from benchmarks import diagnosis, results


def fake_machine(processor: str) -> dict[str, Any]:
    return {"processor": processor, "cores": 2, "versions": {"torch": "2.14"}, "date": "2026-01-02"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    return tmp_path


def write_on(processor: str, rows: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "machine", lambda: fake_machine(processor))
    results.write("some", "python -m benchmarks.some", {"rows": results.rows("some") | rows})


def test_rows_of_another_machine_keep_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_on("first", {"a": {"ms": 1}, "b": {"ms": 2}}, monkeypatch)
    write_on("first", {"b": {"ms": 3}}, monkeypatch)
    write_on("second", {"b": {"ms": 4}, "c": {"ms": 5}}, monkeypatch)
    write_on("third", {"c": {"ms": 6}}, monkeypatch)
    found = json.loads((folder / "some.json").read_text("utf-8"))
    assert found["machine"]["processor"] == "third"
    by = {name: row.get("machine", found["machine"])["processor"] for name, row in found["rows"].items()}
    assert by == {"a": "first", "b": "second", "c": "third"}
    assert {name: row["ms"] for name, row in found["rows"].items()} == {"a": 1, "b": 4, "c": 6}

    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    where = importlib.import_module("results_files").where
    assert where(found) == (
        "`python -m benchmarks.some`, third, 2 cores, torch 2.14, 2026-01-02."
        " a: first, 2 cores, torch 2.14, 2026-01-02. b: second, 2 cores, torch 2.14, 2026-01-02."
    )


def test_rows_of_this_machine_are_its_own_again_after_another_was_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_on("first", {"a": {"ms": 1}}, monkeypatch)
    write_on("second", {"b": {"ms": 2}}, monkeypatch)
    write_on("first", {"c": {"ms": 3}}, monkeypatch)
    rows = json.loads((folder / "some.json").read_text("utf-8"))["rows"]
    assert {name: row.get("machine", {}).get("processor") for name, row in rows.items()} == {
        "a": None,
        "b": "second",
        "c": None,
    }


def test_a_folder_without_runs_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        diagnosis.main(["--bench", str(tmp_path / "nowhere"), "--only", "nothing"])
    assert stop.value.code == 2
    assert "nowhere has no runs: name a folder" in capsys.readouterr().err
