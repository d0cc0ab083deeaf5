"""A generator as a folder in the layout of a model hub."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import ganzoo
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError


def front_matter(card: str) -> dict[str, Any]:
    """The metadata, whose values are JSON."""
    _, head, _ = card.split("---\n", 2)
    return {name: json.loads(value) for name, _, value in (line.partition(": ") for line in head.splitlines())}


@pytest.fixture
def scored(digits_run: Path, tmp_path: Path) -> Path:
    path = shutil.copytree(digits_run, tmp_path / "run")
    protocol = {"name": "fd100", "step": 3, "weights": "ema"}
    rows = [
        {"name": "FD[a|b]", "value": 1.25, "real": 0.5, "error": 0.1, "protocol": protocol},
        {"name": "IS", "value": 2.0, "protocol": protocol | {"step": 2}},
    ]
    (path / "scores.json").write_text(json.dumps({"scores": rows, "notes": []}), "utf-8")
    info = json.loads((path / "recipe.json").read_text("utf-8"))
    info["recipe"]["data"]["second_path"] = "/home/me/secret"
    info["initialised"] = {"source": "/home/me/old", "sha256": "abc", "variant": "dcgan"}
    (path / "recipe.json").write_text(json.dumps(info), "utf-8")
    return path


def test_the_folder_is_loaded_again_and_says_what_it_is(scored: Path, tmp_path: Path) -> None:
    assert typed(["export", str(scored), "--to", str(tmp_path / "model")]) == 0
    folder = tmp_path / "model"
    names = {"README.md", "config.json", "model.json", "model.safetensors", "samples.png"}
    assert {path.name for path in folder.iterdir()} == names
    generator = ganzoo.load_generator(folder / "model.safetensors")
    assert torch.equal(generator.sample(4), ganzoo.load(scored).sample(4))
    assert json.loads((folder / "config.json").read_text("utf-8"))["variant"] == "vanilla"
    card = (folder / "README.md").read_text("utf-8")
    head = front_matter(card)
    assert (head["library_name"], head["pipeline_tag"]) == ("ganzoo", "unconditional-image-generation")
    assert head["model-index"][0]["results"][0]["metrics"] == [{"type": "FD[a|b]", "value": 1.25}]
    assert "| FD[a\\|b] | 1.25 ± 0.10 | 0.5 | fd100 |" in card
    assert "| started from | dcgan weights, SHA-256 abc |" in card
    assert generator.info["sha256"] in card
    everything = card + (folder / "config.json").read_text("utf-8")
    assert "/home/me" not in everything


def test_nothing_is_overwritten_and_other_endings_are_refused(digits_run: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(GanzooError, match="is not empty"):
        ganzoo.export(digits_run, tmp_path / "model")
    with pytest.raises(GanzooError, match="or in nothing for a folder"):
        ganzoo.export(digits_run, tmp_path / "model.bin")
    raw = ganzoo.export(digits_run, tmp_path / "raw", raw=True)
    assert ganzoo.load_generator(raw / "model.safetensors").info["weights"] == "raw"
