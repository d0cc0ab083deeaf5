"""f-anogan: a WGAN-GP of normal images, then an encoder into it, which finds anomalies (Schlegl et al. 2019)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class FAnoGANRecipe(TwoPlayerRecipe):
    """The two stages, the encoder's loss, and the networks' sizes."""

    e: Optimiser = key(Optimiser(lr=5e-5), "The encoder's optimiser.")
    encoder_start: float = key(
        0.7, "Fraction of training after which the encoder learns, and nothing else.", above=0, below=1
    )
    feature_weight: float = key(
        1.0,
        "Weight of the critic's features in the encoder's loss and in anomaly scores (kappa).",
        minimum=0,
        live=True,
    )
    loss: str = key("wasserstein", "Adversarial loss; `ganzoo list losses` names them.")
    n_critic: int = key(5, "Critic updates per step.", minimum=1)
    latent: int = key(128, "Dimensions of the latent vector z.", minimum=1)
    width: int = key(64, "Channels at the finest resolution; they double as it halves, up to eight times.", minimum=1)
    g_hidden: tuple[int, ...] = key((), "Fully connected layers between z and the feature maps.", minimum=1)
    d_hidden: tuple[int, ...] = key((), "Fully connected layers before the critic's output.", minimum=1)


def build(recipe: FAnoGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import FAnoGAN, networks

    return FAnoGAN.from_recipe(*networks(recipe, data), recipe, data)


GP = {"wgan-gp": Term(weight=10.0)}
# The learning rate of the WGAN is 0 when the encoder begins.
FAST = Optimiser(lr=1e-3, betas=(0.0, 0.9), schedule="linear", schedule_start=0.35, schedule_end=0.7)
ENCODER = Optimiser(lr=1e-3, schedule="linear", schedule_start=0.85)
SMALL = FAnoGANRecipe(width=32, latent=16, steps=3000, penalties=GP, g=FAST, d=FAST, e=ENCODER)
RECIPES = {
    "one-class": replace(SMALL, data=Data(name="one-class", kind="digits:0,1,2,3,4")),
    "mnist": replace(
        SMALL,
        data=Data(name="one-class", kind="mnist:0,1,2,3,4"),
        width=16,
        latent=64,
        g_hidden=(256,),
        d_hidden=(256,),
    ),
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Schlegl et al. 2019, f-AnoGAN: Fast unsupervised anomaly detection with generative adversarial networks, "
        "https://doi.org/10.1016/j.media.2019.01.010"
    )
    return [
        Variant(
            "f-anogan",
            "A WGAN-GP of normal images, then an encoder into its latents: finds anomalies.",
            paper,
            ("image",),
            RECIPES,
            build,
            ancestor="wgan-gp",
            change="an encoder, trained afterwards on the residuals of pixels and features",
            lesson="What a generator of normal images cannot reconstruct is not normal.",
        )
    ]
