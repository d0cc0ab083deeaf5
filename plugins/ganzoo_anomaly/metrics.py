"""How well a game's anomaly scores tell anomalies from held-out normal images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.errors import GanzooError
from ganzoo.evaluation.standard_errors import by_leaving_out
from ganzoo.runs import judging

MOST = 5_000
"""Images of each part that are scored."""


def detection(samples: Samples) -> Measured:
    """AUROC and AP (average precision) of the anomaly scores on the test split. Empty for data without anomalies."""
    try:
        test = samples.real("test")
    except GanzooError:
        return Measured({})
    if "anomalies" not in test.arrays:
        return Measured({})
    normal = test.batch(subset(test.count, MOST))["x"]
    anomalous = test.batch(subset(len(test.arrays["anomalies"]), MOST))["anomalies"]
    game: Any = samples.generator
    x = torch.cat([normal, anomalous]).cpu()
    scores = judging.anomaly_scores(game, "the game", x, samples.device, averaged=samples.averaged).numpy()
    odd = np.arange(len(scores)) >= len(normal)
    values = {"AUROC": float(roc_auc_score(odd, scores)), "AP": float(average_precision_score(odd, scores))}
    return Measured(
        values,
        lambda: {"AUROC": delong_error(scores[~odd], scores[odd]), "AP": _precision_error(odd, scores)},
        n_normal=len(normal),
        n_anomalous=len(anomalous),
        split="test",
    )


def delong_error(normal: np.ndarray, anomalous: np.ndarray) -> float:
    """The standard error of the area under the curve, from the scores of both parts.

    DeLong et al. 1988, https://doi.org/10.2307/2531595: the variance of each image's fraction of pairs that are in
    order. nan for fewer than two images in a part.
    """
    if min(len(normal), len(anomalous)) < 2:
        return float("nan")

    def in_order(of: np.ndarray, among: np.ndarray) -> np.ndarray:
        """For each score, the fraction of others below it; ties count half."""
        ordered = np.sort(among)
        return (np.searchsorted(ordered, of, "left") + np.searchsorted(ordered, of, "right")) / (2 * len(among))

    parts = in_order(anomalous, normal), in_order(normal, anomalous)
    return float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts)))


def _precision_error(odd: np.ndarray, scores: np.ndarray) -> float:
    return by_leaving_out(
        len(odd), lambda rows: float(average_precision_score(odd[rows.numpy()], scores[rows.numpy()]))
    )
