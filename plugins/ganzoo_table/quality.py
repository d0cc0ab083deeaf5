"""SDMetrics' reports on a table: are its columns, and pairs of columns, like the real ones, and its values valid?"""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.errors import GanzooError

from .columns import NUMERIC, Column, decode

ROWS = 50_000
"""SDMetrics takes random rows of more, not always the same."""


def compute(samples: Samples) -> Measured:
    """The scores of SDMetrics' Quality Report and of its Diagnostic Report. Raises GanzooError if it is missing."""
    try:
        from sdmetrics.reports import DiagnosticReport, QualityReport
    except ImportError as error:
        raise GanzooError("table-quality needs SDMetrics: pip install 'ganzoo[table]'.") from error
    columns = samples.spec.note["columns"]
    x, train = (_rows(samples, split) for split in (samples.reference, "train"))
    # What is valid (ranges, categories) follows from the training rows.
    real, known, fake = frame(x, columns), frame(train, columns), frame(samples.fake[:ROWS], columns)
    types = {
        column["name"]: {"sdtype": "numerical" if column["kind"] in NUMERIC else "categorical"} for column in columns
    }
    metadata: dict[str, Any] = {"tables": {"rows": {"columns": types}}}
    quality, diagnostic = QualityReport(), DiagnosticReport()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quality.generate({"rows": real}, {"rows": fake}, metadata, verbose=False)
        diagnostic.generate({"rows": known}, {"rows": fake}, metadata, verbose=False)
    scores = dict(quality.get_properties().itertuples(index=False, name=None))
    values = {
        "column-shapes": float(scores["Column Shapes"]),
        "column-pairs": float(scores["Column Pair Trends"]),
        "table-quality": float(quality.get_score()),
        "validity": float(diagnostic.get_score()),
    }
    # A table of one column has no pairs.
    values = {name: value for name, value in values.items() if not np.isnan(value)}
    return Measured(values, n_real=len(x), split=samples.reference, sdmetrics=version("sdmetrics"))


def _rows(samples: Samples, split: str) -> torch.Tensor:
    dataset = samples.real(split)
    x: torch.Tensor = dataset.batch(subset(dataset.count, ROWS))["x"]
    return x


def frame(x: torch.Tensor, columns: list[Column]) -> Any:
    """Rows `[N, D]` as a pandas.DataFrame; missing values are NaN or None, dates are numbers."""
    import pandas

    made = {}
    for column, values in zip(columns, decode(x.cpu().numpy(), columns), strict=True):
        if column["kind"] in NUMERIC:
            made[column["name"]] = values
        else:
            made[column["name"]] = np.array([*column["values"], None], dtype=object)[values]
    return pandas.DataFrame(made)
