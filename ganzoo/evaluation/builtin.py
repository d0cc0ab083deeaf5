"""The metrics that the core brings. Imports no torch: each `compute` imports the module that does the work."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ganzoo.specs import MetricSpec

if TYPE_CHECKING:
    from ganzoo.evaluation.samples import Samples


def _in(module: str, function: str) -> Callable[[Samples], Mapping[str, float]]:
    def compute(samples: Samples) -> Mapping[str, float]:
        found: Mapping[str, float] = getattr(importlib.import_module(module), function)(samples)
        return found

    return compute


IMAGES, POINTS = "ganzoo.evaluation.images", "ganzoo.evaluation.points"

METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "is",
        "Inception Score on domain features: clear classes, all of them; 1 to the number of classes.",
        "Salimans et al. 2016, Improved Techniques for Training GANs, https://arxiv.org/abs/1606.03498",
        ("image",),
        _in(IMAGES, "inception_score"),
        {"IS": "higher"},
    ),
    MetricSpec(
        "fd",
        "Frechet distance to training images on domain features; 0 is best.",
        "Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, https://arxiv.org/abs/1706.08500",
        ("image",),
        _in(IMAGES, "frechet_distance"),
        {"FD": "lower"},
    ),
    MetricSpec(
        "kid",
        "Kernel distance to training images on domain features: unbiased, around 0 at best.",
        "Binkowski et al. 2018, Demystifying MMD GANs, https://arxiv.org/abs/1801.01401",
        ("image",),
        _in(IMAGES, "kernel_distance"),
        {"KD": "lower"},
    ),
    MetricSpec(
        "prc",
        "Precision (samples look real) and recall (real images could be samples) on domain features; 0 to 1.",
        "Kynkaanniemi et al. 2019, Improved Precision and Recall Metric, https://arxiv.org/abs/1904.06991",
        ("image",),
        _in(IMAGES, "precision_recall"),
        {"precision": "higher", "recall": "higher"},
    ),
    MetricSpec(
        "accuracy",
        "Share of class-conditional samples that a classifier puts in the class that was asked for.",
        "Odena et al. 2017, Conditional Image Synthesis with Auxiliary Classifier GANs, https://arxiv.org/abs/1610.09585",
        ("image",),
        _in(IMAGES, "accuracy"),
        {"accuracy": "higher"},
    ),
    MetricSpec(
        "modes",
        "Modes of a mixture of Gaussians that are covered, and the share of samples within 3 deviations of one.",
        "Srivastava et al. 2017, VEEGAN, https://arxiv.org/abs/1705.07761",
        ("points",),
        _in(POINTS, "modes"),
        {"modes": "higher", "quality": "higher"},
    ),
    MetricSpec(
        "w2",
        "Exact 2-Wasserstein distance to held-out points; 0 is best.",
        "Villani 2009, Optimal Transport: Old and New, definition 6.1, https://doi.org/10.1007/978-3-540-71050-9",
        ("points",),
        _in(POINTS, "wasserstein"),
        {"W2": "lower"},
    ),
)
