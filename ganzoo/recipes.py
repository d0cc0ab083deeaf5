"""Plain values: recipes, data descriptions, run options. Imports neither torch nor anything that needs it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ganzoo.keys import key, recipe_class

__all__ = [
    "Data",
    "DataSpec",
    "Optimiser",
    "Recipe",
    "RunOptions",
    "Schedule",
    "Size",
    "Term",
    "TwoPlayerRecipe",
    "at_step",
    "flat",
    "key",
    "live_keys",
    "recipe_class",
    "to_dict",
    "value_at",
    "with_value",
]

Size = int | tuple[int, int]
"""Of images: height and width, as one number where they are equal."""


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """A recipe in the types of JSON: nested dicts, tuples as lists."""
    return json.loads(json.dumps(dataclasses.asdict(recipe)))


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys as dotted ones: `{"g": {"lr": 1e-4}}` as `{"g.lr": 1e-4}`."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
        found.update(inner)
    return found


@recipe_class
class Optimiser:
    """How one player learns: the optimiser and its learning-rate schedule."""

    name: str = key("adam", "Optimiser.", choices=("adam", "adamw", "rmsprop", "sgd"))
    lr: float = key(2e-4, "Learning rate.", above=0)
    betas: tuple[float, float] = key(
        (0.5, 0.999), "Adam's decay rates of the two moments.", minimum=0, below=1, live=True
    )
    momentum: float = key(0.0, "Momentum of SGD and RMSprop.", minimum=0, below=1, live=True)
    eps: float = key(1e-8, "What adam, adamw and rmsprop add to the root that they divide by.", above=0, live=True)
    weight_decay: float = key(0.0, "Weight decay (decoupled in adamw).", minimum=0, live=True)
    clip_norm: float = key(
        0.0, "Scale the player's gradient down to this norm if it is longer; 0 is off.", minimum=0, live=True
    )
    warmup: int = key(0, "Steps over which the learning rate rises from 0.", minimum=0)
    schedule: str = key("constant", "Learning rate over training.", choices=("constant", "linear", "cosine"))
    schedule_start: float = key(0.0, "Fraction of training after which the schedule begins.", minimum=0, below=1)
    schedule_end: float = key(1.0, "Fraction of training at which the schedule ends.", above=0, maximum=1)
    final_lr: float = key(0.0, "Fraction of the learning rate at which the schedule ends.", minimum=0, maximum=1)


LAYOUTS = ("auto", "NHW", "NHWC", "NCHW", "HW", "HWC", "CHW")


@recipe_class
class Data:
    """The data that a recipe trains on, and how they are prepared."""

    name: str = key("digits", "Data set; `ganzoo list datasets` names them.")
    path: str = key("", "Where the data are stored, for data sets that read your own files (folder, npz).")
    second_path: str = key("", "Where the second part is stored, for data sets that read two of your files or folders.")
    kind: str = key("", "Kind of data, for data sets with several kinds (points: ring, grid, swiss-roll, moons).")
    size: Size | None = key(
        None,
        "Pixels on a side, or height,width; none keeps the data set's own (64 for folders).",
        minimum=1,
        maximum=1024,
    )
    channels: int | None = key(
        None, "1 for grey, 3 for RGB, 4 for RGBA; none keeps the data set's own.", minimum=1, maximum=4
    )
    length: int | None = key(
        None, "Samples of a sound, frames of a clip, steps of a series; none keeps the data set's own.", minimum=2
    )
    low: float | None = key(None, "The value that is black, in your own files (folder, npz); 0 if only high is set.")
    high: float | None = key(
        None, "The value that is white, in your own files; none follows from the data set's values."
    )
    layout: str = key("auto", "The axes of your own arrays (npz).", choices=LAYOUTS)
    rate: float | None = key(
        None, "Samples or frames per second of your own sounds and clips; none is the data set's default.", above=0
    )
    held_out: int | None = key(
        None,
        "Number of your own samples to keep out of training, for scores, where there is no test split; none is a "
        "tenth, but 250 to 10,000, and no sample if that is more than a fifth.",
        minimum=0,
    )
    flip: bool = key(False, "Add every image's mirror image to the data set.")
    labels: bool = key(True, "Read the class labels, if there are any.")
    fraction: float = key(
        1.0,
        "Fraction of the training data to keep, always the same samples; held-out data stay whole.",
        above=0,
        maximum=1,
    )
    settings: dict[str, str] = key(
        {}, "Further settings, of data sets that have some; `ganzoo show DATASET` names them."
    )


@recipe_class
class Term:
    """A penalty in a recipe."""

    weight: float = key(1.0, "Factor of the penalty in the loss.", minimum=0, live=True)
    every: int = key(1, "Apply it every N steps, scaled by N (lazy regularisation).", minimum=1)
    options: dict[str, float] = key({}, "Options of the penalty; `ganzoo show PENALTY` names them.", live=True)


@recipe_class
class Schedule:
    """How a key of a recipe changes during training: from its own value, which it has until `start`, to `to`."""

    to: float | None = key(None, "The value that the key ends at.")
    start: float = key(0.0, "Fraction of training after which it begins to change.", minimum=0, below=1)
    end: float = key(1.0, "Fraction of training at which it has changed.", above=0, maximum=1)
    shape: str = key("linear", "How it changes in between.", choices=("linear", "cosine"))

    def done(self, step: int, steps: int) -> float:
        """How much of the change is done in step number `step` of `steps`, counted from 0: 0 to 1."""
        begin, last = self.start * steps, max(self.end * steps - 1, 0)
        if step >= last:
            return 1.0
        if step <= begin:
            return 0.0
        fraction = (step - begin) / (last - begin)
        return fraction if self.shape == "linear" else 0.5 * (1 - math.cos(math.pi * fraction))


@recipe_class
class Recipe:
    """The science of a run. A variant adds fields by subclassing; one Optimiser per player, named after the player."""

    data: Data = key(Data(), "The data set.")
    steps: int = key(2000, "Steps to train for; one step is one generator update.", minimum=1)
    batch: int = key(64, "Samples per update, over all devices.", minimum=1)
    accumulate: int = key(1, "Parts that a batch is split into, to save memory.", minimum=1)
    seed: int = key(0, "Seed of weights, data order, latents and samples.", minimum=0, below=2**31)
    ema: float = key(
        0.999,
        "Decay per step of the averaged generator that samples are drawn from; 0 is off.",
        minimum=0,
        below=1,
        live=True,
    )
    schedules: dict[str, Schedule] = key({}, "Keys that change during training, by name: their end values and times.")
    freeze: tuple[str, ...] = key((), "Weights that do not learn: patterns of PLAYER.NAME, as in d.blocks.0.*.")

    @property
    def averaged(self) -> bool:
        """Whether averaged weights are kept."""
        return self.ema > 0 or "ema" in self.schedules

    def images_per_step(self) -> int:
        """Real images shown to the discriminator in a step, by which `--epochs` counts."""
        return self.batch

    def optimiser(self, player: str) -> Optimiser:
        """How a player learns. Raises AttributeError if the recipe has no field of that name."""
        settings: Optimiser = getattr(self, player)
        return settings


@recipe_class
class TwoPlayerRecipe(Recipe):
    """One generator against one discriminator: players `g` and `d`."""

    g: Optimiser = key(Optimiser(), "The generator's optimiser.")
    d: Optimiser = key(Optimiser(), "The discriminator's optimiser.")
    latent: int = key(100, "Dimensions of the latent vector z.", minimum=1)
    latent_distribution: str = key("normal", "Distribution of z; uniform is on [-1, 1].", choices=("normal", "uniform"))
    loss: str = key("non-saturating", "Adversarial loss; `ganzoo list losses` names them.")
    loss_options: dict[str, float] = key({}, "Options of the loss; `ganzoo show LOSS` names them.", live=True)
    penalties: dict[str, Term] = key({}, "Penalties on D by name; `ganzoo list penalties` names them.")
    lazy_correction: bool = key(
        False,
        "With lazy penalties, multiply D's learning rate by k / (k + 1) and raise its betas to that power "
        "(Karras et al. 2020, appendix B).",
    )
    augment: str | None = key(None, "Augmentation of all that D sees; `ganzoo list augmentations` names them.")
    augment_options: dict[str, float] = key(
        {}, "Options of the augmentation; `ganzoo show AUGMENTATION` names them.", live=True
    )
    n_critic: int = key(1, "Discriminator updates per step.", minimum=1)
    g_batch: int | None = key(None, "Samples in a generator update; none is as many as in batch.", minimum=1)
    clip: float = key(
        0.0, "Clip every discriminator weight to [-clip, clip] after its update; 0 is off.", minimum=0, live=True
    )
    spectral_norm: bool = key(False, "Spectral normalisation of the discriminator's layers.")

    def images_per_step(self) -> int:
        return self.batch * self.n_critic

    def optimiser(self, player: str) -> Optimiser:
        settings = super().optimiser(player)
        lazy = sum(1 / term.every for term in self.penalties.values() if term.every > 1)
        if player != "d" or not lazy or not self.lazy_correction:
            return settings
        # With one penalty every k steps this is Karras's k / (k + 1).
        factor = 1 / (1 + lazy)
        first, second = settings.betas
        return dataclasses.replace(settings, lr=factor * settings.lr, betas=(first**factor, second**factor))


R = TypeVar("R", bound=Recipe)


def at_step(recipe: R, step: int, steps: int) -> R:
    """The recipe with the values that its schedules give in step number `step` of `steps`, counted from 0.

    `ema` changes in its half-life, so that a decay from 0 to 0.999 averages over ever more steps; all others change
    linearly in their value, apart from the schedule's shape.
    """
    for name, schedule in recipe.schedules.items():
        path, done = name.split("."), schedule.done(step, steps)
        value, to = value_at(recipe, path), schedule.to
        assert to is not None
        recipe = with_value(recipe, path, _decay(value, to, done) if path == ["ema"] else value + (to - value) * done)
    return recipe


def _decay(before: float, after: float, done: float) -> float:
    """The decay whose half-life is that fraction of the way between those of two decays."""
    lives = [-1 / math.log2(decay) if decay > 0 else 0.0 for decay in (before, after)]
    life = lives[0] + (lives[1] - lives[0]) * done
    return 2 ** (-1 / life) if life > 0 else 0.0


def value_at(value: Any, path: Sequence[str]) -> Any:
    """The value at a path of names, and of indices within tuples, in nested recipes, dicts and tuples."""
    for name in path:
        if isinstance(value, tuple):
            value = value[int(name)]
        else:
            value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value


def with_value(value: Any, path: Sequence[str], new: Any) -> Any:
    """A copy of such a recipe with another value at a path."""
    if not path:
        return new
    name, rest = path[0], path[1:]
    if isinstance(value, tuple):
        at = int(name)
        return (*value[:at], with_value(value[at], rest, new), *value[at + 1 :])
    if isinstance(value, Mapping):
        return {**value, name: with_value(value[name], rest, new)}
    return dataclasses.replace(value, **{name: with_value(getattr(value, name), rest, new)})


def live_keys(value: Any, prefix: str = "") -> Iterator[str]:
    """The keys of numbers in a recipe that may have a schedule."""
    for each in dataclasses.fields(value):
        path, inner = prefix + each.name, getattr(value, each.name)
        if dataclasses.is_dataclass(inner):
            yield from live_keys(inner, path + ".")
        elif isinstance(inner, Mapping) and all(map(dataclasses.is_dataclass, inner.values())):
            for name, part in inner.items():
                yield from live_keys(part, f"{path}.{name}.")
        elif not each.metadata.get("live"):
            continue
        elif isinstance(inner, Mapping):
            yield from (f"{path}.{name}" for name in inner)
        elif isinstance(inner, tuple):
            yield from (f"{path}.{number}" for number in range(len(inner)))
        elif isinstance(inner, float):
            yield path


@recipe_class
class RunOptions:
    """How a run is executed: no option changes what is learnt, up to rounding.

    One exception: with several devices, batch normalisation is over each device's samples unless sync_batch_norm is on.
    """

    out: str | None = key(None, "Run folder [default: runs/NAME-DATASET-1, -2, ...].")
    device: str = key("auto", "auto, cpu, cuda, cuda:1 or mps [default: auto].")
    devices: int = key(1, "Devices on each machine [default: 1].", minimum=1)
    nodes: int = key(1, "Machines [default: 1].", minimum=1)
    precision: str = key(
        "auto",
        "Arithmetic [default: auto: tf32 on a GPU; on a CPU bf16 if that is faster and learns as well, else fp32].",
        choices=("auto", "fp32", "tf32", "bf16"),
    )
    compile: bool = key(False, "Compile the networks with torch.compile.")
    capture: bool = key(True, "Replay phases as CUDA graphs on a GPU [default: yes].")
    sync_batch_norm: bool = key(False, "Batch normalisation over the samples of all devices [default: of each].")
    data_root: str | None = key(None, "Where data sets are stored, or downloaded to.")
    recorded_root: str | None = key(None, "Where a run found its data before; only read, never downloaded to.")
    log_every: int = key(20, "Log every N steps [default: 20].", minimum=1)
    sample_every: int | None = key(None, "Draw samples every N steps [default: 20 times in a run].", minimum=1)
    save_every: int | None = key(None, "Save a checkpoint every N steps [default: 10 times in a run].", minimum=1)
    eval_every: int | None = key(None, "Score every N steps; keep the best state.", minimum=1)
    early_stop: str | None = key(
        None, "Stop when a score has not improved for so many evaluations, as METRIC:PATIENCE (fd:5)."
    )
    keep: int = key(2, "Number of newest checkpoints to keep [default: 2].", minimum=1)
    on_nonfinite: str = key(
        "stop",
        "At a loss or gradient that is not finite: stop, or skip the update [default: stop].",
        choices=("stop", "skip"),
    )
    loggers: tuple[str, ...] = key((), "Also log to tensorboard or wandb.")
    progress: bool = key(True, "Show a progress bar.")
    scores: bool = key(True, "Score the samples at the end [default: yes].")
    metrics: str | None = key(None, "Names from `ganzoo list metrics`, to score by [default: the fast ones].")


@dataclass(frozen=True)
class DataSpec:
    """What a variant knows about the data when it builds its networks.

    shape: of one sample without the batch axis, `(C, H, W)` for images, `(D,)` for points.
    range: lowest and highest value of samples; None if unbounded.
    classes: number of classes; 0 if there are no labels.
    inputs: what each sample comes with besides its label, by name: the sketch of an image, its low resolution. A batch
    has a tensor of that name.
    note: whatever else the data set's plugin has to know again when a run is opened (a vocabulary, columns, a sampling
    rate), in the types of JSON.
    """

    name: str
    modality: str
    shape: tuple[int, ...]
    classes: int = 0
    class_names: tuple[str, ...] = ()
    range: tuple[float, float] | None = (-1.0, 1.0)
    inputs: Mapping[str, DataSpec] = field(default_factory=dict)
    note: Mapping[str, Any] = field(default_factory=dict)
