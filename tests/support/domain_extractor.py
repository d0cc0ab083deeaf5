"""A domain classifier as a feature extractor of torch-fidelity, to compare its scores with ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from ganzoo.evaluation.features import classifier
from ganzoo.evaluation.features.domain import Domain


class DomainFeatureExtractor(FeatureExtractorBase):
    """The "features" `[N, 64]` and "logits" `[N, classes]` of uint8 images."""

    domain: Domain

    def __init__(self, name: str, features_list: list[str], **options: Any) -> None:
        super().__init__(name, features_list)
        self.classifier = self.domain.classifier

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return "features", "logits"

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "logits" if metric == "isc" else "features"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        outputs = classifier.outputs(self.classifier, input)
        found = dict(zip(self.get_provided_features_list(), outputs, strict=True))
        return tuple(found[name] for name in self.features_list)


@contextmanager
def registered(domain: Domain) -> Iterator[str]:
    """The name under which the domain's features are registered with torch-fidelity within this block."""
    extractor = type("DomainFeatureExtractor", (DomainFeatureExtractor,), {"domain": domain})
    register_feature_extractor(domain.extractor, extractor)
    try:
        yield domain.extractor
    finally:
        del FEATURE_EXTRACTORS_REGISTRY[domain.extractor]
