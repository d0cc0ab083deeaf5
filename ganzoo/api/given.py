"""The user's inputs of a variant that has some: read like those it was trained on, or one by one at their own size."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ganzoo.errors import GanzooError, printable, unknown
from ganzoo.files.typed import require_readable_kind, typed_path
from ganzoo.runs.inputs import read_samples
from ganzoo.runs.run import Run
from ganzoo.zoo import registry

log = logging.getLogger(__name__)

Paths = str | Path | Mapping[str, str | Path]

LARGEST = 100_000_000
"""Pixels of the largest image that is made: larger ones take gigabytes."""

SHOWN = 5


def input_paths(run: Run, given: Paths) -> Mapping[str, str | Path]:
    """The path of each input of a run's variant, by name.

    Raises GanzooError for a variant without inputs, and for an input that is missing or unknown.
    """
    wanted, variant = run.gan.inputs, run.info["variant"]
    if not wanted:
        raise GanzooError(f"{variant!r} draws its samples from noise and takes no inputs: leave --given out.")
    if not isinstance(given, Mapping):
        if len(wanted) > 1:
            each = " ".join(f"--given {name}=PATH" for name in wanted)
            raise GanzooError(f"{variant!r} has several inputs: write {each}.")
        given = {wanted[0]: given}
    for name in given:
        if name not in wanted:
            raise unknown("input", name, wanted)
    missing = [name for name in wanted if name not in given]
    if missing:
        raise GanzooError(f"{variant!r} also needs {' '.join(f'--given {name}=PATH' for name in missing)}.")
    return given


def read_inputs(run: Run, given: Paths) -> tuple[dict[str, Tensor], list[str]]:
    """The inputs of a run's variant from the user's files, `[N, ...]` each, and the names of the first.

    Raises GanzooError as `input_paths` does, and for different numbers of them.
    """
    found: dict[str, Tensor] = {}
    names: list[str] = []
    for name, path in input_paths(run, given).items():
        found[name], read = read_samples(path, run.data.inputs[name])
        names = names or read
    counts = {name: len(values) for name, values in found.items()}
    if len(set(counts.values())) > 1:
        raise GanzooError(f"as many of each input are needed: {', '.join(f'{n} {k}' for k, n in counts.items())}.")
    return found, names


def from_each(
    run: Run,
    given: Paths,
    count: int | None,
    labels: Sequence[int] | None,
    seed: int = 0,
    truncation: float | None = None,
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """What a variant whose input may have any size makes of the user's images, one by one: name, input, sample.

    count: of the first so many. Images that cannot be used are left out, with a warning at the end, unless that is all
    of them: then GanzooError.
    """
    ((input, path),) = input_paths(run, given).items()
    file = typed_path(path)
    require_readable_kind(file)
    spec = run.data.inputs[input]
    files = registry.modality(spec.modality).read_each(file, spec)[:count]
    failed = []
    for number, (name, read) in enumerate(files):
        try:
            x = read()
            _check_size(x, run.gan.scale)
            label = None if labels is None else labels[number % len(labels)]
            made = run.sample(1, label, seed=seed, truncation=truncation, given={input: x})
        except GanzooError as error:
            failed.append((name, str(error)))
            continue
        yield name, x, made
    if failed and len(failed) == len(files):
        raise GanzooError(_why(*failed[0]))
    if failed:
        reasons = "; ".join(_why(*each) for each in failed[:SHOWN])
        log.warning("left out %s of %s files: %s", f"{len(failed):,}", f"{len(files):,}", reasons)


def _why(name: str, reason: str) -> str:
    return reason if name in reason else f"{printable(name)}: {reason}"


def _check_size(x: Tensor, scale: int) -> None:
    height, width = x.shape[2:]
    pixels = height * width * scale**2
    if pixels > LARGEST:
        raise GanzooError(
            f"{scale} times as large as {width}x{height} pixels are {pixels / 1e6:,.0f} million, and the most is "
            f"{LARGEST / 1e6:,.0f} million: make it smaller, or cut it into parts."
        )


def of_one_size(images: Sequence[Tensor]) -> Tensor:
    """Images `[1, ...]` together `[N, ...]`. Raises GanzooError if they differ in size."""
    if len({image.shape for image in images}) > 1:
        raise GanzooError("these images differ in size, and a sheet or an array has only one: use --to FOLDER.")
    return torch.cat(list(images))
