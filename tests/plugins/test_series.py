"""Time series: files of the user's, scores against independent computations, and the variants that generate series."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from bundled import built
from ganzoo_quantgan.game import delta_of, lambert_w
from ganzoo_quantgan.networks import TemporalNetwork, receptive_field
from ganzoo_series import posthoc, statistics
from ganzoo_series.data import parts
from ganzoo_series.files import read_sheet
from ganzoo_series.generated import simulate
from paths import ROOT
from torch.nn.functional import binary_cross_entropy_with_logits

import ganzoo
from ganzoo.cli import run
from ganzoo.data.dataset import Dataset
from ganzoo.data.samples import Samples, subset
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, DataSpec
from ganzoo.zoo import registry

SPEC = DataSpec("sines", "series", (12, 2))
TINY = {"hidden": 4, "layers": 1, "noise": 2, "width": 4, "levels": 1}


def load(path: Path, split: str = "train", **keys: Any) -> Dataset:
    data = Data(name="series", path=str(path), **keys)
    return registry.datasets()["series"].load(data, Path(), split)


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def walk(rows: int = 300, columns: str = "Temperature [°C],Load [kW]") -> str:
    values = np.random.RandomState(0).standard_normal((rows, 2)).cumsum(0)
    return columns + "\n" + "".join(f"{a:.2f},{b:.1f}\n" for a, b in values)


def refusal(path: Path, **keys: Any) -> str:
    with pytest.raises(GanzooError) as caught:
        load(path, **keys)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The user's files.


BAD = {
    "": "is empty",
    "\n \n": "is empty",
    "a,b\n": "no rows",
    "a,b\n1,2\n3\n": "line 3: 1 values, and the header has 2",
    "1,2\n3,4,5\n": "line 2: 3 values, and the first row has 2",
    "a,b\n1,2\n\n3,x\n": "line 4, column 'b': 'x' is no number",
    "a,b\n1,2\n,4\n": "line 3, column 'a': a value is missing",
    "a,b\n1,2\n3,NaN\n": "line 3, column 'b': a value is missing",
    "a,b\n1,inf\n": "too large or not finite",
    "a,b\nx,y\n": "no column of numbers",
    "a,a\n1,2\n": "two columns called 'a'",
    "a\n1\n2\n3\n": "has 3 rows, fewer than the 24 of a window",
    'a,b\n1,"2\n': "cannot be read as .csv",
    "series,a\n0,1\n0,2\n1,3\n": "equally many rows",
}


@pytest.mark.parametrize("text", BAD)
def test_a_file_that_is_no_series_is_one_line_that_says_where(text: str, tmp_path: Path) -> None:
    assert BAD[text] in refusal(written(tmp_path / "bad.csv", text))


def test_bytes_that_are_no_text_a_missing_file_and_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfea,b")
    assert "no text in UTF-8" in refusal(tmp_path / "bytes.csv")
    assert "cannot be read" in refusal(tmp_path / "gone.csv")
    (tmp_path / "empty").mkdir()
    assert "no .csv files" in refusal(tmp_path / "empty")


def test_the_command_line_says_so_with_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = written(tmp_path / "bad.csv", "a,b\n1,2\n3\n")
    assert run(["train", "rcgan", "--dataset", f"series:{bad}", "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.strip().count("\n") == 0
    assert not (tmp_path / "run").exists()


def test_what_spreadsheets_write(tmp_path: Path) -> None:
    german = "Datum;Wert [°C]\n" + "".join(f"2024-01-{i % 28 + 1:02d};{i},25\n" for i in range(100))
    sheet = read_sheet(written(tmp_path / "german.csv", "\ufeff" + german))
    assert sheet.names == ("Wert [°C]",)
    assert sheet.decimals == (2,)
    assert sheet.values[:3, 0].tolist() == [0.25, 1.25, 2.25]
    assert "Datum" in sheet.notes[0]
    newest = "Date,v\n" + "".join(f"{2020 - i}-01-01,{i}\n" for i in range(5))
    assert read_sheet(written(tmp_path / "newest.csv", newest)).values[:, 0].tolist() == [4, 3, 2, 1, 0]
    assert read_sheet(written(tmp_path / "none.csv", "1\t2\n3\t4\n")).names == ("column 1", "column 2")


def test_no_row_is_in_a_window_of_both_splits(tmp_path: Path) -> None:
    file = written(tmp_path / "count.csv", "t\n" + "".join(f"{i}\n" for i in range(1000)))
    train, test = (load(file, split, length=10) for split in ("train", "test"))
    spec = train.spec
    rows = []
    for data in (train, test):
        x = np.asarray(data.arrays["x"])[..., 0]
        values = np.rint(x * spec.note["scale"][0] + spec.note["offset"][0]).astype(int)
        assert (np.diff(values, axis=1) == 1).all()
        rows.append(set(values.ravel().tolist()))
    assert not rows[0] & rows[1]
    assert rows[0] | rows[1] == set(range(1000))
    assert 0.15 < len(rows[1]) / 1000 < 0.25
    # A trend is in both parts.
    assert max(rows[1]) == 999
    assert min(rows[1]) < 150


@pytest.mark.parametrize("rows", [24, 95, 96, 200, 10_000])
def test_the_parts_cover_a_series_once(rows: int) -> None:
    found = parts(rows, 24)
    covered = [row for part in found.values() for where in part for row in range(rows)[where]]
    assert sorted(covered) == list(range(rows))
    assert bool(found["test"]) == (rows >= 96)
    assert all(len(range(rows)[where]) >= 24 for part in found.values() for where in part)


def test_a_short_file_has_no_held_out_part_and_says_so(tmp_path: Path) -> None:
    file = written(tmp_path / "short.csv", walk(30))
    assert len(load(file)) == 7
    with pytest.raises(GanzooError, match="no test split"):
        load(file, "test")


def test_a_folder_of_equally_long_files_is_a_series_each(tmp_path: Path) -> None:
    for number in range(10):
        written(tmp_path / f"{number}.csv", "a,b\n" + "".join(f"{number},{step}\n" for step in range(6)))
    assert [len(load(tmp_path, split)) for split in ("train", "test")] == [8, 2]
    assert load(tmp_path).spec.shape == (6, 2)
    written(tmp_path / "x.csv", "a,c\n1,2\n")
    assert "has the columns a, c" in refusal(tmp_path)


def test_classes_in_a_file_of_many_series(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'up' if n % 2 else 'down'},{n + step}\n" for n in range(10) for step in range(4))
    data = load(written(tmp_path / "many.csv", "series,class,v\n" + rows))
    assert data.spec.class_names == ("down", "up")
    assert np.asarray(data.arrays["y"]).tolist() == [0, 1, 0, 1, 1, 0, 1, 0]


@pytest.mark.parametrize("variant", ["timegan", "rcgan", "quantgan"])
def test_from_the_users_file_to_scores_of_files(variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = f"series:{written(tmp_path / 'load.csv', walk(200))}"
    options = {"sample_every": 3, "save_every": 3, "progress": False}
    trained = ganzoo.train(variant, dataset=source, steps=3, set=small(variant) | {"batch": 8}, scores=False, **options)
    assert trained.data.note["columns"] == ["Temperature [°C]", "Load [kW]"]
    for to in ("new.csv", "new"):
        assert run(["sample", str(trained.path), "-n", "12", "--to", to]) == 0
    with (tmp_path / "new.csv").open(encoding="utf-8") as opened:
        rows = list(csv.reader(opened))
    assert rows[0] == ["series", "Temperature [°C]", "Load [kW]"]
    assert len(rows) == 1 + 12 * 24
    # As many decimals as the user's.
    assert all(len(row[1].partition(".")[2]) == 2 and len(row[2].partition(".")[2]) == 1 for row in rows[1:])
    assert len(list((tmp_path / "new").glob("*.csv"))) == 12
    names = ["autocorrelation", "tails", "series-mmd"]
    of_file, of_folder = (ganzoo.evaluate(path, against=source, metrics=names) for path in ("new.csv", "new"))
    assert [score.value for score in of_file.scores] == [score.value for score in of_folder.scores]
    assert all(score.real is not None for score in of_file.scores)
    written(tmp_path / "other.csv", walk(60, "a,b"))
    with pytest.raises(GanzooError, match="has the columns a, b"):
        ganzoo.evaluate("other.csv", against=source, metrics=names)
    # What was generated can be trained on.
    assert load(tmp_path / "new.csv").spec.shape == load(tmp_path / "new").spec.shape == (24, 2)


def small(variant: str) -> dict[str, Any]:
    recipe = next(iter(registry.variants()[variant].recipes.values()))
    return {key: value for key, value in TINY.items() if hasattr(recipe, key)}


# Scores.


def series(n: int = 200, steps: int = 30, columns: int = 2) -> np.ndarray:
    return np.random.RandomState(0).standard_normal((n, steps, columns)).cumsum(1)


def test_autocorrelations_are_correlations_of_all_pairs() -> None:
    x = np.random.RandomState(1).standard_normal((4000, 20, 1))
    x[:, 1:] += 0.8 * x[:, :-1]
    wanted = np.corrcoef(x[:, :-3, 0].ravel(), x[:, 3:, 0].ravel())[0, 1]
    assert statistics.autocorrelation(x, 3)[2, 0] == pytest.approx(wanted, abs=0.01)
    later = np.corrcoef(x[:, :-1, 0].ravel(), (x[:, 1:, 0] - x.mean()).ravel() ** 2)[0, 1]
    assert statistics.leverage(x, 1)[0, 0] == pytest.approx(later, abs=0.01)


def test_kurtosis_and_tail_index_are_those_of_known_distributions() -> None:
    rng = np.random.RandomState(0)
    x = np.stack([rng.standard_t(4, (2000, 100)), rng.standard_normal((2000, 100))], 2)
    wanted = [scipy.stats.kurtosis(x[..., at].ravel()) for at in range(2)]
    assert statistics.excess_kurtosis(x) == pytest.approx(wanted)
    # Of Student's t, the exponent is the degrees of freedom.
    assert statistics.tail_index(x, 0.001)[0] == pytest.approx(4, abs=0.6)
    assert statistics.tail_index(x)[1] > 5


def test_prices_are_judged_by_their_differences_and_sines_not_at_all() -> None:
    returns = np.random.RandomState(0).standard_normal((300, 40, 1))
    slow = np.sin(0.1 * np.arange(40)[:, None] + np.random.RandomState(0).rand(300, 1, 1))
    x = np.concatenate([returns, returns.cumsum(1), slow, 0 * slow], 2)
    assert statistics.kinds_of_columns(x) == ["values", "differences", "", ""]


def test_the_simulated_market_has_the_stylised_facts() -> None:
    x = simulate(3000, 64, np.random.RandomState(0))[..., None]
    assert x.std() == pytest.approx(1, abs=0.1)
    assert statistics.excess_kurtosis(x)[0] > 2
    assert abs(statistics.autocorrelation(x, 1)[0, 0]) < 0.02
    assert statistics.autocorrelation(np.abs(x), 20)[:, 0].min() > 0.05
    assert statistics.leverage(x, 5)[:, 0].max() < 0


METRICS = ("discriminative", "predictive", "series-mmd", "autocorrelation", "volatility", "tails")


@pytest.mark.parametrize("name", METRICS)
def test_noise_scores_worse_than_held_out_series(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posthoc, "STEPS", 60)
    spec = market_of("train").spec
    kind, compute = registry.modality("series"), registry.metrics()[name].compute

    def scored(x: torch.Tensor) -> dict[str, float]:
        return dict(compute(Samples(x, None, spec, Data(name="market"), Path(), 0, market_of, kind)))

    real = market_of("test").batch(subset(300, 300))["x"]
    noise = torch.randn(real.shape, generator=torch.Generator().manual_seed(0)) * 1.5
    good, bad = scored(real), scored(noise)
    better = registry.metrics()[name].better
    assert good.keys() == bad.keys() != set()
    for value in good:
        if better[value] in ("lower", 0.0) and value != "predictive":
            assert abs(good[value]) < abs(bad[value]), value


def market_of(split: str) -> Dataset:
    x = simulate(600 if split == "train" else 300, 32, np.random.RandomState(split == "test"))[..., None]
    return Dataset({"x": torch.from_numpy(x).float()}, DataSpec("market", "series", (32, 1), range=None))


# TimeGAN.


def test_timegans_stages_follow_one_another() -> None:
    game = built("timegan.sines", SPEC, steps=100, pretrain_e=0.2, pretrain_s=0.3, g_updates=2, **small("timegan"))
    due = {step: [row.name for row in game.phases() if row.runs_at(step)] for step in (0, 19, 20, 49, 50, 99)}
    assert [due[step] for step in (0, 20, 50)] == [["embedding"], ["supervised"], ["g", "e", "d"]]
    assert [due[step] for step in (19, 49, 99)] == [["embedding"], ["supervised"], ["g", "e", "d"]]
    assert [row.repeats for row in game.phases()] == [1, 1, 2, 2, 1]
    with pytest.raises(GanzooError, match="less than 1"):
        built("timegan.sines", SPEC, pretrain_e=0.6, pretrain_s=0.4)


def test_timegans_losses_are_those_of_the_authors_code() -> None:
    torch.manual_seed(0)
    weights = {"unsupervised": 1, "supervision": 100, "moments": 100}
    game = built("timegan.sines", SPEC, **small("timegan"), d_floor=0, **weights)
    e, g, d = (game.players[name] for name in "egd")
    x = torch.rand(5, 12, 2) * 2 - 1
    h = e.embed(x)
    error = ((e.recover(h) - x) ** 2).mean().sqrt()
    assert torch.allclose(game.embedding_loss({"x": x})["loss"], 10 * error, rtol=1e-3)
    step = ((g.supervise(h)[:, :-1] - h[:, 1:]) ** 2).mean()
    assert torch.allclose(game.supervised_loss({"x": x})["loss"], step)
    torch.manual_seed(1)
    terms = game.generator_loss({"x": x})
    torch.manual_seed(1)
    before = g.generate(game.noise_of(game.draw_latent(5)))
    after = g.supervise(before)
    ones = torch.ones(5, 12)
    bce = binary_cross_entropy_with_logits
    fake = e.recover(after)
    spread = (fake.var(0, correction=0) + 1e-6).sqrt() - (x.var(0, correction=0) + 1e-6).sqrt()
    moments = spread.abs().mean() + (fake.mean(0) - x.mean(0)).abs().mean()
    assert torch.allclose(terms["loss"], bce(d(after), ones))
    assert torch.allclose(terms["unsupervised"], bce(d(before), ones))
    assert torch.allclose(terms["supervision"], 100 * step.sqrt(), rtol=1e-3)
    assert torch.allclose(terms["moments"], 100 * moments, rtol=1e-3)
    torch.manual_seed(1)
    of_d = game.discriminator_loss({"x": x})
    assert torch.allclose(of_d["loss"], bce(d(h), ones) + bce(d(after), 0 * ones))
    assert torch.allclose(of_d["unsupervised"], bce(d(before), 0 * ones))


def test_timegans_static_noise_is_in_all_steps() -> None:
    game = built("timegan.sines", SPEC, **small("timegan"), static=3)
    z = game.draw_latent(4)
    noise = game.noise_of(z)
    assert game.latent == z.shape[1] == 3 + 12 * 2
    assert torch.equal(noise[:, :, :3], z[:, None, :3].expand(-1, 12, -1))
    assert torch.equal(noise[:, :, 3:], z[:, 3:].view(4, 12, 2))
    # None is as many as there are columns, as in the authors' code.
    assert built("timegan.paper", SPEC).latent == 12 * 2


def test_timegans_discriminator_rests_while_it_is_good_enough() -> None:
    torch.manual_seed(0)
    game = built("timegan.sines", SPEC, **small("timegan"), d_floor=100)
    terms = game.discriminator_loss({"x": torch.rand(5, 12, 2)})
    (terms["loss"] + terms["unsupervised"]).backward()
    assert not any(weight.grad is not None and weight.grad.any() for weight in game.players["d"].parameters())


# RCGAN.


def test_rcgan_appends_the_class_to_every_step() -> None:
    torch.manual_seed(0)
    game = built("rcgan.waves", DataSpec("sines", "series", (6, 1), 3), cell="lstm", per_step=True, **small("rcgan"))
    assert game.classes == 3
    assert game.latent == 6 * 2
    z, y = game.draw_latent(4), torch.tensor([0, 1, 2, 2])
    steps = torch.cat([z.view(4, 6, 2), torch.eye(3)[y][:, None].expand(4, 6, 3)], 2)
    body = game.generator.body
    assert torch.allclose(game.generate(z, y), torch.tanh(body.output(body.body(steps)[0])))
    x = torch.rand(4, 6, 1)
    judged = game.discriminator.body
    seen = torch.cat([x, torch.eye(3)[y][:, None].expand(4, 6, 3)], 2)
    assert torch.allclose(game.look(x, y), judged.output(judged.body(seen)[0])[..., 0])
    assert game.look(x, y).shape == (4, 6)
    shared = built("rcgan.waves", DataSpec("own", "series", (6, 1)), cell="lstm", **small("rcgan"))
    z = shared.draw_latent(4)
    assert z.shape == (4, 2)
    body = shared.generator.body
    assert torch.allclose(shared.generate(z), torch.tanh(body.output(body.body(z[:, None].expand(-1, 6, -1))[0])))
    assert built("rcgan.waves", DataSpec("own", "series", (6, 1)), **small("rcgan")).classes == 0


# Quant GAN.


def test_a_temporal_network_is_causal_and_sees_its_receptive_field() -> None:
    torch.manual_seed(0)
    assert receptive_field(6) == 127
    network = TemporalNetwork(2, 4, 1, 3)
    x = torch.randn(1, 20, 2, requires_grad=True)
    output = network(x)
    assert output.shape == (1, 20 - 15 + 1, 1)
    output[0, 2].sum().backward()
    assert x.grad is not None
    touched = x.grad[0].abs().sum(1).nonzero()[:, 0]
    assert (touched.min(), touched.max()) == (2, 16)


def test_lambert_w_and_delta_are_those_of_goerg() -> None:
    z = torch.logspace(-6, 4, 50, dtype=torch.float64)
    assert np.allclose(lambert_w(z), scipy.special.lambertw(z.numpy()).real, rtol=1e-6)
    assert float(lambert_w(torch.zeros(()))) == 0
    assert delta_of(2.0) == pytest.approx(0, abs=1e-9)
    rng = np.random.RandomState(0)
    y = rng.standard_normal(4_000_000)
    kurtosis = scipy.stats.kurtosis(y * np.exp(0.1 * y**2 / 2)) + 3
    assert delta_of(kurtosis) == pytest.approx(0.1, abs=0.01)
    assert delta_of(math.inf) == pytest.approx(0.2)


def test_quantgan_restores_what_it_gaussianises() -> None:
    note = {"mean": [0.1], "deviation": [2.0], "kurtosis": [8.0]}
    game = built("quantgan.market", DataSpec("market", "series", (16, 1), range=None, note=note), **small("quantgan"))
    x = torch.from_numpy(np.random.RandomState(0).standard_t(5, (3000, 16, 1))).float()
    light = game.gaussianised(x)
    assert torch.allclose(game.image_of(light), x, atol=1e-4)
    assert scipy.stats.kurtosis(light.numpy().ravel()) < scipy.stats.kurtosis(x.numpy().ravel())
    # D sees real series transformed, and generated ones as G returns them.
    assert torch.equal(game.shown(x, {"x": x}), light)
    assert game.shown(light, {"x": x}) is light
    with pytest.raises(GanzooError, match="too short"):
        built("quantgan.market", DataSpec("short", "series", (5, 1)))


@pytest.mark.shared_data
def test_the_stock_series_of_timegan() -> None:
    file = ROOT / ".." / "shared" / "data" / "timeseries" / "stock_data.csv"
    if not file.is_file():
        pytest.skip(f"there is no {file}")
    data = load(file)
    assert data.spec.shape == (24, 6)
    assert data.spec.note["columns"] == ["Open", "High", "Low", "Close", "Adj_Close", "Volume"]
    assert len(data) > 2000
    assert len(load(file, "test")) > 200


def test_the_google_share_comes_with_matplotlib() -> None:
    data = registry.datasets()["google"].load(Data(name="google"), Path(), "train")
    first = np.asarray(data.arrays["x"])[0, 0] * data.spec.note["scale"] + data.spec.note["offset"]
    assert first == pytest.approx([100, 104.06, 95.96, 100.34, 100.34, 22351900], rel=1e-5)


def test_the_cards_import_nothing_heavy() -> None:
    code = (
        "import json, sys, ganzoo_series, ganzoo_timegan, ganzoo_rcgan, ganzoo_quantgan\n"
        "print(json.dumps([name for name in ('torch', 'numpy', 'scipy') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
