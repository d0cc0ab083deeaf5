"""Pairs of images and unpaired domains: data sets for translation from an input, and scores of translators."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data
from ganzoo.specs import DatasetSpec, MetricSpec

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset
    from ganzoo.data.samples import Samples


def derived(name: str, module: str = "data") -> Any:
    """The loader of a data set that is made from another one: a function of a module of this package."""

    def load(data: Data, root: Path, split: str) -> Dataset:
        made: Dataset = getattr(import_module(f".{module}", __name__), name)(data, root, split)
        return made

    return load


def own_files(name: str) -> Any:
    """The loader of a data set of the user's own files."""

    def load(data: Data, root: Path, split: str) -> Dataset:
        from . import folders

        made: Dataset = getattr(folders, name)(data, root, split)
        return made

    return load


def scored(name: str) -> Any:
    """A metric, imported when it is computed."""

    def compute(samples: Samples) -> Any:
        from . import metrics

        return getattr(metrics, name)(samples)

    return compute


OWN = "your own files"


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    made = [
        ("edges", "Edges, and the image that they are of. Of digits, or of another data set: edges:mnist.",
         "Canny 1986, A Computational Approach to Edge Detection, https://doi.org/10.1109/TPAMI.1986.4767851"),
        ("grey", "Grey images, and the same in colour. Of digits, coloured by class, or of another one: grey:cifar10.",
         "Zhang et al. 2016, Colorful Image Colorization, https://arxiv.org/abs/1603.08511"),
        ("segments", "Maps of background and strokes, by class, and images. Of digits, or of others: segments:mnist.",
         "Park et al. 2019, Semantic Image Synthesis with SPADE, https://arxiv.org/abs/1903.07291"),
        ("domains", "Unpaired: digits, and other digits in chalk. Of another data set, or of two: domains:mnist,svhn.",
         "Zhu et al. 2017, Unpaired Image-to-Image Translation, https://arxiv.org/abs/1703.10593"),
    ]  # fmt: skip
    damaged = [
        DatasetSpec(
            "lowres",
            "Images at a quarter of their size, and in full. Of photo-crops, or of others: lowres:mnist.",
            "Ledig et al. 2017, Photo-Realistic Single Image Super-Resolution, https://arxiv.org/abs/1609.04802",
            "image",
            derived("lowres", "restoration"),
            argument="kind",
            labelled=True,
            test=True,
            settings={"factor": "how many times smaller the input is: 2, 4 (the default), 8 or 16"},
        ),
        DatasetSpec(
            "holes",
            "Images with a transparent hole, and without. Of digits, or of another data set: holes:mnist.",
            "Pathak et al. 2016, Context Encoders: Feature Learning by Inpainting, https://arxiv.org/abs/1604.07379",
            "image",
            derived("holes", "restoration"),
            argument="kind",
            labelled=True,
            test=True,
            settings={"where": "middle (the default) or random: where the hole is"},
        ),
    ]
    own = [
        ("paired", "Your own pairs: folders a and b, two folders, or pairs side by side in one picture."),
        ("maps", "Your own maps, whose colours are classes, and photos: folders maps and photos, or two folders."),
        ("unpaired", "Your own images of two kinds that do not belong together: trainA and trainB, or two folders."),
    ]
    return [
        *(
            DatasetSpec(name, summary, source, "image", derived(name), argument="kind", labelled=True, test=True)
            for name, summary, source in made
        ),
        *damaged,
        *(
            DatasetSpec(
                name, summary, OWN, "image", own_files(name), argument="path", kinds=(), test=True, downloads=False
            )
            for name, summary in own
        ),
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    pix2pix = "Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks, "
    cyclegan = "Zhu et al. 2017, Unpaired Image-to-Image Translation, https://arxiv.org/abs/1703.10593"
    return [
        MetricSpec(
            "targets",
            "Distance of a translation from its target: mean absolute difference and PSNR of 8-bit pixels, and SSIM.",
            "Wang et al. 2004, Image Quality Assessment, https://doi.org/10.1109/TIP.2003.819861",
            ("image",),
            scored("targets"),
            {"L1": "lower", "PSNR": "higher", "SSIM": "higher"},
            split="test",
            needs=("inputs",),
        ),
        *_of_restored(),
        MetricSpec(
            "label-kept",
            "Fraction of translations in which the domain classifier reads the label of the input.",
            "Hoffman et al. 2018, CyCADA, https://arxiv.org/abs/1711.03213",
            ("image",),
            scored("label_kept"),
            {"label-kept": "higher"},
            needs=("inputs",),
        ),
        MetricSpec(
            "map-read-back",
            "How well a small network, trained on real pairs, reads the label map from samples: pixels, mean IoU.",
            pix2pix + "section 3.2 (FCN scores), https://arxiv.org/abs/1611.07004",
            ("image",),
            scored("map_read_back"),
            {"map-accuracy": "higher", "map-IoU": "higher"},
            needs=("inputs",),
        ),
        MetricSpec(
            "fd-back",
            "Frechet distance of the way back: between inputs made from held-out samples and the training inputs.",
            cyclegan,
            ("image",),
            scored("frechet_distance_back"),
            {"FD-back": "lower"},
            needs=("inputs", "back"),
        ),
        MetricSpec(
            "cycle",
            "Mean absolute difference of 8-bit pixels after there and back again, from the input and from samples.",
            cyclegan,
            ("image",),
            scored("cycle"),
            {"cycle-L1": "lower", "cycle-back-L1": "lower"},
            split="test",
            needs=("inputs", "back"),
        ),
    ]


def _of_restored() -> list[MetricSpec]:
    """The scores of enlarged and repaired images."""
    return [
        MetricSpec(
            "baseline",
            "Of enlarged and repaired images: what a simple method (bicubic, the nearest pixel) makes of the inputs.",
            "ganzoo",
            ("image",),
            scored("of_baseline"),
            {"PSNR-baseline": "", "SSIM-baseline": "", "FD-baseline": ""},
            needs=("inputs",),
        ),
        MetricSpec(
            "holes",
            "PSNR of the pixels in the holes alone, and what the nearest known pixel reaches there.",
            "Pathak et al. 2016, Context Encoders, https://arxiv.org/abs/1604.07379",
            ("image",),
            scored("inside_holes"),
            {"hole-PSNR": "higher", "hole-PSNR-baseline": ""},
            split="test",
            needs=("inputs",),
        ),
    ]
