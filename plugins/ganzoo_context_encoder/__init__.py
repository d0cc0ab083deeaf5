"""context-encoder: what is missing in an image (Pathak et al. 2016)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class ContextEncoderRecipe(TwoPlayerRecipe):
    """The two parts of G's loss, and the networks."""

    content_weight: float = key(0.999, "Weight of the mean squared error of pixels.", minimum=0, live=True)
    adversarial_weight: float = key(0.001, "Weight of what D says.", minimum=0, live=True)
    border: int = key(7, "Pixels around the hole that G learns too, for a smooth transition.", minimum=0)
    border_weight: float = key(10.0, "Weight of their squared error, where the hole's is 1.", minimum=0, live=True)
    bottleneck: int = key(4000, "Numbers between encoder and decoder.", minimum=1)
    width: int = key(64, "Channels of G at half the size; they double as it halves.", minimum=1)
    d_width: int = key(64, "Channels of D's first level; they double as the size halves.", minimum=1)


def build(recipe: ContextEncoderRecipe, data: DataSpec) -> TwoPlayer:
    from .game import ContextEncoder, networks

    return ContextEncoder.from_recipe(*networks(recipe, data), recipe, data)


# A short run tolerates a high learning rate that decays towards the end; D's is a tenth of G's, as in the paper.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 1e-4))
DIGITS = ContextEncoderRecipe(
    data=Data(name="holes", size=32), adversarial_weight=0.02, border=2, border_weight=1.0, bottleneck=128, width=16,
    d_width=8, batch=32, steps=1500, g=FAST_G, d=FAST_D,
)  # fmt: skip
PAPER = ContextEncoderRecipe(
    data=Data(name="holes", kind="folder", size=128), steps=100_000, g=Optimiser(lr=2e-3), d=Optimiser(lr=2e-4), ema=0.0
)
RECIPES = {"digits": DIGITS, "mnist": replace(DIGITS, data=Data(name="holes", kind="mnist")), "folder": PAPER}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = "Pathak et al. 2016, Context Encoders: Feature Learning by Inpainting, https://arxiv.org/abs/1604.07379"
    return [
        Variant(
            "context-encoder",
            "Fills holes in images: what is missing, from what surrounds it.",
            paper,
            ("image",),
            RECIPES,
            build,
            inputs=("source",),
            fixes=("latent", "latent_distribution"),
            ancestor="pix2pix",
            change="a bottleneck in place of the U-Net's connections, and what is outside the hole stays",
            lesson="What is missing has to be understood, not copied from nearby.",
        )
    ]
