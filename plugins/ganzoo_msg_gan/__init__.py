"""msg-gan: the discriminator sees the generator's images at every scale (Karnewar & Wang 2020)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class MSGGANRecipe(TwoPlayerRecipe):
    """The loss, and the networks' size."""

    loss: str = key("relativistic-hinge", "Adversarial loss; `ganzoo list losses` names them.")
    width: int = key(64, "Channels at the finest resolution; they double as it halves.", minimum=2)
    most: int = key(8, "Channels of the coarsest resolutions, as a multiple of width at most.", minimum=1)


def build(recipe: MSGGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.networks import EqualisedGenerator

    from .game import MSGGAN, Discriminator

    g = EqualisedGenerator(recipe.latent, data.shape, recipe.width, most=recipe.most)
    d = Discriminator(data.shape, recipe.width, recipe.most)
    # The samples of a batch affect each other through their standard deviation.
    return MSGGAN.from_recipe(g, d, recipe, data, joint=False)


# An equalised layer learns slowly: its weights are of the order of 1 when they are stored.
FAST = Optimiser(lr=2e-2, betas=(0.0, 0.99), schedule="linear", schedule_start=0.5)
ADAM = Optimiser(lr=3e-3, betas=(0.0, 0.99))
R1 = {"r1": Term(weight=0.05, every=4)}
SMALL = MSGGANRecipe(loss="non-saturating", penalties=R1, width=16, most=2, latent=64, ema=0.99, g=FAST, d=FAST)
CIFAR10 = Data(name="cifar10", flip=True)
LARGE = MSGGANRecipe(data=CIFAR10, width=128, most=1, latent=128, batch=32, steps=600_000, g=ADAM, d=ADAM)
MNIST = replace(
    SMALL,
    data=Data(name="mnist"),
    penalties={"r1": Term(weight=1.0, every=4)},
    width=8,
    most=4,
    batch=32,
    latent=16,
    steps=5500,
)
RECIPES = {"digits": replace(SMALL, steps=1100), "mnist": MNIST, "cifar10": LARGE}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Karnewar & Wang 2020, MSG-GAN: Multi-Scale Gradients for Generative Adversarial Networks, "
        "https://arxiv.org/abs/1903.06048"
    )
    summary = "The discriminator sees the generator's images at every scale, joined with its own features."
    return [
        Variant(
            "msg-gan",
            summary,
            paper,
            ("image",),
            RECIPES,
            build,
            for_data={"fashion-mnist": "mnist"},
            ancestor="progan",
            change="images of every scale shown to D, in place of growth",
            also_called=("msg",),
            lesson="Gradients at every scale reach all layers of G at once.",
        )
    ]
