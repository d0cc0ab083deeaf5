"""A training that is killed, at whatever moment, and gone on with ends as one that never was, bit for bit.

The long form, with more kills and through the command line too, is `python -m benchmarks.kills`.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import kills
import pytest
import torch
from kills import Case, Moment, Trial, draw_moments, finish, run_trial, scored_case, variant_case
from same_runs import compare

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="this system has no processes that fork"
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Two trainings on a busy machine are quicker with a thread each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


def survives(case: Case, moments: list[Moment], folder: Path) -> Trial:
    """Train twice, once with kills; the folders are the same, and every kill hit."""
    finish(case, folder / "whole")
    for _ in range(3):
        shutil.rmtree(folder / "killed", ignore_errors=True)
        trial = run_trial(case, folder / "whole", folder / "killed", moments)
        assert not trial.faults, trial
        assert not trial.compared.differences, trial
        # On a busy machine a training may be over before it is seen that its moment has come.
        if len(trial.kills) >= len(moments):
            break
    assert len(trial.kills) >= len(moments), trial
    assert trial.compared.tensors
    return trial


KILLED = ("progan", "stylegan2-ada")
"""Between them they have what is hardest to save: levels, lazy penalties, and buffers of their own.

That every variant resumes bit for bit is part of the contract, and `python -m benchmarks.kills` kills more of them.
"""


@pytest.mark.slow
@pytest.mark.parametrize("variant", KILLED)
def test_a_variant_that_is_killed_three_times_ends_as_if_it_had_not_been(variant: str, tmp_path: Path) -> None:
    draw = random.Random(variant)
    kinds = ["state", draw.choice(["note", "sheet"]), "step"]
    draw.shuffle(kinds)
    assert len(survives(variant_case(variant, steps=40), draw_moments(draw, 40, kinds), tmp_path).kills) >= 3


@pytest.mark.slow
def test_kills_inside_a_save_with_lazy_penalties_and_parts_of_batches(tmp_path: Path) -> None:
    # Large networks take long to write, so that these kills cannot miss, whatever the disk.
    keys = {"g_hidden": "256,256", "d_hidden": "256,256", "penalties.r1.every": 2, "accumulate": 2}
    trial = survives(
        variant_case("vanilla", keys=keys), [Moment("state", 12), Moment("note", 22), Moment("state", 45)], tmp_path
    )
    assert sum(bool(kill.cut) for kill in trial.kills) >= 2, trial


@pytest.mark.slow
def test_kills_before_the_first_checkpoint_and_before_the_last(tmp_path: Path) -> None:
    case = variant_case("vanilla", steps=20, options=kills.OPTIONS | {"save_every": 10})
    assert survives(case, [Moment("start", delay=0.3), Moment("step", 3), Moment("end")], tmp_path).kills


@pytest.mark.slow
def test_kills_along_a_training_that_is_scored(tmp_path: Path) -> None:
    case = scored_case(tmp_path)
    survives(case, [Moment("scores", 15), Moment("best", 15), Moment("step", 37)], tmp_path)
    assert [json.loads(line)["step"] for line in (tmp_path / "killed" / "evaluations.jsonl").open()] == [15, 30, 45]


@pytest.mark.slow
def test_kills_of_both_ranks_and_of_each_alone(tmp_path: Path) -> None:
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("torch was built without gloo")
    case = variant_case("vanilla", ranks=2, steps=40)
    moments = [Moment("state", 8), Moment("step", 18, rank=1), Moment("step", 28, rank=0)]
    assert len(survives(case, moments, tmp_path).kills) >= len(moments)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "run"
    finish(variant_case("vanilla", steps=10), path)
    return path


def flip_a_bit(run: Path) -> None:
    """Of one weight, under a checksum that is right."""
    from ganzoo.files import checkpoint

    state = checkpoint.load(run / "checkpoints" / "step-000000010.pt")
    weight = next(value for value in state["gan"].values() if value.dtype == torch.float32)
    weight.view(torch.int32).view(-1)[0] ^= 1
    checkpoint.save(run / "checkpoints", 10, state)


def double_a_line(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join([*lines, lines[-1]]))


def drop_a_line(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join(lines[:4] + lines[5:]))


def change_a_term(run: Path) -> None:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    records[3]["d/loss"] += 1e-7
    (run / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def change_a_key(run: Path) -> None:
    info = json.loads((run / "recipe.json").read_text())
    info["recipe"]["batch"] = 32
    (run / "recipe.json").write_text(json.dumps(info))


def leave_a_partial_file(run: Path) -> None:
    (run / "checkpoints" / ".step-000000010.pt.1").touch()


def remove_a_sheet(run: Path) -> None:
    (run / "samples" / "000010.png").unlink()


def change_a_picture(run: Path) -> None:
    with (run / "samples.png").open("ab") as file:
        file.write(b"x")


TAMPERED: dict[Callable[[Path], None], str] = {
    flip_a_bit: "checkpoints/step-000000010.pt: /gan/",
    double_a_line: "metrics.jsonl: /doubles",
    drop_a_line: "metrics.jsonl: /lines/5",
    change_a_term: "metrics.jsonl: /lines/4/d/loss",
    change_a_key: "recipe.json: /recipe/batch",
    leave_a_partial_file: "checkpoints/.step-000000010.pt.1 should not be there",
    remove_a_sheet: "samples/000010.png is missing",
    change_a_picture: "samples.png: differs",
}


@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda tamper: tamper.__name__)
def test_the_comparison_sees_every_difference(tamper: Callable[[Path], None], trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(trained, other)
    assert not compare(trained, other).differences
    tamper(other)
    found = compare(trained, other).differences
    assert any(line.startswith(TAMPERED[tamper]) for line in found), found


def test_the_comparison_does_not_look_at_the_clock(trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(trained, other)
    text = (other / "metrics.jsonl").read_text()
    (other / "metrics.jsonl").write_text(text.replace('"seconds": ', '"seconds": 1'))
    assert (other / "metrics.jsonl").read_text() != text
    assert not compare(trained, other).differences


def test_another_seed_is_another_training(trained: Path, tmp_path: Path) -> None:
    finish(variant_case("vanilla", steps=10, keys={"seed": 1}), tmp_path / "run")
    found = " ".join(compare(trained, tmp_path / "run").differences)
    for part in ("step-000000010.pt: /gan/", "step-000000010.pt: /optimisers/", "samples.png", "metrics.jsonl"):
        assert part in found


def test_what_a_save_leaves_when_it_is_cut_is_recognised(trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(trained, other)
    assert not kills.unfinished(other)
    (other / "checkpoints" / "step-000000010.json").rename(other / "checkpoints" / ".step-000000010.json.7")
    assert kills.unfinished(other) == {"step-000000010.pt", ".step-000000010.json.7"}
