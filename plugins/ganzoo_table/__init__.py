"""Tables: rows of numbers, categories, truth values and dates; two that need no download, and any .csv file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data
from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset
    from ganzoo.data.samples import Samples
    from ganzoo.modalities import Modality

SETTINGS = {
    "types": "Kinds of columns that are not as inferred, such as age=integer,zip=category,id=skip; the kinds are "
    "number, integer, category, boolean, date and skip.",
    "target": "The column that is predicted in the utility scores; by default the last one, if it has few values.",
}


def load_modality(name: str) -> Modality:
    from .modality import Table

    return Table(name)


def load_breast_cancer(data: Data, root: Path, split: str) -> Dataset:
    from .data import bundled

    return bundled("breast-cancer", data, split)


def load_wine(data: Data, root: Path, split: str) -> Dataset:
    from .data import bundled

    return bundled("wine", data, split)


def load_file(data: Data, root: Path, split: str) -> Dataset:
    from .data import from_file

    return from_file(data, split)


def score_quality(samples: Samples) -> Mapping[str, float]:
    from .quality import compute

    return compute(samples)


def score_utility(samples: Samples) -> Mapping[str, float]:
    from .utility import compute

    return compute(samples)


def score_privacy(samples: Samples) -> Mapping[str, float]:
    from .privacy import compute

    return compute(samples)


@hookimpl
def ganzoo_modalities() -> list[ModalitySpec]:
    return [ModalitySpec("table", "Rows of a table: numbers, categories, truth values, dates.", load_modality)]


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    cancer = (
        "Wolberg, Mangasarian, Street & Street 1993, Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning "
        "Repository, https://doi.org/10.24432/C5DW2B"
    )
    wine = "Aeberhard & Forina 1992, Wine, UCI Machine Learning Repository, https://doi.org/10.24432/C5PC7J"
    return [
        DatasetSpec(
            "breast-cancer",
            "569 tumours: 30 measurements and a diagnosis; comes with scikit-learn.",
            cancer,
            "table",
            load_breast_cancer,
            test=True,
            downloads=False,
        ),
        DatasetSpec(
            "wine",
            "178 wines: 13 measurements and a cultivar; comes with scikit-learn.",
            wine,
            "table",
            load_wine,
            test=True,
            downloads=False,
        ),
        DatasetSpec(
            "table-csv",
            "Your own table, a .csv file with a header.",
            "your own files",
            "table",
            load_file,
            argument="path",
            test=True,
            endings=(".csv",),
            downloads=False,
            settings=SETTINGS,
        ),
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    sdmetrics = "DataCebo, SDMetrics: Quality and Diagnostic Report, https://docs.sdv.dev/sdmetrics"
    trained = (
        "Esteban, Hyland & Ratsch 2017, Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs, "
        "https://arxiv.org/abs/1706.02633; Xu et al. 2019, https://arxiv.org/abs/1907.00503"
    )
    holdout = (
        "Platzer & Reutterer 2021, Holdout-Based Empirical Assessment of Mixed-Type Synthetic Data, "
        "https://arxiv.org/abs/2104.00635; Chen et al. 2020, GAN-Leaks, https://arxiv.org/abs/1909.03935"
    )
    return [
        MetricSpec(
            "table-quality",
            "Columns and pairs of columns compared with real ones, and how many values are valid, 0 to 1.",
            sdmetrics,
            ("table",),
            score_quality,
            {"column-shapes": "higher", "column-pairs": "higher", "table-quality": "higher", "validity": "higher"},
        ),
        MetricSpec(
            "table-utility",
            "Train on synthetic rows, test on real ones: macro F1, or R2 of numbers.",
            trained,
            ("table",),
            score_utility,
            {"TSTR-F1": "higher", "TSTR-R2": "higher"},
            split="test",
        ),
        MetricSpec(
            "table-privacy",
            "Whether rows are closer to training rows than to held-out ones, and tell who was in the training data.",
            holdout,
            ("table",),
            score_privacy,
            {"DCR-ratio": "", "DCR-share": 0.5, "membership-AUC": 0.5, "copies": "lower"},
        ),
    ]
