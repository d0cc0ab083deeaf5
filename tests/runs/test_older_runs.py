"""A run folder that ganzoo 0.1.0 wrote (tests/fixtures/run-0.1) can still be sampled, resumed and scored.

It was made with `ganzoo train conditional.digits-mlp --steps 40 --set g_hidden=16 --set d_hidden=16 --set latent=8
--set penalties=r1 --eval-every 20`, before modules moved to their rooms. run-0.1-samples.npz holds four latents and
classes, and what that version's generator made of them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from paths import TESTS

import ganzoo
from ganzoo import cli

FIXTURES = TESTS / "fixtures"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "run-0.1", tmp_path / "run-0.1"))


def test_its_generator_is_the_same(older: Path) -> None:
    run = ganzoo.load(older)
    with np.load(FIXTURES / "run-0.1-samples.npz") as file:
        z, y, x = (torch.from_numpy(file[name]) for name in ("z", "y", "x"))
    with run.gan.for_sampling():
        torch.testing.assert_close(run.gan.generate(z, y), x, rtol=1e-4, atol=1e-5)
    assert run.sample(3, labels=7).shape == (3, 1, 8, 8)
    assert (run.step, run.best().step) == (40, 40)


def test_it_is_resumed_from_its_last_step(older: Path) -> None:
    assert cli.run(["resume", str(older), "--steps", "60", "--no-scores"]) == 0
    run = ganzoo.load(older)
    assert run.step == 60
    logged = [record["step"] for record in run.metrics()]
    assert logged == [20, 40, 60]
    assert [record["step"] for record in run.evaluations()] == [20, 40, 60]
    assert run.info["changes"] == [{"step": 40, "key": "steps", "from": 40, "to": 60}]


def test_its_scores_are_kept_and_it_is_scored_again(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = json.loads((older / "scores.json").read_text())["scores"]
    assert cli.run(["compare", str(older), "--json", "--out", str(older.parent / "compare.png")]) == 0
    assert len(json.loads(capsys.readouterr().out)["columns"]) == len(before)
    assert cli.run(["eval", str(older), "--metrics", "accuracy,fd"]) == 0
    after = {score["name"]: score["value"] for score in json.loads((older / "scores.json").read_text())["scores"]}
    for score in before:
        # The classifier behind domain features is trained here, and not to the same bits on every processor.
        assert after[score["name"]] == pytest.approx(score["value"], rel=0.1, abs=0.02)


def test_its_generator_is_exported(older: Path, tmp_path: Path) -> None:
    path = ganzoo.export(older, tmp_path / "generator.safetensors")
    torch.testing.assert_close(ganzoo.load_generator(path).sample(4, seed=3), ganzoo.load(older).sample(4, seed=3))
