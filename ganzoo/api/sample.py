"""Samples of a run as files: a picture, a folder of PNGs, a .npz. Never overwrites a file."""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ganzoo.api.given import from_each, of_one_size, read_inputs
from ganzoo.api.marking import TOOL, note_of, require_room_for_mark, write_marked
from ganzoo.api.walks import ENDINGS, walk_file
from ganzoo.data import array_files
from ganzoo.errors import GanzooError
from ganzoo.files.marks import mark_folder
from ganzoo.files.new_files import PICTURES, require_absent, writing
from ganzoo.files.typed import typed_path
from ganzoo.pictures.sheets import encoded
from ganzoo.recipes import DataSpec
from ganzoo.runs.classes import class_number as number_of
from ganzoo.runs.classes import drawn as drawn_classes
from ganzoo.runs.classes import folder_names
from ganzoo.runs.folders import claimed, require_new
from ganzoo.runs.inputs import read_samples
from ganzoo.runs.judging import reconstruct, translate_back
from ganzoo.runs.run import Run
from ganzoo.zoo import registry

COLUMNS = 8
PICTURE_ENDINGS = (*PICTURES, ".gif")


def write_samples(
    run: str | Path | Run,
    count: int | None = None,
    *,
    classes: Sequence[str | int] | str | int = (),
    seed: int = 0,
    grid: str | Path | None = None,
    folder: str | Path | None = None,
    npz: str | Path | None = None,
    truncation: float | None = None,
    interpolate: bool = False,
    vary: int | None = None,
    given: str | Path | Mapping[str, str | Path] | None = None,
    like: str | Path | None = None,
    back: str | Path | None = None,
    mark: bool = True,
) -> Path:
    """Draw `count` samples into a picture, a folder, a file or a .npz; returns the path.

    folder: a folder with a file for each sample, or a file of an ending that this kind of data writes (.csv). npz: the
    array x (uint8 `[N, H, W, C]` for images), y for samples with labels, and what kind of data they are.

    count: by default 64, or one for each input. A folder of samples with labels has a subfolder for each class.
    interpolate, vary: walks between latents, and along one coordinate of them, in rows of eight. With a folder that is
    named FILE.gif or FILE.mp4, an animation of `count` samples (by default 16) that ends where it began.
    given: for a variant with an input, the file or folder with it, or a path for each input by name; by default those
    of held-out data. Then a folder has the names of the files in it.
    like: for a variant with an encoder, the file or folder with samples to reconstruct. back: for a variant that also
    makes its input from samples, the file or folder with these.
    mark: whether the files say that they are synthetic and which weights made them (`ganzoo.files.marks`); what cannot
    carry that gets a JSON file beside it, or in its folder.
    Raises GanzooError if more than one target is named or the target exists, and for an unknown class.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    spec = run.data if back is None else input_of(run)
    target, kind = _target(run, spec, grid, folder, npz, walks=interpolate or vary is not None)
    if mark and kind != "folder":
        require_room_for_mark(target)
    wanted = Wanted(
        count, [classes] if isinstance(classes, (str, int)) else classes, seed, truncation, interpolate, vary, given
    )
    if kind == "walk" and like is None and back is None:
        return _write_walk(run, wanted, target, mark)
    plain = not interpolate and vary is None and like is None and back is None
    if kind == "folder" and given is not None and run.gan.scale and plain:
        return _write_each(run, wanted, target, mark)
    drawn = _from_samples(run, like, back, wanted) or _drawn(run, wanted)
    note = note_of(run, seed, from_inputs=bool(drawn.inputs)) if mark else None
    with writing(target):
        if kind == "folder":
            with claimed(target) as partial:
                _write_folder(run, spec, drawn, partial)
                if note:
                    mark_folder(partial, TOOL, note)
            return target
        content = _content(spec, drawn, target, kind, COLUMNS if interpolate or vary is not None else None)
        return write_marked(target, content, note, [target] if grid or kind != "grid" else run.new_pictures("grid"))


def _write_walk(run: Run, wanted: Wanted, target: Path, mark: bool) -> Path:
    """Write an animation of a walk; returns its path."""
    _check_walk(wanted)
    if wanted.given is not None:
        read_inputs(run, wanted.given)
    labels = [class_number(run, name) for name in wanted.classes] or None
    content = walk_file(run, target, wanted.count, labels, wanted.seed, wanted.vary)
    with writing(target):
        return write_marked(target, content, note_of(run, wanted.seed) if mark else None)


def _write_each(run: Run, wanted: Wanted, target: Path, mark: bool) -> Path:
    """Write what is made of each of the user's images, at its own size; returns the folder."""
    modality = registry.modality(run.data.modality)
    with writing(target), claimed(target) as partial:
        for name, _, made in _each(run, wanted):
            modality.write_folder(made, run.data, partial, [name])
        if mark:
            mark_folder(partial, TOOL, note_of(run, wanted.seed, from_inputs=True))
    return target


def _content(spec: DataSpec, drawn: Drawn, target: Path, kind: str, columns: int | None) -> bytes:
    """What is written to a file that is a picture, a .npz or of another kind."""
    if kind == "npz":
        return npz_content(spec, drawn)
    return file_content(spec, drawn, target.suffix) if kind == "file" else _grid(spec, drawn, target, columns)


@dataclass(frozen=True)
class Wanted:
    """The arguments of `write_samples` that say what to draw."""

    count: int | None
    classes: Sequence[str | int]
    seed: int
    truncation: float | None
    interpolate: bool
    vary: int | None
    given: str | Path | Mapping[str, str | Path] | None


@dataclass(frozen=True, eq=False)
class Drawn:
    """Samples, their classes if they have any, their names if they have any, and what they were made from.

    targets: the real samples that belong to the inputs, row by row, if there are any.
    """

    samples: Tensor
    labels: Tensor | None = None
    names: list[str] | None = None
    inputs: Mapping[str, Tensor] | None = None
    targets: Tensor | None = None


def _each(run: Run, wanted: Wanted) -> Iterator[tuple[str, Tensor, Tensor]]:
    assert wanted.given is not None
    labels = [class_number(run, name) for name in wanted.classes] or None
    return from_each(run, wanted.given, wanted.count, labels, wanted.seed, wanted.truncation)


def _drawn_from_each(run: Run, wanted: Wanted) -> Drawn:
    """Samples of the user's images, at the size of these, which they share."""
    names, inputs, made = zip(*_each(run, wanted), strict=True)
    return Drawn(of_one_size(made), None, list(names), {run.gan.inputs[0]: of_one_size(inputs)})


def _drawn(run: Run, wanted: Wanted) -> Drawn:
    walks = wanted.interpolate or wanted.vary is not None
    if wanted.given is not None and run.gan.scale and not walks:
        return _drawn_from_each(run, wanted)
    inputs, names = read_inputs(run, wanted.given) if wanted.given is not None else (None, None)
    count = wanted.count or (len(next(iter(inputs.values()))) if inputs else 64)
    labels = [class_number(run, name) for name in wanted.classes] or None
    if walks:
        _check_walk(wanted)
        rows = math.ceil(count / COLUMNS)
        if wanted.vary is not None:
            return Drawn(run.vary(wanted.vary, rows, COLUMNS, labels, seed=wanted.seed)[:count])
        return Drawn(run.interpolate(rows, COLUMNS, labels, seed=wanted.seed)[:count])
    targets = run.held_out_targets(count) if inputs is None else None
    inputs = run.held_out_inputs(count) if inputs is None else inputs
    samples = run.sample(count, labels, seed=wanted.seed, truncation=wanted.truncation, given=inputs)
    return Drawn(samples, run.labels(count, labels), names if count == len(names or ()) else None, inputs, targets)


def _check_walk(wanted: Wanted) -> None:
    walk = "--vary" if wanted.vary is not None else "--interpolate"
    if wanted.truncation is not None:
        raise GanzooError(f"{walk} uses latents without truncation: leave --truncation out.")
    if wanted.interpolate and wanted.vary is not None:
        raise GanzooError("choose one of --interpolate and --vary.")


def _from_samples(run: Run, like: str | Path | None, back: str | Path | None, wanted: Wanted) -> Drawn | None:
    """What is made from samples at `like` or `back`; None without these."""
    if like is not None and back is not None:
        raise GanzooError("choose one of --like and --back.")
    if like is not None:
        return _reconstructed(run, like, wanted)
    return None if back is None else _translated_back(run, back, wanted)


def _reconstructed(run: Run, like: str | Path, wanted: Wanted) -> Drawn:
    """Samples reconstructed from those at `like`. Raises GanzooError for options that then mean nothing."""
    _refuse_drawing(wanted, "--like draws from the latents of given samples")
    x, names = read_samples(like, run.data)
    x, names = x[: wanted.count], names[: wanted.count]
    return Drawn(reconstruct(run.gan, run.info["variant"], x, run.data.range), None, names, {"x": x})


def _translated_back(run: Run, back: str | Path, wanted: Wanted) -> Drawn:
    """Inputs made from the samples at `back`. Raises GanzooError for options that then mean nothing."""
    _refuse_drawing(wanted, "--back makes inputs from given samples")
    x, names = read_samples(back, run.data)
    x, names = x[: wanted.count], names[: wanted.count]
    return Drawn(translate_back(run.gan, run.info["variant"], x, input_of(run).range), None, names, {"x": x})


def input_of(run: Run) -> DataSpec:
    """The description of the one input of a run's variant. Raises GanzooError unless there is exactly one."""
    if len(run.gan.inputs) != 1:
        raise GanzooError(f"{run.info['variant']!r} has no way back from samples to an input: leave --back out.")
    return run.data.inputs[run.gan.inputs[0]]


def _refuse_drawing(wanted: Wanted, why: str) -> None:
    options = {
        "--given": wanted.given is not None,
        "--class": bool(wanted.classes),
        "--seed": bool(wanted.seed),
        "--truncation": wanted.truncation is not None,
        "--interpolate": wanted.interpolate,
        "--vary": wanted.vary is not None,
    }
    for name, requested in options.items():
        if requested:
            raise GanzooError(f"{why}: leave {name} out.")


def class_number(run: Run, name: str | int) -> int:
    """A class by name or by number; GanzooError if it is neither, or could be both."""
    return number_of(name, drawn_classes(run.gan, run.data)) if isinstance(name, str) else int(name)


def _target(
    run: Run,
    spec: DataSpec,
    grid: str | Path | None,
    folder: str | Path | None,
    npz: str | Path | None,
    walks: bool,
) -> tuple[Path, str]:
    named = [(path, kind) for path, kind in ((grid, "grid"), (folder, "folder"), (npz, "npz")) if path is not None]
    if len(named) > 1:
        raise GanzooError("choose one of --grid, --to and --npz.")
    if not named:
        return next(path for path in run.new_pictures("grid") if not path.exists()), "grid"
    path, kind = typed_path(named[0][0]), named[0][1]
    if kind == "folder" and path.suffix in registry.modality(spec.modality).file_endings:
        kind = "file"
    if kind == "folder" and path.suffix.lower() in ENDINGS:
        if not walks:
            raise GanzooError(f"--to {path} is for a walk through latent space: add --interpolate or --vary I.")
        kind = "walk"
    if kind == "folder":
        suffix = path.suffix.lower()
        if suffix == ".npz":
            raise GanzooError(f"--to {path} would be a folder: for a file of arrays, --npz {path}.")
        if suffix in PICTURE_ENDINGS:
            raise GanzooError(f"--to {path} would be a folder: for one picture, --grid {path}.")
        require_new(path, "--to")
    else:
        require_absent(path)
    if kind == "grid" and path.suffix.lower() not in PICTURE_ENDINGS:
        raise GanzooError(f"--grid {path}: end the name in .png, .jpg, .webp or .gif.")
    if kind == "npz" and path.suffix != ".npz":
        raise GanzooError(f"--npz {path}: end the name in .npz.")
    return path, kind


def _grid(spec: DataSpec, drawn: Drawn, path: Path, columns: int | None) -> bytes:
    modality = registry.modality(spec.modality)
    # A modality that was made for games without inputs need not have the argument.
    more: dict[str, Any] = {"given": drawn.inputs} if drawn.inputs else {}
    if drawn.targets is not None and modality.shows_samples_apart:
        more["real"] = drawn.targets
    picture = modality.picture(drawn.samples, spec, columns=columns, **more)
    if picture is None:
        raise GanzooError(f"{spec.modality} data have no picture: use --npz FILE.")
    return encoded(picture, path.suffix)


def _write_folder(run: Run, spec: DataSpec, drawn: Drawn, path: Path) -> None:
    """Write each sample to a file of its own; of samples with labels, in a subfolder for each class."""
    modality, labels = registry.modality(spec.modality), drawn.labels
    if labels is None:
        modality.write_folder(drawn.samples, spec, path, drawn.names)
        return
    classes = folder_names(drawn_classes(run.gan, run.data))
    for label in labels.unique().tolist():
        modality.write_folder(drawn.samples[labels == label], spec, path / classes[label])


def file_content(spec: DataSpec, drawn: Drawn, ending: str) -> bytes:
    """What the modality writes to a file of that ending."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"samples{ending}"
        registry.modality(spec.modality).write_file(drawn.samples, spec, file, drawn.labels)
        return file.read_bytes()


def npz_content(spec: DataSpec, drawn: Drawn) -> bytes:
    """Samples as a .npz file: x, y for samples with labels, and what kind of data they are."""
    arrays: dict[str, Any] = {"x": registry.modality(spec.modality).array(drawn.samples)}
    if drawn.labels is not None:
        arrays["y"] = drawn.labels.numpy()
    arrays[array_files.DESCRIPTION] = array_files.description(spec)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
