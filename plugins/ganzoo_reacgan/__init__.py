"""reacgan: an auxiliary classifier on a sphere, which compares samples with each other (Kang et al. 2021)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class ReACGANRecipe(TwoPlayerRecipe):
    """The networks, and the data-to-data cross-entropy."""

    loss: str = key("hinge", "Adversarial loss; `ganzoo list losses` names them.")
    spectral_norm: bool = key(True, "Spectral normalisation of the layers of both networks.")
    width: int = key(96, "The generator's channels at the finest resolution.", minimum=1)
    d_width: int = key(96, "The same for the discriminator.", minimum=1)
    shared: int = key(128, "Dimensions of the class embedding that all of the generator's blocks share.", minimum=1)
    attention: int | None = key(None, "Pixels on a side of the maps that self-attention follows, in both.", minimum=2)
    embedding: int = key(512, "Dimensions of the sphere on which samples and classes are compared.", minimum=2)
    class_weight: float = key(0.5, "Weight of the data-to-data cross-entropy in both losses.", minimum=0, live=True)
    temperature: float = key(0.5, "Temperature of the similarities.", above=0, live=True)
    margin: float = key(
        0.98, "Cosine from which a sample is close enough to its class.", minimum=0, maximum=1, live=True
    )


def build(recipe: ReACGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import ReACGAN, networks

    # The cross-entropy compares the samples of a batch, but only after D, which judges each by itself.
    return ReACGAN.from_recipe(*networks(recipe, data), recipe, data, classes=data.classes)


# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
FAST = Optimiser(lr=4e-3, schedule="linear", schedule_start=0.5)
DIGITS = ReACGANRecipe(width=16, d_width=16, latent=80, shared=32, embedding=64, steps=1000, g=FAST, d=FAST)
SLOWER = replace(FAST, lr=1e-3)
MNIST = replace(DIGITS, data=Data(name="mnist"), latent=81, steps=2500, g=SLOWER, d=SLOWER)
ADAM = Optimiser(lr=0.00028284271)
CIFAR10 = ReACGANRecipe(
    data=Data(name="cifar10", flip=True),
    width=384,
    d_width=192,
    latent=80,
    attention=16,
    batch=128,
    n_critic=5,
    steps=100_000,
    g=ADAM,
    d=ADAM,
    ema=0.9999,
)
# StudioGAN's numbers for Tiny ImageNet.
TINY_G, TINY_D = (Optimiser(lr=lr, betas=(0.0, 0.999)) for lr in (1e-4, 4e-4))
FOLDER = ReACGANRecipe(
    data=Data(name="folder", size=64, flip=True),
    width=80,
    d_width=80,
    latent=100,
    attention=32,
    embedding=768,
    class_weight=0.75,
    temperature=0.75,
    margin=1.0,
    batch=1024,
    steps=100_000,
    g=TINY_G,
    d=TINY_D,
    ema=0.9999,
)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Kang et al. 2021, Rebooting ACGAN: Auxiliary Classifier GANs with Stable Training, "
        "https://arxiv.org/abs/2111.01118"
    )
    summary = "An auxiliary classifier of normalised features, which compares samples: samples of a requested class."
    recipes = {"digits": DIGITS, "mnist": MNIST, "cifar10": CIFAR10, "folder": FOLDER}
    return [
        Variant(
            "reacgan",
            summary,
            paper,
            ("image",),
            recipes,
            build,
            needs_labels=True,
            bf16=("mnist",),
            for_data={"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="acgan",
            change="features on a sphere, compared with each other and with the classes",
            lesson="Comparing samples with each other keeps an auxiliary classifier from drowning out the variety.",
        )
    ]
