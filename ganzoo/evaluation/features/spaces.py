"""The feature spaces in which images can be compared, by name. Does not import torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.errors import GanzooError, unknown

if TYPE_CHECKING:
    from ganzoo.data.samples import Samples
    from ganzoo.evaluation.features.extraction import Space


from ganzoo.evaluation.features.names import DOMAIN, INCEPTION, names


def find_space(samples: Samples) -> Space:
    """The feature space in which the samples are compared.

    Raises GanzooError for an unknown name; for weights that are missing, damaged or not accepted by the space; and for
    domain features of a data set without labels.
    """
    from ganzoo.evaluation.features import domain, published

    chosen = resolve(samples)
    if chosen != DOMAIN:
        return published.find(chosen, samples.weights)
    if samples.weights is not None:
        raise GanzooError(f"domain features take no weights file: leave out --weights, or add --features {INCEPTION}.")
    return domain.find_domain(samples)


def from_dict(values: dict[str, Any], samples: Samples) -> Space:
    """The feature space whose `to_dict` returned `values` on another rank. Raises what `find_space` raises."""
    from ganzoo.evaluation.features import domain, published
    from ganzoo.evaluation.features.digits import Digits

    if "digit classifier" in values:
        return Digits(domain.from_dict(values["digit classifier"]))
    return published.from_dict(values, samples.weights) if "extractor" in values else domain.from_dict(values)


def resolve(samples: Samples) -> str:
    """The name of that space; "auto" means domain if the data set has labels, else Inception.

    "auto" never downloads weights: if those of Inception are needed and missing, GanzooError says how to request them.
    """
    from ganzoo.evaluation.features import domain, published

    if samples.features not in ("auto", *names()):
        raise unknown("feature space", samples.features, ("auto", *names()))
    if samples.features != "auto":
        return samples.features
    if domain.has_labels(samples):
        return DOMAIN
    if samples.weights is None and not published.is_downloaded(INCEPTION):
        raise GanzooError(
            f"no labels to train domain features on in {samples.real('train').spec.name}: "
            f"{domain.labels_hint(samples)}, or request other features with --features {INCEPTION}."
        )
    return INCEPTION
