"""A benchmark's grid: which variants are trained on which data with which seeds."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ganzoo.api.bench.sweep import Combination, combinations, text_of
from ganzoo.api.planning import Plan, plan
from ganzoo.errors import GanzooError, unknown
from ganzoo.files.typed import require_readable_kind, typed_path
from ganzoo.zoo import registry

KEYS = ("variants", "datasets", "seeds", "steps", "set", "sweep", "cells", "metrics")
INIT_KEYS = ("init_from", "init_players", "init_raw")
CELL_KEYS = ("variant", "dataset", "set", "label", *INIT_KEYS)
LABEL = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")


def distinction(swept: Mapping[str, Any], label: str, init: Mapping[str, Any]) -> str:
    """What tells a group from others of its recipe and data set: swept values, the label, or the initial weights."""
    values = ", ".join(f"{key}={text_of(value)}" for key, value in swept.items())
    return values or label or (f"from {init['init_from']}" if init else "")


@dataclass(frozen=True)
class Group:
    """What is trained once for each seed: a variant's recipe on a data set, with keys of its own.

    variant: `NAME.RECIPE`. dataset: as `--dataset` takes it. label: distinguishes groups of one recipe and data set.
    swept: those of the keys that `[sweep]` varies. init: the arguments of `plan` that say which weights training starts
    from; `{seed}` in init_from is the seed.
    """

    variant: str
    dataset: str
    label: str = ""
    set: Mapping[str, Any] = field(default_factory=dict)
    swept: Mapping[str, Any] = field(default_factory=dict)
    init: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """`VARIANT.RECIPE on DATASET (NOTE)`."""
        return f"{self.variant} on {self.dataset}" + (f" ({self.note})" if self.note else "")

    @property
    def note(self) -> str:
        """What distinguishes it, for people."""
        return distinction(self.swept, self.label, self.init)

    @property
    def folder(self) -> str:
        """`VARIANT.RECIPE-DATASET[-LABEL]`, in characters that every file system accepts."""
        name, colon, argument = self.dataset.partition(":")
        dataset = f"{name}-{Path(argument).stem}" if colon else Path(name).stem
        dataset = re.sub(r"[^a-z0-9._-]+", "-", dataset.lower()).strip("-.") or "data"
        return "-".join([self.variant, dataset, *([self.label] if self.label else [])])


_Wanted = tuple[str, str, Combination, Mapping[str, Any], Mapping[str, Any]]
"""The arguments of a group: variant, data set, combination of the sweep, recipe keys, and what it starts from."""


@dataclass(frozen=True)
class Cell:
    """One training run of a group."""

    group: Group
    seed: int

    @property
    def title(self) -> str:
        """The group's title and the seed."""
        return f"{self.group.title}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """The folder of its run, within the benchmark's folder."""
        return Path(self.group.folder) / f"seed-{self.seed}"


@dataclass(frozen=True)
class Grid:
    """The groups, the seeds that each is trained with, and the groups left out, each with the reason.

    metrics: what the samples are scored by, as `--metrics` takes it; None for the fast ones.
    """

    groups: tuple[Group, ...]
    seeds: tuple[int, ...]
    left_out: tuple[tuple[Group, str], ...] = ()
    name: str = "grid"
    metrics: str | None = None

    @cached_property
    def cells(self) -> list[Cell]:
        """Every training run, group by group."""
        return [Cell(group, seed) for group in self.groups for seed in self.seeds]

    def shard(self, number: int, count: int) -> list[Cell]:
        """Part `number` (from 1) of `count`, the same in every process: every count-th cell, ordered by seed."""
        if not 1 <= number <= count:
            raise GanzooError(f"shard {number}/{count}: the first number must be from 1 to the second.")
        taken = self.cells[number - 1 :: count]
        return sorted(taken, key=lambda cell: self.seeds.index(cell.seed))


def parse_shard(text: str) -> tuple[int, int]:
    """`"2/5"` as (2, 5); GanzooError for anything else."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise GanzooError(f"--shard {text!r}: write it as i/n with i from 1 to n, for example --shard 1/4.")
    return int(match[1]), int(match[2])


def cell_plan(cell: Cell, **options: Any) -> Plan:
    """The plan of `ganzoo train VARIANT.RECIPE --dataset D --seed S --set ...`. options: fields of RunOptions."""
    group, init = cell.group, dict(cell.group.init)
    if init:
        init["init_from"] = init["init_from"].replace("{seed}", str(cell.seed))
    return plan(group.variant, dataset=group.dataset, seed=cell.seed, set=group.set, **init, **options)


def read_grid(source: str | Path | Mapping[str, Any]) -> Grid:
    """The grid in a TOML file, or in the same keys as a mapping.

    Raises GanzooError, one line that names the file, for any error in it.
    """
    if isinstance(source, Mapping):
        return make_grid(source)
    path = typed_path(source)
    require_readable_kind(path)
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise GanzooError(f"cannot read the grid {path}: {reason}.") from error
    except tomllib.TOMLDecodeError as error:
        raise GanzooError(f"{path} is not valid TOML: {' '.join(str(error).split())}.") from error
    try:
        return make_grid(values, path.stem)
    except GanzooError as error:
        raise GanzooError(f"{path}: {error}") from error


def make_grid(values: Mapping[str, Any], name: str = "grid") -> Grid:
    """The grid that `values` describe. Raises GanzooError for unknown keys, names and values, and without cells."""
    for key in values:
        if key not in KEYS:
            raise unknown("grid key", key, KEYS)
    variants, datasets = _texts(values, "variants"), _texts(values, "datasets")
    if bool(variants) != bool(datasets):
        given, missing = ("variants", "datasets") if variants else ("datasets", "variants")
        raise GanzooError(f"{given} without {missing}: list both, or only [[cells]].")
    common = dict(_table(values, "set", "set"))
    if "steps" in values:
        common = {"steps": _whole(values["steps"], "steps", 1)} | common
    swept = combinations(_swept(values), common)
    if "sweep" in values and not variants:
        raise GanzooError("sweep varies what variants and datasets list: list both.")
    grid = itertools.product(variants, datasets, swept)
    wanted: list[_Wanted] = [(variant, dataset, each, {**common, **each.keys}, {}) for variant, dataset, each in grid]
    wanted += [_cell(cell, number, common) for number, cell in enumerate(_cells(values), 1)]
    if not wanted:
        raise GanzooError("nothing to train: list variants and datasets, or [[cells]].")
    seeds = _seeds(values)
    groups: list[Group] = []
    left_out: list[tuple[Group, str]] = []
    for each in wanted:
        group = _group(*each, seeds)
        reason = unsuited(group)
        if reason:
            left_out.append((group, reason))
        else:
            groups.append(group)
    _require_distinct(groups)
    if not groups:
        reasons = "; ".join(dict.fromkeys(reason for _, reason in left_out))
        raise GanzooError(f"nothing to train: no variant takes any of the data sets ({reasons}).")
    return Grid(tuple(groups), seeds, tuple(left_out), name, ",".join(_texts(values, "metrics")) or None)


def unsuited(group: Group) -> str:
    """Why the variant cannot use the data, as far as is known before they are read; empty if no reason is known."""
    planned = cell_plan(Cell(group, 0))
    variant, data = planned.variant, registry.datasets().find(planned.recipe.data.name)
    if data.modality not in variant.modalities:
        return f"{variant.name} takes {' and '.join(variant.modalities)} data, and {data.name} is {data.modality} data"
    if variant.needs_labels and not data.labelled:
        return f"{variant.name} needs class labels, and {data.name} has none"
    return ""


def _group(
    variant: str,
    dataset: str,
    combination: Combination,
    keys: Mapping[str, Any],
    init: Mapping[str, Any],
    seeds: tuple[int, ...],
) -> Group:
    """The group with its full recipe name, checked: every name is known and every value in range."""
    try:
        planned = plan(variant, dataset=dataset, set=keys)
        name = f"{planned.variant.name}.{planned.recipe_name}"
        group = Group(name, dataset, combination.label, keys, combination.keys, init)
        for seed in seeds:
            cell_plan(Cell(group, seed))
    except GanzooError as error:
        raise GanzooError(f"{variant} on {dataset}: {error}") from error
    return group


def _require_distinct(groups: list[Group]) -> None:
    seen: set[str] = set()
    for group in groups:
        if group.folder in seen:
            raise GanzooError(f"two cells would be trained in {group.folder}: leave one out, or give one a label.")
        seen.add(group.folder)


def _cells(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    cells = values.get("cells", [])
    if not isinstance(cells, list) or not all(isinstance(cell, Mapping) for cell in cells):
        raise GanzooError("cells must be tables: start each with [[cells]].")
    return cells


def _cell(cell: Mapping[str, Any], number: int, common: Mapping[str, Any]) -> _Wanted:
    where = f"cells, number {number}"
    for key in cell:
        if key not in CELL_KEYS:
            raise GanzooError(f"{where}: {unknown('key', key, CELL_KEYS)}")
    for key in ("variant", "dataset"):
        if not isinstance(cell.get(key), str) or not cell[key]:
            raise GanzooError(f'{where}: {key} must be a name in quotes, as {key} = "digits".')
    label = cell.get("label", "")
    if not isinstance(label, str) or (label and not LABEL.fullmatch(label)):
        raise GanzooError(f"{where}: label must be lower-case letters, digits and single hyphens, not {label!r}.")
    keys = {**common, **_table(cell, "set", f"{where}: set")}
    return cell["variant"], cell["dataset"], Combination(label), keys, _init(cell, where)


def _init(cell: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The keys of a cell that say which weights it starts from."""
    found = {key: cell[key] for key in INIT_KEYS if key in cell}
    if found and not (isinstance(found.get("init_from"), str) and found["init_from"]):
        raise GanzooError(f'{where}: init_from must be a path in quotes, as init_from = "runs/dcgan-mnist-1".')
    if not isinstance(found.get("init_raw", False), bool):
        raise GanzooError(f"{where}: init_raw must be true or false.")
    if "init_players" in found:
        found["init_players"] = _texts(found, "init_players")
    return found


def _texts(values: Mapping[str, Any], key: str) -> list[str]:
    given = values.get(key, [])
    if not isinstance(given, (list, tuple)) or not all(isinstance(text, str) and text for text in given):
        raise GanzooError(f'{key} must be a list of names in quotes, as {key} = ["digits"].')
    if key in values and not given:
        raise GanzooError(f"{key} is empty: name at least one, or leave the key out.")
    for text in given:
        if list(given).count(text) > 1:
            raise GanzooError(f"{key} names {text!r} twice.")
    return list(given)


def _table(values: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    given = values.get(key, {})
    if not isinstance(given, Mapping):
        raise GanzooError(f'{where} must be a table of recipe keys, as [set] with "g.lr" = 1e-4 below it.')
    flat = dict(_flat(given))
    for name in ("seed", "steps") if where == "set" else ("seed",):
        if name in flat:
            raise GanzooError(
                f"{where}: {name} is a top-level key of the grid: use {name}{'s' * (name == 'seed')} there."
            )
    return flat


def _swept(values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of [sweep], dotted."""
    given = values.get("sweep", {})
    if not isinstance(given, Mapping) or ("sweep" in values and not given):
        raise GanzooError('sweep must be a table of recipe keys with lists, as [sweep] with "g.lr" = [1e-4, 2e-4].')
    return dict(_flat(given))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys, so that a cell's `g.lr` overrides the grid's and keeps its `g.betas`."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _seeds(values: Mapping[str, Any]) -> tuple[int, ...]:
    given = values.get("seeds")
    if not isinstance(given, (list, tuple)) or not given:
        raise GanzooError("seeds must be a list of whole numbers, as seeds = [0, 1, 2].")
    seeds = tuple(_whole(seed, "seeds", 0) for seed in given)
    if len(set(seeds)) < len(seeds):
        raise GanzooError("seeds has a number twice.")
    return seeds


def _whole(value: Any, name: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise GanzooError(f"{name} must be whole numbers of at least {least}, not {value!r}.")
    return value
