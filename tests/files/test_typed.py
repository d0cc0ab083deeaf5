"""Paths as a user types them: one line for what is no path or stands for no folder."""

from __future__ import annotations

import errno
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from ganzoo.cli import run
from ganzoo.data.paths import cache_dir
from ganzoo.errors import GanzooError
from ganzoo.files.typed import require_readable_kind, typed_path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "an empty text is not a path"),
        ("n" * 256, "too long"),
        ("ü" * 128, "too long"),
        ("a/" * 3000, "too long"),
        ("~nosuch/x", "there is no user 'nosuch'"),
        ("a\0b", "a character that no name can"),
    ],
)
def test_what_is_no_path_is_one_line(given: str, message: str) -> None:
    with pytest.raises(GanzooError, match=message) as caught:
        typed_path(given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_names_that_fit_are_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("n" * 255, "ü" * 127, os.fsdecode(b"\xff"), ".", "./~nosuch"):
        assert typed_path(name) == Path(name)
    assert typed_path("~/x") == tmp_path / "x"


def without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has no entry in /etc/passwd."""

    def unknown(number: int) -> Any:
        raise KeyError(number)

    for name in ("HOME", "GANZOO_CACHE", "GANZOO_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_no_home_is_one_line_that_names_a_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without_home(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert run(["train", "vanilla", "--steps", "1", "--device", "cpu"]) == 2
    assert run(["cache"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("error: your home folder is not known, as HOME is not set: set HOME, or GANZOO_CACHE")
    with pytest.raises(GanzooError, match="HOME is not set"):
        typed_path("~/x")
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    assert cache_dir() == tmp_path / "cache"


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(GanzooError, match="is a pipe, a socket or a device"):
            require_readable_kind(path)
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path, tmp_path / "none"):
        require_readable_kind(path)


def test_what_the_system_says_of_a_name_is_one_line(
    digits_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*given: Any, **options: Any) -> None:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), "n" * 5000)

    monkeypatch.setattr("ganzoo.runs.trust.check_links", fails)
    assert run(["sample", str(digits_run)]) == 2
    assert capsys.readouterr().err == f"error: {'n' * 60}...: File name too long.\n"
