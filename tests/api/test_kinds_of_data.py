"""Games and data of every kind, by the command line alone: trained, killed, resumed, sampled, scored, exported."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from doc_examples import room_for_examples
from kinds_of_data import clips, domains, growing, pictures, sentences, signals, table
from same_runs import compare

import ganzoo
from ganzoo import cli
from ganzoo.recipes import Data
from ganzoo.runs.callbacks.log import MetricsLog
from ganzoo.testing import check_dataset, check_metric, check_modality, check_variant
from ganzoo.testing.examples import example_samples
from ganzoo.zoo import registry
from ganzoo.zoo.zoo import Plugin, Zoo

PLUGINS = {"clips": clips, "domains": domains, "pictures": pictures, "sentences": sentences, "signals": signals}
PLUGINS |= {"table": table, "growing": growing}


@dataclass(frozen=True)
class Kind:
    """A variant's recipe. ending: of the files that `sample --to` writes. tolerance: of values read from these."""

    name: str
    ending: str
    one_file: bool = False
    tolerance: float = 0.0
    onnx: bool = True
    options: tuple[str, ...] = ()


KINDS = [
    Kind("sentence-gan", ".txt", one_file=True, onnx=False),
    Kind("table-gan", ".csv", one_file=True, tolerance=1.0),
    Kind("signal-gan.waves", ".csv", tolerance=1e-6),
    Kind("signal-gan.beeps", ".wav", tolerance=1 / 32767),
    Kind("clip-gan", ".gif", tolerance=1 / 127),
    Kind("encoder-gan", ".png", tolerance=1 / 127),
    Kind("classifier-gan", ".png", tolerance=1 / 127),
    Kind("code-gan", ".png", tolerance=1 / 127),
    Kind("scales-gan", ".png", tolerance=1 / 127),
    Kind("cycle", ".png", tolerance=1 / 127),
    Kind("growing-gan", ".png", tolerance=1 / 127),
    Kind("dcgan", ".png", tolerance=1 / 127, options=("--set", "augment=diffaug", "--set", "batch=16")),
]
STEPS = 30


@pytest.fixture(scope="module")
def zoo() -> Iterator[Zoo]:
    with room_for_examples() as zoo:
        for name, module in PLUGINS.items():
            plugin = zoo.add(Plugin(name, name, "example", module))
            assert plugin.error == ""
        yield zoo


@dataclass(frozen=True)
class Trained:
    kind: Kind
    path: Path
    printed: str


def command(*words: str | Path) -> str:
    """Run a command line, which must succeed; returns what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.run([str(word) for word in words])
    assert code == 0, err.getvalue()
    assert "Traceback" not in err.getvalue()
    return out.getvalue()


def train(kind: Kind, path: Path, *more: str) -> str:
    every = ["--eval-every", "15", "--set", "seed=3"]
    return command("train", kind.name, "--out", path, "--steps", str(STEPS), *every, *kind.options, *more)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def trained(request: pytest.FixtureRequest, zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    path = tmp_path_factory.mktemp("kinds") / "run"
    return Trained(request.param, path, train(request.param, path))


def modality(run: ganzoo.Run):  # type: ignore[no-untyped-def]
    return registry.modality(run.data.modality)


def test_a_run_has_pictures_scores_and_commands_that_work(trained: Trained, tmp_path: Path) -> None:
    run = ganzoo.load(trained.path)
    if modality(run).has_picture:
        assert {"samples.png", "reals.png", "training.gif", "losses.png"} <= {p.name for p in trained.path.iterdir()}
    assert [line["step"] for line in run.evaluations()] == [15, 30]
    assert run.best().step in (15, 30)
    assert run.scores is not None
    assert run.scores["scores"]
    weights = "ema" if len(run.gan.averages) else "raw"
    assert {row["protocol"]["weights"] for row in run.scores["scores"]} == {weights}
    if run.data.modality != "image":
        assert "IS" not in trained.printed
    for line in re.findall(r"(?:next: | {6})ganzoo (.*)", trained.printed):
        words = shlex.split(line)
        words = [str(tmp_path / word) if word.startswith("more.") else word for word in words]
        if words[0] == "sample":
            command(*words)
            assert (tmp_path / words[-1]).exists()


def test_a_killed_run_resumes_bit_for_bit(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(self: MetricsLog, trainer) -> None:  # type: ignore[no-untyped-def]
        if trainer.progress.step == 17:
            raise Killed

    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "on_step", die)
        with pytest.raises(Killed):
            train(trained.kind, path)
    assert ganzoo.load(path).step == 15
    command("resume", path)
    assert compare(trained.path, path).differences == []


def test_samples_go_to_files_of_their_kind_and_are_read_back(trained: Trained, tmp_path: Path) -> None:
    kind, run = trained.kind, ganzoo.load(trained.path)
    to = tmp_path / f"samples{kind.ending}" if kind.one_file else tmp_path / "samples"
    command("sample", trained.path, "-n", "12", "--to", to)
    drawn = run.sample(12)
    x, names = modality(run).read(to, run.data)
    assert len(names) == len(set(names)) == 12
    if run.gan.classes:
        # One folder for each class.
        order = torch.arange(12).argsort(stable=True)
        labels = run.labels(12, None)
        assert labels is not None
        drawn = drawn[order][labels.argsort(stable=True)]
    assert x.shape == drawn.shape
    assert x.dtype == drawn.dtype
    if kind.name == "table-gan":
        assert torch.equal(x[:, 1:].argmax(1), drawn[:, 1:].argmax(1))
        x, drawn = x[:, :1], drawn[:, :1]
    assert float((x - drawn).abs().max()) <= kind.tolerance
    assert float(drawn.float().std()) > 0


def test_an_npz_says_of_what_kind_its_samples_are(trained: Trained, tmp_path: Path) -> None:
    run = ganzoo.load(trained.path)
    file = tmp_path / "samples.npz"
    command("sample", trained.path, "-n", "12", "--npz", file)
    said = json.loads(np.load(file)["ganzoo"].item())
    assert said["modality"] == run.data.modality
    found = ganzoo.plan("vanilla", dataset=str(file)).recipe.data
    assert found.name == "npz"
    from ganzoo.zoo.datasets import load_data

    dataset = load_data(found, ganzoo.recipes.RunOptions())
    assert (dataset.spec.modality, dataset.spec.shape) == (run.data.modality, run.data.shape)
    assert dict(dataset.spec.note) == dict(run.data.note)
    assert float((dataset.batch(torch.arange(12))["x"] - run.sample(12)).abs().max()) <= 1 / 127


def test_files_and_runs_are_scored_and_compared(trained: Trained, tmp_path: Path) -> None:
    kind, run = trained.kind, ganzoo.load(trained.path)
    to = tmp_path / f"samples{kind.ending}" if kind.one_file else tmp_path / "samples"
    command("sample", trained.path, "-n", "100", "--to", to)
    found = json.loads(command("eval", to, "--against", run.data.name, "--json"))
    assert found["scores"], found["notes"]
    assert {row["protocol"]["n_fake"] for row in found["scores"]} == {100}
    own = json.loads(command("eval", trained.path, "-n", "40", "--json"))
    assert own["scores"]
    assert all(row["real"] is not None for row in own["scores"] if not row["name"].startswith("accuracy"))
    shutil.copytree(trained.path, tmp_path / "copy")
    printed = command("compare", trained.path, tmp_path / "copy", "--out", tmp_path / "both.png")
    assert "both.png" in printed


def test_the_generator_is_exported(trained: Trained, tmp_path: Path) -> None:
    run = ganzoo.load(trained.path)
    command("export", trained.path, "--to", tmp_path / "g.safetensors")
    given = run.held_out_inputs(5) or None
    drawn = ganzoo.load_generator(tmp_path / "g.safetensors").sample(5, given=given)
    assert torch.equal(drawn, run.sample(5, given=given))
    onnxruntime = pytest.importorskip("onnxruntime")
    if trained.kind.onnx:
        command("export", trained.path, "--to", tmp_path / "g.onnx")
        session = onnxruntime.InferenceSession(str(tmp_path / "g.onnx"))
        fed = {name: values.numpy() for name, values in (given or {}).items()}
        fed = fed or {"z": run.gan.draw_latent(5).numpy()}
        if run.gan.classes:
            fed["y"] = np.arange(5) % run.gan.classes
        (made,) = session.run(["x"], fed)
        assert made.shape == (5, *run.data.shape)
        if run.data.range is not None:
            assert float(np.abs(made).max()) <= 1


@pytest.mark.parametrize("name", [kind.name for kind in KINDS if not kind.options])
def test_variants_keep_the_contract(zoo: Zoo, name: str) -> None:
    check_variant(registry.variants().find(name.partition(".")[0]))


def test_modalities_data_sets_and_metrics_keep_the_contract(zoo: Zoo) -> None:
    for module in PLUGINS.values():
        for spec in getattr(module, "ganzoo_modalities", list)():
            check_modality(spec)
        for spec in getattr(module, "ganzoo_datasets", list)():
            check_dataset(spec, Data(name=spec.name))
        for spec in getattr(module, "ganzoo_metrics", list)():
            for kind in spec.modalities:
                check_metric(spec, example_samples(kind))
