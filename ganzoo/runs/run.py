"""A run: the folder that training writes."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.evaluation.score_files import read_scores
from ganzoo.files import checkpoint
from ganzoo.files.records import read_records
from ganzoo.files.typed import typed_path
from ganzoo.game import GAN, has_latent
from ganzoo.machine import cluster
from ganzoo.machine.facts import hardware, versions
from ganzoo.machine.seeds import mixed_seed
from ganzoo.machine.threads import require_no_other_training
from ganzoo.recipes import DataSpec, Recipe, RunOptions, to_dict
from ganzoo.runs import trust
from ganzoo.runs.classes import Labels, as_numbers, drawn
from ganzoo.runs.directions import Directions, find_directions
from ganzoo.runs.exploring import Explorer
from ganzoo.runs.folders import require_new
from ganzoo.runs.inputs import inputs_from, targets_of
from ganzoo.runs.reading import FORMAT, LOGGED, Evaluated, Hinted, Measured, read_data, read_info, read_recipe
from ganzoo.runs.sampling import build_at, class_numbers, draw_for, on_host
from ganzoo.runs.showing import run_html, run_line
from ganzoo.runs.source import own_data
from ganzoo.runs.state import State, state_of
from ganzoo.runs.walks import along, between
from ganzoo.specs import Variant
from ganzoo.training import restoring
from ganzoo.zoo import provenance, registry
from ganzoo.zoo.datasets import load_data
from ganzoo.zoo.zoo import current_zoo

log = logging.getLogger(__name__)


class Run:
    """A run folder. `Run.open(path)`, or `ganzoo.load(path)`, opens one that exists.

    recipe.json        variant, plugin, recipe, data, versions, hardware
    metrics.jsonl      one line per logged step           hints.jsonl       problems found in training, if any
    samples/           sample sheets over time            samples.png       the last one
    reals.png          samples that are trained on
    losses.png         every logged term                  training.gif      the sheets as an animation
    checkpoints/       the newest states, best/ the best  scores.json       the scores at the end
    evaluations.jsonl  the scores during training         scores-best.json  those of the best state
    """

    def __init__(
        self,
        path: Path,
        info: dict[str, Any],
        *,
        options: Mapping[str, Any] | None = None,
        at_best: bool = False,
        is_raw: bool = False,
    ) -> None:
        self.path, self.info, self.at_best, self.is_raw = path, info, at_best, is_raw
        # Options given to this process are trusted; recipe.json may come from anyone.
        self._given = dict(options or {})

    def __repr__(self) -> str:
        return run_line(self.path, self.info)

    def _repr_html_(self) -> str:
        return run_html(self.path, self.info, self.scores_file)

    @classmethod
    def create(
        cls,
        path: Path,
        variant: Variant,
        recipe_name: str,
        recipe: Recipe,
        data: DataSpec,
        options: RunOptions,
        source: dict[str, Any] | None = None,
        initialised: dict[str, Any] | None = None,
    ) -> Run:
        """Create the folder with its recipe.json; GanzooError if it exists and is not empty, or cannot be created.

        source: of the user's own data, see `ganzoo.runs.source`. initialised: from which weights it starts, see
        `ganzoo.runs.initial`.
        """
        require_new(path)
        root = options.data_root
        info = {
            "format": FORMAT,
            "variant": variant.name,
            "recipe_name": recipe_name,
            "plugin": provenance.origin(current_zoo().owner("variants", variant.name)),
            "uses": provenance.used(variant, recipe),
            "recipe": to_dict(recipe),
            "data": dataclasses.asdict(data),
            **({} if source is None else {"source": source}),
            **({} if initialised is None else {"initialised": initialised}),
            # The same folder, wherever the run is resumed from.
            "options": dataclasses.asdict(options) | {"data_root": root and str(typed_path(root).absolute())},
            "versions": versions(),
            "hardware": hardware(),
            **({"job": cluster.job()} if cluster.job() else {}),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        run = cls(path, info, options={"data_root": options.data_root})
        run.write_info()
        return run

    @classmethod
    def open(cls, path: str | Path, **options: Any) -> Run:
        """Open a run folder; GanzooError if it is none, its recipe.json is damaged, or a link leads out of it.

        options: fields of RunOptions that replace the recorded ones.
        """
        path = typed_path(path)
        file = path / "recipe.json"
        if not file.is_file():
            here = "does not exist" if not path.exists() else "has no recipe.json"
            raise GanzooError(f"{path} is not a run folder: it {here}. Runs are created by `ganzoo train`.")
        trust.check_links(path)
        return cls(path, read_info(file), options=options)

    def write_info(self) -> None:
        """Write recipe.json."""
        content = json.dumps(self.info, indent=2) + "\n"
        try:
            checkpoint.write_atomically(self.path / "recipe.json", content.encode())
        except OSError as error:
            raise GanzooError(
                f"cannot write to {self.path}: {error.strerror}; choose another folder with --out."
            ) from error

    @cached_property
    def variant(self) -> Variant:
        """The variant; GanzooError naming the package to install if it, its loss or a penalty is not installed."""
        provenance.require(self.path, self.info)
        return registry.variants().find(self.info["variant"])

    @cached_property
    def recipe(self) -> Recipe:
        """The complete recipe of the run."""
        return read_recipe(self.variant, self.info, self.path)

    @cached_property
    def data(self) -> DataSpec:
        """What the training data looked like."""
        return read_data(self.info, self.path / "recipe.json")

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints" / "best" if self.at_best else self.path / "checkpoints"

    def best(self) -> Run:
        """The run at the state that `--eval-every` found best; GanzooError if none was saved."""
        run = Run(self.path, self.info, options=self._given, at_best=True, is_raw=self.is_raw)
        if not any(run.checkpoints.glob("step-*.pt")):
            raise GanzooError(f"{self.path} has no best state: train or resume it with --eval-every N.")
        return run

    def raw(self) -> Run:
        """The run with its weights as trained, without the averaged ones; GanzooError if it keeps no averages."""
        if not len(self.gan.averages):
            raise GanzooError(f"{self.path} keeps no averaged weights, so these are the raw ones: leave --raw out.")
        return Run(self.path, self.info, options=self._given, at_best=self.at_best, is_raw=True)

    @property
    def gan(self) -> GAN:
        """The trained game from the newest intact checkpoint (or the best one), on the CPU."""
        return self._trained[0]

    @property
    def step(self) -> int:
        """The step of that checkpoint."""
        return self._trained[1]

    def digest(self) -> str:
        """The SHA-256 of that checkpoint, which identifies its weights."""
        return checkpoint.digest(self.checkpoints / checkpoint.file_name(self.step))

    @cached_property
    def _trained(self) -> tuple[GAN, int]:
        path, state, problems = checkpoint.newest(self.checkpoints)
        for problem in problems:
            log.warning("%s Using %s.", problem, path.name)
        wrong = GanzooError(f"{path} does not fit the networks of {self.info['variant']!r} as installed here.")
        try:
            step = restoring.steps_done(state)
        except ValueError as error:
            raise wrong from error
        gan = build_at(self.variant, self.recipe, self.data, step)
        try:
            restoring.load_weights(gan, state)
        except ValueError as error:
            raise wrong from error
        if self.is_raw:
            gan.averages.clear()
        return gan.eval(), step

    def labels(self, n: int, labels: Labels) -> Tensor | None:
        """Class numbers `[n]` for `labels` as in `ganzoo.runs.sampling.Draw`; None if the variant is not conditional.

        A class may also be given by its name. Raises GanzooError for labels of a variant that is not conditional, an
        unknown name, and a number out of range.
        """
        return class_numbers(self.gan, self.info["variant"], n, as_numbers(labels, drawn(self.gan, self.data)))

    def sample(
        self,
        n: int = 64,
        labels: Labels = None,
        *,
        seed: int = 0,
        truncation: float | None = None,
        averaged: bool = True,
        device: torch.device | None = None,
        given: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Draw samples `[n, *shape]`, on the CPU, in the data's range (images: [-1, 1]).

        The arguments are the fields of `ganzoo.runs.sampling.Draw`; labels may also be names of classes. Without
        `given`, a game with inputs takes those of `held_out_inputs`. Raises GanzooError for a value that is not
        allowed, for labels that are not classes of the variant, and for a truncation if it has no latent vectors.
        """
        given = self.held_out_inputs(n) if given is None else given
        return draw_for(
            self.gan,
            self.info["variant"],
            self.data,
            n,
            labels,
            seed=seed,
            truncation=truncation,
            averaged=averaged,
            device=device,
            given=given,
        )

    def held_out_inputs(self, n: int) -> dict[str, Tensor]:
        """The inputs of the first `n` held-out samples of the run's data; {} for a game without inputs.

        Raises GanzooError if the data cannot be read.
        """
        return inputs_from(self._held_out(), self.gan, n) if self.gan.inputs else {}

    def held_out_targets(self, n: int) -> Tensor | None:
        """The samples that belong to these inputs; None if the variant has no inputs, or none belong to them."""
        return targets_of(self._held_out(), self.gan, n, spread=False) if self.gan.inputs else None

    def _held_out(self) -> Dataset:
        data, options = own_data(self), RunOptions(**self.options())
        try:
            return load_data(data, options, "test")
        except GanzooError:
            return load_data(data, options)

    def interpolate(self, rows: int = 8, columns: int = 8, labels: Labels = None, *, seed: int = 0) -> Tensor:
        """Interpolations between pairs of latents, `[rows * columns, *shape]`: one pair per row, drawn with `seed`.

        Spherical for normal latents (White 2016, https://arxiv.org/abs/1609.04468, section 2), linear for uniform ones,
        which stay in their cube. labels: as in `ganzoo.runs.sampling.Draw`, one per row. Raises GanzooError if the
        variant has no latent vectors, and for labels that are not classes of it.
        """
        return self._rows(lambda gan: between(gan, rows, columns), "to interpolate between", rows, labels, seed)

    def vary(self, coordinate: int, rows: int = 8, columns: int = 8, labels: Labels = None, *, seed: int = 0) -> Tensor:
        """Samples whose latents differ in one coordinate along each row, `[rows * columns, *shape]`.

        It rises from -2 to 2 (uniform latents: from -1 to 1), which shows what a code of InfoGAN does. coordinate:
        counted from 0. The other arguments and the errors are those of `interpolate`; GanzooError for a coordinate that
        the latents do not have.
        """
        return self._rows(lambda gan: along(gan, coordinate, rows, columns), "to vary", rows, labels, seed)

    def directions(self, count: int = 5, method: str = "sefa") -> Directions:
        """Directions in latent space along which samples change most; their `vectors` are `[count, latent]`.

        method: "sefa" or "pca". Sources and errors are those of `ganzoo.runs.directions.find_directions`.
        """
        return find_directions(self.gan, self.info["variant"], count, method)

    def explorer(self) -> Explorer | None:
        """The latent space of the trained generator; None for a game without one."""
        return Explorer(self.gan, self.data, self.info["variant"]) if has_latent(self.gan) else None

    def _rows(self, drawn: Callable[[Any], Tensor], what: str, rows: int, labels: Labels, seed: int) -> Tensor:
        """Samples from the latents `[rows, columns, latent]` that `drawn` returns for the game: a label per row."""
        gan: Any = self.gan
        if not has_latent(gan):
            raise GanzooError(f"{self.info['variant']!r} has no latent vectors {what}.")
        require_no_other_training()
        y = self.labels(rows, labels)
        with gan.for_sampling(), torch.random.fork_rng():
            torch.manual_seed(mixed_seed("walk", seed))
            z = drawn(gan)
            y = None if y is None else y.repeat_interleave(z.shape[1])
            return on_host(gan.generate(z.flatten(0, 1), y), self.data.range)

    def metrics(self) -> list[dict[str, float]]:
        """The logged terms, oldest first; damaged lines are left out."""
        return read_records(self.path / "metrics.jsonl", *LOGGED)

    def evaluations(self) -> list[dict[str, Any]]:
        """The scores during training, oldest first; damaged lines are left out."""
        return read_records(self.path / "evaluations.jsonl", Evaluated)

    @property
    def scores_file(self) -> Path:
        """scores.json, or scores-best.json of a run at its best state."""
        return self.path / ("scores-best.json" if self.at_best else "scores.json")

    def new_pictures(self, stem: str) -> Iterator[Path]:
        """Names of pictures in the folder: `STEM-1.png`, `STEM-2.png` and so on."""
        return (self.path / f"{stem}-{number}.png" for number in itertools.count(1))

    @property
    def neighbours_file(self) -> Path:
        """neighbours.png, or neighbours-best.png of a run at its best state."""
        return self.path / ("neighbours-best.png" if self.at_best else "neighbours.png")

    def state(self) -> State:
        """How far it is, and whether it is "running", "finished", "stopped" or "failed"."""
        return state_of(self.path, self.info)

    def hints(self) -> list[dict[str, Any]]:
        """What the diagnosis found during training, oldest first: step, name, hint, values."""
        return read_records(self.path / "hints.jsonl", Hinted)

    def measurements(self) -> list[dict[str, Any]]:
        """What the diagnosis measured during training, oldest first: step, and numbers such as variety (0 to 1)."""
        return read_records(self.path / "diagnosis.jsonl", Measured)

    @property
    def scores(self) -> dict[str, Any] | None:
        """The content of `scores_file`, or None if it does not exist yet. GanzooError if it is damaged."""
        return read_scores(self.scores_file)

    def options(self, **given: Any) -> dict[str, Any]:
        """The run options to resume with: the recorded ones that can be trusted, overridden by those given."""
        return trust.recorded_options(self.path / "recipe.json", self.info) | self._given | given
