"""The feature spaces that images can be compared in, by name. Naming them imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.errors import GanzooError, unknown

if TYPE_CHECKING:
    from ganzoo.data.samples import Samples
    from ganzoo.evaluation.features.extraction import Space


from ganzoo.evaluation.features.names import DOMAIN, INCEPTION, names


def find_space(samples: Samples) -> Space:
    """The feature space that the samples are to be compared in.

    Raises GanzooError for an unknown name, weights that are missing, damaged or not wanted, or a data set without
    labels in the domain space.
    """
    from ganzoo.evaluation.features import domain, published

    chosen = resolve(samples)
    if chosen != DOMAIN:
        return published.find(chosen, samples.weights)
    if samples.weights is not None:
        raise GanzooError(f"domain features take no weights file: leave out --weights, or add --features {INCEPTION}.")
    return domain.find_domain(samples)


def received(sent: dict[str, Any], samples: Samples) -> Space:
    """The feature space of another rank, from what its `sent` returned there. Raises what finding it here does."""
    from ganzoo.evaluation.features import domain, published
    from ganzoo.evaluation.features.digits import Digits

    if "digits by" in sent:
        return Digits(domain.received(sent["digits by"]))
    return published.received(sent, samples.weights) if "extractor" in sent else domain.received(sent)


def resolve(samples: Samples) -> str:
    """The name of that space: what "auto" stands for is domain where there are labels, else Inception.

    Nothing is downloaded that was not asked for by name: GanzooError says how to, where the weights are not here.
    """
    from ganzoo.evaluation.features import domain, published

    if samples.features not in ("auto", *names()):
        raise unknown("feature space", samples.features, ("auto", *names()))
    if samples.features != "auto":
        return samples.features
    if domain.has_labels(samples):
        return DOMAIN
    if samples.weights is None and not published.is_here(INCEPTION):
        raise GanzooError(
            f"no labels to train domain features on in {samples.real('train').spec.name}: "
            f"{domain.labels_remedy(samples)}, or ask for other features with --features {INCEPTION}."
        )
    return INCEPTION
