"""Peak memory of training each variant, and what thousands of steps add to it.

python -m benchmarks.memory [--only TEXT ...] [--steps 20] [--long 12000]

Each bundled variant is trained for --steps steps in a process of its own, with its default recipe, which needs no
download. A last process trains a tiny game for --long steps, and reads its memory at several of them.
Results are written to benchmarks/results/memory.json; rows of variants that are not measured again are kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import timing
from benchmarks.bundled import bundled_variants
from benchmarks.only import add_only, chosen
from benchmarks.startup import new_run_folder

NEEDS = ""
TINY = {"g_hidden": (8,), "d_hidden": (8,)}
"""Keys of the game of the long run: its own memory is small beside what would leak."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_only(parser, "variants")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--long", type=int, default=12_000, help="steps of the tiny game")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside:
        watch(options.inside[0], int(options.inside[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        torch = timing.process([sys.executable, "-c", "import torch"])["MiB"]
        rows = {}
        for name in bundled_variants():
            if chosen(name, options.only):
                rows[name] = peak(name, options.steps, Path(folder))
                print(f"{name}: {rows[name]['MiB']:,.0f} MiB", flush=True)
        growth = long_run(options.long, Path(folder))
    print("a tiny game:", ", ".join(f"{mib:,.1f} MiB after {step} steps" for step, mib in growth.items()))
    # It imports torch, and this process stays small while it measures others, see `timing.process`.
    from benchmarks import results

    rows = results.rows("memory") | rows
    in_order = {name: rows[name] for name in bundled_variants() if name in rows}
    values = {"import torch": torch, "steps": options.steps, "rows": in_order, "long run": growth}
    results.write("memory", "python -m benchmarks.memory", values)


def peak(name: str, steps: int, folder: Path) -> dict[str, Any]:
    """Peak memory of training a variant, and the numbers of weights, as `ganzoo train` prints them."""
    command = [sys.executable, "-m", "ganzoo", "train", name, "--steps", str(steps), "--no-scores", "--device", "cpu"]
    done = timing.process([*command, "--out", new_run_folder(folder)])
    (weights,) = (line.partition(": ")[2] for line in done["output"].splitlines() if line.startswith("networks: "))
    return {"MiB": done["MiB"], "networks": weights}


def long_run(steps: int, folder: Path) -> dict[str, float]:
    """Memory of the tiny game in MiB, by the step, at twelfths of its steps."""
    inside = ["--inside", new_run_folder(folder), str(steps)]
    lines = timing.process([sys.executable, "-m", "benchmarks.memory", *inside])["output"].splitlines()
    found: dict[str, float] = json.loads(lines[-1])
    return found


def watch(folder: str, steps: int) -> None:
    """Train the tiny game in this process, and print its memory as JSON."""
    import ganzoo
    from ganzoo.callbacks import Callback, Training

    class Reader(Callback):
        def __init__(self) -> None:
            self.found: dict[int, float] = {}

        def on_step(self, trainer: Training) -> None:
            if trainer.progress.step % max(1, steps // 12) == 0:
                self.found[trainer.progress.step] = round(resident(), 2)

    reader = Reader()
    where: dict[str, Any] = {"out": folder, "scores": False, "progress": False, "device": "cpu"}
    ganzoo.train("vanilla.points", set=TINY, steps=steps, callbacks=[reader], **where)
    print(json.dumps(reader.found))


def resident() -> float:
    """Memory of this process now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    main()
