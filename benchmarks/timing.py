"""Timing by interleaved repetitions (A, B, C, B, C, A, ...): what slows the machine for a while slows all alike.

Imports no torch, so that a benchmark of start-up stays a small process.
"""

from __future__ import annotations

import math
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def interleaved(
    candidates: Mapping[str, Callable[[], object]],
    repetitions: int,
    *,
    warmup: int = 2,
    wait: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """Seconds of each candidate in each repetition, as `{name: [repetitions]}`; each takes its turn at coming first.

    warmup: repetitions before those, which are not kept. wait: called before the clock is read, where work is done
    behind the host (torch.cuda.synchronize). A candidate that returns a float has taken its own time.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for repetition in range(warmup + repetitions):
        first = repetition % len(names)
        for name in names[first:] + names[:first]:
            wait()
            start = time.perf_counter()
            own = candidates[name]()
            wait()
            if repetition >= warmup:
                seconds[name].append(own if isinstance(own, float) else time.perf_counter() - start)
    return seconds


def summary(values: Sequence[float], per: float = 1.0) -> dict[str, float]:
    """Median and quartiles of values, each divided by `per` (the steps of a repetition, say), and how many they are."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return {"median": middle / per, "q1": low / per, "q3": high / per, "repetitions": len(values)}


def ratio(of: Sequence[float], to: Sequence[float]) -> dict[str, float]:
    """How many times `to` each of `of` takes, repetition by repetition: median, quartiles and `low` to `high`.

    low, high: between these the true median lies with at least 95 % probability, whatever the distribution (order
    statistics); with fewer than six repetitions, the smallest and the largest.
    """
    ratios = sorted(a / b for a, b in zip(of, to, strict=True))
    rank = below_median(len(ratios))
    return {**summary(ratios), "low": ratios[rank], "high": ratios[-1 - rank]}


def below_median(n: int) -> int:
    """The largest rank r such that of `n` sorted values the r-th and the r-th last hold the median with 95 %."""
    tail, rank = 0.0, 0
    while rank < n // 2:
        tail += math.comb(n, rank) / 2**n
        if tail > 0.025:
            break
        rank += 1
    return max(0, rank - 1)


def process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a command to its end: `seconds` on the clock, `cpu seconds` on all cores, `MiB` at its peak, its `output`.

    environment: variables over this process's own. Raises CalledProcessError where it fails. Linux counts the memory of
    the process that starts another to the other's peak too, so start it from a small one.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        command, env=os.environ | dict(environment or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        assert child.stdout is not None
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, list(command), output)
    return {
        "seconds": seconds,
        "cpu seconds": usage.ru_utime + usage.ru_stime,
        "MiB": usage.ru_maxrss / 1024,
        "output": output,
    }


def peak_memory() -> float:
    """MiB of this process at its peak so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike ru_maxrss it does not begin with what the process that started this one had.
        line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def milliseconds(part: Mapping[str, float]) -> str:
    """A summary of seconds as text: the median in ms, with the quartiles."""
    return f"{part['median'] * 1e3:.2f} ms ({part['q1'] * 1e3:.2f} to {part['q3'] * 1e3:.2f})"


def times(part: Mapping[str, float]) -> str:
    """A ratio as text, with the interval that holds its true median."""
    return f"{part['median']:.3f} ({part['low']:.3f} to {part['high']:.3f})"
