"""biggan: large residual networks with a shared class embedding and a split latent (Brock et al. 2019)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class BigGANRecipe(TwoPlayerRecipe):
    """The networks, the regularisation of the generator, and the statistics that samples are drawn with."""

    loss: str = key("hinge", "Adversarial loss; `ganzoo list losses` names them.")
    spectral_norm: bool = key(True, "Spectral normalisation of the layers of both networks.")
    width: int = key(96, "The generator's channels at the finest resolution.", minimum=1)
    d_width: int = key(96, "The same for the discriminator.", minimum=1)
    shared: int = key(128, "Dimensions of the class embedding that all of the generator's blocks share.", minimum=1)
    attention: int | None = key(None, "Pixels on a side of the maps that self-attention follows, in both.", minimum=2)
    orthogonal: float = key(1e-4, "Weight of the orthogonal regularisation of the generator.", minimum=0, live=True)
    standing: int = key(100, "Batches for the generator's statistics when sampling; 0 is running averages.", minimum=0)


def build(recipe: BigGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import BigGAN, networks

    return BigGAN.from_recipe(*networks(recipe, data), recipe, data, classes=data.classes)


# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
FAST_G, FAST_D = (Optimiser(lr=lr, betas=(0.0, 0.999), schedule="linear", schedule_start=0.5) for lr in (2e-3, 8e-3))
DIGITS = BigGANRecipe(width=16, d_width=16, latent=80, shared=32, standing=16, steps=1000, g=FAST_G, d=FAST_D)
EVEN = Optimiser(lr=2e-3, betas=(0.0, 0.999), schedule="linear", schedule_start=0.5)
MNIST = replace(DIGITS, data=Data(name="mnist"), latent=81, steps=1500, g=EVEN, d=EVEN)
CIFAR10 = BigGANRecipe(
    data=Data(name="cifar10", flip=True),
    width=384,
    d_width=192,
    latent=80,
    attention=16,
    orthogonal=0.0,
    n_critic=5,
    steps=100_000,
    ema=0.9999,
)
# StudioGAN's numbers for Tiny ImageNet.
TINY_G, TINY_D = (Optimiser(lr=lr, betas=(0.0, 0.999)) for lr in (1e-4, 4e-4))
FOLDER = BigGANRecipe(
    data=Data(name="folder", size=64, flip=True),
    width=80,
    d_width=80,
    latent=100,
    attention=32,
    orthogonal=0.0,
    batch=1024,
    steps=100_000,
    g=TINY_G,
    d=TINY_D,
    ema=0.9999,
)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis, "
        "https://arxiv.org/abs/1809.11096"
    )
    summary = "Residual networks with a shared class embedding and a split latent: samples of a requested class."
    recipes = {"digits": DIGITS, "mnist": MNIST, "cifar10": CIFAR10, "folder": FOLDER}
    return [
        Variant(
            "biggan",
            summary,
            paper,
            ("image",),
            recipes,
            build,
            needs_labels=True,
            for_data={"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="sagan",
            change="`shared`, `orthogonal`, a split latent, larger networks and batches",
            lesson="Scale is a method; truncation then trades variety for fidelity.",
        )
    ]
