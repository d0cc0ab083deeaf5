"""Names of the feature spaces in which images can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset

DOMAIN, INCEPTION, EFFICIENTNET = "domain", "inception-v3-compat", "efficientnet-lite0"

TORCH_FIDELITY = (
    INCEPTION,
    "vgg16",
    "dinov2-vit-s-14",
    "dinov2-vit-b-14",
    "dinov2-vit-l-14",
    "dinov2-vit-g-14",
    "clip-rn50",
    "clip-rn101",
    "clip-rn50x4",
    "clip-rn50x16",
    "clip-rn50x64",
    "clip-vit-b-32",
    "clip-vit-b-16",
    "clip-vit-l-14",
    "clip-vit-l-14-336px",
)
"""The feature extractors that torch-fidelity registers."""


def names() -> tuple[str, ...]:
    """The values that `features` accepts besides "auto"."""
    return (DOMAIN, EFFICIENTNET, *TORCH_FIDELITY)


def has_labels(train: Dataset) -> bool:
    """Whether a training split has the labels that domain features are trained on."""
    return train.spec.classes >= 2 and "y" in train.arrays
