"""What is to be scored: samples drawn from a run, or read from a folder or a .npz file, and their reference."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ganzoo import registry
from ganzoo.data import folder as image_folder
from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.data.resize import prepare
from ganzoo.drawing import drawn_by_rows
from ganzoo.errors import GanzooError, unknown
from ganzoo.evaluation import spaces
from ganzoo.evaluation.samples import Samples, default_samples, subset
from ganzoo.evaluation.scoring import choose
from ganzoo.evaluation.team import ALONE, Team
from ganzoo.game import GAN
from ganzoo.launch import choose_device
from ganzoo.paths import data_root
from ganzoo.planning import load_data, parse_dataset
from ganzoo.run import Run
from ganzoo.specs import Data, DataSpec, RunOptions

LARGEST_REFERENCE = 256
"""Pixels on a side at which a folder of images is read as a reference, at most: decoded, a folder is kept on disk."""


@dataclass(frozen=True)
class Request:
    """How samples are to be scored.

    metrics: names in `ganzoo list metrics`, or None for those that are computed by default. n: number of samples.
    features, weights: as in `Samples`. seed: of the samples that a run draws.
    """

    metrics: tuple[str, ...] | None = None
    n: int | None = None
    features: str = "auto"
    weights: Path | None = None
    seed: int | None = None


def make_request(
    metrics: Iterable[str] | str | None = None,
    n: int | None = None,
    features: str = "auto",
    weights: str | Path | None = None,
    seed: int | None = None,
) -> Request:
    """A checked request. `fid` among the metrics is `fd` on the features that FID is defined on.

    Raises GanzooError for a name that is not known, and for `fid` on other features.
    """
    if features not in ("auto", *spaces.names()):
        raise unknown("feature space", features, ("auto", *spaces.names()))
    if metrics is None:
        names = None
    else:
        typed = metrics.split(",") if isinstance(metrics, str) else metrics
        names = tuple(dict.fromkeys(name.strip() for name in typed if name.strip()))
        if not names:
            raise GanzooError("no metric is named: leave --metrics out, or name some of `ganzoo list metrics`.")
        names, features = _fid(names, features)
    if n is not None and n < 1:
        raise GanzooError(f"cannot score {n} samples: ask for more.")
    return Request(names, n, features, None if weights is None else Path(weights), seed)


def _fid(names: tuple[str, ...], features: str) -> tuple[tuple[str, ...], str]:
    known = registry.metrics()
    for name in names:
        if name not in known and name != "fid":
            raise unknown("metric", name, [*known, "fid"], "(`ganzoo list metrics`)")
    if "fid" not in names or "fid" in known:
        return names, features
    if features not in ("auto", spaces.INCEPTION):
        raise GanzooError(
            f"FID is the Frechet distance on {spaces.INCEPTION} features: with --features {features} name it fd."
        )
    return tuple(dict.fromkeys("fd" if name == "fid" else name for name in names)), spaces.INCEPTION


def find_target(target: Run | str | Path) -> Run | Path:
    """The run, or the folder of images or .npz file, that is meant; GanzooError if it is none of them."""
    if isinstance(target, Run):
        return target
    path = Path(target).expanduser()
    if (path / "recipe.json").is_file():
        return Run.open(path)
    if path.is_dir() or (path.is_file() and path.suffix == ".npz"):
        return path
    kinds = "a run folder, a folder of images or a .npz file"
    if path.exists():
        raise GanzooError(f"{path} is not {kinds}.")
    raise GanzooError(f"there is no {path}: name {kinds}.")


def require_reference(path: Path, against: str | Path | None, of_runs: bool) -> str | Path:
    """What samples in files are compared with. Raises GanzooError if nothing is named, or for options `of_runs`."""
    if of_runs:
        raise GanzooError(f"{path} is not a run folder, and only runs have a best state and neighbours.png.")
    if against is None:
        raise GanzooError(f"{path} does not say what its samples imitate: add --against DATASET, FOLDER or FILE.npz.")
    return against


class Reference:
    """The real data that samples are compared with; each split is read once.

    train: the training split, where it has been read already.
    """

    def __init__(self, data: Data, options: RunOptions, train: Dataset | None = None) -> None:
        self.data, self.options = data, options
        self._splits = {} if train is None else {"train": train}

    def load(self, split: str) -> Dataset:
        """The split "train" or "test". Raises GanzooError if there is none."""
        if split not in self._splits:
            self._splits[split] = load_data(self.data, self.options, split)
        return self._splits[split]

    @property
    def spec(self) -> DataSpec:
        return self.load("train").spec

    def default_samples(self) -> int:
        """How many samples to draw for a score."""
        try:
            test = self.load("test").count
        except GanzooError:
            test = 0
        return default_samples(self.spec, self.load("train").count, test)

    def samples(self, fake: Tensor, labels: Tensor | None, request: Request, seed: int, **more: Any) -> Samples:
        """Samples to score against this reference."""
        return Samples(
            fake=fake,
            labels=labels,
            spec=self.spec,
            data=self.data,
            root=data_root(self.options.data_root),
            seed=seed,
            load=self.load,
            features=request.features,
            weights=request.weights,
            **more,
        )


def read(
    target: Run | Path,
    request: Request,
    options: RunOptions,
    against: str | Path | None,
    report: Callable[[str], None],
    team: Team = ALONE,
) -> tuple[Samples, str]:
    """What `find_target` found, as samples, and how they were resized: `of_run` or `from_files`, on every rank."""
    if isinstance(target, Run):
        return of_run(target, request, options, against, report, team)
    path, reference = target, require_reference(target, against, of_runs=False)
    samples, resized = team.in_turn(lambda: from_files(path, request, options, reference, report))
    device = computing(team.device or choose_device(options.device))
    return dataclasses.replace(samples, device=device), resized


def of_run(
    run: Run,
    request: Request,
    options: RunOptions,
    against: str | Path | None,
    report: Callable[[str], None],
    team: Team = ALONE,
) -> tuple[Samples, str]:
    """Samples drawn from a run, and how they were resized, as "1x8x8 to 3x28x28" ("" if not).

    Without `against` they are compared with the run's own data. Another reference is prepared as those were, and what
    still differs in size or channels is the samples' to change. Raises GanzooError for a reference of another kind.
    """

    def prepare() -> tuple[Reference, int, Tensor | None]:
        reference = Reference(_data_for(run, against), options)
        _require_modality(run.data.modality, str(run.path), reference.spec)
        choose(registry.metrics().values(), request.metrics, run.data.modality)
        count = request.n or reference.default_samples()
        return reference, count, run.labels(count, None)

    reference, count, labels = team.in_turn(prepare)
    report(f"scoring {count:,} samples ...")
    own, seed = run.data, run.recipe.seed + 1 if request.seed is None else request.seed
    device = team.device or choose_device(options.device)

    def prepared(drawn: Tensor) -> Tensor:
        return _like(to_uint8(drawn) if own.modality == "image" else drawn, reference.spec, str(run.path))[0]

    fake = draw(team, run.gan, run.info["variant"], count, labels, seed=seed, device=device, prepared=prepared)
    kept = labels if against is None or _same_classes(own, reference.spec) else None
    samples = reference.samples(fake, kept, request, seed, generator=run.gan, device=computing(device))
    return samples, _change(own.shape, reference.spec)


def _data_for(run: Run, against: str | Path | None) -> Data:
    """The data keys of what a run's samples are compared with."""
    own, data = run.data, run.recipe.data
    if against is not None:
        data = _reference_data(against, min(own.shape[1:]) if own.modality == "image" else None)
        if data.size is None:
            data = dataclasses.replace(data, size=run.recipe.data.size, channels=run.recipe.data.channels)
    # Domain features come from the labels, also where the variant did without them.
    return dataclasses.replace(data, labels=True)


def draw(
    team: Team,
    gan: GAN,
    variant: str,
    n: int,
    y: Tensor | None,
    *,
    seed: int,
    device: torch.device,
    prepared: Callable[[Tensor], Tensor],
) -> Tensor:
    """`n` samples to score, drawn by all ranks, of classes `y [n]`, as `prepared` makes them of what is drawn.

    They are whole on the first rank; on the others only their own rows are filled in.
    """
    with drawn_by_rows(gan, variant, n, y, seed=seed, device=device) as drawn:
        (fake,) = team.share_or_stop(n, lambda rows: [prepared(drawn(rows))])
    return fake


def computing(device: torch.device) -> torch.device:
    """Where features are computed: what has no float64 leaves them to the processor."""
    return device if device.type == "cuda" else torch.device("cpu")


def from_files(
    path: Path, request: Request, options: RunOptions, against: str | Path, report: Callable[[str], None]
) -> tuple[Samples, str]:
    """Samples from a folder of images or a .npz file, and how they were resized, as "8x8 to 28x28" ("" if not).

    They are brought to the size and channels of the reference. A reference that is itself a folder of images has no
    size of its own: it is read at the size of the samples, or at 64 where these differ. Labels that are not the
    reference's classes are left out. Raises GanzooError for samples that cannot be read or are of another kind than
    the reference, and for more of them than there are.
    """
    if request.seed is not None:
        raise GanzooError(f"a seed draws samples from a run, and those in {path} are drawn: leave --seed out.")
    if path.is_dir():
        found, reference, resized = _read_folder(path, options, against)
    else:
        found = load_data(Data(name="npz", path=str(path)), options)
        image = found.spec.modality == "image"
        reference = Reference(_reference_data(against, min(found.spec.shape[1:]) if image else None), options)
        _require_modality(found.spec.modality, str(path), reference.spec)
        resized = ""
    choose(registry.metrics().values(), request.metrics, found.spec.modality)
    rows = _rows(found.count, request.n, path)
    report(f"scoring {len(rows):,} samples ...")
    array = found.arrays["x"]
    fake = array[rows] if isinstance(array, Tensor) else torch.from_numpy(array[rows.numpy()])
    fake, changed = _like(fake, reference.spec, str(path))
    # Grey images read channels last would be convolved by other routines, and scored the same up to rounding only.
    fake = fake.clone(memory_format=torch.contiguous_format)
    labels = found.arrays.get("y") if _same_classes(found.spec, reference.spec) else None
    kept = labels[rows] if isinstance(labels, Tensor) else None
    return reference.samples(fake, kept, request, 0), resized or changed


def _read_folder(path: Path, options: RunOptions, against: str | Path) -> tuple[Dataset, Reference, str]:
    """The images at the reference's size and channels, the reference, and how they were resized."""
    sizes = picture_sizes(path)
    if next(image_folder.scan(path), None) is None:
        raise GanzooError(f"there are no images in {path}: name a run folder, a folder of images or a .npz file.")
    reference = Reference(_reference_data(against, min(next(iter(sizes))) if len(sizes) == 1 else None), options)
    spec = reference.spec
    _require_modality("image", str(path), spec)
    data = Data(name="folder", path=str(path), size=_side(spec), channels=spec.shape[0])
    if sizes == {spec.shape[1:]}:
        return load_data(data, options), reference, ""
    before = _by(next(iter(sizes))) if len(sizes) == 1 else "several sizes"
    return load_data(data, options), reference, f"{before} to {_by(spec.shape[1:])}"


def picture_sizes(folder: Path) -> set[tuple[int, ...]]:
    """The sizes (height, width) that the images under `folder` have, from their headers; unreadable ones have none."""
    sizes: set[tuple[int, ...]] = set()
    for name, _, _ in image_folder.scan(folder):
        try:
            with Image.open(folder / name) as picture:
                sizes.add((picture.height, picture.width))
        except Exception:  # Pillow raises nearly anything for a damaged file, which the loader reports as skipped
            continue
    return sizes


def _reference_data(against: str | Path, side: int | None) -> Data:
    """The data keys of a reference; a folder of images is read with `side` pixels, but at most 256."""
    if (Path(against) / "recipe.json").is_file():
        raise GanzooError(f"{against} is a run: compare with a data set, a folder of images or a .npz file.")
    keys: dict[str, Any] = {**parse_dataset(str(against))}
    data = Data(**keys)
    if data.name != "folder":
        return data
    folder = Path(data.path).expanduser()
    if folder.is_dir() and next(image_folder.scan(folder), None) is None:
        raise GanzooError(f"there are no images in {against} to compare with: name another folder, or a data set.")
    return dataclasses.replace(data, size=None if side is None else min(side, LARGEST_REFERENCE))


def _require_modality(modality: str, whose: str, spec: DataSpec) -> None:
    if modality != spec.modality:
        raise GanzooError(
            f"{whose} holds {modality} data and {spec.name} {spec.modality} data: compare with data of the same kind."
        )


def _rows(count: int, n: int | None, path: Path) -> Tensor:
    if n is not None and n > count:
        raise GanzooError(f"there are only {count:,} samples in {path}: ask for fewer than {n:,}, or leave -n out.")
    return subset(count, n or count)


def _like(x: Tensor, spec: DataSpec, whose: str) -> tuple[Tensor, str]:
    """Samples in the shape of the reference, and how they were changed ("" if they were not)."""
    shape = tuple(x.shape[1:])
    if shape == spec.shape:
        return x, ""
    if spec.modality != "image":
        raise GanzooError(f"{whose} has samples of shape {_by(shape)} and {spec.name} of {_by(spec.shape)}.")
    size = None if shape[1:] == spec.shape[1:] else _side(spec)
    return prepare("samples", x, Data(size=size, channels=spec.shape[0])), _change(shape, spec)


def _change(shape: tuple[int, ...], spec: DataSpec) -> str:
    return "" if shape == spec.shape else f"{_by(shape)} to {_by(spec.shape)}"


def _side(spec: DataSpec) -> int:
    _, height, width = spec.shape
    if height != width:
        raise GanzooError(
            f"{spec.name} has images of {height}x{width}, and others are only resized to squares: "
            "give the reference a square size."
        )
    return height


def _same_classes(given: DataSpec, wanted: DataSpec) -> bool:
    if given.class_names:
        return given.class_names == wanted.class_names
    return 0 < given.classes <= wanted.classes


def _by(shape: Iterable[int]) -> str:
    return "x".join(str(n) for n in shape)
