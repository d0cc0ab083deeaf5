"""The contract of losses, penalties, augmentations, data sets, modalities, metrics and commands."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import SkipTest

import click
import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn

from ganzoo.data.dataset import Dataset
from ganzoo.data.fractions import FEWEST, part_of, rows_of_part
from ganzoo.data.modality import Modality
from ganzoo.data.paths import data_root
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.game import Augmentation, Batch, SharedPenalty
from ganzoo.recipes import Data, DataSpec
from ganzoo.specs import AugmentationSpec, DatasetSpec, LossSpec, MetricSpec, ModalitySpec, PenaltySpec
from ganzoo.testing.examples import example_data, example_samples
from ganzoo.zoo import cards, registry


def check_loss(spec: LossSpec) -> None:
    """Both losses are finite scalars with gradients, also for confident logits; options are accepted and have help."""
    _check_card("losses", spec)
    loss = _built(spec.name, spec.build)
    for option in spec.options:
        assert option.help, f"{spec.name}: explain the option {option.name!r}"
        _built(spec.name, spec.build, **{option.name: option.default})
    paired = getattr(loss, "paired", None)
    assert isinstance(paired, bool), f"{spec.name}: set `paired`: whether generator() uses real logits"
    for scale, dtype in ((1.0, torch.float32), (30.0, torch.float32), (1.0, torch.bfloat16)):
        real, fake = (_logits(seed, scale, dtype) for seed in (0, 1))
        d = _scalar(f"{spec.name}: discriminator()", loss.discriminator(real, fake), scale)
        g = _scalar(f"{spec.name}: generator()", loss.generator(fake, real), scale)
        if scale > 1:
            continue
        (to_fake,) = torch.autograd.grad(g, fake, allow_unused=True)
        reaches = to_fake is not None and bool(to_fake.any())
        assert reaches, f"{spec.name}: generator() has no gradient for the fake logits, so G would learn nothing"
        grads = torch.autograd.grad(d, [real, fake], allow_unused=True)
        reaches = all(grad is not None and bool(grad.any()) for grad in grads)
        assert reaches, f"{spec.name}: discriminator() must depend on the real and the fake logits"
    if not paired:
        fake = _logits(1)
        try:
            alone = loss.generator(fake, fake.new_empty(0))
        except (RuntimeError, IndexError) as error:
            raise AssertionError(f"{spec.name}: generator() uses real logits: set paired = True") from error
        same = torch.equal(alone, loss.generator(fake, _logits(0)))
        assert same, f"{spec.name}: generator() uses real logits: set paired = True"


def check_penalty(spec: PenaltySpec) -> None:
    """A finite scalar for vectors and for images, with a gradient for the critic; the samples stay unchanged."""
    _check_card("penalties", spec)
    penalty = _built(spec.name, spec.build)
    for option in spec.options:
        assert option.help, f"{spec.name}: explain the option {option.name!r}"
        _built(spec.name, spec.build, **{option.name: option.default})
    for shape in ((2,), (1, 8, 8)):
        torch.manual_seed(0)
        critic = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
        real, fake = torch.randn(6, *shape), torch.randn(6, *shape)
        kept = real.clone(), fake.clone()
        value = _scalar(f"{spec.name}: the penalty", penalty(critic, real, fake))
        weights = [weight for weight in critic.parameters() if weight.ndim > 1]
        grads = torch.autograd.grad(value, weights, allow_unused=True) if value.requires_grad else ()
        reached = any(grad is not None for grad in grads)
        assert reached, f"{spec.name}: the penalty has no gradient for the critic: use create_graph=True"
        untouched = torch.equal(real, kept[0]) and torch.equal(fake, kept[1])
        assert untouched, f"{spec.name}: the penalty changes the samples in place"
        if isinstance(penalty, SharedPenalty):
            assert penalty.at in ("real", "fake"), f"{spec.name}: at must be 'real' or 'fake', not {penalty.at!r}"
            x = (real if penalty.at == "real" else fake).requires_grad_(True)
            same = torch.allclose(penalty.of(critic(x), x), value, rtol=1e-4, atol=1e-6)
            assert same, f"{spec.name}: of(logits, x) is another value than the penalty itself"


def check_augmentation(spec: AugmentationSpec) -> None:
    """For each kind of data: the shape stays, and gradients of first and second order reach the samples."""
    _check_card("augmentations", spec)
    for option in spec.options:
        assert option.help, f"{spec.name}: explain the option {option.name!r}"
        _built(spec.name, spec.build, **{option.name: option.default})
    for kind in spec.modalities:
        for shape in registry.modality(kind).example_shapes:
            _check_augmented(f"{spec.name} {shape}", _built(spec.name, spec.build), kind, shape)


def _check_augmented(name: str, augmentation: Any, kind: str, shape: tuple[int, ...]) -> None:
    assert isinstance(augmentation, Augmentation), f"{name}: build() must return a ganzoo.game.Augmentation"
    x = example_data(kind, shape, count=6, classes=0).batch(torch.arange(6))["x"].requires_grad_(True)
    kept = x.detach().clone()
    # Twice: what adapts is at first often turned off.
    for confidence in (-1.0, 1.0):
        torch.manual_seed(0)
        changed = augmentation(x)
        assert torch.equal(x, kept), f"{name}: it changes the samples in place"
        assert changed.shape == x.shape, f"{name}: it returns {tuple(changed.shape)}"
        assert changed.isfinite().all(), f"{name}: it returns values that are not finite"
        assert changed.requires_grad, f"{name}: it must be differentiable, as G learns through it"
        (gradient,) = torch.autograd.grad(changed.square().sum(), x, create_graph=True)
        assert gradient.isfinite().all(), f"{name}: its gradient is not finite"
        try:
            torch.autograd.grad(gradient.square().sum(), x)
        except RuntimeError as error:
            raise AssertionError(
                f"{name}: it can be differentiated only once, and penalties need two: {error}"
            ) from error
        terms = augmentation.terms(torch.full((6,), confidence))
        augmentation.adapt({term: _scalar(f"{name}: the term {term!r}", value) for term, value in terms.items()})


def check_dataset(spec: DatasetSpec, data: Data | None = None, root: Path | None = None) -> None:
    """Each kind and split has the shape, range, labels and modality of its spec, the same each time.

    A fraction of the training samples can be kept, with all that belongs to each. data: for a data set that reads the
    user's own files, where they are. root: the data root. Raises SkipTest if the files do not exist.
    """
    _check_card("datasets", spec)
    if data is None and spec.argument == "path":
        raise SkipTest(f"{spec.name} reads your own files: call check_dataset with data that names them")
    root = root or data_root()
    for kind in spec.kinds or ("",):
        given = data or Data(name=spec.name, kind=kind)
        for split in ("train", "test") if spec.test else ("train",):
            _check_split(spec, given, root, split)
    given = data or Data(name=spec.name)
    _expect_refusal(f"{spec.name}: load() must raise GanzooError for an unknown split", spec, given, root, "evening")
    if not spec.test:
        _expect_refusal(f"{spec.name} has a test split: set test=True in its DatasetSpec", spec, given, root, "test")


def _check_split(spec: DatasetSpec, data: Data, root: Path, split: str) -> None:
    try:
        dataset = spec.load(data, root, split)
    except GanzooError as error:
        raise SkipTest(str(error)) from error
    name, found = f"{spec.name} ({split})", dataset.spec
    assert isinstance(dataset, Dataset), f"{name}: load() must return a ganzoo.data.dataset.Dataset"
    assert found.name == spec.name, f"{name}: its DataSpec is called {found.name!r}"
    assert len(dataset) > 0, f"{name}: it has no samples"
    index = torch.arange(min(64, len(dataset)))
    batch = dataset.batch(index)
    for key, value in batch.items():
        assert len(value) == len(index), f"{name}: {key!r} has {len(value)} rows in a batch of {len(index)}"
        if value.is_floating_point():
            assert value.isfinite().all(), f"{name}: {key!r} has values that are not finite"
            assert value.dtype == torch.float32, f"{name}: {key!r} is {value.dtype}: store uint8 images or float32"
            if found.range is not None and key != "y":
                low, high = found.range
                assert -math.inf < low < high < math.inf, f"{name}: the range of its DataSpec is {low} to {high}"
                inside = bool(value.min() >= low and value.max() <= high)
                assert inside, f"{name}: {key!r} is outside the range {low} to {high} of its DataSpec"
    if "x" in batch:
        shape = tuple(batch["x"].shape[1:])
        assert shape == found.shape, f"{name}: samples have the shape {shape}, its DataSpec says {found.shape}"
    again = spec.load(data, root, split).batch(index)
    same = all(torch.equal(batch[key], again[key]) for key in batch)
    assert same, f"{name}: load() gives other samples the second time: use a seeded generator of your own"
    _check_labels(spec, name, dataset, batch)
    if split == "train" and min(dataset.lengths) >= 2 * FEWEST:
        _check_part(name, dataset)


def _check_part(name: str, dataset: Dataset) -> None:
    """With half of the samples (data.fraction), a batch holds what the whole data set has at these places."""
    rows, part = rows_of_part(dataset, 0.5), part_of(dataset, 0.5)
    few = torch.arange(min(8, *map(len, rows)))
    whole = dataset.batch(rows[0][few] if len(rows) == 1 else torch.stack([kept[few] for kept in rows], 1))
    found = part.batch(few)
    same = set(found) == set(whole) and all(torch.equal(found[key], whole[key]) for key in whole)
    assert same, f"{name}: half of it is not a part of the whole: arrays must be indexed by arrays of row numbers"


def _check_labels(spec: DatasetSpec, name: str, dataset: Dataset, batch: Batch) -> None:
    classes = dataset.spec.classes
    assert ("y" in batch) == (classes > 0), f"{name}: there must be labels 'y' if and only if its DataSpec has classes"
    if classes:
        assert spec.labelled, f"{name} has labels: set labelled=True in its DatasetSpec"
        y = np.asarray(dataset.arrays["y"] if "y" in dataset.arrays else batch["y"])
        inside = int(y.min()) >= 0 and int(y.max()) < classes
        assert inside, f"{name}: labels must be class numbers from 0 to {classes - 1}"
        names = len(dataset.spec.class_names)
        assert names in (0, classes), f"{name}: {names} class names for {classes} classes"


def _expect_refusal(message: str, spec: DatasetSpec, data: Data, root: Path, split: str) -> None:
    try:
        spec.load(data, root, split)
    except GanzooError:
        return
    except Exception as error:
        raise AssertionError(f"{message} (it raised {type(error).__name__})") from error
    raise AssertionError(message)


def check_modality(spec: ModalitySpec) -> None:
    """Pictures, text, files, scores and vectors of synthetic samples in each of the modality's example shapes.

    Also of the first samples of its example data set, if that is registered.
    """
    _check_card("modalities", spec)
    modality = spec.load(spec.name)
    assert isinstance(modality, Modality), f"{spec.name}: load() must return a ganzoo.modalities.Modality"
    assert modality.name == spec.name, f"{spec.name}: its Modality is called {modality.name!r}: pass the name on"
    for made, description in _examples(modality):
        x = Dataset({"x": made}, description).batch(torch.arange(len(made)))["x"]
        name = f"{spec.name} {description.shape}"
        given = tuple(x.shape[1:])
        assert given == description.shape, f"{name}: example() makes samples of shape {given}"
        if modality.has_picture:
            count, columns = modality.sheet_size(0)
            assert count > 0, f"{name}: sheet_size() requests no samples"
            picture = modality.picture(x, description, real=x, columns=columns, title="step 1")
            assert isinstance(picture, Image), f"{name}: picture() must return a PIL image"
            # As the lab draws one sample.
            one = modality.picture(x[:1], description)
            assert isinstance(one, Image), f"{name}: picture() must draw one sample too"
        lines = modality.lines(x, description)
        assert lines is None or len(lines) == len(x), f"{name}: lines() must return one line for each sample"
        assert len(modality.array(x)) == len(x), f"{name}: array() changes the number of samples"
        scored = modality.scored(x)
        modality.check_scored(scored)
        assert len(scored) == len(x), f"{name}: scored() changes the number of samples"
        same = torch.equal(modality.match(scored, description, "the samples"), scored)
        assert same, f"{name}: match() changes samples that have the reference's shape"
        vectors = modality.vectors(x)
        if vectors is not None:
            assert vectors.ndim == 2, f"{name}: vectors() must return rows [N, D]"
            assert len(vectors) == len(x), f"{name}: vectors() changes the number of samples"
            assert vectors.isfinite().all(), f"{name}: vectors() has values that are not finite"
        _check_files(name, modality, x, description)


def _examples(modality: Modality) -> Iterator[tuple[Tensor, DataSpec]]:
    """Samples as data sets store them, and their descriptions."""
    own = registry.datasets().get(modality.example_dataset)
    if own is not None:
        dataset = own.load(Data(name=own.name), data_root(), "train")
        yield torch.as_tensor(dataset.arrays["x"][: min(32, dataset.count)]), dataset.spec
    for shape in modality.example_shapes or (() if own is not None else ((4,),)):
        made = modality.example(shape, 32, torch.Generator().manual_seed(0))
        yield made, DataSpec("example", modality.name, shape, range=modality.example_range)


def _check_files(name: str, modality: Modality, x: Tensor, description: DataSpec) -> None:
    """The files that a modality writes are read back as as many samples of the same shape and type."""
    with tempfile.TemporaryDirectory() as folder:
        written = []
        for ending in modality.file_endings:
            written.append(Path(folder) / f"samples{ending}")
            modality.write_file(x, description, written[-1])
        if type(modality).write_folder is not Modality.write_folder:
            written.append(Path(folder) / "samples")
            modality.write_folder(x, description, written[-1])
        for path in written:
            read, names = modality.read(path, description)
            what = f"{name}: {path.suffix or 'the folder'}"
            assert read.shape == x.shape, f"{what} is read as {tuple(read.shape)}, and {tuple(x.shape)} were written"
            assert read.dtype == x.dtype, f"{what} is read as {read.dtype}, and {x.dtype} was written"
            assert len(names) == len(set(names)) == len(x), f"{what}: read() must give each sample a name of its own"


def check_metric(spec: MetricSpec, samples: Samples | None = None) -> None:
    """Finite numbers by name, the same each time, with a valid direction; the samples stay unchanged.

    samples: your own, for modalities without examples (else SkipTest). Examples are drawn by no game, so a metric that
    needs one is given the first registered variant, untrained, that has what it needs.
    """
    for direction in spec.better.values():
        known = cards.is_number(direction) or direction in ("higher", "lower", "")
        advice = "better must say 'higher', 'lower', the number that is best, or '' (none)"
        assert known, f"{spec.name}: {advice}, not {direction!r}"
    _check_card("metrics", spec)
    made = [samples] if samples is not None else [example_samples(kind, needs=spec.needs) for kind in spec.modalities]
    for given in made:
        before = given.fake.clone()
        first = spec.compute(given)
        for name, value in first.items():
            finite = isinstance(name, str) and isinstance(value, (int, float)) and math.isfinite(value)
            assert finite, f"{spec.name}: {name!r} is {value!r}, which is not a finite number"
        known = not spec.better or all(any(name.startswith(prefix) for prefix in spec.better) for name in first)
        assert known, f"{spec.name}: `better` names none of {', '.join(first)}"
        assert dict(spec.compute(given)) == dict(first), f"{spec.name}: gives another value the second time: seed it"
        assert torch.equal(before, given.fake), f"{spec.name}: changes the samples in place"


def check_command(command: click.Command) -> None:
    """A command and each of its options have a help text."""
    assert command.help, f"ganzoo {command.name}: give its function a docstring, which is its help"
    for option in command.params:
        explained = not isinstance(option, click.Option) or option.help
        assert explained, f"ganzoo {command.name}: explain the option {option.opts[0]} with help=..."
    for inner in getattr(command, "commands", {}).values():
        check_command(inner)


def _check_card(kind: str, spec: Any) -> None:
    """The fields are what the registry takes: their types, finite numbers, defaults within their bounds."""
    try:
        cards.check_card(kind, spec, f"the card of {spec.name}")
    except GanzooError as error:
        raise AssertionError(str(error)) from error


def _built(name: str, build: Callable[..., Any], **options: float) -> Any:
    try:
        return build(**options)
    except TypeError as error:
        raise AssertionError(f"{name}: build({', '.join(options)}) failed: {error}") from error


def _logits(seed: int, scale: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    drawn = scale * torch.randn(16, generator=torch.Generator().manual_seed(seed))
    return drawn.to(dtype).requires_grad_(True)


def _scalar(what: str, value: Any, scale: float = 1.0) -> Tensor:
    assert isinstance(value, Tensor), f"{what} must return a tensor, not {type(value).__name__}"
    assert value.ndim == 0, f"{what} must return a scalar, not {tuple(value.shape)}: take the mean"
    where = f" for logits around {scale:g}: write it with softplus and not with log(sigmoid)" if scale > 1 else ""
    assert value.isfinite(), f"{what} is {value.item()}{where}"
    return value
