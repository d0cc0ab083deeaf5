"""What games can do besides drawing samples: anomaly scores, reconstructions, codes; and what metrics need of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from doc_examples import room_for_examples
from kinds_of_data import pictures, sentences
from PIL import Image

import ganzoo
from ganzoo import cli
from ganzoo.data.images import digits
from ganzoo.evaluation.abilities import HAS
from ganzoo.evaluation.scoring import score
from ganzoo.recipes import Data
from ganzoo.specs import ABILITIES, MetricSpec
from ganzoo.testing.examples import example_samples
from ganzoo.zoo.zoo import Plugin, Zoo


@pytest.fixture(scope="module")
def zoo() -> Iterator[Zoo]:
    with room_for_examples() as zoo:
        for name, module in (("pictures", pictures), ("sentences", sentences)):
            assert zoo.add(Plugin(name, name, "example", module)).error == ""
        yield zoo


def trained(zoo: Zoo, name: str, path: Path, *options: str) -> ganzoo.Run:
    assert cli.run(["train", name, "--out", str(path), "--steps", "3", "--no-scores", *options]) == 0
    return ganzoo.load(path)


@pytest.fixture(scope="module")
def encoder_run(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> ganzoo.Run:
    return trained(zoo, "encoder-gan", tmp_path_factory.mktemp("abilities") / "encoder")


@pytest.fixture(scope="module")
def code_run(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> ganzoo.Run:
    return trained(zoo, "code-gan", tmp_path_factory.mktemp("abilities") / "codes")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    test = digits.load(Data(), Path(), "test").arrays["x"]
    Image.fromarray(np.asarray(test[0, 0])).save(folder / "a.png")
    Image.fromarray(np.asarray(test[1, 0])).save(folder / "b.png")
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(folder / "more" / "white.png")
    return folder


def test_a_game_has_the_protocols_that_it_has_methods_for(encoder_run: ganzoo.Run, code_run: ganzoo.Run) -> None:
    assert set(HAS) == set(ABILITIES)
    has = {name for name in ABILITIES if HAS[name](encoder_run.gan)}
    assert has == {"latent", "encoder", "scorer"}
    assert {name for name in ABILITIES if HAS[name](code_run.gan)} == {"latent"}
    assert not any(HAS[name](None) for name in ABILITIES)


def test_anomaly_scores_are_those_of_the_game(
    encoder_run: ganzoo.Run, photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["score", str(encoder_run.path), str(photos / "a.png"), str(photos), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [Path(row["name"]).relative_to(photos).as_posix() for row in found] == [
        "a.png", "a", "b", "more/white",
    ]  # fmt: skip
    test = digits.load(Data(), Path(), "test")
    x = torch.cat([test.batch(torch.tensor([0, 0, 1]))["x"], torch.ones(1, 1, 8, 8)])
    gan = encoder_run.gan
    with gan.for_sampling():
        wanted = (gan.generate(gan.encode(x)) - x).abs().mean((1, 2, 3))
        usual = test.batch(torch.arange(test.count))["x"]
        usual_scores = (gan.generate(gan.encode(usual)) - usual).abs().mean((1, 2, 3))
    assert np.allclose([row["score"] for row in found], wanted, atol=1e-5)
    above = [(usual_scores < value).double().mean().item() for value in wanted]
    assert np.allclose([row["above"] for row in found], above, atol=2 / test.count)


def test_the_table_of_anomaly_scores_can_be_sorted(
    encoder_run: ganzoo.Run, photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["score", str(encoder_run.path), str(photos), "--sort"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["score", "above", "sample"]
    scores = [float(line.split()[0]) for line in lines[1:4]]
    assert scores == sorted(scores, reverse=True)
    assert "%" in lines[1]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("score {code} {photos}", "'code-gan' scores no samples"),
        ("score {encoder} nowhere.png", "nowhere.png does not exist"),
        ("score {encoder}", "Missing argument"),
        ("score {encoder} {photos} --device toaster", "unknown device 'toaster'"),
        ("sample {code} --like {photos} --grid {out}", "'code-gan' has no encoder"),
        ("sample {encoder} --like {photos} --seed 1 --grid {out}", "leave --seed out"),
        ("sample {encoder} --like {photos} --interpolate --grid {out}", "leave --interpolate out"),
        ("sample {code} --class 5 --grid {out}", "this run has classes 0 to 4"),
        ("sample {code} --class three --grid {out}", "this run has classes 0 to 4"),
        ("eval {code} --metrics accuracy -n 20", "accuracy: does not apply"),
        ("eval {code} --metrics ppl,fd --against points", "has image data and points points data"),
    ],
)
def test_what_a_game_cannot_do_is_one_line(
    typed: str,
    words: str,
    encoder_run: ganzoo.Run,
    code_run: ganzoo.Run,
    photos: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    capfd.readouterr()
    out = tmp_path / "out.png"
    paths = {"encoder": encoder_run.path, "code": code_run.path, "photos": photos, "out": out}
    assert cli.run([word.format(**paths) for word in typed.split()]) == 2
    err = capfd.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1
    assert not out.exists()


def test_reconstructions_are_drawn_below_their_originals(encoder_run: ganzoo.Run, photos: Path, tmp_path: Path) -> None:
    folder, grid = tmp_path / "again", tmp_path / "grid.png"
    assert cli.run(["sample", str(encoder_run.path), "--like", str(photos), "--to", str(folder)]) == 0
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png")) == [
        "a.png", "b.png", "more/white.png",
    ]  # fmt: skip
    x = digits.load(Data(), Path(), "test").batch(torch.arange(1))["x"]
    gan = encoder_run.gan
    with gan.for_sampling():
        wanted = (gan.generate(gan.encode(x))[0, 0] + 1) * 127.5
    assert np.abs(np.asarray(Image.open(folder / "a.png")).astype(float) - wanted.numpy()).max() <= 1
    assert cli.run(["sample", str(encoder_run.path), "--like", str(photos), "--grid", str(grid)]) == 0
    # Two columns, and a row of originals above each row.
    assert Image.open(grid).size == (2 * 42 + 2, 4 * 42 + 2)


def test_codes_are_asked_for_like_classes_and_are_no_labels(code_run: ganzoo.Run, tmp_path: Path) -> None:
    assert code_run.data.classes == 10
    assert torch.equal(code_run.sample(4, 2), code_run.sample(4, "2"))
    assert not torch.equal(code_run.sample(4, 2), code_run.sample(4, 3))
    assert cli.run(["sample", str(code_run.path), "-n", "10", "--to", str(tmp_path / "out")]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0", "1", "2", "3", "4"]
    scores = ganzoo.evaluate(code_run, 40)
    assert not any("accuracy" in row.name for row in scores.scores)
    assert not any("sample_labels" in row.protocol for row in scores.scores)


def test_samples_are_clamped_to_the_range_of_the_data(zoo: Zoo, tmp_path: Path) -> None:
    run = trained(zoo, "encoder-gan", tmp_path / "run")
    gan = run.gan
    generate = type(gan).generate
    type(gan).generate = lambda self, z, y=None: 5 * generate(self, z, y)
    try:
        drawn = run.sample(8)
        assert float(drawn.abs().max()) == 1.0
        assert float(run.interpolate(2, 2).abs().max()) == 1.0
        gan_samples = 5 * generate(gan, torch.randn(8, gan.latent))
        assert float(gan_samples.abs().max()) > 1
    finally:
        type(gan).generate = generate


def test_a_metric_gets_the_split_that_it_names() -> None:
    samples = example_samples("image", 200)
    seen = []

    def compute(given):  # type: ignore[no-untyped-def]
        seen.append((given.reference, given.real(given.reference).count, given.split))
        return {"n": float(given.real(given.reference).count)}

    cards = [
        MetricSpec("a", "A.", "none", ("image",), compute),
        MetricSpec("b", "B.", "none", ("image",), compute, split="test"),
    ]
    scores = score(samples, cards)
    train, test = samples.real("train").count, samples.real("test").count
    assert train != test
    assert [row.value for row in scores.scores] == [train, test]
    # Real samples come from the other split each time.
    assert seen == [
        ("train", train, None), ("train", train, "test"), ("test", test, None), ("test", test, "train"),
    ]  # fmt: skip
    assert [row.protocol["real"]["split"] for row in scores.scores] == ["test", "train"]


def test_a_metric_that_needs_what_the_game_lacks_is_left_out(code_run: ganzoo.Run) -> None:
    def compute(given):  # type: ignore[no-untyped-def]
        return {"size": float(given.generator.latent)}

    card = MetricSpec("needs", "Needs latents.", "none", ("image",), compute, needs=("latent",))
    files = example_samples("image", 50)
    assert score(files, [card]) == score(files, [])
    named = score(files, [card], ["needs"])
    assert named.notes[-1] == "needs: it scores only games with latent vectors: leave it out."
    drawn = score(replace(files, generator=code_run.gan), [card], ["needs"])
    assert [row.value for row in drawn.scores] == [8.0]
    assert drawn.scores[0].real is None


def test_the_targets_of_inputs_reach_the_metrics(tmp_path: Path) -> None:
    import translator

    with room_for_examples() as zoo:
        assert zoo.add(Plugin("tint", "tint", "example", translator)).error == ""
        seen = []

        def compute(samples):  # type: ignore[no-untyped-def]
            if samples.targets is None:
                return {}
            seen.append(samples.targets)
            return {"L1": float((samples.fake.float() - samples.targets.float()).abs().mean())}

        class Card:
            @staticmethod
            @ganzoo.hookimpl
            def ganzoo_metrics() -> list[MetricSpec]:
                return [
                    MetricSpec(
                        "l1", "L1.", "none", ("image",), compute, {"L1": "lower"}, split="test", needs=("inputs",)
                    )
                ]

        assert zoo.add(Plugin("l1", "l1", "example", Card)).error == ""
        run = trained(zoo, "tint", tmp_path / "run")
        scores = ganzoo.evaluate(run, 100, metrics="l1")
        test = ganzoo.zoo.datasets.load_data(run.recipe.data, ganzoo.recipes.RunOptions(), "test")
        from ganzoo.data.samples import subset

        rows = subset(test.count, 100)
        assert torch.equal(seen[0], test.arrays["x"][rows])
        drawn = run.sample(100, seed=run.recipe.seed + 1, given={"small": test.batch(rows)["small"]})
        wanted = ((drawn + 1) * 127.5).round().clamp(0, 255) - test.arrays["x"][rows].float()
        assert scores.scores[0].value == pytest.approx(float(wanted.abs().mean()), rel=1e-4)


def test_the_default_number_of_samples_is_bounded_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganzoo.recipes import RunOptions
    from ganzoo.runs import reference as module

    found = module.Reference(Data(), RunOptions())
    assert found.default_samples() == 359
    # Of 8x8 pixels with one byte each.
    monkeypatch.setattr(module, "MOST_BYTES", 64 * 100)
    assert found.default_samples() == 100
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    assert found.default_samples() == 10


def test_a_text_file_names_its_data_set(zoo: Zoo, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("\n".join(["one two three", "three two one"] * 10))
    assert ganzoo.plan("sentence-gan", dataset=str(file)).recipe.data == Data(name="sentences", path=str(file))
    assert ganzoo.plan("sentence-gan", dataset=file).recipe.data.name == "sentences"
    run = trained(zoo, "sentence-gan", tmp_path / "run", "--dataset", str(file))
    assert run.data.note["words"] == ["_", "one", "three", "two"]
    assert cli.run(["eval", str(file), "--against", f"sentences:{file}", "--json"]) == 0
    scores = json.loads(capfd.readouterr().out.partition("{")[2].join(["{", ""]))["scores"]
    assert scores[0]["protocol"]["n_fake"] == 20
    other = tmp_path / "other.txt"
    other.write_text("four")
    assert cli.run(["eval", str(other), "--against", f"sentences:{file}"]) == 2
    assert "words that are not in the training data" in capfd.readouterr().err
    assert cli.run(["train", "sentence-gan", "--dataset", str(tmp_path / "x.doc"), "--dry-run"]) == 2
    capfd.readouterr()
    (tmp_path / "x.doc").write_text("")
    assert cli.run(["train", "sentence-gan", "--dataset", str(tmp_path / "x.doc"), "--dry-run"]) == 2
    assert "no data set reads" in capfd.readouterr().err
