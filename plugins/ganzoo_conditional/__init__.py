"""conditional: a GAN that generates the requested class (Mirza & Osindero 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class ConditionalRecipe(TwoPlayerRecipe):
    """The networks, and how the label enters them."""

    network: str = key("mlp", "Networks; points always take mlp.", choices=("mlp", "conv"))
    embedding: int = key(10, "Dimensions of the label's embedding, in both networks.", minimum=1)
    g_hidden: tuple[int, ...] = key((256, 512, 1024), "Sizes of the generator's hidden layers (mlp).", minimum=1)
    d_hidden: tuple[int, ...] = key((512, 256), "Sizes of the discriminator's hidden layers (mlp).", minimum=1)
    width: int = key(32, "Channels at the finest resolution (conv).", minimum=1)
    d_width: int | None = key(None, "The same for the discriminator, if it should differ.", minimum=1)


def build(recipe: ConditionalRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer

    from .networks import networks

    return TwoPlayer.from_recipe(*networks(recipe, data), recipe, data, classes=data.classes)


# Small networks and short runs tolerate higher learning rates than DCGAN's 2e-4, if they decay towards the end.
FAST: dict[str, Any] = {
    "network": "conv",
    "g": Optimiser(lr=1e-3, schedule="linear", schedule_start=0.5),
    "d": Optimiser(lr=5e-4, schedule="linear", schedule_start=0.5),
}

# Without a penalty the perceptrons collapse to one sample per class.
R1 = {"r1": Term(weight=1.0)}

RECIPES = {
    "digits": ConditionalRecipe(width=32, steps=4000, **FAST),
    "digits-mlp": ConditionalRecipe(steps=3000, penalties=R1),
    "mnist": ConditionalRecipe(data=Data(name="mnist"), width=16, d_width=32, steps=5000, **FAST),
    "mnist-mlp": ConditionalRecipe(data=Data(name="mnist"), steps=10_000, penalties=R1),
    "cifar10": ConditionalRecipe(
        data=Data(name="cifar10", flip=True),
        network="conv",
        width=64,
        latent=128,
        n_critic=2,
        steps=200_000,
        ema=0.0,
    ),
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            name="conditional",
            summary="Generator and discriminator see the class label: samples of a requested class.",
            paper="Mirza & Osindero 2014, Conditional Generative Adversarial Nets, https://arxiv.org/abs/1411.1784",
            modalities=("image", "points"),
            recipes=RECIPES,
            build=build,
            needs_labels=True,
            bf16=("mnist",),
            for_data={
                **dict.fromkeys(("cifar100", "svhn"), "cifar10"),
                **dict.fromkeys(("fashion-mnist", "stl10", "stacked-mnist", "folder", "npz"), "mnist"),
            },
            ancestor="vanilla",
            change="both networks are told the class",
            also_called=("cgan", "cdcgan", "conditional-gan"),
            lesson="A GAN can be asked for what it should make.",
        )
    ]
