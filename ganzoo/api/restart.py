"""A job that was started again goes on with the run that it began: after a rank's death, or a requeue."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ganzoo.api.planning import Plan
from ganzoo.errors import GanzooError
from ganzoo.machine.cluster import job, restarted
from ganzoo.recipes import flat, to_dict
from ganzoo.runs.changes import differing
from ganzoo.runs.reading import read_info, read_recipe
from ganzoo.runs.trust import printable


def begun(plan: Plan, name: str) -> Path | None:
    """The run folder that an earlier start of this very job made for the plan, or None.

    name: of run folders, where `--out` names none. Raises GanzooError if the job's folder holds another recipe's run.
    """
    if not restarted():
        return None
    out = plan.options.out
    for path in [Path(out)] if out is not None else sorted(Path("runs").glob(f"{name}-*")):
        if not (path / "recipe.json").is_file():
            continue
        info = read_info(path / "recipe.json")
        if not _same_job(info.get("job")):
            continue
        other = _differences(plan, info)
        if not other:
            return path
        if out is not None:
            raise GanzooError(
                f"{path} is of another recipe ({other}), though this job began it: choose another folder with --out."
            )
    return None


def _same_job(recorded: Any) -> bool:
    now = job()
    return isinstance(recorded, dict) and any(name in now and recorded.get(name) == now[name] for name in restarted())


def _differences(plan: Plan, info: dict[str, Any]) -> str:
    """The first keys in which a run's recipe differs from a plan's; "" for none."""
    if info.get("variant") != plan.variant.name:
        return "variant"
    before, now = (flat(to_dict(recipe)) for recipe in (read_recipe(plan.variant, info), plan.recipe))
    # A plan's epochs are counted in steps when the data are read.
    names = [key for key in differing(before, now) if key != "steps" or plan.epochs is None]
    return printable(", ".join(names[:3]))


def options_of(plan: Plan) -> dict[str, Any]:
    """What `resume` takes to go on with a plan's run."""
    options = dataclasses.asdict(plan.options)
    del options["out"]
    return options
