"""push and pull, against a stand-in of a hub's endpoint; what pull fetches is a stranger's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hub_server import TOKEN, Hub, hub

import ganzoo
from ganzoo.cli import run as command_line
from ganzoo.errors import GanzooError
from ganzoo.exporting.hub import FILES

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")

NAME = "me/threes"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    with hub() as running:
        yield running


@pytest.fixture
def pushed(server: Hub, conditional_run: Path) -> Hub:
    address = ganzoo.push(conditional_run, NAME, endpoint=server.address)
    assert address == f"{server.address}/{NAME}"
    return server


def test_what_is_pushed_can_be_pulled_and_draws_the_same(pushed: Hub, conditional_run: Path) -> None:
    assert set(pushed.files[NAME]) == set(FILES)
    card = pushed.files[NAME]["README.md"].decode()
    assert "conditional.digits" in card
    weights = ganzoo.pull(NAME, endpoint=pushed.address)
    assert weights == Path("threes/model.safetensors")
    assert sorted(path.name for path in Path("threes").iterdir()) == sorted(FILES)
    samples = ganzoo.load_generator(weights).sample(6, labels=3, seed=4)
    assert torch.equal(samples, ganzoo.load(conditional_run).sample(6, labels=3, seed=4))


def test_only_the_files_of_a_model_folder_are_fetched(pushed: Hub) -> None:
    pushed.files[NAME] |= {"pytorch_model.bin": b"\x80\x04", "setup.py": b"raise SystemExit", "../x": b"y"}
    ganzoo.pull(NAME, "here", endpoint=pushed.address)
    assert set(pushed.fetched) <= set(FILES)
    assert {path.name for path in Path("here").iterdir()} == set(FILES)


def test_weights_that_do_not_match_their_description_are_not_kept(pushed: Hub) -> None:
    content = bytearray(pushed.files[NAME]["model.safetensors"])
    content[-1] ^= 1
    pushed.files[NAME]["model.safetensors"] = bytes(content)
    with pytest.raises(GanzooError, match="checksum"):
        ganzoo.pull(NAME, endpoint=pushed.address)
    assert not Path("threes").exists()


def test_an_existing_folder_is_not_overwritten(pushed: Hub) -> None:
    Path("threes").mkdir()
    Path("threes/mine.txt").write_text("mine")
    with pytest.raises(GanzooError, match="is not empty"):
        ganzoo.pull(NAME, endpoint=pushed.address)
    assert [path.name for path in Path("threes").iterdir()] == ["mine.txt"]
    assert pushed.fetched == []


def test_a_private_repository_needs_the_token(
    server: Hub, conditional_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ganzoo.push(conditional_run, NAME, private=True, endpoint=server.address)
    assert server.private == {NAME}
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    with pytest.raises(GanzooError, match="no such repository, or it is private"):
        ganzoo.pull(NAME, endpoint=server.address)
    with pytest.raises(GanzooError, match=r"the hub answered 401: type `hf auth login`, or set HF_TOKEN"):
        ganzoo.push(conditional_run, "me/other", endpoint=server.address)


@pytest.mark.parametrize("repository", ["me/nothing", "me/empty", "a b", "me/../you", ""])
def test_what_cannot_be_pulled_is_one_line(server: Hub, repository: str, capsys: pytest.CaptureFixture[str]) -> None:
    server.files["me/empty"] = {"README.md": b""}
    assert command_line(["pull", repository, "--endpoint", server.address, "--to", "new"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert shown.count("\n") == 1
    assert not Path("new").exists()


def test_a_hub_that_cannot_be_reached_is_one_line(
    conditional_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    nowhere = "http://127.0.0.1:9"
    assert command_line(["push", os.fspath(conditional_run), NAME, "--endpoint", nowhere]) == 2
    assert command_line(["pull", NAME, "--endpoint", nowhere]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        f"error: cannot push {NAME}: the hub cannot be reached",
        f"error: cannot pull {NAME}: the hub cannot be reached",
    ]
