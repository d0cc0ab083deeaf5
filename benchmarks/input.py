"""The input pipeline by itself: images per second from memory, a memory-mapped array, and a DataLoader.

python -m benchmarks.input [--repetitions 9] [--threads 2]

The images are random bytes in the shape of MNIST (60,000 of 28x28x1), of CIFAR-10 (50,000 of 32x32x3) and of a folder
at 64 pixels (20,000 of 64x64x3). The DataLoader is that of tutorials: a data set that returns one image at a time as
torchvision's do, ToTensor and Normalize, shuffled, with no workers and with 2. All sources read the same bytes, which
are in the system's page cache. In each repetition every source yields the same number of images; the clock of a
DataLoader starts after its first batch, so that what its workers have prepared by then counts in its favour.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler

from benchmarks import results
from benchmarks.timing import interleaved, ratio, summary
from ganzoo.data.dataset import Array, BatchStream, Dataset
from ganzoo.recipes import DataSpec

SHAPES = {"28x28x1": (60_000, 1, 28, 28), "32x32x3": (50_000, 3, 32, 32), "64x64x3": (20_000, 3, 64, 64)}
BATCHES = (64, 512)
MEMORY, MAPPED, LOADER = "memory", "memory-mapped", "DataLoader, {} workers"
WORKERS = (0, 2)
IMAGES, MIN_BATCHES = 8_192, 12
"""Images per repetition, and the minimum number of batches."""


class Pictures(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Images as torchvision's data sets return them: a transformed Pillow image and a label."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        from torchvision.transforms import Compose, Normalize, ToTensor

        self.images, self.labels = images.transpose(0, 2, 3, 1).squeeze(), labels.tolist()
        channels = images.shape[1]
        self.transform = Compose([ToTensor(), Normalize((0.5,) * channels, (0.5,) * channels)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[i])), self.labels[i]


def main(words: list[str] | None = None) -> None:
    options = arguments(words)
    torch.set_num_threads(options.threads)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            images, labels = make(Path(folder) / "x.npy", (max(600, shape[0] // options.divide), *shape[1:]))
            found[name] = {str(batch): compare(images, labels, batch, options) for batch in BATCHES}
            show(name, found[name])
    command = f"python -m benchmarks.input --repetitions {options.repetitions} --threads {options.threads}"
    print(f"wrote {results.write('input', command, {'images per second': found})}")


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2, help="number of torch's threads")
    parser.add_argument("--divide", type=int, default=1, help="divide the numbers of images by this, to try the script")
    return parser.parse_args(words)


def make(path: Path, shape: tuple[int, ...]) -> tuple[np.memmap, Tensor]:
    """Random images, memory-mapped like decoded folders, and labels."""
    np.save(path, np.random.RandomState(0).randint(0, 256, shape, dtype=np.uint8))
    images: np.memmap = np.load(path, mmap_mode="r", allow_pickle=False)
    return images, torch.arange(shape[0]) % 10


def compare(images: np.memmap, labels: Tensor, batch: int, options: argparse.Namespace) -> dict[str, Any]:
    """Images per second of each source, also relative to a DataLoader without workers."""
    spec = DataSpec("images", "image", tuple(images.shape[1:]), classes=10)
    pictures = Pictures(np.array(images), labels.numpy())
    arrays: dict[str, Array] = {MEMORY: torch.from_numpy(np.array(images)), MAPPED: images}
    streams = {name: BatchStream(Dataset({"x": x, "y": labels}, spec), batch, seed=0) for name, x in arrays.items()}
    count = max(MIN_BATCHES, IMAGES // options.divide // batch)
    at = dict.fromkeys(streams, 0)

    def from_stream(name: str) -> float:
        began = time.perf_counter()
        for number in range(count):
            list(streams[name].batch(at[name] + number).values())
        at[name] += count
        return (time.perf_counter() - began) / (count * batch)

    def from_loader(workers: int) -> float:
        sampler = RandomSampler(pictures, num_samples=(count + 1) * batch)
        source = iter(DataLoader(pictures, batch, sampler=sampler, num_workers=workers))
        next(source)
        began = time.perf_counter()
        for _ in source:
            pass
        return (time.perf_counter() - began) / (count * batch)

    turns: dict[str, Any] = {name: partial(from_stream, name) for name in streams}
    turns |= {LOADER.format(workers): partial(from_loader, workers) for workers in WORKERS}
    seconds = interleaved(turns, options.repetitions)
    plain = seconds[LOADER.format(0)]
    return {
        name: {**summary([1 / value for value in each]), "times a DataLoader without workers": ratio(plain, each)}
        for name, each in seconds.items()
    }


def show(name: str, found: dict[str, Any]) -> None:
    for batch, sources in found.items():
        for source, values in sources.items():
            times = values["times a DataLoader without workers"]["median"]
            print(f"{name} batch {batch:>3} {source:22} {values['median']:>12,.0f} images/s, {times:6.1f}x", flush=True)


if __name__ == "__main__":
    main()
