"""A large folder of images: time and memory to scan it, decode it, and start again from the cache.

python -m benchmarks.large [--images 100000] [--steps 50] [--names 1000000]

The images are generated: smooth noise, 64 to 256 pixels wide, 7 of 8 as JPEG, in 100 folders. A quarter, a half and all
of them are measured, each in separate processes, with the files and the decoded array evicted from the system's page
cache before they are read. Memory is anonymous memory (RssAnon), without the pages of the memory-mapped array, which
the system can reclaim at any time. `--names` scans that many names, hard links to the images, in one folder.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import results

FOLDERS = 100
SIZE, BATCH, EVALUATED = 64, 64, 10_000
MILLION = 1_000_000


def main() -> None:
    options = arguments()
    if options.measure:
        print(json.dumps(MEASURES[options.measure](Path(options.folder), options.steps)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        values = measure_all(Path(scratch), options.images, options.steps, options.names)
    report(values)
    command = f"python -m benchmarks.large --images {options.images} --steps {options.steps} --names {options.names}"
    print(f"wrote {results.write('large', command, values)}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=50, help="training steps from the array")
    parser.add_argument("--names", type=int, default=MILLION, help="file names in one folder, which are only scanned")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure_all(scratch: Path, images: int, steps: int, names: int) -> dict[str, Any]:
    """All measurements with a quarter, half and all of the images, and slopes, extrapolated to a million."""
    began = time.perf_counter()
    make_images(scratch / "all", images)
    made = time.perf_counter() - began
    sizes = []
    for count in (images // 4, images // 2, images):
        folder = scratch / str(count)
        link_images(scratch / "all", folder, count)
        cache = scratch / f"cache-{count}"
        found: dict[str, Any] = {"images": count}
        for name in ("scan", "first start", "second start", "training", "stream", "evaluation"):
            os.sync()
            evict(folder if name == "first start" else cache)
            found[name] = in_a_process(name, folder, cache, steps)
        sizes.append(found)
        print(json.dumps(found), flush=True)
    many = scratch / "names"
    link_images(scratch / "all", many, names, flat=True)
    return {
        "size": SIZE,
        "batch": BATCH,
        "seconds to make the images": made,
        "bytes of the image files": sum(path.stat().st_size for path in (scratch / "all").rglob("*.*")),
        "sizes": sizes,
        "slopes": slopes(sizes),
        "names in one folder": {"names": names, **in_a_process("scan", many, scratch / "no cache", steps)},
    }


def make_images(folder: Path, count: int) -> None:
    """Write the images, which are the same on every machine."""
    for number in range(FOLDERS):
        (folder / f"{number:03}").mkdir(parents=True)
    parts = [(folder, range(at, min(at + 500, count))) for at in range(0, count, 500)]
    if len(parts) == 1:
        _make_part(*parts[0])
        return
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.starmap(_make_part, parts)


def _make_part(folder: Path, numbers: range) -> None:
    for number in numbers:
        random = np.random.RandomState(number)
        width = int(random.choice([64, 96, 128, 192, 256]))
        coarse = random.randint(0, 256, (*random.randint(3, 9, 2), 3)).astype(np.uint8)
        image = Image.fromarray(coarse).resize((width, random.randint(64, width + 1)), Image.Resampling.BICUBIC)
        jpeg = number % 8
        path = folder / f"{number % FOLDERS:03}" / f"{number:07}.{'jpg' if jpeg else 'png'}"
        options: dict[str, Any] = {"quality": 90} if jpeg else {"compress_level": 1}
        image.save(path, **options)


def link_images(source: Path, folder: Path, count: int, flat: bool = False) -> None:
    """Fill a folder with `count` hard links to the images, which are repeated as needed. flat: without subfolders."""
    paths = sorted(source.rglob("*.*"), key=lambda path: path.name)
    for number, path in zip(range(count), itertools.cycle(paths), strict=False):
        target = folder if flat else folder / path.parent.name
        if number < FOLDERS:
            target.mkdir(parents=True, exist_ok=True)
        os.link(path, target / f"{number:07}{path.suffix}")


def evict(folder: Path) -> None:
    """Evict all files from the page cache, so that they are read from disk again."""
    for path in folder.rglob("*.*"):
        if path.is_file() and hasattr(os, "posix_fadvise"):
            file = os.open(path, os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)


def in_a_process(measure: str, folder: Path, cache: Path, steps: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.large", "--measure", measure, "--folder", folder, "--steps", steps]
    environment = {**os.environ, "GANZOO_CACHE": str(cache)}
    ran = subprocess.run([str(part) for part in command], env=environment, check=True, capture_output=True, text=True)
    values: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return values


def slopes(sizes: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """For each value that may grow with the number of images, its slope per image and its extrapolation to a million.

    Training and evaluation are left out: they read a fixed number of images, so that differences in memory come only
    from the C library's allocator, and a slope would be meaningless.
    """
    images = [size["images"] for size in sizes]
    found = {}
    for measure, value in (
        ("scan", "seconds"),
        ("scan", "peak bytes"),
        ("first start", "seconds"),
        ("first start", "peak bytes"),
        ("second start", "seconds"),
        ("second start", "peak bytes"),
        ("stream", "peak bytes"),
    ):
        at = [size[measure][value] for size in sizes]
        slope = float(np.polyfit(images, at, 1)[0])
        extrapolated = at[-1] + slope * (MILLION - images[-1])
        found[f"{measure}, {value}"] = {"per image": slope, "at a million, extrapolated": extrapolated}
    return found


def report(values: dict[str, Any]) -> None:
    for name, slope in values["slopes"].items():
        at = [size[name.split(", ")[0]][name.split(", ")[1]] for size in values["sizes"]]
        shown = "  ".join(f"{value:,.3g}" for value in at)
        print(f"{name:28} {shown}; {slope['per image']:.3g} per image; a million, extrapolated: {slope[LAST]:,.4g}")
    for name in ("training", "evaluation"):
        shown = "  ".join(f"{size[name]['peak bytes'] / 1e6:,.0f}" for size in values["sizes"])
        print(f"{name}, MB at most: {shown}")
    names = values["names in one folder"]
    print(f"{names['names']:,} names in one folder: {names['seconds']:.2f} s, {names['peak bytes'] / 1e6:.0f} MB")


LAST = "at a million, extrapolated"


# What runs in separate processes.


class Memory:
    """The peak of this process's anonymous memory, in bytes, and its value at the start."""

    def __init__(self) -> None:
        self.before = self.most = anonymous()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self.most = max(self.most, anonymous())

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self.most = max(self.most, anonymous())


def anonymous() -> int:
    """Bytes of RssAnon: memory that only this process can free."""
    return next(1024 * int(line.split()[1]) for line in status() if line.startswith("RssAnon"))


def mapped() -> int:
    """Bytes of RssFile: pages of files that this process has mapped, which the system can reclaim."""
    return next(1024 * int(line.split()[1]) for line in status() if line.startswith("RssFile"))


def status() -> list[str]:
    return Path("/proc/self/status").read_text("ascii").splitlines()


def bytes_read() -> int:
    """Bytes that the system has read from disk for this process."""
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


@contextmanager
def measured(found: dict[str, float]) -> Iterator[None]:
    read, mapped_before, began = bytes_read(), mapped(), time.perf_counter()
    with Memory() as memory:
        yield
        found["seconds"] = time.perf_counter() - began
    found["peak bytes"] = memory.most - memory.before
    found["bytes kept"] = anonymous() - memory.before
    found["mapped bytes"] = mapped() - mapped_before
    found["bytes read"] = bytes_read() - read


def load(folder: Path) -> Any:
    from ganzoo.data.images import folder as image_folder
    from ganzoo.recipes import Data

    return image_folder.load(Data(name="folder", path=str(folder), size=SIZE), Path(), "train")


def measure_scan(folder: Path, steps: int) -> dict[str, float]:
    from ganzoo.data.images.listing import Listing
    from ganzoo.data.images.scan import scan

    found: dict[str, float] = {}
    with measured(found):
        listing = Listing()
        for entry in scan(folder):
            listing.add(*entry)
    return found | {"names": len(listing.names)}


def measure_start(folder: Path, steps: int) -> dict[str, float]:
    import ganzoo.data.images.folder

    assert ganzoo.data.images.folder
    found: dict[str, float] = {}
    with measured(found):
        dataset = load(folder)
    images = dataset.arrays["x"]
    return found | {"images": dataset.count, "classes": dataset.spec.classes, "bytes of the array": images.nbytes}


def measure_training(folder: Path, steps: int) -> dict[str, float]:
    """Train the vanilla GAN, the variant with the least computation besides reading data."""
    import torch

    from ganzoo.api.planning import build, plan
    from ganzoo.machine.fabric import SingleDevice
    from ganzoo.training.trainer import Trainer

    dataset = load(folder)
    made = plan("vanilla", dataset=str(folder), set={"batch": BATCH, "data.size": SIZE})
    trainer = Trainer(build(made, dataset.spec), dataset, made.recipe, SingleDevice(torch.device("cpu")))
    for _ in range(10):
        trainer.play_step()
    found: dict[str, float] = {}
    seconds = []
    with measured(found):
        for _ in range(steps):
            began = time.perf_counter()
            trainer.play_step()
            seconds.append(time.perf_counter() - began)
    return found | {"steps": steps, "median seconds of a step": statistics.median(seconds)}


def measure_stream(folder: Path, steps: int) -> dict[str, float]:
    """Read one epoch of batches in the order of training, and nothing else."""
    from ganzoo.data.dataset import BatchStream

    dataset = load(folder)
    stream = BatchStream(dataset, BATCH, seed=0)
    batches = max(1, len(dataset) // BATCH)
    seconds = []
    found: dict[str, float] = {}
    with measured(found):
        for number in range(batches):
            began = time.perf_counter()
            list(stream.batch(number).values())
            seconds.append(time.perf_counter() - began)
    return found | {
        "images per second": batches * BATCH / found["seconds"],
        "median seconds of a batch": statistics.median(seconds),
    }


def measure_evaluation(folder: Path, steps: int) -> dict[str, float]:
    """Read the real images that samples are compared with, in chunks; they are always the same."""
    from ganzoo.data.dataset import to_uint8
    from ganzoo.data.samples import subset

    dataset = load(folder)
    rows = subset(dataset.count, EVALUATED)
    found: dict[str, float] = {}
    with measured(found):
        for part in rows.split(500):
            to_uint8(dataset.batch(part)["x"])
    return found | {"images": len(rows)}


MEASURES = {
    "scan": measure_scan,
    "first start": measure_start,
    "second start": measure_start,
    "training": measure_training,
    "stream": measure_stream,
    "evaluation": measure_evaluation,
}


if __name__ == "__main__":
    main()
