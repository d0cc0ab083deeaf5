"""Pairs, maps and unpaired domains: the data sets, the user's own files, the scores, and the games made for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from bundled import recipe_of
from PIL import Image

import ganzoo
from ganzoo import cli
from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.games.translation import ImagePool, jittered
from ganzoo.recipes import Data, DataSpec
from ganzoo.zoo import registry

PAIR = DataSpec("edges", "image", (1, 8, 8), inputs={"source": DataSpec("source", "image", (1, 8, 8))})
GENERATOR = np.random.RandomState(0)


def loaded(name: str, split: str = "train", **keys: Any) -> Dataset:
    return registry.datasets().find(name).load(Data(name=name, **keys), Path(), split)


def game(name: str, data: DataSpec = PAIR, **keys: Any) -> Any:
    torch.manual_seed(0)
    return registry.variants()[name.partition(".")[0]].build(recipe_of(name, width=4, d_width=4, **keys), data)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classifiers and readers of maps that are trained for a few steps."""
    from ganzoo_pairs import reading

    from ganzoo.evaluation.features import classifier

    monkeypatch.setattr(classifier, "MIN_STEPS", 60)
    monkeypatch.setattr(classifier, "MAX_STEPS", 60)
    monkeypatch.setattr(reading, "STEPS", 150)


def picture(path: Path, pixels: Any, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)


def noise(height: int, width: int, channels: int = 3) -> Any:
    return GENERATOR.randint(0, 256, (height, width, channels))


def refused(*words: Any, capfd: pytest.CaptureFixture[str]) -> str:
    assert cli.run([str(word) for word in words]) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


# Data sets made from another one.


def test_edges_of_a_square_are_a_thin_dark_line_around_it() -> None:
    from ganzoo_pairs.make import edges

    x = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    x[0, :, 4:12, 4:12] = 200
    found = edges(x)
    assert found.shape == (2, 1, 16, 16)
    assert set(found.unique().tolist()) == {0, 255}
    line = found[0, 0] == 0
    # One pixel between the square and the background in each row and column through its middle, twice.
    assert (line[8].sum(), line[:, 8].sum()) == (2, 2)
    assert not line[6:10, 6:10].any()
    assert not (found[1] == 0).any()


def test_weak_edges_are_kept_only_where_they_touch_strong_ones() -> None:
    from ganzoo_pairs.make import edges

    x = torch.zeros(2, 1, 16, 32, dtype=torch.uint8)
    # A step whose height grows to the right: of 255, from 0.12 (weak) to 0.18, or to 0.35 (strong).
    x[0, 0, :8], x[1, 0, :8] = (torch.linspace(30, top, 32).to(torch.uint8) for top in (45, 90))
    dark = edges(x)[:, 0] == 0
    assert not dark[0].any()
    assert dark[1, 7:9].any(0).all()


def test_pairs_of_digits_belong_together() -> None:
    plain = registry.datasets().find("digits").load(Data(), Path(), "test")
    grey, maps = loaded("grey", "test"), loaded("segments", "test")
    assert torch.equal(torch.as_tensor(grey.arrays["source"]), torch.as_tensor(plain.arrays["x"]))
    assert torch.equal(torch.as_tensor(grey.arrays["y"]), torch.as_tensor(plain.arrays["y"]))
    colours = torch.as_tensor(grey.arrays["x"]).double().sum((2, 3))
    hues = colours / colours.sum(1, keepdim=True)
    for label in range(10):
        assert hues[torch.as_tensor(grey.arrays["y"]) == label].std(0).max() < 0.01, "one colour for each class"
    note = maps.spec.inputs["source"].note
    from ganzoo_pairs.reading import classes_of

    numbers = classes_of(torch.as_tensor(maps.arrays["source"]), note["colours"])
    stroke = torch.as_tensor(plain.arrays["x"])[:, 0] > 127
    labels = torch.as_tensor(plain.arrays["y"])[:, None, None]
    assert torch.equal(numbers, torch.where(stroke, 1 + labels, 0))
    assert note["names"][:2] == ["background", "0"]


def test_domains_have_no_image_in_both() -> None:
    plain = torch.as_tensor(registry.datasets().find("digits").load(Data(), Path(), "train").arrays["x"])
    found = loaded("domains")
    assert found.groups == [["x", "y"], ["source", "source_y"]]
    assert torch.equal(torch.as_tensor(found.arrays["source"])[:, :1], plain[0::2])
    chalk = torch.as_tensor(found.arrays["x"]).float()
    assert torch.corrcoef(torch.stack([chalk[:, 0].flatten(), plain[1::2].float().flatten()]))[0, 1] > 0.99
    assert (chalk.amin((0, 2, 3)) > 10).all(), "on a board that is not black"
    assert found.spec.note["unpaired"]


def test_mirrored_pairs_are_mirrored_together() -> None:
    found = loaded("edges", flip=True)
    count = found.count
    assert len(found) == 2 * count
    one, other = (found.batch(torch.tensor([row])) for row in (3, 3 + count))
    for name in ("x", "source"):
        assert torch.equal(other[name], one[name].flip(-1))
    unpaired = loaded("domains", flip=True)
    assert unpaired.lengths == [2 * len(unpaired.arrays["x"]), 2 * len(unpaired.arrays["source"])]


@pytest.mark.parametrize("name", ["edges", "segments"])
def test_large_images_are_made_into_pairs_when_they_are_read(name: str, tmp_path: Path) -> None:
    for number in range(12):
        picture(tmp_path / "photos" / f"{number:02d}.png", noise(20, 20))
    found = loaded(name, kind="folder", path=str(tmp_path / "photos"), size=16)
    assert not isinstance(found.arrays["source"], torch.Tensor)
    batch = found.batch(torch.tensor([3, 1]))
    assert batch["source"].shape[2:] == (16, 16)
    from ganzoo_pairs import make

    if name == "edges":
        assert torch.equal(to_uint8(batch["source"]), make.edges(to_uint8(batch["x"])))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("edges:nothing", "unknown data set 'nothing'"),
        ("edges:points", "points is not plain image data"),
        ("edges:grey", "grey is not plain image data"),
        ("edges:.", "type --dataset edges:folder --set data.path=."),
        ("paired:nowhere", "there is no folder nowhere"),
    ],
)
def test_a_data_set_that_cannot_be_made_into_pairs_is_one_line(
    words: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert said in refused("train", "pix2pix", "--dataset", words, "--steps", 1, capfd=capfd)


def test_grey_images_without_labels_have_no_colour(tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match="no labels to colour it by"):
        loaded("grey", labels=False)


# The user's own files.


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve pairs of other sizes and formats, one damaged file, one without a partner."""
    for number in range(12):
        picture(tmp_path / "a" / f"{number:02d}.png", noise(20 + number, 24, 3))
        picture(tmp_path / "b" / f"{number:02d}.jpg", noise(32, 32, 3))
    (tmp_path / "a" / "05.png").write_bytes(b"damaged")
    picture(tmp_path / "b" / "alone.png", noise(8, 8))
    return tmp_path


def test_files_of_the_same_name_are_a_pair(photos: Path) -> None:
    train, test = (loaded("paired", split, path=str(photos), size=16) for split in ("train", "test"))
    # Twelve pairs, of which every tenth is held out, and one is damaged.
    assert (train.count, test.count) == (10, 1)
    assert train.skipped == ("a/05.png", "b/05.jpg")
    assert train.reasons[1] == "its partner cannot be read"
    assert any("1 images without a partner are left out: b/alone.png" in line for line in train.notes)
    for row, name in enumerate(["00", "01", "02", "03", "04", "06"]):
        with Image.open(photos / "b" / f"{name}.jpg") as image:
            wanted = np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.LANCZOS))
        assert np.abs(np.asarray(train.arrays["x"][row]).astype(int) - wanted.transpose(2, 0, 1)).max() <= 2


def test_two_folders_and_the_other_direction(photos: Path) -> None:
    one = loaded("paired", path=str(photos), size=8)
    keys = {"path": str(photos / "a"), "second_path": str(photos / "b"), "size": 8}
    two, back = loaded("paired", **keys), loaded("paired", **keys, kind="b-to-a")
    for name in ("x", "source"):
        assert np.array_equal(one.arrays[name], two.arrays[name])
    assert np.array_equal(back.arrays["x"], two.arrays["source"])
    assert np.array_equal(back.arrays["source"], two.arrays["x"])


def test_pairs_side_by_side_are_cut_in_the_middle(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path / split / "1.png", np.concatenate([np.full((9, 9, 3), 250), np.zeros((9, 9, 3))], 1))
    found = loaded("paired", "test", path=str(tmp_path), size=9, channels=1)
    assert np.asarray(found.arrays["source"]).min() == 250
    assert np.asarray(found.arrays["x"]).max() == 0
    picture(tmp_path / "train" / "0.png", noise(9, 9))
    with pytest.raises(GanzooError, match="no pair side by side"):
        loaded("paired", path=str(tmp_path))


def test_maps_keep_their_colours_at_another_size(tmp_path: Path) -> None:
    colours = np.array([[200, 0, 0], [0, 200, 0], [100, 100, 0]])
    for number in range(11):
        picture(tmp_path / "maps" / f"{number}.png", colours[GENERATOR.randint(0, 3, (21, 21))])
        picture(tmp_path / "photos" / f"{number}.jpg", noise(32, 32))
    train, test = (loaded("maps", split, path=str(tmp_path), size=8) for split in ("train", "test"))
    note = train.spec.inputs["source"].note
    assert sorted(note["colours"]) == sorted(colours.tolist())
    assert test.spec.inputs["source"].note == note
    modality = registry.modality("image")
    x, _ = modality.read(tmp_path / "maps", train.spec.inputs["source"])
    seen = {tuple(colour) for colour in to_uint8(x).permute(0, 2, 3, 1).reshape(-1, 3).tolist()}
    assert seen == set(map(tuple, colours.tolist()))
    picture(tmp_path / "maps" / "0.png", noise(40, 40))
    with pytest.raises(GanzooError, match=r"save maps without loss|colours, and at most 256"):
        loaded("maps", path=str(tmp_path), size=32)


def test_unpaired_folders_may_differ_in_number_and_colour(tmp_path: Path) -> None:
    for number in range(12):
        picture(tmp_path / "trainA" / f"{number}.png", noise(8, 8)[:, :, 0])
    for number in range(5):
        picture(tmp_path / "trainB" / f"x{number}.png", noise(8, 8))
        picture(tmp_path / "testA" / f"{number}.png", noise(8, 8))
        picture(tmp_path / "testB" / f"{number}.png", noise(8, 8))
    train, test = (loaded("unpaired", split, path=str(tmp_path), size=8) for split in ("train", "test"))
    assert train.spec.shape == train.spec.inputs["source"].shape == (3, 8, 8)
    assert (len(train.arrays["source"]), len(train.arrays["x"]), len(test.arrays["x"])) == (12, 5, 5)
    with pytest.raises(GanzooError, match="learns from pairs"):
        game("pix2pix.edges", train.spec)


# Scores.


def scored(metric: str, fake: Any, generator: Any = None, **more: Any) -> Any:
    dataset = more.pop("dataset")
    spec = registry.metrics()[metric]
    return spec.compute(
        Samples(
            fake, None, dataset.spec, Data(name=dataset.spec.name), Path(), 0, more.pop("load", lambda split: dataset),
            registry.modality("image"), generator=generator, **more,
        )
    )  # fmt: skip


def test_the_distance_from_targets_is_that_of_the_formulas() -> None:
    dataset = loaded("edges", "test")
    real = torch.as_tensor(dataset.arrays["x"])[:20]
    fake = (real.int() + 10).clamp(max=255).to(torch.uint8)
    found = scored("targets", fake, dataset=dataset, targets=real)
    difference = (fake.double() - real.double()).flatten(1)
    assert found["L1"] == pytest.approx(float(difference.abs().mean()))
    wanted = (20 * np.log10(255) - 10 * torch.log10(difference.square().mean(1))).mean()
    assert found["PSNR"] == pytest.approx(float(wanted))
    assert 0.9 < found["SSIM"] < 1
    same = scored("targets", real, dataset=dataset, targets=real)
    assert (same["L1"], same["SSIM"]) == (0, pytest.approx(1))
    assert found.standard_errors()["L1"] > 0


def test_similarity_is_that_of_wang_et_al() -> None:
    from ganzoo_pairs.metrics import similarity

    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(256, (2, 1, 8, 8), generator=generator, dtype=torch.uint8) for _ in range(2))
    taps = torch.exp(-0.5 * (torch.arange(-5, 6) / 1.5).double() ** 2)
    window = torch.outer(taps, taps) / taps.sum() ** 2

    def mean(x: Any) -> Any:
        return torch.nn.functional.conv2d(torch.nn.functional.pad(x, (5, 5, 5, 5), "reflect"), window[None, None])

    # Equation 13, in a window around each pixel.
    x, y = a.double(), b.double()
    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    wanted = (2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert similarity(a, b).tolist() == pytest.approx(wanted.mean((1, 2, 3)).tolist(), abs=1e-4)


def test_a_missing_library_costs_one_score_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganzoo_pairs import metrics

    def missing(*_: Any) -> Any:
        raise ImportError

    monkeypatch.setattr(metrics, "similarity", missing)
    dataset = loaded("edges", "test")
    real = torch.as_tensor(dataset.arrays["x"])[:20]
    found = scored("targets", real, dataset=dataset, targets=real)
    assert set(found) == {"L1", "PSNR"}
    assert found.notes == ("SSIM: no value without the package torchmetrics: pip install 'ganzoo[image]'",)


def test_labels_are_kept_by_copies_and_not_by_others(quick: None) -> None:
    dataset = loaded("grey", "train")
    splits = {"train": dataset, "test": loaded("grey", "test")}
    x, y = (torch.as_tensor(splits["test"].arrays[name]) for name in ("x", "y"))
    load: Callable[[str], Dataset] = splits.__getitem__
    for given, low, high in ((y, 0.9, 1), ((y + 1) % 10, 0, 0.1)):
        found = scored("label-kept", x, dataset=dataset, load=load, given={"y": given})
        assert low <= found["label-kept[domain:grey]"] <= high
    assert found.of_real["label-kept[domain:grey]"] > 0.9


def test_maps_are_read_back_from_real_images_and_not_from_others(quick: None) -> None:
    train, test = loaded("segments"), loaded("segments", "test")
    batch = test.batch(torch.arange(100))
    x = to_uint8(batch["x"])
    given, options = {"source": batch["source"]}, {"dataset": train, "targets": x}
    right = scored("map-read-back", x, given=given, **options)
    wrong = scored("map-read-back", x.flip(0), given=given, **options)
    assert right == right.of_real
    assert right["map-accuracy"] > 0.8 > wrong["map-accuracy"]
    assert 1 > right["map-IoU"] > 2 * wrong["map-IoU"]


# The games.


def test_pix2pix_adds_the_distance_from_the_target() -> None:
    gan = game("pix2pix.edges", l1_weight=7.0)
    x, fakes = torch.zeros(2, 1, 8, 8), torch.full((2, 1, 8, 8), 0.5)
    logits = torch.tensor([[[0.0]], [[0.0]]])
    terms = gan.g_terms({"x": x}, fakes, logits, None)
    assert terms["l1"].item() == pytest.approx(7 * 0.5)
    assert terms["loss"].item() == pytest.approx(np.log(2))


def test_pix2pixs_discriminator_sees_the_input_and_the_sample() -> None:
    gan = game("pix2pix.edges")
    batch = {"x": torch.randn(3, 1, 8, 8), "source": torch.randn(3, 1, 8, 8)}
    assert torch.equal(gan.shown(batch["x"], batch), torch.cat([batch["source"], batch["x"]], 1))
    assert gan.look(gan.shown(batch["x"], batch)).shape == (3, 2, 2)
    with gan.for_sampling():
        one, two = (gan.sample(3, given={"source": batch["source"]}) for _ in range(2))
    assert not torch.equal(one, two), "dropout is the noise, in samples too"


def test_jitter_moves_both_images_of_a_pair_alike() -> None:
    torch.manual_seed(0)
    x = torch.rand(6, 2, 8, 8)
    a, b = jittered([x, x], 4)
    assert a.shape == x.shape
    assert torch.equal(a, b)
    large = torch.nn.functional.interpolate(x, (12, 12), mode="bilinear")
    crops = large.unfold(2, 8, 1).unfold(3, 8, 1).flatten(2, 3)
    found = [[bool((crops[n, :, k] == a[n]).all()) for k in range(25)] for n in range(6)]
    assert all(sum(row) == 1 for row in found)
    assert len({row.index(True) for row in found}) > 1
    maps = (x > 0.5).float()
    assert set(jittered([maps], 4, [True])[0].unique().tolist()) == {0.0, 1.0}


def test_the_pool_returns_past_images_half_of_the_time() -> None:
    torch.manual_seed(0)
    pool = ImagePool(6, (1, 1, 1))

    def images(numbers: Any) -> Any:
        return (torch.as_tensor(numbers).view(-1, 1, 1, 1) / 127.5 - 1).float()

    def shown(numbers: Any) -> list[int]:
        return [int(value) for value in to_uint8(pool(images(numbers))).flatten()]

    # Until it is full, new ones, all of which are kept.
    assert shown([1, 2, 3, 4]) == [1, 2, 3, 4]
    assert shown([5, 6])[:2] == [5, 6]
    assert sorted(pool.images.flatten().tolist()) == [1, 2, 3, 4, 5, 6]
    past = 0
    for step in range(100):
        new = [50 + step % 100, 150 + step % 100]
        before = pool.images.flatten().tolist()
        found, after = shown(new), pool.images.flatten().tolist()
        for wanted, got in zip(new, found, strict=True):
            if got == wanted:
                continue
            # Exchanged: it was in the pool, and the new one is there now.
            assert got in before
            assert wanted in after
            past += 1
    assert 70 < past < 130
    with pytest.raises(GanzooError, match="use --set pool=7"):
        pool(images(range(7)))
    assert torch.equal(ImagePool(0, (1, 1, 1))(images([9])), images([9]))


@pytest.mark.parametrize(
    ("identity", "terms"), [(0.5, {"x", "source", "cycle", "identity"}), (0.0, {"x", "source", "cycle"})]
)
def test_cyclegans_terms_are_those_of_the_equations(identity: float, terms: set[str]) -> None:
    gan = game("cyclegan.digits", cycle=3.0, identity=identity)
    batch = {"x": torch.rand(4, 1, 8, 8), "source": torch.rand(4, 1, 8, 8)}
    gan.eval()
    g, d = gan.players["g"], gan.players["d"]
    found = gan.translators_loss(batch)
    assert set(found) == terms
    made = g["x"](batch["source"])
    assert found["x"].item() == pytest.approx(((d["x"](made) - 1) ** 2).mean().item())
    there = (g["source"](made) - batch["source"]).abs().mean()
    back = (g["x"](g["source"](batch["x"])) - batch["x"]).abs().mean()
    assert found["cycle"].item() == pytest.approx(3 * (there + back).item(), rel=1e-5)
    if identity:
        same = (g["x"](batch["x"]) - batch["x"]).abs().mean() + (
            g["source"](batch["source"]) - batch["source"]
        ).abs().mean()
        assert found["identity"].item() == pytest.approx(1.5 * same.item(), rel=1e-5)
    of_d = gan.discriminators_loss(batch)
    real, fake = d["x"](batch["x"]), d["x"](made)
    assert of_d["x"].item() == pytest.approx(0.5 * (((real - 1) ** 2).mean() + (fake**2).mean()).item(), rel=1e-5)
    assert gan.pools["x"].filled == 4


def test_cyclegan_translates_both_ways() -> None:
    gan = game("cyclegan.digits")
    x = torch.rand(2, 1, 8, 8)
    with gan.for_sampling(averaged=False):
        assert torch.equal(gan.sample(2, given={"source": x}), gan.players["g"]["x"](x))
        assert torch.equal(gan.back(x), gan.players["g"]["source"](x))
    colour = DataSpec("two", "image", (3, 8, 8), inputs={"source": DataSpec("source", "image", (1, 8, 8))})
    with pytest.raises(GanzooError, match="use --set identity=0 or"):
        game("cyclegan.digits", colour)
    game("cyclegan.digits", colour, identity=0.0)


# From own files to own files.


def test_a_folder_of_photos_is_translated_and_damaged_ones_are_reported(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    small = ["--set", "data.size=16", "--set", "width=4", "--set", "d_width=4", "--set", "batch=4", "--steps", "3"]
    words = ["train", "pix2pix", "--dataset", f"paired:{photos}", "--out", str(run), "--no-scores", *small]
    assert cli.run(words) == 0
    capfd.readouterr()
    assert cli.run(["sample", str(run), "--given", str(photos / "a"), "--to", str(out)]) == 0
    assert "left out 1 of 12 files: " in caplog.text
    assert "05.png cannot be read" in caplog.text
    assert sorted(path.stem for path in out.iterdir()) == [f"{number:02d}" for number in range(12) if number != 5]
    assert Image.open(out / "00.png").size == (16, 16)
    # Input, output and target of the one held-out pair.
    assert Image.open(run / "samples.png").size == (2 + 50, 2 + 3 * 50)
    assert "leave --back out" in refused(
        "sample", run, "--back", photos / "b", "--grid", tmp_path / "x.png", capfd=capfd
    )


def test_the_weights_that_the_samples_are_of_translate() -> None:
    gan = game("cyclegan.digits", ema=0.9)
    with torch.no_grad():
        next(gan.players["g"].parameters()).fill_(1.0)
        next(gan.averages["g"].parameters()).fill_(2.0)
    seen = []

    def translate(x: torch.Tensor) -> torch.Tensor:
        seen.append(next(gan.players["g"].parameters()).flatten()[0].item())
        return x

    from ganzoo_pairs.metrics import translated

    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    for averaged in (True, False):
        samples: Any = SimpleNamespace(generator=gan, averaged=averaged)
        assert torch.equal(translated(samples, translate, images), images)
    assert seen == [2.0, 1.0]


def test_cyclegan_is_sampled_shown_and_scored_both_ways(quick: None, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "back"
    small = ["--set", "width=4", "--set", "d_width=4", "--set", "blocks=1", "--set", "batch=8", "--steps", "3"]
    assert cli.run(["train", "cyclegan", "--out", str(run), "--no-scores", *small]) == 0
    picture(tmp_path / "photos" / "one.png", noise(20, 30))
    assert cli.run(["sample", str(run), "--back", str(tmp_path / "photos"), "--to", str(out)]) == 0
    assert [path.name for path in out.iterdir()] == ["one.png"]
    loaded_run = ganzoo.load(run)
    x, _ = registry.modality("image").read(tmp_path / "photos", loaded_run.data)
    with loaded_run.gan.for_sampling():
        wanted = to_uint8(loaded_run.gan.back(x))[0].permute(1, 2, 0)  # type: ignore[operator]
    assert np.abs(np.asarray(Image.open(out / "one.png")).astype(int) - wanted.numpy()).max() <= 1
    # Input, translation and cycle, and the other way below.
    assert Image.open(run / "samples.png").size == (2 + 8 * 42, 2 * (2 + 12 * 42))
    found = ganzoo.evaluate(run, 50, metrics="fd-back,cycle,targets")
    names = {score.name for score in found.scores}
    assert {"FD-back[domain:domains-source]", "cycle-L1", "cycle-back-L1"} <= names
    assert any("targets: does not apply" in note for note in found.notes), "nothing belongs to these inputs"
    by_name = {score.name: score for score in found.scores}
    assert by_name["FD-back[domain:domains-source]"].real is not None
    given = loaded_run.data.inputs["source"]
    test = loaded("domains", "test")
    from ganzoo.data.samples import subset

    source = test.batch(subset(test.count, 50))["source"]
    with loaded_run.gan.for_sampling():
        again = loaded_run.gan.back(loaded_run.gan.sample(50, given={"source": source}))  # type: ignore[operator]
    wanted_l1 = (to_uint8(again).double() - to_uint8(source).double()).abs().mean().item()
    assert by_name["cycle-L1"].value == pytest.approx(wanted_l1, abs=0.5)
    assert given.classes == 10
    kept = json.loads((run / "scores.json").read_text())["scores"]
    assert len(kept) == len(found.scores)


MAPS = DataSpec(
    "segments", "image", (1, 8, 8),
    inputs={"source": DataSpec("maps", "image", (3, 8, 8), note={"colours": [[0, 0, 0], [255, 0, 0], [255, 255, 0]]})},
)  # fmt: skip


def test_spade_sees_maps_as_indicators_of_the_nearest_colour() -> None:
    gan = game("spade.digits", MAPS)
    pixels = torch.tensor([[[0, 0, 0], [250, 10, 0]], [[255, 240, 3], [255, 130, 0]]]).permute(2, 0, 1)[None]
    found = gan.condition({"source": pixels / 127.5 - 1})
    assert found.argmax(1)[0].tolist() == [[0, 1], [2, 2]]
    assert found.sum(1).eq(1).all()
    with pytest.raises(GanzooError, match="spade makes images from label maps"):
        game("spade.digits")


def test_spades_generator_starts_from_the_map_and_scales_by_it_at_every_size() -> None:
    from ganzoo.networks import SPADENorm

    # The paper's, of 256 pixels: 4x4 pixels of 1,024 channels, and seven blocks.
    with torch.device("meta"):
        big = DataSpec(
            "maps",
            "image",
            (3, 256, 256),
            inputs={"source": DataSpec("m", "image", (3, 256, 256), note=MAPS.inputs["source"].note)},
        )
        paper = registry.variants()["spade"].build(recipe_of("spade.folder"), big)
    g = paper.players["g"]
    assert g.start == (4, 4)
    channels = [block.convs[1].out_channels for block in g.blocks]
    assert channels == [1024, 1024, 1024, 512, 256, 128, 64]
    assert sum(isinstance(module, SPADENorm) for module in g.modules()) == 3 * 2 + 4 * 3
    # Pixels of the same class and neighbourhood are the same, and another map gives another image.
    gan = game("spade.digits", MAPS).eval()
    labels = torch.zeros(1, 3, 8, 8)
    labels[:, 1] = 1
    other = labels.roll(1, 1)
    one, two = (gan.players["g"](each) for each in (labels, other))
    assert one.shape == (1, 1, 8, 8)
    assert not torch.equal(one, two)


def test_spade_matches_ds_features_on_every_scale_but_not_the_logits() -> None:
    from ganzoo_spade.game import matching

    real = ((torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2)), (torch.zeros(2, 3), torch.zeros(2)))
    fake = ((torch.ones(2, 3), 2 * torch.ones(2, 3), 50 * torch.ones(2)), (5 * torch.ones(2, 3), torch.ones(2)))
    assert matching(fake, real).item() == pytest.approx((1 + 2 + 5) / 2)
    gan = game("spade.digits", MAPS, matching=3.0, d_scales=1)
    batch = {"x": torch.rand(4, 1, 8, 8), "source": torch.rand(4, 3, 8, 8)}
    terms = gan.generator_loss(batch)
    assert set(terms) == {"loss", "matching"}
    assert terms["matching"] > 0


def test_spades_discriminators_see_half_the_size_each() -> None:
    from ganzoo_spade.networks import MultiscaleDiscriminator

    d = MultiscaleDiscriminator((4, 32, 32), 4, layers=2, scales=2, norm="instance")
    found = d(torch.randn(2, 4, 32, 32))
    assert [[tuple(part.shape[1:]) for part in scale] for scale in found] == [
        [(4, 17, 17), (8, 9, 9), (10, 10)],
        [(4, 9, 9), (8, 5, 5), (6, 6)],
    ]
    with pytest.raises(GanzooError, match="too small for 2 discriminators of 3 layers"):
        MultiscaleDiscriminator((4, 8, 8), 4, norm="none")


def test_spade_is_trained_on_own_maps_and_translates_others(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    colours = np.array([[200, 0, 0], [0, 200, 0], [100, 100, 0]])
    for number in range(12):
        picture(tmp_path / "maps" / f"{number}.png", colours[GENERATOR.randint(0, 3, (20, 20))])
        picture(tmp_path / "photos" / f"{number}.png", noise(16, 16))
    keys = ["width=4", "ups=2", "hidden=4", "d_width=4", "d_layers=1", "d_scales=1", "data.size=16", "batch=4"]
    words = [word for key in keys for word in ("--set", key)]
    run = tmp_path / "run"
    assert (
        cli.run(
            [
                "train",
                "spade",
                "--dataset",
                f"maps:{tmp_path}",
                "--out",
                str(run),
                "--no-scores",
                "--steps",
                "2",
                *words,
            ]
        )
        == 0
    )
    assert (
        cli.run(["sample", str(run), "--given", str(tmp_path / "maps" / "3.png"), "--to", str(tmp_path / "out")]) == 0
    )
    assert Image.open(tmp_path / "out" / "3.png").size == (16, 16)
    assert ganzoo.load(run).data.inputs["source"].note["resize"] == "nearest"
    capfd.readouterr()
    assert "none: use --dataset segments" in refused("train", "spade", "--dataset", "edges", "--steps", 1, capfd=capfd)
