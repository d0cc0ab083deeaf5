"""A restarted job (after a rank's death, or a requeue) resumes the run that it started."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ganzoo.api.planning import Plan
from ganzoo.errors import GanzooError, printable
from ganzoo.files.typed import typed_path
from ganzoo.machine.cluster import job, restarted
from ganzoo.recipes import flat, to_dict
from ganzoo.runs.changes import differing_keys
from ganzoo.runs.folders import numbered
from ganzoo.runs.reading import read_info, read_recipe


def find_run(plan: Plan, name: str) -> Path | None:
    """The run folder that an earlier start of this same job created for the plan, or None.

    name: of run folders, if `--out` names none. Raises GanzooError if the job's folder contains another recipe's run.
    """
    if not restarted():
        return None
    out = plan.options.out
    for path in [typed_path(out)] if out is not None else numbered(Path("runs"), name):
        if not (path / "recipe.json").is_file():
            continue
        try:
            info = read_info(path / "recipe.json")
        except GanzooError:
            # Someone else's run, as far as can be told, is no reason not to train.
            if out is not None:
                raise
            continue
        if not _same_job(info.get("job")):
            continue
        other = _differences(plan, info, path)
        if not other:
            return path
        if out is not None:
            raise GanzooError(
                f"{path} was started by this job with another recipe ({other}): choose another folder with --out."
            )
    return None


def _same_job(recorded: Any) -> bool:
    now = job()
    return isinstance(recorded, dict) and any(name in now and recorded.get(name) == now[name] for name in restarted())


def _differences(plan: Plan, info: dict[str, Any], path: Path) -> str:
    """The first keys in which a run's recipe differs from a plan's; "" for none."""
    if info.get("variant") != plan.variant.name:
        return "variant"
    before, now = (flat(to_dict(recipe)) for recipe in (read_recipe(plan.variant, info, path), plan.recipe))
    # A plan's epochs are converted to steps once the data are read.
    names = [key for key in differing_keys(before, now) if key != "steps" or plan.epochs is None]
    return printable(", ".join(names[:3]))


def resume_options(plan: Plan) -> dict[str, Any]:
    """The options with which `resume` continues a plan's run, in the precision that `auto` was when it began."""
    options = dataclasses.asdict(plan.options)
    del options["out"]
    if options["precision"] == "auto":
        del options["precision"]
    return options
