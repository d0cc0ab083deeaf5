"""dragan: a gradient penalty around real samples (Kodali et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class DRAGANRecipe(TwoPlayerRecipe):
    """The penalty, and the networks' sizes."""

    penalties: dict[str, Term] = key({"dragan": Term(weight=10.0)}, "Penalties on D by name.")
    network: str = key("conv", "Networks: convolutional or residual ones.", choices=("conv", "residual"))
    width: int = key(64, "The generator's channels at the finest resolution.", minimum=1)
    d_width: int = key(64, "The same for the discriminator.", minimum=1)
    g_hidden: tuple[int, ...] = key((), "Fully connected layers between z and the feature maps (conv).", minimum=1)
    d_hidden: tuple[int, ...] = key((), "Fully connected layers before the logit (conv).", minimum=1)


def build(recipe: DRAGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer

    from .networks import networks

    return TwoPlayer.from_recipe(*networks(recipe, data), recipe, data)


# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 2e-3))
DIGITS = DRAGANRecipe(width=32, d_width=32, g_hidden=(256, 256), d_hidden=(256,), steps=2000, g=FAST_G, d=FAST_D)
# With hidden layers, G collapses on MNIST: D has no batch normalisation.
SLOW = Optimiser(lr=1e-3, schedule="linear", schedule_start=0.5)
MNIST = DRAGANRecipe(
    data=Data(name="mnist"),
    width=32,
    d_width=16,
    d_hidden=(256,),
    batch=16,
    latent=16,
    steps=16_000,
    g=SLOW,
    d=SLOW,
)
CIFAR10 = DRAGANRecipe(
    data=Data(name="cifar10", flip=True),
    network="residual",
    latent=128,
    loss="wasserstein",
    n_critic=5,
    steps=100_000,
    ema=0.0,
)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = "Kodali et al. 2017, On Convergence and Stability of GANs, https://arxiv.org/abs/1705.07215"
    recipes = {"digits": DIGITS, "mnist": MNIST, "cifar10": CIFAR10}
    summary = "A penalty that keeps the discriminator's gradient near 1 around real samples."
    return [
        Variant(
            "dragan",
            summary,
            paper,
            ("image",),
            recipes,
            build,
            for_data={"fashion-mnist": "mnist"},
            # The gradient of layer normalisation fails in compiled networks whose weights are channels-last.
            compiles=False,
            ancestor="dcgan",
            change="`penalties=dragan`, no batch normalisation in D",
            lesson="It is around real samples that D's gradients need to be bounded.",
        )
    ]
