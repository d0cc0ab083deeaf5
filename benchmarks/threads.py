"""Step times with several OpenMP settings, for one training run alone and for two at the same time.

python -m benchmarks threads [CASE ...] [--data-root DIR] [--rounds 2] [--seconds 4]

Each measurement is a new process (or two started together), as the settings are read when torch is loaded. The
settings are interleaved over the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics

from benchmarks.loops.cases import CASES, GANZOO, parse_cases
from benchmarks.loops.processes import LoopProcess

CORES = os.cpu_count() or 1

SETTINGS: dict[str, dict[str, str]] = {
    "1 thread": {"OMP_NUM_THREADS": "1"},
    f"{CORES} threads": {"OMP_NUM_THREADS": str(CORES)},
    **{
        f"{CORES} threads, GOMP_SPINCOUNT={count}": {"OMP_NUM_THREADS": str(CORES), "GOMP_SPINCOUNT": str(count)}
        for count in (100, 1_000, 10_000, 100_000)
    },
    **{
        f"{CORES} threads, OMP_WAIT_POLICY={policy}": {"OMP_NUM_THREADS": str(CORES), "OMP_WAIT_POLICY": policy}
        for policy in ("active", "passive")
    },
}


def main() -> None:
    options = arguments()
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for _ in range(options.rounds):
        for case in options.cases:
            for name, environment in SETTINGS.items():
                for count in (1, 2):
                    kind = "alone" if count == 1 else "two side by side"
                    steps = run(case, environment, count, options)
                    shown = ", ".join(f"{value * 1e3:.1f}" for value in steps)
                    print(f"{case}, {name}, {kind}: {shown} ms", flush=True)
                    found.setdefault(case, {}).setdefault(name, {}).setdefault(kind, []).extend(steps)
    rows = {
        case: {name: {kind: statistics.median(v) for kind, v in part.items()} for name, part in settings.items()}
        for case, settings in found.items()
    }
    for case, settings in rows.items():
        print(f"{case}: seconds per step of each training run, alone and with another at the same time")
        for name, part in settings.items():
            print(f"  {name:36} {part['alone'] * 1e3:7.1f} ms {part['two side by side'] * 1e3:7.1f} ms")
    from benchmarks import results

    command = f"python -m benchmarks threads {' '.join(options.cases)}"
    print(f"wrote {results.write(options.name, command, {'rounds': options.rounds, 'seconds a step': rows})}")


def run(case: str, environment: dict[str, str], count: int, options: argparse.Namespace) -> list[float]:
    """Median seconds per step of `count` training runs at the same time."""
    processes = [LoopProcess(CASES[case], GANZOO, environment, None, options.data_root) for _ in range(count)]
    for process in processes:
        # The first steps start with cold caches.
        process.run(CASES[case].steps)
    for process in processes:
        process.send(f"seconds {options.seconds}")
    found = [statistics.median(process.receive()) for process in processes]
    for process in processes:
        process.end()
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=["vanilla", "dcgan-28"], metavar="CASE")
    parser.add_argument("--data-root", help="folder of the data sets; random images replace missing ones")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4, help="duration of each training run")
    parser.add_argument("--name", default="threads", help="name of the results file [default: threads]")
    return parse_cases(parser)


if __name__ == "__main__":
    main()
