"""ctgan: conditional tabular GAN (Xu et al. 2019)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class CTGANRecipe(TwoPlayerRecipe):
    """How rows are encoded, conditions and packs, and the networks' sizes."""

    modes: int = key(10, "Normal distributions in the mixture of a column, of which few are used.", minimum=1)
    temperature: float = key(0.2, "Temperature of the Gumbel-softmax (tau).", above=0, live=True)
    condition: bool = key(True, "Request the value of a random category in each row, and train by sampling.")
    condition_weight: float = key(1.0, "Weight of the cross-entropy of requested values.", minimum=0, live=True)
    pack: int = key(10, "Rows that the critic judges at once; 1 for each by itself.", minimum=1)
    g_hidden: tuple[int, ...] = key((256, 256), "Units of the generator's residual layers.", minimum=1)
    d_hidden: tuple[int, ...] = key((256, 256), "Units of the critic's hidden layers.", minimum=1)
    dropout: float = key(0.5, "Dropout in the critic.", minimum=0, below=1)
    loss: str = key("wasserstein", "Adversarial loss; `ganzoo list losses` names them.")
    latent: int = key(128, "Dimensions of z, without those that choose conditions and categories.", minimum=1)
    batch: int = key(500, "Rows per update, over all devices.", minimum=1)


def build(recipe: CTGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import make

    return make(recipe, data)


ADAM = Optimiser(lr=2e-4, betas=(0.5, 0.9), weight_decay=1e-6)
# Short training runs tolerate higher learning rates than the paper's.
FAST = replace(ADAM, lr=1e-3)
WGAN = replace(FAST, betas=(0.0, 0.9))
GP = {"wgan-gp": Term(weight=10.0)}
PAPER = CTGANRecipe(data=Data(name="breast-cancer"), penalties=GP, g=ADAM, d=ADAM, ema=0.0, steps=20_000)
LARGE = replace(PAPER, steps=2000, d_hidden=(128, 128), dropout=0.0, g=FAST, d=FAST, ema=0.99)
# In a few hundred rows, packs of ten are too few to learn from.
SMALL = replace(LARGE, steps=900, batch=100, pack=1, n_critic=5, g=WGAN, d=WGAN)
RECIPES = {
    "breast-cancer": SMALL,
    "wine": replace(SMALL, data=Data(name="wine")),
    "large": LARGE,
    "paper": PAPER,
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            "ctgan",
            "Tables: columns of several modes, and rare categories that are requested as often as common ones.",
            "Xu et al. 2019, Modeling Tabular data using Conditional GAN, https://arxiv.org/abs/1907.00503",
            ("table",),
            RECIPES,
            build,
            for_data={"table-csv": "large"},
            fixes=("latent_distribution",),
            ancestor="wgan-gp",
            change="rows encoded by mixtures, requested categories, packs of ten rows, Gumbel-softmax",
            lesson="What is rare in the data is learnt if it is asked for on purpose.",
        )
    ]
