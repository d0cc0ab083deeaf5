"""vanilla: the original GAN with multilayer perceptrons (Goodfellow et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class VanillaRecipe(TwoPlayerRecipe):
    """The perceptrons' sizes."""

    g_hidden: tuple[int, ...] = key((256, 512, 1024), "Sizes of the generator's hidden layers.", minimum=1)
    d_hidden: tuple[int, ...] = key((512, 256), "Sizes of the discriminator's hidden layers.", minimum=1)


def build(recipe: VanillaRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer
    from ganzoo.networks import MLPDiscriminator, MLPGenerator

    generator = MLPGenerator(recipe.latent, recipe.g_hidden, data.shape, bounded=data.range is not None)
    return TwoPlayer.from_recipe(generator, MLPDiscriminator(data.shape, recipe.d_hidden), recipe, data)


DECAYING = Optimiser(lr=2e-4, schedule="linear", schedule_start=0.5)
FASTER = Optimiser(lr=5e-4, schedule="linear", schedule_start=0.5)
# Without a penalty, the perceptron D wins on MNIST, and G settles for a few digits.
R1 = {"r1": Term(weight=1.0, every=4)}

RECIPES = {
    "digits": VanillaRecipe(steps=5000),
    "mnist": VanillaRecipe(data=Data(name="mnist"), steps=8000, penalties=R1, g=FASTER, d=FASTER),
    "fashion-mnist": VanillaRecipe(data=Data(name="fashion-mnist"), steps=10_000, g=DECAYING, d=DECAYING),
    "cifar10": VanillaRecipe(
        data=Data(name="cifar10"),
        steps=100_000,
        batch=100,
        g_hidden=(8000, 8000),
        d_hidden=(1600, 1600),
        penalties=R1,
    ),
    "points": VanillaRecipe(
        data=Data(name="points"),
        steps=5000,
        batch=256,
        latent=2,
        g_hidden=(128, 128, 128),
        d_hidden=(128, 128, 128),
        g=Optimiser(lr=1e-3),
        d=Optimiser(lr=1e-3),
    ),
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            name="vanilla",
            summary="The original GAN: two multilayer perceptrons.",
            paper="Goodfellow et al. 2014, Generative Adversarial Networks, https://arxiv.org/abs/1406.2661",
            modalities=("image", "points"),
            recipes=RECIPES,
            build=build,
            bf16=("mnist",),
            for_data={
                **dict.fromkeys(("cifar100", "svhn"), "cifar10"),
                **dict.fromkeys(("stl10", "stacked-mnist", "celeba", "folder", "npz"), "mnist"),
            },
            also_called=("gan", "original"),
            lesson="Two networks that compete learn a distribution without ever writing down its likelihood.",
        )
    ]
