"""Runs side by side: one table in which only comparable scores share a column, and one picture."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ganzoo.api.compared_run import Row, keys_to_show
from ganzoo.api.seed_groups import SeedGroups, group_by_seed, spreads_of, title_of
from ganzoo.errors import GanzooError, printable, unknown
from ganzoo.evaluation.comparability import Column, columns_of
from ganzoo.evaluation.ideals import best_of, decides
from ganzoo.evaluation.records import preferred
from ganzoo.evaluation.score_tables import ERRORS
from ganzoo.evaluation.scoring import key_of
from ganzoo.files import checkpoint
from ganzoo.files.atomic import reason, write_first_free, write_new
from ganzoo.files.new_files import require_absent
from ganzoo.files.typed import typed_path
from ganzoo.pictures.comparison import Panel, panels_figure
from ganzoo.pictures.group_figure import GroupPanel, draw_groups
from ganzoo.pictures.plots import FIGURES, figure_bytes
from ganzoo.pictures.sheets import read
from ganzoo.pictures.spreads import Section, Spread
from ganzoo.pictures.tables import ScoreTable, format_mean, format_number
from ganzoo.runs.run import Run
from ganzoo.zoo import registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure


HEADER = ["run", "recipe", "data", "step", "weights", "seconds"]


@dataclass(frozen=True)
class Comparison:
    """Runs and their scores.

    legend: the differences between columns of the same name. hints: what is missing, and the command that provides it.
    """

    rows: list[Row]
    columns: list[Column]
    legend: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return self.table().text()

    def _repr_html_(self) -> str:
        return self.table().html()

    def table(self) -> ScoreTable:
        """A row for each run and one for real data; the best value of a column is marked if several runs have one."""
        keys = keys_to_show(self.rows)
        header = [*HEADER[:3], *keys, *HEADER[3:]]
        rows = [
            [row.path, row.name, row.data, *(row.value(key) for key in keys)]
            + [_format(row.step), row.weights, _format(row.seconds, 3)]
            + [_format_score(row.scores.get(c.key)) for c in self.columns]
            for row in self.rows
        ]
        marked = frozenset((number, len(header) + i) for i, c in enumerate(self.columns) for number in self.best(c))
        real = [self.real_value(column) for column in self.columns]
        if any(real):
            rows.append(["real data", *[""] * (len(header) - 1), *real])
        known = any(score.get("error") is not None for row in self.rows for score in row.scores.values())
        notes = [*([ERRORS] if known else []), *self.legend, *self.hints]
        return ScoreTable("", [*header, *[c.title for c in self.columns]], rows, 3 + len(keys), marked, notes)

    def groups(self, each: bool = False) -> SeedGroups:
        """The runs that differ in their seed only, together, with mean and standard deviation of their scores.

        each: every run by itself.
        """
        return group_by_seed(self.rows, self.columns, [*self.legend, *self.hints], each)

    def best(self, column: Column) -> list[int]:
        """Numbers of the rows with the best value of a column; none if only one has a value."""
        found = {n: row.scores[column.key]["value"] for n, row in enumerate(self.rows) if column.key in row.scores}
        if len(found) < 2 or not decides(column.better):
            return []
        wanted = best_of(column.better, found.values())
        return [number for number, value in found.items() if value == wanted]

    def real_value(self, column: Column) -> str:
        """The score of real data in a column; lowest and highest if the runs' real samples differ."""
        scores = [row.scores[column.key] for row in self.rows if column.key in row.scores]
        found = {score["real"]: score.get("real_error") for score in scores if score.get("real") is not None}
        texts = list(dict.fromkeys(format_mean(value, found[value]) for value in sorted(found)))
        return texts[0] if len(texts) == 1 else f"{texts[0]} to {texts[-1]}" if texts else ""

    def to_json(self) -> str:
        """Everything in the table, with the complete protocol of each column."""
        columns = [
            {
                "title": column.title,
                "name": column.name,
                "better": column.better,
                "protocol": json.loads(column.key)[1],
                "best": [self.rows[number].path for number in self.best(column)],
            }
            for column in self.columns
        ]
        runs = [
            {
                "run": row.path,
                "recipe": row.name,
                "data": row.data,
                "keys": {key: row.keys[key] for key in keys_to_show(self.rows) if key in row.keys},
                "step": row.step,
                "weights": row.weights,
                "seconds": row.seconds,
                "cpu_seconds": row.cpu_seconds,
                "scores": self._parts(row, "value"),
                "errors": self._parts(row, "error"),
                "real": self._parts(row, "real"),
                "real_errors": self._parts(row, "real_error"),
            }
            for row in self.rows
        ]
        found = {"runs": runs, "columns": columns, "legend": self.legend, "hints": self.hints}
        return json.dumps(found, indent=1) + "\n"

    def _parts(self, row: Row, part: str) -> dict[str, Any]:
        return {c.title: row.scores[c.key].get(part) for c in self.columns if c.key in row.scores}

    def figure(self) -> Figure:
        """The runs' sample sheets side by side, each above its losses, and below them the scores over the steps."""
        labels = self.groups(each=True).labels
        return panels_figure([_panel(row, label) for row, label in zip(self.rows, labels, strict=True)])

    def groups_figure(self) -> Figure:
        """A sheet of each group of seeds, the scores with standard deviations, and below them those over the steps."""
        found = self.groups()
        panels = [
            GroupPanel(label, _picture(group.first)[0], [row.run.evaluations() for row in group.rows])
            for label, group in zip(found.labels, found.groups, strict=True)
        ]
        spreads = [Spread(title_of(column), rows, real) for column, rows, real in spreads_of(found)]
        return draw_groups(panels, Section("", found.labels, spreads))

    def draw(self, path: str | Path | None = None, by_seed: bool = False) -> Path:
        """Write the picture to `path`, or to the first free one of compare.png, compare-1.png, ...; returns the path.

        by_seed: draw groups of runs that differ in their seed only. Raises GanzooError if `path` exists, does not end
        in .png, .pdf or .svg, or cannot be written.
        """
        target = require_picture(path)
        content = figure_bytes(self.groups_figure() if by_seed else self.figure(), target.suffix)
        try:
            if path is None:
                return write_first_free(_free_names(), content)
            write_new(target, content, parents=False)
        except FileExistsError:
            require_picture(path)
            raise
        except OSError as error:
            raise GanzooError(f"cannot write {target}: {reason(error)}.") from error
        return target


def compare(
    runs: Iterable[Run | str | Path], *, best: bool = False, metrics: Sequence[str] | str | None = None
) -> Comparison:
    """Put runs side by side: `ganzoo.compare(["runs/dcgan-digits-1", "runs/wgan-digits-1"]).draw()`.

    Scores with different protocols are never in one column. A run whose scores are damaged has none, and a hint names
    the file. best: the states that `--eval-every` found best, with their scores-best.json. metrics: names of scores
    (fd, precision) to show, in this order; all by default. Raises GanzooError if there are no runs, one is not a run,
    or one is named twice.
    """
    opened = [run if isinstance(run, Run) else Run.open(run) for run in runs]
    if not opened:
        raise GanzooError("nothing to compare: name at least one run folder.")
    for number, run in enumerate(opened):
        if any(run.path.resolve() == other.path.resolve() for other in opened[:number]):
            raise GanzooError(f"{run.path} is named twice: leave one out.")
    used = [run.best() if best else run for run in opened]
    read = [_scores(run) for run in used]
    found = [scores for scores, _ in read]
    columns, legend = columns_of(score for scores in found for score in scores)
    columns = _chosen(columns, metrics.split(",") if isinstance(metrics, str) else metrics)
    rows = [_row(run, scores) for run, scores in zip(used, found, strict=True)]
    hints = [hint for row, (_, damage) in zip(rows, read, strict=True) for hint in _hints(row, damage)]
    return Comparison(rows, columns, legend, hints)


def _chosen(columns: list[Column], names: Sequence[str] | None) -> list[Column]:
    """The columns of these scores, by their names without features, in any case; all without names."""
    if names is None:
        return columns
    known = {column.name.partition("[")[0].casefold(): column.name.partition("[")[0] for column in columns}
    chosen = []
    for name in names:
        if name.strip().casefold() not in known:
            raise unknown("score", name.strip(), known.values())
        chosen += [c for c in columns if c.name.partition("[")[0].casefold() == name.strip().casefold()]
    return chosen


def require_picture(path: str | Path | None) -> Path:
    """A path at which a picture can be written. Raises GanzooError as `Comparison.draw` does."""
    if path is None:
        return next(target for target in _free_names() if not target.exists())
    target = typed_path(path)
    if target.suffix not in FIGURES:
        raise GanzooError(f"{target}: end the name in .png, .pdf or .svg.")
    require_absent(target)
    if not target.parent.is_dir():
        raise GanzooError(f"{target.parent} is not a folder: create it first.")
    return target


def _free_names() -> Iterator[Path]:
    yield Path("compare.png")
    yield from (Path(f"compare-{number}.png") for number in itertools.count(1))


def _scores(run: Run) -> tuple[list[dict[str, Any]], str]:
    """The rows of a run's file of scores, and what is wrong with the file; "" if nothing is."""
    try:
        content = run.scores
    except GanzooError:
        return [], f"{printable(str(run.scores_file))} is damaged, so its scores are not shown"
    return [] if content is None else preferred(content["scores"]), ""


def _row(run: Run, scores: list[dict[str, Any]]) -> Row:
    protocol = scores[0]["protocol"] if scores else {}
    step = protocol.get("step", last_step(run))
    logged = [record for record in run.metrics() if step is None or record["step"] <= step]
    last = logged[-1] if logged else {}
    weights = protocol.get("weights") or ("ema" if run.info["recipe"].get("ema") else "raw")
    return Row(
        run, step, weights, last.get("seconds"), last.get("cpu_seconds"), {key_of(score): score for score in scores}
    )


def last_step(run: Run) -> int | None:
    """The step of the newest checkpoint, without reading it; None if there is none yet."""
    return max(checkpoint.found(run.checkpoints), default=None)


def _hints(row: Row, damage: str) -> list[str]:
    command = f"`ganzoo eval {row.path}{' --best' if row.run.at_best else ''}`"
    newest = last_step(row.run)
    if damage:
        return [f"{damage}: {command}."]
    if not row.scores:
        return [f"{row.path} has no scores: {command}."]
    if newest is not None and row.step != newest:
        return [f"the scores of {row.path} are of step {row.step}, and it is at step {newest}: {command}."]
    return []


def _panel(row: Row, label: str) -> Panel:
    # The end of a path tells the runs of a grid apart, and the values of their keys say how.
    title = f"{_shorten(row.path)}\n{_shorten(label, 52) if '=' in label else f'{row.name} on {row.data}'}"
    return Panel(title, *_picture(row), row.run.metrics(), row.run.evaluations())


def _picture(row: Row) -> tuple[Image.Image | None, str]:
    """A sheet of samples, and a caption."""
    run, step = row.run, row.step
    if run.at_best and step is not None:
        drawn = run.path / "samples" / f"{step:06d}.png"
        if drawn.is_file():
            return read(drawn), f"step {step} (best)"
        picture = registry.modality(run.data.modality).picture(run.sample(64), run.data)
        if picture is not None:
            return picture, f"step {step} (best)"
    newest = max((record["step"] for record in run.metrics()), default=None)
    return read(run.path / "samples.png"), "" if newest is None else f"step {newest}"


def _shorten(path: str, width: int = 40) -> str:
    return path if len(path) <= width else "…" + path[1 - width :]


def _format_score(score: dict[str, Any] | None) -> str:
    return "" if score is None else format_mean(score["value"], score.get("error"))


def _format(value: float | int | None, digits: int = 4) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else format_number(value, digits)
