"""Plain values that describe the zoo: variants, recipes, data, losses, penalties, metrics. Never imports torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset
    from ganzoo.evaluation.samples import Samples
    from ganzoo.game import GAN, AdversarialLoss, Penalty


def key(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """A recipe key: its default, its meaning, and the values it may take (inclusive or exclusive bounds, or choices).

    A mutable default (a list, a dict, a dataclass) is copied for each recipe.
    """
    metadata = {"help": help, "ge": minimum, "le": maximum, "gt": above, "lt": below, "choices": choices}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    if dataclasses.is_dataclass(default):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """How one player learns: the optimiser and its learning-rate schedule."""

    name: str = key("adam", "Optimiser.", choices=("adam", "adamw", "rmsprop", "sgd"))
    lr: float = key(2e-4, "Learning rate.", above=0)
    betas: tuple[float, float] = key((0.5, 0.999), "Adam's decay rates of the two moments.", minimum=0, below=1)
    momentum: float = key(0.0, "Momentum of SGD and RMSprop.", minimum=0, below=1)
    weight_decay: float = key(0.0, "Weight decay (decoupled in adamw).", minimum=0)
    warmup: int = key(0, "Steps over which the learning rate rises from 0.", minimum=0)
    schedule: str = key("constant", "Learning rate over training.", choices=("constant", "linear", "cosine"))
    schedule_start: float = key(0.0, "Share of training after which the schedule begins.", minimum=0, below=1)
    final_lr: float = key(0.0, "Share of the learning rate that the schedule ends at.", minimum=0, maximum=1)


@dataclass(frozen=True, kw_only=True)
class Data:
    """Which data a recipe trains on, and how they are prepared."""

    name: str = key("digits", "Data set; `ganzoo list datasets` names them.")
    path: str = key("", "Where the data lie, for data sets that read your own (folder, npz).")
    kind: str = key("", "Which of several, for data sets that have several (points: ring, grid, swiss-roll, moons).")
    size: int | None = key(None, "Height and width in pixels; none keeps the data set's own.", minimum=1, maximum=1024)
    channels: int | None = key(None, "1 for grey, 3 for RGB; none keeps the data set's own.", minimum=1, maximum=4)
    flip: bool = key(False, "Add every image's mirror image to the data set.")
    labels: bool = key(True, "Read the class labels where there are any.")


@dataclass(frozen=True, kw_only=True)
class Term:
    """A penalty in a recipe."""

    weight: float = key(1.0, "Factor of the penalty in the loss.", minimum=0)
    every: int = key(1, "Apply it every so many steps, scaled up by as much (lazy regularisation).", minimum=1)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The science of a run. A variant adds fields by subclassing; one Optimiser per player, named as the player."""

    data: Data = key(Data(), "The data set.")
    steps: int = key(2000, "Steps to train for; one step is one generator update.", minimum=1)
    batch: int = key(64, "Images per update, over all devices together.", minimum=1)
    accumulate: int = key(1, "Parts that a batch is cut into, to save memory.", minimum=1)
    seed: int = key(0, "Seed of weights, data order, latents and samples.", minimum=0, below=2**31)
    ema: float = key(
        0.999, "Decay per step of the averaged generator that samples are drawn from; 0 is off.", minimum=0, below=1
    )

    def images_per_step(self) -> int:
        """Real images shown to the discriminator in a step, by which `--epochs` counts."""
        return self.batch


@dataclass(frozen=True, kw_only=True)
class TwoPlayerRecipe(Recipe):
    """One generator against one discriminator: players `g` and `d`."""

    g: Optimiser = key(Optimiser(), "The generator's optimiser.")
    d: Optimiser = key(Optimiser(), "The discriminator's optimiser.")
    latent: int = key(100, "Dimensions of the latent vector z.", minimum=1)
    latent_distribution: str = key("normal", "Distribution of z; uniform is on [-1, 1].", choices=("normal", "uniform"))
    loss: str = key("non-saturating", "Adversarial loss; `ganzoo list losses` names them.")
    loss_options: dict[str, float] = key({}, "Options of the loss; `ganzoo show LOSS` names them.")
    penalties: dict[str, Term] = key({}, "Penalties on D by name; `ganzoo list penalties` names them.")
    n_critic: int = key(1, "Discriminator updates per step.", minimum=1)
    clip: float = key(0.0, "Clip every discriminator weight to [-clip, clip] after its update; 0 is off.", minimum=0)
    spectral_norm: bool = key(False, "Spectral normalisation of the discriminator's layers.")

    def images_per_step(self) -> int:
        return self.batch * self.n_critic


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The machine's side of a run: nothing here changes what is learnt, up to rounding.

    But for one thing: with several devices, batch normalisation is over each one's samples unless sync_batch_norm.

    data_root: where data sets lie or are downloaded to. recorded_root: where a run found its data before; they are read
    there if they still are, and nothing is downloaded to it.
    """

    out: str | None = None
    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "auto"
    compile: bool = False
    capture: bool = True
    sync_batch_norm: bool = False
    data_root: str | None = None
    recorded_root: str | None = None
    log_every: int = 20
    sample_every: int | None = None
    save_every: int | None = None
    eval_every: int | None = None
    keep: int = 2
    on_nonfinite: str = "stop"
    loggers: tuple[str, ...] = ()
    progress: bool = True
    scores: bool = True


@dataclass(frozen=True)
class DataSpec:
    """What a variant learns about the data before any is read into a network.

    shape: of one sample without the batch axis, `(C, H, W)` for images, `(D,)` for points.
    range: lowest and highest value that samples take; None when unbounded.
    classes: number of classes; 0 when there are no labels.
    """

    name: str
    modality: str
    shape: tuple[int, ...]
    classes: int = 0
    class_names: tuple[str, ...] = ()
    range: tuple[float, float] | None = (-1.0, 1.0)


@dataclass(frozen=True)
class Variant:
    """A kind of GAN. `build(recipe, data)` returns the game; it imports torch, the card that holds this does not.

    recipes: named starting points; the first is the default.
    modalities: the kinds of data that it can be built for.
    needs_labels: whether it trains on labelled data only.
    for_data: which recipe suits a data set that none of them names, as {"svhn": "cifar10"}.
    compiles: whether its networks go through torch.compile; if not, `--compile` is refused.
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

    @property
    def default(self) -> str:
        """Name of the default recipe."""
        return next(iter(self.recipes))


@dataclass(frozen=True)
class Option:
    """A numeric option of a loss."""

    name: str
    default: float
    help: str


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
    """A penalty on the discriminator. `build()` returns it; `weight` is its usual weight."""

    name: str
    summary: str
    paper: str
    build: Callable[[], Penalty]
    weight: float = 1.0


@dataclass(frozen=True)
class DatasetSpec:
    """A data set. `load(data, root, split)` returns split "train" or "test", or raises GanzooError saying what to type.

    argument: the key of Data that `--dataset NAME:VALUE` sets ("path" or "kind"), or none.
    kinds: the values of `data.kind`, the first of which is the default.
    labelled: whether it has labels.
    test: whether it has a test split.
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


@dataclass(frozen=True)
class MetricSpec:
    """A score. `compute(samples)` returns named numbers; modalities say what it can score.

    better: for each value "higher" or "lower", or "" where the best is in between.
    default: whether it is computed when no metrics are named, as after a training.
    """

    name: str
    summary: str
    paper: str
    modalities: tuple[str, ...]
    compute: Callable[[Samples], Mapping[str, float]]
    better: Mapping[str, str] = field(default_factory=dict)
    default: bool = True
