"""What to score: samples drawn from a run, or read from a folder or a .npz file, and their reference."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.api.planning import describe_skipped
from ganzoo.data.dataset import Dataset
from ganzoo.data.images.scan import scan
from ganzoo.data.modality import Modality, format_shape
from ganzoo.data.resize import height_width
from ganzoo.data.samples import Samples, subset
from ganzoo.errors import GanzooError
from ganzoo.evaluation.scoring import select_metrics
from ganzoo.files.typed import typed_path
from ganzoo.machine.launch import choose_device
from ganzoo.machine.rank_group import SINGLE_PROCESS, RankGroup
from ganzoo.recipes import Data, DataSpec, RunOptions, Size
from ganzoo.runs import source
from ganzoo.runs.classes import folder_names
from ganzoo.runs.inputs import inputs_from, rows_beside, targets_of
from ganzoo.runs.reference import Reference, Request, draw, feature_device
from ganzoo.runs.run import Run
from ganzoo.runs.sampling import Draw
from ganzoo.zoo import registry
from ganzoo.zoo.datasets import is_read, load_data, parse_dataset

CHUNK = 1_000
"""Samples that are converted at a time."""

LARGEST_REFERENCE = 256
"""Largest size, in pixels, at which a folder of images is read as a reference, as its decoded images go to disk."""


def find_target(target: Run | str | Path) -> Run | Path:
    """The run, or the folder or file of samples, at `target`; GanzooError if it is none of them."""
    if isinstance(target, Run):
        return target
    path = typed_path(target)
    if (path / "recipe.json").is_file():
        return Run.open(path)
    if path.is_dir() or (path.is_file() and is_read(path)):
        return path
    kinds = "a run folder, a folder of images or a .npz file"
    if path.exists():
        raise GanzooError(f"{path} is not {kinds}.")
    raise GanzooError(f"{path} does not exist: name {kinds}.")


def require_reference(path: Path, against: str | Path | None, of_runs: bool) -> str | Path:
    """What samples in files are compared with. Raises GanzooError if nothing is named, or for options `of_runs`."""
    if of_runs:
        raise GanzooError(
            f"{path} is not a run folder, and only runs have a best state, raw weights and neighbours.png."
        )
    if against is None:
        raise GanzooError(f"{path} needs real data to compare with: add --against DATASET, FOLDER or FILE.npz.")
    return against


def read(
    target: Run | Path,
    request: Request,
    options: RunOptions,
    against: str | Path | None,
    report: Callable[[str], None],
    group: RankGroup = SINGLE_PROCESS,
) -> tuple[Samples, str]:
    """The samples of a target of `find_target`, and how they were resized: `of_run` or `from_files`, on every rank."""
    if isinstance(target, Run):
        return of_run(target, request, options, against, report, group)
    path, reference = target, require_reference(target, against, of_runs=False)
    samples, resized = group.first_rank_first(lambda: from_files(path, request, options, reference, report))
    device = feature_device(group.device or choose_device(options.device))
    return dataclasses.replace(samples, device=device), resized


def of_run(
    run: Run,
    request: Request,
    options: RunOptions,
    against: str | Path | None,
    report: Callable[[str], None],
    group: RankGroup = SINGLE_PROCESS,
) -> tuple[Samples, str]:
    """Samples drawn from a run, and how they were resized, as "1x8x8 to 3x28x28" ("" if not).

    Without `against` they are compared with the run's own data. Another reference is prepared like these; if size or
    channels still differ, the samples are converted. Raises GanzooError for a reference of another kind.
    """

    seed = run.recipe.seed + 1 if request.seed is None else request.seed

    if not request.averaged and not len(run.gan.averages):
        raise GanzooError(
            f"{run.path} keeps no averaged weights, so its scores are those of the raw ones: leave --raw out."
        )

    drawn = group.first_rank_first(lambda: _prepare(run, request, options, against, seed))
    reference, count, labels, given, targets = drawn
    beside = {} if against is not None else rows_beside(reference.load("train").held_out(), run.gan, count)
    report(f"scoring {count:,} samples ...")
    own, kind = run.data, registry.modality(run.data.modality)
    device = group.device or choose_device(options.device)

    def as_scored(drawn: Tensor) -> Tensor:
        return kind.match(kind.scored(drawn), reference.spec, str(run.path))

    fake = draw(
        group,
        run.gan,
        run.info["variant"],
        Draw(count, labels, seed=seed, device=device, given=given, averaged=request.averaged, range=own.range),
        as_scored,
    )
    kept = labels if not run.gan.codes and (against is None or _same_classes(own, reference.spec)) else None
    samples = reference.samples(
        fake,
        kept,
        request,
        seed,
        generator=run.gan,
        averaged=request.averaged,
        device=feature_device(device),
        targets=None if targets is None else as_scored(targets),
        given=given | beside or None,
    )
    return samples, _change(own.shape, reference.spec)


def _prepare(
    run: Run, request: Request, options: RunOptions, against: str | Path | None, seed: int
) -> tuple[Reference, int, Tensor | None, dict[str, Tensor], Tensor | None]:
    """The reference; the number of samples to draw, their classes and inputs; and the samples of these inputs."""
    reference = Reference(_data_for(run, request, against), options)
    if against is None:
        source.require_same(run, reference.load("train"), reference.data, other=request.other_data)
    _require_modality(run.data.modality, str(run.path), reference.spec)
    select_metrics(registry.metrics().values(), request.metrics, run.data.modality)
    count = request.n or reference.default_samples()
    held_out = reference.load("train").held_out()
    given = inputs_from(held_out, run.gan, count, spread=True) if run.gan.inputs else {}
    available = min((len(values) for values in given.values()), default=count)
    if request.n is not None and available < count:
        raise GanzooError(f"there are only {available:,} inputs to draw samples from: use -n {available} or less.")
    count = min(count, available)
    # Another reference has no samples that belong to the run's inputs.
    targets = targets_of(held_out, run.gan, count) if against is None else None
    return reference, count, reference.labels(run.gan, count, seed), given, targets


def _data_for(run: Run, request: Request, against: str | Path | None) -> Data:
    """The data keys of what a run's samples are compared with."""
    own = run.data
    if against is None:
        data = source.own_data(run, moved=request.data)
    else:
        data = _reference_data(against, registry.modality(own.modality).data_size(own))
        if data.size is None:
            data = dataclasses.replace(data, size=run.recipe.data.size, channels=run.recipe.data.channels)
    # Domain features come from the labels, even if the variant was trained without them.
    return dataclasses.replace(data, labels=True)


def from_files(
    path: Path, request: Request, options: RunOptions, against: str | Path, report: Callable[[str], None]
) -> tuple[Samples, str]:
    """Samples from a folder of images or a .npz file, and how they were resized, as "8x8 to 28x28" ("" if not).

    They are converted to the size and channels of the reference. A reference that is itself a folder of images has no
    size of its own: it is read at the size of the samples, or at 64 if these differ. Labels that are not the
    reference's classes are left out. Raises GanzooError for samples that cannot be read or are of another kind than
    the reference, and if more are requested than available.
    """
    if request.seed is not None:
        raise GanzooError(f"the samples in {path} are already drawn, so no seed applies: leave --seed out.")
    found, reference, resized = _read_files(path, options, against)
    select_metrics(registry.metrics().values(), request.metrics, found.spec.modality)
    rows = _rows(found, request.n, path)
    report(f"scoring {len(rows):,} samples ...")
    array = found.arrays["x"]
    fake = array[rows] if isinstance(array, Tensor) else torch.from_numpy(array[rows.numpy()])
    changed = _change(fake.shape[1:], reference.spec)
    fake = reference.modality.match(fake, reference.spec, str(path))
    # Convolutions use other kernels for channels-last tensors, so scores would be the same only up to rounding.
    fake = fake.clone(memory_format=torch.contiguous_format)
    labels = _labels_as(found, reference.spec)
    kept = None if labels is None else labels[rows]
    notes = [f"{path}: {line}" for line in (*describe_skipped(found), *found.notes)]
    notes += [f"{against}: {line}" for line in describe_skipped(reference.load("train"))]
    samples = reference.samples(fake, kept, request, 0, skipped=len(found.skipped), notes=tuple(notes))
    return samples, resized or changed


def _read_files(path: Path, options: RunOptions, against: str | Path) -> tuple[Dataset, Reference, str]:
    """The samples, in the shape of the reference if they are in a folder, the reference, and how they were resized.

    Files that no data set of the core reads are read as the reference's kind of data reads them.
    """
    if path.is_file() and path.suffix == ".npz":
        found = load_data(Data(name="npz", path=str(path), held_out=0), options)
        size = registry.modality(found.spec.modality).data_size(found.spec)
        reference = Reference(_reference_data(against, size), options)
        _require_modality(found.spec.modality, str(path), reference.spec)
        # As the kind of data scores them, which need not be as a file stores them.
        parts = [found.batch(part)["x"] for part in torch.arange(found.count).split(CHUNK)]
        found.arrays["x"] = torch.cat([reference.modality.scored(part) for part in parts])
        return found, reference, ""
    data = _reference_data(against, None)
    kind = registry.modality(registry.datasets().find(data.name).modality)
    if path.is_dir():
        size = kind.folder_size(path)
        data = _reference_data(against, size)
    reference = Reference(data, options)
    kind = reference.modality
    keys = kind.folder_data(path, reference.spec) if path.is_dir() else None
    if keys is not None:
        return load_data(dataclasses.replace(keys[0], held_out=0), options), reference, keys[1]
    if path.is_dir() and type(kind).read is Modality.read:
        _require_modality(registry.datasets().find(parse_dataset(path)["name"]).modality, str(path), reference.spec)
    x, _ = kind.read(path, reference.spec)
    spec = dataclasses.replace(reference.spec, name=str(path), classes=0, class_names=(), inputs={})
    return Dataset({"x": kind.scored(x)}, spec), reference, ""


def _reference_data(against: str | Path, size: Size | None) -> Data:
    """The data keys of a reference; a folder of images is read with `size` pixels, but at most 256 on a side.

    All samples of a folder or file are compared with: nothing is trained on them here.
    """
    if (typed_path(against) / "recipe.json").is_file():
        raise GanzooError(f"{against} is a run: compare with a data set, a folder of images or a .npz file.")
    keys: dict[str, Any] = {**parse_dataset(against)}
    data = Data(**keys, held_out=0)
    if data.name != "folder":
        return data
    folder = typed_path(data.path)
    if folder.is_dir() and next(scan(folder), None) is None:
        raise GanzooError(f"there are no images in {against} to compare with: name another folder, or a data set.")
    return dataclasses.replace(data, size=None if size is None else _limited(size))


def _limited(size: Size) -> Size:
    """The size, shrunk in proportion to at most 256 on a side."""
    height, width = height_width(size)
    factor = min(1.0, LARGEST_REFERENCE / max(height, width))
    if isinstance(size, int):
        return round(size * factor)
    return max(1, round(height * factor)), max(1, round(width * factor))


def _require_modality(modality: str, whose: str, spec: DataSpec) -> None:
    if modality != spec.modality:
        raise GanzooError(
            f"{whose} has {modality} data and {spec.name} {spec.modality} data: compare with data of the same kind."
        )


def _rows(found: Dataset, n: int | None, path: Path) -> Tensor:
    count, unreadable = found.count, len(found.skipped)
    if n is not None and n > count:
        more = f" that can be read, and {unreadable:,} that cannot" if unreadable else ""
        raise GanzooError(f"{path} has only {count:,} samples{more}: use -n {count} or less, or leave -n out.")
    return subset(count, n or count)


def _change(shape: Iterable[int], spec: DataSpec) -> str:
    return "" if tuple(shape) == spec.shape else f"{format_shape(shape)} to {format_shape(spec.shape)}"


def _labels_as(found: Dataset, wanted: DataSpec) -> Tensor | None:
    """The labels of samples as the reference numbers them; None if they are not its classes.

    Classes with names, such as those of subfolders, are found by their names, as `folder_names` writes them.
    """
    labels, given = found.arrays.get("y"), found.spec
    if not isinstance(labels, Tensor):
        return None
    if not given.class_names:
        return labels if _same_classes(given, wanted) else None
    known = {name: number for number, name in enumerate(folder_names(wanted))}
    known |= {name: number for number, name in enumerate(wanted.class_names)}
    if not all(name in known for name in given.class_names):
        # Files of samples hold numbers.
        known = {str(number): number for number in range(wanted.classes)}
    if not all(name in known for name in given.class_names):
        return None
    return torch.tensor([known[name] for name in given.class_names])[labels]


def _same_classes(given: DataSpec, wanted: DataSpec) -> bool:
    if given.class_names:
        return given.class_names == wanted.class_names
    return 0 < given.classes <= wanted.classes
