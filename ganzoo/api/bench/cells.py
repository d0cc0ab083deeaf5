"""A cell of a benchmark: where its run stands, and what is left to do to finish it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.api.bench.grid import Cell, cell_plan
from ganzoo.api.evaluate import evaluate
from ganzoo.api.planning import Plan
from ganzoo.api.resume import last_saved, resume
from ganzoo.api.train import execute
from ganzoo.errors import GanzooError
from ganzoo.evaluation.scoring import key_of
from ganzoo.files.atomic import write_atomically
from ganzoo.recipes import Recipe, flat, to_dict
from ganzoo.runs.changes import differing, steps_done
from ganzoo.runs.run import Run

Report = Callable[[str], None]


@dataclass(frozen=True)
class State:
    """Where a cell stands: "finished", "trained" (not scored), "started", "new", or what stands in its way.

    status: one of these, or "failed", "mismatch", "unsuited". message: one line, where there is something to say.
    """

    status: str
    message: str = ""


class Mismatch(GanzooError):
    """The folder of a cell holds another training than the grid asks for."""


def record_path(out: Path, cell: Cell) -> Path:
    """Where it is written why a cell failed: beside its run, whose folder must stay free for a new start."""
    folder = out / cell.folder
    return folder.with_name(f"{folder.name}.failed.json")


def read_state(out: Path, cell: Cell) -> State:
    """Where a cell stands, from what lies in its folder; trains and writes nothing."""
    path = out / cell.folder
    failure = _failure(record_path(out, cell))
    if not (path / "recipe.json").is_file():
        return failure or State("new")
    try:
        run = Run.open(path)
        require_same(run, cell_plan(cell))
    except Mismatch as error:
        return State("mismatch", str(error))
    except GanzooError as error:
        return State("failed", str(error))
    if is_scored(run):
        return State("finished")
    return failure or State("started")


def finish(out: Path, cell: Cell, report: Report, **options: Any) -> Run:
    """Bring a cell to its end, from wherever it stands: train, go on, or only score. Returns its run.

    options: fields of RunOptions. Raises Mismatch, Stopped, and whatever the training raises.
    """
    path = out / cell.folder
    plan = cell_plan(cell, **options, out=str(path))
    if (path / "recipe.json").is_file():
        run = Run.open(path)
        require_same(run, plan)
        if is_scored(run):
            return run
        run = continued(run, report, **options)
    else:
        run = execute(plan, report).run
    evaluate(run, report=report, **options)
    return run


def continued(run: Run, report: Report, **options: Any) -> Run:
    """The run trained to its end."""
    _, state, _ = last_saved(run)
    if state is not None and steps_done(run, state) >= run.recipe.steps:
        return run
    return resume(run.path, None, report, **options)


def is_scored(run: Run) -> bool:
    """Whether the run was scored at its recipe's last step."""
    content = _json(run.path / "scores.json")
    try:
        for score in content["scores"]:
            key_of(score), float(score["value"])
            if score["protocol"]["step"] != run.recipe.steps:
                return False
        return bool(content["scores"] or content["notes"])
    except (KeyError, TypeError, ValueError):
        return False


def require_same(run: Run, plan: Plan) -> None:
    """Raise Mismatch, naming the keys that differ, unless the run is the training that the plan describes."""
    changed = [change["key"] for change in run.info.get("changes", [])]
    if changed:
        keys = ", ".join(dict.fromkeys(changed))
        raise Mismatch(f"{run.path} was changed along the way ({keys}): choose another folder with --out.")
    held = {"variant": run.info["variant"], "recipe": run.info["recipe_name"], **_whole(run, plan.recipe)}
    wanted = {"variant": plan.variant.name, "recipe": plan.recipe_name, **flat(to_dict(plan.recipe))}
    names = differing(wanted, held)
    if names:
        shown = ", ".join(f"{name} is {held.get(name, 'not set')}, not {wanted.get(name, 'set')}" for name in names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise Mismatch(f"{run.path} holds another training ({shown}{more}): choose another folder with --out.")


def _whole(run: Run, recipe: Recipe) -> dict[str, Any]:
    """A run's recipe, flat, with the defaults of keys that came after it was written."""
    defaults = flat(to_dict(type(recipe)()))
    # What is not in a group of names (penalties, options of the loss) was left out on purpose.
    groups = [field.name for field in dataclasses.fields(recipe) if isinstance(getattr(recipe, field.name), dict)]
    new = {name: value for name, value in defaults.items() if name.partition(".")[0] not in groups}
    return new | flat(run.info["recipe"])


def record(out: Path, cell: Cell, status: str, error: Exception) -> str:
    """Write down why a cell could not be finished; returns it in one line."""
    line = " ".join(str(error).split())
    details = {}
    if not isinstance(error, GanzooError):
        line = f"{type(error).__name__}: {line}"
        details = {"traceback": "".join(traceback.format_exception(error))}
    content = {"status": status, "message": line, **details}
    # The disk may be what failed; then the line on the terminal is all there is.
    with contextlib.suppress(OSError):
        write_atomically(record_path(out, cell), (json.dumps(content, indent=1) + "\n").encode())
    return line


def forget(out: Path, cell: Cell) -> None:
    """Remove what an earlier start wrote down about a cell's failure."""
    record_path(out, cell).unlink(missing_ok=True)


def _failure(path: Path) -> State | None:
    content = _json(path)
    if not isinstance(content, dict):
        return None
    return State(str(content.get("status", "failed")), str(content.get("message", "")))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
