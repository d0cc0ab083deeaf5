"""Kills and resumes training runs repeatedly, and compares their folders with those of uninterrupted runs.

python -m benchmarks.kills [--kills 20] [--seed 0] [--folder FOLDER] [--only CASE ...]

The cases are every bundled variant, two ranks (killed together or one alone), a run with scores along the way, and the
command line on one rank and on two. Runs are killed by SIGKILL at random moments, half of them during a save.
Everything in the folders is compared except times. Each case is added to benchmarks/results/kills.json. The exit code
is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import results

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import kills  # type: ignore[import-not-found]
from kills import Case, Moment, Trial

KINDS = ("start", "step", "sheet")
SAVES = ("state", "note")


def main() -> int:
    options = arguments()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        faults = 0
        for case in cases(folder):
            if not options.only or case.name in options.only:
                row = run_case(case, folder / case.name.replace(" ", "-").replace(",", ""), options)
                record(case.name, row, options)
                faults += row["differences"] + row["failed starts"]
    return 1 if faults else 0


def record(name: str, row: dict[str, Any], options: argparse.Namespace) -> None:
    """Print a case and add it to the results file, which starts over if the options have changed."""
    print(f"{name}: " + ", ".join(f"{value:,} {key}" for key, value in row.items() if key != "trials"), flush=True)
    command = f"python -m benchmarks.kills --kills {options.kills} --seed {options.seed}"
    path = results.FOLDER / "kills.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    rows = (before["cases"] if before.get("command") == command else {}) | {name: row}
    total = {key: sum(row[key] for row in rows.values()) for key in COUNTED}
    results.write("kills", command, {"all": total, "cases": dict(sorted(rows.items()))})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="minimum for each case; a fifth for the command line")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="where to train [default: a temporary folder]")
    parser.add_argument("--only", nargs="*", default=[], metavar="CASE")
    return parser.parse_args()


def cases(folder: Path) -> Iterator[Case]:
    """The runs that are killed and resumed."""
    yield from (kills.variant_case(name, steps=100) for name in kills.bundled_variants())
    yield kills.scored_case(folder, steps=100)
    yield kills.variant_case("vanilla", name="two ranks", ranks=2, steps=100)
    keys = {"penalties.r1.every": 2}
    yield kills.variant_case("vanilla", name="command line", keys=keys, command=True, scores=True)
    yield kills.variant_case("vanilla", name="command line, two ranks", keys=keys, command=True, ranks=2)


def run_case(case: Case, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run trials with four kills each until there are enough; returns their counts and every kill with its moment."""
    folder.mkdir()
    began = time.perf_counter()
    kills.finish(case, folder / "uninterrupted")
    rng = random.Random(f"{options.seed} {case.name}")
    wanted = options.kills // 5 if case.command else options.kills
    trials: list[Trial] = []
    while sum(len(trial.kills) for trial in trials) < wanted:
        path = folder / f"killed-{len(trials) + 1}"
        trials.append(kills.run_trial(case, folder / "uninterrupted", path, moments(case, rng)))
        if trials[-1].faults or trials[-1].compared.differences:
            print(f"{case.name}, {path.name}: {trials[-1]}", flush=True)
        elif not options.folder:
            shutil.rmtree(path)
    return counts(trials) | {"seconds": round(time.perf_counter() - began), "trials": [as_row(t) for t in trials]}


def moments(case: Case, rng: random.Random) -> list[Moment]:
    """Four moments of a trial, two of them during a save; in half of the trials, one is before the last save."""
    kinds = [rng.choice(SAVES), rng.choice(SAVES), *rng.sample(KINDS, 2)]
    if case.options.get("eval_every"):
        kinds[2:] = ["best", "scores"]
    if case.command:
        # The command line logs only every 20 steps, and each start includes that of a process.
        kinds = ["state", "start" if rng.random() < 0.3 else "sheet", "note", "sheet"]
    rng.shuffle(kinds)
    drawn = kills.draw_moments(rng, case.steps, kinds)
    if rng.random() < 0.5:
        drawn[-1] = Moment("end")
    if case.ranks > 1:
        # Before the ranks have connected, a surviving rank would wait half an hour for the other.
        drawn = [m if m.kind == "start" else dataclasses.replace(m, rank=rng.choice((None, 0, 1))) for m in drawn]
    return drawn


COUNTED = (
    "kills", "kills inside a save", "resumes", "failed starts", "files", "tensors", "bytes", "differences",
)  # fmt: skip


def counts(trials: list[Trial]) -> dict[str, int]:
    killed = [kill for trial in trials for kill in trial.kills]
    values = (
        len(killed),
        sum(bool(kill.cut) for kill in killed),
        sum(trial.resumes for trial in trials),
        sum(len(trial.faults) for trial in trials),
        sum(trial.compared.files for trial in trials),
        sum(trial.compared.tensors for trial in trials),
        sum(trial.compared.bytes for trial in trials),
        sum(len(trial.compared.differences) for trial in trials),
    )
    return dict(zip(COUNTED, values, strict=True))


def as_row(trial: Trial) -> dict[str, Any]:
    """A trial for the results file: its kills, faults and differences."""
    return {
        "kills": [
            {
                "when": kill.moment.kind,
                "rank": kill.moment.rank,
                "logged step": kill.logged,
                "inside a save": bool(kill.cut),
            }
            for kill in trial.kills
        ],
        "faults": trial.faults,
        "differences": trial.compared.differences,
    }


if __name__ == "__main__":
    sys.exit(main())
