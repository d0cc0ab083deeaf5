"""The runs in a folder: how far each is, its main score, and the recipe keys in which runs of a variant differ.

Imports torch only if there are scores, to know which of them decides.
"""

from __future__ import annotations

import datetime
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError, printable, unknown
from ganzoo.evaluation.ideals import Better
from ganzoo.evaluation.score_files import main_row, read_scores
from ganzoo.files.typed import typed_path
from ganzoo.pictures.tables import ScoreTable, format_mean
from ganzoo.recipes import flat
from ganzoo.runs import trust
from ganzoo.runs.differing import differing_keys
from ganzoo.runs.reading import read_info
from ganzoo.runs.state import State, state_of
from ganzoo.zoo import registry
from ganzoo.zoo.config import value_text

RUNS = "runs"
"""The folder in which training creates run folders."""

DEEPEST = 3
"""Levels of folders in which runs are found: `ganzoo bench` has two."""

MOST = 20_000
"""Folders that are looked at."""

LONGEST = 60
"""Characters of a value that a list shows."""

COLUMNS = ("age", "name", "recipe", "data", "step", "state", "score")
"""What a list can be sorted by, besides recipe keys."""


@dataclass(frozen=True)
class MainScore:
    """The score that decides which state of a run is the best. name: without the feature space."""

    name: str
    full_name: str
    value: float
    error: float | None
    better: Better

    def __str__(self) -> str:
        return f"{self.name} {format_mean(self.value, self.error)}"


@dataclass(frozen=True)
class ListedRun:
    """A run in a list. keys: the recipe keys, with their values, in which it may differ from others of its variant."""

    path: Path
    name: str
    variant: str
    recipe: str
    data: str
    state: State
    score: MainScore | None
    recipe_keys: Mapping[str, Any]
    differing: Mapping[str, str] = field(default_factory=dict)

    @property
    def age(self) -> str:
        """How long ago something was last written: `5 min`."""
        return format_age(time.time() - self.state.updated)

    def to_dict(self) -> dict[str, Any]:
        """In the types of JSON."""
        score = self.score
        return {
            "run": str(self.path),
            "variant": self.variant,
            "recipe": self.recipe,
            "data": self.data,
            "state": self.state.name,
            "step": self.state.step,
            "steps": self.state.steps,
            "seconds": self.state.seconds,
            "updated": datetime.datetime.fromtimestamp(self.state.updated, datetime.UTC).isoformat(timespec="seconds"),
            "score": score and {"name": score.full_name, "value": score.value, "error": score.error},
            "differs": {key: self.recipe_keys.get(key) for key in self.differing},
        }


@dataclass(frozen=True)
class RunList(Sequence[ListedRun]):
    """The runs in a folder. problems: a line for each run folder that cannot be read."""

    runs: list[ListedRun]
    problems: list[str] = field(default_factory=list)

    def __getitem__(self, number: Any) -> Any:
        return self.runs[number]

    def __len__(self) -> int:
        return len(self.runs)

    def __repr__(self) -> str:
        return "\n".join(
            f"{run.name}  {run.variant}.{run.recipe} on {run.data}  {run.state.progress}  {run.state.name}"
            for run in self.runs
        )

    def table(self) -> ScoreTable:
        """A row for each run."""
        header = ["run", "recipe", "data", "state", "differs", "step", "score", "age"]
        rows = [
            [
                run.name,
                f"{run.variant}.{run.recipe}",
                run.data,
                run.state.name,
                ", ".join(f"{key}={value}" for key, value in run.differing.items()),
                run.state.progress,
                "" if run.score is None else str(run.score),
                run.age,
            ]
            for run in self.runs
        ]
        return ScoreTable("", header, rows, 5, notes=self.problems)

    def _repr_html_(self) -> str:
        return self.table().html()

    def to_json(self) -> str:
        """All rows as JSON."""
        return json.dumps([run.to_dict() for run in self.runs], indent=1) + "\n"


def list_runs(folder: str | Path = RUNS, sort: str = "age") -> RunList:
    """The runs in a folder and its subfolders: `ganzoo.list_runs()`.

    sort: age (the newest first), name, recipe, data, step, state, score (the best first), or a recipe key. Raises
    GanzooError if the folder does not exist, and for an unknown key.
    """
    root = typed_path(folder)
    if not root.is_dir():
        raise GanzooError(f"{root} is not a folder: name one that contains run folders.")
    found, problems = [], []
    for path in run_folders(root):
        try:
            found.append(_listed(path, root))
        except GanzooError as error:
            problems.append(printable(str(error)))
    return RunList(_sorted(_with_differences(found), sort), problems)


def run_folders(root: Path) -> Iterator[Path]:
    """The run folders in a folder, which may be one itself; those of `ganzoo bench` are two levels below."""
    waiting, seen = [(root, 0)], 0
    while waiting and seen < MOST:
        here, depth = waiting.pop(0)
        seen += 1
        if (here / "recipe.json").is_file():
            yield here
        elif depth < DEEPEST:
            try:
                inner = [path for path in here.iterdir() if path.is_dir() and not path.name.startswith(".")]
            except OSError:
                continue
            # Of links only those in the folder itself are followed, as others may lead back above it.
            followed = [path for path in inner if depth == 0 or not path.is_symlink()]
            waiting += [(path, depth + 1) for path in sorted(followed, key=_natural)]


def _natural(path: Path) -> list[Any]:
    """A key by which run-10 comes after run-9."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d{1,15})", path.name)]


def _listed(path: Path, root: Path) -> ListedRun:
    trust.check_links(path)
    info = read_info(path / "recipe.json")
    data = info["data"]
    kind = flat(info["recipe"]).get("data.kind")
    return ListedRun(
        path=path,
        # Never cut, as it is what is typed next.
        name=printable(path.name if path == root else str(path.relative_to(root))),
        variant=_shown(info["variant"]),
        recipe=_shown(info["recipe_name"]),
        data=_shown(f"{data.get('name', '?')}{f':{kind}' if kind else ''}"),
        state=state_of(path, info),
        score=_score(path, str(data.get("modality", ""))),
        recipe_keys=flat(info["recipe"]),
    )


def _score(path: Path, modality: str) -> MainScore | None:
    try:
        content = read_scores(path / "scores.json")
    except GanzooError:
        return None
    row = main_row(content["scores"], registry.modality(modality).criteria) if content else None
    if row is None:
        return None
    full = _shown(row["name"])
    return MainScore(full.partition("[")[0], full, row["value"], row.get("error"), row["better"])


def _shown(value: object) -> str:
    text = printable(str(value)[: LONGEST + 1])
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _with_differences(runs: Sequence[ListedRun]) -> list[ListedRun]:
    """The runs, each with its values of the keys in which those of its variant differ."""
    found = []
    for run in runs:
        same = [other.recipe_keys for other in runs if other.variant == run.variant]
        keys = differing_keys(same)
        differing = {_shown(key): _shown(value_text(run.recipe_keys[key])) for key in keys if key in run.recipe_keys}
        found.append(ListedRun(**{**vars(run), "differing": differing}))
    return found


def _sorted(runs: list[ListedRun], sort: str) -> list[ListedRun]:
    if sort == "score":
        return sorted(runs, key=_by_score)
    plain: dict[str, Any] = {
        "age": lambda run: -run.state.updated,
        "name": lambda run: _comparable(_natural(Path(run.name))),
        "recipe": lambda run: (run.variant, run.recipe),
        "data": lambda run: run.data,
        "step": lambda run: -run.state.step,
        "state": lambda run: run.state.name,
    }
    if sort in plain:
        return sorted(runs, key=plain[sort])
    known = {key for run in runs for key in run.recipe_keys}
    if sort not in known:
        raise unknown("key to sort by", sort, [*COLUMNS, *known])
    return sorted(runs, key=lambda run: _comparable([run.recipe_keys.get(sort)]))


def _by_score(run: ListedRun) -> tuple[int, str, float]:
    """Runs of the same score together, the best first; those without one last."""
    score = run.score
    if score is None:
        return 1, "", 0.0
    if isinstance(score.better, str):
        return 0, score.full_name, -score.value if score.better == "higher" else score.value
    return 0, score.full_name, abs(score.value - score.better)


def _comparable(parts: Sequence[Any]) -> list[tuple[int, float, str]]:
    """Values of different types in an order: numbers, texts, nothing."""
    return [
        (0, float(part), "") if isinstance(part, (int, float)) else (2 if part is None else 1, 0.0, str(part))
        for part in parts
    ]


def format_age(seconds: float) -> str:
    """A time in its largest unit: `5 min`."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
