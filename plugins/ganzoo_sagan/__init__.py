"""sagan: self-attention, and spectral normalisation of both networks (Zhang et al. 2019)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class SAGANRecipe(TwoPlayerRecipe):
    """The loss, the normalisation and the residual networks."""

    loss: str = key("hinge", "Adversarial loss; `ganzoo list losses` names them.")
    spectral_norm: bool = key(True, "Spectral normalisation of the layers of both networks.")
    width: int = key(64, "The generator's channels at the finest resolution.", minimum=1)
    d_width: int = key(64, "The same for the discriminator.", minimum=1)
    attention: int = key(16, "Pixels on a side of the generator's feature maps with self-attention.", minimum=2)
    d_attention: int = key(16, "The same for the discriminator.", minimum=2)


def build(recipe: SAGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer, add_spectral_norm
    from ganzoo.networks import ResidualDiscriminator, ResidualGenerator

    y, at, d_at = data.classes, recipe.attention, recipe.d_attention
    g = ResidualGenerator(recipe.latent, data.shape, recipe.width, classes=y, attention=at)
    d = ResidualDiscriminator(data.shape, recipe.d_width, classes=y, wide=True, attention=d_at)
    if recipe.spectral_norm:
        add_spectral_norm(g)
    return TwoPlayer.from_recipe(g, d, recipe, data, classes=y)


# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
TTUR = [Optimiser(lr=lr, betas=(0.0, 0.9), schedule="linear", schedule_start=0.5) for lr in (2e-3, 8e-3)]
DIGITS = SAGANRecipe(width=16, d_width=16, attention=8, d_attention=4, steps=1000, g=TTUR[0], d=TTUR[1])
# On larger images, more steps with smaller batches learn more in the same time.
SLOWER = [replace(settings, lr=settings.lr / 2) for settings in TTUR]
MNIST = replace(
    DIGITS, data=Data(name="mnist"), batch=16, attention=14, d_attention=7, steps=3600, g=SLOWER[0], d=SLOWER[1]
)
CIFAR10 = SAGANRecipe(
    data=Data(name="cifar10", flip=True), width=256, d_width=128, latent=128, n_critic=5, steps=100_000, ema=0.0
)

# StudioGAN's numbers for Tiny ImageNet.
TINY_G, TINY_D = (Optimiser(lr=lr, betas=(0.0, 0.999)) for lr in (1e-4, 4e-4))
FOLDER = SAGANRecipe(
    data=Data(name="folder", size=64, flip=True),
    latent=128,
    attention=32,
    d_attention=32,
    batch=256,
    steps=100_000,
    g=TINY_G,
    d=TINY_D,
    ema=0.0,
)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = "Zhang et al. 2019, Self-Attention Generative Adversarial Networks, https://arxiv.org/abs/1805.08318"
    summary = "Residual networks with self-attention; conditional if there are labels."
    return [
        Variant(
            "sagan",
            summary,
            paper,
            ("image",),
            {"digits": DIGITS, "mnist": MNIST, "cifar10": CIFAR10, "folder": FOLDER},
            build,
            for_data={"fashion-mnist": "mnist", "cifar100": "cifar10", "svhn": "cifar10"},
            ancestor="projection",
            change="`attention=8`, spectral normalisation of G too",
            lesson="Attention relates distant parts of an image in one layer.",
        )
    ]
