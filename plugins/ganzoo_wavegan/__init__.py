"""wavegan: raw audio by one-dimensional convolutions (Donahue et al. 2019)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Term, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer


@recipe_class
class WaveGANRecipe(TwoPlayerRecipe):
    """The one-dimensional networks."""

    width: int = key(
        64, "Channels at the full rate; they double as the signal gets shorter, up to 16 times.", minimum=1
    )
    d_width: int | None = key(None, "The same for the critic, if it should differ.", minimum=1)
    kernel: int = key(25, "Samples of a convolution's kernel, at least the stride.", minimum=2)
    stride: int = key(4, "Factor by which a layer changes the length.", minimum=2, maximum=16)
    emphasis: float = key(
        0.0,
        "How much high frequencies are raised in what the critic sees, and lowered in G; 0 is off.",
        minimum=0,
        below=1,
    )
    companding: float = key(
        0.0,
        "mu of the mu-law by which quiet samples are raised in what the critic sees, and lowered in G; 0 is off.",
        minimum=0,
    )
    shuffle: int = key(2, "Samples by which phase shuffle moves the critic's features at most; 0 is off.", minimum=0)
    init: str = key(
        "xavier",
        "Scale of the critic's new weights; he keeps that of the signal from layer to layer.",
        choices=("xavier", "he"),
    )
    g_norm: str = key("none", "Normalisation in the generator.", choices=("batch", "layer", "none"))
    embedding: int = key(16, "Dimensions of the label's embedding in the generator, for data with labels.", minimum=1)
    loss: str = key("wasserstein", "Adversarial loss; `ganzoo list losses` names them.")
    n_critic: int = key(5, "Critic updates per step.", minimum=1)
    latent_distribution: str = key(
        "uniform", "Distribution of z; uniform is on [-1, 1].", choices=("normal", "uniform")
    )


def build(recipe: WaveGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import WaveGAN
    from .networks import networks

    return WaveGAN.from_recipe(*networks(recipe, data), recipe, data, classes=data.classes)


ADAM = Optimiser(lr=1e-4, betas=(0.5, 0.9))
GP = {"wgan-gp": Term(weight=10.0)}
# Small networks and short runs tolerate higher learning rates, if they decay towards the end.
FAST_G, FAST_D = (Optimiser(lr=lr, schedule="linear", schedule_start=0.5) for lr in (2e-3, 1e-3))
DRUMS = WaveGANRecipe(
    data=Data(name="drums"),
    steps=1200,
    batch=16,
    latent=64,
    latent_distribution="normal",
    embedding=8,
    g_norm="batch",
    width=16,
    d_width=8,
    kernel=16,
    init="he",
    emphasis=0.85,
    companding=255.0,
    loss="relativistic",
    spectral_norm=True,
    n_critic=1,
    ema=0.99,
    g=FAST_G,
    d=FAST_D,
)
PAPER = WaveGANRecipe(
    data=Data(name="wav-folder", rate=16_000, length=16_384), steps=200_000, penalties=GP, g=ADAM, d=ADAM, ema=0.0
)


@hookimpl
def ganzoo_variants() -> list[Variant]:
    return [
        Variant(
            "wavegan",
            "Raw audio, by one-dimensional convolutions and phase shuffle; conditional if there are labels.",
            "Donahue et al. 2019, Adversarial Audio Synthesis, https://arxiv.org/abs/1802.04208",
            ("audio",),
            {"drums": DRUMS, "own": replace(DRUMS, data=Data(name="wav-folder")), "paper": PAPER},
            build,
            ancestor="wgan-gp",
            change="one-dimensional convolutions of 25 samples, phase shuffle",
            lesson="Convolutions transfer from pixels to sound, if D cannot tell fakes by the phase of artefacts.",
        )
    ]
