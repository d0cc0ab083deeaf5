"""What is going to be trained: a variant, a complete recipe and the run options, before anything is trained."""

from __future__ import annotations

import dataclasses
import html
import logging
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from ganzoo.api.precision import with_precision
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, IncompatibleData, printable
from ganzoo.evaluation.scoring import select_metrics
from ganzoo.files.atomic import write_atomically
from ganzoo.files.typed import typed_path
from ganzoo.game import GAN
from ganzoo.machine.cluster import is_first_process
from ganzoo.machine.fabric import SingleDevice
from ganzoo.machine.launch import choose_device
from ganzoo.pictures.tables import ScoreTable
from ganzoo.recipes import Data, DataSpec, Optimiser, Recipe, RunOptions
from ganzoo.runs import initial
from ganzoo.runs.callbacks.loggers import check_logger
from ganzoo.runs.callbacks.stopping import early_stop
from ganzoo.runs.changes import describe_recorded
from ganzoo.runs.initial import Init, Initialised
from ganzoo.runs.reference import make_request
from ganzoo.runs.run import Run
from ganzoo.specs import Variant
from ganzoo.training.frozen import frozen_weights
from ganzoo.training.trainer import Trainer
from ganzoo.zoo import config, registry
from ganzoo.zoo.datasets import parse_dataset
from ganzoo.zoo.making import make_game
from ganzoo.zoo.recipe_files import read_file

log = logging.getLogger(__name__)

SHOWN = 5
SHOWN_CLASSES = 20
ENOUGH = 5.0
"""Seconds after which an estimate plays no further step."""

SKIPPED = "skipped.txt"


@dataclass(frozen=True)
class Plan:
    """What is going to be trained, and how: a variant, a complete recipe, and the run options."""

    variant: Variant
    recipe_name: str
    recipe: Recipe
    options: RunOptions
    epochs: float | None = None
    init: Init | None = None

    @property
    def run_name(self) -> str:
        """`variant-data`, by which run folders are numbered; of the user's own data, the name of the file or folder."""
        data = self.recipe.data
        # The value of some data sets' path is no file: one-class:digits:0,1. (Path.exists would raise for some.)
        exists = bool(data.path) and os.path.exists(os.path.expanduser(data.path))  # noqa: PTH110, PTH111
        own = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(data.path).stem).strip("-.") if exists else ""
        return f"{self.variant.name}-{own or data.name}"

    @property
    def title(self) -> str:
        """`variant.recipe on data`."""
        kind = f" ({self.recipe.data.kind})" if self.recipe.data.kind else ""
        return f"{self.variant.name}.{self.recipe_name} on {self.recipe.data.name}{kind}"

    def __repr__(self) -> str:
        changed = [f"{key}={value}" for key, value, own in self.keys() if own is not None]
        return printable(f"<Plan {self.title}: {', '.join(changed) or 'the recipe as it is'}>")

    def _repr_html_(self) -> str:
        full = self.table()
        changed = [row for row, (_, _, own) in zip(full.rows, self.keys(), strict=True) if own is not None]
        short = replace(full, rows=changed, best=frozenset()).html() if changed else html.escape(self.title)
        everything = replace(full, title="").html()
        return f"{short}<details><summary>all {len(full.rows)} keys</summary>{everything}</details>"

    def keys(self) -> list[tuple[str, str, str | None]]:
        """Every recipe key with its value, and its value in the variant's own recipe if that differs; None if not."""
        own = {key.path: config.value_text(key.value) for key in config.keys(self.variant.recipes[self.recipe_name])}
        found = []
        for key in config.keys(self.recipe):
            value = config.value_text(key.value)
            usual = own.get(key.path, "")
            found.append((key.path, value, None if value == usual else usual))
        return found

    def table(self) -> ScoreTable:
        """Every recipe key; values that differ from the variant's own recipe are marked, beside those of it."""
        rows = [[key, value, own or ""] for key, value, own in self.keys()]
        marked = frozenset((number, 1) for number, (_, _, own) in enumerate(self.keys()) if own is not None)
        return ScoreTable(self.title, ["key", "value", f"in {self.variant.name}.{self.recipe_name}"], rows, 3, marked)


def plan(
    variant: str = "dcgan",
    *,
    dataset: str | os.PathLike[str] | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    seed: int | None = None,
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    set: Mapping[str, Any] | None = None,
    init_from: str | os.PathLike[str] | Run | None = None,
    init_players: Sequence[str] | str = (),
    init_raw: bool = False,
    **options: Any,
) -> Plan:
    """Determine what `train` would do. Reads no data and writes nothing; raises GanzooError for anything unknown.

    variant: `NAME` or `NAME.RECIPE`. dataset: a data set's name, `NAME:ARGUMENT`, a folder of images, or a .npz file.
    recipe: a Recipe in place of the variant's, or keys that override it: a mapping or a file. set: keys that override
    all of these.
    init_from: a run, a checkpoint or an exported generator whose weights training starts from: the averaged ones, or
    with init_raw those as trained. init_players: names of the players to initialise, by default all that it has.
    options: fields of RunOptions.
    """
    if steps is not None and epochs is not None:
        raise GanzooError("give either steps or epochs, not both.")
    if epochs is not None and not 0 < epochs < math.inf:
        raise GanzooError(f"epochs must be a number above 0, not {epochs:g}.")
    found, name, base = registry.find_recipe(variant)
    data = {} if dataset is None else parse_dataset(dataset, found.modalities)
    if data:
        found, name, base = registry.find_recipe(variant, data["name"])
    if isinstance(recipe, Recipe):
        if not isinstance(recipe, type(base)):
            raise GanzooError(f"{found.name} takes a {type(base).__name__}, not a {type(recipe).__name__}.")
        base = recipe
    elif recipe is not None:
        values = read_file(recipe) if isinstance(recipe, (str, Path)) else recipe
        if isinstance(recipe, (str, Path)):
            warn_of_differences(Path(recipe), init_from is not None)
        base = config.override(base, values)
    if data and data["name"] != base.data.name:
        base = dataclasses.replace(base, data=for_another_data_set(base.data))
    base = config.override(base, {f"data.{key}": value for key, value in data.items()})
    given = {"steps": steps, "seed": seed}
    base = config.override(base, {key: value for key, value in given.items() if value is not None})
    base = config.override(base, set or {})
    config.check_choices(found, found.recipes[name], base)
    made = make_options(**options)
    check_options(made, registry.datasets().find(base.data.name).modality)
    return Plan(found, name, base, made, epochs, make_init(init_from, init_players, init_raw))


def for_another_data_set(data: Data) -> Data:
    """The data keys of a recipe that stay if it is trained on another data set."""
    return Data(size=data.size, flip=data.flip, labels=data.labels, fraction=data.fraction)


def check_options(options: RunOptions, modality: str) -> None:
    """Raise GanzooError for a logger that is missing, and for scores that such data do not have."""
    for logger in options.loggers:
        check_logger(logger)
    early_stop(options, modality)
    if options.metrics is not None:
        select_metrics(registry.metrics().values(), make_request(options.metrics).metrics, modality)


def make_init(source: str | os.PathLike[str] | Run | None, players: Sequence[str] | str, raw: bool) -> Init | None:
    """What training starts from, or None; GanzooError for options that mean nothing without a source."""
    if source is None:
        if players or raw:
            raise GanzooError(f"{'--init-players' if players else '--init-raw'} needs --init-from RUN or FILE.")
        return None
    if isinstance(source, Run):
        text = f"{source.path}{initial.BEST if source.at_best else ''}"
    else:
        text = os.fspath(source)
    names = players.split(",") if isinstance(players, str) else players
    return Init(text, tuple(name.strip() for name in names if name.strip()), raw)


def warn_of_differences(recipe: Path, initialised: bool) -> None:
    """Log, on the first rank, what a run's recipe does not repeat of it: changes on the way, and the initial weights.

    initialised: whether weights to start from were named.
    """
    if is_first_process() is False:
        return
    source = "" if initialised else initial.describe_recorded(recipe)
    if source:
        log.warning("%s started from the weights of %s: add --init-from to repeat that.", recipe, source)
    changed = describe_recorded(recipe)
    if changed:
        log.warning(
            "%s was changed on the way (%s): its last recipe is used from the first step, so this does not repeat that "
            "run.",
            recipe,
            changed,
        )


def make_options(**options: Any) -> RunOptions:
    """RunOptions from keywords; GanzooError for an unknown one, a wrong type, a value out of range or no path."""
    made = config.make(RunOptions, options, "option")
    for path in (made.out, made.data_root):
        if path is not None:
            typed_path(path)
    return made


def build(plan: Plan, data: DataSpec) -> GAN:
    """The game of a plan, with weights initialised from the recipe's seed.

    Raises GanzooError if the variant cannot be trained on such data.
    """
    variant, recipe = plan.variant, plan.recipe
    if data.modality not in variant.modalities:
        takes = " and ".join(variant.modalities)
        raise IncompatibleData(f"{variant.name} takes {takes} data, and {data.name} is {data.modality} data.")
    if variant.needs_labels and not data.classes:
        why = "data.labels is off" if not recipe.data.labels else f"{data.name} has none"
        raise IncompatibleData(
            f"{variant.name} needs class labels, and {why}: choose labelled data, or an unconditional variant."
        )
    missing = [name for name in variant.inputs if name not in data.inputs]
    if missing:
        has = f"has only {', '.join(data.inputs)}" if data.inputs else "has none"
        raise IncompatibleData(
            f"{variant.name} needs data with the input {' and '.join(missing)}, and {data.name} {has}: "
            "choose data that come with it."
        )
    if plan.options.compile and not variant.compiles:
        raise GanzooError(f"{variant.name} does not support torch.compile: leave --compile out.")
    torch.manual_seed(recipe.seed)
    gan = make_game(variant, recipe, data)
    for player in gan.players:
        if not isinstance(getattr(recipe, player, None), Optimiser):
            raise GanzooError(f"{variant.name}: the recipe needs an Optimiser named after the player, {player!r}.")
    frozen_weights(gan, recipe.freeze)
    return gan


def initialise(plan: Plan, gan: GAN) -> Initialised | None:
    """Give a game the weights that its plan starts from; None if these are the random ones that it has."""
    return None if plan.init is None else initial.initialise(gan, plan.init)


def with_steps(plan: Plan, dataset: Dataset) -> Plan:
    """The plan with its epochs converted to steps."""
    if plan.epochs is None:
        return plan
    steps = math.ceil(plan.epochs * len(dataset) / plan.recipe.images_per_step())
    return dataclasses.replace(plan, recipe=config.override(plan.recipe, {"steps": steps}), epochs=None)


def describe_networks(gan: GAN) -> str:
    """One line: each player's number of weights."""
    counts = {name: sum(p.numel() for p in player.parameters()) for name, player in gan.players.items()}
    return "networks: " + ", ".join(f"{name} {count:,} weights" for name, count in counts.items())


def advice_on_ranks(options: RunOptions, device: str) -> list[str]:
    """A line for a run with several ranks on the cores of a machine, which threads use better (docs/scaling.md)."""
    if device != "cpu" or options.devices < 2:
        return []
    return [f"note: {options.devices} ranks on the cores of one machine are slower than threads: leave --devices out"]


def describe_data(dataset: Dataset, run: Path | None = None) -> list[str]:
    """What was read, the classes, and which files could not be read.

    Of the files the first few are named, with the file in the `run` folder that lists all of them.
    """
    shape = "x".join(str(n) for n in dataset.spec.shape)
    classes = f", {dataset.spec.classes} classes" if dataset.spec.classes else ""
    lines = [f"data: {dataset.count:,} samples of {shape}{classes}", *_describe_classes(dataset)]
    lines += [f"{dataset.spec.name}: {printable(note)}" for note in dataset.notes]
    all_in = f" (all of them in {run / SKIPPED})" if run is not None else ""
    return lines + [line + all_in for line in describe_skipped(dataset)]


def _describe_classes(dataset: Dataset) -> list[str]:
    """A line with the number of samples of each class, by its name or number: of many, the first ones."""
    spec, y = dataset.spec, dataset.arrays.get("y")
    if not spec.classes or y is None:
        return []
    counts = torch.as_tensor(y).cpu().bincount(minlength=spec.classes).tolist()
    names = [printable(name) for name in spec.class_names] or [str(number) for number in range(spec.classes)]
    shown = [f"{name} {count:,}" for name, count in zip(names, counts, strict=False)][:SHOWN_CLASSES]
    more = f" and {spec.classes - len(shown)} more" if spec.classes > len(shown) else ""
    return [f"classes: {', '.join(shown)}{more}"]


def describe_skipped(dataset: Dataset) -> list[str]:
    """A line on the files that could not be read, with the first few of them and why; nothing without any."""
    if not dataset.skipped:
        return []
    rows = list(zip_longest(dataset.skipped[:SHOWN], dataset.reasons[:SHOWN], fillvalue=""))
    shown = ", ".join(f"{name} ({reason})" if reason else name for name, reason in rows)
    more = ", ..." if len(dataset.skipped) > SHOWN else ""
    n = len(dataset.skipped)
    return [f"skipped {n} file{'s' * (n != 1)} that could not be read: {printable(shown)}{more}"]


def write_skipped(dataset: Dataset, run: Path) -> None:
    """List the files that could not be read in skipped.txt in the `run` folder; nothing without any.

    Each has a line: its name, a tab, and the reason.
    """
    if dataset.skipped:
        rows = zip_longest(dataset.skipped, dataset.reasons, fillvalue="")
        lines = "".join("\t".join(printable(part) for part in row if part) + "\n" for row in rows)
        write_atomically(run / SKIPPED, lines.encode())


def estimate(plan: Plan, dataset: Dataset, steps: int = 6) -> float:
    """Seconds that training would take in all, from a few steps with networks that are then discarded.

    steps: how many to measure; fewer if they take more than 5 seconds.
    """
    options = with_precision(plan.options, plan.variant, plan.recipe_name)
    fabric = SingleDevice(choose_device(options.device), options.precision == "bf16")
    trainer = Trainer(build(plan, dataset.spec), dataset, plan.recipe, fabric)
    trainer.play_step()
    played, start = 0, time.perf_counter()
    while played == 0 or (played < steps and time.perf_counter() - start < ENOUGH):
        trainer.play_step()
        played += 1
    trainer.read_log()
    seconds = (time.perf_counter() - start) / played
    # Later levels of a growing game cost more than the first, in which these steps were.
    course = trainer.course
    return seconds * course.cost(plan.recipe.steps) / course.levels[0].cost
