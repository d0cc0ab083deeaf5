"""infogan: codes that the generator's samples keep readable (Chen et al. 2016)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class InfoGANRecipe(TwoPlayerRecipe):
    """The codes, how much reading them counts, and the networks' sizes."""

    categories: int = key(10, "Values of the categorical code, which `--class` requests.", minimum=2)
    continuous: int = key(2, "Continuous codes: the first coordinates of z.", minimum=0)
    code_weight: float = key(1.0, "Weight of the categorical code's cross-entropy (lambda).", minimum=0, live=True)
    continuous_weight: float = key(1.0, "Weight of the continuous codes' terms.", minimum=0, live=True)
    latent: int = key(64, "Dimensions of z, including the continuous codes.", minimum=1)
    latent_distribution: str = key(
        "uniform", "Distribution of z; uniform is on [-1, 1].", choices=("normal", "uniform")
    )
    network: str = key("mnist", "Generator: the paper's for MNIST, or for SVHN.", choices=("mnist", "svhn"))
    width: int = key(64, "Channels at the finest resolution; they double as it halves, up to eight times.", minimum=1)
    g_hidden: tuple[int, ...] = key((1024,), "Fully connected layers before the feature maps (mnist).", minimum=1)
    d_hidden: tuple[int, ...] = key((1024,), "Fully connected layers that D and Q share.", minimum=1)
    q_hidden: int = key(128, "Units of the fully connected layer that Q has to itself.", minimum=1)


def build(recipe: InfoGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import InfoGAN, networks

    return InfoGAN.from_recipe(*networks(recipe, data), recipe, data, classes=recipe.categories, d_labels=False)


# Small networks and short runs tolerate higher learning rates than the paper's, if they decay towards the end.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 5e-4))
SMALL = InfoGANRecipe(width=32, g_hidden=(256, 256), d_hidden=(256,), q_hidden=64, g=FAST_G, d=FAST_D)
MNIST = Data(name="mnist")
PAPER = InfoGANRecipe(data=MNIST, batch=128, steps=5000, g=Optimiser(lr=1e-3), d=Optimiser(lr=2e-4), ema=0.0)
# One categorical code in place of the paper's four for SVHN, and the weight of the continuous ones, are StudioGAN's.
CIFAR10 = replace(
    PAPER,
    data=Data(name="cifar10"),
    network="svhn",
    latent=128,
    continuous=4,
    continuous_weight=0.1,
    g_hidden=(),
    d_hidden=(),
    steps=100_000,
)
RECIPES = {
    "digits": replace(SMALL, steps=2500),
    "mnist": replace(SMALL, data=MNIST, width=16, steps=4000),
    "paper": PAPER,
    "cifar10": CIFAR10,
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Chen et al. 2016, InfoGAN: Interpretable Representation Learning by Information Maximizing Generative "
        "Adversarial Nets, https://arxiv.org/abs/1606.03657"
    )
    return [
        Variant(
            "infogan",
            "Codes, found without labels, that samples can be requested by.",
            paper,
            ("image",),
            RECIPES,
            build,
            for_data={"cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="acgan",
            change="codes drawn at random in place of labels",
            lesson="Codes that D can read back from samples come to mean something, without labels.",
        )
    ]
