"""Ranks started by torchrun or SLURM, and jobs that they restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small import SMALL

from ganzoo.api import restart
from ganzoo.api.planning import Plan, plan
from ganzoo.errors import GanzooError
from ganzoo.machine import cluster
from ganzoo.machine.cluster import Cluster, job, restarted, started_by, with_launched_devices
from ganzoo.recipes import DataSpec, RunOptions
from ganzoo.runs.run import Run

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "3", "RANK": "4", "LOCAL_RANK": "1"}
TORCHRUN |= {"GROUP_RANK": "1", "TORCHELASTIC_ERROR_FILE": "/logs/none_ab12/attempt_0/1/error.json"}
SLURM = {"SLURM_NTASKS": "6", "SLURM_NTASKS_PER_NODE": "2", "SLURM_STEP_ID": "0", "SLURM_JOB_ID": "4711"}
SLURM |= {"SLURM_PROCID": "2", "SLURM_CLUSTER_NAME": "big", "SLURM_JOB_NAME": "train"}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the launcher variables of the machine that runs the tests."""
    for name in (*TORCHRUN, *SLURM, "NODE_RANK", "SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT"):
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch: pytest.MonkeyPatch, *variables: dict[str, str]) -> None:
    for values in variables:
        for name, value in values.items():
            monkeypatch.setenv(name, value)


def test_without_torchrun_and_slurm_nothing_is_changed() -> None:
    assert started_by() is None
    assert with_launched_devices(RunOptions(devices=3)) == RunOptions(devices=3)
    assert job() == {}
    assert not restarted()


def test_devices_and_machines_are_those_that_torchrun_started(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, TORCHRUN)
    assert started_by() == Cluster("torchrun", 3, 2)
    assert with_launched_devices(RunOptions()) == RunOptions(devices=3, nodes=2)
    assert with_launched_devices(RunOptions(devices=3, nodes=2)) == RunOptions(devices=3, nodes=2)
    assert cluster.is_first_process() is False


def test_what_was_typed_must_fit_and_what_was_recorded_need_not(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, TORCHRUN)
    message = r"--devices 2: torchrun has started ranks for 3 devices on 2 machines; leave out --devices and --nodes\."
    with pytest.raises(GanzooError, match=message):
        with_launched_devices(RunOptions(devices=2))
    with pytest.raises(GanzooError, match=r"--nodes 1: torchrun"):
        with_launched_devices(RunOptions(devices=3, nodes=1), typed={"nodes": 1})
    assert with_launched_devices(RunOptions(devices=2), typed={}).devices == 3


def test_machines_with_different_numbers_of_ranks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, TORCHRUN, {"WORLD_SIZE": "7"})
    with pytest.raises(GanzooError, match=r"torchrun: use the same --nproc-per-node on all machines\."):
        started_by()


def test_devices_and_machines_are_those_that_srun_started(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, SLURM)
    assert started_by() == Cluster("SLURM", 2, 3)
    assert cluster.is_first_process() is False


@pytest.mark.parametrize(
    "other",
    [{"SLURM_NTASKS": "1"}, {"SLURM_JOB_NAME": "bash"}, {"SLURM_JOB_NAME": "interactive"}],
    ids=["one task", "a shell", "interactive"],
)
def test_one_task_or_a_shell_is_nobody_elses_start(other: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, SLURM, other)
    assert with_launched_devices(RunOptions(devices=4)) == RunOptions(devices=4)


def test_a_batch_file_without_srun_is_one_process_that_starts_ranks_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, SLURM)
    monkeypatch.delenv("SLURM_STEP_ID")
    assert with_launched_devices(RunOptions(devices=2)) == RunOptions(devices=2)


def test_tasks_without_their_number_on_a_machine_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, SLURM)
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE")
    with pytest.raises(GanzooError, match=r"SLURM: use --ntasks-per-node=N .* not --ntasks\."):
        started_by()


def test_a_job_is_known_by_its_name_its_number_or_the_folder_of_its_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, TORCHRUN, SLURM)
    assert job() == {"torchrun": "none_ab12", "slurm": "big/4711"}
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    assert job() == {"torchrun": "mine", "slurm": "big/4711"}


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plan:
    """The plan of a job under torchrun that has created its run folder and was then restarted."""
    monkeypatch.chdir(tmp_path)
    given(monkeypatch, TORCHRUN)
    made = plan("vanilla", dataset="digits", steps=5, set=SMALL, out="r")
    create(made, Path("r"))
    given(monkeypatch, {"TORCHELASTIC_RESTART_COUNT": "1"})
    return made


def create(made: Plan, path: Path) -> None:
    path.mkdir(parents=True)
    Run.create(path, made.variant, made.recipe_name, made.recipe, DataSpec("digits", "image", (1, 8, 8)), made.options)


def test_a_job_that_was_started_again_finds_its_run(planned: Plan) -> None:
    assert restart.find_run(planned, "vanilla-digits") == Path("r")


def test_the_first_start_finds_none(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "0")
    assert restart.find_run(planned, "vanilla-digits") is None


def test_another_jobs_run_is_not_its_own(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", "/logs/none_cd34/attempt_1/1/error.json")
    assert restart.find_run(planned, "vanilla-digits") is None


def test_a_run_that_no_job_made_is_not_its_own(planned: Plan) -> None:
    info = json.loads(Path("r/recipe.json").read_text())
    del info["job"]
    Path("r/recipe.json").write_text(json.dumps(info))
    assert restart.find_run(planned, "vanilla-digits") is None


def test_another_recipe_in_its_folder_is_refused_in_one_line(planned: Plan) -> None:
    other = plan("vanilla", dataset="digits", steps=5, set=SMALL | {"g.lr": 0.5, "batch": 32}, out="r")
    with pytest.raises(GanzooError, match=r"^r was started by this job with another recipe \(batch, g\.lr\): choose"):
        restart.find_run(other, "vanilla-digits")


def test_without_out_it_finds_the_one_of_its_recipe(planned: Plan) -> None:
    unnamed = plan("vanilla", dataset="digits", steps=5, set=SMALL)
    other = plan("vanilla", dataset="digits", steps=6, set=SMALL)
    assert restart.find_run(unnamed, "vanilla-digits") is None
    create(other, Path("runs/vanilla-digits-1"))
    create(unnamed, Path("runs/vanilla-digits-2"))
    assert restart.find_run(unnamed, "vanilla-digits") == Path("runs/vanilla-digits-2")


def test_epochs_are_not_compared_before_the_data_are_read(planned: Plan) -> None:
    assert restart.find_run(plan("vanilla", dataset="digits", epochs=2, set=SMALL, out="r"), "x") == Path("r")
