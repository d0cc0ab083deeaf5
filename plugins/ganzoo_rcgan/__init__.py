"""rcgan: recurrent generator and discriminator, both given the class in every step (Esteban et al. 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class RCGANRecipe(TwoPlayerRecipe):
    """The networks' size."""

    noise: int = key(5, "Dimensions of the noise of a step.", minimum=1)
    per_step: bool = key(True, "New noise in every step; if not, all steps have the same.")
    hidden: int = key(100, "Units of the recurrent layers.", minimum=1)
    layers: int = key(1, "Recurrent layers of each network.", minimum=1)
    cell: str = key("lstm", "Recurrent cells.", choices=("lstm", "gru"))
    classes: bool = key(True, "Generate a requested class, if the data have classes.")


def build(recipe: RCGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer

    from .networks import Discriminator, Generator

    classes = data.classes if recipe.classes else 0
    g, d = Generator(recipe, data, classes), Discriminator(recipe, data, classes)
    latent = recipe.noise * (data.shape[0] if recipe.per_step else 1)
    return TwoPlayer.from_recipe(g, d, replace(recipe, latent=latent), data, classes)


WAVES = Data(name="sines", kind="waves")
# Small networks and short runs tolerate higher learning rates than the paper's, if they decay towards the end.
G, D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (1e-3, 5e-3))
SMALL = RCGANRecipe(data=WAVES, steps=1000, batch=64, hidden=48, cell="gru", noise=16, per_step=False, g=G, d=D)
PAPER = RCGANRecipe(
    data=replace(WAVES, labels=False),
    batch=28,
    steps=50_000,
    g=Optimiser(lr=1e-3, betas=(0.9, 0.999)),
    d=Optimiser(name="sgd", lr=0.1),
    ema=0.0,
)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    recipes = {"waves": SMALL, "google": replace(SMALL, data=Data(name="google")), "paper": PAPER}
    return [
        Variant(
            "rcgan",
            "Recurrent networks: noise in every step, a verdict on every step, and a class.",
            "Esteban et al. 2017, Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs, "
            "https://arxiv.org/abs/1706.02633",
            ("series",),
            recipes,
            build,
            for_data={"series": "google"},
            fixes=("latent",),
            ancestor="conditional",
            change="recurrent networks for series: noise and class in every step, a logit for every step",
            lesson="A sequence is judged step by step, so that G learns where it goes wrong.",
        )
    ]
