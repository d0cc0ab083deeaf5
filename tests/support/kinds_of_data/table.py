"""A table of mixed columns: a kind of data, a data set that reads .csv files, a metric, and a GAN on it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, TwoPlayerRecipe
from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec, Variant


def made_up() -> list[dict[str, str]]:
    """200 people whose height depends on their group."""
    import random

    rng = random.Random(0)
    rows = []
    for _ in range(200):
        group = rng.choice("abc")
        height = rng.gauss({"a": 150, "b": 170, "c": 190}[group], 5)
        rows.append({"height": f"{height:.1f}", "group": group})
    return rows


def load(data: Data, root: Path, split: str) -> Any:
    """The rows of the .csv file at data.path, or made-up ones. Every fifth is held out."""
    import torch

    from ganzoo.data.common import check_request
    from ganzoo.data.dataset import Dataset

    check_request("people", data, split, argument="path")
    rows = read_rows(Path(data.path)) if data.path else made_up()
    columns = {name: describe([row[name] for row in rows]) for name in rows[0]}
    width = sum(len(column.get("values", "1")) for column in columns.values())
    spec = DataSpec("people", "rows", (width,), range=None, note={"columns": columns})
    kept = [row for number, row in enumerate(rows) if (number % 5 == 4) == (split == "test")]
    return Dataset({"x": torch.tensor([encode(row, columns) for row in kept])}, spec)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a .csv file with a header. Raises GanzooError for anything else."""
    from ganzoo.errors import GanzooError

    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GanzooError(f"{path} cannot be read as a table: {error}.") from error
    if not rows or any(None in row or None in row.values() for row in rows):
        raise GanzooError(f"{path} is no table: give it a header, and each row as many values.")
    return rows


def describe(values: list[str]) -> dict[str, Any]:
    """A column of numbers by its mean and standard deviation, any other by its values."""
    import statistics

    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return {"values": sorted(set(values))}
    return {"mean": statistics.fmean(numbers), "deviation": statistics.pstdev(numbers) or 1.0}


def encode(row: dict[str, str], columns: dict[str, Any]) -> list[float]:
    """A row as numbers: standardised, or one for each value. Raises KeyError or ValueError if it does not fit."""
    found: list[float] = []
    for name, column in columns.items():
        if "values" in column:
            column["values"].index(row[name])
            found += [float(value == row[name]) for value in column["values"]]
        else:
            found.append((float(row[name]) - column["mean"]) / column["deviation"])
    return found


def decode(x: Any, columns: dict[str, Any]) -> list[dict[str, str]]:
    rows = []
    for numbers in x.tolist():
        row, at = {}, 0
        for name, column in columns.items():
            width = len(column.get("values", "1"))
            part = numbers[at : at + width]
            if "values" in column:
                row[name] = column["values"][part.index(max(part))]
            else:
                row[name] = f"{part[0] * column['deviation'] + column['mean']:.1f}"
            at += width
        rows.append(row)
    return rows


def load_modality(name: str) -> Any:
    import torch

    from ganzoo.errors import GanzooError
    from ganzoo.modalities import Modality

    class Table(Modality):
        example_dataset = "people"
        file_endings = (".csv",)

        def write_file(self, x: Any, spec: DataSpec, path: Path, labels: Any = None) -> None:
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(spec.note["columns"]))
                writer.writeheader()
                writer.writerows(decode(x, spec.note["columns"]))

        def read(self, path: Path, spec: DataSpec) -> Any:
            if path.suffix != ".csv":
                return super().read(path, spec)
            rows = read_rows(path)
            try:
                x = torch.tensor([encode(row, spec.note["columns"]) for row in rows])
            except (KeyError, ValueError) as error:
                raise GanzooError(f"{path} does not have the columns of {spec.name}: {error}.") from error
            return x, [str(number) for number in range(1, len(rows) + 1)]

        def vectors(self, x: Any) -> Any:
            return x.float()

    return Table(name)


def column_distance(samples: Any) -> dict[str, float]:
    real = samples.real(samples.reference).arrays["x"].float()
    return {"means": float((samples.fake.mean(0) - real.mean(0)).abs().max())}


def build(recipe: TwoPlayerRecipe, data: DataSpec) -> Any:
    from torch import nn

    from ganzoo.games import TwoPlayer

    width = data.shape[0]
    g = nn.Sequential(nn.Linear(recipe.latent, 32), nn.ReLU(), nn.Linear(32, width))
    d = nn.Sequential(nn.Linear(width, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Flatten(0))
    return TwoPlayer.from_recipe(g, d, recipe, data)


@hookimpl
def ganzoo_modalities() -> list[ModalitySpec]:
    return [ModalitySpec("rows", "Rows of a table, as numbers [N, D].", load_modality)]


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            "people", "A table.", "none", "rows", load, argument="path", test=True, endings=(".csv",), downloads=False
        )
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    return [MetricSpec("columns", "Means of the columns.", "none", ("rows",), column_distance, {"means": "lower"})]


@hookimpl
def ganzoo_variants() -> list[Variant]:
    recipes = {"people": TwoPlayerRecipe(data=Data(name="people"), steps=30, batch=16, latent=8, ema=0.0)}
    return [Variant("table-gan", "A GAN on rows of a table.", "none", ("rows",), recipes, build)]
