"""Output that may be dropped."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from ganzoo.machine.streams import optional


def test_a_line_is_printed_above_a_progress_bar_and_not_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = tmp_path / "terminal"
    with terminal.open("w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress(console=Console(stderr=True, force_terminal=True, width=80), refresh_per_second=0.01) as bar:
            bar.add_task("train")
            bar.refresh()
            print("to follow it: type this", file=optional(sys.stderr), flush=True)
    # Carriage return and "erase the line" come before it.
    assert b"\r\x1b[2Kto follow it: type this\n" in terminal.read_bytes()
