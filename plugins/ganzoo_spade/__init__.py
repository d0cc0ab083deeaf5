"""spade: images from label maps, which scale and shift every normalisation (Park et al. 2019)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class SPADERecipe(TwoPlayerRecipe):
    """Feature matching, and the networks."""

    loss: str = key("hinge", "Adversarial loss; `ganzoo list losses` names them.")
    matching: float = key(
        10.0, "Weight of the L1 distance between D's features of image and target.", minimum=0, live=True
    )
    jitter: int = key(0, "Pixels by which images are enlarged, and then cropped at random, in training.", minimum=0)
    width: int = key(64, "Channels of the generator's last block; they double as the size halves, up to 16.", minimum=1)
    ups: int = key(6, "How often the generator doubles the size.", minimum=1)
    hidden: int = key(128, "Channels between a map and the scale and shift that are made from it.", minimum=1)
    g_spectral_norm: bool = key(True, "Spectral normalisation of the generator's residual blocks.")
    d_width: int = key(64, "Channels of D's first layer; they double up to eight times as many.", minimum=1)
    d_layers: int = key(3, "Strided layers of each discriminator.", minimum=1)
    d_scales: int = key(2, "Discriminators, each of half the size of the one before.", minimum=1)
    d_norm: str = key("instance", "D's normalisation.", choices=("batch", "instance", "none"))
    spectral_norm: bool = key(True, "Spectral normalisation of the discriminator's layers.")


def build(recipe: SPADERecipe, data: DataSpec) -> TwoPlayer:
    from .game import SPADE, networks

    return SPADE.from_recipe(*networks(recipe, data), recipe, data)


# Small networks and short runs tolerate higher learning rates than the paper's, if they decay towards the end.
BETAS = (0.0, 0.9)
FAST_G, FAST_D = (Optimiser(lr=lr, betas=BETAS, schedule="linear", schedule_start=0.5) for lr in (1e-3, 1e-3))
DIGITS = SPADERecipe(
    data=Data(name="segments"), batch=32, steps=1200, width=16, ups=2, hidden=16, d_width=16, d_layers=1, d_scales=1,
    d_norm="none", g=FAST_G, d=FAST_D,
)  # fmt: skip
PAPER = SPADERecipe(
    data=Data(name="maps", size=256, flip=True),
    batch=32,
    steps=126_000,
    g=Optimiser(lr=1e-4, betas=BETAS, schedule="linear", schedule_start=0.5),
    d=Optimiser(lr=4e-4, betas=BETAS, schedule="linear", schedule_start=0.5),
    ema=0.0,
)
RECIPES = {
    "digits": DIGITS,
    "mnist": replace(DIGITS, data=Data(name="segments", kind="mnist"), d_layers=2, d_scales=2),
    "folder": PAPER,
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Park et al. 2019, Semantic Image Synthesis with Spatially-Adaptive Normalization, "
        "https://arxiv.org/abs/1903.07291"
    )
    return [
        Variant(
            "spade",
            "Images from label maps, which scale and shift the features after every normalisation.",
            paper,
            ("image",),
            RECIPES,
            build,
            inputs=("source",),
            fixes=("latent", "latent_distribution"),
            ancestor="pix2pix",
            change="the map enters at every normalisation, in place of an encoder; `loss=hinge`, D's features matched",
            lesson="Normalisation washes a label map out, unless the map itself says how to scale and shift.",
        )
    ]
