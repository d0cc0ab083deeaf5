"""Files that are new: of several processes and threads that write one, one does, and nothing is overwritten."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from ganzoo.files import atomic


def test_of_many_writers_of_one_name_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.bin"

    def write(number: int) -> bool:
        try:
            atomic.write_new(path, b"%d" % number * 10_000)
        except FileExistsError as error:
            return error.filename != str(path)
        return True

    with ThreadPoolExecutor(8) as pool:
        wrote = list(pool.map(write, range(8)))
    assert sum(wrote) == 1
    assert path.read_bytes() == b"%d" % wrote.index(True) * 10_000
    assert [file.name for file in path.parent.iterdir()] == ["x.bin"]


def test_of_many_writers_of_free_names_each_gets_its_own(tmp_path: Path) -> None:
    def write(number: int) -> Path:
        return atomic.write_first_free((tmp_path / f"{n}.txt" for n in count(1)), b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(write, range(24)))
    assert [path.read_bytes() for path in paths] == [b"%d" % number for number in range(24)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{n}.txt" for n in range(1, 25))


def test_many_threads_replace_one_file_and_it_is_one_of_theirs(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: atomic.write_atomically(tmp_path / "x", b"%d" % n * 50_000), range(9)))
    assert len(set((tmp_path / "x").read_bytes())) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_without_links_a_new_file_is_written_all_the_same(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*paths: Path) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)
    atomic.write_new(tmp_path / "x", b"first")
    with pytest.raises(FileExistsError):
        atomic.write_new(tmp_path / "x", b"second")
    assert (tmp_path / "x").read_bytes() == b"first"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_a_link_to_nothing_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        atomic.write_new(tmp_path / "x", b"content")
    assert not (tmp_path / "elsewhere").exists()
