"""srgan: larger images from small ones (Ledig et al. 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class SRGANRecipe(TwoPlayerRecipe):
    """The two parts of G's loss, when D begins, and the networks."""

    content_weight: float = key(1.0, "Weight of the mean squared error of pixels.", minimum=0, live=True)
    adversarial_weight: float = key(1e-3, "Weight of what D says.", minimum=0, live=True)
    alone: float = key(0.5, "Fraction of training in which G learns from pixels alone.", minimum=0, below=1)
    crop: int | None = key(None, "Pixels of the random crops that are trained on; none is the whole image.", minimum=16)
    width: int = key(64, "Channels of G.", minimum=1)
    blocks: int = key(16, "Residual blocks of G.", minimum=1)
    skip: bool = key(False, "G adds to the input, enlarged bicubically, in place of making the whole image.")
    d_width: int = key(64, "Channels of D's first level; they double with each of the others.", minimum=1)


def build(recipe: SRGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import SRGAN, networks

    return SRGAN.from_recipe(*networks(recipe, data), recipe, data)


# Small networks and short runs tolerate higher learning rates than the paper's, if they decay towards the end.
BETAS = (0.9, 0.999)
FAST_G, FAST_D = (Optimiser(lr=lr, betas=BETAS, schedule="linear", schedule_start=0.5) for lr in (1e-3, 5e-4))
PHOTOS = SRGANRecipe(
    data=Data(name="lowres"), width=24, blocks=4, skip=True, crop=48, d_width=16, batch=8, steps=2000,
    alone=0.6, g=FAST_G, d=FAST_D,
)  # fmt: skip
PAPER = SRGANRecipe(
    data=Data(name="lowres", kind="folder", size=256, flip=True),
    crop=96,
    batch=16,
    alone=5 / 6,
    steps=1_200_000,
    g=Optimiser(lr=1e-4, betas=BETAS),
    d=Optimiser(lr=1e-4, betas=BETAS),
    ema=0.0,
)
MNIST = replace(PHOTOS, data=Data(name="lowres", kind="mnist"), crop=None, batch=16)
RECIPES = {"photos": PHOTOS, "mnist": MNIST, "folder": PAPER}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Ledig et al. 2017, Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, "
        "https://arxiv.org/abs/1609.04802"
    )
    return [
        Variant(
            "srgan",
            "Larger images from small ones: details that D takes for real.",
            paper,
            ("image",),
            RECIPES,
            build,
            inputs=("source",),
            fixes=("latent", "latent_distribution"),
            ancestor="pix2pix",
            change="a smaller input, mean squared error in place of L1, and a D that does not see the input",
            lesson="The best guess of every pixel is blurred; an image that could be real is not.",
        )
    ]
