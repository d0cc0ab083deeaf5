"""audio: sounds as a kind of data, with synthesised data sets, folders of .wav files, and scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data
from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset
    from ganzoo.data.samples import Samples

NAME = "audio"


def load_modality(name: str) -> Any:
    from .modality import Audio

    return Audio(name)


def load_spoken_digits(data: Data, root: Path, split: str) -> Dataset:
    """1,500 spoken digits of six synthetic voices, `[1, 4096]` at 8 kHz, 10 classes; 500 more are held out."""
    from .data import generated
    from .speech import DIGITS, spoken

    return generated("spoken-digits", data, split, spoken, tuple(DIGITS))


def load_drums(data: Data, root: Path, split: str) -> Dataset:
    """1,500 drum hits, `[1, 4096]` at 8 kHz, 3 classes; 500 more are held out."""
    from .data import generated
    from .instruments import DRUMS, drums

    return generated("drums", data, split, drums, DRUMS)


def load_tones(data: Data, root: Path, split: str) -> Dataset:
    """1,500 tones of a C major scale in several timbres, `[1, 4096]` at 8 kHz, 8 classes; 500 more are held out."""
    from .data import generated
    from .instruments import NOTES, tones

    return generated("tones", data, split, tones, NOTES)


def load_sounds(data: Data, root: Path, split: str) -> Dataset:
    from .data import load_sounds

    return load_sounds(data, split)


def inception_score(samples: Samples) -> Any:
    from . import metrics

    return metrics.inception_score(samples)


def frechet_distance(samples: Samples) -> Any:
    from . import metrics

    return metrics.frechet_distance(samples)


def precision_recall(samples: Samples) -> Any:
    from . import metrics

    return metrics.precision_recall(samples)


def accuracy(samples: Samples) -> Any:
    from . import metrics

    return metrics.accuracy(samples)


def spectrum_distance(samples: Samples) -> Any:
    from . import metrics

    return metrics.spectrum_distance(samples)


@hookimpl
def ganzoo_modalities() -> list[ModalitySpec]:
    return [ModalitySpec(NAME, "Sounds [N, C, T] in -1..1, shown as spectrograms, written as .wav.", load_modality)]


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    own = "generated; no recordings"
    return [
        DatasetSpec(
            "spoken-digits",
            "1,500 spoken digits of six synthetic voices, half a second at 8 kHz, 10 classes; generated.",
            f"{own}; synthesised by formants, after Klatt 1980, https://doi.org/10.1121/1.383940",
            NAME,
            load_spoken_digits,
            labelled=True,
            test=True,
            downloads=False,
        ),
        DatasetSpec(
            "drums",
            "1,500 hits of kick, snare and hat, half a second at 8 kHz, 3 classes; generated.",
            own,
            NAME,
            load_drums,
            labelled=True,
            test=True,
            downloads=False,
        ),
        DatasetSpec(
            "tones",
            "1,500 notes of a scale in several timbres, half a second at 8 kHz, 8 classes; generated.",
            own,
            NAME,
            load_tones,
            labelled=True,
            test=True,
            downloads=False,
        ),
        DatasetSpec(
            "wav-folder",
            "Your own .wav files in a folder, of any rate and length; subfolders are splits or classes.",
            "your own files",
            NAME,
            load_sounds,
            argument="path",
            labelled=True,
            test=True,
            endings=(".wav",),
            folder_endings=(".wav",),
            downloads=False,
        ),
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    spectrograms = (
        "on domain features of log-mel spectrograms, those of a small classifier trained on the data's labels"
    )
    wavegan = "Donahue et al. 2019, Adversarial Audio Synthesis, https://arxiv.org/abs/1802.04208"
    heusel = "Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, https://arxiv.org/abs/1706.08500"
    return [
        MetricSpec(
            "audio-is",
            f"Inception Score {spectrograms}; 1 to the number of classes.",
            wavegan,
            (NAME,),
            inception_score,
            {"IS": "higher"},
        ),
        MetricSpec(
            "audio-fd",
            f"Frechet distance to training sounds {spectrograms}; 0 is best.",
            heusel,
            (NAME,),
            frechet_distance,
            {"FD": "lower"},
        ),
        MetricSpec(
            "audio-prc",
            f"Precision and recall {spectrograms}; 0 to 1.",
            "Kynkaanniemi et al. 2019, Improved Precision and Recall Metric, https://arxiv.org/abs/1904.06991",
            (NAME,),
            precision_recall,
            {"precision": "higher", "recall": "higher"},
        ),
        MetricSpec(
            "audio-accuracy",
            "Fraction of class-conditional sounds that the classifier of spectrograms assigns to the requested class.",
            "Odena et al. 2017, Conditional Image Synthesis with Auxiliary Classifier GANs, https://arxiv.org/abs/1610.09585",
            (NAME,),
            accuracy,
            {"accuracy": "higher"},
        ),
        MetricSpec(
            "audio-spectrum",
            "Frechet distance to training sounds between log-mel statistics (mean and standard deviation of each band "
            "over time); needs no labels; 0 is best.",
            heusel,
            (NAME,),
            spectrum_distance,
            {"log-mel-FD": "lower"},
        ),
    ]
