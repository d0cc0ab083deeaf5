"""What a page says about runs, as plain values: everything is text, numbers and pictures, and nothing is HTML yet."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ganzoo.api.compare import Comparison, compare
from ganzoo.api.planning import make_options
from ganzoo.api.resume import stopped_early
from ganzoo.errors import GanzooError
from ganzoo.evaluation.score_tables import ERRORS
from ganzoo.files import checkpoint
from ganzoo.files.records import Stepped, has_form
from ganzoo.pictures.inline import Picture, read_picture
from ganzoo.pictures.tables import ScoreTable, format_duration, format_number
from ganzoo.reporting import graphs, recipe, repeating, scores
from ganzoo.reporting.bounds import Fact, first, key_text, part, text
from ganzoo.reporting.curves import Chart
from ganzoo.reporting.pictures import FRAMES, Sheet, read_sheets
from ganzoo.runs.callbacks.reals import FILE as REALS
from ganzoo.runs.run import Run
from ganzoo.runs.state import STOPPED, State
from ganzoo.zoo import registry

MOST = 20
"""Runs on a page."""

CLASSES = 12
"""Class names that are shown."""


@dataclass(frozen=True)
class Change:
    """A change of the recipe on the way."""

    step: int
    key: str
    before: str
    after: str


@dataclass(frozen=True)
class Hint:
    """What the diagnosis found. parts: its text, alternately prose and what is to be typed."""

    step: int
    name: str
    parts: list[str]


@dataclass(frozen=True)
class RunPart:
    """What a page says about one run.

    name: short and, on a page, unique. title: `VARIANT.RECIPE on DATA`. summary, paper: of the variant, if it is
    installed. diagnosed: whether the diagnosis measured anything.
    """

    name: str
    path: str
    title: str
    summary: str
    paper: str
    state: State
    facts: list[Fact]
    machine: list[Fact]
    sheets: list[Sheet]
    reals: Picture | None
    neighbours: Picture | None
    recipe: recipe.Recipe
    repeat: repeating.Repeat
    changes: list[Change]
    data_changes: list[int]
    hints: list[Hint]
    diagnosed: bool
    scores: list[scores.Scores]


@dataclass(frozen=True)
class Several:
    """What a page says about several runs together.

    table: their scores, with notes on what is not comparable. errors: whether it has standard errors.
    """

    differences: list[recipe.Difference]
    table: ScoreTable
    errors: bool


@dataclass(frozen=True)
class Page:
    """A page about one run or several. made: when. losses, terms, evaluations: curves of all runs."""

    title: str
    made: str
    runs: list[RunPart]
    losses: list[Chart]
    terms: list[Chart]
    evaluations: list[Chart]
    several: Several | None = None
    steps: list[int] = field(default_factory=list)


def describe(runs: Sequence[Run]) -> Page:
    """What a page says about runs, from what is in their folders now.

    Raises GanzooError for no run, more than 20, and one that is named twice.
    """
    if not runs:
        raise GanzooError("nothing to report on: name at least one run folder.")
    if len(runs) > MOST:
        raise GanzooError(f"{len(runs)} runs do not fit on a page: name at most {MOST}.")
    compared = compare(runs)
    names = _names(runs)
    frames = FRAMES if len(runs) == 1 else FRAMES // 2
    parts = [_run(run, name, frames) for run, name in zip(runs, names, strict=True)]
    several = None
    if len(runs) > 1:
        several = Several(recipe.differences(runs), *_table(compared, names))
    title = parts[0].title if len(parts) == 1 else f"{len(parts)} runs compared"
    labelled = list(zip(names, runs, strict=True))
    return Page(
        title=title,
        made=datetime.datetime.now().astimezone().isoformat(" ", timespec="minutes"),
        runs=parts,
        losses=graphs.losses(labelled),
        terms=graphs.terms(labelled),
        evaluations=graphs.evaluations(labelled),
        several=several,
        steps=sorted({sheet.step for each in parts for sheet in each.sheets}),
    )


def _table(compared: Comparison, names: Sequence[str]) -> tuple[ScoreTable, bool]:
    """The table of a comparison with short names of the runs, and whether it has standard errors."""
    table = compared.table()
    rows = [[name, *row[1:]] for name, row in zip(names, table.rows, strict=False)]
    notes = [text(note) for note in first(table.notes) if note != ERRORS]
    shown = dataclasses.replace(table, rows=[*rows, *table.rows[len(names) :]], notes=notes)
    return shown, ERRORS in table.notes


def _names(runs: Sequence[Run]) -> list[str]:
    """The folders' names, or their paths where two names are equal."""
    short = [run.path.resolve().name for run in runs]
    return [text(name if short.count(name) == 1 else str(run.path), 120) for name, run in zip(short, runs, strict=True)]


def _run(run: Run, name: str, frames: int) -> RunPart:
    info, state = run.info, run.state()
    card = registry.variants().get(info["variant"])
    data_changes = info.get("data_changes", [])
    kind = str(info["data"].get("modality", ""))
    return RunPart(
        name=name,
        path=text(run.path),
        title=title_of(info),
        summary=card.summary if card else "",
        paper=card.paper if card else "",
        state=state,
        facts=_facts(run, state),
        machine=_machine(run),
        sheets=read_sheets(run.path, state, frames, registry.modality(kind).picture_is_text),
        reals=read_picture(run.path / REALS),
        neighbours=read_picture(run.neighbours_file),
        recipe=recipe.recipe_of(run),
        repeat=repeating.repeat(run),
        changes=[_change(change) for change in first(info.get("changes", []))],
        data_changes=[change["step"] for change in first(data_changes)]
        if has_form(data_changes, list[Stepped])
        else [],
        hints=[_hint(hint) for hint in first(run.hints(), 50)],
        diagnosed=(run.path / "diagnosis.jsonl").is_file(),
        scores=scores.scores_of(run),
    )


def title_of(info: dict[str, Any]) -> str:
    """`VARIANT.RECIPE on DATA`, with the kind of data that has several."""
    kind = part(info, "recipe", "data", "kind")
    on = f"{info['data'].get('name', '?')}{f' ({kind})' if kind else ''}"
    return text(f"{info['variant']}.{info['recipe_name']} on {on}")


def _facts(run: Run, state: State) -> list[Fact]:
    info = run.info
    facts = [
        Fact("Variant", text(info["variant"])),
        Fact("Recipe", text(info["recipe_name"])),
        Fact("Data", _data(run)),
        Fact("Steps", state.progress),
        Fact("Seed", key_text(info["recipe"].get("seed", "?"))),
        Fact("Created", text(info.get("created", "unknown")).replace("T", " ")),
    ]
    if state.seconds is not None and 0 <= state.seconds < 1e10:
        per_step = f", {format_number(1000 * state.seconds / state.step, 3)} ms a step" if state.step else ""
        facts.append(Fact("Training time", format_duration(state.seconds) + per_step))
    stopped = _early(run, state)
    facts += [Fact("Stopped early", text(stopped))] if stopped else []
    best = max(checkpoint.found(run.checkpoints / "best"), default=None)
    return facts if best is None else [*facts, Fact("Best state", f"step {best:,}")]


def _early(run: Run, state: State) -> str:
    """Why a run has been stopped early, in words; "" if it has not, or if that cannot be known."""
    if state.name != STOPPED:
        return ""
    try:
        return stopped_early(run, make_options(**run.options()), state.step)
    except GanzooError:
        return ""


def _data(run: Run) -> str:
    """The data set, the shape of a sample, and the classes."""
    info = run.info["data"]
    try:
        spec = run.data
    except GanzooError:
        return text(info.get("name", "?"))
    kind = part(run.info, "recipe", "data", "kind")
    words = [f"{spec.name}{f' ({kind})' if kind else ''}", f"{spec.modality} of {' × '.join(map(str, spec.shape[:8]))}"]
    if spec.classes:
        names = ", ".join(spec.class_names[:CLASSES]) + (", …" if len(spec.class_names) > CLASSES else "")
        words.append(f"{spec.classes:,} classes" + (f" ({names})" if names else ""))
    if spec.inputs:
        words.append(f"made from {', '.join(list(spec.inputs)[:8])}")
    return text(", ".join(words))


def _machine(run: Run) -> list[Fact]:
    info = run.info
    facts = [
        Fact("Package", " ".join(text(part(info, "plugin", name) or "?", 80) for name in ("package", "version"))),
    ]
    for group in ("hardware", "versions", "options", "job"):
        values = info.get(group)
        for name, value in first(values.items(), 40) if isinstance(values, dict) else ():
            # Where things are on somebody's disk is nobody else's business.
            if name not in ("out", "data_root", "recorded_root", "progress") and value not in ([], ""):
                facts.append(Fact(text(name, 60).replace("_", " "), key_text(value)))
    return facts


def _change(change: dict[str, Any]) -> Change:
    before, after = (key_text(change[side]) if side in change else recipe.ABSENT for side in ("from", "to"))
    return Change(change["step"], text(change["key"]), before, after)


def _hint(hint: dict[str, Any]) -> Hint:
    # Its text repeats the step and the name in front.
    said = hint["hint"].removeprefix(f"step {hint['step']}, {hint['name']}: ")
    return Hint(hint["step"], text(hint["name"], 60), text(said, 1_000).split("`"))
