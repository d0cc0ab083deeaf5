"""seqgan: a generator of text that learns by policy gradient (Yu et al. 2017)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, Optimiser, Recipe, key, recipe_class
from ganzoo.specs import Variant

if TYPE_CHECKING:
    from ganzoo.game import GAN

# Before the policy gradient begins, G's rate falls to a fiftieth: at higher ones G gets worse within a few steps.
G = Optimiser(lr=5e-3, betas=(0.9, 0.999), clip_norm=5.0, schedule="linear", schedule_start=0.5, schedule_end=0.85)


@recipe_class
class SeqGANRecipe(Recipe):
    """The stages of training, the policy gradient, and the networks' sizes."""

    g: Optimiser = key(replace(G, final_lr=0.02), "The generator's optimiser.")
    d: Optimiser = key(Optimiser(lr=1e-3, betas=(0.9, 0.999)), "The discriminator's optimiser.")
    pretrain: float = key(
        0.85, "Fraction of training in which G learns by maximum likelihood; 1 is all, without D.", minimum=0, maximum=1
    )
    d_pretrain: float = key(0.03, "Fraction of training after that in which only D learns.", minimum=0, maximum=1)
    d_updates: int = key(2, "Updates of D per step.", minimum=1)
    rollouts: int = key(4, "Completions of each start of a sentence, whose mean reward its last word gets.", minimum=1)
    baseline: bool = key(True, "Subtract the mean reward at each position, over the batch.")
    size: int = key(32, "Numbers of an embedded word, in both networks.", minimum=1)
    width: int = key(64, "Units of the generator's LSTM.", minimum=1)
    d_windows: tuple[int, ...] = key((1, 2, 3, 4, 5, 6, 8), "Words that each of D's convolutions spans.", minimum=1)
    d_width: int = key(32, "Channels of each of them.", minimum=1)
    dropout: float = key(0.25, "Dropout before the last layer of the discriminator.", minimum=0, below=1)


def build(recipe: SeqGANRecipe, data: DataSpec) -> GAN:
    from .game import SeqGAN

    return SeqGAN(recipe, data)


GRAMMAR = SeqGANRecipe(data=Data(name="grammar"), steps=1500, ema=0.0)
# The user's vocabulary is larger: rollouts take most of the time.
TEXT = replace(GRAMMAR, data=Data(name="text"), steps=1200, pretrain=0.9, rollouts=1, width=128)
RECIPES = {"grammar": GRAMMAR, "likelihood": replace(GRAMMAR, pretrain=1.0), "text": TEXT}


@hookimpl
def ganzoo_variants() -> list[Variant]:
    paper = (
        "Yu et al. 2017, SeqGAN: Sequence Generative Adversarial Nets with Policy Gradient, "
        "https://arxiv.org/abs/1609.05473"
    )
    return [
        Variant(
            "seqgan",
            "Text: words are actions, and D's opinion of completed sentences is the reward.",
            paper,
            ("tokens",),
            RECIPES,
            build,
            ancestor="vanilla",
            change="a policy gradient with rollouts in place of D's gradient, after maximum likelihood",
            lesson="Where samples are discrete, D's opinion can still be a reward, at the price of a noisy gradient.",
            compiles=False,
        )
    ]
