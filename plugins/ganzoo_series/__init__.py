"""series: time series as a kind of data, with data sets, .csv files and scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data
from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset
    from ganzoo.data.samples import Measured, Samples
    from ganzoo.modalities import Modality

YOON = "Yoon et al. 2019, Time-series Generative Adversarial Networks, https://papers.nips.cc/paper/8789"
WIESE = "Wiese et al. 2020, Quant GANs: Deep Generation of Financial Time Series, https://arxiv.org/abs/1907.06673"
ESTEBAN = "Esteban et al. 2017, Real-valued (Medical) Time Series Generation, https://arxiv.org/abs/1706.02633"
KINDS = ("slow", "waves")


def load_modality(name: str) -> Modality:
    from .modality import Series

    return Series(name)


def load_sines(data: Data, root: Path, split: str) -> Dataset:
    from .generated import sines

    return sines(data, split)


def load_market(data: Data, root: Path, split: str) -> Dataset:
    from .generated import market

    return market(data, split)


def load_google(data: Data, root: Path, split: str) -> Dataset:
    from .data import google

    return google(data, split)


def load_series(data: Data, root: Path, split: str) -> Dataset:
    from .data import own_files

    return own_files(data, split)


def _metric(name: str) -> Any:
    def compute(samples: Samples) -> Measured:
        from . import metrics, posthoc

        measured: Measured = getattr(posthoc if hasattr(posthoc, name) else metrics, name)(samples)
        return measured

    return compute


@hookimpl
def ganzoo_modalities() -> list[ModalitySpec]:
    return [ModalitySpec("series", "Time series [N, T, F]: T steps of F columns.", load_modality)]


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    sines = "Sines: slow, 5 columns of 24 steps (TimeGAN), or waves, 1 to 5 periods in 30 steps (RCGAN); generated."
    market = "12,000 stretches of 64 daily returns of a market with volatility clustering; simulated (GJR-GARCH)."
    source = "Glosten, Jagannathan and Runkle 1993, https://doi.org/10.1111/j.1540-6261.1993.tb05128.x"
    google = "Google's share, 2004 to 2008: prices and volume in windows of 24 days; comes with matplotlib."
    own = "Your own series: a .csv file that is split into windows, or a folder of .csv files."
    return [
        DatasetSpec(
            "sines", sines, YOON, "series", load_sines, "kind", KINDS, labelled=True, test=True, downloads=False
        ),
        DatasetSpec("market", market, source, "series", load_market, test=True, downloads=False),
        DatasetSpec(
            "google",
            google,
            "matplotlib's sample data, https://github.com/matplotlib/matplotlib/tree/main/lib/matplotlib/mpl-data",
            "series",
            load_google,
            test=True,
            downloads=False,
        ),
        DatasetSpec(
            "series",
            own,
            "your own files",
            "series",
            load_series,
            "path",
            labelled=True,
            test=True,
            endings=(".csv",),
            folder_endings=(".csv",),
            downloads=False,
        ),
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    kinds = ("series",)
    return [
        MetricSpec(
            "discriminative",
            "Distance from 1/2 of the accuracy of a recurrent classifier of real and generated series; 0 is best.",
            YOON,
            kinds,
            _metric("discriminative"),
            {"discriminative": "lower"},
        ),
        MetricSpec(
            "predictive",
            "Mean absolute error, on real series, of a recurrent forecast of the next step that generated ones taught.",
            YOON,
            kinds,
            _metric("predictive"),
            {"predictive": "lower"},
        ),
        MetricSpec(
            "series-mmd",
            "Squared maximum mean discrepancy between whole series, with a Gaussian kernel; around 0 is best.",
            ESTEBAN,
            kinds,
            _metric("series_mmd"),
            {"series-MMD": 0.0},
        ),
        MetricSpec(
            "autocorrelation",
            "Mean absolute difference between the autocorrelations of generated and real series; 0 is best.",
            WIESE,
            kinds,
            _metric("autocorrelation"),
            {"ACF": "lower"},
        ),
        MetricSpec(
            "volatility",
            "For returns: mean absolute differences of the autocorrelations of absolute values and of squares, and of "
            "the correlation of returns with later squares (leverage); 0 is best.",
            WIESE,
            kinds,
            _metric("volatility"),
            {"ACF-absolute": "lower", "ACF-squared": "lower", "leverage": "lower"},
        ),
        MetricSpec(
            "tails",
            "Mean difference of extreme quantiles, in standard deviations of real values; 0 is best. For returns also "
            "the excess kurtosis and the tail index.",
            "Cont 2001, Empirical Properties of Asset Returns, https://doi.org/10.1080/713665670",
            kinds,
            _metric("tails"),
            {"tails": "lower", "kurtosis": "", "tail-index": ""},
        ),
    ]
