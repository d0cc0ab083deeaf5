"""The trained generators that come with ganzoo: small, intact, and as good as they say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

import ganzoo
from benchmarks import bundled_generators
from ganzoo.api import targets
from ganzoo.api.evaluate import compute_scores
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.exporting.trained import open_trained
from ganzoo.exporting.trained_index import FOLDER, trained
from ganzoo.recipes import RunOptions
from ganzoo.runs.reference import make_request

KNOWN = trained()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_they_are_those_that_the_script_trains() -> None:
    assert set(KNOWN) == {wanted.name for wanted in bundled_generators.WANTED}
    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(
        f"{name}.{ending}" for name in KNOWN for ending in ("json", "safetensors")
    )
    for wanted in bundled_generators.WANTED:
        info = KNOWN[wanted.name].info
        assert (f"{info['variant']}.{info['recipe_name']}", info["step"]) == (wanted.name, wanted.steps)
        assert info["trained"]["set"] == json.loads(json.dumps(wanted.set))
        named = [row["name"].partition("[")[0] for row in info["trained"]["scores"]]
        assert set(named) == set(wanted.scores)


@pytest.mark.parametrize("name", KNOWN)
def test_a_file_is_small_and_has_its_digest(name: str) -> None:
    content = KNOWN[name].file.read_bytes()
    assert len(content) <= bundled_generators.LARGEST
    assert hashlib.sha256(content).hexdigest() == KNOWN[name].info["sha256"]
    assert KNOWN[name].info["sha256"][:12] in KNOWN[name].summary


@pytest.mark.parametrize("name", KNOWN)
def test_the_recorded_scores_are_those_of_the_file(name: str) -> None:
    run, rows = open_trained(name), KNOWN[name].info["trained"]["scores"]
    for metric in {row["protocol"]["metric"] for row in rows}:
        request = make_request([metric], None, "auto", None, None)
        samples, _ = targets.of_run(run, request, RunOptions(device="cpu"), None, lambda line: None)
        found = {item.name: item.value for item in compute_scores(samples, (metric,), False).scores}
        for row in rows:
            if row["protocol"]["metric"] == metric:
                # Other processors round differently.
                assert found[row["name"]] == pytest.approx(row["value"], rel=0.02, abs=1e-3), row["name"]


def test_a_name_draws_at_once(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert typed(["sample", "dcgan.digits"]) == 0
    said = capfd.readouterr().out
    assert "dcgan.digits comes with ganzoo: 3,000 steps on digits with seed 0" in said
    assert "wrote dcgan.digits-grid-1.png" in said
    assert typed(["sample", "dcgan.digits", "-n", "4"]) == 0
    with Image.open(here / "dcgan.digits-grid-2.png") as picture:
        assert KNOWN["dcgan.digits"].info["sha256"] in str(picture.info)
    assert typed(["sample", "conditional.digits-mlp", "--class", "3", "--npz", "threes.npz"]) == 0
    assert typed(["directions", "wgan-gp.points", "--count", "1", "--to", "d.png"]) == 0


def test_it_is_the_same_from_python() -> None:
    generator = ganzoo.load_generator("dcgan.digits")
    run = open_trained("dcgan.digits")
    assert torch.equal(generator.sample(3, seed=5), run.sample(3, seed=5))
    assert torch.equal(run.sample(3), run.sample(3, averaged=False))


def test_a_run_folder_of_that_name_goes_first(here: Path, digits_run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "dcgan.digits").symlink_to(digits_run)
    assert typed(["sample", "dcgan.digits", "--npz", "x.npz"]) == 0
    assert "comes with" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("sample dcgan.digits --best", "leave --best out"),
        ("export dcgan.digits --to x.safetensors --raw", "leave --raw out"),
        ("sample dcgan", "comes with ganzoo: conditional.digits-mlp, dcgan.digits"),
        ("list datasets --trained", "leave datasets out"),
    ],
)
def test_what_it_has_not_is_one_line(line: str, wanted: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert typed(line.split()) == 2
    assert wanted in capfd.readouterr().err
    assert list(here.iterdir()) == []


def test_they_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert typed(["list", "--trained"]) == 0
    assert all(name in capfd.readouterr().out for name in ["dcgan.digits"])
    assert typed(["list", "--trained", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)
    assert [row["name"] for row in rows] == list(KNOWN)


def test_it_exports_like_a_run(here: Path) -> None:
    file = ganzoo.export(open_trained("wgan-gp.points"), "copy.safetensors")
    assert torch.equal(ganzoo.load_generator(file).sample(2), ganzoo.load_generator("wgan-gp.points").sample(2))


def test_it_has_no_best_state() -> None:
    with pytest.raises(GanzooError, match="one state"):
        open_trained("dcgan.digits").best()
