"""Plain values that describe the zoo: variants, losses, penalties, data sets, modalities, metrics. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.recipes import Data, DataSpec, Recipe

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset
    from ganzoo.data.modality import Modality
    from ganzoo.data.samples import Samples
    from ganzoo.game import GAN, AdversarialLoss, Augmentation, Penalty


@dataclass(frozen=True)
class Variant:
    """A kind of GAN. `build(recipe, data)` returns the game; it imports torch, the card that contains this does not.

    recipes: named starting points; the first is the default.
    modalities: the kinds of data that it can be built for.
    needs_labels: whether it trains on labelled data only.
    for_data: the recipe for a data set that no recipe names, such as {"svhn": "cifar10"}.
    compiles: whether its networks work with torch.compile; if not, `--compile` is refused.
    bf16: names of the recipes that learn as well in bf16 as in fp32, and faster on a CPU that computes in it, as was
    measured: for these, `--precision auto` is bf16 on such a CPU.
    inputs: names of the inputs that its data must have, as in `DataSpec.inputs`.
    fixes: keys of its recipes that its game does not read ("loss", where it has a loss of its own): changing one is
    refused.
    ancestor, change, lesson: the name of the variant that it develops, what it changes in it (as recipe keys where
    these suffice), and the one thing that it teaches; for `ganzoo show` and the family tree in the docs.
    also_called: other names of it, in papers and programs: whoever types one is told this one.
    """

    name: str
    summary: str
    paper: str
    modalities: tuple[str, ...]
    recipes: Mapping[str, Recipe]
    build: Callable[[Any, DataSpec], GAN]
    needs_labels: bool = False
    for_data: Mapping[str, str] = field(default_factory=dict)
    compiles: bool = True
    bf16: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    ancestor: str = ""
    change: str = ""
    lesson: str = ""
    also_called: tuple[str, ...] = ()

    @property
    def default(self) -> str:
        """Name of the default recipe."""
        return next(iter(self.recipes))


@dataclass(frozen=True)
class Option:
    """A numeric option of a loss, a penalty or an augmentation.

    minimum, maximum: the values it may take, inclusive; below: the bound that it must stay under. None for no bound.
    """

    name: str
    default: float
    help: str
    minimum: float | None = None
    maximum: float | None = None
    below: float | None = None

    def allows(self, value: float) -> bool:
        """Whether a value is a finite number within the bounds."""
        return (
            math.isfinite(value)
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.below is None or value < self.below)
        )

    @property
    def bounds(self) -> str:
        """The bounds in words: "of at least 0 and below 1"."""
        given = {"of at least": self.minimum, "of at most": self.maximum, "below": self.below}
        limits = [f"{words} {bound:g}" for words, bound in given.items() if bound is not None]
        return " and ".join(limits) or "that is finite"


@dataclass(frozen=True)
class LossSpec:
    """An adversarial loss. `build(**options)` returns it."""

    name: str
    summary: str
    paper: str
    build: Callable[..., AdversarialLoss]
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class PenaltySpec:
    """A penalty on the discriminator. `build(**options)` returns it; `weight` is its usual weight."""

    name: str
    summary: str
    paper: str
    build: Callable[..., Penalty]
    weight: float = 1.0
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class AugmentationSpec:
    """An augmentation of what D sees. `build(**options)` returns it. modalities: the kinds of data that it changes."""

    name: str
    summary: str
    paper: str
    modalities: tuple[str, ...]
    build: Callable[..., Augmentation]
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class DatasetSpec:
    """A data set. `load(data, root, split)` returns split "train" or "test", or raises GanzooError with what to type.

    argument: the key of Data that `--dataset NAME:VALUE` sets ("path" or "kind"), or "".
    kinds: the values of `data.kind`, the first of which is the default.
    labelled: whether it has labels.
    test: whether it has a test split.
    samples: how many samples the literature scores on it; 0 if there is no convention.
    endings: of the files that it reads, (".csv",): `--dataset FILE` with such a file means this data set.
    folder_endings: of the files in the folders that it reads: `--dataset FOLDER` with such files means this data set.
    downloads: whether `load` may download. One that never does is also given the folder in which a run found its data.
    settings: what `data.settings.NAME` means, by name, for settings that only this data set has.
    """

    name: str
    summary: str
    source: str
    modality: str
    load: Callable[[Data, Path, str], Dataset]
    argument: str = ""
    kinds: tuple[str, ...] = ()
    labelled: bool = False
    test: bool = False
    samples: int = 0
    endings: tuple[str, ...] = ()
    folder_endings: tuple[str, ...] = ()
    downloads: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def at_hand(self) -> bool:
        """Whether it comes with a package or is generated: it needs no download and no files of the user's."""
        return not self.downloads and self.argument != "path"


@dataclass(frozen=True)
class ModalitySpec:
    """A kind of data. `load(name)` returns the Modality: how its samples are shown, written and compared."""

    name: str
    summary: str
    load: Callable[[str], Modality]


ABILITIES = ("latent", "encoder", "scorer", "inputs", "back", "classes")
"""What a metric may need of the game that drew the samples: protocols of `ganzoo.game`, inputs, labels to ask for."""


@dataclass(frozen=True)
class MetricSpec:
    """A score. `compute(samples)` returns named numbers. modalities: the kinds of data that it can score.

    better: for each value "higher" or "lower", the number that is best (0.0 for a distance that can be negative), or ""
    if none is.
    default: whether it is computed when no metrics are named, such as after training.
    cheap: of a metric that is not computed by default, whether it is for these samples, because it takes no time.
    split: the split that it compares with, "train" or "test"; by default the one that the modality chooses.
    needs: what the game that drew the samples must have, some of `ABILITIES`. Samples from files have none of these.
    """

    name: str
    summary: str
    paper: str
    modalities: tuple[str, ...]
    compute: Callable[[Samples], Mapping[str, float]]
    better: Mapping[str, str | float] = field(default_factory=dict)
    default: bool = True
    cheap: Callable[[Samples], bool] | None = None
    split: str = ""
    needs: tuple[str, ...] = ()
