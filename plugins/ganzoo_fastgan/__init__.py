"""fastgan: skip-layer excitation, and a discriminator that reconstructs (Liu et al. 2021)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class FastGANRecipe(TwoPlayerRecipe):
    """The loss, the networks, and how much reconstruction counts."""

    loss: str = key("hinge", "Adversarial loss; `ganzoo list losses` names them.")
    spectral_norm: bool = key(True, "Spectral normalisation of the discriminator's layers.")
    latent: int = key(256, "Dimensions of the latent vector z.", minimum=1)
    width: int = key(64, "Channels of the generator at 128 pixels; the coarsest level has 16 times as many.", minimum=2)
    skip: int = key(4, "Doublings that a skip-layer excitation spans in the generator.", minimum=1)
    reconstruction: float = key(1.0, "Weight of the reconstruction error of real images.", minimum=0, live=True)


def build(recipe: FastGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import FastGAN
    from .networks import Discriminator, Generator

    return FastGAN.from_recipe(Generator(recipe, data), Discriminator(recipe, data), recipe, data)


# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
FAST = Optimiser(lr=2e-3, schedule="linear", schedule_start=0.5)
DIGITS = FastGANRecipe(width=4, latent=64, skip=1, batch=32, steps=1000, g=FAST, d=FAST)
FASTER = replace(FAST, lr=4e-3)
AUGMENTED: dict[str, Any] = {"augment": "diffaug", "augment_options": {"cutout": 0.0}}
RECIPES = {
    "digits": DIGITS,
    "mnist": replace(DIGITS, data=Data(name="mnist"), width=2, steps=1700, g=FASTER, d=FASTER),
    "cifar10": FastGANRecipe(data=Data(name="cifar10", flip=True), skip=2, batch=64, steps=100_000, **AUGMENTED),
    "folder": FastGANRecipe(data=Data(name="folder", size=256, flip=True), batch=8, steps=50_000, **AUGMENTED),
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Liu et al. 2021, Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis, "
        "https://arxiv.org/abs/2101.04775"
    )
    summary = "Skip-layer excitation, and a discriminator that reconstructs images: for few images."
    return [
        Variant(
            "fastgan",
            summary,
            paper,
            ("image",),
            RECIPES,
            build,
            bf16=("mnist",),
            for_data={"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="dcgan",
            change="skip-layer excitation, gated linear units, spectral normalisation, `loss=hinge`, `reconstruction`",
            also_called=("lightweight", "few-shot"),
            lesson="A discriminator that has to reconstruct its images cannot just memorise a few pixels of them.",
        )
    ]
