"""sngan: spectral normalisation of the discriminator (Miyato et al. 2018)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class SNGANRecipe(TwoPlayerRecipe):
    """The loss, the normalisation and the networks."""

    loss: str = key("hinge", "Adversarial loss; `ganzoo list losses` names them.")
    spectral_norm: bool = key(True, "Spectral normalisation of the discriminator's layers.")
    network: str = key("plain", "Networks: the paper's standard or residual ones.", choices=("plain", "residual"))
    width: int = key(64, "The generator's channels at the finest resolution.", minimum=1)
    d_width: int = key(64, "The same for the discriminator.", minimum=1)


def build(recipe: SNGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo import games, networks

    plain = recipe.network == "plain"
    g = networks.PlainGenerator if plain else networks.ResidualGenerator
    d = networks.PlainDiscriminator if plain else networks.ResidualDiscriminator
    players = g(recipe.latent, data.shape, recipe.width), d(data.shape, recipe.d_width)
    return games.TwoPlayer.from_recipe(*players, recipe, data)


# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (5e-4, 2e-3))
DIGITS = SNGANRecipe(width=16, d_width=16, steps=2500, g=FAST_G, d=FAST_D)
EQUAL = Optimiser(lr=2e-3, betas=(0.0, 0.9), schedule="linear", schedule_start=0.5)
MNIST = SNGANRecipe(
    data=Data(name="mnist"),
    network="residual",
    width=16,
    d_width=16,
    batch=32,
    latent=16,
    steps=9000,
    g=EQUAL,
    d=EQUAL,
)
ADAM = Optimiser(betas=(0.0, 0.9), schedule="linear")
LONG = SNGANRecipe(data=Data(name="cifar10"), latent=128, n_critic=5, steps=100_000, g=ADAM, d=ADAM, ema=0.0)
RECIPES = {"digits": DIGITS, "mnist": MNIST, "cifar10": replace(LONG, network="residual", width=256, d_width=128)}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = "Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks, https://arxiv.org/abs/1802.05957"
    summary = "Spectral normalisation of the discriminator, and the hinge loss."
    return [
        Variant(
            "sngan",
            summary,
            paper,
            ("image",),
            RECIPES,
            build,
            bf16=("mnist",),
            for_data={"fashion-mnist": "mnist"},
            ancestor="dcgan",
            change="`loss=hinge`, `spectral_norm=true`, `d_norm=none`",
            lesson="Bounding every layer of D is enough to keep its gradients useful, without a penalty.",
        )
    ]
