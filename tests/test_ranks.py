"""Several processes that train one run: they start, agree bitwise, and write one run folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small import SET

import ganzoo

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}

SCRIPT = """
import hashlib, json
from pathlib import Path
import torch
from ganzoo import config, registry
from ganzoo.launch import launch
from ganzoo.specs import Data, RunOptions
from ganzoo.trainer import Trainer

def digest(value):
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(value.numpy().tobytes()).hexdigest()
    if isinstance(value, dict):
        return {str(key): digest(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [digest(inner) for inner in value]
    return value

fabric = launch(RunOptions(device="cpu", devices=2))
data = registry.datasets()["digits"].load(Data(), Path("."), "train")
for variant, keys in {"vanilla": {"g_hidden": "8", "d_hidden": "8"}, "dcgan": {"width": 4}}.items():
    found = registry.variants()[variant]
    keys |= {"batch": 16, "steps": 4, "latent": 4, "penalties.r1.every": 2}
    recipe = config.update(found.recipes["digits"], keys)
    torch.manual_seed(recipe.seed)
    trainer = Trainer(found.build(recipe, data.spec), data, recipe, fabric)
    for _ in range(4):
        trainer.play_step()
    state = trainer.state()
    del state["log"]  # Each rank's own means.
    Path(f"{variant}-{fabric.global_rank}.json").write_text(json.dumps(digest(state)))
"""


def start(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("torch was built without gloo")
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True, text=True, cwd=folder, env=ENVIRONMENT, timeout=200, check=False,
    )  # fmt: skip
    if done.returncode and "gloo" in done.stderr.lower() and "connect" in done.stderr.lower():
        pytest.skip(f"gloo cannot start here: {done.stderr.splitlines()[-1]}")
    return done


@pytest.mark.slow
def test_two_ranks_end_bitwise_equal_with_lazy_penalties_and_with_batch_norm(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = start(["script.py"], tmp_path)
    assert done.returncode == 0, done.stderr
    for variant in ("vanilla", "dcgan"):
        states = [json.loads((tmp_path / f"{variant}-{rank}.json").read_text()) for rank in (0, 1)]
        assert states[0]["progress"] == {"step": 4, "batches": 10}
        assert states[0] == states[1]


@pytest.mark.slow
def test_a_training_on_two_devices_writes_one_run_folder_and_says_so_once(tmp_path: Path) -> None:
    arguments = ["-m", "ganzoo", "train", "vanilla", "--dataset", "digits", "--steps", "6", "--devices", "2"]
    done = start([*arguments, "--device", "cpu", "--no-scores", "--out", "r", *SET], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained 6 steps") == 1
    assert done.stdout.count("networks: ") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    run = ganzoo.load(tmp_path / "r")
    assert [record["step"] for record in run.metrics()] == [6]
    assert run.sample(3).shape == (3, 1, 8, 8)


@pytest.mark.slow
def test_a_batch_that_two_ranks_cannot_share_is_one_error_and_no_hanging(tmp_path: Path) -> None:
    arguments = ["-m", "ganzoo", "train", "vanilla", "--steps", "6", "--devices", "2", "--device", "cpu", "--no-scores"]
    done = start([*arguments, "--out", "r", *SET, "--set", "batch=15"], tmp_path)
    assert done.returncode == 2, done.stderr
    assert "batch=15 cannot be cut into 2 equal parts (2 devices x accumulate=1): try --set batch=16." in done.stderr
    assert "Traceback" not in done.stderr
