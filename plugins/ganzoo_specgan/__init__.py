"""specgan: sounds through their spectrograms, by two-dimensional convolutions (Donahue et al. 2019)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class SpecGANRecipe(TwoPlayerRecipe):
    """The spectrogram, the way back to a sound, and the networks."""

    window: int = key(256, "Samples of a spectrogram's window; it has half as many frequencies.", minimum=16)
    hop: int = key(128, "Samples from one window to the next, at most half a window.", minimum=4)
    floor: float = key(-80.0, "What counts as silence, in decibels; a sine of amplitude 1 has 0.", below=0)
    iterations: int = key(16, "Iterations of the Griffin-Lim algorithm, which finds the phases.", minimum=1)
    width: int = key(64, "Channels at the full size; they double as it halves.", minimum=1)
    widest: int = key(8, "How many times `width` a layer has at most.", minimum=1)
    kernel: int = key(4, "Points of a convolution's kernel.", minimum=4, maximum=5)
    g_norm: str = key("batch", "Normalisation in the generator.", choices=("batch", "layer", "none"))
    embedding: int = key(16, "Dimensions of the label's embedding in the generator, for data with labels.", minimum=1)


def build(recipe: SpecGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import SpecGAN
    from .networks import networks

    return SpecGAN.from_recipe(*networks(recipe, data), recipe, data, classes=data.classes)


# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
FAST = Optimiser(lr=1e-3, schedule="linear", schedule_start=0.5)
DRUMS = SpecGANRecipe(
    data=Data(name="drums"),
    steps=1200,
    batch=16,
    latent=64,
    embedding=8,
    width=16,
    loss="hinge",
    spectral_norm=True,
    g=FAST,
    d=FAST,
)
ADAM = Optimiser(lr=1e-4, betas=(0.5, 0.9))
PAPER = SpecGANRecipe(
    data=Data(name="wav-folder", rate=16_000, length=16_384),
    steps=100_000,
    latent_distribution="uniform",
    kernel=5,
    widest=16,
    g_norm="none",
    loss="wasserstein",
    penalties={"wgan-gp": Term(weight=10.0)},
    n_critic=5,
    ema=0.0,
    g=ADAM,
    d=ADAM,
)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            "specgan",
            "Sounds, through images of their spectrograms; conditional if there are labels.",
            "Donahue et al. 2019, Adversarial Audio Synthesis, https://arxiv.org/abs/1802.04208",
            ("audio",),
            {
                "drums": DRUMS,
                "spoken-digits": replace(DRUMS, data=Data(name="spoken-digits"), steps=1500),
                "own": replace(DRUMS, data=Data(name="wav-folder")),
                "paper": PAPER,
            },
            build,
            ancestor="dcgan",
            change="D sees spectrograms in decibels, and the phases of G's are found afterwards",
            lesson="Where neighbouring values belong together, as in a spectrogram, an image GAN makes sounds.",
        )
    ]
