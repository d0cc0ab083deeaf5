"""What the core itself registers, through the same hooks as any plugin. Imports no torch."""

from __future__ import annotations

from ganzoo.builtins.augmentations import AUGMENTATIONS
from ganzoo.builtins.datasets import DATASETS
from ganzoo.builtins.losses import LOSSES, PENALTIES
from ganzoo.builtins.metrics import METRICS
from ganzoo.builtins.modalities import MODALITIES
from ganzoo.hookspecs import hookimpl
from ganzoo.specs import AugmentationSpec, DatasetSpec, LossSpec, MetricSpec, ModalitySpec, PenaltySpec


@hookimpl
def ganzoo_losses() -> list[LossSpec]:
    return LOSSES


@hookimpl
def ganzoo_penalties() -> list[PenaltySpec]:
    return PENALTIES


@hookimpl
def ganzoo_augmentations() -> tuple[AugmentationSpec, ...]:
    return AUGMENTATIONS


@hookimpl
def ganzoo_datasets() -> tuple[DatasetSpec, ...]:
    return DATASETS


@hookimpl
def ganzoo_metrics() -> tuple[MetricSpec, ...]:
    return METRICS


@hookimpl
def ganzoo_modalities() -> tuple[ModalitySpec, ...]:
    return MODALITIES
