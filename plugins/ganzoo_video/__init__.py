"""video: clips as a kind of data, with digits that move, folders of the user's videos, and scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data
from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset
    from ganzoo.data.samples import Samples

NAME = "video"
FILES = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi")


def load_modality(name: str) -> Any:
    from .modality import Video

    return Video(name)


def load_moving_digits(data: Data, root: Path, split: str) -> Dataset:
    from .data import load_moving_digits

    return load_moving_digits(data, split)


def load_videos(data: Data, root: Path, split: str) -> Dataset:
    from .data import load_videos

    return load_videos(data, split)


def inception_score(samples: Samples) -> Any:
    from . import metrics

    return metrics.inception_score(samples)


def clip_distance(samples: Samples) -> Any:
    from . import metrics

    return metrics.clip_distance(samples)


def frame_distance(samples: Samples) -> Any:
    from . import metrics

    return metrics.frame_distance(samples)


def persistence(samples: Samples) -> Any:
    from . import metrics

    return metrics.persistence(samples)


def motion(samples: Samples) -> Any:
    from . import metrics

    return metrics.motion(samples)


@hookimpl
def ganzoo_modalities() -> list[ModalitySpec]:
    return [ModalitySpec(NAME, "Clips [N, C, T, H, W], shown as filmstrips, written as .gif and .mp4.", load_modality)]


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            "moving-digits",
            "2,500 clips of a handwritten 8x8 digit that moves and bounces, 12 frames of 16x16 (of 8x16 on a line), "
            "10 classes; generated.",
            "Srivastava et al. 2015, Unsupervised Learning of Video Representations using LSTMs (moving MNIST), "
            "https://arxiv.org/abs/1502.04681; digits: Alpaydin & Kaynak 1998, https://doi.org/10.24432/C50P49",
            NAME,
            load_moving_digits,
            "kind",
            ("plane", "line"),
            labelled=True,
            test=True,
            downloads=False,
        ),
        DatasetSpec(
            "video-folder",
            "Your own videos or animated GIFs in a folder, cut into clips; subfolders are splits or classes.",
            "your own files",
            NAME,
            load_videos,
            argument="path",
            labelled=True,
            test=True,
            endings=(*FILES, ".gif"),
            folder_endings=FILES,
            downloads=False,
        ),
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    own = "on domain features, those of a small classifier trained on the data set's own labels"
    heusel = "Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, https://arxiv.org/abs/1706.08500"
    mocogan = "Tulyakov et al. 2018, MoCoGAN, https://arxiv.org/abs/1707.04993"
    return [
        MetricSpec(
            "video-is",
            f"Inception Score of clips {own}; 1 to the number of classes.",
            "Saito et al. 2017, Temporal Generative Adversarial Nets, https://arxiv.org/abs/1611.06624",
            (NAME,),
            inception_score,
            {"clip-IS": "higher"},
        ),
        MetricSpec(
            "video-fd",
            f"Frechet distance to training clips {own}, which sees four frames of a clip; 0 is best.",
            "Unterthiner et al. 2018, Towards Accurate Generative Models of Video, https://arxiv.org/abs/1812.01717",
            (NAME,),
            clip_distance,
            {"clip-FD": "lower"},
        ),
        MetricSpec(
            "video-frames",
            f"Frechet distance between single frames {own}; 0 is best.",
            heusel,
            (NAME,),
            frame_distance,
            {"frame-FD": "lower"},
        ),
        MetricSpec(
            "video-content",
            "Fraction of a clip's frames that the classifier assigns to the class of most of them, and fraction of "
            "class-conditional clips for which this is the requested class.",
            mocogan,
            (NAME,),
            persistence,
            {"persistence": "higher", "accuracy": "higher"},
        ),
        MetricSpec(
            "video-motion",
            "Motion over that of training clips: distance that the centre of brightness moves between frames, and "
            "change of pixels; 1 is best.",
            "this zoo's own",
            (NAME,),
            motion,
            {"speed-ratio": 1.0, "change-ratio": 1.0},
        ),
    ]
