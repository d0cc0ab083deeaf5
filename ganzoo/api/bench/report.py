"""The report on a benchmark: mean and standard deviation over seeds, scores of real data, cost, and missing cells."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.api.bench import cells
from ganzoo.api.bench.grid import Cell, Grid, Group, distinction
from ganzoo.errors import GanzooError
from ganzoo.evaluation.comparability import Column, columns_of
from ganzoo.evaluation.ideals import decides
from ganzoo.evaluation.ideals import describe as better_in_words
from ganzoo.evaluation.records import preferred
from ganzoo.evaluation.scoring import key_of
from ganzoo.files.atomic import reason, write_atomically
from ganzoo.machine.facts import machine
from ganzoo.pictures.plots import figure_bytes
from ganzoo.pictures.spreads import Section, Spread, draw_sections
from ganzoo.pictures.tables import ScoreTable, format_mean
from ganzoo.runs.run import Run

REAL = "real data"

OVER_SEEDS = "±: standard deviation over seeds."
DEVIATIONS = "±: standard deviation over seeds; of real data, standard error because of the number of samples."


def make_report(grid: Grid, out: Path, source: str | Path | None = None) -> dict[str, Any]:
    """The report as in report.json: command, machine, groups with their scores, what was left out.

    source: the grid's file, for the command. Nothing is trained, and nothing is written.
    """
    # An absolute path on one machine means nothing on another.
    name = "GRID.toml" if source is None else Path(source).name if Path(source).is_absolute() else str(source)
    groups = [describe(group, grid.seeds, out) for group in grid.groups]
    return {
        "command": f"ganzoo bench {name}",
        "machine": machine(),
        "seeds": list(grid.seeds),
        "groups": groups,
        "left_out": [{**identity(group), "why": reason} for group, reason in grid.left_out],
    }


def identity(group: Group) -> dict[str, Any]:
    """What distinguishes a group from the others."""
    return {
        "recipe": group.variant,
        "dataset": group.dataset,
        "label": group.label,
        "set": dict(group.set),
        "sweep": dict(group.swept),
        **({"init": dict(group.init)} if group.init else {}),
    }


@dataclass(frozen=True)
class Finished:
    """What is reported of a finished run. log: its last record of metrics.jsonl, or nothing. precision: as recorded."""

    steps: int
    scores: list[dict[str, Any]]
    log: dict[str, float]
    hardware: dict[str, Any] | None
    precision: str


def read_finished(path: Path) -> Finished:
    """Read a finished run. Raises GanzooError if part of it is damaged."""
    run = Run.open(path)
    hardware, options = run.info.get("hardware"), run.info.get("options")
    found = run.scores or {"scores": []}
    return Finished(
        run.recipe.steps,
        preferred(found["scores"]),
        (run.metrics() or [{}])[-1],
        hardware if isinstance(hardware, dict) else None,
        str(options.get("precision", "auto")) if isinstance(options, dict) else "auto",
    )


def describe(group: Group, seeds: Iterable[int], out: Path) -> dict[str, Any]:
    """A group: its finished seeds, their scores and cost, and the state of the other seeds."""
    runs: dict[int, Finished] = {}
    missing: dict[str, dict[str, str]] = {}
    for seed in seeds:
        cell = Cell(group, seed)
        state = cells.read_state(out, cell)
        if state.status == "finished":
            try:
                runs[seed] = read_finished(out / cell.folder)
            except Exception as error:
                # Whatever is wrong with one folder, the others are reported.
                state = cells.State("failed", cells.describe(error))
        if seed not in runs:
            missing[str(seed)] = {"status": state.status, "message": state.message}
    logs = [run.log for run in runs.values()]
    return {
        **identity(group),
        "folder": group.folder,
        "steps": next((run.steps for run in runs.values()), None),
        "done": list(runs),
        "missing": missing,
        "scores": summarise([run.scores for run in runs.values()]),
        "seconds": spread([log["seconds"] for log in logs if "seconds" in log]),
        "cpu_seconds": spread([log["cpu_seconds"] for log in logs if "cpu_seconds" in log]),
        "hardware": distinct(run.hardware for run in runs.values()),
        "precision": distinct(run.precision for run in runs.values()),
    }


def summarise(seeds: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A row for each score that all seeds of a group have with the same protocol.

    If they have a score only with different protocols, its row has the values alone, not averaged.
    """
    by_name: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for scores in seeds:
        for score in scores:
            by_name.setdefault(score["name"], {}).setdefault(key_of(score), []).append(score)
    rows = []
    for name, by_key in by_name.items():
        most = max(map(len, by_key.values()))
        # With a single protocol, some seeds may lack the score; with several, only one that all seeds have is averaged.
        shared = [found for found in by_key.values() if len(by_key) == 1 or len(found) == most == len(seeds)]
        rows += [_averaged(name, found) for found in shared]
        if not shared:
            found = [score for scores in by_key.values() for score in scores]
            rows.append(_row(name, found) | {"equal_protocols": False})
    return rows


def _averaged(name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    real = [score["real"] for score in found if score.get("real") is not None]
    errors = [score["real_error"] for score in found if score.get("real_error") is not None]
    row = _row(name, found)
    of_real = spread(real) | {"error": statistics.mean(errors) if errors else None}
    return row | spread(row["values"]) | {"real": of_real, "protocol": common_protocol(found)}


def _row(name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "better": found[0].get("better", ""),
        "equal_protocols": True,
        "values": [score["value"] for score in found],
        "errors": [score.get("error") for score in found],
    }


def common_protocol(scores: list[dict[str, Any]]) -> dict[str, Any]:
    """The entries that the protocols of comparable scores have in common: all but their seeds."""
    first = scores[0]["protocol"]
    return {name: value for name, value in first.items() if all(s["protocol"].get(name) == value for s in scores)}


def spread(values: list[float]) -> dict[str, Any]:
    """Number, mean and sample standard deviation (n - 1; None for a single value)."""
    try:
        deviation = statistics.stdev(values) if len(values) > 1 else None
    except OverflowError:
        deviation = None
    return {"n": len(values), "mean": statistics.mean(values) if values else None, "sd": deviation}


def distinct(values: Iterable[Any]) -> list[Any]:
    """Each value once."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def write_report(report: Mapping[str, Any], folder: Path) -> None:
    """Write FOLDER/report.json, report.png and report.md, each atomically. Raises GanzooError."""
    write_json(report, folder / "report.json")
    _write(folder / "report.png", figure_bytes(figure(report), ".png"))
    text = f"# {report['command']}\n\n{describe_machine(report)}\n\n![scores](report.png)\n\n{markdown(report)}"
    _write(folder / "report.md", text)


def write_json(report: Mapping[str, Any], path: Path) -> None:
    """Write the report as JSON, atomically. Raises GanzooError."""
    _write(path, json.dumps(report, indent=1) + "\n")


def _write(path: Path, content: str | bytes) -> None:
    try:
        # The name of the grid's file may be no UTF-8.
        write_atomically(path, content.encode("utf-8", "replace") if isinstance(content, str) else content)
    except OSError as error:
        raise GanzooError(f"cannot write {path}: {reason(error)}.") from error


def describe_machine(report: Mapping[str, Any]) -> str:
    """Machine, version of torch and date, in one line."""
    found = report["machine"]
    parts = [found["processor"], f"{found['cores']} cores", *found["gpus"]]
    threads = distinct(used.get("threads") for group in report["groups"] for used in group["hardware"] if used)
    if len(threads) == 1:
        parts.append(f"{threads[0]} thread{'s' * (threads[0] != 1)} per run")
    return ", ".join([*parts, f"torch {found['versions']['torch']}", found["date"]])


def markdown(report: Mapping[str, Any]) -> str:
    """The report's tables, a section for each data set."""
    parts = []
    for table in tables(report):
        rows = [[f"`{row[0]}`" if row[0] != REAL else row[0], *row[1:]] for row in table.rows]
        parts.append(f"## {table.title}\n\n{dataclasses.replace(table, rows=rows).markdown()}")
    return "\n".join(parts + [f"{line}\n" for line in left_out(report)])


def left_out(report: Mapping[str, Any]) -> list[str]:
    """A line for each combination that was left out."""
    return [f"Left out: {row['recipe']} on {row['dataset']}: {row['why']}." for row in report["left_out"]]


def tables(report: Mapping[str, Any]) -> list[ScoreTable]:
    """A table for each data set: a row for each group and one for real data, a column for each score, then the cost."""
    names = distinct(group["dataset"] for group in report["groups"])
    return [_table(name, [group for group in report["groups"] if group["dataset"] == name]) for name in names]


def _table(dataset: str, groups: list[Mapping[str, Any]]) -> ScoreTable:
    scores = [score for group in groups for score in group["scores"] if score["equal_protocols"]]
    columns, legend = columns_of(scores)
    spaces = distinct(column.name.partition("[")[2].rstrip("]") for column in columns if "[" in column.name)
    # If all are on the same features, these are named once, below, so that the table fits on a screen.
    short = len(spaces) == 1 and not legend
    names = [column.title.partition("[")[0] if short else column.title for column in columns]
    header = ["recipe", "seeds", *names, "seconds", "CPU seconds"]
    rows, notes = [], [*([f"Features: {spaces[0]}."] if short else []), *legend]
    for group in groups:
        by_key = {key_of(score): score for score in group["scores"] if score["equal_protocols"]}
        values = [by_key.get(column.key) for column in columns]
        title = _title(group)
        rows.append(
            [
                title,
                f"{len(group['done'])}/{len(group['done']) + len(group['missing'])}",
                *["" if value is None else format_spread(value) for value in values],
                format_spread(group["seconds"], 3),
                format_spread(group["cpu_seconds"], 3),
            ]
        )
        notes += [f"{title}: {line}" for line in remarks(group)]
    if scores:
        rows.append([REAL, "", *[_real_of(column, groups) for column in columns], "", ""])
        notes += [
            line for column, name in zip(columns, names, strict=True) if (line := _differing(column, name, groups))
        ]
        notes.append(DEVIATIONS if any(score["real"].get("error") is not None for score in scores) else OVER_SEEDS)
    return ScoreTable(dataset, header, rows, left=2, notes=notes)


def _reals(column: Column, groups: list[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The score of real data in a column, by the title of each group that has one."""
    rows = [(group, score) for group in groups for score in group["scores"] if score["equal_protocols"]]
    found = [(_title(group), score["real"]) for group, score in rows if key_of(score) == column.key]
    return {title: real for title, real in found if real["mean"] is not None}


def _alike(reals: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the scores of the groups' real data are the same, as far as they are printed."""
    return len({format_spread({**real, "sd": None}) for real in reals.values()}) < 2


def _real_of(column: Column, groups: list[Mapping[str, Any]]) -> str:
    """The score of real data in a column; "" without any, and if the groups' real data differ."""
    found = _reals(column, groups)
    return _format_real([*found.values()][-1]) if found and _alike(found) else ""


def _differing(column: Column, name: str, groups: list[Mapping[str, Any]]) -> str:
    """A line with the score of real data of each group, where these differ, as those trained on do; else ""."""
    found = _reals(column, groups)
    if _alike(found):
        return ""
    return f"{name} of real data: " + ", ".join(f"{_format_real(real)} for {title}" for title, real in found.items())


def _format_real(real: Mapping[str, Any]) -> str:
    """The score of real data with its standard error, as it is usually the same for every seed."""
    return format_spread(real if real["sd"] else {**real, "sd": real.get("error")})


def _title(group: Mapping[str, Any]) -> str:
    note = distinction(group.get("sweep", {}), group["label"], group.get("init", {}))
    return group["recipe"] + (f" ({note})" if note else "")


def figure(report: Mapping[str, Any]) -> Any:
    """Every score that has a best value as means with standard deviations, a section for each data set."""
    names = distinct(group["dataset"] for group in report["groups"])
    found = [(name, [group for group in report["groups"] if group["dataset"] == name]) for name in names]
    return draw_sections([_section(name, groups) for name, groups in found])


def _section(dataset: str, groups: list[Mapping[str, Any]]) -> Section:
    columns, _ = columns_of(score for group in groups for score in group["scores"] if score["equal_protocols"])
    spreads = []
    for column in columns:
        if not decides(column.better):
            continue
        by_group = [{key_of(s): s for s in group["scores"] if s["equal_protocols"]} for group in groups]
        rows = [found.get(column.key) for found in by_group]
        alike = _alike(_reals(column, groups))
        real = next((row["real"]["mean"] for row in rows if row), None) if alike else None
        means = [None if row is None else (row["mean"], row["sd"]) for row in rows]
        spreads.append(Spread(f"{column.title} ({better_in_words(column.better)})", means, real))
    return Section(dataset, [_title(group) for group in groups], spreads)


def remarks(group: Mapping[str, Any]) -> list[str]:
    """Notes on a group's row: missing cells, scores that could not be averaged, different hardware."""
    words = {"new": "not started", "started": "unfinished"}
    lines = []
    for seed, state in group["missing"].items():
        message = f": {state['message']}" if state["message"] else "."
        lines.append(f"seed {seed} {words.get(state['status'], state['status'])}{message}")
    for score in group["scores"]:
        if not score["equal_protocols"]:
            lines.append(f"{score['name']} is not averaged: its protocol differs between seeds.")
    if len(group["hardware"]) > 1:
        lines.append("the seeds were trained on different hardware, so their seconds are not comparable.")
    if "bf16" in group.get("precision", []):
        lines.append("trained in bf16." if len(group["precision"]) == 1 else "some seeds were trained in bf16.")
    return lines


def format_spread(values: Mapping[str, Any], digits: int = 4) -> str:
    """`mean ± standard deviation` of a row's values; empty without any."""
    return "" if values["mean"] is None else format_mean(values["mean"], values["sd"], digits)
