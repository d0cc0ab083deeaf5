"""r3gan: a relativistic loss with two gradient penalties, and modern residual networks (Huang et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Schedule, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class R3GANRecipe(TwoPlayerRecipe):
    """The loss and the residual networks."""

    loss: str = key("relativistic", "Adversarial loss; `ganzoo list losses` names them.")
    conditional: bool = key(False, "Generate the requested class, if there are labels.")
    width: int = key(64, "Channels at resolutions up to `full`.", minimum=1)
    full: int = key(32, "Pixels up to which stages have all channels; above, they are halved as it doubles.", minimum=1)
    blocks: int = key(1, "Residual blocks per resolution.", minimum=1)
    expansion: int = key(2, "Factor by which a block widens its features.", minimum=1)
    group: int = key(16, "Channels per group of a block's 3x3 convolution.", minimum=1)


def build(recipe: R3GANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer

    from .networks import Discriminator, Generator

    classes = data.classes if recipe.conditional else 0
    players = Generator(recipe, data, classes), Discriminator(recipe, data, classes)
    return TwoPlayer.from_recipe(*players, recipe, data, classes=classes)


def annealed(steps: int, lr: float, gamma: float, ema: float, end: float = 1.0, p: float = 0.0) -> dict[str, Any]:
    """Keys that change along a cosine until the fraction `end` of the run: rates, betas, penalties, averages, p."""
    adam = Optimiser(lr=lr, betas=(0.0, 0.9), schedule="cosine", schedule_end=end, final_lr=0.25)
    keys: dict[str, Any] = {"steps": steps, "g": adam, "d": adam, "ema": 0.0}
    keys["penalties"] = {"r1": Term(weight=gamma), "r2": Term(weight=gamma)}
    to = {"g.betas.1": 0.99, "d.betas.1": 0.99, "penalties.r1.weight": gamma / 10, "penalties.r2.weight": gamma / 10}
    to["ema"] = ema
    if p:
        keys |= {"augment": "ada-fixed", "augment_options": {"p": 0.0, "colour": 0.5, "cutout": 1.0}}
        to["augment_options.p"] = p
    return keys | {"schedules": {name: Schedule(to=value, end=end, shape="cosine") for name, value in to.items()}}


# The authors' presets end their schedules after 20 million images; their code trains until it is stopped.
LARGE: dict[str, Any] = {"latent": 64, "width": 768, "blocks": 2}
SMALL: dict[str, Any] = {"latent": 64, "full": 4, "expansion": 1}
MNIST, CIFAR10, FOLDER = Data(name="mnist"), Data(name="cifar10", flip=True), Data(name="folder", size=64, flip=True)
OF_CIFAR10 = annealed(195_315, 2e-4, 0.05, 0.999929, end=0.2, p=0.55)
OF_FOLDER = annealed(390_625, 2e-4, 2.0, 0.999645, end=0.2, p=0.3)
RECIPES = {
    "digits": R3GANRecipe(conditional=True, batch=32, **SMALL, **annealed(800, 2e-3, 1.0, 0.998)),
    "mnist": R3GANRecipe(data=MNIST, conditional=True, batch=32, **SMALL, **annealed(1500, 2e-3, 1.0, 0.998)),
    "cifar10": R3GANRecipe(data=CIFAR10, conditional=True, batch=512, **LARGE, **OF_CIFAR10),
    "folder": R3GANRecipe(data=FOLDER, batch=256, **LARGE, **OF_FOLDER),
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline, https://arxiv.org/abs/2501.05441"
    )
    summary = "Residual networks without normalisation, a relativistic loss, and both gradient penalties."
    return [
        Variant(
            "r3gan",
            summary,
            paper,
            ("image",),
            RECIPES,
            build,
            for_data={"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="dcgan",
            change="`loss=relativistic`, `penalties.r1`, `penalties.r2`, residual networks without normalisation",
            lesson="With a loss that is bound to converge, a modern network needs no tricks.",
        )
    ]
