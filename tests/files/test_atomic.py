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


def test_a_file_without_links_is_never_there_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def fails(*paths: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def killed(*paths: Path) -> None:
        raise Killed

    monkeypatch.setattr(os, "link", fails)
    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(Killed):
        atomic.write_new(tmp_path / "x", b"content")
    assert list(tmp_path.iterdir()) == []


def test_files_that_belong_together_are_all_there_or_none(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(FileExistsError) as caught:
        atomic.write_all_new({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert caught.value.filename == str(tmp_path / "b")
    assert [file.name for file in tmp_path.iterdir()] == ["b"]
    atomic.write_all_new({tmp_path / "a": b"1", tmp_path / "c": b"2"})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, os.fsdecode(b"\xff" * 255)])
def test_a_name_of_full_length_can_be_written(name: str, tmp_path: Path) -> None:
    atomic.write_atomically(tmp_path / name, b"1")
    (tmp_path / name).unlink()
    atomic.write_new(tmp_path / name, b"2")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe, a socket or a device"):
        atomic.write_atomically(tmp_path / "pipe", b"content")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_is_there_with_all_its_files_or_not_at_all(exists: bool, tmp_path: Path) -> None:
    folder = tmp_path / "above" / "folder"
    if exists:
        folder.mkdir(parents=True)

    def write(number: int) -> None:
        with atomic.new_folder(folder) as partial:
            for name in range(number):
                assert not exists or list(folder.glob("[0-9]*")) == []
                (partial / str(name)).write_text("content")
            if number < 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        write(2)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert (tmp_path / "above").exists() == exists
    write(3)
    assert sorted(path.name for path in folder.iterdir()) == ["0", "1", "2"]


def test_a_folder_that_another_process_made_meanwhile_stays(tmp_path: Path) -> None:
    def write() -> None:
        with atomic.new_folder(tmp_path / "folder") as partial:
            (partial / "file").touch()
            (tmp_path / "folder").mkdir()
            (tmp_path / "folder" / "mine").touch()

    with pytest.raises(FileExistsError):
        write()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "mine"]
