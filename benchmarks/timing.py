"""Timing by interleaved repetitions (A, B, C, B, C, A, ...), so that a temporary slowdown affects all candidates.

Does not import torch, so that the start-up benchmark stays a small process.
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
    """Seconds of each candidate in each repetition, as `{name: [repetitions]}`; the first one rotates.

    warmup: additional repetitions at the start, which are discarded. wait: called before reading the clock if work is
    asynchronous (torch.cuda.synchronize). A candidate that returns a float has measured its own time.
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
    """Median and quartiles of values, each divided by `per` (for example steps per repetition), and their number."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return {"median": middle / per, "q1": low / per, "q3": high / per, "repetitions": len(values)}


def ratio(of: Sequence[float], to: Sequence[float]) -> dict[str, float]:
    """The ratios of `of` to `to`, repetition by repetition: median, quartiles, and the interval `low` to `high`.

    low, high: a confidence interval of the median of at least 95 % for any distribution (order statistics); with fewer
    than six repetitions, the smallest and the largest ratio.
    """
    ratios = sorted(a / b for a, b in zip(of, to, strict=True))
    rank = below_median(len(ratios))
    return {**summary(ratios), "low": ratios[rank], "high": ratios[-1 - rank]}


def below_median(n: int) -> int:
    """The largest r for which the r-th and the r-th last of `n` sorted values enclose the median with 95 %."""
    tail, rank = 0.0, 0
    while rank < n // 2:
        tail += math.comb(n, rank) / 2**n
        if tail > 0.025:
            break
        rank += 1
    return max(0, rank - 1)


def process(command: Sequence[str], environment: Mapping[str, str] | None = None, exit_code: int = 0) -> dict[str, Any]:
    """Run a command: `seconds` of wall-clock time, `cpu seconds` on all cores, peak memory in `MiB`, its `output`.

    environment: variables in addition to this process's own. Raises CalledProcessError if the command ends with
    another exit code. On Linux the peak includes the memory of the process that starts the command, so call this from
    a small one.
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
    if child.returncode != exit_code:
        raise subprocess.CalledProcessError(child.returncode, list(command), output)
    return {
        "seconds": seconds,
        "cpu seconds": usage.ru_utime + usage.ru_stime,
        "MiB": usage.ru_maxrss / 1024,
        "output": output,
    }


def peak_memory() -> float:
    """Peak memory of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike ru_maxrss, this does not include the memory of the parent process.
        line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def milliseconds(part: Mapping[str, float]) -> str:
    """A summary of seconds as text: the median in ms and the quartiles."""
    return f"{part['median'] * 1e3:.2f} ms ({part['q1'] * 1e3:.2f} to {part['q3'] * 1e3:.2f})"


def times(part: Mapping[str, float]) -> str:
    """A ratio as text, with the confidence interval of its median."""
    return f"{part['median']:.3f} ({part['low']:.3f} to {part['high']:.3f})"
