"""Write a page about runs to a file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ganzoo.errors import GanzooError
from ganzoo.files.atomic import write_atomically, write_first_free, write_new
from ganzoo.files.new_files import writing
from ganzoo.files.typed import typed_path
from ganzoo.reporting.page import describe
from ganzoo.reporting.rendering import render
from ganzoo.runs.run import Run

NAME = "report.html"
ENDINGS = (".html", ".htm")


def report(
    runs: Run | str | Path | Iterable[Run | str | Path], to: str | Path | None = None, *, overwrite: bool = False
) -> Path:
    """Write a page about one run or several: `ganzoo.report("runs/dcgan-digits-1")`. Returns its path.

    The page is one HTML file that needs no network: curves, samples over time, scores with their protocols, the recipe
    and what differs in it, hints, and the command that trains it again; of several runs, side by side. It shows what is
    in the folders now, also of a run that is still training.

    to: the file; by default report.html, or the first free one of report-1.html, ..., in the folder of the run, or for
    several in this one. overwrite: replace the file if it exists. Raises GanzooError if the file exists or cannot be
    written, and for anything that is not a run.
    """
    given = [runs] if isinstance(runs, (Run, str, Path)) else list(runs)
    opened = [run if isinstance(run, Run) else Run.open(run) for run in given]
    if to is not None:
        require_page(to, overwrite)
    content = render(describe(opened)).encode()
    folder = opened[0].path if len(opened) == 1 else Path()
    target = folder / NAME if to is None else typed_path(to)
    with writing(target):
        if overwrite:
            write_atomically(target, content, parents=False)
        elif to is None:
            return write_first_free(_names(folder), content)
        else:
            write_new(target, content, parents=False)
    return target


def require_page(path: str | Path, overwrite: bool = False) -> Path:
    """A path at which a page can be written. Raises GanzooError as `report` does."""
    target = typed_path(path)
    if target.suffix.lower() not in ENDINGS:
        raise GanzooError(f"{target}: a report is an HTML file: end the name in .html.")
    if target.is_dir():
        raise GanzooError(f"{target} is a folder: choose another name.")
    if not overwrite and os.path.lexists(target):
        raise GanzooError(f"{target} exists: choose another name, or add --overwrite to replace it.")
    if not target.parent.is_dir():
        raise GanzooError(f"{target.parent} is not a folder: create it first.")
    return target


def _names(folder: Path) -> Iterator[Path]:
    yield folder / NAME
    yield from (folder / f"report-{number}.html" for number in itertools.count(1))
