"""lsgan: least squares GAN (Mao et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class LSGANRecipe(TwoPlayerRecipe):
    """The loss, and the size of the networks."""

    loss: str = key("least-squares", "Adversarial loss; `ganzoo list losses` names them.")
    network: str = key("plain", "Networks: Miyato et al.'s standard ones, or DCGAN's.", choices=("plain", "conv"))
    width: int = key(64, "Channels at the finest resolution; they double as it halves.", minimum=1)
    g_hidden: tuple[int, ...] = key((), "Fully connected layers between z and the feature maps (conv).", minimum=1)
    d_hidden: tuple[int, ...] = key((), "Fully connected layers before the logit (conv).", minimum=1)


def build(recipe: LSGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer

    from .networks import networks

    return TwoPlayer.from_recipe(*networks(recipe, data), recipe, data)


# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 5e-4))
DIGITS = LSGANRecipe(width=16, steps=2500, g=FAST_G, d=FAST_D)
# Networks for small images have two or three levels only; fully connected layers make up for that at little cost.
HIDDEN: dict[str, Any] = {"network": "conv", "g_hidden": (256, 256), "d_hidden": (256,)}
MNIST = LSGANRecipe(data=Data(name="mnist"), width=16, latent=64, steps=6500, g=FAST_G, d=FAST_D, **HIDDEN)
CIFAR10 = LSGANRecipe(data=Data(name="cifar10", flip=True), latent=128, n_critic=2, steps=200_000, ema=0.0)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = "Mao et al. 2017, Least Squares Generative Adversarial Networks, https://arxiv.org/abs/1611.04076"
    recipes = {"digits": DIGITS, "mnist": MNIST, "cifar10": CIFAR10}
    return [
        Variant(
            "lsgan",
            "Convolutional networks and the least squares loss.",
            paper,
            ("image",),
            recipes,
            build,
            for_data={"fashion-mnist": "mnist"},
            ancestor="dcgan",
            change="`loss=least-squares`",
            lesson="A loss that does not saturate still pulls at samples that D already takes for real.",
        )
    ]
