"""Every hook of ganzoo. A plugin is a module that implements any of them with `@ganzoo.hookimpl`.

Register the module under the entry-point group `ganzoo`. No hook is first-result: what all plugins return is joined.
Hooks return values and are called once per process, except `ganzoo_callbacks`, which is called once per run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from ganzoo.callbacks import Callback, RunFolder
    from ganzoo.recipes import Recipe
    from ganzoo.specs import AugmentationSpec, DatasetSpec, LossSpec, MetricSpec, ModalitySpec, PenaltySpec, Variant

hookspec = pluggy.HookspecMarker("ganzoo")
hookimpl = pluggy.HookimplMarker("ganzoo")


@hookspec
def ganzoo_variants() -> Iterable[Variant]:  # type: ignore[empty-body]
    """Variants: the GANs that `ganzoo train` can train."""


@hookspec
def ganzoo_losses() -> Iterable[LossSpec]:  # type: ignore[empty-body]
    """Adversarial losses, chosen with `--set loss=NAME` in any two-player variant."""


@hookspec
def ganzoo_penalties() -> Iterable[PenaltySpec]:  # type: ignore[empty-body]
    """Penalties on the discriminator, chosen with `--set penalties=NAME` in any two-player variant."""


@hookspec
def ganzoo_augmentations() -> Iterable[AugmentationSpec]:  # type: ignore[empty-body]
    """Augmentations of what the discriminator sees, chosen with `--set augment=NAME` in any two-player variant."""


@hookspec
def ganzoo_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Data sets, chosen with `--dataset NAME`."""


@hookspec
def ganzoo_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Scores of samples, each for the modalities that it names."""


@hookspec
def ganzoo_modalities() -> Iterable[ModalitySpec]:  # type: ignore[empty-body]
    """Kinds of data: how samples are shown, written, read and compared."""


@hookspec
def ganzoo_callbacks(variant: Variant, recipe: Recipe, run: RunFolder) -> Iterable[Callback]:  # type: ignore[empty-body]
    """Callbacks for one run, requested once before its first step. They observe training and never change it."""


@hookspec
def ganzoo_commands(cli: click.Group) -> None:
    """Add commands to the command line: `@cli.command()`."""
