"""The small classifier behind domain features, whose weights do not depend on the machine that trains them.

Processors add numbers in different orders, and training magnifies a rounding error of float32 until the weights differ
visibly. In float64 the differences stay around 1e-15, far below the rounding of the finished weights to float32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.data.dataset import Dataset, as_input

VERSION = 2
"""Part of the recipe's name and of the cache key: increment it with any change below that changes the weights."""

DTYPE = torch.float64

SEED = 0
MAX_SIDE = 32
WIDTH, FEATURES = 24, 64
BATCH, LEARNING_RATE, WEIGHT_DECAY = 128, 3e-3, 1e-2
EPOCHS, MIN_STEPS, MAX_STEPS = 30, 200, 1000
EVAL_BATCH = 500


class Classifier(nn.Module):
    """Three convolutions and two linear layers. Images larger than 32 pixels are first reduced by average pooling.

    scale: a factor that gives the features a mean variance of 1 on the training images, so that distances between
    features have a similar scale on every data set.
    """

    scale: Tensor

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.shape, self.classes = tuple(shape), classes
        self.size = min(height, MAX_SIDE), min(width, MAX_SIDE)
        stride = 2 if max(self.size) > 16 else 1
        self.body = nn.Sequential(
            *_convolution(channels, WIDTH, stride),
            *_convolution(WIDTH, 2 * WIDTH, 2),
            *_convolution(2 * WIDTH, 2 * WIDTH, 1),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(2 * WIDTH * 16, FEATURES, dtype=DTYPE),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, classes, dtype=DTYPE)
        self.register_buffer("scale", torch.ones((), dtype=DTYPE))
        # Faster convolutions on a CPU.
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images `[N, C, H, W]` in [-1, 1] to non-negative features `[N, 64]` and logits `[N, classes]`, float64."""
        x = x.to(DTYPE, memory_format=torch.channels_last)
        if x.shape[-2:] != self.size:
            x = functional.adaptive_avg_pool2d(x, self.size)
        features = self.body(x)
        return features * self.scale, self.head(features)


def _convolution(inputs: int, outputs: int, stride: int) -> Iterator[nn.Module]:
    yield nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False, dtype=DTYPE)
    yield nn.BatchNorm2d(outputs, dtype=DTYPE)
    yield nn.ReLU()


def train_classifier(train: Dataset, rows: Tensor, steps: int | None = None) -> Classifier:
    """Train a classifier on the images and labels of `train` at `rows`, int64 `[N]`, which determine its weights.

    It is trained on the CPU, in float64 from the initial weights on; the finished weights are rounded to float32, so
    that they are the same for any instruction set and number of threads. One thread is used: more gain little on small
    batches, and wait for each other where cores are shared. The global random state and number of threads are restored.
    steps: number of batches of 128; by default 30 epochs, limited to between 200 and 1,000 steps.
    """
    if steps is None:
        steps = max(MIN_STEPS, min(MAX_STEPS, EPOCHS * len(rows) // BATCH))
    with _seeded():
        classifier = Classifier(train.spec.shape, train.spec.classes)
    order = torch.randint(len(rows), (steps, BATCH), generator=torch.Generator().manual_seed(SEED))
    optimiser = torch.optim.AdamW(classifier.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps)
    with _one_thread(), torch.enable_grad():
        for chosen in order:
            batch = train.batch(rows[chosen])
            loss = functional.cross_entropy(classifier(batch["x"].cpu())[1], batch["y"].cpu())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        classifier.eval().requires_grad_(False)
        _normalise(classifier, train, rows)
        _round(classifier)
    return classifier


def evaluate(classifier: Classifier, dataset: Dataset, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Features `[N, 64]` and logits `[N, classes]` of the images of a data set at `rows`, float64 on the CPU."""
    parts = [outputs(classifier, dataset.batch(part)["x"].cpu()) for part in rows.split(EVAL_BATCH)]
    return torch.cat([features for features, _ in parts]), torch.cat([logits for _, logits in parts])


def outputs(classifier: Classifier, x: Tensor) -> tuple[Tensor, Tensor]:
    """Features and logits, float64, of any number of images, uint8 or in [-1, 1].

    Computed in float64, so that features from two processors agree to far more digits than scores are printed with.
    """
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        features, logits = classifier(as_input(x))
    return features, logits


def accuracy(classifier: Classifier, dataset: Dataset, rows: Tensor) -> float:
    """Fraction of the images at `rows` whose predicted class is their label."""
    labels = torch.cat([dataset.batch(part)["y"].cpu() for part in rows.split(EVAL_BATCH)])
    return (evaluate(classifier, dataset, rows)[1].argmax(dim=1) == labels).double().mean().item()


def weights_digest(classifier: Classifier) -> str:
    """SHA-256 of the weights, in hexadecimal; equal if and only if all weights are equal."""
    digest = hashlib.sha256()
    for name, tensor in classifier.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _normalise(classifier: Classifier, train: Dataset, rows: Tensor) -> None:
    few = rows[:: max(1, len(rows) // 5000)]
    variance = evaluate(classifier, train, few)[0].var(dim=0).mean()
    if variance > 0:
        classifier.scale.copy_(variance.rsqrt())


def _round(classifier: Classifier) -> None:
    """Round the weights to values of float32, in which they are stored."""
    for weight in classifier.state_dict().values():
        if weight.is_floating_point():
            weight.copy_(weight.float())


@contextmanager
def _seeded() -> Iterator[None]:
    """A fixed seed for weights on the CPU. torch.manual_seed would also seed the GPUs and not restore them."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(SEED)
        yield


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
