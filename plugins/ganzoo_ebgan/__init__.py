"""ebgan: the discriminator is an energy, low at real samples (Zhao et al. 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class EBGANRecipe(TwoPlayerRecipe):
    """The energy, its margin, and the networks' sizes."""

    margin: float = key(20.0, "Energy above which D ignores generated samples.", minimum=0, live=True)
    pulling_away: float = key(0.1, "Weight of the pulling-away term in the generator's loss.", minimum=0, live=True)
    energy: str = key("norm", "Error of reconstruction: its Euclidean norm, or a mean.", choices=("norm", "l1", "l2"))
    width: int = key(64, "Channels at the finest resolution; they double as it halves, up to eight times.", minimum=1)
    d_width: int = key(64, "The same for the discriminator.", minimum=1)
    g_hidden: tuple[int, ...] = key((), "Fully connected layers between z and the feature maps.", minimum=1)


def build(recipe: EBGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import EBGAN, networks

    return EBGAN.from_recipe(*networks(recipe, data), recipe, data)


FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 1e-3))
SMALL = EBGANRecipe(width=32, d_width=32, margin=3.0, g_hidden=(256, 256), g=FAST_G, d=FAST_D)
# On MNIST, hidden layers and smaller margins let G collapse.
FASTER = Optimiser(lr=2e-3, schedule="linear", schedule_start=0.5)
MNIST = EBGANRecipe(
    data=Data(name="mnist"), width=16, d_width=16, margin=10.0, batch=32, steps=8000, g=FASTER, d=FASTER
)
RECIPES = {
    "digits": replace(SMALL, steps=2000),
    "mnist": MNIST,
    "cifar10": EBGANRecipe(data=Data(name="cifar10"), margin=10.0, batch=128, steps=50_000, ema=0.0),
    "celeba": EBGANRecipe(data=Data(name="celeba", size=64), batch=128, steps=50_000, ema=0.0),
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = "Zhao et al. 2017, Energy-based Generative Adversarial Network, https://arxiv.org/abs/1609.03126"
    summary = "The discriminator is an energy, the error of an autoencoder, with a margin."
    return [
        Variant(
            "ebgan",
            summary,
            paper,
            ("image",),
            RECIPES,
            build,
            fixes=("loss", "loss_options"),
            for_data={"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="dcgan",
            change="an autoencoder as D, whose error is an energy with a margin",
            lesson="D need not classify: any energy that is low at real samples will do.",
        )
    ]
