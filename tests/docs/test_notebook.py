"""The notebook of the docs runs, and its page on the site shows what it returned."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from paths import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


def test_it_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("nbformat", "nbclient", "ipykernel"):
        pytest.importorskip(package, reason="needs the extra `notebook`")
    import nbformat

    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        run_notebook = importlib.import_module("run_notebook")
    # The kernel's own files.
    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "jupyter"))
    text = NOTEBOOK.read_text("utf-8")
    assert "STEPS = 1200" in text
    notebook = nbformat.reads(text.replace("STEPS = 1200", "STEPS = 4"), as_version=4)
    made = run_notebook.tidied(run_notebook.executed(notebook, str(tmp_path)))
    html = [
        output["data"]["text/html"] for cell in made.cells for output in cell.get("outputs", []) if has_html(output)
    ]
    (live,) = [content for content in html if content.startswith('<progress max="4" value="4"') and "<img" in content][
        :1
    ]
    assert "step 4 of 4" in live
    assert 'alt="Samples at step 4."' in live
    assert sum("dcgan.digits on digits" in content for content in html) >= 1
    assert (tmp_path / "report.html").is_file()


def has_html(output: dict[str, dict[str, str]]) -> bool:
    return "text/html" in output.get("data", {})


def test_it_has_small_outputs_without_errors() -> None:
    assert NOTEBOOK.stat().st_size < 150_000
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert len(outputs) >= 10
    assert {output["output_type"] for output in outputs} <= {"execute_result", "display_data", "stream"}
    assert "/tmp/" not in NOTEBOOK.read_text("utf-8")


def test_its_page_has_code_and_outputs() -> None:
    pytest.importorskip("mkdocs", reason="needs the extra `docs`")
    pytest.importorskip("latex2mathml", reason="needs the extra `docs`")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        page = importlib.import_module("site_files").as_markdown(NOTEBOOK.read_text("utf-8"))
    assert "# ganzoo in a notebook\n" in page
    assert '```python\nrun = ganzoo.train("dcgan", steps=STEPS)\n```\n\n<div class="output"><progress' in page
    assert "```text\ntorch.Size([16, 1, 8, 8])\n```" in page
