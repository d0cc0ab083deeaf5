"""progan: networks that grow from small images to large ones (Karras et al. 2018)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class ProGANRecipe(TwoPlayerRecipe):
    """How the networks grow, the loss, and the networks' size."""

    growth: float = key(0.5, "Fraction of training in which the networks grow.", minimum=0, maximum=1)
    drift: float = key(
        0.001, "Weight of the squared logits of real samples, which keeps them near 0.", minimum=0, live=True
    )
    loss: str = key("wasserstein", "Adversarial loss; `ganzoo list losses` names them.")
    penalties: dict[str, Term] = key({"wgan-gp": Term(weight=10.0)}, "Penalties on D by name.")
    width: int = key(64, "Channels at the finest resolution; they double as it halves.", minimum=1)
    most: int = key(8, "Channels of the coarsest resolutions, as a multiple of width at most.", minimum=1)


def build(recipe: ProGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import ProGAN
    from .networks import Discriminator, Generator

    g = Generator(recipe.latent, data.shape, recipe.width, recipe.most)
    # The samples of a batch affect each other through their standard deviation.
    return ProGAN.from_recipe(g, Discriminator(data.shape, recipe.width, recipe.most), recipe, data, joint=False)


ADAM = Optimiser(lr=1e-3, betas=(0.0, 0.99))
# An equalised layer learns slowly: its weights are of the order of 1 when they are stored.
FAST = Optimiser(lr=1e-2, betas=(0.0, 0.99), schedule="linear", schedule_start=0.5)
R1 = {"r1": Term(weight=0.05, every=4)}
DIGITS = ProGANRecipe(
    loss="non-saturating", penalties=R1, width=16, most=2, latent=64, ema=0.99, growth=0.3, steps=1400, g=FAST, d=FAST
)
MNIST = replace(
    DIGITS,
    data=Data(name="mnist"),
    penalties={"r1": Term(weight=5.0, every=4)},
    width=8,
    most=4,
    batch=32,
    latent=16,
    steps=6500,
)
CIFAR10 = ProGANRecipe(
    data=Data(name="cifar10"),
    penalties={"wgan-gp": Term(weight=10.0, options={"target": 750.0})},
    width=128,
    most=1,
    latent=128,
    batch=16,
    steps=1_250_000,
    growth=0.12,
    g=ADAM,
    d=ADAM,
)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Karras et al. 2018, Progressive Growing of GANs for Improved Quality, Stability, and Variation, "
        "https://arxiv.org/abs/1710.10196"
    )
    summary = "Both networks begin with small images and grow layer by layer."
    return [
        Variant(
            "progan",
            summary,
            paper,
            ("image",),
            {"digits": DIGITS, "mnist": MNIST, "cifar10": CIFAR10},
            build,
            for_data={"fashion-mnist": "mnist"},
            ancestor="wgan-gp",
            change="networks that grow, with equalised learning rates and pixel normalisation",
            also_called=("pggan", "progressive", "pgan"),
            lesson="Coarse images first: each finer resolution is then a small step.",
        )
    ]
