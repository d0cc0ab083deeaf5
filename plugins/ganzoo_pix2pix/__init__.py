"""pix2pix: images from images, learnt from pairs (Isola et al. 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class Pix2PixRecipe(TwoPlayerRecipe):
    """The distance from the target, and the networks."""

    l1_weight: float = key(100.0, "Weight of the L1 distance from the target (lambda).", minimum=0, live=True)
    jitter: int = key(0, "Pixels by which images are enlarged, and then cropped at random, in training.", minimum=0)
    width: int = key(64, "Channels of the U-Net's first level; they double up to eight times as many.", minimum=1)
    downs: int | None = key(None, "Levels of the U-Net; none halves the size as often as it goes, up to 8.", minimum=2)
    norm: str = key("batch", "The U-Net's normalisation.", choices=("batch", "instance", "none"))
    dropout: float = key(0.5, "Dropout in the U-Net, in samples too: the only noise.", minimum=0, below=1)
    d_width: int = key(64, "Channels of D's first layer.", minimum=1)
    d_layers: int | None = key(
        None, "Strided layers of D; 3 judges patches of 70 pixels; none is 3, or as many as fit.", minimum=1
    )
    d_norm: str = key("batch", "D's normalisation.", choices=("batch", "instance", "none"))


def build(recipe: Pix2PixRecipe, data: DataSpec) -> TwoPlayer:
    from .game import Pix2Pix, networks

    return Pix2Pix.from_recipe(*networks(recipe, data), recipe, data)


# Small networks and short runs tolerate higher learning rates than the paper's, if they decay towards the end.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 5e-4))
SMALL = Pix2PixRecipe(width=16, d_width=16, batch=32, steps=2000, g=FAST_G, d=FAST_D)
PAPER = Pix2PixRecipe(
    data=Data(name="paired", size=256, flip=True),
    batch=1,
    steps=160_000,
    jitter=30,
    norm="instance",
    d_norm="instance",
    ema=0.0,
)
RECIPES = {
    "edges": replace(SMALL, data=Data(name="edges")),
    "grey": replace(SMALL, data=Data(name="grey")),
    "segments": replace(SMALL, data=Data(name="segments")),
    "mnist": replace(SMALL, data=Data(name="edges", kind="mnist")),
    "folder": PAPER,
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks, "
        "https://arxiv.org/abs/1611.07004"
    )
    return [
        Variant(
            "pix2pix",
            "Images from images, learnt from pairs: edges to photos, grey to colour.",
            paper,
            ("image",),
            RECIPES,
            build,
            inputs=("source",),
            for_data={"maps": "folder"},
            fixes=("latent", "latent_distribution"),
            ancestor="conditional",
            change="a whole image in place of the class, and its distance from the target",
            lesson="A distance says where things belong, and D, which judges patches, what they look like.",
        )
    ]
