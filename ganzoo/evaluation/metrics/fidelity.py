"""torch-fidelity's metrics, computed from extracted features on the CPU.

The formulas are torch-fidelity's own; only the number of splits is chosen here.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

SPLITS, SPLIT_SIZE = 10, 100
NEIGHBOURS = 3
ROWS_PER_THREAD = 125
"""Rows of a block of distances per thread; with 10,000 samples, such blocks fit into the processor's caches."""


def splits(n: int) -> int:
    """Splits that the Inception Score is averaged over: the usual 10, with at least 100 samples each.

    The score of a split cannot exceed its number of samples and falls with it, so small sets have fewer splits.
    """
    return max(1, min(SPLITS, n // SPLIT_SIZE))


def inception_score(logits: Tensor) -> float:
    """exp of the mean KL divergence between p(class | sample) and p(class), from logits `[N, K]`; 1 to K.

    Salimans et al. 2016, https://arxiv.org/abs/1606.03498, section 4; averaged over `splits(N)` splits.
    """
    return isc_features_to_metric(logits, splits=splits(len(logits)))[KEY_METRIC_ISC_MEAN]


def frechet_distance(fake: Tensor, real: Tensor) -> float:
    """Squared Frechet distance between Gaussians fitted to two sets of features `[N, D]`, `[M, D]`.

    Heusel et al. 2017, https://arxiv.org/abs/1706.08500, equation 6. It is called FID only on Inception features.
    """
    moments = fid_features_to_statistics(fake), fid_features_to_statistics(real)
    return fid_statistics_to_metric(*moments, verbose=False)[KEY_METRIC_FID]


def precision_recall(fake: Tensor, real: Tensor) -> tuple[float, float]:
    """Fraction of fake samples on the manifold of the real ones, and of real ones on that of the fake; 0 to 1.

    A manifold is the union of balls around samples, each reaching the third neighbour. Features `[N, D]`, `[M, D]`.
    Kynkaanniemi et al. 2019, https://arxiv.org/abs/1904.06991, equations 1 and 2.
    """
    rows = ROWS_PER_THREAD * torch.get_num_threads()
    measured = prc_features_to_metric(
        fake, real, prc_neighborhood=NEIGHBOURS, prc_batch_size=rows, save_cpu_ram=True, verbose=False
    )
    return measured[KEY_METRIC_PRECISION], measured[KEY_METRIC_RECALL]
