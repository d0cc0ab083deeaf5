"""quantgan: temporal convolutions on returns whose heavy tails are removed and restored (Wiese et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from .game import QuantGAN


@recipe_class
class QuantGANRecipe(TwoPlayerRecipe):
    """The networks' size, and whether tails are transformed."""

    noise: int = key(3, "Dimensions of the noise of a step.", minimum=1)
    width: int = key(80, "Channels of the temporal convolutions.", minimum=1)
    levels: int = key(
        6, "Temporal blocks after the first, with dilations 1, 2, 4, ...; fewer for short series.", minimum=1
    )
    gaussianise: bool = key(True, "Let G and D work on returns whose heavy tails are transformed to normal ones.")


def build(recipe: QuantGANRecipe, data: DataSpec) -> QuantGAN:
    from .game import built

    return built(recipe, data)


MARKET = Data(name="market")
G, D = (Optimiser(lr=lr, betas=(0.0, 0.9), schedule="linear", schedule_start=0.5) for lr in (3e-4, 6e-4))
SMALL = QuantGANRecipe(
    data=MARKET, steps=800, batch=64, width=24, g=G, d=D, penalties={"r1": Term(weight=0.5)}, ema=0.99
)
PAPER = QuantGANRecipe(data=MARKET, steps=20_000, g=Optimiser(lr=1e-4), d=Optimiser(lr=3e-4), ema=0.0)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            "quantgan",
            "Temporal convolutions for returns with heavy tails and volatility clusters.",
            "Wiese et al. 2020, Quant GANs: Deep Generation of Financial Time Series, https://arxiv.org/abs/1907.06673",
            ("series",),
            {"market": SMALL, "paper": PAPER},
            build,
            for_data={"series": "market", "google": "market", "sines": "market"},
            fixes=("latent", "latent_distribution"),
            ancestor="dcgan",
            change="dilated causal convolutions over time; heavy tails are transformed to normal ones before D",
            lesson="A network of bounded slope cannot make heavy tails out of normal noise; a fixed transform can.",
        )
    ]
