"""Disks and memory that give out: one line that says what is kept, nothing half-written, and the way to go on."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from small import SET, SMALL, same, train_digits

import ganzoo
from ganzoo.api import execution
from ganzoo.api.execution import make_callbacks
from ganzoo.api.failures import is_out_of_memory, memory_suggestions
from ganzoo.callbacks import Callback
from ganzoo.cli import printing, run
from ganzoo.errors import GanzooError, TrainingError
from ganzoo.files import atomic, checkpoint
from ganzoo.recipes import Data, Recipe
from ganzoo.runs.callbacks import log
from ganzoo.training.trainer import Trainer
from ganzoo.zoo.isolated import IsolatedCallback

LARGE = SMALL | {"g_hidden": "64", "d_hidden": "64"}
"""Networks whose state is larger than everything else that a run writes."""


class At(Callback):
    """Does something after a step, before the core's callbacks."""

    def __init__(self, step: int, action: Callable[[], Any]) -> None:
        self.step, self.action = step, action

    def on_step(self, trainer: Trainer) -> None:
        if trainer.progress.step == self.step:
            self.action()


def train(folder: Path, monkeypatch: pytest.MonkeyPatch, step: int, action: Callable[[], Any], **options: Any) -> Any:
    """Eight steps with a checkpoint after each second one; something happens after a step."""
    made = make_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(execution, "make_callbacks", lambda *given: [At(step, action), *made(*given)])
        options = {"save_every": 2, "log_every": 1, "sample_every": 4, "progress": False, "device": "cpu"} | options
        return ganzoo.train("vanilla", dataset="digits", steps=8, set=LARGE, out=str(folder), **options)


def failure(*arguments: Any, **options: Any) -> str:
    """The one line that such a training ends in."""
    with pytest.raises(TrainingError) as caught:
        train(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def half_written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if atomic.PARTIAL.fullmatch(path.name)]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Where a training of eight steps ends that met no trouble."""
    whole = train_digits(tmp_path_factory.mktemp("straight") / "r", steps=8, **LARGE)
    return checkpoint.newest(whole.checkpoints)[1]


def check_goes_on(folder: Path, straight: dict[str, Any]) -> None:
    """What is kept is whole, and going on ends bitwise where a training ends that met no trouble."""
    assert half_written(folder) == []
    resumed = ganzoo.resume(folder, progress=False, device="cpu")
    assert same(checkpoint.newest(resumed.checkpoints)[1], straight)
    assert [record["step"] for record in resumed.metrics()] == list(range(1, 9))


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A memory disk of its own at a folder; yields a function that changes its mount options."""
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a disk of its own cannot be mounted here (it takes root on Linux)")

    def change(option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)

    try:
        yield change
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes (RLIMIT_FSIZE; Python ignores SIGXFSZ)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_the_checkpoint_before_and_with_room_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: dict[str, Any]
) -> None:
    with small_disk(tmp_path / "disk", "4m") as change:
        run_folder = tmp_path / "disk" / "r"

        def fill() -> None:
            with (tmp_path / "disk" / "other").open("wb") as file:
                free = os.statvfs(tmp_path / "disk")
                file.write(b"0" * (free.f_bavail * free.f_frsize - 3 * free.f_frsize))

        message = failure(run_folder, monkeypatch, 5, fill)
        assert f"cannot write {run_folder}/" in message
        assert "no space left on the disk. The checkpoint of step 4 is intact" in message
        assert f"`ganzoo resume {run_folder}`" in message
        assert list(checkpoint.found(run_folder / "checkpoints"))[-1] == 4
        change("size=64m")
        check_goes_on(run_folder, straight)


def test_a_file_that_may_not_grow_is_said_and_what_is_kept_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: dict[str, Any]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))

    try:
        message = failure(tmp_path / "r", monkeypatch, 3, limit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "step-000000004.pt: the file would exceed this process's size limit (ulimit -f)" in message
    assert "The checkpoint of step 2 is intact" in message
    check_goes_on(tmp_path / "r", straight)


@pytest.mark.slow
def test_the_command_says_it_in_one_line_and_exit_code_1(tmp_path: Path) -> None:
    arguments = ["train", "vanilla", *SET, "--set", "g_hidden=64", "--set", "d_hidden=64", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", *arguments, "--no-scores", "--steps", "5", "--out", "r"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith("error: cannot write r/checkpoints/step-000000001.pt: the file would exceed")
    assert "Nothing was saved yet; once that is fixed, resume with `ganzoo resume r`." in message
    assert "Traceback" not in done.stderr
    assert half_written(tmp_path) == []
    assert ganzoo.resume(tmp_path / "r", progress=False).metrics()[-1]["step"] == 5


@pytest.mark.parametrize("code", [errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("file", ["metrics.jsonl", "samples/000004.png", "checkpoints/step-000000004.json"])
def test_whatever_cannot_be_written_is_named_and_nothing_of_it_is_left(
    file: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straight: dict[str, Any]
) -> None:
    """Errors that cannot be had from a disk here, raised where the system would."""
    sync, flush = os.fsync, atomic.append_line
    name = Path(file).name

    def failing_sync(descriptor: int) -> None:
        if name != "metrics.jsonl" and list((tmp_path / "r" / file).parent.glob(f".{name}.*")):
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    def failing_append(path: Path, line: str) -> None:
        flush(path, line)
        if path.name == name and len(path.read_bytes().splitlines()) == 4:
            error = OSError(code, os.strerror(code))
            error.filename = str(path)
            raise error

    monkeypatch.setattr(os, "fsync", failing_sync)
    monkeypatch.setattr(log, "append_line", failing_append)
    message = failure(tmp_path / "r", monkeypatch, 9, lambda: None)
    assert (
        f"cannot write {tmp_path / 'r' / file}: {atomic.REASONS[code]}. The checkpoint of step 2 is intact" in message
    )
    assert half_written(tmp_path) == []
    monkeypatch.undo()
    check_goes_on(tmp_path / "r", straight)


def test_a_line_that_cannot_be_appended_is_not_there_in_part(tmp_path: Path) -> None:
    log = tmp_path / "log"
    atomic.append_line(log, "first")
    with file_limit(20), pytest.raises(OSError, match="File too large") as caught:
        atomic.append_line(log, "x" * 100)
    assert caught.value.filename == str(log)
    assert log.read_text() == "first\n"
    atomic.append_line(log, "second")
    assert log.read_text() == "first\nsecond\n"


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_is_removed_is_not_made_again(
    again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "r"

    def remove() -> None:
        shutil.rmtree(folder)
        if again:
            folder.mkdir()

    assert "was removed or replaced during training: nothing more was written" in failure(
        folder, monkeypatch, 4, remove
    )
    assert folder.exists() == again
    assert list(tmp_path.rglob("*")) == ([folder] if again else [])


def test_a_plugins_own_trouble_with_a_disk_stays_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    made = make_callbacks
    guarded = IsolatedCallback(At(3, full), "plugin 'theirs'")
    monkeypatch.setattr(execution, "make_callbacks", lambda *given: [guarded, *made(*given)])
    assert train_digits(tmp_path / "r", steps=5).metrics()[-1]["step"] == 5
    assert guarded.failed


def test_resuming_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    train_digits(tmp_path / "r", steps=4)
    best = tmp_path / "r" / "checkpoints" / "best"
    best.mkdir(exist_ok=True)
    left = [tmp_path / "r" / ".metrics.jsonl.4711", tmp_path / "r" / "samples" / ".000004.png.4711"]
    left += [tmp_path / "r" / "checkpoints" / name for name in (".step-000000004.pt.4711", "step-000000009.pt")]
    left += [best / ".step-000000004.pt.4711"]
    for path in left:
        path.write_bytes(b"half")
    ganzoo.resume(tmp_path / "r", steps=5, progress=False, device="cpu")
    assert [path for path in left if path.exists()] == []


def test_scores_that_cannot_be_written_are_said_and_can_be_had_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*given: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "r" / "scores.json"))

    monkeypatch.setattr(printing, "evaluate", full)
    assert run(["train", "vanilla", *SET, "--device", "cpu", "--steps", "2", "--out", str(tmp_path / "r")]) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert f"cannot write {tmp_path}/r/scores.json: no space left on the disk; training has finished" in message
    assert "`ganzoo eval " in message


# Beginning anew.


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew_and_ends_where_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    with pytest.raises(Killed):
        train(tmp_path / "r", monkeypatch, 5, kill, save_every=100)
    shutil.rmtree(tmp_path / "r" / "checkpoints")
    lines: list[str] = []
    resumed = ganzoo.resume(tmp_path / "r", report=lines.append, progress=False, device="cpu")
    assert lines[0] == f"{tmp_path / 'r'} was stopped before its first checkpoint: it starts over at step 0."
    straight = train(tmp_path / "straight", monkeypatch, 9, kill, save_every=100)
    assert same(*[checkpoint.newest(one.checkpoints)[1] for one in (resumed, straight)])
    times = ("seconds", "cpu_seconds")
    logs = [[{k: v for k, v in row.items() if k not in times} for row in one.metrics()] for one in (resumed, straight)]
    assert logs[0] == logs[1]
    sheets = [{p.name: p.read_bytes() for p in (one.path / "samples").iterdir()} for one in (resumed, straight)]
    assert sheets[0] == sheets[1]


def test_older_checkpoints_of_a_run_that_was_killed_right_after_its_last_save_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "keep_newest", lambda *given: None)
        train(tmp_path / "r", monkeypatch, 8, lambda: None)
    assert len(checkpoint.found(tmp_path / "r" / "checkpoints")) == 4
    with pytest.raises(GanzooError, match="at step 8 of 8"):
        ganzoo.resume(tmp_path / "r", progress=False, device="cpu")
    assert [*checkpoint.found(tmp_path / "r" / "checkpoints")] == [6, 8]


def test_resuming_keeps_as_many_checkpoints_as_the_run_was_told_to_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(tmp_path / "r", monkeypatch, 8, lambda: None, keep=3)
    with pytest.raises(GanzooError, match="at step 8 of 8"):
        ganzoo.resume(run.path, progress=False, device="cpu")
    assert [*checkpoint.found(run.checkpoints)] == [4, 6, 8]


# Memory.


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes."),
        RuntimeError("not enough memory: you tried to allocate 4000 bytes."),
        MemoryError("Unable to allocate 8 TiB for an array"),
    ],
)
@pytest.mark.parametrize(
    ("name", "doing"),
    [("load_data", "reading the data"), ("build", "building the networks"), ("make_callbacks", "training")],
)
def test_too_little_memory_says_what_to_lower(
    name: str, doing: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def large(*given: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(execution, name, large)
    with pytest.raises(TrainingError) as caught:
        train_digits(tmp_path / "r", batch="64")
    message = str(caught.value)
    assert message.startswith(f"out of memory while {doing}: try ")
    if name != "load_data":
        assert "--set accumulate=2 (the same batch in smaller parts) or --set batch=32" in message
    assert "\n" not in message


def test_the_machines_own_refusal_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_only_what_a_recipe_has_is_offered_at_half_of_what_it_is() -> None:
    from ganzoo.zoo import registry

    dcgan = registry.variants()["dcgan"].recipes["digits"]
    assert f"--set width={dcgan.width // 2}" in memory_suggestions(dcgan)  # type: ignore[attr-defined]
    plain = Recipe(batch=6, accumulate=3, data=Data(size=64))
    assert memory_suggestions(plain) == ["--set batch=3", "--set data.size=32"]
    assert memory_suggestions(plain, data_only=True) == ["--set data.size=32"]


# Files and folders that commands write.


def test_a_full_disk_leaves_nothing_in_part(digits_run: Path, conditional_run: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k"):
        folder = tmp_path / "disk"
        commands = [
            ["sample", str(digits_run), "-n", "2000", "--to", str(folder / "to" / "images")],
            ["sample", str(conditional_run), "-n", "2000", "--to", str(folder / "classes")],
            ["sample", str(digits_run), "-n", "9000", "--grid", str(folder / "grid.png")],
            ["sample", str(digits_run), "-n", "9000", "--npz", str(folder / "x.npz")],
        ]
        (folder / "other").write_bytes(b"0" * 50_000)
        for command in commands:
            assert run(command) == 2
            assert [path.name for path in folder.rglob("*")] == ["other"], command
        (folder / "other").write_bytes(b"0" * 60_000)
        assert run(["plugins", "new", "x-thing", "--into", str(folder)]) == 2
        assert [path.name for path in folder.rglob("*")] == ["other"]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_export_whose_description_cannot_be_written_is_not_there(
    failing: int, digits_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == failing + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    assert run(["export", str(digits_run), "--to", str(tmp_path / "g.safetensors")]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exists", [False, True])
def test_samples_that_cannot_all_be_written_are_not_there(
    exists: bool, digits_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save, saved = Image.Image.save, []

    def full(self: Image.Image, path: Any, **options: Any) -> None:
        if len(saved) == 7:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(path)
        save(self, path, **options)

    folder = tmp_path / "new" / "folder"
    if exists:
        folder.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", full)
        assert run(["sample", str(digits_run), "-n", "20", "--to", str(folder)]) == 2
    assert capsys.readouterr().err == f"error: cannot write {folder}: no space left on the disk.\n"
    assert list(tmp_path.rglob("*")) == ([tmp_path / "new", folder] if exists else [])
    assert run(["sample", str(digits_run), "-n", "20", "--to", str(folder)]) == 0
    assert len(list(folder.iterdir())) == 20


def test_a_plugin_package_that_cannot_be_written_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = Path.write_text, []

    def full(self: Path, *given: Any, **options: Any) -> int:
        if len(written) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(self)
        return write(self, *given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        assert run(["plugins", "new", "x-thing", "--into", str(tmp_path / "into")]) == 2
    assert list(tmp_path.iterdir()) == []
    assert run(["plugins", "new", "x-thing", "--into", str(tmp_path / "into")]) == 0


def test_a_finished_run_without_scores_names_the_command_that_scores_it(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(digits_run, tmp_path / "run")
    (folder / "scores.json").unlink(missing_ok=True)
    assert run(["resume", str(folder)]) == 2
    line = capsys.readouterr().err
    assert f"`ganzoo eval {folder}`" in line
    assert f"`ganzoo resume {folder} --steps 6`" in line
    (folder / "scores.json").write_text("{}")
    assert run(["resume", str(folder)]) == 2
    assert "ganzoo eval" not in capsys.readouterr().err
