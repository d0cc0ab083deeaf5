"""A run in one line and as a few lines of HTML, for Python and for notebooks."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError, printable
from ganzoo.evaluation.score_files import read_scores
from ganzoo.evaluation.score_tables import score_table
from ganzoo.files.records import last_record
from ganzoo.pictures.inline import read_picture
from ganzoo.pictures.sheets import newest_sheet
from ganzoo.runs.reading import LOGGED
from ganzoo.runs.state import RUNNING, state_of

LONGEST = 200
WIDEST = 420
"""Pixels of the sheet."""

SCORES = 8


def title_of(info: Mapping[str, Any]) -> str:
    """`VARIANT.RECIPE on DATA`."""
    return _short(f"{info['variant']}.{info['recipe_name']} on {info['data'].get('name', '?')}")


def run_line(path: Path, info: Mapping[str, Any]) -> str:
    """A run in one line."""
    state = state_of(path, info)
    return f"<Run {_short(str(path))}: {title_of(info)}, step {state.progress}, {state.name}>"


def run_html(path: Path, info: Mapping[str, Any], scores_file: Path) -> str:
    """A run with its newest samples, losses and scores. Whatever is in the folder is escaped."""
    state = state_of(path, info)
    parts = [
        f"<p><strong>{html.escape(title_of(info))}</strong><br>"
        f"{state.name}, step {state.progress}, <code>{html.escape(_short(str(path)))}</code></p>"
    ]
    sheet = path / "samples.png"
    if state.name == RUNNING or not sheet.is_file():
        sheet = newest_sheet(path / "samples") or sheet
    picture = read_picture(sheet, WIDEST)
    if picture:
        parts.append(f'<img src="{picture.uri}" width="{picture.width}" alt="Newest samples of the run.">')
    last = last_record(path / "metrics.jsonl", *LOGGED) or {}
    losses = [f"{_short(name)} {value:.4g}" for name, value in last.items() if name.endswith("/loss")][:SCORES]
    if losses:
        parts.append(f"<p>{html.escape('  '.join(losses))} at step {last['step']:,}</p>")
    try:
        content = read_scores(scores_file)
    except GanzooError as error:
        parts.append(f"<p>{html.escape(_short(str(error)))}</p>")
    else:
        if content:
            parts.append(score_table(content["scores"][:SCORES]).html())
    return "".join(parts)


def _short(text: str) -> str:
    shown = printable(text[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"
