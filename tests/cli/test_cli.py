"""The command line: its frozen surface, and training end to end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image
from small import SET, same

import ganzoo
from ganzoo.cli import cli, run
from ganzoo.files import checkpoint
from ganzoo.zoo import registry
from ganzoo.zoo.tables import TYPES

TRAIN = ["train", "vanilla", *SET, "--no-scores", "--device", "cpu"]

MACHINE = ["--device", "--devices", "--nodes", "--precision", "--compile", "--no-compile", "--data-root", "--logger"]
MACHINE[6:6] = ["--capture", "--no-capture", "--sync-batch-norm", "--no-sync-batch-norm"]
MACHINE += [
    "--log-every",
    "--sample-every",
    "--save-every",
    "--keep",
    "--eval-every",
    "--early-stop",
    "--on-nonfinite",
    "--scores",
    "--no-scores",
    "--metrics",
]

SCIENCE = ["--dataset", "--steps", "--epochs", "--seed", "--out", "--recipe", "--set"]
SCIENCE += ["--init-from", "--init-players", "--init-raw", "--freeze", "--dry-run"]

DATA = ["--data", "--other-data"]

EVAL = ["--seed", *DATA, "--device", "--devices", "--nodes", "--data-root", "--out", "--json"]

SURFACE = {
    "train": ["NAME", *SCIENCE, *MACHINE],
    "resume": ["RUN", "--steps", "--set", *DATA, "--from", *MACHINE],
    "sample": [
        *("RUN", "-n", "--class", "--seed", "--grid", "--to", "--npz"),
        *(
            "--truncation",
            "--best",
            "--raw",
            "--given",
            "--like",
            "--back",
            "--interpolate",
            "--vary",
            "--mark",
            "--no-mark",
        ),
    ],
    "eval": [
        *("TARGET", "--against", "--metrics", "-n", "--features", "--weights", "--best", "--raw", "--neighbours"),
        *EVAL,
    ],
    "score": ["RUN", "FILES", "--best", "--sort", "--grid", "--device", "--json"],
    "directions": ["RUN", "--count", "--method", "--to", "-n", "--class", "--seed", "--best", "--mark", "--no-mark"],
    "push": ["RUN", "REPOSITORY", "--private", "--endpoint", "--raw", "--best"],
    "pull": ["REPOSITORY", "--to", "--revision", "--endpoint"],
    "export": ["RUN", "--to", "--raw", "--best", "--runtime"],
    "compare": ["RUNS", "--out", "--markdown", "--json", "--metrics", "--csv", "--latex", "--each", "--best"],
    "report": ["RUNS", "--to", "--overwrite"],
    "bench": [
        *("GRID", "--shard", "--jobs", "--out", "--data-root", "--device", "--precision", "--metrics", "--report"),
        *("--dry-run", "--json"),
    ],
    "tune": [
        *("NAME", "--trials", "--search", "--metric", "--study", "--dataset", "--steps", "--seed", "--out"),
        *("--recipe", "--set", "--device", "--data-root", "--eval-every"),
    ],
    "runs": ["FOLDER", "--sort", "--json"],
    "list": ["KIND", "--trained", "--json"],
    "show": ["NAME", "--all", "--toml"],
    "plugins": ["--json"],
    "cache": ["--clear"],
    "plugins new": ["NAME", "--kind", "--licence", "--into"],
    "completion": ["SHELL"],
}
"""Every argument and option. Scripts rely on them: remove one only after a deprecation."""


def surface(command: click.Command) -> list[str]:
    names: list[str] = []
    for parameter in command.params:
        argument = isinstance(parameter, click.Argument)
        names += [str(parameter.name).upper()] if argument else [*parameter.opts, *parameter.secondary_opts]
    return names


def command(name: str) -> click.Command:
    found: click.Command | None = cli
    for part in name.split():
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), part)
    assert found is not None
    return found


def typed(*arguments: str) -> None:
    assert run(list(arguments)) == 0


def process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ganzoo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# The surface.


def test_the_commands_are_frozen() -> None:
    inner = [f"plugins {name}" for name in command("plugins").list_commands(click.Context(cli))]  # type: ignore[attr-defined]
    assert sorted([*cli.lazy, *inner]) == sorted(SURFACE)


def test_the_options_of_all_commands_are_frozen() -> None:
    assert surface(cli) == ["--version", "--debug", "--no-plugins"]


@pytest.mark.parametrize("name", SURFACE)
def test_the_arguments_and_options_are_frozen(name: str) -> None:
    assert surface(command(name)) == SURFACE[name]


@pytest.mark.parametrize("name", SURFACE)
def test_every_command_and_option_has_help(name: str) -> None:
    assert command(name).help
    for parameter in command(name).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("name", ["", *SURFACE])
def test_help_is_exit_code_0(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed(*name.split(), "--help")
    assert "Usage: ganzoo" in capsys.readouterr().out


def test_no_arguments_show_the_help_and_the_first_thing_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    run([])
    shown = capsys.readouterr()
    assert "Usage: ganzoo" in shown.out
    assert "ganzoo train dcgan" in shown.out
    assert shown.err == ""


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    import importlib.metadata

    typed("--version")
    assert capsys.readouterr().out == f"ganzoo {importlib.metadata.version('ganzoo')}\n"


# List and show.


@pytest.mark.parametrize("kind", TYPES)
def test_list_prints_every_name(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed("list", kind)
    shown = capsys.readouterr().out
    for name in getattr(registry, kind)():
        assert name in shown


@pytest.mark.parametrize("kind", TYPES)
def test_list_json_parses_and_names_every_source(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed("list", kind, "--json")
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(getattr(registry, kind)())
    assert all(row["summary"] and row["source"].startswith("plugin ") for row in rows)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "dcgan",
            [
                "dcgan (variant)",
                "Radford et al. 2016",
                "from: plugin 'dcgan'",
                "recipes:",
                "dcgan.digits (digits)",
                "g.lr = ",
            ],
        ),
        ("dcgan.celeba", ["dcgan.celeba", "latent_distribution = uniform", "kernel = 5"]),
        ("wgan-gp", ["wgan-gp (variant)", "wgan-gp (penalty)", "penalties.wgan-gp.weight = 10.0"]),
        ("least-squares", ["least-squares (loss)", "loss_options.real_target = 1", "ganzoo train dcgan --set loss="]),
        ("r1", ["r1 (penalty)", "--set penalties.r1.weight=10 --set penalties.r1.every=1"]),
        ("points", ["points (data set)", "Metz et al. 2017"]),
        ("kid", ["kid (metric)"]),
    ],
)
def test_show(name: str, parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    typed("show", name)
    shown = " ".join(capsys.readouterr().out.split())
    for part in parts:
        assert part in shown


def test_completion_prints_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in ("bash", "zsh", "fish"):
        typed("completion", shell)
        assert "_GANZOO_COMPLETE" in capsys.readouterr().out


# Training.


def test_train_writes_a_complete_run_folder_and_prints_the_next_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(*TRAIN, "--steps", "25")
    folder = tmp_path / "runs" / "vanilla-digits-1"
    shown = capsys.readouterr().out
    assert "next: ganzoo sample runs/vanilla-digits-1 -n 100 --grid more.png" in shown
    assert "ganzoo resume runs/vanilla-digits-1 --steps 50" in shown
    names = {path.name for path in folder.iterdir()}
    pictures = {"samples", "samples.png", "reals.png", "losses.png", "training.gif"}
    assert names == {"recipe.json", "metrics.jsonl", "diagnosis.jsonl", "checkpoints", ".lock"} | pictures
    info = json.loads((folder / "recipe.json").read_text())
    assert (info["variant"], info["recipe"]["steps"], info["recipe"]["latent"]) == ("vanilla", 25, 4)
    assert [record["step"] for record in ganzoo.load(folder).metrics()] == [20, 25]
    assert [path.stem for path in sorted((folder / "samples").iterdir())][:2] == ["000000", "000001"]
    assert [path.name for path in sorted((folder / "checkpoints").glob("*.pt"))] == [
        "step-000000024.pt",
        "step-000000025.pt",
    ]
    with Image.open(folder / "training.gif") as animation:
        assert animation.n_frames == len(list((folder / "samples").iterdir()))


def test_every_line_of_the_log_has_step_epoch_seconds_and_the_terms(digits_run: Path) -> None:
    for record in ganzoo.load(digits_run).metrics():
        assert set(record) == {"step", "epoch", "seconds", "cpu_seconds", "d/loss", "d/real", "d/fake", "g/loss"}
        assert record["epoch"] == pytest.approx(record["step"] * 8 / 1438, abs=1e-3)


def test_two_runs_get_two_folders(tmp_path: Path) -> None:
    for _ in range(2):
        typed(*TRAIN, "--steps", "1")
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["vanilla-digits-1", "vanilla-digits-2"]


def test_the_same_seed_trains_the_same_weights_and_another_others() -> None:
    for number, seed in enumerate([3, 3, 4]):
        typed(*TRAIN, "--steps", "2", "--seed", str(seed), "--out", f"r{number}")
    states = [checkpoint.newest(Path(f"r{number}/checkpoints"))[1] for number in range(3)]
    assert same(states[0], states[1])
    assert not same(states[0]["gan"], states[2]["gan"])


def test_epochs_count_passes_over_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    typed(*TRAIN, "--set", "batch=719", "--epochs", "1.5", "--out", "r")
    assert ganzoo.load("r").recipe.steps == 3


def test_points_can_be_trained_and_sampled() -> None:
    typed(*TRAIN, "--dataset", "points:moons", "--steps", "2", "--out", "r")
    assert ganzoo.load("r").info["recipe"]["data"]["kind"] == "moons"
    assert Path("r/samples.png").is_file()
    typed("sample", "r", "-n", "9", "--npz", "a.npz")
    with np.load("a.npz") as arrays:
        assert (arrays["x"].shape, arrays["x"].dtype) == ((9, 2), np.float32)


def test_a_recipe_file_and_a_run_folder_are_recipes() -> None:
    Path("mine.toml").write_text("steps = 2\nlatent = 3\n")
    typed(*TRAIN[:2], "--set", "g_hidden=8", "--no-scores", "--recipe", "mine.toml", "--out", "a")
    typed(*TRAIN[:2], "--no-scores", "--recipe", "a", "--out", "b")
    assert ganzoo.load("b").recipe == ganzoo.load("a").recipe
    assert (ganzoo.load("b").recipe.latent, ganzoo.load("b").recipe.g_hidden) == (3, (8,))


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed(*TRAIN, "--steps", "30", "--dry-run")
    shown = capsys.readouterr().out
    for part in (
        "vanilla.digits on digits",
        "  g.lr = 0.0002",
        "networks: g ",
        "g.body.0.weight 8x4",
        "estimated time",
    ):
        assert part in shown
    assert "nothing was trained or written" in shown
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_not_finite_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    wild = ["loss=wasserstein", "g.lr=1e30", "d.lr=1e30", "g.name=sgd", "d.name=sgd"]
    code = run([*TRAIN, "--steps", "20", *[argument for key in wild for argument in ("--set", key)]])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert code == 1
    assert len(lines) == 1
    assert "lower the learning rates" in lines[0]


# Resuming.


def log_without_times(folder: str) -> list[dict[str, Any]]:
    records = ganzoo.load(folder).metrics()
    clock = ("seconds", "cpu_seconds")
    return [{key: value for key, value in record.items() if key not in clock} for record in records]


def test_a_resumed_run_equals_an_uninterrupted_one_bitwise_and_its_log_has_no_gaps_or_duplicates() -> None:
    typed(*TRAIN, "--steps", "60", "--out", "straight")
    typed(*TRAIN, "--steps", "40", "--out", "parts")
    typed("resume", "parts", "--steps", "60")
    states = [checkpoint.newest(Path(name) / "checkpoints")[1] for name in ("straight", "parts")]
    assert same(*states)
    assert log_without_times("parts") == log_without_times("straight")
    assert ganzoo.load("parts").recipe.steps == 60
    seconds = [record["seconds"] for record in ganzoo.load("parts").metrics()]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("cut", [0, 9], ids=["whole lines ahead", "a line cut while it was written"])
def test_after_a_crash_the_log_is_cut_back_to_the_checkpoint(cut: int) -> None:
    typed(*TRAIN, "--steps", "60", "--out", "straight")
    shutil.copytree("straight", "crashed")
    # The newest checkpoint is lost, so that the log is ahead.
    for path in Path("crashed/checkpoints").glob("step-000000060.*"):
        path.unlink()
    log = Path("crashed/metrics.jsonl")
    log.write_text(log.read_text()[: len(log.read_text()) - cut])
    typed("resume", "crashed")
    assert log_without_times("crashed") == log_without_times("straight")
    states = [checkpoint.newest(Path(name) / "checkpoints")[1] for name in ("straight", "crashed")]
    assert same(*states)


def test_a_damaged_checkpoint_is_reported_and_the_previous_one_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    typed(*TRAIN, "--steps", "20", "--out", "r")
    newest = Path("r/checkpoints/step-000000020.pt")
    newest.write_bytes(newest.read_bytes()[:99])
    capsys.readouterr()
    typed("resume", "r")
    assert "is damaged: its checksum does not match. Going back to step-000000018.pt" in capsys.readouterr().out
    assert checkpoint.newest(Path("r/checkpoints"))[0].name == "step-000000020.pt"


def test_scores_stay_off_when_a_run_without_them_is_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    typed(*TRAIN, "--steps", "2", "--out", "r")
    typed("resume", "r", "--steps", "3")
    assert "scoring" not in capsys.readouterr().out


def test_resuming_can_leave_the_scores_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganzoo.cli import printing

    asked: list[Any] = []
    typed(*TRAIN, "--steps", "2", "--out", "r")
    info = json.loads(Path("r/recipe.json").read_text())
    info["options"]["scores"] = True
    Path("r/recipe.json").write_text(json.dumps(info))
    monkeypatch.setattr(printing, "evaluate", lambda *args, **keys: asked.append(args))
    typed("resume", "r", "--steps", "3", "--no-scores")
    assert asked == []


# Sampling.


def test_samples_are_written_and_named(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("sample", str(digits_run), "-n", "4", "--grid", "a.png")
    typed("sample", str(digits_run), "-n", "4", "--to", "many")
    typed("sample", str(digits_run), "-n", "4", "--npz", "a.npz")
    assert capsys.readouterr().out == "wrote a.png\nwrote many\nwrote a.npz\n"
    assert len(list(Path("many").iterdir())) == 4
    with np.load("a.npz") as arrays:
        pixels = arrays["x"]
    with Image.open("many/00002.png") as picture:
        assert np.array_equal(np.asarray(picture), pixels[2, :, :, 0])


def test_classes_and_interpolations_are_sampled(conditional_run: Path) -> None:
    typed("sample", str(conditional_run), "-n", "4", "--class", "3", "--class", "5", "--npz", "a.npz")
    with np.load("a.npz") as arrays:
        assert arrays["y"].tolist() == [3, 5, 3, 5]
    typed("sample", str(conditional_run), "-n", "16", "--interpolate", "--grid", "walk.png")
    typed(
        "sample",
        str(conditional_run),
        "-n",
        "16",
        "--vary",
        "1",
        "--class",
        "3",
        "--grid",
        "varied.png",
    )
    for name in ("walk.png", "varied.png"):
        with Image.open(name) as picture:
            assert picture.size == (8 * 42 + 2, 2 * 42 + 2)


# Processes of their own.


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_saves_and_is_exit_code_128_plus_its_number(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    arguments = [sys.executable, "-m", "ganzoo", *TRAIN, "--steps", "1000000", "--out", "r"]
    child = subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        log = tmp_path / "r" / "metrics.jsonl"
        end = time.monotonic() + 120
        while not (log.exists() and log.stat().st_size) and time.monotonic() < end and child.poll() is None:
            time.sleep(0.1)
        child.send_signal(number)
        _, err = child.communicate(timeout=300)
    finally:
        child.kill()
    assert child.returncode == code, err
    assert "Traceback" not in err
    assert "ganzoo resume r" in err
    _, state, problems = checkpoint.newest(tmp_path / "r" / "checkpoints")
    assert problems == []
    assert state["progress"]["step"] > 0
    assert ganzoo.load(tmp_path / "r").sample(1).shape == (1, 1, 8, 8)


def test_python_m_ganzoo_prints_one_line_for_a_mistake(tmp_path: Path) -> None:
    done = process("show", "dcgn", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: unknown name 'dcgn': did you mean [^\n]*\n", done.stderr)


def test_debug_shows_a_traceback(tmp_path: Path) -> None:
    done = process("--debug", "show", "dcgn", cwd=tmp_path)
    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"'{sys.executable}' -m ganzoo list datasets | head -n 1",
        shell=True, capture_output=True, text=True, cwd=tmp_path, env=os.environ, check=False,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_an_unexpected_error_is_one_line_with_the_command_for_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ganzoo.api import planning

    def broken(*arguments: Any, **options: Any) -> Any:
        raise ValueError("two\nlines")

    monkeypatch.setattr(planning, "plan", broken)
    assert run([*TRAIN]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ValueError: two lines (for a traceback: `ganzoo --debug train vanilla")
    assert len(err.splitlines()) == 1
