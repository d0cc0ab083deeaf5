"""Scores of images. Features are extracted once per set of images and feature space, for all metrics.

In any feature space other than the published Inception weights, the names of the scores include the space, as in
`FD[domain:mnist]`, so that they are never mistaken for FID.
"""

from __future__ import annotations

from ganzoo.data.samples import Measured, Samples
from ganzoo.evaluation import standard_errors
from ganzoo.evaluation.features.domain import find_domain
from ganzoo.evaluation.features.extraction import fake_features
from ganzoo.evaluation.features.pairs import FeaturePair, feature_pair, in_space
from ganzoo.evaluation.features.spaces import find_space
from ganzoo.evaluation.metrics import fidelity, kernel_distances


def inception_score(samples: Samples) -> Measured:
    """IS from the logits of the space's network, 1 to its number of classes. Empty if the network has no logits."""
    space = find_space(samples)
    logits = fake_features(samples, space).logits
    if logits is None:
        return Measured({})
    return in_space(
        space,
        {"IS": fidelity.inception_score(logits)},
        lambda: [standard_errors.of_inception_score(logits)],
        splits=fidelity.splits(len(logits)),
    )


def frechet_distance(samples: Samples) -> Measured:
    """Frechet distance between features of samples and training images; 0 is best."""
    pair = feature_pair(samples)
    (value,) = pair.cached("fd", lambda fake, real: [fidelity.frechet_distance(fake, real)])
    return pair.measured(
        {"FD": value},
        lambda: pair.cached("fd error 2", lambda fake, real: [standard_errors.of_frechet_distance(fake, real)]),
        _too_few(pair),
    )


def _too_few(pair: FeaturePair) -> list[str]:
    """A note on sets with at most as many images as features, whose covariance is singular."""
    dimensions = pair.real.features.shape[1]
    sets = {"samples": pair.fake, "real images to compare with": pair.real}
    few = [f"{len(found.features):,} {what}" for what, found in sets.items() if len(found.features) <= dimensions]
    if not few:
        return []
    return [
        f"FD: {' and '.join(few)} are too few for features of {dimensions:,} dimensions, and FD is far too high: "
        f"score more than {dimensions:,}, better ten times as many, or use kid, which is not biased."
    ]


def kernel_distance(samples: Samples) -> Measured:
    """Squared MMD between features of samples and training images; around 0 is best."""
    pair = feature_pair(samples)
    value, error = pair.cached("kd u-statistic 2", lambda fake, _: kernel_distances.of_samples(fake, pair.real))
    used = min(kernel_distances.MAX_REAL, len(pair.real.features))
    return pair.measured({"KD": value}, lambda: [error], estimator="U-statistic", n_real=used)


def precision_recall(samples: Samples) -> Measured:
    """Precision and recall of samples against training images; 0 to 1."""
    pair = feature_pair(samples)
    precision, recall = pair.cached(f"prc {fidelity.NEIGHBOURS}", fidelity.precision_recall)
    n, n_real = len(pair.fake.features), len(pair.real.features)
    return pair.measured(
        {"precision": precision, "recall": recall},
        lambda: [standard_errors.of_fraction(precision, n), standard_errors.of_fraction(recall, n_real)],
        neighbours=fidelity.NEIGHBOURS,
    )


def accuracy(samples: Samples) -> Measured:
    """Fraction of samples that the domain classifier assigns to the requested class. Empty for unconditional samples.

    It ignores the requested feature space, as only the domain classifier knows the data set's own classes.
    """
    if samples.labels is None:
        return Measured({})
    space = find_domain(samples)
    logits = fake_features(samples, space).logits
    if logits is None:
        raise ValueError(f"{space.name} has no logits")
    value = (logits.argmax(dim=1) == samples.labels.cpu()).double().mean().item()
    return in_space(space, {"accuracy": value}, lambda: [standard_errors.of_fraction(value, len(logits))])
