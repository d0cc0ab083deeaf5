"""Importing without the garbage collector."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from ganzoo.machine.imports import importing_torch


@pytest.mark.parametrize("enabled", [True, False])
def test_within_the_block_nothing_is_collected_and_afterwards_only_what_is_new(
    enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        with importing_torch():
            assert not gc.isenabled()
            raise ImportError

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    frozen, before = gc.get_freeze_count(), gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(ImportError):
            fail()
        assert gc.isenabled() == enabled
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
        (gc.enable if before else gc.disable)()


def test_where_torch_is_imported_already_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)
    frozen, enabled = gc.get_freeze_count(), gc.isenabled()
    with importing_torch():
        assert gc.isenabled() == enabled
    assert gc.get_freeze_count() == frozen


@pytest.mark.parametrize("command", ["train", "resume", "sample", "eval"])
def test_commands_import_torch_without_the_collector(command: str) -> None:
    # The name and the run do not exist, or the arguments end the command right after its imports.
    argument = "dcgan" if command == "train" else "no-such-run"
    more = ["--set", "no-such-key"] if command == "train" else []
    code = (
        "import gc, sys\n"
        "from ganzoo.cli import run\n"
        f"code = run({[command, argument, *more]!r})\n"
        "print(code, 'torch' in sys.modules, gc.isenabled(), gc.get_freeze_count() > 100_000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "True", "True", "True"], done.stderr
