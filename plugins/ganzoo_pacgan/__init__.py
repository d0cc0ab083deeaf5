"""pacgan: a discriminator that judges several samples at once (Lin et al. 2018)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class PacGANRecipe(TwoPlayerRecipe):
    """How many samples are packed, and the networks' sizes."""

    pack: int = key(2, "Samples that the discriminator judges at once; 1 is the usual GAN.", minimum=1)
    width: int = key(64, "Channels at the finest resolution (images).", minimum=1)
    g_hidden: tuple[int, ...] = key((), "Fully connected layers of the generator, before the feature maps.", minimum=1)
    d_hidden: tuple[int, ...] = key((), "Fully connected layers of the discriminator, before the logit.", minimum=1)


def build(recipe: PacGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer

    from .networks import networks

    # The samples of a pack affect each other's logit, so real and generated ones must not share a pass.
    return TwoPlayer.from_recipe(*networks(recipe, data), recipe, data, joint=False)


# Small networks and short runs tolerate higher learning rates than the paper's, if they decay towards the end.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 5e-4))
HIDDEN: dict[str, Any] = {"g_hidden": (256, 256), "d_hidden": (256,)}
DIGITS = PacGANRecipe(width=32, steps=2500, g=FAST_G, d=FAST_D, **HIDDEN)
GRID: dict[str, Any] = {"g_hidden": (128,) * 3, "d_hidden": (128,) * 3, "latent": 2, "batch": 256}
AUTHORS: dict[str, Any] = {"latent_distribution": "uniform", "steps": 100_000, "ema": 0.0}
RECIPES = {
    "digits": DIGITS,
    "mnist": replace(DIGITS, data=Data(name="mnist"), width=16, latent=64, steps=6000, d=FAST_G),
    "cifar10": PacGANRecipe(data=Data(name="cifar10"), **AUTHORS),
    "points": PacGANRecipe(data=Data(name="points", kind="grid"), steps=8000, g=FAST_G, d=FAST_D, **GRID),
    "stacked-mnist": PacGANRecipe(data=Data(name="stacked-mnist"), **AUTHORS),
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Lin et al. 2018, PacGAN: The power of two samples in generative adversarial networks, "
        "https://arxiv.org/abs/1712.04086"
    )
    summary = "The discriminator judges several samples at once, and sees whether they are too alike."
    return [
        Variant(
            "pacgan",
            summary,
            paper,
            ("image", "points"),
            RECIPES,
            build,
            bf16=("mnist",),
            for_data={"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="dcgan",
            change="`pack=2`",
            lesson="A D that sees several samples at once notices when they are too alike.",
        )
    ]
