"""Several devices from where no program can be run again: one line that says what to do instead."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT
from small import SMALL

import ganzoo
from ganzoo.errors import GanzooError

CALLS = {
    "train": f"ganzoo.train('vanilla', set={SMALL!r}, steps=2, out='new', device='cpu', devices=2, progress=False)",
    "resume": "ganzoo.resume('run', 4, devices=2, progress=False)",
    "evaluate": "ganzoo.evaluate('run', devices=2)",
    "bench": "ganzoo.bench({'variants': ['vanilla'], 'datasets': ['digits'], 'seeds': [0]}, devices=2)",
}
WRAPPED = "import ganzoo\ntry:\n    {}\nexcept ganzoo.GanzooError as error:\n    print('ONE:', error)\n"


def python(arguments: list[str], folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    return subprocess.run(
        [sys.executable, *arguments],
        input=text,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def folder(digits_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(digits_run, tmp_path / "run")
    return tmp_path


@pytest.mark.parametrize("call", CALLS)
def test_a_program_without_a_file_is_one_line(call: str, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    done = python(["-c", WRAPPED.format(CALLS[call])], folder)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ONE:")]
    assert "devices" in line
    assert call == "bench" or "ganzoo train NAME --devices N" in line
    assert "Traceback" not in done.stderr
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    assert after == before


@pytest.mark.parametrize("arguments", [["-"], ["-i", "-q"]], ids=["standard input", "prompt"])
def test_standard_input_and_a_prompt_are_no_programs_either(arguments: list[str], folder: Path) -> None:
    text = WRAPPED.format(CALLS["train"]) + "\n"
    done = python(arguments, folder, text)
    assert re.findall(r"ONE: several devices cannot be used from a notebook", done.stdout), done.stderr
    assert not (folder / "new").exists()


def test_a_notebook_is_no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # As in a Jupyter kernel, whose main module is the notebook's namespace, and which sets a prompt.
    monkeypatch.setattr(sys, "ps1", "In : ", raising=False)
    with pytest.raises(GanzooError, match="cannot be used from a notebook"):
        ganzoo.train("vanilla", set=SMALL, steps=2, out=str(tmp_path / "run"), device="cpu", devices=2)
    assert not (tmp_path / "run").exists()


def test_a_script_is_a_program(folder: Path) -> None:
    (folder / "script.py").write_text(f"import ganzoo\nrun = {CALLS['train']}\nprint('DONE', run.step)\n")
    done = python(["script.py"], folder)
    assert "DONE 2" in done.stdout, done.stderr
