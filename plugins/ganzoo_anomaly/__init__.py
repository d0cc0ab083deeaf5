"""anomaly: data sets with a normal part to train on and an anomalous part to find, and scores of finding it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data
from ganzoo.specs import DatasetSpec, MetricSpec

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset
    from ganzoo.data.samples import Samples


def load_classes(data: Data, root: Path, split: str) -> Dataset:
    from .data import one_class

    return one_class(data, root, split)


def load_own(data: Data, root: Path, split: str) -> Dataset:
    from .data import normal_images

    return normal_images(data, root, split)


def compute(samples: Samples) -> Any:
    from .metrics import detection

    return detection(samples)


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            "one-class",
            "Some classes of a labelled image data set as normal, the others as anomalies: one-class:mnist:8.",
            "Ruff et al. 2018, Deep One-Class Classification, https://proceedings.mlr.press/v80/ruff18a.html",
            "image",
            load_classes,
            argument="kind",
            labelled=True,
            test=True,
        ),
        DatasetSpec(
            "normal-images",
            "Your own normal images, and anomalous ones to test with if there are any: a folder, or an .npz file.",
            "your own files; of folders, as in Bergmann et al. 2019, MVTec AD, https://doi.org/10.1109/CVPR.2019.00982",
            "image",
            load_own,
            argument="path",
            labelled=True,
            test=True,
            downloads=False,
        ),
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            "anomalies",
            "AUROC and average precision (AP) of anomaly scores, on normal and anomalous test images; 0 to 1.",
            "Schlegl et al. 2019, f-AnoGAN, https://doi.org/10.1016/j.media.2019.01.010",
            ("image",),
            compute,
            {"AUROC": "higher", "AP": "higher"},
            needs=("scorer",),
        )
    ]
