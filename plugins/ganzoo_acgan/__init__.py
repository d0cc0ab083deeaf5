"""acgan: a discriminator that also names the class (Odena et al. 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class ACGANRecipe(TwoPlayerRecipe):
    """The networks' sizes, and how much naming the class counts."""

    class_weight: float = key(1.0, "Weight of the classes' cross-entropy in both players' losses.", minimum=0)
    network: str = key("conv", "Networks: convolutional or residual ones.", choices=("conv", "residual"))
    embedding: int = key(10, "Dimensions of the label's embedding in the generator (conv).", minimum=1)
    width: int = key(64, "Channels at the finest resolution; conv doubles them as it halves.", minimum=1)
    d_width: int | None = key(None, "The same for the discriminator, if it should differ.", minimum=1)
    g_hidden: tuple[int, ...] = key((), "Fully connected layers between z and the feature maps (conv).", minimum=1)
    d_hidden: tuple[int, ...] = key((), "Fully connected layers before the logits (conv).", minimum=1)


def build(recipe: ACGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import ACGAN, networks

    return ACGAN.from_recipe(*networks(recipe, data), recipe, data, classes=data.classes, d_labels=False)


# Small networks and short runs tolerate higher learning rates than the paper's, if they decay towards the end.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 5e-4))
DIGITS = ACGANRecipe(width=32, g_hidden=(256, 256), d_hidden=(256,), steps=2500, g=FAST_G, d=FAST_D)
MNIST = replace(DIGITS, data=Data(name="mnist"), width=16, steps=4000)

CIFAR10 = ACGANRecipe(
    data=Data(name="cifar10", flip=True),
    network="residual",
    width=256,
    d_width=128,
    latent=128,
    loss="hinge",
    n_critic=5,
    steps=100_000,
    ema=0.0,
)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Odena et al. 2017, Conditional Image Synthesis with Auxiliary Classifier GANs, "
        "https://arxiv.org/abs/1610.09585"
    )
    summary = "The discriminator also names the class, and the generator helps: samples of a requested class."
    return [
        Variant(
            "acgan",
            summary,
            paper,
            ("image",),
            {"digits": DIGITS, "mnist": MNIST, "cifar10": CIFAR10},
            build,
            needs_labels=True,
            bf16=("mnist",),
            for_data={"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="conditional",
            change="D names the class, and is not told it",
            lesson="Asking D for more than real or fake gives G more to learn from, at the price of variety.",
        )
    ]
