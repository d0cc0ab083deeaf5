"""Domain features: trained once, reproducible, and equal to what torch-fidelity computes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch_fidelity
from domain_extractor import registered
from fidelity_images import Images
from kinds import IMAGES
from torch import Tensor

from ganzoo.api.bench.report import summarise
from ganzoo.builtins.metrics import METRICS
from ganzoo.data.dataset import Dataset
from ganzoo.data.images import digits
from ganzoo.data.paths import cache_dir
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation import standard_errors
from ganzoo.evaluation.features import classifier, domain
from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.metrics import fidelity, images, kernel_distances
from ganzoo.evaluation.scoring import key_of, score
from ganzoo.recipes import Data, DataSpec

CPU_FLAGS = torch.backends.cpu.get_cpu_capability().lower()
CPU_FLAGS += " avx2" if "avx512" in CPU_FLAGS else ""


def load_digits(split: str) -> Dataset:
    return digits.load(Data(), Path(), split)


def samples_of(fake: Tensor, load: Callable[[str], Dataset] = load_digits, labels: Tensor | None = None) -> Samples:
    dataset = load("train")
    return Samples(fake, labels, dataset.spec, Data(name=dataset.spec.name), Path(), 0, load, IMAGES)


def toy(
    shape: tuple[int, ...] = (1, 8, 8), classes: int = 2, n: int = 64, test: bool = False
) -> Callable[[str], Dataset]:
    """Images whose class determines their brightness."""

    def load(split: str) -> Dataset:
        if split == "test" and not test:
            raise GanzooError("there is no test split.")
        generator = torch.Generator().manual_seed(len(split))
        y = torch.arange(n) % classes
        noise = torch.randint(0, 30, (n, *shape), generator=generator)
        x = (noise + (y * (200 // classes)).view(-1, 1, 1, 1)).to(torch.uint8)
        return Dataset({"x": x, "y": y}, DataSpec("toy", "image", shape, classes))

    return load


@pytest.fixture
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few steps are enough to classify the toy images."""
    monkeypatch.setattr(classifier, "MIN_STEPS", 60)


@pytest.fixture(scope="module")
def noisy() -> Samples:
    """Noisy digits instead of a generator's samples."""
    dataset = load_digits("train")
    x = dataset.arrays["x"]
    assert isinstance(x, Tensor)
    noise = 40 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return samples_of((x + noise).clamp(0, 255).to(torch.uint8), labels=torch.as_tensor(dataset.arrays["y"]))


def test_the_classifier_of_digits_is_right_on_at_least_96_percent_of_the_test_images(noisy: Samples) -> None:
    found = domain.find_domain(noisy)
    assert found.accuracy >= 0.96
    assert found.accuracy_on == "test"


def test_scores_equal_torch_fidelity_called_by_hand_on_the_same_images(noisy: Samples) -> None:
    measured = images.inception_score(noisy) | images.frechet_distance(noisy)
    measured |= images.precision_recall(noisy)
    with registered(domain.find_domain(noisy)) as extractor:
        by_hand = torch_fidelity.calculate_metrics(
            input1=Images(noisy.fake),
            input2=Images(torch.as_tensor(load_digits("train").arrays["x"])),
            feature_extractor=extractor,
            isc=True,
            fid=True,
            kid=True,
            prc=True,
            kid_subset_size=719,
            cuda=False,
            cache=False,
            verbose=False,
            save_cpu_ram=True,
        )
    assert measured == pytest.approx(
        {
            "IS[domain:digits]": by_hand["inception_score_mean"],
            "FD[domain:digits]": by_hand["frechet_inception_distance"],
            "precision[domain:digits]": by_hand["precision"],
            "recall[domain:digits]": by_hand["recall"],
        },
        rel=1e-6,
    )
    # Torch-fidelity averages 100 random subsets; over all pairs, the estimate is the same up to their variation.
    (over_all_pairs,) = images.kernel_distance(noisy).values()
    subsets = by_hand["kernel_inception_distance_mean"], by_hand["kernel_inception_distance_std"] / 10
    assert over_all_pairs == pytest.approx(subsets[0], abs=4 * subsets[1])


def test_training_images_are_at_no_distance_from_themselves() -> None:
    samples = samples_of(torch.as_tensor(load_digits("train").arrays["x"]))
    assert abs(images.frechet_distance(samples)["FD[domain:digits]"]) < 1e-3


def test_each_set_of_images_passes_through_the_classifier_once_and_real_ones_once_for_all(
    noisy: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(cache_dir() / "features", ignore_errors=True)
    passed: list[int] = []
    original = domain.Domain.extract

    def counting(self: domain.Domain, x: Tensor) -> Features:
        passed.append(len(x))
        return original(self, x)

    monkeypatch.setattr(domain.Domain, "extract", counting)
    metrics = (images.inception_score, images.frechet_distance, images.kernel_distance, images.precision_recall)
    for expected in (359 + 1438 + 359, 359):
        passed.clear()
        fresh = samples_of(noisy.fake[:359])
        baseline = fresh.real_baseline()
        for metric in metrics:
            metric(fresh)
        for metric in metrics:
            metric(baseline)
        assert sum(passed) == expected


@pytest.mark.usefixtures("_few_steps")
def test_a_reloaded_classifier_gives_identical_features(monkeypatch: pytest.MonkeyPatch) -> None:
    load = toy(n=70, test=True)
    fake = torch.as_tensor(load("test").arrays["x"])
    trained = domain.find_domain(samples_of(fake, load))
    monkeypatch.setattr(domain, "_train", None)
    reloaded = domain.find_domain(samples_of(fake, load))
    assert reloaded is not trained
    assert reloaded.describe() == trained.describe()
    a, b = trained.extract(fake), reloaded.extract(fake)
    assert a.features.equal(b.features)
    assert a.logits is not None
    assert b.logits is not None
    assert a.logits.equal(b.logits)


def test_values_of_real_samples_are_computed_once_for_all(noisy: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = (images.frechet_distance, images.kernel_distance, images.precision_recall)
    few = noisy.fake[:359]
    first = [dict(metric(samples_of(few).real_baseline())) for metric in metrics]
    errors = [metric(samples_of(few).real_baseline()).standard_errors() for metric in metrics]
    for name in ("frechet_distance", "precision_recall"):
        monkeypatch.setattr(fidelity, name, None)
    monkeypatch.setattr(kernel_distances, "of_samples", None)
    monkeypatch.setattr(standard_errors, "of_frechet_distance", None)
    again = [metric(samples_of(few).real_baseline()) for metric in metrics]
    assert [dict(found) for found in again] == first
    assert [found.standard_errors() for found in again] == errors
    with pytest.raises(TypeError):
        images.frechet_distance(noisy)
    monkeypatch.setattr(fidelity, "NEIGHBOURS", 4)
    with pytest.raises(TypeError):
        images.precision_recall(samples_of(few).real_baseline())


def test_other_orders_of_samples_change_neither_distance_nor_precision(noisy: Samples) -> None:
    order = torch.randperm(len(noisy.fake), generator=torch.Generator().manual_seed(0))
    shuffled = samples_of(noisy.fake[order])
    for metric, wanted in ((images.frechet_distance, 1e-9), (images.precision_recall, 0)):
        assert dict(metric(shuffled)) == pytest.approx(dict(metric(noisy)), rel=wanted)
    # These draw random subsets of the samples, which depend on their order.
    spread = 0.05 * images.kernel_distance(noisy)["KD[domain:digits]"]
    assert dict(images.kernel_distance(shuffled)) == pytest.approx(dict(images.kernel_distance(noisy)), abs=spread)
    assert dict(images.inception_score(shuffled)) == pytest.approx(dict(images.inception_score(noisy)), rel=0.02)


@pytest.mark.usefixtures("_few_steps")
def test_a_damaged_cache_entry_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    fake = torch.zeros(10, 1, 8, 8, dtype=torch.uint8)
    first = domain.find_domain(samples_of(fake, toy()))
    file = next(tmp_path.glob("domain/*.pt"))
    file.write_bytes(file.read_bytes()[:1000])
    assert domain.find_domain(samples_of(fake, toy())).sha256 == first.sha256
    assert torch.load(file, weights_only=True)


def test_training_twice_gives_identical_weights_and_leaves_the_random_state_alone() -> None:
    train = toy()("train")
    torch.manual_seed(7)
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = classifier.train_classifier(train, torch.arange(64), steps=5)
    assert torch.get_rng_state().equal(before)
    assert (np.random.get_state()[1] == before_numpy).all()
    torch.manual_seed(8)
    second = classifier.train_classifier(train, torch.arange(64), steps=5)
    assert classifier.weights_digest(first) == classifier.weights_digest(second)


def test_the_weights_do_not_depend_on_the_number_of_threads() -> None:
    train, threads = toy((3, 32, 32))("train"), torch.get_num_threads()
    digests = set()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            digests.add(classifier.weights_digest(classifier.train_classifier(train, torch.arange(64), steps=3)))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    assert len(digests) == 1


def test_the_shipped_classifier_of_digits_is_the_one_that_training_gives() -> None:
    train, test = load_digits("train"), load_digits("test")
    shipped = domain._shipped(train, domain._weights_key(train, all_rows=True))
    assert shipped is not None, "written for other images: python -m ganzoo.evaluation.features.domain"
    trained = domain._train(train, test).state_dict()
    for name, weight in shipped.state_dict().items():
        # Another processor may round the last bit of a float32 differently.
        assert torch.allclose(weight, trained[name], rtol=2**-22, atol=0), name


@pytest.mark.parametrize("change", ["image", "label", "recipe", "rows"])
def test_the_shipped_classifier_is_used_for_no_other_images_labels_or_recipe(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = load_digits("train")
    if change == "image":
        torch.as_tensor(train.arrays["x"])[3, 0, 0, 0] += 1
    elif change == "label":
        torch.as_tensor(train.arrays["y"])[3] = 9 - torch.as_tensor(train.arrays["y"])[3]
    elif change == "recipe":
        monkeypatch.setattr(classifier, "VERSION", 99)
    assert domain._shipped(train, domain._weights_key(train, all_rows=change != "rows")) is None


SCORING = """
import sys, torch, numpy as np
from pathlib import Path
from ganzoo.data.images import digits
from ganzoo.data.samples import Samples
from ganzoo.evaluation.features import classifier, domain
from ganzoo.evaluation.scoring import score
from ganzoo.api.bench.report import summarise
from ganzoo.builtins.metrics import METRICS
from ganzoo.modalities.image import Images
from ganzoo.recipes import Data

domain.SHIPPED = Path("none")
classifier.MIN_STEPS, classifier.MAX_STEPS = 0, 120
real = digits.load(Data(), Path(), "train")
noise = np.random.RandomState(0).randint(-60, 60, (350, 1, 8, 8))
fake = torch.as_tensor((real.arrays["x"][:350].numpy().astype(int) + noise).clip(0, 255).astype(np.uint8))
load = lambda split: digits.load(Data(), Path(), split)
samples = Samples(fake, None, real.spec, Data(name="digits"), Path(), 0, load, Images("image"), features="domain")
print(score(samples, METRICS, ["is", "fd", "kid", "prc"]).to_json())
"""


@pytest.mark.slow
@pytest.mark.skipif("avx2" not in CPU_FLAGS, reason="this processor has one instruction set only")
def test_scores_of_two_instruction_sets_are_comparable_and_equal_to_the_printed_digits(tmp_path: Path) -> None:
    found = []
    for capability in ("default", "avx2"):
        environment = os.environ | {"ATEN_CPU_CAPABILITY": capability, "GANZOO_CACHE": str(tmp_path / capability)}
        environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        shown = subprocess.run(
            [sys.executable, "-c", SCORING], env=environment, capture_output=True, text=True, check=True
        ).stdout
        rows = json.loads(shown)["scores"]
        assert len(rows) == 5
        found.append({row["name"]: (key_of(row), f"{row['value']:.6g}", f"{row['real']:.6g}") for row in rows})
    assert found[0] == found[1]


def test_a_score_is_comparable_with_one_whose_weights_were_rounded_differently(noisy: Samples) -> None:
    (row,) = json.loads(score(noisy, METRICS, ["fd"]).to_json())["scores"]
    other = json.loads(json.dumps(row))
    other["protocol"]["features"] |= {"sha256": "0" * 12, "accuracy": 0.5}
    assert key_of(other) == key_of(row)
    (averaged,) = summarise([[row], [other]])
    assert averaged["equal_protocols"]
    assert len(averaged["values"]) == 2
    for changed in ({"recipe": "domain classifier 1"}, {"extractor": "domain-digits-8x8x1-00000000"}):
        other["protocol"]["features"] = row["protocol"]["features"] | changed
        assert key_of(other) != key_of(row)
    published = {"space": "vgg16", "extractor": "vgg16", "sha256": "1", "layers": ["fc2"]}
    keys = set()
    for digest in "12":
        other["protocol"]["features"] = published | {"sha256": digest}
        keys.add(key_of(other))
    assert len(keys) == 2


def test_a_classifier_can_be_trained_where_gradients_are_off() -> None:
    with torch.no_grad():
        classifier.train_classifier(toy()("train"), torch.arange(64), steps=2)
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 17, 12), (1, 28, 28), (3, 128, 128)])
def test_any_size_and_number_of_channels_is_classified(shape: tuple[int, ...]) -> None:
    train = toy(shape, classes=3)("train")
    network = classifier.train_classifier(train, torch.arange(64), steps=2)
    features, logits = classifier.outputs(network, torch.as_tensor(train.arrays["x"]))
    assert features.shape == (64, classifier.FEATURES)
    assert logits.shape == (64, 3)
    assert max(network.size) <= 32


@pytest.mark.usefixtures("_few_steps")
def test_without_a_test_split_the_accuracy_is_that_on_held_out_training_images() -> None:
    found = domain.find_domain(samples_of(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), toy()))
    assert found.accuracy_on == "every 10th training image"
    assert found.accuracy == 1.0


@pytest.mark.usefixtures("_few_steps")
def test_other_training_images_are_another_domain() -> None:
    fake = torch.zeros(10, 1, 8, 8, dtype=torch.uint8)
    a = domain.find_domain(samples_of(fake, toy(n=64)))
    b = domain.find_domain(samples_of(fake, toy(n=66)))
    assert a.extractor != b.extractor


@pytest.mark.usefixtures("_few_steps")
@pytest.mark.parametrize(("split", "array"), [("test", "x"), ("test", "y"), ("train", "x"), ("train", "y")])
def test_the_accuracy_is_that_on_these_test_images_and_the_classifier_of_these_training_images(
    split: str, array: str
) -> None:
    fake, load = torch.zeros(10, 1, 8, 8, dtype=torch.uint8), toy(test=True)
    before = domain.find_domain(samples_of(fake, load))

    def changed(name: str) -> Dataset:
        dataset = load(name)
        if name == split:
            values = torch.as_tensor(dataset.arrays[array])
            # The classes are swapped in half of the images: right on one half, wrong on the other.
            values[:32] = values[:32].roll(1, 0)
        return dataset

    after = domain.find_domain(samples_of(fake, changed))
    assert before.accuracy == 1.0
    # The training images determine the weights, and the test images only the accuracy.
    assert (after.extractor != before.extractor) == (split == "train")
    if split == "test":
        assert after.accuracy == 0.5


def test_every_image_of_large_data_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "ROWS", 10)
    train = toy()("train")
    keys = set()
    for row in range(64):
        torch.as_tensor(train.arrays["x"])[row, 0, 0, 0] += 1
        keys.add(domain._weights_key(train, all_rows=True))
    assert len(keys) == 64


def test_class_accuracy_counts_samples_of_the_requested_class(noisy: Samples) -> None:
    assert images.accuracy(noisy)["accuracy[domain:digits]"] > 0.9
    assert noisy.labels is not None
    wrong = samples_of(noisy.fake, labels=(noisy.labels + 1) % 10)
    assert images.accuracy(wrong)["accuracy[domain:digits]"] < 0.1
    assert images.accuracy(samples_of(noisy.fake)) == {}
