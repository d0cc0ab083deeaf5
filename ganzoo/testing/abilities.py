"""The contract of games that can do more than draw samples: encoders, and scorers of anomalies."""

from __future__ import annotations

from unittest import SkipTest

import torch

from ganzoo.data.dataset import Dataset
from ganzoo.game import Encoder, Latent, Progress, Scorer
from ganzoo.recipes import Recipe
from ganzoo.specs import Variant
from ganzoo.testing.building import built_game


def check_abilities(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """An encoder finds latents from which samples can be generated; a scorer gives each sample one finite number.

    SkipTest for a game that is neither.
    """
    gan = built_game(variant, recipe, data)
    if not isinstance(gan, (Encoder, Scorer)):
        raise SkipTest(f"{variant.name} neither encodes nor scores samples")
    gan.on_step(Progress(steps=recipe.steps))
    x = data.batch(torch.arange(5) % len(data))["x"]
    with gan.for_sampling():
        torch.manual_seed(1)
        if isinstance(gan, Encoder):
            z = gan.encode(x)
            known = z.isfinite().all() and z.shape[:1] == (5,)
            assert known, f"{variant.name}: encode(x) must return a finite latent vector for each sample"
            if isinstance(gan, Latent):
                wanted = gan.draw_latent(5).shape
                assert z.shape == wanted, f"{variant.name}: encode(x) returns {tuple(z.shape)}, not {tuple(wanted)}"
                again = gan.generate(z)
                assert again.shape == x.shape, f"{variant.name}: encoded samples are generated as {tuple(again.shape)}"
        if isinstance(gan, Scorer):
            scores = gan.anomaly_scores(x)
            known = scores.shape == (5,) and bool(scores.isfinite().all())
            assert known, f"{variant.name}: anomaly_scores(x) must return one finite number for each sample"
