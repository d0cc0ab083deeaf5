"""Scores of clips: of clips and of single frames on domain features, of what stays in a clip, and of motion."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.data.dataset import as_input, to_uint8
from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.evaluation import standard_errors
from ganzoo.evaluation.features.pairs import feature_pair, in_space
from ganzoo.evaluation.features.views import as_images
from ganzoo.evaluation.metrics import images

FRAMES = 4
"""Frames of a clip that its classifier sees: with all of them, it is right less often on held-out clips."""

MOST = 10_000
ROWS = 500

# Clips are given as they are stored, uint8, or in -1..1: those of a folder, those of a generator. `as_input` makes both
# the same.


def clips(samples: Samples) -> Samples:
    """Clips as images whose channels are four frames in grey, from the first to the last one, evenly spaced."""

    def spaced(x: Tensor) -> Tensor:
        at = torch.linspace(0, x.shape[2] - 1, FRAMES).round().long().to(x.device)
        return to_uint8(as_input(x)[:, :, at].mean(1))

    return as_images(samples, f"{samples.spec.name}-clips", spaced)


def frames(samples: Samples) -> Samples:
    """One frame of each clip, another one of each: the first of the first clip, the second of the second, ..."""

    def chosen(x: Tensor) -> Tensor:
        at = torch.arange(len(x), device=x.device)
        return to_uint8(as_input(x[at, :, at % x.shape[2]]))

    return as_images(samples, f"{samples.spec.name}-frames", chosen)


def inception_score(samples: Samples) -> Measured:
    return _renamed("clip", images.inception_score(clips(samples)))


def clip_distance(samples: Samples) -> Measured:
    return _renamed("clip", images.frechet_distance(clips(samples)))


def frame_distance(samples: Samples) -> Measured:
    return _renamed("frame", images.frechet_distance(frames(samples)))


def _renamed(what: str, measured: Measured) -> Measured:
    """The scores with what they are of before their names."""
    errors = measured.standard_errors
    named = None if errors is None else lambda: {f"{what}-{name}": value for name, value in errors().items()}
    return Measured(
        {f"{what}-{name}": value for name, value in measured.items()}, named, measured.notes, **measured.protocol
    )


def persistence(samples: Samples) -> Measured:
    """The fraction of frames that belong to their clip's most frequent class; with labels, also `accuracy`.

    The classifier is that of single frames. accuracy: the fraction of clips whose most frequent class was requested.
    """
    view = frames(samples)
    space = feature_pair(view).space
    read = samples.memo.once(("frame classes", space.identity), lambda: _classes_of_frames(samples, space))
    counts = torch.nn.functional.one_hot(read, samples.spec.classes).sum(1)
    most, majority = counts.max(1)
    kept = most.double() / read.shape[1]
    values = {"persistence": float(kept.mean())}
    errors = [standard_errors.of_mean(kept)]
    if samples.labels is not None:
        right = float((majority == samples.labels.cpu()).double().mean())
        values["accuracy"] = right
        errors.append(standard_errors.of_fraction(right, len(kept)))
    return in_space(space, values, lambda: errors)


def _classes_of_frames(samples: Samples, space: object) -> Tensor:
    """The class of each frame, int64 `[N, T]`."""
    found = []
    for part in samples.fake.split(ROWS):
        every = to_uint8(as_input(part.transpose(1, 2).flatten(0, 1)))
        logits = space.extract(every).logits  # type: ignore[attr-defined]
        found.append(logits.argmax(1).unflatten(0, (len(part), -1)).cpu())
    return torch.cat(found)


def motion(samples: Samples) -> Measured:
    """Mean speed of the centre of brightness, and mean change of a pixel, over those of the reference split."""
    real = samples.real(samples.reference)
    rows = subset(real.count, MOST)

    def reference() -> Tensor:
        return torch.cat([moved(real.batch(part)["x"].cpu()) for part in rows.split(ROWS)]).mean(0)

    wanted = real.memo.once("motion", reference)
    own = torch.cat([moved(as_input(part.cpu())) for part in samples.fake.split(ROWS)]) / wanted.clamp_min(1e-9)
    values = {"speed-ratio": float(own[:, 0].mean()), "change-ratio": float(own[:, 1].mean())}
    errors = {name: standard_errors.of_mean(own[:, k]) for k, name in enumerate(values)}
    return Measured(values, lambda: errors, n_real=len(rows), split=samples.reference)


def moved(x: Tensor) -> Tensor:
    """Of clips `[N, C, T, H, W]` in -1..1: pixels that the centre of brightness moves per frame, and change per pixel.

    float64 `[N, 2]`. Brightness is 0 for black; the centre of a black frame is the middle.
    """
    light = (x.double().mean(1) + 1) / 2
    height, width = light.shape[2:]
    total = light.sum((2, 3)) + 1e-6
    rows, columns = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in (height, width))
    centre = torch.stack([(light.sum(3) * rows).sum(2), (light.sum(2) * columns).sum(2)], 2) / total[:, :, None]
    speed = centre.diff(dim=1).norm(dim=2).mean(1)
    change = light.diff(dim=1).abs().mean((1, 2, 3))
    return torch.stack([speed, change], 1)
