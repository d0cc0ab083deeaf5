"""The feature spaces in which images can be compared, by name. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganzoo.errors import GanzooError, unknown

if TYPE_CHECKING:
    from ganzoo.data.samples import Samples
    from ganzoo.evaluation.features.extraction import Space


from ganzoo.evaluation.features.names import DOMAIN, EFFICIENTNET, INCEPTION, has_labels, names

ENOUGH = 0.9
"""Accuracy on held-out images from which "auto" uses domain features. On CIFAR-10, where it is 0.7, they rank samples
without five of the classes above samples without three."""

SMALLEST = 32
"""Pixels on the shorter side from which "auto" uses features of ImageNet, whose images were 224 pixels."""


def find_space(samples: Samples) -> Space:
    """The feature space in which the samples are compared.

    Raises GanzooError for an unknown name; for weights that are missing, damaged or not accepted by the space; and for
    domain features of a data set without labels.
    """
    from ganzoo.evaluation.features import domain, efficientnet, published

    chosen = resolve(samples)
    if chosen == EFFICIENTNET:
        if samples.weights is not None:
            raise GanzooError(f"{EFFICIENTNET} takes no weights file: leave out --weights.")
        return efficientnet.find()
    if chosen != DOMAIN:
        return published.find(chosen, samples.weights)
    if samples.weights is not None:
        raise GanzooError(f"domain features take no weights file: leave out --weights, or add --features {INCEPTION}.")
    return domain.find_domain(samples)


def from_dict(values: dict[str, Any], samples: Samples) -> Space:
    """The feature space whose `to_dict` returned `values` on another rank. Raises what `find_space` raises."""
    from ganzoo.evaluation.features import domain, efficientnet, published
    from ganzoo.evaluation.features.digits import Digits

    if EFFICIENTNET in values:
        return efficientnet.from_dict(values)
    if "digit classifier" in values:
        return Digits(domain.from_dict(values["digit classifier"]))
    return published.from_dict(values, samples.weights) if "extractor" in values else domain.from_dict(values)


def resolve(samples: Samples) -> str:
    """The name of that space.

    "auto" means domain features for data with labels, unless their classifier is not accurate enough and those of
    EfficientNet-Lite0 are installed and suit the images. For data without labels it means Inception's, if their weights
    are there, else EfficientNet-Lite0's. It never downloads weights: without any, GanzooError says what to type.
    """
    from ganzoo.data.samples import MINIMUM
    from ganzoo.evaluation.features import domain, efficientnet, published

    if samples.features not in ("auto", *names()):
        raise unknown("feature space", samples.features, ("auto", *names()))
    if samples.features != "auto":
        return samples.features
    given = samples.weights is not None
    suitable = not given and efficientnet.is_installed() and _suits(samples)
    train = samples.real("train")
    if has_labels(train):
        judged = suitable and train.count >= MINIMUM
        return EFFICIENTNET if judged and domain.find_domain(samples).accuracy < ENOUGH else DOMAIN
    if given or published.is_downloaded(INCEPTION):
        return INCEPTION
    if suitable:
        return EFFICIENTNET
    raise GanzooError(
        f"no labels to train domain features on in {train.spec.name}: {domain.labels_hint(samples)}, "
        f"or request other features with --features {INCEPTION} or {EFFICIENTNET}."
    )


def _suits(samples: Samples) -> bool:
    channels, height, width = samples.spec.shape
    return channels in (1, 3) and min(height, width) >= SMALLEST


def caution(features: Any) -> str | None:
    """A note on domain features whose classifier is not accurate enough; None for any others.

    features: the entry in a score's protocol, if it has any.
    """
    from ganzoo.evaluation.features import efficientnet

    accuracy = features.get("accuracy") if isinstance(features, Mapping) else None
    if not isinstance(accuracy, float) or accuracy >= ENOUGH:
        return None
    hint = f"--features {EFFICIENTNET}" if efficientnet.is_installed() else efficientnet.INSTALL
    return (
        f"[{features.get('space')}]: its classifier is right on only {accuracy:.0%} of held-out images, so these "
        f"scores can rank a generator that lacks classes above one that has them; for features of ImageNet: {hint}"
    )
