"""began: two autoencoders kept in balance (Berthelot et al. 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class BEGANRecipe(TwoPlayerRecipe):
    """The balance of both players, and the networks' sizes."""

    latent: int = key(64, "Dimensions of the latent vector z.", minimum=1)
    latent_distribution: str = key(
        "uniform", "Distribution of z; uniform is on [-1, 1].", choices=("normal", "uniform")
    )
    gamma: float = key(
        0.5, "Errors of generated samples to those of real ones: more is more diverse.", minimum=0, live=True
    )
    k_rate: float = key(0.001, "How fast k, the weight of generated samples, is adapted.", minimum=0, live=True)
    energy: str = key("l1", "Error of reconstruction: mean absolute or mean squared.", choices=("l1", "l2"))
    width: int = key(128, "Channels of the generator and of the decoder.", minimum=1)
    d_width: int = key(128, "Channels of the encoder, times 1, 2, 3 and so on at coarser resolutions.", minimum=1)
    code: int = key(64, "Dimensions of the autoencoder's code.", minimum=1)
    skip: bool = key(True, "Concatenate the first feature maps, upsampled, with those of every resolution.")


def build(recipe: BEGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import BEGAN
    from .networks import networks

    return BEGAN.from_recipe(*networks(recipe, data), recipe, data)


# In a short run, a G that is much faster than D, and a k that follows at once, keep samples from becoming the same.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (5e-3, 5e-4))
SMALL: dict[str, Any] = {"latent": 16, "code": 16, "k_rate": 1.0, "d": FAST_D}
DIGITS = BEGANRecipe(steps=2000, batch=32, gamma=0.7, width=16, d_width=16, g=FAST_G, **SMALL)
MNIST = BEGANRecipe(
    data=Data(name="mnist"),
    steps=2000,
    batch=16,
    gamma=1.0,
    width=12,
    d_width=12,
    g=replace(FAST_G, lr=4e-3),
    **SMALL,
)
PAPER = Optimiser(lr=1e-4, betas=(0.5, 0.999))
CIFAR10 = BEGANRecipe(data=Data(name="cifar10"), batch=16, steps=500_000, ema=0.0, g=PAPER, d=PAPER)
CELEBA = BEGANRecipe(data=Data(name="celeba", size=64), batch=16, steps=500_000, ema=0.0, g=PAPER, d=PAPER)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Berthelot et al. 2017, BEGAN: Boundary Equilibrium Generative Adversarial Networks, "
        "https://arxiv.org/abs/1703.10717"
    )
    return [
        Variant(
            "began",
            "The discriminator is an autoencoder, kept in balance with the generator.",
            paper,
            ("image",),
            {"digits": DIGITS, "mnist": MNIST, "cifar10": CIFAR10, "celeba": CELEBA},
            build,
            fixes=("loss", "loss_options"),
            bf16=("mnist",),
            for_data={"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="ebgan",
            change="no margin: a weight of the generated samples that is adapted to a ratio of both errors",
            lesson="Control the balance of both players, and the errors' sum becomes a measure of convergence.",
        )
    ]
