"""A training run that is played by hand: step by step, one player at a time, changed midway, taken back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch

from ganzoo.api import replaying
from ganzoo.api.execution import begin, build_within_memory, load_dataset, make_callbacks, make_trainer
from ganzoo.api.failures import explain_failures
from ganzoo.api.planning import Plan, initialise, make_options, plan, with_steps
from ganzoo.api.resume import newest_state, remove_leftovers
from ganzoo.api.train import create
from ganzoo.callbacks import Callback
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, TrainingError, unknown
from ganzoo.files import checkpoint
from ganzoo.files.lock import Lock
from ganzoo.files.typed import typed_path
from ganzoo.game import GAN, Phase, has_latent
from ganzoo.machine.launch import launch
from ganzoo.machine.threads import only_training_run
from ganzoo.recipes import DataSpec, Recipe, RunOptions, to_dict
from ganzoo.runs import changes, initial, plane, source
from ganzoo.runs.callbacks import sheets
from ganzoo.runs.callbacks.diagnosis import hint_on_nonfinite, measure_every
from ganzoo.runs.callbacks.symptoms import suggestions_in
from ganzoo.runs.exploring import Explorer
from ganzoo.runs.folders import claim, require_new
from ganzoo.runs.plane import Plane
from ganzoo.runs.run import Run
from ganzoo.training.capture import side_stream
from ganzoo.zoo import config, provenance


class Snapshot(NamedTuple):
    """What there is to see at a step: the terms that were logged last, a picture, and lines of text.

    picture: a PIL image; None for data without one. lines: None unless the data are text.
    """

    step: int
    log: dict[str, float]
    picture: Any
    lines: list[str] | None


class Session:
    """A training run under the caller's control, in a run folder like any other, which `ganzoo resume` can continue.

    >>> with Session(ganzoo.plan("vanilla", dataset="points")) as session:
    ...     session.play_step(200)
    ...     session.change({"g.lr": 1e-4})
    ...     session.play_phase("d")
    ...     session.snapshot().picture.save("points.png")

    It trains on one device, in the thread that calls it. Only `play_step` and `play_phase` train. What has a seed
    depends on seed and step as in any run: with the same changes at the same steps, `ganzoo train` and `ganzoo resume`
    end with the same weights, unless phases were played by hand. `close` draws the last pictures, saves the state and
    releases the folder.

    made: what to train, from `ganzoo.plan`. Raises GanzooError as `ganzoo.train` does.
    """

    def __init__(self, made: Plan) -> None:
        options = _for_one_process(made.options)
        made = dataclasses.replace(made, options=options)
        name = made.run_name
        if options.out is not None:
            require_new(typed_path(options.out))
        fabric = launch(options)
        dataset = load_dataset(fabric, made.recipe, options)
        made = with_steps(made, dataset)
        # Built once before a folder is claimed for it, as much can be wrong with a recipe.
        gan = build_within_memory(made, dataset.spec)
        started = initialise(made, gan)
        lock = claim(options.out, name)
        try:
            run = create(lock.folder, made, dataset, started)
            self._set_up(run, lock, dataset, fabric, options)
            self._start(made.recipe, gan, None)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def resume(cls, path: str | Path, **options: Any) -> Self:
        """Continue a run from its newest checkpoint; options are fields of RunOptions. Raises what `resume` does."""
        self = cls.__new__(cls)
        run = Run.open(path, **options)
        provenance.require(run.path, run.info, provenance.TRAINING)
        used = _for_one_process(make_options(**run.options()))
        lock = Lock(run.path)
        try:
            remove_leftovers(run)
            _, state, _ = newest_state(run)
            recipe, _ = changes.changed_recipe(run, state, {})
            fabric = launch(used)
            own = source.own_data(run, recipe.data, None)
            dataset = load_dataset(fabric, recipe, used, own)
            if dataset.spec != run.data:
                raise GanzooError(f"the data set {recipe.data.name!r} is not what {path} was trained on.")
            source.require_same(run, dataset, own, other=False)
            self._set_up(run, lock, dataset, fabric, used)
            self._begin(recipe, state)
        except BaseException:
            lock.release()
            raise
        return self

    def _set_up(self, run: Run, lock: Lock, dataset: Dataset, fabric: Any, options: RunOptions) -> None:
        self.run, self.lock, self.dataset, self.fabric, self.options = run, lock, dataset, fabric, options
        self.log: dict[str, float] = {}
        self.logged = 0
        self.by_hand = len(run.info.get("by_hand", []))
        self.closed = self.failed = False

    def _begin(self, recipe: Recipe, state: Mapping[str, Any] | None, changed: Sequence[changes.Change] = ()) -> None:
        """Build the game and the trainer for a recipe, at a state; the files of the run are cut to its step.

        changed: how the recipe differs from the one of the state. Raises GanzooError if the state does not fit it.
        """
        made = Plan(self.run.variant, self.run.info["recipe_name"], recipe, self.options)
        gan = build_within_memory(made, self.dataset.spec)
        if state is not None:
            changes.check_fit(gan, state, self.run.checkpoints, self.run, recipe, list(changed))
        self._start(recipe, gan, state)

    def _start(self, recipe: Recipe, gan: GAN, state: Mapping[str, Any] | None) -> None:
        """Make the trainer of a game, at a state or at step 0."""
        callbacks: list[Callback] = [*make_callbacks(self.run, recipe, self.options, self.lock), _Remember(self)]
        trainer = make_trainer(gan, self.dataset, recipe, self.options, self.fabric, callbacks)
        begin(trainer, None if state is None else dict(state), self.run)
        trainer.start()
        self.trainer, self.failed = trainer, False
        # A run that was finished before has its last pictures.
        self.ended = self.finished

    # What it is

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.run.path

    @property
    def spec(self) -> DataSpec:
        """What the data look like."""
        return self.dataset.spec

    @property
    def recipe(self) -> Recipe:
        """The recipe that is played now."""
        return self.trainer.recipe

    @property
    def first_recipe(self) -> Recipe:
        """The recipe at step 0, before any change."""
        return replaying.first_recipe(self.run)

    @property
    def gan(self) -> GAN:
        """The game as it is now."""
        return self.trainer.gan

    @property
    def step(self) -> int:
        """Steps done."""
        return self.trainer.progress.step

    @property
    def finished(self) -> bool:
        """Whether all steps of the recipe are done; `change({"steps": N})` adds some."""
        return self.step >= self.recipe.steps

    @property
    def phases(self) -> list[Phase]:
        """The turn order of a step."""
        return self.trainer.phases

    def recipe_keys(self) -> list[config.Key]:
        """The recipe's keys with value, allowed values and meaning, as `ganzoo show` prints them."""
        return config.keys(self.recipe)

    # Playing

    @contextmanager
    def _playing(self) -> Iterator[None]:
        if self.closed:
            raise GanzooError(f"the session in {self.path} is closed: open it with Session.resume({str(self.path)!r}).")
        trainer = self.trainer
        explained = explain_failures(self.run, self.recipe, first=True)
        hinted = hint_on_nonfinite(trainer.callbacks, trainer)
        try:
            with only_training_run(), explained, hinted, side_stream(self.fabric.device):
                yield
        except TrainingError:
            self.failed = True
            raise

    def play_step(self, count: int = 1) -> int:
        """Play up to `count` steps, fewer at the end of the recipe; returns how many.

        After the recipe's last step the run is complete, with its last pictures and a checkpoint.

        Raises TrainingError if a loss or gradient is not finite, before it reaches the weights.
        """
        done = 0
        with self._playing():
            while done < count and not self.finished:
                self.trainer.advance()
                done += 1
            if self.finished and not self.ended:
                self._end()
        return done

    def _end(self) -> None:
        """The last pictures, the last hints and a checkpoint, once."""
        self.trainer.finish()
        self.ended = True

    def play_phase(self, name: str) -> None:
        """One update of one phase, such as "d" or "g", between two steps. Raises GanzooError for an unknown name.

        It is recorded in recipe.json, as no command repeats it.
        """
        found = {phase.name: phase for phase in self.phases}
        if name not in found:
            raise unknown("phase", name, found)
        with self._playing():
            self.trainer.play_phase(found[name], self.by_hand)
        # Read without taking anything from the means that are logged after the next steps.
        means = self.trainer.term_means
        kept = means.state()
        self.log |= self.trainer.read_log()
        means.load_state(kept)
        self.logged = self.step
        self.by_hand += 1
        recorded = self.run.info.setdefault("by_hand", [])
        recorded.append({"step": self.step, "phase": name})
        self.run.write_info()

    def change(self, values: Mapping[str, Any]) -> list[changes.Change]:
        """Change recipe keys from the next step on, as `ganzoo resume --set` does; returns what changed.

        values: typed or as text. They are recorded in recipe.json. Raises GanzooError, and changes nothing, for an
        unknown key, a value that is not allowed, and a key that a trained game cannot change.
        """
        with self._playing():
            state = self.trainer.state()
        self.run.info["recipe"] = to_dict(self.recipe)
        recipe, changed = changes.changed_recipe(Run(self.path, self.run.info), state, values)
        if changed:
            self._begin(recipe, state, changed)
            changes.record(self.run, recipe, changed)
            self.run = Run.open(self.path)
        return changed

    def saved_steps(self) -> list[int]:
        """The steps to which `back` can go: those of the checkpoints, and 0.

        A run that started from given weights can go back to the start as long as their checkpoint is kept.
        """
        found = list(checkpoint.found(self.run.checkpoints))
        return found if "initialised" in self.run.info else sorted({0, *found})

    def save(self) -> Path:
        """Save a checkpoint of the current step; returns its file."""
        with self._playing():
            return checkpoint.save(self.run.checkpoints, self.step, self.trainer.state(), self.options.keep)

    def back(self, step: int = 0) -> None:
        """Go back to the checkpoint of a step, or to the start (0); later checkpoints, logs and changes are removed.

        Raises GanzooError if there is no such checkpoint.
        """
        found = checkpoint.found(self.run.checkpoints)
        possible = self.saved_steps()
        if step not in possible:
            known = ", ".join(str(number) for number in possible)
            raise GanzooError(f"{self.path} has no checkpoint of step {step}: go back to step {known}.")
        state = checkpoint.load(found[step]) if step in found else None
        recipe, kept = replaying.as_of(self.run, state, step)
        for number, file in found.items():
            if number > step:
                checkpoint.remove(file)
        self.run.info |= kept | {"recipe": to_dict(recipe)}
        self.run.write_info()
        self.run = Run.open(self.path)
        self.by_hand = len(self.run.info.get("by_hand", []))
        self.log = {}
        self._begin(recipe, state)

    def close(self) -> None:
        """Draw the last pictures, save the state, and release the run folder.

        A session in which training had to stop keeps the checkpoints that it has.
        """
        if self.closed:
            return
        try:
            if not self.failed and not self.ended:
                with self._playing():
                    self._end()
        finally:
            self.closed = True
            self.lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # Looking

    @contextmanager
    def _looking(self) -> Iterator[GAN]:
        """The game, to draw from; the next step sets its own seed, so this does not affect training."""
        with only_training_run(), torch.random.fork_rng([]):
            yield self.trainer.gan

    def snapshot(self, *, averaged: bool = True) -> Snapshot:
        """Samples from the same latents each time, as a picture or as text, and the terms that were logged last."""
        with self._looking():
            sheet = sheets.current(self.trainer, averaged)
        return Snapshot(self.step, dict(self.log), sheet.picture, sheet.lines)

    def plane(self, *, averaged: bool = False, label: int = 0) -> Plane | None:
        """For points `[N, 2]`: samples, D's logits around them, the push on G's samples; None for other data."""
        if not plane.is_plane(self.spec) or self.trainer.gan.inputs:
            return None
        with self._looking():
            return plane.view(self.trainer, averaged=averaged, label=label)

    def explorer(self) -> Explorer | None:
        """The generator's latent space, and directions in it as it is now; None for a game without one."""
        gan = self.trainer.gan
        return Explorer(gan, self.spec, self.run.info["variant"]) if has_latent(gan) else None

    @property
    def next_measurement(self) -> int | None:
        """The step of the diagnosis's next measurement; None after the last."""
        every = measure_every(self.recipe.steps)
        found = (self.step // every + 1) * every
        return found if found <= self.recipe.steps else None

    def hints(self) -> list[dict[str, Any]]:
        """What the diagnosis found so far, with `suggestions`: alternatives, each a dict of keys to set."""
        return [hint | {"suggestions": suggestions_in(str(hint["hint"]))} for hint in self.run.hints()]

    def commands(self) -> list[str]:
        """The commands that repeat this session, up to the current step, and a line on what they do not repeat."""
        return replaying.commands(self.run, self.step)

    def again(self, values: Mapping[str, Any], recipe: Recipe | None = None) -> Plan:
        """The plan that plays a recipe, by default this session's, from the start with other keys, in a run of its own.

        A run that started from given weights starts from them again, if they are still where they were.
        """
        options = dataclasses.asdict(self.options) | {"out": None}
        name = f"{self.run.info['variant']}.{self.run.info['recipe_name']}"
        made = plan(name, recipe=config.override(recipe or self.recipe, values), **options)
        return dataclasses.replace(made, init=initial.recorded(self.run.info))


class _Remember(Callback):
    """Keeps the terms that were logged last."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def on_log(self, trainer: Any, values: dict[str, float]) -> None:
        self.session.log, self.session.logged = dict(values), trainer.progress.step


def _for_one_process(options: RunOptions) -> RunOptions:
    """The options of a session. Raises GanzooError if they ask for several ranks."""
    if options.devices > 1 or options.nodes > 1:
        raise GanzooError("a session plays on one device: leave --devices and --nodes out.")
    return options
