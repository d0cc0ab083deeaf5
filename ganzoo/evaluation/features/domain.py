"""Domain features: features of a small classifier trained on the data set's own labels.

They suit data that Inception was not trained for. The classifier is trained once per data set and cached on disk; that
of the handwritten digits is part of the package. `python -m ganzoo.evaluation.features.domain` writes that file.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.images import digits
from ganzoo.data.paths import cache_dir
from ganzoo.data.samples import MINIMUM, Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features import classifier as small
from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.features.names import has_labels
from ganzoo.files import checkpoint
from ganzoo.recipes import Data

log = logging.getLogger(__name__)

ROWS = 1 << 12
"""Number of images that are read at a time to hash them."""

HELD_OUT_EVERY = 10

RECIPE = f"domain classifier {small.VERSION}"
"""The name in a score's protocol of how the weights are determined by the training images."""

SHIPPED = Path(__file__).parent / "digits.safetensors"
"""The classifier of the handwritten digits. Its metadata name the images, labels and recipe that it is used for."""


@dataclass(frozen=True, eq=False)
class Domain:
    """The feature space of one data set.

    data: the data set's name. extractor: the classifier's name, unique to its recipe, training images and labels, which
    determine its weights.
    accuracy: fraction of held-out images that are classified correctly; accuracy_on: which images these are.
    sha256: of the weights, for information: another processor may round one of them differently.
    """

    data: str
    extractor: str
    accuracy: float
    accuracy_on: str
    sha256: str
    resize: str
    classifier: small.Classifier

    @property
    def name(self) -> str:
        return f"domain:{self.data}"

    @property
    def suffix(self) -> str:
        return f"[{self.name}]"

    @property
    def max_real(self) -> int:
        """Maximum number of training images to compare with: with more, precision and recall take minutes."""
        return 10_000

    @property
    def identity(self) -> str:
        """Everything that the features depend on besides the images."""
        return f"{self.extractor} {self.sha256} torch {torch.__version__}"

    def extract(self, images: Tensor) -> Features:
        """Features float64 `[N, 64]` and logits float64 `[N, classes]` of uint8 images, computed on their device."""
        network = self.classifier.to(images.device)
        parts = [small.outputs(network, part) for part in images.split(small.EVAL_BATCH)]
        return Features(torch.cat([f for f, _ in parts]).cpu(), torch.cat([logits for _, logits in parts]).cpu())

    def to_dict(self) -> dict[str, Any]:
        """Tensors and plain values from which `from_dict` rebuilds the space on another rank."""
        facts = {name: getattr(self, name) for name in (field.name for field in fields(self)) if name != "classifier"}
        weights = {name: weight.cpu() for name, weight in self.classifier.state_dict().items()}
        return {"facts": facts, "shape": self.classifier.shape, "classes": self.classifier.classes, "weights": weights}

    def describe(self) -> dict[str, Any]:
        """The features' entry in a score's protocol."""
        return {
            "space": self.name,
            "extractor": self.extractor,
            "recipe": RECIPE,
            "sha256": self.sha256[:12],
            "accuracy": self.accuracy,
            "accuracy_on": self.accuracy_on,
        }


def find_domain(samples: Samples) -> Domain:
    """The feature space of the samples' data set, loaded from the cache or trained (about a minute on one core).

    Raises GanzooError if the data set has no labels.
    """
    train = samples.real("train")

    def make() -> Domain:
        _require_labels(train, samples)
        try:
            test: Dataset | None = samples.real("test")
        except GanzooError:
            test = None
        return _cached_or_trained(train, test if test is not None and "y" in test.arrays else None)

    return train.memo.once("domain", make)


def from_dict(values: dict[str, Any]) -> Domain:
    """The feature space whose `to_dict` returned `values` on another rank."""
    return Domain(**values["facts"], classifier=_network(values["shape"], values["classes"], values["weights"]))


def labels_hint(samples: Samples) -> str:
    """What the user can do about missing labels."""
    if not samples.data.labels:
        return "type --set data.labels=true if it has any"
    name = samples.real("train").spec.name
    return "images in one subfolder per class have labels" if name == "folder" else "use a labelled data set"


def _require_labels(train: Dataset, samples: Samples) -> None:
    name = train.spec.name
    if not has_labels(train):
        raise GanzooError(f"no labels to train domain features on in {name}: {labels_hint(samples)}.")
    if train.count < MINIMUM:
        raise GanzooError(f"{train.count} images in {name} are too few to train domain features on: add more.")


def _cached_or_trained(train: Dataset, test: Dataset | None) -> Domain:
    accuracy_on = "test" if test is not None else f"every {HELD_OUT_EVERY}th training image"
    weights_key = _weights_key(train, all_rows=test is not None)
    key = _key(weights_key, test)
    path = cache_dir() / "domain" / f"{key}.pt"
    domain = _load(path, train, weights_key)
    if domain is None:
        network = _shipped(train, weights_key)
        if network is not None:
            return _measured(network, train, test, weights_key, accuracy_on)
        log.info("training a classifier on the labels of %s, for its domain features (once)", train.spec.name)
        domain = _measured(_train(train, test), train, test, weights_key, accuracy_on)
        _save(path, domain)
    return domain


def _train(train: Dataset, test: Dataset | None) -> small.Classifier:
    """Trained on all images, or without a test split on those that the accuracy is not measured on."""
    rows = torch.arange(train.count)
    return small.train_classifier(train, rows if test is not None else rows[rows % HELD_OUT_EVERY != 0])


def _measured(network: small.Classifier, train: Dataset, test: Dataset | None, key: str, accuracy_on: str) -> Domain:
    """The domain of a trained classifier, with its accuracy on held-out images."""
    held_out = torch.arange(0, train.count, HELD_OUT_EVERY) if test is None else torch.arange(test.count)
    accuracy = small.accuracy(network, train if test is None else test, held_out)
    return _domain(network, train, key, accuracy, accuracy_on)


def _domain(network: small.Classifier, train: Dataset, key: str, accuracy: float, accuracy_on: str) -> Domain:
    channels, height, width = train.spec.shape
    # Two data sets can share a name and a shape (as image folders do); the key distinguishes them.
    readable = re.sub(r"[^A-Za-z0-9_.]+", "-", train.spec.name)
    extractor = f"domain-{readable}-{height}x{width}x{channels}-{key[:8]}"
    small_height, small_width = network.size
    shrunk = (small_height, small_width) != (height, width)
    resize = f"average pooling to {small_height}x{small_width}" if shrunk else "none"
    digest = small.weights_digest(network)
    return Domain(train.spec.name, extractor, accuracy, accuracy_on, digest, resize, network)


def _weights_key(train: Dataset, *, all_rows: bool) -> str:
    """A hash of everything that determines the weights. all_rows: whether all images are trained on."""
    facts = [small.VERSION, train.spec.name, train.spec.shape, train.spec.classes, all_rows, _digest(train)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _key(weights_key: str, test: Dataset | None) -> str:
    """Name of the cache entry: a hash of everything that the classifier and its accuracy depend on."""
    content = [weights_key, None if test is None else _digest(test)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def _digest(dataset: Dataset) -> str:
    """A digest, in hexadecimal, of all images and labels."""
    digest = hashlib.sha256(f"{dataset.count} {dataset.digest}".encode())
    for name in ("x", "y"):
        if name == "x" and dataset.digest is not None:
            # The digest is known since the files were decoded, so large data need not be read again.
            continue
        array = dataset.arrays[name]
        for at in range(0, len(array), ROWS):
            rows = array[at : at + ROWS]
            digest.update(rows.cpu().contiguous().numpy().tobytes() if isinstance(rows, Tensor) else rows.tobytes())
    return digest.hexdigest()


def _load(path: Path, train: Dataset, key: str) -> Domain | None:
    """The cached domain; None if there is none or it is damaged, in which case it is trained again."""
    try:
        note = json.loads(path.with_suffix(".json").read_text("utf-8"))
        state = torch.load(path, map_location="cpu", weights_only=True)
        network = _network(train.spec.shape, train.spec.classes, state)
        domain = _domain(network, train, key, note["accuracy"], note["accuracy_on"])
    except FileNotFoundError:
        return None
    except Exception as error:
        log.warning("%s is damaged (%s): the classifier is trained again", path, type(error).__name__)
        return None
    return domain if domain.sha256 == note["sha256"] else None


def _shipped(train: Dataset, key: str) -> small.Classifier | None:
    """The classifier in the package, if it is that of these images, labels and recipe."""
    if train.spec.name != "digits" or not SHIPPED.is_file():
        return None
    with safe_open(SHIPPED, framework="pt") as file:
        if file.metadata().get("key") != key:
            return None
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return _network(train.spec.shape, train.spec.classes, weights)


def write_shipped(path: Path = SHIPPED) -> None:
    """Train the classifier of the handwritten digits and write it to `path`."""
    train, test = digits.load(Data(), Path(), "train"), digits.load(Data(), Path(), "test")
    network = _train(train, test)
    save_file(_stored(network), path, {"key": _weights_key(train, all_rows=True)})


def _stored(network: small.Classifier) -> dict[str, Tensor]:
    """The weights as they are stored: in float32, of which they are values."""
    state = network.state_dict()
    return {name: (w.float() if w.is_floating_point() else w).contiguous() for name, w in state.items()}


def _network(shape: tuple[int, ...], classes: int, weights: dict[str, Tensor]) -> small.Classifier:
    """A trained classifier from its weights."""
    with torch.random.fork_rng(devices=[]):
        network = small.Classifier(shape, classes)
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


def _save(path: Path, domain: Domain) -> None:
    buffer = io.BytesIO()
    torch.save(_stored(domain.classifier), buffer)
    note = domain.describe() | {"name": domain.data, "sha256": domain.sha256, "version": small.VERSION}
    try:
        checkpoint.write_atomically(path, buffer.getvalue())
        checkpoint.write_atomically(path.with_suffix(".json"), (json.dumps(note, indent=1) + "\n").encode())
    except OSError as error:
        log.warning(
            "cannot cache the classifier in %s (%s): it will be trained again next time", path.parent, error.strerror
        )


if __name__ == "__main__":
    write_shipped()
