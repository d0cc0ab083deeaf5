"""timegan: a generator in the latent space of an autoencoder, with a supervised next step (Yoon et al. 2019)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Recipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from .game import TimeGAN

ADAM = Optimiser(lr=1e-3, betas=(0.9, 0.999))


@recipe_class
class TimeGANRecipe(Recipe):
    """The networks' size, the lengths of the stages, and the weights of the losses."""

    e: Optimiser = key(ADAM, "The optimiser of the embedder and the recovery.")
    g: Optimiser = key(ADAM, "The optimiser of the generator and the supervisor.")
    d: Optimiser = key(ADAM, "The discriminator's optimiser.")
    hidden: int = key(24, "Units of each layer, and dimensions of an embedding.", minimum=1)
    layers: int = key(3, "Recurrent layers of each network; the supervisor has one less, but at least one.", minimum=1)
    noise: int | None = key(None, "Dimensions of the noise of a step; none is as many as there are columns.", minimum=1)
    static: int = key(0, "Dimensions of noise that is the same in all steps of a series.", minimum=0)
    pretrain_e: float = key(0.25, "Fraction of the steps in which only the autoencoder learns.", minimum=0, below=1)
    pretrain_s: float = key(0.25, "Fraction, after that, in which only the supervisor learns.", minimum=0, below=1)
    g_updates: int = key(
        2, "Updates of the generator and of the autoencoder per update of the discriminator.", minimum=1
    )
    unsupervised: float = key(1.0, "Weight of embeddings that skip the supervisor (gamma).", minimum=0, live=True)
    supervision: float = key(100.0, "Weight of the supervised loss for the generator (eta).", minimum=0, live=True)
    moments: float = key(100.0, "Weight of the difference of means and deviations.", minimum=0, live=True)
    stability: float = key(0.1, "Weight of the supervised loss for the autoencoder (lambda).", minimum=0, live=True)
    d_floor: float = key(0.15, "Loss below which the discriminator does not learn.", minimum=0, live=True)


def build(recipe: TimeGANRecipe, data: DataSpec) -> TimeGAN:
    from .game import TimeGAN

    return TimeGAN(recipe, data)


# Small networks and short runs tolerate higher learning rates than the paper's, if they decay towards the end.
FAST_E = replace(ADAM, lr=3e-3, schedule="linear", schedule_start=0.5)
FAST_G, FAST_D = (replace(FAST_E, lr=lr, betas=(0.5, 0.999)) for lr in (2e-3, 5e-3))
SMALL = TimeGANRecipe(
    data=Data(name="sines"),
    steps=1200,
    batch=128,
    layers=1,
    noise=1,
    static=16,
    pretrain_e=0.1,
    pretrain_s=0.05,
    g_updates=1,
    unsupervised=0.1,
    supervision=10.0,
    moments=10.0,
    e=FAST_E,
    g=FAST_G,
    d=FAST_D,
    ema=0.99,
)
PAPER = TimeGANRecipe(data=Data(name="sines"), steps=150_000, batch=128, pretrain_e=1 / 3, pretrain_s=1 / 3, ema=0.0)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    recipes = {"sines": SMALL, "google": replace(SMALL, data=Data(name="google")), "paper": PAPER}
    return [
        Variant(
            "timegan",
            "Series, generated in the space of an autoencoder whose next step is supervised.",
            "Yoon et al. 2019, Time-series Generative Adversarial Networks, https://papers.nips.cc/paper/8789",
            ("series",),
            recipes,
            build,
            for_data={"series": "google"},
            ancestor="rcgan",
            change="G and D work in the latent space of an autoencoder, and a supervisor teaches G the next step",
            lesson="A discriminator alone teaches dynamics poorly; a supervised next step teaches them directly.",
        )
    ]
