"""Step time, images per second and memory of ganzoo's trainer, a tutorial's loop and the best hand-written loop.

python -m benchmarks steps [CASE ...] [--data-root DIR] [--threads 2 1] [--precision fp32 bf16] [--batch N] [--starts N]

All use the same networks, batch and recipe, on the CPU. The loops are in `benchmarks/loops/`; `best` is the faster of
its two memory layouts, by the medians. Each loop runs in its own process, and the repetitions are interleaved. With
bf16, ganzoo and the best loop use it, in which only some processors are fast; a row names what this one has for it.
Results of other cases, numbers of threads and precisions stay in the results file.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
from functools import partial
from typing import Any

from benchmarks import results, timing
from benchmarks.loops.cases import (
    BEST,
    CASES,
    CHANNELS_LAST,
    GANZOO,
    LOOPS,
    PRECISIONS,
    TUTORIAL,
    Case,
    parse_cases,
)
from benchmarks.loops.processes import LoopProcess
from ganzoo.machine.bf16 import bf16_units


def main() -> None:
    options = arguments()
    command = "python -m benchmarks steps" + (f" --batch {options.batch}" if options.batch else "")
    for case in [CASES[name] for name in options.cases or CASES]:
        row: dict[str, Any] = {"recipe": case.recipe, "set": dict(case.set), "date": datetime.date.today().isoformat()}
        for threads, precision in itertools.product(options.threads, options.precision):
            name = f"threads {threads}" + (f", {precision}" if precision != "fp32" else "")
            row[name] = part = measured(case, threads, precision, options)
            row |= {key: part.pop(key) for key in ("data", "batch")}
            print(f"{case.name} ({case.summary}), {name}, batch {row['batch']}, {row['data']}:")
            show(part)
            rows = results.rows(options.name)
            kept = rows.get(case.name, {})
            # A row is of one machine.
            rows[case.name] = row if "machine" in kept else kept | row
            in_order = {name: rows[name] for name in CASES if name in rows}
            print(f"wrote {results.write(options.name, command, {'rows': in_order})}", flush=True)


def measured(case: Case, threads: int, precision: str, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds per step of each loop, images per second, memory, and ratios of their times."""
    names, steps = loops_of(case), options.steps or case.steps
    seconds: dict[str, list[float]] = {name: [] for name in names}
    memory: dict[str, dict[str, float]] = {}
    for _ in range(options.starts):
        # The speed of a process depends on the placement of its memory, so starts are samples as well.
        environment = {"OMP_NUM_THREADS": str(threads)}
        given = (environment, options.batch, options.data_root, precision)
        processes = {name: LoopProcess(case, name, *given) for name in names}
        repetitions = options.repetitions or case.repetitions
        turns = {name: partial(process.run, steps) for name, process in processes.items()}
        for name, values in timing.interleaved(turns, repetitions).items():
            seconds[name] += values
        facts = processes[GANZOO].facts
        for name, process in processes.items():
            memory[name] = {"MiB": process.peak(), "before": process.facts["before"]}
            process.end()
    spent = {name: timing.summary(values, steps) for name, values in seconds.items()}
    best = min((name for name in names if name.startswith(BEST)), key=lambda name: spent[name]["median"])
    found = {
        "data": facts["data"],
        "batch": facts["batch"],
        "bf16 units": bf16_units(),
        "load average": round(os.getloadavg()[0], 2),
        "steps": steps,
        "starts": options.starts,
        "seconds": spent,
        "images per second": {name: facts["images"] / part["median"] for name, part in spent.items()},
        "best layout": "channels-last" if best == CHANNELS_LAST else "channels-first",
        "tutorial / ganzoo": timing.ratio(seconds[TUTORIAL], seconds[GANZOO]),
        "tutorial / best": timing.ratio(seconds[TUTORIAL], seconds[best]),
        "ganzoo / best": timing.ratio(seconds[GANZOO], seconds[best]),
        "memory": memory,
    }
    if CHANNELS_LAST in names:
        found["best, channels-last / best"] = timing.ratio(seconds[CHANNELS_LAST], seconds[BEST])
    return found


def loops_of(case: Case) -> list[str]:
    """The loops of a case; perceptrons have no channels, so no channels-last layout."""
    return [name for name in LOOPS if name != CHANNELS_LAST or not case.name.startswith("vanilla")]


def show(part: dict[str, Any]) -> None:
    for name, seconds in part["seconds"].items():
        print(f"  {name:20} {timing.milliseconds(seconds)} per step, {part['images per second'][name]:,.0f} images/s")
    for name in ("tutorial / ganzoo", "tutorial / best", "ganzoo / best", "best, channels-last / best"):
        if name in part:
            print(f"  {name:26} {timing.times(part[name])}")
    print("  peak memory, MiB: " + ", ".join(f"{name} {memory['MiB']:.0f}" for name, memory in part["memory"].items()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"available: {', '.join(CASES)} [default: all]")
    parser.add_argument("--threads", type=int, nargs="+", default=[os.cpu_count() or 1, 1])
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["fp32"], help="[default: fp32]")
    parser.add_argument("--data-root", help="folder of the data sets; random images replace missing ones")
    parser.add_argument("--batch", type=int, help="[default: the recipe's, 64]")
    parser.add_argument("--steps", type=int, help="per repetition [default: the case's]")
    parser.add_argument("--repetitions", type=int, help="[default: the case's]")
    parser.add_argument(
        "--starts", type=int, default=1, help="times that all processes are started, each with that many repetitions"
    )
    parser.add_argument("--name", default="steps", help="name of the results file [default: steps]")
    return parse_cases(parser)


if __name__ == "__main__":
    main()
