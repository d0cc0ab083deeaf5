"""Times `ganzoo list` with many plugins installed: a temporary folder of dummies, each a module with its metadata.

python -m benchmarks.listing [--plugins 50] [--runs 15]

Every run is a process of its own, as a user's is; one run before them, which fills the caches, does not count.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import results

CARD = """from dataclasses import dataclass

from ganzoo import hookimpl
from ganzoo.specs import TwoPlayerRecipe, Variant, key

ganzoo_api = 1


@dataclass(frozen=True, kw_only=True)
class DummyRecipe(TwoPlayerRecipe):
    width: int = key(32, "Channels.", minimum=1)
    depth: int = key(3, "Layers.", minimum=1)


def build(recipe, data):
    raise NotImplementedError


@hookimpl
def ganzoo_variants():
    recipes = {{"digits": DummyRecipe(), "wide": DummyRecipe(width=64)}}
    return [Variant("dummy-{number}", "A dummy.", "no paper", ("image",), recipes, build)]
"""


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        install_dummies(Path(folder) / "plugins", options.plugins)
        # Bytecode is written by installers, or by the first run of a user who may write it; here by the first run.
        cached = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(Path(folder) / "cache")}
        without = timed(cached, options.runs)
        found = timed(cached | {"PYTHONPATH": str(Path(folder) / "plugins")}, options.runs)
    load = round(os.getloadavg()[0], 2)
    values = {"plugins": options.plugins, "without": without, "with": found, "load average": load}
    for name, part in (("as installed", without), (f"with {options.plugins} plugins more", found)):
        seconds, cpu = part["seconds"], part["cpu seconds"]
        print(f"ganzoo list, {name}: {seconds['median']:.3f} s, of which {cpu['median']:.3f} s on the processor")
    print(f"medians of {options.runs} runs; load average {load}")
    command = f"python -m benchmarks.listing --plugins {options.plugins} --runs {options.runs}"
    print(f"wrote {results.write('listing', command, values)}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugins", type=int, default=50)
    parser.add_argument("--runs", type=int, default=15)
    return parser.parse_args()


def install_dummies(folder: Path, count: int) -> None:
    """Write so many distributions, each with a module of one variant with two recipes."""
    folder.mkdir()
    for number in range(count):
        (folder / f"ganzoo_dummy_{number}.py").write_text(CARD.format(number=number))
        info = folder / f"ganzoo_dummy_{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ganzoo-dummy-{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ganzoo]\ndummy-{number} = ganzoo_dummy_{number}\n")


def timed(environment: dict[str, str], runs: int) -> dict[str, dict[str, float]]:
    """Times of `ganzoo list`, from the start of the process to its end: on the clock, and on the processor."""
    seconds, cpu = [], []
    for _ in range(runs + 1):
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "ganzoo", "list"]
        done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    if "PYTHONPATH" in environment and "dummy-0" not in done.stdout:
        raise RuntimeError(f"the dummies were not listed: {done.stderr}")
    return {"seconds": summary(seconds[1:]), "cpu seconds": summary(cpu[1:])}


def summary(seconds: list[float]) -> dict[str, float]:
    """Median, fastest and slowest, in seconds."""
    return {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}


if __name__ == "__main__":
    main()
