"""packed: GANs whose discriminator judges several samples at once (Lin et al. 2018). This card imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

import click
from ganzoo_dcgan import DCGANRecipe

from ganzoo import GanzooError, hookimpl
from ganzoo.recipes import Data, Recipe, TwoPlayerRecipe, key
from ganzoo.specs import DatasetSpec, LossSpec, MetricSpec, Option, PenaltySpec, Variant

ganzoo_api = 1

PAPER = "Lin et al. 2018, PacGAN: The power of two samples in generative adversarial networks, https://arxiv.org/abs/1712.04086"


@dataclass(frozen=True, kw_only=True)
class PacRecipe(TwoPlayerRecipe):
    """Perceptrons, and how many samples they judge at once."""

    pack: int = key(2, "Samples that D judges at once; 1 is the usual GAN.", minimum=1)
    hidden: tuple[int, ...] = key((128, 128, 128), "Units of the hidden layers of both networks.", minimum=1)


@dataclass(frozen=True, kw_only=True)
class PacDCGANRecipe(DCGANRecipe):
    """DCGAN's keys, and how many images its discriminator judges at once."""

    pack: int = key(2, "Images that D judges at once; 1 is DCGAN.", minimum=1)


def check_pack(recipe):
    """Raise GanzooError unless each part of a batch can be split into packs."""
    if recipe.batch // recipe.accumulate % recipe.pack:
        raise GanzooError(f"a batch of {recipe.batch} cannot be split into packs of {recipe.pack}: try --set pack=2.")


def build(recipe, data):
    from ganzoo.games import TwoPlayer
    from ganzoo.networks import MLPDiscriminator, MLPGenerator

    from .networks import Packed, packed_shape

    check_pack(recipe)
    generator = MLPGenerator(recipe.latent, recipe.hidden, data.shape, bounded=data.range is not None)
    body = MLPDiscriminator(packed_shape(data.shape, recipe.pack), recipe.hidden)
    return TwoPlayer.from_recipe(generator, Packed(body, recipe.pack), recipe, data)


def build_dcgan(recipe, data):
    import dataclasses

    from ganzoo_dcgan.networks import discriminator, generator

    from ganzoo.games import TwoPlayer

    from .networks import Packed, packed_shape

    check_pack(recipe)
    wide = dataclasses.replace(data, shape=packed_shape(data.shape, recipe.pack))
    return TwoPlayer.from_recipe(
        generator(recipe, data), Packed(discriminator(recipe, wide), recipe.pack), recipe, data
    )


@hookimpl
def ganzoo_variants():
    grid = PacRecipe(data=Data(name="points", kind="grid"), steps=8000, batch=256, latent=2)
    recipes = {"points": grid, "digits": PacRecipe(steps=4000, hidden=(256, 256))}
    bars = PacDCGANRecipe(data=Data(name="bars"), width=16, steps=2000)
    return [
        Variant("packed", "D judges several samples at once.", PAPER, ("points", "image"), recipes, build),
        Variant(
            "packed-dcgan",
            "DCGAN whose D judges several images at once.",
            PAPER,
            ("image",),
            {"bars": bars},
            build_dcgan,
        ),
    ]


@hookimpl
def ganzoo_losses():
    def build(**options):
        from .parts import MarginHinge

        return MarginHinge(**options)

    margin = Option("margin", 1.0, "Logits beyond it cost D nothing.")
    return [LossSpec("margin-hinge", "Hinge loss with a margin of choice.", "no paper", build, (margin,))]


@hookimpl
def ganzoo_penalties():
    def build():
        from .parts import drift

        return drift

    paper = "Karras et al. 2018, Progressive Growing of GANs, appendix A.1, https://arxiv.org/abs/1710.10196"
    return [PenaltySpec("drift", "Keeps the logits of real samples near 0.", paper, build, weight=0.001)]


@hookimpl
def ganzoo_datasets():
    def load(data, root, split):
        from .parts import load_bars

        return load_bars(data, root, split)

    summary = "600 images of one to three bars, 16x32 grey, 3 classes; generated."
    return [DatasetSpec("bars", summary, "generated", "image", load, labelled=True, test=True)]


@hookimpl
def ganzoo_metrics():
    def compute(samples):
        from .parts import variety

        return variety(samples)

    summary = "Mean distance between samples over that between real ones; 1 is as varied as the data, 0 is collapse."
    return [MetricSpec("variety", summary, "no paper", ("image", "points"), compute)]


@hookimpl
def ganzoo_callbacks(recipe: Recipe, run):
    if not hasattr(recipe, "pack"):
        return []
    from .parts import PackLog

    return [PackLog(run.path / "packs.csv", recipe.pack)]


@hookimpl
def ganzoo_commands(cli):
    @cli.command("packs")
    @click.argument("run", type=click.Path())
    def packs(run):
        """Print how many samples the discriminator of a run judges at once."""
        import ganzoo

        recipe = ganzoo.load(run).recipe
        if not hasattr(recipe, "pack"):
            raise GanzooError(f"{run} has no packed discriminator: try a run of packed.")
        click.echo(f"packs of {recipe.pack}, {recipe.batch // recipe.pack} in a batch")
