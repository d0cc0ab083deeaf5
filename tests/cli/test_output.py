"""What plugins, run folders and files say is shown and never obeyed: no markup, terminal escapes or HTML."""

from __future__ import annotations

import io
import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from doc_examples import room_for_examples

from ganzoo import cli, hookimpl
from ganzoo.cli import output
from ganzoo.cli.printing import printing_log
from ganzoo.errors import printable
from ganzoo.pictures.tables import ScoreTable
from ganzoo.specs import LossSpec, Option
from ganzoo.zoo.loading import Plugin

ESCAPE = "\x1b[31mred\x1b[0m\x07"


@hookimpl
def ganzoo_losses() -> list[LossSpec]:
    summary = f"Loss on [real, fake] and [bold]{ESCAPE}"
    options = (Option("margin", 1.0, "In [0, 1] :smile:"),)
    return [LossSpec("bracketed", summary, "Paper [1]", dict, options)]


@pytest.mark.parametrize("command", [["list", "losses"], ["show", "bracketed"], ["plugins"]])
def test_brackets_are_shown_and_escapes_are_not_obeyed(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with room_for_examples() as zoo:
        module: Any = SimpleNamespace(__name__="theirs", ganzoo_losses=ganzoo_losses)
        zoo.add(Plugin("the[ir]s", "theirs", "1.0", module))
        assert cli.run(command) == 0
    printed = capsys.readouterr().out
    assert "\x1b[31m" not in printed
    assert "\x07" not in printed
    if command[0] != "plugins":
        assert "Loss on [real, fake] and [bold]?[31mred" in " ".join(printed.split())
    if command[0] == "show":
        assert "In [0, 1] :smile:" in printed
        assert "the[ir]s" in printed


@pytest.mark.parametrize("write", [output.say, output.warn, lambda text: output.fail(text, 2)])
def test_every_line_is_escaped_at_the_exit(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write(f"a [name] {ESCAPE}\nerror: forged\u202e")
    streams = capsys.readouterr()
    text = streams.out + streams.err
    assert text.endswith("a [name] ?[31mred?[0m??error: forged?\n")
    assert text.count("\n") == 1


def test_a_run_folder_cannot_speak_to_the_terminal(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(digits_run, tmp_path / "run")
    info = json.loads((run / "recipe.json").read_text())
    info["variant"] = f"van{ESCAPE}"
    (run / "recipe.json").write_text(json.dumps(info))
    assert cli.run(["sample", str(run)]) == 2
    assert "\x1b[31m" not in capsys.readouterr().err


def test_reports_in_markdown_show_names_as_they_are() -> None:
    table = ScoreTable(
        "", ["run", "FD[domain:digits]"], [["<script>x</script>|[a](javascript:b)", "1.5"]], 1, frozenset({(0, 1)})
    )
    text = table.markdown()
    assert "&lt;script&gt;x&lt;/script&gt;\\|[a]\\(javascript:b)" in text
    assert "| run | FD[domain:digits] |" in text
    assert "**1.5**" in text


@pytest.mark.parametrize(
    ("terminal", "wanted"), [(True, "one two\n  three?\n  four\n"), (False, "one two three? four\n")]
)
def test_prose_is_broken_between_words_on_a_terminal_only(
    terminal: bool, wanted: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "8")
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    output.say_wrapped("one two three\x07 four")
    assert capsys.readouterr().out == wanted


@pytest.mark.parametrize(("terminal", "wanted"), [(True, "one two\n  three\n"), (False, "one two three\n")])
def test_lines_of_the_log_are_broken_between_words_on_a_terminal_only(
    terminal: bool, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "8")
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    with printing_log(stream):
        logging.getLogger("ganzoo.evaluation").info("one two three")
    assert stream.getvalue() == wanted


def test_no_command_s_summary_is_cut_at_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.run([]) == 0
    commands = capsys.readouterr().out.partition("Commands:\n")[2].strip().splitlines()
    assert len(commands) >= len(cli.cli.lazy)
    assert not [line for line in commands if line.endswith("...")]


def test_what_is_printable_stays() -> None:
    assert printable("Größe 中文 – “x”") == "Größe 中文 – “x”"
