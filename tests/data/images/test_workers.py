"""Decoding in worker processes: the same pixels as in this process, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganzoo.data.images import folder, workers
from ganzoo.data.images.listing import Names
from ganzoo.recipes import Data


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images, the sixth damaged and the ninth grey; with thresholds at which these use processes."""
    monkeypatch.setattr(workers, "PROCESS_THRESHOLD", 1)
    monkeypatch.setattr(workers, "CHUNK_FILES", 3)
    monkeypatch.setattr(workers, "MAX_WORKERS", 2)
    made = tmp_path / "images"
    made.mkdir()
    for i in range(12):
        Image.new("RGB", (12, 9 + i), (i, i, i) if i == 8 else (10 * i, 0, 200)).save(made / f"{i:02}.png")
    (made / "05.png").write_bytes(b"no image")
    return made


def names_in(images: Path) -> list[str]:
    return sorted(path.name for path in images.iterdir())


def test_workers_give_what_this_process_gives(images: Path) -> None:
    names = names_in(images)
    chunks = list(workers.decode_all(images, iter(names), len(names), 8, 3))
    assert [chunk.files for chunk in chunks] == [3] * 4
    here = workers.decode_files(images, names, 8, 3)
    assert b"".join(chunk.pixels for chunk in chunks) == here.pixels
    assert [name for chunk in chunks for name in chunk.skipped] == list(here.skipped) == ["05.png"]
    assert [chunk.coloured for chunk in chunks] == [True] * 4
    assert not any(chunk.retry for chunk in chunks)


def test_workers_do_decode(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise AssertionError("decoded here")

    monkeypatch.setattr(workers, "decode_files", fail)
    assert sum(chunk.files for chunk in workers.decode_all(images, names_in(images), 12, 8, 3)) == 12


def test_names_that_are_no_utf8_reach_a_worker(images: Path) -> None:
    odd = os.fsdecode(b"\xff.png")
    try:
        (images / "00.png").rename(images / odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    worker = workers.Worker(images, 8, 3)
    assert worker.decode([odd]).skipped == ()
    worker.end()


def test_a_file_that_kills_its_worker_is_skipped_and_tried_again_next_time(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = workers.Worker(images, 8, 3)
    real: Any = worker._request

    def request(names: list[str]) -> workers.Chunk:
        if "07.png" in names:
            assert worker._process
            worker._process.kill()
        reply: workers.Chunk = real(names)
        return reply

    monkeypatch.setattr(worker, "_request", request)
    chunk = worker.decode(["06.png", "07.png", "08.png"])
    assert (chunk.files, chunk.skipped, chunk.retry) == (3, ("07.png",), True)
    assert chunk.pixels == workers.decode_files(images, ["06.png", "08.png"], 8, 3).pixels
    worker.end()


def test_where_no_process_starts_files_are_decoded_here(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(images / "no python"))
    (chunk,) = workers.decode_all(images, ["00.png", "01.png"], 2, 8, 3)
    assert len(chunk.pixels) == 2 * 3 * 8 * 8


def test_workers_end_with_the_decoding(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(real(*args, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    chunks = workers.decode_all(images, names_in(images), 12, 8, 3)
    next(chunks)
    chunks.close()
    assert started
    assert all(process.poll() is not None for process in started)


def test_a_worker_whose_parent_is_killed_ends(images: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from ganzoo.data.images.workers import Worker;"
        f"w = Worker(Path({str(images)!r}), 8, 3); w.decode(['00.png']); print(w._process.pid, flush=True);"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    with parent:
        worker = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        # If no process reaps orphans, the ended worker stays as a zombie.
        if Path(f"/proc/{worker}/stat").exists() and ") Z " in Path(f"/proc/{worker}/stat").read_text("ascii"):
            return
        time.sleep(0.05)
    pytest.fail("the worker runs on")


def test_the_same_data_set_comes_of_workers(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for threshold in (1, 1_000):
        monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / f"cache-{threshold}"))
        monkeypatch.setattr(workers, "PROCESS_THRESHOLD", threshold)
        dataset = folder.load(Data(name="folder", path=str(images), size=8), Path(), "train")
        assert dataset.skipped == ("05.png",)
        found.append(np.asarray(dataset.arrays["x"]))
    assert np.array_equal(*found)


def test_names_come_back_as_they_were() -> None:
    names = Names()
    given = ["a.png", "b/c d\n.jpg", os.fsdecode(b"\xff.gif"), "\u00e4/\u96ea.png"]
    for name in given:
        names.append(os.fsencode(name))
    assert list(names) == given
    assert len(names) == 4
    assert not Names()
