"""mocogan: video from a latent for content and a series of latents for motion (Tulyakov et al. 2018)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class MoCoGANRecipe(TwoPlayerRecipe):
    """The parts of the latent, and the networks' sizes."""

    content: int = key(50, "Dimensions of the latent for content, which all frames share.", minimum=1)
    motion: int = key(10, "Dimensions of the latent for motion, of which each frame has its own.", minimum=1)
    embedding: int = key(16, "Dimensions of the label's embedding in the generator, for data with labels.", minimum=1)
    width: int = key(64, "The generator's channels at the finest resolution.", minimum=1)
    d_width: int | None = key(None, "The same for the discriminators, if it should differ.", minimum=1)
    clip_width: int | None = key(None, "The same for that of clips, if it should differ from d_width.", minimum=1)
    d_norm: str = key("batch", "Normalisation in both discriminators.", choices=("batch", "instance", "layer", "none"))
    frames: int = key(1, "Frames of each clip, drawn at random, that the discriminator of frames sees.", minimum=1)


def build(recipe: MoCoGANRecipe, data: DataSpec) -> TwoPlayer:
    from ganzoo.games import TwoPlayer

    from .networks import latent_size, networks

    full = replace(recipe, latent=latent_size(recipe, data))
    return TwoPlayer.from_recipe(*networks(recipe, data), full, data, classes=data.classes, joint=False)


FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (2e-3, 1e-3))
DIGITS = MoCoGANRecipe(
    data=Data(name="moving-digits", kind="line"),
    content=24,
    motion=6,
    width=32,
    clip_width=16,
    d_norm="none",
    spectral_norm=True,
    loss="hinge",
    frames=4,
    batch=16,
    steps=2000,
    ema=0.99,
    g=FAST_G,
    d=FAST_D,
)
PAPER = MoCoGANRecipe(
    data=Data(name="video-folder", size=64, length=16),
    batch=32,
    steps=100_000,
    ema=0.0,
    g=Optimiser(weight_decay=1e-5),
    d=Optimiser(weight_decay=1e-5),
)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            "mocogan",
            "Video from one latent for content and one per frame for motion; conditional if there are labels.",
            "Tulyakov et al. 2018, MoCoGAN: Decomposing Motion and Content for Video Generation, "
            "https://arxiv.org/abs/1707.04993",
            ("video",),
            {"moving-digits": DIGITS, "own": replace(DIGITS, data=Data(name="video-folder")), "paper": PAPER},
            build,
            fixes=("latent",),
            ancestor="dcgan",
            change="a recurrent network of latents, and a discriminator of clips beside that of frames",
            lesson="What stays and what changes in a clip come apart if the latent has a part for each.",
        )
    ]
