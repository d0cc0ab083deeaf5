"""cyclegan: translation between two kinds of images without pairs (Zhu et al. 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Recipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.game import GAN


@recipe_class
class CycleGANRecipe(Recipe):
    """The terms of the loss, the pool, and the networks, of which there are two each."""

    g: Optimiser = key(Optimiser(), "The optimiser of both translators.")
    d: Optimiser = key(Optimiser(), "The optimiser of both discriminators.")
    cycle: float = key(10.0, "Weight of the cycle's L1 distance (lambda).", minimum=0, live=True)
    identity: float = key(
        0.5, "Weight of the identity loss, as a fraction of the cycle's; 0 is off.", minimum=0, live=True
    )
    pool: int = key(50, "Past translations that D is shown in place of half of the new ones; 0 is off.", minimum=0)
    jitter: int = key(0, "Pixels by which images are enlarged, and then cropped at random, in training.", minimum=0)
    width: int = key(64, "Channels of the translators' first layer.", minimum=1)
    downs: int = key(2, "How often a translator halves the size before its residual blocks.", minimum=0)
    blocks: int | None = key(None, "Residual blocks; none is 6, or 9 from 256 pixels on.", minimum=1)
    d_width: int = key(64, "Channels of D's first layer.", minimum=1)
    d_layers: int | None = key(
        None, "Strided layers of D; 3 judges patches of 70 pixels; none is 3, or as many as fit.", minimum=1
    )


def build(recipe: CycleGANRecipe, data: DataSpec) -> GAN:
    from .game import CycleGAN

    return CycleGAN(recipe, data)


# Small networks and short runs tolerate higher learning rates than the paper's, if they decay towards the end.
FAST = Optimiser(lr=1e-3, schedule="linear", schedule_start=0.5)
SMALL = CycleGANRecipe(
    data=Data(name="domains"), batch=16, steps=1500, width=16, downs=1, blocks=3, d_width=16, g=FAST, d=FAST
)
PLAYER = Optimiser(schedule="linear", schedule_start=0.5)
PAPER = CycleGANRecipe(
    data=Data(name="unpaired", size=256, flip=True), batch=1, steps=267_000, jitter=30, g=PLAYER, d=PLAYER, ema=0.0
)
RECIPES = {
    "digits": SMALL,
    "mnist": replace(SMALL, data=Data(name="domains", kind="mnist"), downs=2),
    "folder": PAPER,
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, "
        "https://arxiv.org/abs/1703.10593"
    )
    return [
        Variant(
            "cyclegan",
            "Translation between two kinds of images, learnt without pairs, both ways.",
            paper,
            ("image",),
            RECIPES,
            build,
            inputs=("source",),
            ancestor="pix2pix",
            change="no pairs: a second translator back, and the distance of a cycle in place of that from a target",
            lesson="What can be translated back has kept its content, so no pairs are needed.",
        )
    ]
