"""Tables in the docs generated from benchmarks/results, each between `<!-- table: NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from claims import TABLES as CLAIMS
from claims import claim, over_seeds
from performance_tables import TABLES as PERFORMANCE
from results_files import result, where

from ganzoo.api.bench.report import format_spread
from ganzoo.pictures.tables import ScoreTable
from ganzoo.zoo.config import value_text

PLACE = re.compile(r"(<!-- table: ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


SEEDS = re.compile(r"(<!-- seeds: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
BASELINES = re.compile(r"(<!-- baselines: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(text: str) -> str:
    """A page with each of this module's tables in its place. Raises KeyError for an unknown name."""
    text = SEEDS.sub(lambda match: f"{match[1]}\n{seeds(match[2])}\n{match[3]}", text)
    text = BASELINES.sub(lambda match: f"{match[1]}\n{series_baselines(match[2])}\n{match[3]}", text)
    return PLACE.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}", text)


def quality() -> str:
    """Time to quality of every recipe that was measured."""
    found = result("quality")
    header = ["recipe", "seeds", "precision", "steps", "final fraction of real IS"]
    # Wall-clock seconds mean little on a shared machine; CPU seconds depend less on other work.
    header += ["CPU s in all", *(f"CPU s to {fraction}" for fraction in ("80 %", "90 %"))]
    rows = []
    for name, row in found["rows"].items():
        summary, seeds = row["summary"], row["seeds"]
        first = next(iter(seeds.values()))
        # On a CPU, what is not bf16 is fp32.
        precision = "bf16" if first.get("precision") == "bf16" else "fp32"
        share = summary["share"]
        ends = {key: None if share[key] is None else 100 * share[key] for key in ("mean", "sd")}
        cells = [f"`{name}`", ", ".join(seeds), precision, f"{first['steps']:,}", f"{format_spread(ends, 3)} %"]
        cells += [reached(summary[wanted]["cpu seconds"], summary["seeds"]) for wanted in ("whole", "80%", "90%")]
        rows.append(cells)
    threads = {seed["threads"] for row in found["rows"].values() for seed in row["seeds"].values()}
    used = f"{' or '.join(map(str, sorted(threads)))} thread{'s' * (threads != {1})}"
    return f"{ScoreTable('', header, rows, left=3).markdown()}\n{where(found)} Trained with {used}.\n"


def seeds(recipe: str) -> str:
    """A recipe's scores in the benchmark of the zoo, over its seeds."""
    zoo = result("zoo")
    if all(group["recipe"] != recipe for group in zoo["groups"]):
        return f"`{recipe}` has no results in `{zoo['command']}` yet.\n"
    group = group_of(recipe)
    rows = [[score["name"], format_spread(score, 3), real_value(score, 3)] for score in group["scores"]]
    rows.append(["CPU seconds of training", format_spread(group["cpu_seconds"], 3), ""])
    done = group["cpu_seconds"]["n"]
    header = ["score", f"{done} seeds" if done > 1 else "1 seed", "real data"]
    wanted = len(zoo["seeds"])
    note = "" if done == wanted else f" Of {wanted} seeds, {wanted - done} not trained yet."
    table = ScoreTable("", header, rows).markdown()
    return f"{table}\nMean ± standard deviation over seeds, `{zoo['command']}`.{note}\n"


def series_baselines(recipe: str) -> str:
    """A recipe's scores in the benchmark of the zoo, beside those of simple baselines and of held-out series."""
    zoo, simple, group = result("zoo"), result("series"), group_of(recipe)
    baselines = [row for row in simple["rows"] if row["dataset"] == group["dataset"] and row["of"] in SIMPLE]
    names = [score["name"] for score in group["scores"]]
    rows = [[f"`{recipe}`", *(format_spread(score, 2) for score in group["scores"])]]
    for row in baselines:
        spreads = [{"mean": row["scores"][name]["mean"], "sd": row["scores"][name]["std"]} for name in names]
        rows.append([SIMPLE[row["of"]], *(format_spread({**spread, "n": 3}, 2) for spread in spreads)])
    rows.append(["held-out series", *(real_value(score, 2) for score in group["scores"])])
    table = ScoreTable("", ["", *(f"`{name}`" for name in names)], rows, left=1).markdown()
    return f"{table}\nMean ± standard deviation over three seeds. `{zoo['command']}`; baselines: {where(simple)}\n"


SIMPLE = {"bootstrap": "block bootstrap", "var": "VAR(1)", "gaussian": "normal distribution"}
"""The baselines of `benchmarks.series`, as the pages name them."""


def group_of(recipe: str) -> dict[str, Any]:
    """A recipe's group in the benchmark of the zoo."""
    (group,) = [group for group in result("zoo")["groups"] if group["recipe"] == recipe]
    return group


def real_value(score: Mapping[str, Any], digits: int) -> str:
    """What real data score; empty if that is not known."""
    return format_spread({**score["real"], "sd": None}, digits) if score["real"] else ""


RANKED = ("digits", "mnist", "cifar10")
"""The data sets whose recipes are ranked."""


def ranking(zoo: Mapping[str, Any]) -> str:
    """Image recipes by the fraction of the real Inception Score that they reach, with what they cost."""
    rows = []
    for group in zoo["groups"]:
        scores = {score["name"].partition("[")[0]: score for score in group["scores"]}
        if group["dataset"] not in RANKED or "IS" not in scores:
            continue
        score, real = scores["IS"], scores["IS"]["real"]["mean"]
        reached = {key: None if score[key] is None else 100 * score[key] / real for key in ("mean", "sd")}
        cells = [f"`{group['recipe']}`", str(score["n"]), f"{format_spread({**reached, 'n': score['n']}, 3)} %"]
        cells += [format_spread(scores[name], 3) for name in ("FD", "precision", "recall")]
        rows.append((group["dataset"], -reached["mean"], [*cells, format_spread(group["cpu_seconds"], 3)]))
    header = ["recipe", "seeds", "fraction of the real IS", "FD", "precision", "recall", "CPU s"]
    parts = []
    for dataset in RANKED:
        chosen = [cells for name, _, cells in sorted(rows) if name == dataset]
        parts.append(f"{dataset}:\n\n{ScoreTable('', header, chosen, left=1).markdown()}")
    return "\n".join(parts) + "\n"


def lab() -> str:
    """What watching a game in the lab costs."""
    found = result("lab")
    header = ["game", "steps/s alone", "steps/s watched", "slower by", "frames/s"]
    rows = [
        [f"`{row['game']}`", f"{row['alone']:g}", f"{row['watched']:g}", f"{row['slower']:.0%}", f"{row['frames']:g}"]
        for row in found["rows"]
    ]
    table = ScoreTable("", header, rows).markdown()
    return f"{table}\n{where(found)} The browser draws on the same cores, without a GPU.\n"


def reached(seconds: Mapping[str, Any], seeds: int) -> str:
    """Mean and standard deviation over the seeds that reached the fraction, and how many these are if not all."""
    if not seconds["n"]:
        return "never"
    return format_spread(seconds, 3) + (f" ({seconds['n']} of {seeds})" if seconds["n"] < seeds else "")


def tried() -> str:
    """What was tried for dcgan.mnist, the best first."""
    found, costs = result("tried"), result("tried-cost")
    rows = []
    for group in found["groups"]:
        if not group["done"]:
            continue
        scores = {score["name"].partition("[")[0]: score for score in group["scores"]}
        share = scores["IS"]["mean"] / scores["IS"]["real"]["mean"]
        cost = costs["cells"][group["label"] or f"{group['recipe']} on {group['dataset']}"]
        cells = [changes(group), f"{group['steps']:,}", f"{1000 * cost['seconds a step']:.1f}", f"{100 * share:.1f} %"]
        cells += [format_spread({**scores[name], "sd": None}, 3) for name in ("FD", "recall")]
        rows.append((share, cells))
    rows.sort(key=lambda row: -row[0])
    header = ["changed", "steps", "ms per step", "fraction of real IS", "FD", "recall"]
    table = ScoreTable("", header, [cells for _, cells in rows]).markdown()
    missing = len(found["groups"]) - len(rows)
    note = f" {missing} of the grid's {len(found['groups'])} rows have not been trained yet." if missing else ""
    return f"{table}\n{where(found)} Milliseconds: {where(costs)}{note}\n"


def changes(group: Mapping[str, Any]) -> str:
    """The keys in which a row differs from the recipe."""
    keys = {key: value_text(value) for key, value in group["set"].items() if key != "steps"}
    shown = [f"`{key}={value}`" if value else f"no `{key}`" for key, value in keys.items()]
    return ", ".join(shown) or "**nothing (the recipe itself)**"


def size_text(size: int) -> str:
    """Bytes in the largest unit that leaves at least one: 4 KiB, 1.5 MiB."""
    for unit, factor in (("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B"


def scaling_steps() -> str:
    """Milliseconds per step on one rank and on two."""
    found = result("scaling")
    ways = ["1 rank", "2 ranks", "1 rank, half the batch", "1 rank, 2 threads"]
    rows = []
    for name, steps in found["steps"].items():
        guess = found["predicted"][name]
        times = [f"{1000 * steps[way]['median']:.1f}" for way in ways]
        gain = steps["1 rank"]["median"] / steps["2 ranks"]["median"]
        cells = [f"`{name}`", *times, f"{1000 * guess['seconds']:.1f} ({guess['of measured']:.0%} of measured)"]
        rows.append([*cells, f"{gain:.2f}"])
    header = ["recipe", *ways, "2 ranks, predicted", "1 rank / 2 ranks"]
    table = ScoreTable("", header, rows).markdown()
    won = sum(s["1 rank, 2 threads"]["median"] < s["2 ranks"]["median"] for s in found["steps"].values())
    better = f"One rank with two threads is faster than two ranks with one in {won} of {len(rows)} rows."
    rounds = f"Medians of {found['rounds']} interleaved rounds, one thread per rank unless stated otherwise."
    return f"{table}\n{better}\n{rounds} {where(found)}\n"


def scaling_exchange() -> str:
    """The all-reduce by itself, by size."""
    found = result("scaling")
    fit = found["fit"]
    rows = [
        [size_text(int(size)), f"{1000 * row['median']:.3f}", f"{int(size) / row['median'] / 1e6:,.0f}"]
        for size, row in found["all-reduce"].items()
    ]
    table = ScoreTable("", ["size", "ms", "MB/s"], rows, left=0).markdown()
    fitted = f"Fitted: latency {1e6 * fit['latency']:.0f} µs, bandwidth {fit['bandwidth'] / 1e6:,.0f} MB/s"
    return f"{table}\n{fitted}, off by at most {fit['largest error']:.0%}. {where(found)}\n"


SCALED = ("vanilla.points", "dcgan.digits", "dcgan.mnist", "dcgan.folder", "dcgan.celeba", "wgan-gp.cifar10-residual")
"""Recipes in the table of the model: small to large networks, and one with several updates of D per step."""


def scaling_model() -> str:
    """How long a step has to compute for more ranks to be faster, by interconnect."""
    found = result("scaling")
    rows = []
    for name in SCALED:
        traffic = found["traffic"][name]
        players = ", ".join(f"{player} {size_text(size)}" for player, size in traffic["players"].items())
        least = found["least compute"][name]
        cells = [
            " / ".join(f"{float(f'{1000 * s:.2g}'):g}" for s in least[link["name"]].values()) for link in found["links"]
        ]
        rows.append([f"`{name}`", players, f"{traffic['calls']:.3g}", *cells])
    header = ["recipe", "gradients", "collectives per step", *(link["name"] for link in found["links"])]
    sources = []
    for link in found["links"]:
        speed, wait = f"{link['bandwidth'] / 1e9:.4g} GB/s", f"{1e6 * link['latency']:.0f} µs"
        sources.append(f"- {link['name']}: {speed}, {link['source']}; latency {wait}, assumed")
    return f"{ScoreTable('', header, rows, left=2).markdown()}\n" + ".\n".join(sources) + ".\n"


def finetuning() -> str:
    """FD in the course of fine-tuning, and IS and FD to MNIST at its end."""
    found = result("finetuning")
    rows = []
    for way, seeds in found["ways"].items():
        records = [{r["step"]: r["scores"] for r in seed["evaluations"]} for seed in seeds]
        name = next(name for name in seeds[0]["evaluations"][0]["scores"] if name.startswith("FD"))
        along = [over_seeds([record[step][name] for record in records]) for step in _shown_steps(found)]
        rows.append([way, *along, *(over_seeds([seed["end"][score] for seed in seeds]) for score in ("FD", "IS"))])
    header = ["start", *(f"FD after {step:,} steps" for step in _shown_steps(found)), "FD at the end", "IS at the end"]
    return f"{ScoreTable('', header, rows).markdown()}\n{where(found)}\n"


def more_data() -> str:
    """The accuracy of a classifier on the fractions of the digits, by what it was trained on."""
    found = result("more_data")
    fractions = list(dict.fromkeys(row["fraction"] for row in found["rows"]))
    parts = {fraction: [row for row in found["rows"] if row["fraction"] == fraction] for fraction in fractions}
    rows = [
        [way, *(over_seeds([row["accuracy"][way] for row in parts[fraction]]) for fraction in fractions)]
        for way in found["rows"][0]["accuracy"]
    ]
    header = ["trained on", *(f"{fraction:.0%} ({parts[fraction][0]['images']} images)" for fraction in fractions)]
    more = f"With all training images: {found['all']:.3f}. Accuracy on 359 held-out images."
    return f"{ScoreTable('', header, rows).markdown()}\n{more} {where(found)}\n"


def _shown_steps(found: Mapping[str, Any]) -> list[int]:
    steps = [record["step"] for record in next(iter(found["ways"].values()))[0]["evaluations"]]
    return [steps[0], steps[1], steps[3], steps[5]]


TABLES: dict[str, Callable[[], str]] = {
    "finetuning": finetuning,
    "more-data": more_data,
    "lab": lab,
    "quality": quality,
    "tried": tried,
    "scaling-steps": scaling_steps,
    "scaling-exchange": scaling_exchange,
    "scaling-model": scaling_model,
    **PERFORMANCE,
    **{f"claim-{name}": partial(lambda name: claim(name, result("science")), name) for name in CLAIMS},
}
