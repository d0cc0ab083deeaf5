"""Tables of docs/performance.md, from the results files of the benchmarks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from claims import over_seeds
from results_files import result, where

from ganzoo.pictures.tables import ScoreTable
from ganzoo.zoo import registry


def evaluation_stages() -> str:
    """Seconds to score samples, by stage, on one thread, two threads and two ranks."""
    found = result("evaluation")
    ways = list(found["seconds"])
    names = dict.fromkeys(name for way in ways for name in found["seconds"][way])
    rows = []
    for name in names:
        times = [found["seconds"][way].get(name) for way in ways]
        rows.append([name, *("" if row is None else f"{row['median']:.2f}" for row in times)])
    once = "training the classifier, if not cached"
    rows.append([once, f"{found[once]:.1f}", *("" for _ in ways[1:])])
    table = ScoreTable("", ["seconds", *ways], rows).markdown()
    repetitions = next(iter(found["seconds"][ways[0]].values()))["repetitions"]
    times_run = f"medians of {repetitions} repetitions" if repetitions > 1 else "one repetition"
    what = f"{found['n']:,} images of {found['data']}, {times_run}."
    return f"{table}\n{what} {where(found)}\n"


def quartiles(spent: Mapping[str, Any], factor: float = 1) -> str:
    """The median with the quartiles, times a factor."""
    median, low, high = (f"{factor * spent[key]:.2f}" for key in ("median", "q1", "q3"))
    return f"{median} ({low} to {high})"


def times(ratio: Mapping[str, Any]) -> str:
    """A ratio with the confidence interval of its median."""
    return f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"


def step_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Case, threads, and their measurements."""
    for name, row in found["rows"].items():
        for key, part in row.items():
            if key.startswith("threads "):
                yield name, key.removeprefix("threads "), part


def best_of(part: Mapping[str, Any]) -> str:
    """The faster memory layout of the best loop."""
    return "best, channels-last" if part["best layout"] == "channels-last" else "best"


def bf16_steps() -> str:
    """Milliseconds per step of the best loops in fp32 and bf16, and of ganzoo in bf16."""
    found = result("steps")
    every = {(name, threads): part for name, threads, part in step_rows(found)}
    rows, units = [], set()
    for (name, threads), part in every.items():
        full = every.get((name, threads.removesuffix(", bf16")))
        if full is None or full is part:
            continue
        best = full["seconds"][best_of(full)]["median"], part["seconds"][best_of(part)]["median"]
        own = part["seconds"]["ganzoo"]["median"]
        cells = [*(f"{1000 * seconds:.1f}" for seconds in (*best, own)), times(part["ganzoo / best"])]
        rows.append([name, threads.removesuffix(", bf16"), *cells, f"{best[0] / own:.2f}"])
        units |= set(part["bf16 units"])
    header = ["networks", "threads", "best fp32, ms", "best bf16, ms", "ganzoo bf16, ms", "ganzoo / best bf16"]
    table = ScoreTable("", [*header, "best fp32 / ganzoo"], rows, left=1).markdown()
    return f"{table}\n{where(found)} bf16 units: {', '.join(sorted(units))}.\n"


def precision() -> str:
    """How much faster each MNIST recipe is in bf16 on the CPU, and its scores beside those in fp32."""
    found = result("precision")
    rows = []
    for name, row in found["rows"].items():
        step = row["step"]
        cells = [*(f"{1000 * step[way]['median']:.1f}" for way in ("fp32", "bf16")), times(step["fp32 / bf16"])]
        scores = row.get("quality")
        for metric in ("IS", "FD"):
            cells += ["", ""] if scores is None else [over_seeds(scores[way][metric]) for way in ("fp32", "bf16")]
        variant, recipe_name, _ = registry.find_recipe(name)
        rows.append([f"`{name}`", *cells, "bf16" if recipe_name in variant.bf16 else "fp32"])
    header = ["recipe", "fp32, ms", "bf16, ms", "times as fast", "IS fp32", "IS bf16", "FD fp32", "FD bf16", "auto"]
    table = ScoreTable("", header, rows, left=1).markdown()
    return f"{table}\n{where(found)} Mean ± standard deviation of three seeds; one thread.\n"


def steps() -> str:
    """Milliseconds per step of the tutorial's loop, the best one, and ganzoo's."""
    found = result("steps")
    rows = []
    for name, threads, part in step_rows(found):
        if ", bf16" in threads:
            continue
        seconds = part["seconds"]
        cells = [f"{1000 * seconds[way]['median']:.1f}" for way in ("tutorial", best_of(part), "ganzoo")]
        cells.append(f"{part['images per second']['ganzoo']:,.0f}")
        cells += [times(part[ratio]) for ratio in ("tutorial / ganzoo", "ganzoo / best")]
        rows.append([name, threads, *cells])
    header = ["networks", "threads", "tutorial, ms", "best, ms", "ganzoo, ms", "images/s", "tutorial / ganzoo"]
    table = ScoreTable("", [*header, "ganzoo / best"], rows, left=1).markdown()
    data: dict[str, list[str]] = {}
    for name, row in found["rows"].items():
        data.setdefault(row["data"], []).append(name)
    images = "; ".join(f"{', '.join(names)}: {kind}" for kind, names in data.items())
    sizes = ", ".join(sorted({str(row["batch"]) for row in found["rows"].values()}))
    return f"{table}\n{where(found)} Batch {sizes}. Images: {images}.\n"


def startup() -> str:
    """Wall-clock time, CPU time and peak memory of each command."""
    found = result("startup")
    rows = []
    for name, row in found["commands"].items():
        command, comma, plugins = name.partition(", ")
        plugins = re.sub(r"(\d+) plugins more", r"with \1 more plugins", plugins)
        shown = f"`{command}`{comma}{plugins}"
        rows.append([shown, quartiles(row["seconds"]), f"{row['cpu seconds']['median']:.2f}", f"{row['MiB']:,.0f}"])
    header = ["command", "seconds (quartiles)", "CPU seconds", "peak MiB"]
    return f"{ScoreTable('', header, rows).markdown()}\n{where(found)}\n"


def threads() -> str:
    """Milliseconds per step with several settings, alone and side by side."""
    found = result("threads")
    cases = found["seconds a step"]
    ways = ("alone", "two side by side")
    rows = [
        [setting, *(f"{1000 * part[setting][way]:.1f}" for part in cases.values() for way in ways)]
        for setting in next(iter(cases.values()))
    ]
    header = ["setting", *(f"{case}, {way}" for case in cases for way in ways)]
    return f"{ScoreTable('', header, rows).markdown()}\n{where(found)}\n"


def input_sources() -> str:
    """Images per second of each source of batches."""
    found = result("input")
    rows = []
    for shape, batches in found["images per second"].items():
        for batch, sources in batches.items():
            times_faster = sources["memory"]["times a DataLoader without workers"]["median"]
            rows.append([shape, batch, *(f"{part['median']:,.0f}" for part in sources.values()), f"{times_faster:.0f}"])
    names = list(next(iter(next(iter(found["images per second"].values())).values())))
    header = ["images", "batch", *names, "memory / DataLoader, 0 workers"]
    return f"{ScoreTable('', header, rows).markdown()}\n{where(found)}\n"


SHOWN = {
    "scan": "scan",
    "first start": "first start, with decoding",
    "second start": "second start",
    "stream": "batches of one epoch",
}


def large_folder() -> str:
    """The cost of a folder at each number of images, per image, and extrapolated to a million."""
    found = result("large")
    rows = []
    for name, slope in found["slopes"].items():
        measure, value = name.split(", ")
        seconds = value == "seconds"
        at = [size[measure][value] for size in found["sizes"]]
        shown = [f"{x:,.2f}" if seconds else f"{x / 1e6:,.1f}" for x in (*at, slope["at a million, extrapolated"])]
        per = f"{1e6 * slope['per image']:,.1f} µs" if seconds else f"{slope['per image']:,.0f} B"
        rows.append([f"{SHOWN[measure]}, {'s' if seconds else 'peak MB'}", *shown[:-1], per, shown[-1]])
    for name, what in (
        ("training", f"training {found['sizes'][0]['training']['steps']} steps"),
        ("evaluation", "reading 10,000 real images for scoring"),
    ):
        at = [f"{size[name]['peak bytes'] / 1e6:,.1f}" for size in found["sizes"]]
        rows.append([f"{what}, peak MB", *at, "", ""])
    rates = [f"{size['stream']['images per second']:,.0f}" for size in found["sizes"]]
    rows.append(["batches of one epoch, images/s, from disk", *rates, "", ""])
    header = ["", *(f"{size['images']:,}" for size in found["sizes"]), "per image", "a million, extrapolated"]
    names = found["names in one folder"]
    more = f"Scanning {names['names']:,} names in one folder takes {names['seconds']:.1f} s"
    more += f" and at most {names['peak bytes'] / 1e6:.0f} MB of memory."
    return f"{ScoreTable('', header, rows).markdown()}\n{more} {where(found)}\n"


def gpu() -> str:
    """Milliseconds per step and images per second on a GPU, eager and as CUDA graphs."""
    found = result("gpu")
    measured = {name: row["modes"] for name, row in found["rows"].items() if "modes" in row}
    rows = []
    for name, modes in measured.items():
        for mode, values in modes.items():
            milliseconds = quartiles(values["seconds"], 1000)
            rows.append([name, mode, milliseconds, f"{values['images per second']:,.0f}", f"{values['MiB']:,.0f}"])
    header = ["networks", "mode", "ms (quartiles)", "images/s", "MiB"]
    return f"{ScoreTable('', header, rows, left=2).markdown()}\n{where(found)} GPU: {found['gpu']}.\n"


def memory() -> str:
    """Peak memory of training each variant with its default recipe."""
    found = result("memory")
    base = found["import torch"]
    rows = [
        [f"`{name}`", row["networks"], f"{row['MiB']:,.0f}", f"{row['MiB'] - base:,.0f}"]
        for name, row in sorted(found["rows"].items(), key=lambda item: item[1]["MiB"])
    ]
    long = {int(step): mib for step, mib in found["long run"].items()}
    shown = [step for number, step in enumerate(long, 1) if number in (1, 2, 6, 12)]
    more = f"`import torch` alone takes {base:,.0f} MiB. A tiny game took, in MiB: "
    more += ", ".join(f"{long[step]:,.1f} after {step:,} steps" for step in shown) + "."
    table = ScoreTable("", ["variant", "networks", "peak MiB", "beyond torch"], rows, left=2).markdown()
    return f"{table}\n{more} {where(found)}\n"


def penalties() -> str:
    """Milliseconds of gradient penalties, in ways that give the same gradients."""
    found = result("penalties")
    rows = []
    for name, row in found["rows"].items():
        first = next(iter(row["ms"].values()))
        rows += [[name, way, f"{value:.1f}", f"{value / first:.2f}"] for way, value in row["ms"].items()]
    table = ScoreTable("", ["networks", "way", "CPU ms", "times the first"], rows, left=2).markdown()
    return f"{table}\n{where(found)} Batches of 64 samples, medians, one thread.\n"


def finite() -> str:
    """Milliseconds of a training step without a check for finite numbers, and how much longer it takes with each."""
    found = result("finite")
    rows: list[list[str]] = []
    others: list[str] = []
    for name, row in found["rows"].items():
        for threads, ways in row.items():
            if threads.startswith("threads "):
                others = [way for way in ways if way != "no check"]
                cells = [
                    f"{1000 * ways['no check']['median']:.1f}",
                    *(times(ways[way]["to no check"]) for way in others),
                ]
                rows.append([name, threads.removeprefix("threads "), *cells])
    return f"{ScoreTable('', ['networks', 'threads', 'ms without', *others], rows).markdown()}\n{where(found)}\n"


def compiled() -> str:
    """What compiling costs and saves on the CPU."""
    found = result("compiled")
    rows = []
    for name, row in found["rows"].items():
        cells = [
            f"{row['seconds to compile']:.0f}",
            *(f"{1000 * row[way]['median']:.1f}" for way in ("eager", "compiled")),
        ]
        pays = f"{row['pays after']:,}" if row["pays after"] else "never"
        rows.append([name, *cells, times(row["eager / compiled"]), pays, f"{row['steps']:,}"])
    header = [
        "networks",
        "s to compile",
        "ms as it is",
        "ms compiled",
        "times as fast",
        "pays after steps",
        "recipe's steps",
    ]
    return f"{ScoreTable('', header, rows).markdown()}\n{where(found)} Threads: {found['threads']}.\n"


TABLES: dict[str, Callable[[], str]] = {
    "steps": steps,
    "bf16-steps": bf16_steps,
    "precision": precision,
    "compiled": compiled,
    "penalties": penalties,
    "finite": finite,
    "threads": threads,
    "gpu": gpu,
    "memory": memory,
    "startup": startup,
    "input": input_sources,
    "large": large_folder,
    "evaluation-stages": evaluation_stages,
}
