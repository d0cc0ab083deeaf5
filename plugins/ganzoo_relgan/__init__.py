"""relgan: text through Gumbel-softmax, a relational memory and several opinions (Nie et al. 2019)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.games import TwoPlayer

G = Optimiser(
    lr=5e-3,
    betas=(0.9, 0.999),
    clip_norm=5.0,
    schedule="linear",
    schedule_start=0.5,
    schedule_end=0.85,
    final_lr=0.02,
)


@recipe_class
class RelGANRecipe(TwoPlayerRecipe):
    """The stages of training, the temperature, and the networks' sizes."""

    g: Optimiser = key(G, "The generator's optimiser.")
    d: Optimiser = key(Optimiser(lr=5e-4, betas=(0.9, 0.999), clip_norm=5.0), "The discriminator's optimiser.")
    loss: str = key("relativistic", "Adversarial loss; `ganzoo list losses` names them.")
    pretrain: float = key(
        0.85, "Fraction of training in which G learns by maximum likelihood; 1 is all, without D.", minimum=0, maximum=1
    )
    d_pretrain: float = key(0.05, "Fraction of training after that in which only D learns.", minimum=0, maximum=1)
    first_sharpness: float = key(
        10.0, "Inverse temperature of Gumbel-softmax at first; it grows exponentially.", above=0
    )
    sharpness: float = key(100.0, "Inverse temperature at the end.", above=0)
    straight_through: bool = key(False, "Show D whole words, with the gradient of relaxed ones.")
    size: int = key(32, "Numbers of an embedded word in the generator.", minimum=1)
    width: int = key(64, "Numbers of the generator's memory.", minimum=1)
    slots: int = key(1, "Rows of the memory.", minimum=1)
    heads: int = key(2, "Heads of the memory's attention.", minimum=1)
    representations: int = key(8, "Embeddings of each word, each judged on its own.", minimum=1)
    d_size: int = key(8, "Numbers of each of these.", minimum=1)
    d_windows: tuple[int, ...] = key((2, 3, 4, 5), "Words that each of D's convolutions spans.", minimum=1)
    d_width: int = key(48, "Channels of each of them.", minimum=1)
    dropout: float = key(0.25, "Dropout before the last layer of the discriminator.", minimum=0, below=1)


def build(recipe: RelGANRecipe, data: DataSpec) -> TwoPlayer:
    from .game import RelGAN, networks

    return RelGAN.from_recipe(*networks(recipe, data), recipe, data)


GRAMMAR = RelGANRecipe(data=Data(name="grammar"), steps=900, n_critic=2, ema=0.0)
TEXT = replace(GRAMMAR, data=Data(name="text"), steps=1000, width=128)
RECIPES = {"grammar": GRAMMAR, "likelihood": replace(GRAMMAR, pretrain=1.0), "text": TEXT}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Nie et al. 2019, RelGAN: Relational Generative Adversarial Networks for Text Generation, "
        "https://openreview.net/forum?id=rJedV3R5tm"
    )
    return [
        Variant(
            "relgan",
            "Text: D's gradient reaches G through relaxed words, and judges several embeddings of them.",
            paper,
            ("tokens",),
            RECIPES,
            build,
            fixes=("latent", "latent_distribution"),
            ancestor="seqgan",
            change="Gumbel-softmax in place of the policy gradient, a relational memory, `loss=relativistic`",
            lesson="Words that are relaxed while training carry D's gradient to G without any reward.",
            compiles=False,
        )
    ]
