"""dcgan: deep convolutional GAN (Radford et al. 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer

NORMS = ("batch", "instance", "layer", "none")


@recipe_class
class DCGANRecipe(TwoPlayerRecipe):
    """The convolutional networks' sizes and layers."""

    width: int = key(64, "Channels at the finest resolution; they double as it halves, up to eight times.", minimum=1)
    d_width: int | None = key(None, "The same for the discriminator, if it should differ.", minimum=1)
    g_hidden: tuple[int, ...] = key((), "Fully connected layers between z and the feature maps.", minimum=1)
    d_hidden: tuple[int, ...] = key((), "Fully connected layers between the feature maps and the logit.", minimum=1)
    kernel: int = key(4, "Kernel size of the strided convolutions, in pixels.", minimum=3, maximum=7)
    up: str = key("transposed", "Upsampling in the generator.", choices=("transposed", "shuffle", "nearest"))
    g_norm: str = key("batch", "Normalisation in the generator.", choices=NORMS)
    d_norm: str = key("batch", "Normalisation in the discriminator.", choices=NORMS)


def build(recipe: DCGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer

    from .networks import discriminator, generator

    return TwoPlayer.from_recipe(generator(recipe, data), discriminator(recipe, data), recipe, data)


# Small networks and short runs tolerate higher learning rates than the paper's 2e-4, if they decay towards the end.
FAST_G = Optimiser(lr=1e-3, schedule="linear", schedule_start=0.5)
FAST_D = Optimiser(lr=5e-4, schedule="linear", schedule_start=0.5)

# Networks for small images have two or three levels only; fully connected layers make up for that at little cost.
HIDDEN: dict[str, Any] = {"g_hidden": (256, 256), "d_hidden": (256,)}

RECIPES = {
    "digits": DCGANRecipe(width=32, steps=3000, g=FAST_G, d=FAST_D, **HIDDEN),
    "mnist": DCGANRecipe(data=Data(name="mnist"), width=16, latent=64, steps=8000, g=FAST_G, d=FAST_D, **HIDDEN),
    "cifar10": DCGANRecipe(data=Data(name="cifar10"), width=64, steps=50000),
    "cifar10-small": DCGANRecipe(data=Data(name="cifar10", flip=True), width=32, steps=15000, g=FAST_G, d=FAST_D),
    "celeba": DCGANRecipe(
        data=Data(name="celeba", size=64),
        width=128,
        kernel=5,
        batch=128,
        latent_distribution="uniform",
        ema=0.0,
        steps=40000,
    ),
    "folder": DCGANRecipe(data=Data(name="folder", size=64), width=64, steps=20000),
}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            name="dcgan",
            summary="Convolutional generator and discriminator with batch normalisation.",
            paper="Radford et al. 2016, Unsupervised Representation Learning with Deep Convolutional Generative "
            "Adversarial Networks, https://arxiv.org/abs/1511.06434",
            modalities=("image",),
            recipes=RECIPES,
            build=build,
            bf16=("mnist",),
            for_data={
                "fashion-mnist": "mnist",
                "cifar100": "cifar10",
                "svhn": "cifar10",
                "stl10": "folder",
                "stacked-mnist": "mnist",
                "npz": "cifar10",
            },
            ancestor="vanilla",
            change="convolutional networks, `g_norm=batch`, `d_norm=batch`",
            lesson="Architecture matters: convolutions and batch normalisation made GANs work on images.",
        )
    ]
