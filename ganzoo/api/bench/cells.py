"""A cell of a benchmark: the state of its run, and what remains to be done to finish it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from ganzoo.api.bench.grid import Cell, cell_plan
from ganzoo.api.evaluate import evaluate
from ganzoo.api.planning import Plan
from ganzoo.api.resume import continue_run, newest_state
from ganzoo.api.train import execute
from ganzoo.errors import GanzooError, TrainingError, printable
from ganzoo.files.atomic import move_aside, write_atomically
from ganzoo.files.records import read_json
from ganzoo.recipes import Recipe, flat, to_dict
from ganzoo.runs import initial
from ganzoo.runs.changes import differing_keys, steps_done
from ganzoo.runs.reference import make_request
from ganzoo.runs.run import Run

Report = Callable[[str], None]


@dataclass(frozen=True)
class State:
    """The state of a cell.

    status: "finished", "started" (also if it is trained and not scored), "new", "failed", "mismatch" or "unsuited".
    message: one line on what prevents it from being finished, or empty.
    """

    status: str
    message: str = ""


class Mismatch(GanzooError):
    """The folder of a cell contains a different run from the one that the grid specifies."""


def failure_path(out: Path, cell: Cell) -> Path:
    """The file that records why a cell failed: beside its run, whose folder must stay empty for a new start."""
    folder = out / cell.folder
    return folder.with_name(f"{folder.name}.failed.json")


def read_state(out: Path, cell: Cell, metrics: str | None = None) -> State:
    """The state of a cell, read from its folder; trains and writes nothing. A folder that cannot be read has failed.

    metrics: names without all of which a cell is not finished, as `--metrics` takes them.
    """
    try:
        return _state(out, cell, metrics)
    except Mismatch as error:
        return State("mismatch", str(error))
    except Exception as error:
        return State("failed", describe(error))


def _state(out: Path, cell: Cell, metrics: str | None) -> State:
    path = out / cell.folder
    failure = _read_failure(failure_path(out, cell))
    if not (path / "recipe.json").is_file():
        return failure or State("new")
    run = Run.open(path)
    require_same(run, cell_plan(cell))
    if is_scored(run, metrics):
        return State("finished")
    return failure or State("started")


def finish(out: Path, cell: Cell, report: Report, **options: Any) -> Run:
    """Finish a cell from its current state: train it, resume it, or only score it. Returns its run.

    options: fields of RunOptions. Raises Mismatch, Stopped, and whatever training raises.
    """
    path = out / cell.folder
    plan = cell_plan(cell, **options, out=str(path))
    if (path / "recipe.json").is_file():
        run = Run.open(path)
        require_same(run, plan)
        if is_scored(run, options.get("metrics")):
            return run
        run, step = train_to_end(run, report, **options)
    else:
        outcome = execute(plan, report)
        run, step = outcome.run, outcome.step
    if step < run.recipe.steps:
        raise TrainingError(f"a callback ended the training of {path} at step {step} of {run.recipe.steps}.")
    evaluate(run, report=report, **options)
    if not run.scores_file.exists():
        raise TrainingError(f"the scores of {path} could not be written.")
    return run


def train_to_end(run: Run, report: Report, **options: Any) -> tuple[Run, int]:
    """Resume a run to its last step, unless it has got there; returns the run, and how many steps are done."""
    _, state, _ = newest_state(run)
    done = 0 if state is None else steps_done(run, state)
    if done >= run.recipe.steps:
        return run, done
    outcome = continue_run(run.path, None, report, **options)
    return outcome.run, outcome.step


def is_scored(run: Run, metrics: str | None = None) -> bool:
    """Whether the run was scored at its recipe's last step, by every one of `metrics` (as `--metrics` takes them)."""
    try:
        content = run.scores
    except GanzooError:
        # Scoring it again sets the damaged file aside.
        return False
    if content is None or any(score["protocol"].get("step") != run.recipe.steps for score in content["scores"]):
        return False
    if metrics is None:
        return bool(content["scores"] or content["notes"])
    request = make_request(metrics)
    protocols = [score["protocol"] for score in content["scores"]]
    if request.features != "auto":
        protocols = [found for found in protocols if (found.get("features") or {}).get("space") == request.features]
    return {found["metric"] for found in protocols}.issuperset(request.metrics or ())


def require_same(run: Run, plan: Plan) -> None:
    """Raise Mismatch, naming the keys that differ, unless the run is the one that the plan describes."""
    changed = [change["key"] for change in run.info.get("changes", [])]
    if changed:
        keys = ", ".join(dict.fromkeys(changed))
        raise Mismatch(f"{run.path} was changed along the way ({keys}): choose another folder with --out.")
    held = {"variant": run.info["variant"], "recipe": run.info["recipe_name"], **_complete_recipe(run, plan.recipe)}
    wanted = {"variant": plan.variant.name, "recipe": plan.recipe_name, **flat(to_dict(plan.recipe))}
    started = initial.recorded(run.info)
    held |= {"init_from": started.source} if started else {}
    wanted |= {"init_from": initial.locate(plan.init)[2]} if plan.init else {}
    names = differing_keys(wanted, held)
    if names:
        shown = ", ".join(f"{name} is {held.get(name, 'not set')}, not {wanted.get(name, 'set')}" for name in names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise Mismatch(f"{run.path} contains a different run ({shown}{more}): choose another folder with --out.")


def _complete_recipe(run: Run, recipe: Recipe) -> dict[str, Any]:
    """A run's recipe, flat, with the defaults of keys that were added after it was written."""
    defaults = flat(to_dict(type(recipe)()))
    # An entry that a group (penalties, options of the loss) lacks was left out on purpose.
    groups = [field.name for field in dataclasses.fields(recipe) if isinstance(getattr(recipe, field.name), dict)]
    new = {name: value for name, value in defaults.items() if name.partition(".")[0] not in groups}
    return new | flat(run.info["recipe"])


def record_failure(out: Path, cell: Cell, status: str, error: Exception) -> str:
    """Record why a cell could not be finished; returns the reason in one line."""
    line = describe(error)
    known = isinstance(error, GanzooError)
    details = {} if known else {"traceback": "".join(traceback.format_exception(error))}
    content = {"status": status, "message": line, **details}
    # The disk may be what failed; then only the line on the terminal remains.
    with contextlib.suppress(OSError):
        write_atomically(failure_path(out, cell), (json.dumps(content, indent=1) + "\n").encode())
    return line


def describe(error: Exception) -> str:
    """An error in one line."""
    line = " ".join(str(error).split())
    return printable(line if isinstance(error, GanzooError) else f"{type(error).__name__}: {line}")


def require_start(out: Path, cell: Cell) -> None:
    """Raise GanzooError if there are no weights where a cell that is not begun starts from."""
    init = cell_plan(cell).init
    if init is not None and not (out / cell.folder / "recipe.json").is_file():
        try:
            initial.require_exists(init)
        except GanzooError as error:
            raise GanzooError(f"{cell.title}: {error}") from error


def clear_failure(out: Path, cell: Cell) -> str:
    """Remove the record of a failure from an earlier start; one that is damaged is renamed, which returns a line."""
    path = failure_path(out, cell)
    if not os.path.lexists(path):
        return ""
    if _read_failure(path):
        path.unlink(missing_ok=True)
        return ""
    return f"{path} is damaged: it is now {move_aside(path, f'{path.stem}-damaged').name}."


class Failure(BaseModel):
    """The form of the record of a failure."""

    status: Literal["failed", "unsuited"]
    message: str


def _read_failure(path: Path) -> State | None:
    content = read_json(path, Failure)
    return State(content["status"], printable(content["message"])) if content else None
