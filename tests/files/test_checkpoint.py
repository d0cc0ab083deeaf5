"""Checkpoints: complete or absent, verified, and never unpickled beyond tensors and plain values."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from small import same

from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint

STATE: dict[str, Any] = {
    "progress": {"step": 3, "batches": 6},
    "gan": {"w": torch.arange(6.0).view(2, 3), "level": torch.tensor(2), "half": torch.ones(2, dtype=torch.bfloat16)},
    "optimisers": {"g": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"betas": (0.5, 0.9)}]}},
    "name": "x",
}


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def seal(path: Path) -> None:
    """Write the JSON file of an intact checkpoint beside a file."""
    content = path.read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    metadata = {"format": checkpoint.FORMAT, "step": 1, "bytes": len(content), "sha256": checksum}
    path.with_suffix(".json").write_text(json.dumps(metadata))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path / "folder", 3, STATE)
    assert path.name == "step-000000003.pt"
    assert same(checkpoint.load(path), STATE)


def test_the_newest_is_found(tmp_path: Path) -> None:
    for step in (3, 12, 7):
        checkpoint.save(tmp_path, step, STATE | {"name": str(step)}, keep=9)
    checkpoint.save(tmp_path, 100, STATE | {"name": "100"}, keep=9)
    path, state, problems = checkpoint.newest(tmp_path)
    assert (path.name, state["name"], problems) == ("step-000000100.pt", "100", [])


def test_steps_of_more_digits_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    steps = [999_999_999, 1_000_000_000, 20_000_000_000]
    for step in steps:
        checkpoint.save(tmp_path, step, STATE, keep=9)
    assert list(checkpoint.found(tmp_path)) == steps
    assert checkpoint.newest(tmp_path)[0].name == "step-20000000000.pt"
    checkpoint.clean(tmp_path)
    assert list(checkpoint.found(tmp_path)) == steps


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_only_the_newest_are_kept(tmp_path: Path, keep: int) -> None:
    for step in range(1, 6):
        checkpoint.save(tmp_path, step, STATE, keep)
    wanted = [f"step-{step:09d}.{kind}" for step in range(6 - keep, 6) for kind in ("json", "pt")]
    assert files(tmp_path) == wanted


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    metadata = path.with_suffix(".json")
    if how == "one bit":
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    elif how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "no metadata":
        metadata.unlink()
    elif how == "empty metadata":
        metadata.write_text("")
    elif how == "a list as metadata":
        metadata.write_text("[]")
    elif how == "another format":
        metadata.write_text(json.dumps(json.loads(metadata.read_text()) | {"format": 99}))
    else:
        path.unlink()
        path.mkdir()


DAMAGES = ["one bit", "truncated", "empty", "empty metadata", "a list as metadata", "another format", "a folder"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_checkpoint_gives_way_to_the_older_one_with_a_line(tmp_path: Path, how: str) -> None:
    checkpoint.save(tmp_path, 1, STATE | {"name": "old"})
    newer = checkpoint.save(tmp_path, 2, STATE | {"name": "new"})
    damage(newer, how)
    path, state, problems = checkpoint.newest(tmp_path)
    assert path.name == "step-000000001.pt"
    assert state["name"] == "old"
    assert len(problems) == 1
    assert str(newer) in problems[0]
    assert "\n" not in problems[0]


def test_a_folder_that_was_removed_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        checkpoint.save(tmp_path / "run" / "checkpoints", 1, STATE)
    assert "run" in str(caught.value.filename)
    assert files(tmp_path) == []


@pytest.mark.parametrize("damage_too", [False, True])
def test_an_unfinished_save_counts_as_none(tmp_path: Path, damage_too: bool) -> None:
    checkpoint.save(tmp_path, 1, STATE | {"name": "old"})
    unfinished = checkpoint.save(tmp_path, 2, STATE)
    damage(unfinished, "no metadata")
    if damage_too:
        damage(unfinished, "truncated")
    path, state, problems = checkpoint.newest(tmp_path)
    assert (path.name, state["name"], problems) == ("step-000000001.pt", "old", [])
    assert list(checkpoint.found(tmp_path)) == [1]


def test_cleaning_removes_what_killed_processes_left_and_nothing_else(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, STATE)
    whole = files(tmp_path)
    damage(checkpoint.save(tmp_path, 2, STATE), "no metadata")
    damage(checkpoint.save(tmp_path, 3, STATE), "a folder")
    checkpoint.save(tmp_path, 4, STATE, keep=9).unlink()
    (tmp_path / ".step-000000005.pt.4711").write_bytes(b"half")
    others = ["best", "notes.txt", "step-best.pt", ".hidden"]
    for name in others:
        (tmp_path / name).write_text("mine")
    checkpoint.clean(tmp_path)
    kept = [*others, *whole, "step-000000003.json", "step-000000003.pt"]
    assert files(tmp_path) == sorted(kept)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_checkpoint_alone_is_one_line(tmp_path: Path, how: str) -> None:
    damage(checkpoint.save(tmp_path, 2, STATE), how)
    with pytest.raises(GanzooError, match=r"there is no intact checkpoint in .*\(the checkpoint ") as caught:
        checkpoint.newest(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_empty_or_missing_folder_has_no_checkpoint(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(GanzooError, match="there is no intact checkpoint"):
            checkpoint.newest(folder)


@pytest.mark.parametrize("keep", [1, 2])
def test_going_on_from_an_older_checkpoint_keeps_what_is_saved_next(tmp_path: Path, keep: int) -> None:
    """A damaged newer checkpoint must not count among those that are kept."""
    checkpoint.save(tmp_path, 10, STATE, keep=2)
    damage(checkpoint.save(tmp_path, 20, STATE, keep=2), "truncated")
    assert checkpoint.newest(tmp_path)[0].name == "step-000000010.pt"
    checkpoint.save(tmp_path, 15, STATE | {"name": "fresh"}, keep=keep)
    path, state, _ = checkpoint.newest(tmp_path)
    assert path.name == "step-000000015.pt"
    assert state["name"] == "fresh"


class Code:
    """Unpickling this would create a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_checkpoint_is_refused_and_not_run_even_under_a_right_checksum(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"gan": Code(tmp_path / "proof")}, buffer)
    path = tmp_path / "step-000000001.pt"
    path.write_bytes(buffer.getvalue())
    seal(path)
    with pytest.raises(GanzooError, match="holds more than tensors and plain values; it was not loaded"):
        checkpoint.load(path)
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x02N."])
def test_junk_under_a_right_checksum_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "step-000000001.pt"
    path.write_bytes(content)
    seal(path)
    with pytest.raises(GanzooError) as caught:
        checkpoint.load(path)
    assert "\n" not in str(caught.value)


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "step-best.pt").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    for step in range(4):
        checkpoint.save(tmp_path, step, STATE, keep=1)
    assert {"step-best.pt", "notes.txt"} <= set(files(tmp_path))
    assert checkpoint.newest(tmp_path)[0].name == "step-000000003.pt"


def test_a_failure_while_writing_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    checkpoint.write_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == ["file"]


def test_a_save_that_is_cut_between_its_files_leaves_the_older_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(tmp_path, 1, STATE)
    write = checkpoint.write_atomically

    def cut(path: Path, content: bytes, parents: bool) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        write(path, content, parents)

    monkeypatch.setattr(checkpoint, "write_atomically", cut)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(tmp_path, 2, STATE)
    path, _, problems = checkpoint.newest(tmp_path)
    assert (path.name, problems) == ("step-000000001.pt", [])
    checkpoint.clean(tmp_path)
    assert files(tmp_path) == ["step-000000001.json", "step-000000001.pt"]
