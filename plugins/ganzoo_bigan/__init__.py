"""bigan: a generator and an encoder that learn to invert each other (Donahue et al. 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class BiGANRecipe(TwoPlayerRecipe):
    """The networks' sizes, and what anomaly scores consist of."""

    latent: int = key(50, "Dimensions of the latent vector z.", minimum=1)
    latent_distribution: str = key(
        "uniform", "Distribution of z; uniform is on [-1, 1].", choices=("normal", "uniform")
    )
    width: int = key(64, "Channels at the finest resolution; they double as it halves, up to eight times.", minimum=1)
    g_hidden: tuple[int, ...] = key((), "Fully connected layers between z and the feature maps.", minimum=1)
    d_hidden: tuple[int, ...] = key((512,), "Fully connected layers of D that see the image and z together.", minimum=1)
    z_hidden: int = key(256, "Units of the layer of D that sees z alone.", minimum=1)
    feature_weight: float = key(
        0.1, "Weight of D's features in anomaly scores; the rest is of pixels.", minimum=0, maximum=1, live=True
    )


def build(recipe: BiGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import BiGAN, networks

    return BiGAN.from_recipe(*networks(recipe, data), recipe, data)


FAST, SLOW = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 5e-4))
SMALL = BiGANRecipe(width=32, g_hidden=(256,), d_hidden=(256,), z_hidden=128, latent=16, steps=3000, g=FAST, d=FAST)
R1 = {"r1": Term(weight=0.1)}
RECIPES = {
    # With R1, samples are better, and anomaly scores worse.
    "one-class": replace(SMALL, data=Data(name="one-class", kind="digits:0,1,2,3,4"), g=SLOW, d=SLOW),
    "digits": replace(SMALL, penalties=R1),
    "mnist": replace(SMALL, data=Data(name="mnist"), width=16, latent=50, penalties=R1),
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = "Donahue et al. 2017, Adversarial Feature Learning, https://arxiv.org/abs/1605.09782"
    return [
        Variant(
            "bigan",
            "An encoder learns beside the generator: reconstructions and anomaly scores.",
            paper,
            ("image",),
            RECIPES,
            build,
            for_data={"normal-images": "one-class"},
            ancestor="dcgan",
            change="an encoder; D judges pairs of an image and a latent",
            lesson="If D cannot tell (x, E(x)) from (G(z), z), E inverts G, without any term that says so.",
        )
    ]
