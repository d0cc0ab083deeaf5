"""lsgan: least squares GAN (Mao et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@dataclass(frozen=True, kw_only=True)
class LSGANRecipe(TwoPlayerRecipe):
    """The loss, and the size of the networks."""

    loss: str = key("least-squares", "Adversarial loss; `ganzoo list losses` names them.")
    width: int = key(64, "Channels at the finest resolution; they double as it halves.", minimum=1)


def build(recipe: LSGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer
    from ganzoo.networks import PlainDiscriminator, PlainGenerator

    g = PlainGenerator(recipe.latent, data.shape, recipe.width)
    return TwoPlayer.from_recipe(g, PlainDiscriminator(data.shape, recipe.width, norm="batch"), recipe, data)


# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 5e-4))
DIGITS = LSGANRecipe(width=16, steps=2500, g=FAST_G, d=FAST_D)
CIFAR10 = LSGANRecipe(data=Data(name="cifar10", flip=True), latent=128, n_critic=2, steps=200_000, ema=0.0)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = "Mao et al. 2017, Least Squares Generative Adversarial Networks, https://arxiv.org/abs/1611.04076"
    recipes = {"digits": DIGITS, "cifar10": CIFAR10}
    return [
        Variant(
            "lsgan",
            "Convolutional networks and the least squares loss.",
            paper,
            ("image",),
            recipes,
            build,
            ancestor="dcgan",
            change="`loss=least-squares`",
            lesson="A loss that does not saturate still pulls at samples that D already takes for real.",
        )
    ]
