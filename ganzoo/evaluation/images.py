"""Scores of images on domain features: one pass over each set of images serves all of them.

What these print carries `[domain:NAME]`, so that it is never taken for a score on Inception features.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.errors import GanzooError
from ganzoo.evaluation import fidelity
from ganzoo.evaluation.domain import Domain, Features, find_domain
from ganzoo.evaluation.samples import MINIMUM, Measured, Samples, subset

REFERENCE = 10_000
"""Training images that samples are compared with: for more, precision and recall take minutes."""

# Features live as long as the images that they were extracted from.
_FEATURES: WeakKeyDictionary[Samples | Dataset, Features] = WeakKeyDictionary()


def fake_features(samples: Samples, domain: Domain) -> Features:
    """The features of the samples, extracted once."""
    if samples not in _FEATURES:
        _FEATURES[samples] = domain.extract(samples.fake)
    return _FEATURES[samples]


def reference_features(samples: Samples, domain: Domain) -> Features:
    """The features of at most 10,000 images of the reference split, always the same ones, extracted once."""
    real = samples.real(samples.reference)
    if real.count < MINIMUM:
        raise GanzooError(f"{real.count} training images are too few to compare samples with: add more.")
    if real not in _FEATURES:
        # Without mirror images (data.flip), as they are no data but augmentation.
        images = to_uint8(real.batch(subset(real.count, REFERENCE))["x"])
        _FEATURES[real] = domain.extract(images.to(samples.fake.device))
    return _FEATURES[real]


def inception_score(samples: Samples) -> Measured:
    """IS from the domain classifier's logits, 1 to the number of classes."""
    domain = find_domain(samples)
    fake = fake_features(samples, domain)
    value = fidelity.inception_score(fake.logits)
    return _measured(domain, {"IS": value}, splits=fidelity.splits(len(fake.logits)))


def frechet_distance(samples: Samples) -> Measured:
    """Frechet distance between domain features of samples and training images; 0 at best."""
    domain, fake, real = _pair(samples)
    value = fidelity.frechet_distance(fake.features, real.features)
    return _measured(domain, {"FD": value}, **_against(samples, real))


def kernel_distance(samples: Samples) -> Measured:
    """Squared MMD between domain features of samples and training images; around 0 at best."""
    domain, fake, real = _pair(samples)
    value = fidelity.kernel_distance(fake.features, real.features)
    size = fidelity.subset_size(len(fake.features), len(real.features))
    subsets = {"subsets": fidelity.SUBSETS, "subset_size": size}
    return _measured(domain, {"KD": value}, **_against(samples, real), **subsets)


def precision_recall(samples: Samples) -> Measured:
    """Precision and recall of samples against training images in domain features; 0 to 1."""
    domain, fake, real = _pair(samples)
    precision, recall = fidelity.precision_recall(fake.features, real.features)
    values = {"precision": precision, "recall": recall}
    return _measured(domain, values, **_against(samples, real), neighbours=fidelity.NEIGHBOURS)


def accuracy(samples: Samples) -> Measured:
    """Share of samples that the domain classifier puts in the class asked for, 0 to 1. Empty for unconditional ones."""
    if samples.labels is None:
        return Measured({})
    domain = find_domain(samples)
    predicted = fake_features(samples, domain).logits.argmax(dim=1)
    value = (predicted == samples.labels.cpu()).double().mean().item()
    return _measured(domain, {"accuracy": value})


def _pair(samples: Samples) -> tuple[Domain, Features, Features]:
    domain = find_domain(samples)
    return domain, fake_features(samples, domain), reference_features(samples, domain)


def _against(samples: Samples, real: Features) -> dict[str, Any]:
    return {"n_real": len(real.features), "split": samples.reference}


def _measured(domain: Domain, values: dict[str, float], **protocol: Any) -> Measured:
    named = {f"{name}[domain:{domain.name}]": value for name, value in values.items()}
    return Measured(named, features=domain.describe(), resize=domain.resize, **protocol)
