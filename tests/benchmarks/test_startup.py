"""The start-up benchmark on fast commands, and the list of all benchmarks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

import benchmarks.__main__ as command
from benchmarks import startup


def test_the_dummies_are_listed_and_timed(tmp_path: Path) -> None:
    startup.install_dummies(tmp_path / "plugins", 2)
    fast, _ = startup.commands(tmp_path, 2)
    (name,) = (name for name in fast if "plugins more" in name)
    row = startup.measured({name: fast[name]}, {}, 1)[name]
    assert 0 < row["seconds"]["median"] < 60
    assert row["MiB"] > 1


def test_a_name_that_is_refused_is_timed(tmp_path: Path) -> None:
    fast, _ = startup.commands(tmp_path, 2)
    command, environment = fast[startup.UNKNOWN]()
    with pytest.raises(subprocess.CalledProcessError):
        startup.timing.process(command, environment)
    assert startup.measured({startup.UNKNOWN: fast[startup.UNKNOWN]}, {}, 1)[startup.UNKNOWN]["MiB"] > 1


def test_a_stage_does_not_count_what_is_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 4.0, 10.0])
    monkeypatch.setattr(startup.time, "perf_counter", lambda: next(now))
    spent: dict[str, float] = {}
    clock = startup.Clock(spent)
    clock.around(clock.around(lambda: None, "inner"), "outer")()
    assert spent == {"inner": 3.0, "outer": 7.0}


def test_the_benchmarks_are_listed_without_torch() -> None:
    code = "import sys; from benchmarks.__main__ import main; main([]); sys.exit('torch' in sys.modules)"
    terminal = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=terminal, capture_output=True, text=True, check=True
    )
    known = command.benchmarks()
    assert {"steps", "startup", "threads", "kills"} <= set(known)
    assert not {"timing", "results"} & set(known)
    for found in known.values():
        assert f"{found.name} " in done.stdout
        assert found.summary in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_an_unknown_benchmark_is_an_error() -> None:
    assert command.main(["nothing-such"]) == 2
