"""Anomalies: data of a normal and an anomalous part, games that find anomalies, and scores of finding them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bundled import built, recipe_of, weights
from PIL import Image
from torch import nn

import ganzoo
from ganzoo import cli
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.game import Level, Progress
from ganzoo.networks import ConvDiscriminator, ConvEncoder
from ganzoo.recipes import Data
from ganzoo.testing import check_dataset
from ganzoo.zoo import registry

SMALL = {"width": 4, "latent": 5, "g_hidden": [8], "d_hidden": [8]}


def load(split: str = "test", name: str = "one-class", **keys: Any) -> Any:
    return registry.datasets().find(name).load(Data(name=name, **keys), Path(), split)


def images(count: int, value: int = 255, size: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, value + 1, (count, size, size), dtype=np.uint8)


def save(folder: Path, count: int, seed: int = 0) -> None:
    folder.mkdir(parents=True)
    for number, pixels in enumerate(images(count, seed=seed)):
        Image.fromarray(pixels).save(folder / f"{number}.png")


def medmnist(path: Path, **changes: Any) -> Path:
    """A file as MedMNIST's: 28x28 in their case, labels [N, 1], with a validation split that nobody reads."""
    arrays: dict[str, Any] = {
        "train_images": images(40),
        "val_images": images(4, seed=1),
        "test_images": images(20, seed=2),
        "train_labels": (np.arange(40) % 2)[:, None].astype(np.uint8),
        "val_labels": np.zeros((4, 1), np.uint8),
        "test_labels": (np.arange(20) % 4 == 0)[:, None].astype(np.uint8),
    } | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


# The data


def test_one_class_trains_on_normal_classes_and_keeps_all_others_to_be_found() -> None:
    digits = {split: load(split, "digits") for split in ("train", "test")}
    train, test = load("train", kind="digits:0,8"), load("test", kind="digits:0,8")
    y = digits["train"].arrays["y"]
    chosen = (y == 0) | (y == 8)
    assert torch.equal(train.arrays["x"], digits["train"].arrays["x"][chosen])
    assert torch.equal(train.arrays["y"], (y[chosen] == 8).long())
    assert "anomalies" not in train.arrays
    assert (train.spec.classes, train.spec.class_names) == (2, ("0", "8"))
    y = digits["test"].arrays["y"]
    chosen = (y == 0) | (y == 8)
    assert torch.equal(test.arrays["x"], digits["test"].arrays["x"][chosen])
    assert torch.equal(test.arrays["anomalies"], digits["test"].arrays["x"][~chosen])
    assert test.spec.note == {"of": "digits", "normal": ["0", "8"]}
    # Features for scores are trained on the normal classes, if there are several.
    assert load("train", kind="digits:3").spec.classes == 0
    assert load("train", kind="digits:0,8", labels=False).spec.classes == 0


def test_by_default_the_first_half_of_the_classes_is_normal() -> None:
    assert load(kind="").spec.note["normal"] == load(kind="digits").spec.note["normal"] == list("01234")
    check_dataset(registry.datasets()["one-class"])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("digits:11", "unknown class '11'"),
        ("digits:0,1,2,3,4,5,6,7,8,9", "all classes of digits are named"),
        ("digit", "unknown data set 'digit': did you mean digits"),
        ("points", "needs images with labels and a test split"),
        ("celeba", "needs images with labels and a test split"),
        ("folder", "type --dataset normal-images:PATH"),
        ("one-class", "needs images with labels"),
    ],
)
def test_what_one_class_cannot_split_is_one_line(kind: str, words: str) -> None:
    with pytest.raises(GanzooError, match=words):
        load(kind=kind)


def test_a_file_of_medmnist_has_a_normal_class(tmp_path: Path) -> None:
    path = medmnist(tmp_path / "pneumonia.npz")
    train, test = (load(split, "normal-images", path=str(path)) for split in ("train", "test"))
    assert np.array_equal(train.arrays["x"].numpy()[:, 0], images(40)[::2])
    odd = np.arange(20) % 4 == 0
    assert np.array_equal(test.arrays["x"].numpy()[:, 0], images(20, seed=2)[~odd])
    assert np.array_equal(test.arrays["anomalies"].numpy()[:, 0], images(20, seed=2)[odd])
    other = load("test", "normal-images", path=str(path), kind="1")
    assert torch.equal(other.arrays["x"], test.arrays["anomalies"])
    check_dataset(registry.datasets()["normal-images"], Data(name="normal-images", path=str(path)))


def test_without_a_test_split_every_fifth_normal_image_is_held_out(tmp_path: Path) -> None:
    path = medmnist(tmp_path / "train.npz", test_images=None, test_labels=None)
    train, test = (load(split, "normal-images", path=str(path)) for split in ("train", "test"))
    normal = images(40)[::2]
    held_out = np.arange(20) % 5 == 4
    assert np.array_equal(train.arrays["x"].numpy()[:, 0], normal[~held_out])
    assert np.array_equal(test.arrays["x"].numpy()[:, 0], normal[held_out])
    assert np.array_equal(test.arrays["anomalies"].numpy()[:, 0], images(40)[1::2])


def test_images_without_labels_are_all_normal(tmp_path: Path) -> None:
    save(tmp_path / "photos", 10)
    train, test = (load(split, "normal-images", path=str(tmp_path / "photos"), size=8) for split in ("train", "test"))
    assert (train.count, test.count) == (8, 2)
    assert "anomalies" not in test.arrays
    with pytest.raises(GanzooError, match=r"has no labels, so all its images are normal: leave out data\.kind"):
        load("train", "normal-images", path=str(tmp_path / "photos"), kind="0", size=8)


def test_classes_called_good_or_normal_are_normal(tmp_path: Path) -> None:
    for seed, name in enumerate(("broken", "good", "scratched")):
        save(tmp_path / "parts" / name, 10, seed)
    train, test = (load(split, "normal-images", path=str(tmp_path / "parts"), size=8) for split in ("train", "test"))
    assert train.spec.note["normal"] == ["good"]
    assert (train.count, test.count, len(test.arrays["anomalies"])) == (8, 2, 20)
    several = load("train", "normal-images", path=str(tmp_path / "parts"), kind="good,broken", size=8)
    assert (several.count, several.spec.classes) == (16, 2)


def test_a_folder_of_mvtecs_layout(tmp_path: Path) -> None:
    root = tmp_path / "bottle"
    save(root / "train" / "good", 12)
    for seed, name in enumerate(("good", "broken", "contaminated"), 1):
        save(root / "test" / name, 4, seed)
    train, test = (load(split, "normal-images", path=str(root), size=8) for split in ("train", "test"))
    assert (train.count, test.count, len(test.arrays["anomalies"])) == (12, 4, 8)
    assert np.array_equal(test.arrays["x"][:][:, 0], images(4, seed=1))
    with pytest.raises(GanzooError, match="unknown class 'perfect'"):
        load("train", "normal-images", path=str(root), kind="perfect", size=8)
    for name in ("broken", "contaminated"):
        for file in (root / "test" / name).iterdir():
            file.unlink()
        (root / "test" / name).rmdir()
    with pytest.raises(GanzooError, match="only good, and no anomalies: add them"):
        load("test", "normal-images", path=str(root), size=8)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no folder"),
        ("empty", "there are no images"),
        ("text", "cannot be read as a .npz file"),
        ("points", "has points data, and normal-images takes images"),
    ],
)
def test_own_files_that_cannot_be_read_are_one_line(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "mine"
    if content == "empty":
        path.mkdir()
    elif content == "text":
        path = path.with_suffix(".npz")
        path.write_text("no numbers")
    elif content == "points":
        path = path.with_suffix(".npz")
        np.savez(path, x=np.zeros((5, 2), np.float32))
    with pytest.raises(GanzooError, match=words):
        load("train", "normal-images", path=str(path))
    with pytest.raises(GanzooError, match="type --dataset normal-images:PATH"):
        load("train", "normal-images")


# The metric


class Judge(nn.Module):
    """A game whose anomaly score is the mean of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.averages = nn.ModuleDict()

    def anomaly_scores(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((1, 2, 3))


def detected(game: Any, name: str, averaged: bool = True, **keys: Any) -> Any:
    data = Data(name=name, **keys)
    spec = registry.datasets().find(name)
    kind = registry.modality("image")

    def read(split: str) -> Any:
        return spec.load(data, Path(), split)

    train = read("train")
    fake = kind.scored(train.batch(torch.arange(10))["x"])
    samples = Samples(fake, None, train.spec, data, Path(), 0, read, kind, generator=game, averaged=averaged)
    return registry.metrics()["anomalies"].compute(samples)


def test_the_area_under_the_curve_is_the_fraction_of_pairs_in_order() -> None:
    game = built("f-anogan.one-class", load("train").spec, **SMALL).eval()
    game.anomaly_scores = Judge().anomaly_scores
    measured = detected(game, "one-class")
    test = load("test")
    normal, odd = (part.mean((1, 2, 3)) for part in (test.batch(torch.arange(test.count))["x"],
                   test.batch(torch.arange(len(test.arrays["anomalies"])))["anomalies"]))  # fmt: skip
    pairs = (odd[:, None] > normal).double() + 0.5 * (odd[:, None] == normal).double()
    assert measured["AUROC"] == pytest.approx(pairs.mean().item(), abs=1e-6)
    # The precision at each anomaly's score, averaged over the anomalies.
    both = torch.cat([normal, odd])
    precision = [(odd >= score).sum().item() / (both >= score).sum().item() for score in odd]
    assert measured["AP"] == pytest.approx(float(np.mean(precision)), abs=1e-6)
    assert measured.protocol == {"n_normal": len(normal), "n_anomalous": len(odd), "split": "test"}
    errors = measured.standard_errors()
    by_hand = (pairs.mean(0).var() / len(normal) + pairs.mean(1).var() / len(odd)).sqrt().item()
    assert errors["AUROC"] == pytest.approx(by_hand, rel=1e-5)
    assert 0 < errors["AP"] < 0.1


def test_the_weights_that_the_samples_are_of_find_the_anomalies() -> None:
    game = built("f-anogan.one-class", load("train").spec, ema=0.9, **SMALL).eval()
    with torch.no_grad():
        next(game.players["g"].parameters()).fill_(1.0)
        next(game.averages["g"].parameters()).fill_(2.0)
    seen = set()

    def score(x: torch.Tensor) -> torch.Tensor:
        seen.add(next(game.players["g"].parameters()).flatten()[0].item())
        return x.mean((1, 2, 3))

    game.anomaly_scores = score
    for averaged, expected in ((True, {2.0}), (False, {1.0})):
        seen.clear()
        detected(game, "one-class", averaged)
        assert seen == expected


def test_data_without_anomalies_have_no_such_score() -> None:
    assert detected(None, "digits") == {}


# The games


def test_an_encoder_is_a_discriminator_with_a_latent_for_its_output() -> None:
    d = ConvDiscriminator((3, 32, 32), 8, hidden=[16])
    for latent in (1, 7):
        encoder = ConvEncoder((3, 32, 32), latent, 8, hidden=[16])
        assert encoder(torch.zeros(2, 3, 32, 32)).shape == (2, latent)
        assert weights(encoder) == weights(d) + (latent - 1) * 17


def test_bigan_shows_d_an_image_with_its_code_and_a_latent_with_its_image() -> None:
    game = built("bigan.digits", **SMALL).eval()
    batch = {"x": torch.randn(3, 1, 8, 8)}
    x, z = game.shown(batch["x"], batch)
    assert torch.equal(x, batch["x"])
    assert torch.equal(z, game.generator.encoder(x))
    fakes = game.fakes(batch)
    x, z = game.shown(fakes, batch)
    assert torch.equal(x, game.generate(batch["z"]))
    assert torch.equal(z, batch["z"])


@pytest.mark.parametrize("loss", ["non-saturating", "least-squares", "wasserstein"])
def test_bigans_generator_and_encoder_have_the_loss_of_d_with_its_labels_swapped(loss: str) -> None:
    game = built("bigan.digits", **SMALL, loss=loss).eval()
    batch = {"x": torch.randn(6, 1, 8, 8)}
    torch.manual_seed(3)
    term = game.generator_loss(batch)["loss"]
    real = game.discriminator((batch["x"], game.encode(batch["x"])))
    fake = game.discriminator((game.generate(batch["z"]), batch["z"]))
    softplus, square = torch.nn.functional.softplus, torch.square
    wanted = {
        "non-saturating": softplus(-fake).mean() + softplus(real).mean(),
        "least-squares": 0.5 * (square(fake - 1).mean() + square(real).mean()),
        "wasserstein": real.mean() - fake.mean(),
    }[loss]
    assert term.item() == pytest.approx(wanted.item(), rel=1e-4)
    term.backward()
    for part in (game.generator.encoder, game.generator.decoder):
        assert all(weight.grad is not None and weight.grad.any() for weight in part.parameters() if weight.ndim > 1)


def test_bigans_anomaly_scores_are_residuals_of_pixels_and_of_the_features_of_pairs() -> None:
    game = built("bigan.digits", **SMALL, feature_weight=0.25).eval()
    x = torch.rand(4, 1, 8, 8) * 2 - 1
    with torch.no_grad():
        z = game.encode(x)
        made, d = game.generate(z), game.discriminator
        features = [d.features(image, z) for image in (x, made)]
        wanted = 0.75 * (x - made).abs().mean((1, 2, 3)) + 0.25 * (features[0] - features[1]).abs().mean(1)
        assert torch.allclose(game.anomaly_scores(x), wanted)
        logits = d.head(features[0])[:, 0]
        assert torch.allclose(d((x, z)), logits)


def test_f_anogans_encoder_learns_after_the_wgan_and_alone() -> None:
    game = built("f-anogan.one-class", **SMALL, steps=100)
    rows = {phase.name: [phase.runs_at(step) for step in range(100)] for phase in game.phases()}
    assert rows["d"] == rows["g"] == [True] * 70 + [False] * 30
    assert rows["e"] == [False] * 70 + [True] * 30
    assert game.level(Progress(step=69, steps=100)) == Level(0)
    assert game.level(Progress(step=70, steps=100)).number == 1
    # The optimisers' schedules end where the encoder begins.
    recipe = recipe_of("f-anogan.one-class")
    assert recipe.g.schedule_end == recipe.d.schedule_end == recipe.encoder_start


def test_f_anogans_encoder_minimises_the_residuals_of_pixels_and_of_the_critics_features() -> None:
    game = built("f-anogan.one-class", **SMALL, feature_weight=0.5)
    x = torch.rand(4, 1, 8, 8) * 2 - 1
    made = game.averages["g"](game.players["e"](x))
    critic = game.discriminator
    pixels = (x - made).flatten(1).pow(2).sum(1) / 64
    features = [critic.body(image).flatten(1) for image in (x, made)]
    of_features = (features[0] - features[1]).pow(2).sum(1) / features[0].shape[1]
    terms = game.encoder_loss({"x": x})
    assert terms["pixels"].item() == pytest.approx(pixels.mean().item(), rel=1e-5)
    assert terms["features"].item() == pytest.approx(0.5 * of_features.mean().item(), rel=1e-5)
    assert torch.allclose(game.anomaly_scores(x), pixels + 0.5 * of_features, rtol=1e-5)
    # The same in training and in evaluation: nothing depends on the batch.
    before = game.anomaly_scores(x[:1])
    assert torch.allclose(game.eval().anomaly_scores(x[:1]), before)


# Baselines


def test_the_baselines_are_distances_to_training_images_and_to_their_principal_components() -> None:
    from benchmarks import anomalies

    random = np.random.default_rng(0)
    # Training samples in a plane of five dimensions.
    plane, centre = np.linalg.qr(random.normal(size=(5, 2)))[0].T, random.normal(size=5)
    train = random.normal(size=(300, 2)) @ plane + centre
    x = random.normal(size=(40, 5))
    by_name = anomalies.baselines(train, x)
    wanted = ((x[:, None] - train) ** 2).sum(2).min(1)
    assert np.allclose(by_name["nearest neighbour"], wanted)
    away = (x - centre) - (x - centre) @ plane.T @ plane
    assert np.allclose(by_name["PCA, 90% of the variance"], (away**2).mean(1), rtol=1e-3)


# End to end


def test_own_images_are_trained_on_scored_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = medmnist(tmp_path / "scans.npz")
    small = ["width=4", "g_hidden=8", "d_hidden=8", "latent=4", "batch=8"]
    keys = [word for key in small for word in ("--set", key)]
    typed = ["train", "f-anogan", "--dataset", "normal-images:scans.npz", "--steps", "3", "--device", "cpu", *keys]
    assert cli.run([*typed, "--out", "run", "--no-scores"]) == 0
    run = ganzoo.load("run")
    g = [weight.clone() for weight in run.gan.players["g"].parameters()]
    assert cli.run(["resume", "run", "--steps", "4", "--device", "cpu", "--no-scores"]) == 0
    # Steps 1 to 3 of 4 are the generator's, and the fourth is the encoder's.
    assert all(torch.equal(a, b) for a, b in zip(g, ganzoo.load("run").gan.players["g"].parameters(), strict=True))
    assert cli.run(["eval", "run", "--metrics", "anomalies", "-n", "10", "--json"]) == 0
    out = capfd.readouterr().out
    found = {row["name"]: row for row in json.loads(out[out.index("{") :])["scores"]}
    assert set(found) == {"AUROC", "AP"}
    assert (found["AP"]["protocol"]["n_normal"], found["AP"]["protocol"]["n_anomalous"]) == (15, 5)
    save(tmp_path / "odd", 3)
    assert cli.run(["score", "run", "odd", str(path), "--sort", "--grid", "odd.png"]) == 0
    assert "wrote odd.png" in capfd.readouterr().out
    with Image.open("odd.png") as picture:
        assert picture.mode == "RGB"
        # 24 samples in columns of 8: three rows of three tiles each.
        assert picture.width > 8 * 40
        assert picture.height > 3 * 3 * 40
    for grid, words in (("odd.png", "odd.png exists"), ("odd.txt", "end the name in .png")):
        assert cli.run(["score", "run", "odd", "--grid", grid]) == 2
        assert words in capfd.readouterr().err
    path.rename(tmp_path / "moved.npz")
    assert cli.run(["eval", "run", "--metrics", "anomalies", "-n", "10"]) == 2
    assert "scans.npz" in capfd.readouterr().err


def test_a_kind_of_data_without_such_a_picture_is_one_line() -> None:
    kind = registry.modality("points")
    assert kind.differences(torch.zeros(1, 2), torch.zeros(1, 2), load("train").spec, ["0"]) is None
