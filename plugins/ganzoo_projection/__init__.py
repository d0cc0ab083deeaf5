"""projection: a discriminator that takes the class as an inner product (Miyato & Koyama 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class ProjectionRecipe(TwoPlayerRecipe):
    """The loss, the normalisation and the residual networks."""

    loss: str = key("hinge", "Adversarial loss; `ganzoo list losses` names them.")
    spectral_norm: bool = key(True, "Spectral normalisation of the discriminator's layers.")
    width: int = key(64, "The generator's channels at the finest resolution.", minimum=1)
    d_width: int = key(64, "The same for the discriminator.", minimum=1)


def build(recipe: ProjectionRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer
    from ganzoo.networks import ResidualDiscriminator, ResidualGenerator

    g = ResidualGenerator(recipe.latent, data.shape, recipe.width, classes=data.classes)
    d = ResidualDiscriminator(data.shape, recipe.d_width, classes=data.classes)
    return TwoPlayer.from_recipe(g, d, recipe, data, classes=data.classes)


# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
FASTER, FAST, SLOWER, SLOWEST = (
    Optimiser(lr=lr, betas=(0.0, 0.9), schedule="linear", schedule_start=0.5) for lr in (5e-3, 4e-3, 2e-3, 5e-4)
)
DIGITS = ProjectionRecipe(width=16, d_width=16, steps=1500, g=FASTER, d=FAST)
MNIST = ProjectionRecipe(data=Data(name="mnist"), width=16, d_width=16, steps=1850, g=SLOWER, d=SLOWER)
ADAM = Optimiser(betas=(0.0, 0.9), schedule="linear")
CIFAR10 = ProjectionRecipe(
    data=Data(name="cifar10"),
    width=256,
    d_width=128,
    latent=128,
    n_critic=5,
    g_batch=128,
    steps=50_000,
    g=ADAM,
    d=ADAM,
    ema=0.0,
)
# StudioGAN's numbers for Tiny ImageNet.
TINY_G, TINY_D = (Optimiser(lr=lr, betas=(0.0, 0.999)) for lr in (1e-4, 4e-4))
FOLDER = ProjectionRecipe(
    data=Data(name="folder", size=64, flip=True), latent=128, batch=256, steps=100_000, g=TINY_G, d=TINY_D, ema=0.0
)
# At MNIST's rates, D dies within 700 steps.
SMALL = ProjectionRecipe(data=Data(name="cifar10"), width=32, d_width=32, steps=4500, g=SLOWEST, d=SLOWEST)
RECIPES = {"digits": DIGITS, "mnist": MNIST, "cifar10": CIFAR10, "cifar10-small": SMALL, "folder": FOLDER}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = "Miyato & Koyama 2018, cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637"
    summary = "The discriminator takes the class as an inner product with its features: samples of a requested class."
    return [
        Variant(
            "projection",
            summary,
            paper,
            ("image",),
            RECIPES,
            build,
            needs_labels=True,
            for_data={"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="sngan",
            change="the class enters D as an inner product",
            lesson="How D is told the class matters: an inner product is what the class posterior asks for.",
        )
    ]
