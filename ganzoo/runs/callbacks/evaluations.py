"""Scores during training, and the best state: `--eval-every`."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

from ganzoo.callbacks import Callback
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError, printable
from ganzoo.evaluation.distributed import score_distributed
from ganzoo.evaluation.features.names import DOMAIN, has_labels
from ganzoo.evaluation.ideals import decides, is_better
from ganzoo.evaluation.scoring import Score, Scores, score, select_metrics
from ganzoo.files import checkpoint
from ganzoo.files.atomic import append_line, move_aside
from ganzoo.files.lock import Lock
from ganzoo.files.records import has_form, truncate_log
from ganzoo.machine.rank_group import RankGroup
from ganzoo.machine.streams import optional
from ganzoo.pictures.tables import format_number
from ganzoo.recipes import RunOptions
from ganzoo.runs import source
from ganzoo.runs.callbacks.stopping import early_stop, name_in
from ganzoo.runs.inputs import inputs_from, targets_of
from ganzoo.runs.reading import Evaluated
from ganzoo.runs.reference import Reference, Request, draw, feature_device
from ganzoo.runs.run import Run
from ganzoo.runs.sampling import Draw
from ganzoo.training.restoring import steps_done
from ganzoo.zoo import registry

if TYPE_CHECKING:
    from ganzoo.callbacks import Training

log = logging.getLogger(__name__)

SAMPLES = 2_500


class Evaluations(Callback):
    """Scores the generator every `options.eval_every` steps into evaluations.jsonl, and saves its best state.

    It draws up to 2,500 samples from the same latents each time, with the averaged weights if the game keeps them. On
    data with labels they are compared in domain features. Training is not affected. Every rank has one: all of them
    draw samples, and the first writes the scores.
    """

    def __init__(self, run: Run, options: RunOptions, lock: Lock | None = None) -> None:
        self.run_folder, self.options, self.every, self.lock = run, options, options.eval_every or 0, lock
        self.path, self.folder = run.path / "evaluations.jsonl", run.checkpoints / "best"
        self.modality = registry.modality(run.data.modality)
        self.best: dict[str, Any] | None = None
        self.reported: set[str] = set()

    def on_start(self, trainer: Training) -> None:
        self.group = RankGroup(trainer.fabric)
        data = dataclasses.replace(source.own_data(self.run_folder, trainer.recipe.data), labels=True)
        same = trainer.recipe.data.labels
        self.reference = Reference(data, self.options, trainer.stream.dataset if same else None)
        self.names = self.modality.quick_metrics
        self.early_stop = early_stop(self.options, self.run_folder.data.modality)
        known = registry.metrics().values()
        if not select_metrics(known, self.names, self.run_folder.data.modality):
            self._report(f"no metric for {self.run_folder.data.modality} data is available: --eval-every does nothing.")
            self.every = 0
        if self.group.is_first:
            self._remove_later(trainer.progress.step)

    def _remove_later(self, step: int) -> None:
        """Remove scores and states of later steps, which will be run and scored again."""
        kept = truncate_log(self.path, step, Evaluated)
        for ahead, path in checkpoint.found(self.folder).items():
            if ahead > step:
                checkpoint.remove(path)
        # If the best state is gone, so are those before it: then the next state is the best so far.
        if checkpoint.found(self.folder):
            self._read_best(kept)

    def _read_best(self, kept: list[dict[str, Any]]) -> None:
        """Find the scores of the best state. It is never replaced because these, or the state, cannot be read."""
        try:
            state = checkpoint.newest(self.folder)[1]
            saved = steps_done(state)
        except (GanzooError, ValueError):
            moved = move_aside(self.folder, "best-damaged")
            log.warning("%s is damaged, and is now %s: the next state is the best.", self.folder, moved.name)
            return
        known = [record for record in (state.get("evaluation"), *reversed(kept)) if has_form(record, Evaluated)]
        self.best = next((record for record in known if record["step"] == saved), None)
        if self.best is None:
            moved = move_aside(self.folder, f"best-step-{saved:09d}")
            log.warning("the scores of %s cannot be read: it is now %s.", self.folder, moved.name)

    def due(self, step: int) -> bool:
        """Whether to score after this step."""
        return bool(self.every) and step % self.every == 0

    def run(self, trainer: Training) -> None:
        """Score the generator: on every rank, before other callbacks see the step."""
        samples = self._samples(trainer)
        score_distributed(self.group, samples, lambda: self._score(trainer, samples))

    def _score(self, trainer: Training, samples: Samples) -> Scores:
        """On the first rank: compute the scores, write them, and save the state if it is the best."""
        step = trainer.progress.step
        if self.lock:
            self.lock.check()
        self._report(f"scoring {len(samples.fake):,} samples every {self.every} steps ...", once=True)
        scores = score(samples, registry.metrics().values(), self.names, with_real=False)
        for note in scores.notes:
            self._report(f"note: {note}", once=True)
        # Compared as they are written, so that a resumed run, which reads them, decides the same.
        rounded = Scores([Score(**row) for row in json.loads(scores.to_json())["scores"]])
        record: dict[str, Any] = {
            "step": step,
            "n": len(samples.fake),
            "seed": samples.seed,
            "scores": {item.name: item.value for item in rounded.scores},
            "protocol": {item.name: item.protocol["name"] for item in rounded.scores},
        }
        append_line(self.path, json.dumps(record))
        best = self._is_best(record, rounded)
        if best:
            self.folder.parent.mkdir(exist_ok=True)
            # With its scores, so that damage to the file of scores does not cost the best state.
            checkpoint.save(self.folder, step, trainer.state() | {"evaluation": record}, keep=1)
            self.best = record
        values = "  ".join(f"{name} {format_number(value)}" for name, value in record["scores"].items())
        self._report(f"step {step}: {values or 'no scores'}{' (best)' if best else ''}")
        if self.early_stop and not name_in(record["scores"], self.early_stop.score):
            self._report(f"note: {self.early_stop.score} has no value, so training does not stop early", once=True)
        reason = self.early_stop.reason(self.run_folder.evaluations()) if self.early_stop else ""
        if reason:
            self._report(f"stopping early: {reason}")
            trainer.stop_requested = True
        return scores

    def _samples(self, trainer: Training) -> Samples:
        device = trainer.fabric.device
        n = self.group.first_rank_first(lambda: min(SAMPLES, self.reference.default_samples(with_real=False)))
        name, seed = self.run_folder.variant.name, trainer.recipe.seed + 1
        given = inputs_from(trainer.stream.dataset.held_out(), trainer.gan, n, spread=True)
        n = min((len(values) for values in given.values()), default=n)
        y = self.reference.labels(trainer.gan, n, seed)
        wanted = Draw(n, y, seed=seed, device=device, given=given, range=self.run_folder.data.range)
        fake = draw(self.group, trainer.gan, name, wanted, self.modality.scored)
        targets = targets_of(trainer.stream.dataset.held_out(), trainer.gan, n)
        # Features of ImageNet would take longer than the training in between.
        features = DOMAIN if has_labels(self.reference.load("train")) else "auto"
        return self.reference.samples(
            fake,
            None if trainer.gan.codes else y,
            Request(features=features),
            seed,
            device=feature_device(device),
            generator=trainer.gan,
            targets=None if targets is None else self.modality.scored(targets),
        )

    def _is_best(self, record: dict[str, Any], scores: Scores) -> bool:
        known = [item for item in scores.scores if decides(item.better)]
        decisive = [
            item for name in self.modality.criteria for item in known if item.protocol["metric"] == name
        ] or known
        if not decisive:
            return False
        name, before = decisive[0].name, self.best
        comparable = before is not None and name in before["scores"]
        if before is None or not comparable or before["protocol"].get(name) != record["protocol"][name]:
            return True
        return is_better(decisive[0].better, record["scores"][name], before["scores"][name])

    def _report(self, line: str, once: bool = False) -> None:
        if self.options.progress and self.group.is_first and not (once and line in self.reported):
            print(printable(line), file=optional(sys.stderr), flush=True)
        self.reported.add(line)
