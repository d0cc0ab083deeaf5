"""Scores of translators. They need the game's inputs, so what real images reach is given by the metric itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset, as_input, to_uint8
from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.errors import GanzooError
from ganzoo.evaluation import standard_errors
from ganzoo.evaluation.features.domain import find_domain
from ganzoo.evaluation.features.pairs import in_space
from ganzoo.evaluation.metrics.images import frechet_distance

from .reading import Reader, classes_of, find_reader
from .restoration import SIMPLE

CHUNK = 500
WINDOW, SIGMA = 11, 1.5
"""Of SSIM: pixels of the Gaussian window, and its standard deviation (Wang et al. 2004)."""

SMALLEST = WINDOW // 2 + 1
"""Pixels from which an image can be reflected at its borders for such a window."""

RGBA = 4
COMPARED = ("PSNR", "SSIM", "FD")
"""Scores that are given for a simple method too."""

SMALLEST_ERROR = 1 / 12
"""Mean squared error of rounding to 8 bits, below which PSNR says nothing."""

INSTALL = "SSIM: no value without the package torchmetrics: pip install 'ganzoo[image]'"


def targets(samples: Samples) -> Measured:
    """L1 and PSNR of 8-bit pixels, and SSIM, from the targets of the inputs: means over images. {} without targets."""
    if samples.targets is None:
        return Measured({})
    fake, real = samples.fake, samples.targets
    chunks = list(zip(fake.split(CHUNK), real.split(CHUNK), strict=True))
    difference = [a.double() - b.double() for a, b in chunks]
    l1 = torch.cat([each.abs().flatten(1).mean(1) for each in difference])
    error = torch.cat([each.square().flatten(1).mean(1) for each in difference]).clamp(min=SMALLEST_ERROR)
    each = {"L1": l1, "PSNR": 10 * torch.log10(255**2 / error)}
    notes = []
    try:
        if min(fake.shape[2:]) >= SMALLEST:
            each["SSIM"] = torch.cat([similarity(a, b) for a, b in chunks])
    except ImportError:
        notes = [INSTALL]
    return Measured(
        {name: float(values.mean()) for name, values in each.items()},
        lambda: {name: _error(values) for name, values in each.items()},
        notes,
        pixels="0 to 255",
        ssim={"window": WINDOW, "sigma": SIGMA, "borders": "reflected"},
    )


def of_baseline(samples: Samples) -> Measured:
    """PSNR, SSIM and FD of a simple method in place of the generator, which the input's note names. {} without one."""
    made = _simply_restored(samples)
    if made is None:
        return Measured({})
    simple = replace(samples, fake=made)
    measured = [targets(simple), frechet_distance(replace(simple, generator=None, targets=None, given=None))]

    def errors() -> dict[str, float]:
        return {
            name: error
            for each in measured
            if each.standard_errors is not None
            for name, error in _as_baseline(each.standard_errors()).items()
        }

    return Measured(
        {name: value for each in measured for name, value in _as_baseline(each).items()},
        errors,
        [note for each in measured for note in each.notes],
        method=_method(samples),
        **measured[1].protocol,
    )


def _as_baseline(values: Mapping[str, float]) -> dict[str, float]:
    """The scores that are given for a simple method too, with names that say so."""
    return {_renamed(name, "baseline"): value for name, value in values.items() if name.partition("[")[0] in COMPARED}


def inside_holes(samples: Samples) -> Measured:
    """PSNR of the pixels in the holes, over all images together, and that of the simple method. {} without holes."""
    made, source = _simply_restored(samples), (samples.given or {}).get("source")
    if made is None or samples.targets is None or source is None or source.shape[1] != RGBA:
        return Measured({})
    hole = to_uint8(source[: len(made), RGBA - 1 :]).cpu() < 128
    values = {}
    for name, x in (("hole-PSNR", samples.fake), ("hole-PSNR-baseline", made)):
        squared = (x.double() - samples.targets.double()).square().mean(1, keepdim=True)
        error = max(float((squared * hole).sum() / hole.sum()), SMALLEST_ERROR)
        values[name] = 10 * math.log10(255**2 / error)
    return Measured(values, pixels="0 to 255", method=_method(samples))


def _method(samples: Samples) -> str:
    inputs = samples.spec.inputs
    return str(inputs["source"].note.get("baseline", "")) if "source" in inputs else ""


def _simply_restored(samples: Samples) -> Tensor | None:
    """What the simple method makes of the inputs, uint8 like the samples; None if the inputs name none."""
    method, source = _method(samples), (samples.given or {}).get("source")
    if method not in SIMPLE or source is None or samples.targets is None:
        return None
    parts = to_uint8(source[: len(samples.fake)]).cpu().split(CHUNK)
    return torch.cat([SIMPLE[method](part, samples.spec.shape) for part in parts])


def similarity(fake: Tensor, real: Tensor) -> Tensor:
    """SSIM `[N]` of uint8 images, by torchmetrics: the mean over all pixels, with images reflected at their borders.

    Raises ImportError without torchmetrics.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    found: Any = structural_similarity_index_measure(
        fake.float(), real.float(), gaussian_kernel=True, sigma=SIGMA, reduction="none", data_range=255.0
    )
    return torch.as_tensor(found).reshape(len(fake)).double()


def label_kept(samples: Samples) -> Measured:
    """Fraction of samples of which the domain classifier reads the input's label. {} where inputs have none, or others.

    Of real images: how often it reads the label of held-out ones.
    """
    given, spec = samples.given or {}, samples.spec
    unpaired = spec.note.get("unpaired")
    labels = given.get("source_y" if unpaired else "y")
    if labels is None or not spec.classes:
        return Measured({})
    if unpaired and spec.inputs["source"].classes != spec.classes:
        return Measured({})
    space = find_domain(samples)
    logits = space.extract(samples.fake).logits
    assert logits is not None
    value = float((logits.argmax(1) == labels.cpu()).double().mean())
    named = in_space(space, {"label-kept": value}, lambda: [standard_errors.of_fraction(value, len(logits))])
    named.of_real = dict.fromkeys(named, space.accuracy)
    return named


def map_read_back(samples: Samples) -> Measured:
    """Accuracy and mean IoU of the label map that a small network reads from samples. {} for inputs that are no maps.

    The network is trained on the real pairs of the training split. Of real images: what it reads from the targets.
    """
    given = samples.given or {}
    note = samples.spec.inputs["source"].note if "source" in samples.spec.inputs else {}
    if "colours" not in note or samples.targets is None or "source" not in given:
        return Measured({})
    reader = find_reader(samples.real("train"))
    wanted = reader.resized(classes_of(to_uint8(given["source"]), note["colours"]))
    values, of_real = (agreement(reader, x, wanted) for x in (samples.fake, samples.targets))
    return Measured(values, of_real=of_real, reader=reader.describe())


def agreement(reader: Reader, x: Tensor, wanted: Tensor) -> dict[str, float]:
    """Fraction of pixels that are read as the class `wanted [N, h, w]`, and the mean IoU over the classes in these."""
    read = reader.read(x)
    overlaps = []
    for number in wanted.unique().tolist():
        either = (read == number) | (wanted == number)
        overlaps.append(float(((read == number) & (wanted == number)).sum() / either.sum()))
    accuracy = float((read == wanted).double().mean())
    return {"map-accuracy": accuracy, "map-IoU": sum(overlaps) / len(overlaps)}


def frechet_distance_back(samples: Samples) -> Measured:
    """FD between inputs made from held-out samples and the training inputs, on features of the inputs' own classifier.

    Of real images: the held-out inputs. Raises GanzooError as `fd` does, as for inputs without labels.
    """
    gan: Any = samples.generator
    spec = samples.spec.inputs.get("source")
    if spec is None or spec.modality != "image":
        return Measured({})

    def load(split: str) -> Dataset:
        return inputs_as_samples(samples.real(split))

    made = translated(samples, gan.back, _held_out(samples))
    train = load("train")
    back = replace(
        samples, fake=made, labels=None, spec=train.spec, load=load, generator=None, targets=None, given=None
    )
    found = frechet_distance(back)
    try:
        real = frechet_distance(back.real_baseline())
    except GanzooError:
        real = Measured({})
    errors = found.standard_errors
    return Measured(
        {_renamed(name, "back"): value for name, value in found.items()},
        None if errors is None else lambda: {_renamed(name, "back"): value for name, value in errors().items()},
        found.notes,
        {_renamed(name, "back"): value for name, value in real.items()},
        **found.protocol,
    )


def _renamed(name: str, what: str) -> str:
    base, bracket, space = name.partition("[")
    return f"{base}-{what}{bracket}{space}"


def inputs_as_samples(dataset: Dataset) -> Dataset:
    """The inputs of a data set, with their labels, as samples of one."""
    arrays, spec = dataset.arrays, dataset.spec
    input, unpaired = spec.inputs["source"], spec.note.get("unpaired")
    labels = arrays.get("source_y" if unpaired else "y")
    classes, names = (input.classes, input.class_names) if unpaired else (spec.classes, spec.class_names)
    own = replace(input, name=f"{spec.name}-source", classes=classes, class_names=names, inputs={})
    return Dataset({"x": arrays["source"]} | ({} if labels is None else {"y": labels}), own)


def cycle(samples: Samples) -> Measured:
    """L1 of 8-bit pixels between inputs and what is made of them there and back; and from held-out samples likewise."""
    gan: Any = samples.generator
    given = (samples.given or {}).get("source")
    if given is None:
        return Measured({})
    x = _held_out(samples)
    there = _l1(translated(samples, gan.back, samples.fake), to_uint8(given[: len(samples.fake)]))
    back = translated(samples, gan.back, x)
    other = _l1(translated(samples, lambda part: gan.sample(len(part), given={"source": part}), back), x)
    each = {"cycle-L1": there, "cycle-back-L1": other}
    return Measured(
        {name: float(values.mean()) for name, values in each.items()},
        lambda: {name: _error(values) for name, values in each.items()},
        pixels="0 to 255",
    )


def translated(samples: Samples, translate: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """What the samples' game makes of uint8 images, `translate`d in parts, uint8 on the CPU.

    The noise is the same each time, and the weights are those that the samples are of.
    """
    gan: Any = samples.generator
    device = next(gan.parameters()).device
    with gan.for_sampling(samples.averaged), torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.cat([to_uint8(translate(as_input(part.to(device)))).cpu() for part in images.split(CHUNK)])


def _held_out(samples: Samples) -> Tensor:
    """As many held-out samples as were drawn, or all, uint8; training samples where none are held out."""
    try:
        dataset = samples.real("test")
    except GanzooError:
        dataset = samples.real("train")
    return to_uint8(dataset.batch(subset(dataset.count, len(samples.fake)))["x"])


def _l1(a: Tensor, b: Tensor) -> Tensor:
    return (a.double() - b.double()).abs().flatten(1).mean(1)


def _error(values: Tensor) -> float:
    """The standard error of a mean."""
    return float(values.std()) / math.sqrt(len(values)) if len(values) > 1 else 0.0
