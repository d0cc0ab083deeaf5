"""3dgan: shapes of voxels (Wu et al. 2016); and voxels as a kind of data, with data sets, files and scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec, Variant

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset
    from ganzoo.data.samples import Samples
    from ganzoo.games import TwoPlayer
    from ganzoo.modalities import Modality


@recipe_class
class VolumeRecipe(TwoPlayerRecipe):
    """When D pauses, and the networks' sizes."""

    data: Data = key(Data(name="voxel-shapes"), "The data set.")
    latent: int = key(200, "Dimensions of the latent vector z.", minimum=1)
    batch: int = key(100, "Shapes per update, over all devices.", minimum=1)
    max_accuracy: float = key(
        0.8,
        "D pauses while more of its last judgements than this were right; 1 for never.",
        above=0,
        maximum=1,
        live=True,
    )
    width: int = key(64, "Channels at the finest resolution; they double as it halves.", minimum=1)
    d_norm: str = key("batch", "Normalisation in D.", choices=("batch", "instance", "layer", "none"))


def build(recipe: VolumeRecipe, data: DataSpec) -> TwoPlayer:
    from .game import VolumeGAN, networks

    return VolumeGAN.from_recipe(*networks(recipe, data), recipe, data)


PAPER = VolumeRecipe(data=Data(name="voxel-shapes", size=64), g=Optimiser(lr=2.5e-3), d=Optimiser(lr=1e-5), ema=0.0)
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (2e-3, 1e-3))
RECIPES = {
    "shapes": VolumeRecipe(width=16, latent=32, batch=32, steps=1200, g=FAST_G, d=FAST_D),
    "paper": replace(PAPER, steps=50_000),
}


def load_modality(name: str) -> Modality:
    from .modality import Voxels

    return Voxels(name)


def load_shapes(data: Data, root: Path, split: str) -> Dataset:
    from .shapes import load

    return load(data, root, split)


def load_files(data: Data, root: Path, split: str) -> Dataset:
    from .own import load

    return load(data, root, split)


def frechet(samples: Samples) -> Any:
    from .metrics import frechet_distance

    return frechet_distance(samples)


def matching(samples: Samples) -> Any:
    from .metrics import coverage_and_matching

    return coverage_and_matching(samples)


@hookimpl
def ganzoo_modalities() -> list[ModalitySpec]:
    return [ModalitySpec("voxels", "Shapes [N, 1, D, H, W] of voxels, occupied above 0; D is upwards.", load_modality)]


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            "voxel-shapes",
            "4,000 boxes, balls, tables and chairs of 16x16x16 voxels, 4 classes; generated.",
            "no paper",
            "voxels",
            load_shapes,
            labelled=True,
            test=True,
            downloads=False,
        ),
        DatasetSpec(
            "voxel-files",
            "Your own shapes: .binvox files, or .npz files of voxels; subfolders are classes.",
            "your own files; binvox: Min 2004, https://www.patrickmin.com/binvox/",
            "voxels",
            load_files,
            argument="path",
            labelled=True,
            test=True,
            endings=(".binvox",),
            folder_endings=(".binvox",),
            downloads=False,
        ),
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            "voxel-fd",
            "Frechet distance on FD[domain:NAME], features of a small classifier trained on the shapes' own labels, "
            "which sees their slices; 0 is best.",
            "Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, https://arxiv.org/abs/1706.08500",
            ("voxels",),
            frechet,
            {"FD": "lower"},
        ),
        MetricSpec(
            "voxel-matching",
            "Fraction of held-out shapes that are the nearest to a sample (coverage), and mean distance of held-out "
            "shapes to their nearest sample (matching); the distance is 1 - IoU.",
            "Achlioptas et al. 2018, Learning Representations and Generative Models for 3D Point Clouds, "
            "https://arxiv.org/abs/1707.02392",
            ("voxels",),
            matching,
            {"coverage": "higher", "matching": "lower"},
            split="test",
        ),
    ]


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Wu et al. 2016, Learning a Probabilistic Latent Space of Object Shapes via 3D Generative-Adversarial "
        "Modeling, https://arxiv.org/abs/1610.07584"
    )
    return [
        Variant(
            "3dgan",
            "Shapes of voxels, by three-dimensional convolutions.",
            paper,
            ("voxels",),
            RECIPES,
            build,
            ancestor="dcgan",
            change="volumes in place of images; D pauses while it is right too often",
            lesson="DCGAN's recipe holds in three dimensions, if D is kept from running ahead.",
        )
    ]
