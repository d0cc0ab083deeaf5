"""A sheet of the directions along which a run's samples change most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.api.marking import note_of, require_room_for_mark, write_marked
from ganzoo.api.reals import real_samples
from ganzoo.api.sample import class_number
from ganzoo.errors import GanzooError
from ganzoo.files.new_files import new_picture, writing
from ganzoo.machine.seeds import mixed_seed
from ganzoo.pictures.axes import side_by_side, with_axes
from ganzoo.pictures.sheets import encoded
from ganzoo.runs.directions import Directions
from ganzoo.runs.run import Run
from ganzoo.runs.sampling import on_host, sampling
from ganzoo.zoo import registry

AMOUNTS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Standard deviations by which latents are moved, a column for each."""

POOLED = 256
"""Latents in each picture of a kind of data that shows many samples in one."""

HEIGHT = 220
"""Pixels of such a picture."""


@dataclass(frozen=True, eq=False)
class DirectionsSheet:
    """The file that was written, and the directions in it."""

    path: Path
    directions: Directions


def write_directions(
    run: str | Path | Run,
    to: str | Path | None = None,
    *,
    count: int = 5,
    method: str = "sefa",
    starts: int = 1,
    classes: Sequence[str | int] | str | int = (),
    seed: int = 0,
    mark: bool = True,
) -> DirectionsSheet:
    """Draw samples whose latents move along each direction, from -3 to 3 standard deviations, into a new picture.

    to: by default `directions-1.png` in the run folder, or the next free number. count, method: as in `Run.directions`.
    starts: latents that are moved; each direction has a row for each. Kinds of data that show many samples in one
    picture move 256 together instead. classes: of the latents in turn; seed: of the latents. mark: as for samples.
    Raises GanzooError for a picture that exists, a variant without latent vectors or without a layer that receives
    them, a kind of data without pictures, and bad arguments.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    target = None if to is None else new_picture("--to", to)
    if target is not None and mark:
        require_room_for_mark(target)
    if starts < 1:
        raise GanzooError(f"cannot move {starts} latents: at least one is needed.")
    modality = registry.modality(run.data.modality)
    if not modality.has_picture:
        raise GanzooError(f"{modality.name} data have no picture: use run.directions() in Python.")
    chosen = [classes] if isinstance(classes, (str, int)) else classes
    labels = [class_number(run, name) for name in chosen] or None
    found = run.directions(count, method)
    moved = _moved(run, found, starts if modality.shows_samples_apart else POOLED, labels, seed)
    picture = _sheet(run, found, moved)
    path = target or next(path for path in run.new_pictures("directions") if not path.exists())
    with writing(path):
        names = [path] if target is not None else run.new_pictures("directions")
        note = note_of(run, seed) if mark else None
        return DirectionsSheet(write_marked(path, encoded(picture, path.suffix), note, names), found)


def _moved(run: Run, found: Directions, starts: int, labels: list[int] | None, seed: int) -> list[Tensor]:
    """For each direction, samples `[columns, starts, *shape]`."""
    gan: Any = run.gan
    y = run.labels(starts, labels)
    moved = []
    with sampling(gan, torch.device("cpu")):
        torch.manual_seed(mixed_seed("walk", seed))
        z = gan.draw_latent(starts)
        for number in range(len(found)):
            columns = []
            for amount in AMOUNTS:
                amounts = torch.zeros(starts, len(found))
                amounts[:, number] = amount
                # A network that draws noise draws the same for each.
                torch.manual_seed(mixed_seed("directions", seed))
                columns.append(on_host(found.generate(gan, z, amounts, y), run.data.range))
            moved.append(torch.stack(columns))
    return moved


def _sheet(run: Run, found: Directions, moved: list[Tensor]) -> Any:
    modality = registry.modality(run.data.modality)
    if modality.shows_samples_apart:
        rows = [[modality.picture(x[:, at], run.data, columns=len(AMOUNTS)) for at in range(x.shape[1])] for x in moved]
        groups = [[row for row in drawn if row is not None] for drawn in rows]
    else:
        middle = AMOUNTS.index(0.0)
        real = real_samples(run, modality.real_in_picture)
        groups = []
        for x in moved:
            shown = x[middle] if real is None and modality.real_in_picture else real
            pictures = [modality.picture(column, run.data, real=shown) for column in x]
            groups.append([side_by_side([picture for picture in pictures if picture is not None], HEIGHT)])
    labels = [f"{number}\n{float(share):.1%}" for number, share in enumerate(found.shares, 1)]
    where = "styles" if found.module else "latents"
    title = f"{run.info['variant']} on {run.data.name}: directions of {where} ({found.method})"
    axis = f"standard deviations by which {where} are moved"
    columns = [f"{amount:+g}" if amount else "0" for amount in AMOUNTS]
    return with_axes(groups, labels, columns, title, axis, "direction")
