"""Several processes that train one run: they start, agree bitwise, learn what one would, and write one run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from paths import SUPPORT
from processes import start
from small import SET
from two_ranks import CASES, UNEQUAL, train

import ganzoo
from ganzoo.api.failures import explain_failures
from ganzoo.machine.fabric import SingleDevice
from ganzoo.machine.ranks import is_first_rank

SCRIPT = """
import hashlib, json, sys
from pathlib import Path
import torch
from ganzoo.machine.launch import launch
from ganzoo.recipes import Data, RunOptions
from ganzoo.training.nonfinite import NonFinite
from ganzoo.training.trainer import Trainer
from ganzoo.zoo import config, registry

def digest(value):
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(value.numpy().tobytes()).hexdigest()
    if isinstance(value, dict):
        return {str(key): digest(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [digest(inner) for inner in value]
    return value

fabric = launch(RunOptions(device="cpu", devices=2, precision=sys.argv[1]))
data = registry.datasets()["digits"].load(Data(), Path("."), "train")
for variant, keys in {"vanilla": {"g_hidden": "8", "d_hidden": "8"}, "dcgan": {"width": 4}}.items():
    found = registry.variants()[variant]
    keys |= {"batch": 16, "steps": 4, "latent": 4, "penalties.r1.every": 2}
    recipe = config.override(found.recipes["digits"], keys)
    torch.manual_seed(recipe.seed)
    trainer = Trainer(found.build(recipe, data.spec), data, recipe, fabric)
    for _ in range(4):
        trainer.play_step()
    state = trainer.state()
    Path(f"{variant}-{fabric.global_rank}.json").write_text(json.dumps(digest(state)))
"""


NAN = """
import json, math
from pathlib import Path
import torch
from ganzoo.machine.launch import launch
from ganzoo.recipes import Data, RunOptions
from ganzoo.training.nonfinite import NonFinite
from ganzoo.training.trainer import Trainer
from ganzoo.zoo import config, registry

fabric = launch(RunOptions(device="cpu", devices=2))
data = registry.datasets()["digits"].load(Data(), Path("."), "train")
found = registry.variants()["vanilla"]
recipe = config.override(found.recipes["digits"], {"g_hidden": "8", "d_hidden": "8", "batch": 16, "latent": 4})
message = {}
for how in ("stop", "skip"):
    torch.manual_seed(recipe.seed)
    trainer = Trainer(found.build(recipe, data.spec), data, recipe, fabric, on_nonfinite=how)
    trainer.play_step()
    before = [weight.clone() for weight in trainer.gan.parameters()]
    batch = data.batch
    def broken(index):
        given = batch(index)
        if fabric.global_rank == 1:
            given["x"] = given["x"] * math.nan
        return given
    data.batch = broken
    try:
        trainer.update(trainer.phases[0])
    except NonFinite as error:
        message[how] = str(error)
    del data.batch
    message[f"{how} skipped"] = trainer.finite_check.skipped
    message[f"{how} moved"] = not all(torch.equal(a, b) for a, b in zip(before, trainer.gan.parameters()))
Path(f"nan-{fabric.global_rank}.json").write_text(json.dumps(message))
"""


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_two_ranks_end_bitwise_equal_with_lazy_penalties_and_with_batch_norm(precision: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = start(["script.py", precision], tmp_path)
    assert done.returncode == 0, done.stderr
    for variant in ("vanilla", "dcgan"):
        states = [json.loads((tmp_path / f"{variant}-{rank}.json").read_text()) for rank in (0, 1)]
        assert states[0]["progress"] == {"step": 4, "updates": 10, "samples": 64}
        assert states[0] == states[1]


@pytest.fixture(scope="module")
def on_two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both ranks' states after every case's training are."""
    folder = tmp_path_factory.mktemp("ranks")
    done = start([str(SUPPORT / "two_ranks.py"), "."], folder)
    assert done.returncode == 0, done.stderr
    return folder


def weights(state: dict[str, Any]) -> torch.Tensor:
    """All weights and buffers, flat."""
    return torch.cat([tensor.double().flatten() for tensor in state["gan"].values()])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_ranks_learn_what_one_rank_does_with_the_same_global_batch(name: str, on_two_ranks: Path) -> None:
    first, second = (weights(torch.load(on_two_ranks / f"{name}-{rank}.pt")) for rank in (0, 1))
    assert torch.equal(first, second)
    one = train(CASES[name], SingleDevice(torch.device("cpu")))
    torch.testing.assert_close(first, weights(one), rtol=1e-4, atol=1e-5)
    logged = torch.load(on_two_ranks / f"{name}-0.pt")["logged"]
    assert logged == pytest.approx(one["logged"], rel=1e-4, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", UNEQUAL)
def test_what_is_normalised_over_each_ranks_samples_is_not_equal(name: str, on_two_ranks: Path) -> None:
    """So a difference would be seen above."""
    two = weights(torch.load(on_two_ranks / f"{name}-0.pt"))
    one = weights(train(UNEQUAL[name], SingleDevice(torch.device("cpu"))))
    assert (two - one).abs().max() > 1e-3


@pytest.mark.slow
def test_a_loss_that_is_not_finite_on_one_rank_is_seen_by_all_before_any_weight_moves(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(NAN)
    done = start(["script.py"], tmp_path)
    assert done.returncode == 0, done.stderr
    message = [json.loads((tmp_path / f"nan-{rank}.json").read_text()) for rank in (0, 1)]
    assert message[0] == message[1]
    assert message[0]["stop"].startswith("d/loss became nan in step 2 (update ")
    assert {key: value for key, value in message[0].items() if key != "stop"} == {
        "stop skipped": 0, "stop moved": False, "skip skipped": 1, "skip moved": False,
    }  # fmt: skip


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
def test_a_run_with_synchronised_batch_norm_is_a_run_like_others(tmp_path: Path) -> None:
    keys = [f"--set={key}" for key in ("width=4", "d_width=4", "latent=4", "batch=16")]
    arguments = ["-m", "ganzoo", "train", "dcgan", "--steps", "6", "--devices", "2", "--device", "cpu", "--no-scores"]
    done = start([*arguments, "--sync-batch-norm", "--out", "r", *keys], tmp_path)
    assert done.returncode == 0, done.stderr
    run = ganzoo.load(tmp_path / "r")
    assert run.sample(3).shape == (3, 1, 8, 8)
    assert run.info["options"]["sync_batch_norm"] is True
    again = ganzoo.resume(tmp_path / "r", steps=8, devices=1, progress=False)
    assert again.sample(3).shape == (3, 1, 8, 8)


@pytest.mark.slow
def test_a_batch_that_two_ranks_cannot_share_is_one_error_and_no_hanging(tmp_path: Path) -> None:
    arguments = ["-m", "ganzoo", "train", "vanilla", "--steps", "6", "--devices", "2", "--device", "cpu", "--no-scores"]
    done = start([*arguments, "--out", "r", *SET, "--set", "batch=15"], tmp_path)
    assert done.returncode == 2, done.stderr
    message = "batch=15 cannot be split into 2 equal parts (2 devices x accumulate=1): try --set batch=16."
    assert done.stderr.count(message) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "text",
    ["[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1", "NCCL error in: x"],
)
def test_a_rank_that_is_gone_is_said_in_words_and_what_is_kept(text: str, digits_run: Path) -> None:
    run = ganzoo.load(digits_run)
    message = r"another rank has ended\. The checkpoint of step 3 is intact; resume with `ganzoo resume "
    with pytest.raises(ganzoo.TrainingError, match=message), explain_failures(run, run.recipe):
        raise RuntimeError(text)


def test_other_errors_of_torch_stay_what_they_are(digits_run: Path) -> None:
    run = ganzoo.load(digits_run)
    with pytest.raises(RuntimeError, match="shapes"), explain_failures(run, run.recipe):
        raise RuntimeError("shapes do not match")


@pytest.mark.parametrize(("machine", "first"), [("0", True), ("1", False)])
def test_of_machines_started_by_hand_only_the_first_has_the_first_rank(
    machine: str, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_RANK", machine)
    assert is_first_rank() is first
