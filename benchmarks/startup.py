"""Seconds to import ganzoo, list, show, refuse a name, train one step, each in a new process; a breakdown by stage.

python -m benchmarks startup [--plugins 50] [--runs 15] [--trainings 5]

The first run of each fills the caches and is not counted. The commands are interleaved. `ganzoo list` is also timed
with many additional plugins: a temporary folder of dummies, each a module with its metadata.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import timing

CARD = """from ganzoo import hookimpl
from ganzoo.recipes import TwoPlayerRecipe, key, recipe_class
from ganzoo.specs import Variant

ganzoo_api = 1


@recipe_class
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

UNKNOWN = "ganzoo train no-such-name"
TRAIN = ["train", "dcgan", "--steps", "1"]
STARTED_AT = "GANZOO_BENCHMARK_STARTED_AT"
PACKAGES = ("torch._dynamo", "torch._inductor", "torch.distributed", "torch.fx", "torch.utils")
"""Parts of torch that are counted separately."""


def main() -> None:
    options = arguments()
    if options.stages:
        stages(options.stages)
        return
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        install_dummies(folder / "plugins", options.plugins)
        # Bytecode is normally written by an installer or by the first run; here by the first run.
        base = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
        fast, slow = commands(folder, options.plugins)
        # The first run loads the classifier from the cache or trains it, so that the counted runs find it there.
        rows = measured(fast, base, options.runs) | measured(slow, base, options.trainings)
        parts = {
            "from a warm cache": staged(folder, base, options.trainings),
            "without the classifier": staged(folder, base, 1, empty_cache=True),
        }
        imports = imported(folder, base)
    for name, row in rows.items():
        seconds, cpu = row["seconds"], row["cpu seconds"]["median"]
        print(
            f"{name}: {seconds['median']:.2f} s ({seconds['q1']:.2f} to {seconds['q3']:.2f}), "
            f"{cpu:.2f} CPU s, {row['MiB']:.0f} MiB"
        )
    for name, part in parts.items():
        print(f"ganzoo {' '.join(TRAIN)}, {name}:")
        for stage, spent in part.items():
            print(f"  {spent:6.2f} s  {stage}")
    print("imports of that command, by package (slower because of the measurement):")
    for package, spent in imports.items():
        print(f"  {spent:6.2f} s  {package}")
    # Imported late because it imports torch, and on Linux the memory of this process counts for its children.
    from benchmarks import results

    command = f"python -m benchmarks startup --plugins {options.plugins} --runs {options.runs}"
    values = {"plugins": options.plugins, "commands": rows, "stages": parts, "imports": imports}
    print(f"wrote {results.write(options.name, f'{command} --trainings {options.trainings}', values)}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugins", type=int, default=50)
    parser.add_argument("--runs", type=int, default=15, help="runs of each command that does not train")
    parser.add_argument("--trainings", type=int, default=5, help="runs of each command that trains")
    parser.add_argument("--name", default="startup", help="name of the results file [default: startup]")
    parser.add_argument("--stages", metavar="FOLDER", help=argparse.SUPPRESS)
    return parser.parse_args()


Command = Callable[[], tuple[list[str], dict[str, str]]]


def commands(folder: Path, plugins: int) -> tuple[dict[str, Command], dict[str, Command]]:
    """The commands to time, as functions that return arguments and environment: fast ones, and slow ones."""
    ganzoo = [sys.executable, "-m", "ganzoo"]
    dummies = {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder / "plugins"), os.environ.get("PYTHONPATH")]))}
    fast: dict[str, Command] = {
        "python": lambda: ([sys.executable, "-c", "pass"], {}),
        "import ganzoo": lambda: ([sys.executable, "-c", "import ganzoo"], {}),
        "ganzoo list": lambda: ([*ganzoo, "list"], {}),
        f"ganzoo list, {plugins} plugins more": lambda: ([*ganzoo, "list"], dummies),
        UNKNOWN: lambda: ([*ganzoo, "train", "no-such-name"], {}),
        "ganzoo show dcgan": lambda: ([*ganzoo, "show", "dcgan"], {}),
    }
    slow: dict[str, Command] = {
        "import torch": lambda: ([sys.executable, "-c", "import torch"], {}),
        f"ganzoo {' '.join(TRAIN)}": lambda: ([*ganzoo, *TRAIN, "--out", new_run_folder(folder)], {}),
        f"ganzoo {' '.join(TRAIN)} --no-scores": lambda: (
            [*ganzoo, *TRAIN, "--no-scores", "--out", new_run_folder(folder)],
            {},
        ),
    }
    return fast, slow


def new_run_folder(folder: Path) -> str:
    """The path of a run folder that does not exist."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    return str(folder / "run")


def measured(wanted: dict[str, Command], base: dict[str, str], runs: int) -> dict[str, dict[str, Any]]:
    """Seconds, CPU seconds and peak memory of each command, interleaved."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
    for number in range(runs + 1):
        for name, make in wanted.items():
            arguments, environment = make()
            done = timing.process(arguments, base | environment, exit_code=2 if name == UNKNOWN else 0)
            if "plugins more" in name and "dummy-0" not in done["output"]:
                raise RuntimeError(f"the dummies were not listed: {done['output']}")
            if number:
                found[name].append(done)
    return {
        name: {
            "seconds": timing.summary([run["seconds"] for run in all_runs]),
            "cpu seconds": timing.summary([run["cpu seconds"] for run in all_runs]),
            "MiB": statistics.median(run["MiB"] for run in all_runs),
        }
        for name, all_runs in found.items()
    }


def staged(folder: Path, base: dict[str, str], runs: int, empty_cache: bool = False) -> dict[str, float]:
    """Median seconds of each stage of training for one step; with `empty_cache`, without a cached classifier."""
    found: list[dict[str, float]] = []
    for _ in range(runs):
        cache = {"GANZOO_CACHE": str(folder / "empty")} if empty_cache else {}
        started_at = {STARTED_AT: str(time.time())}
        command = [sys.executable, "-m", "benchmarks.startup", "--stages", new_run_folder(folder)]
        done = timing.process(command, base | cache | started_at)
        spent = json.loads(done["output"].splitlines()[-1])
        found.append(spent | {"ending Python": done["seconds"] - sum(spent.values()), "in all": done["seconds"]})
    return {stage: statistics.median(run.get(stage, 0.0) for run in found) for stage in found[0]}


def stages(folder: str) -> None:
    """Train one step in this process, and print the seconds of each stage as JSON."""
    started_at = float(os.environ[STARTED_AT])
    from ganzoo.api import train as api
    from ganzoo.cli import printing, run
    from ganzoo.evaluation.features import classifier
    from ganzoo.runs.callbacks import diagnosis
    from ganzoo.runs.callbacks.saving import Checkpoints
    from ganzoo.runs.callbacks.sheets import Sheets
    from ganzoo.training import trainer

    spent = {"starting Python, imports": time.time() - started_at}
    clock = Clock(spent)
    for place, name, stage in (
        (api, "load_dataset", "reading the data"),
        (api, "build_within_memory", "building the networks"),
        (api, "create", "the run folder"),
        (trainer.Trainer, "__init__", "making the trainer"),
        (trainer.Trainer, "play_step", "the first step"),
        (Sheets, "on_start", "pictures"),
        (Sheets, "on_step", "pictures"),
        (Sheets, "on_end", "pictures"),
        (diagnosis.Diagnosis, "on_start", "diagnosis"),
        (Checkpoints, "on_end", "checkpoint"),
        (printing, "after_training", "scoring"),
        (classifier, "train_classifier", "training the classifier"),
    ):
        setattr(place, name, clock.around(getattr(place, name), stage))
    code = run([*TRAIN, "--out", folder])
    if code:
        raise SystemExit(code)
    spent["the rest"] = time.time() - started_at - sum(spent.values())
    print(json.dumps(spent))


class Clock:
    """Seconds of each stage, without those of nested stages."""

    def __init__(self, spent: dict[str, float]) -> None:
        self.spent = spent
        self._inner = [0.0]

    def around(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """The function, with its time added to a stage."""

        def timed(*values: Any, **named: Any) -> Any:
            with self._counted(stage):
                return function(*values, **named)

        return timed

    @contextmanager
    def _counted(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            taken = time.perf_counter() - start
            self.spent[stage] = self.spent.get(stage, 0.0) + taken - self._inner.pop()
            self._inner[-1] += taken


def imported(folder: Path, base: dict[str, str]) -> dict[str, float]:
    """Seconds in each package's own modules while one step is trained, from `python -X importtime`; the largest ten."""
    command = [sys.executable, "-X", "importtime", "-m", "ganzoo", *TRAIN, "--out", new_run_folder(folder)]
    done = subprocess.run(command, env=os.environ | base, capture_output=True, text=True, check=True)
    spent: dict[str, float] = {}
    for own, module in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)$", done.stderr, re.MULTILINE):
        counted = next((part for part in PACKAGES if module == part or module.startswith(f"{part}.")), None)
        package = counted or module.partition(".")[0]
        spent[package] = spent.get(package, 0.0) + int(own) / 1e6
    largest = sorted(spent, key=lambda package: -spent[package])[:10]
    return {package: spent[package] for package in largest} | {
        "all others": sum(seconds for package, seconds in spent.items() if package not in largest)
    }


def install_dummies(folder: Path, count: int) -> None:
    """Write `count` distributions, each with a module that registers one variant with two recipes."""
    folder.mkdir()
    for number in range(count):
        (folder / f"ganzoo_dummy_{number}.py").write_text(CARD.format(number=number))
        info = folder / f"ganzoo_dummy_{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ganzoo-dummy-{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ganzoo]\ndummy-{number} = ganzoo_dummy_{number}\n")


if __name__ == "__main__":
    main()
