"""Trainings that are killed, gone on with, and compared with one that never was.

Trainings are processes of their own and the kill is SIGKILL, which no process can answer. They are forked from a server
that has imported torch, or started as a user would, by `python -m ganzoo`. Nothing in them is patched: when to kill is
read from the files that they write. The suite runs the short form, `python -m benchmarks.kills` the long one.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from same_runs import Comparison, compare

from ganzoo import config, plugins, registry

LIMIT = 300.0
"""Seconds that a training may take until the moment of its kill, or until its end."""

PARTIAL = re.compile(r"\.step-(\d+)\.(pt|json)\.\d+")
WHOLE = re.compile(r"step-(\d+)\.(pt|json)")
INSIDE = ("state", "note")
TRIES = 5


@dataclass(frozen=True)
class Case:
    """A training: a recipe with small networks, for so many steps, on so many ranks, by Python or the command line."""

    name: str
    recipe: str
    keys: Mapping[str, Any]
    steps: int = 60
    ranks: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    scores: bool = False
    command: bool = False

    def job(self, path: Path) -> dict[str, Any]:
        """What a process has to do: begin the run at `path`, or go on with it if it is there."""
        begun = (path / "recipe.json").exists()
        machine = {"device": "cpu", "devices": self.ranks}
        if self.command:
            words = [f"--{name}={value}" for name, value in machine.items()]
            words += [] if self.scores else ["--no-scores"]
            start = [self.recipe, f"--steps={self.steps}", f"--out={path}"]
            keys = [word for key, value in self.keys.items() for word in ("--set", f"{key}={value}")]
            return {"words": ["resume", str(path), *words] if begun else ["train", *start, *words, *keys]}
        rest = dict(self.options) | machine | {"progress": False}
        start = {"variant": self.recipe, "steps": self.steps, "set": dict(self.keys), "out": str(path)}
        return (
            {"scores": self.scores, "resume": {"path": str(path)} | rest}
            if begun
            else {"scores": self.scores, "train": start | rest}
        )


SMALL = {
    "batch": 16, "latent": 4, "width": 4, "g_hidden": "8", "d_hidden": "8", "embedding": 4, "n_critic": 2,
}  # fmt: skip
"""Keys that make networks small and steps short, for the recipes that have them."""

SMALL_DATA = ("digits", "points")
OPTIONS = {"save_every": 5, "sample_every": 10, "log_every": 1}


def variant_case(variant: str, **changes: Any) -> Case:
    """A case of a variant's first recipe for data that need no download, with small networks and many saves."""
    found = registry.variants().find(variant)
    name = next(name for name, recipe in found.recipes.items() if recipe.data.name in SMALL_DATA)
    has = {key.path for key in config.keys(found.recipes[name])}
    small = {key: value for key, value in SMALL.items() if key in has}
    keys = small | changes.pop("keys", {})
    return Case(**{"name": variant, "recipe": f"{variant}.{name}", "keys": keys, "options": OPTIONS} | changes)


def bundled_variants() -> list[str]:
    """The variants that come with ganzoo."""
    zoo = plugins.zoo()
    return [name for name in registry.variants() if zoo.owner("variants", name).package == "ganzoo"]


class Processes(Protocol):
    """The processes of a training that was started, one for each rank."""

    def kill(self, rank: int | None) -> None:
        """SIGKILL to one rank, or to all."""

    def ended(self) -> bool: ...

    def wait(self, seconds: float) -> list[int]:
        """Exit codes, -9 for one that was killed. Raises TimeoutError if one does not end."""


class Forked:
    """Forked from a server that has imported everything: a training begins at once, as often as needed."""

    def __init__(self, job: dict[str, Any], ranks: int, log: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["ganzoo.api", "sklearn.datasets", "matplotlib.figure"])
        port = free_port()
        self.processes = [
            context.Process(target=play, args=(job, rank, ranks, port, str(log)), daemon=True) for rank in range(ranks)
        ]
        for process in self.processes:
            process.start()

    def kill(self, rank: int | None) -> None:
        for process in self.processes if rank is None else [self.processes[rank]]:
            with suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGKILL)

    def ended(self) -> bool:
        return any(process.exitcode is not None for process in self.processes)

    def wait(self, seconds: float) -> list[int]:
        until = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.0, until - time.monotonic()))
        codes = [process.exitcode for process in self.processes]
        if None in codes:
            self.kill(None)
            raise TimeoutError(f"ranks that did not end in {seconds:.0f} s: {codes}")
        return [code for code in codes if code is not None]


class Command:
    """Started as a user would, in a process group of its own; further ranks are started by the first."""

    def __init__(self, job: dict[str, Any], ranks: int, log: Path) -> None:
        with log.open("a") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ganzoo", *job["words"]],
                stdout=file, stderr=file, start_new_session=True, cwd=log.parent,
            )  # fmt: skip
        self.ranks = ranks

    def kill(self, rank: int | None) -> None:
        with suppress(ProcessLookupError, FileNotFoundError):
            if rank is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                os.kill([self.process.pid, *self.children()][rank], signal.SIGKILL)

    def children(self) -> list[int]:
        pid = self.process.pid
        return sorted(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self, seconds: float) -> list[int]:
        try:
            code = self.process.wait(seconds)
            until = time.monotonic() + seconds
            while self.group_lives():
                if time.monotonic() > until:
                    raise TimeoutError(f"a rank did not end in {seconds:.0f} s")
                time.sleep(0.05)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            self.kill(None)
            raise TimeoutError(str(error)) from error
        return [code]

    def group_lives(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def play(job: dict[str, Any], rank: int, ranks: int, port: int, log: str) -> None:
    """What a forked process does: become the leader of a group, write to the log, train."""
    os.setsid()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    if ranks > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank), "NODE_RANK": "0"}
    import torch

    import ganzoo

    torch.set_num_threads(1)
    try:
        run = ganzoo.train(**job["train"]) if "train" in job else ganzoo.resume(**job["resume"])
        if job["scores"] and rank == 0:
            ganzoo.evaluate(run)
    except ganzoo.GanzooError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass(frozen=True)
class Moment:
    """When to kill: of what kind (REACHED), not before this step, how many seconds after; which rank, or all."""

    kind: str
    step: int = 0
    delay: float = 0.0
    rank: int | None = None


@dataclass
class Kill:
    """A kill that hit: its moment, the last step in the log, and what it cut off, if it fell into a save."""

    moment: Moment
    logged: int
    cut: str


@dataclass
class Trial:
    """A training that was killed again and again until it came to its end."""

    case: str
    kills: list[Kill] = field(default_factory=list)
    resumes: int = 0
    compared: Comparison = field(default_factory=Comparison)
    faults: list[str] = field(default_factory=list)


DELAYS = {"start": 1.0, "step": 0.01, "state": 0.003, "note": 0.0, "sheet": 0.01, "end": 0.0}
"""At most so many seconds after the moment the kill comes."""


def draw_moments(random: random.Random, steps: int, kinds: Sequence[str]) -> list[Moment]:
    """One moment of each kind, at growing random steps of the first five sixths."""
    at = sorted(random.sample(range(1, steps * 5 // 6), len(kinds)))
    return [Moment(kind, step, random.uniform(0, DELAYS[kind])) for kind, step in zip(kinds, at, strict=True)]


def start(case: Case, path: Path) -> Processes:
    made: Callable[..., Processes] = Command if case.command else Forked
    return made(case.job(path), case.ranks, path.with_suffix(".log"))


class Failed(Exception):
    """A training that was not killed did not end well."""


def finish(case: Case, path: Path) -> None:
    """Begin the run at `path` or go on with it, to its end. Raises Failed."""
    try:
        codes = start(case, path).wait(LIMIT)
    except TimeoutError as error:
        raise Failed(f"{case.name}: {error}") from error
    if any(codes):
        raise Failed(f"{case.name}: exit codes {codes}: {log_of(path)}")


def run_trial(case: Case, unbroken: Path, path: Path, moments: Sequence[Moment]) -> Trial:
    """Train at `path`, kill at each moment, go on, and compare the end with the folder `unbroken`."""
    trial = Trial(case.name)
    try:
        if all(kill_at(moment, case, path, trial) for moment in moments):
            trial.resumes += (path / "recipe.json").exists()
            finish(case, path)
    except Failed as error:
        trial.faults.append(str(error))
    trial.compared = compare(unbroken, path)
    return trial


def kill_at(moment: Moment, case: Case, path: Path, trial: Trial) -> bool:
    """Kill at this moment; if a save was to be cut and was not, again at a later one. False if the training is over."""
    for _ in range(TRIES):
        found = kill_once(case, path, moment, trial)
        if found is None:
            return False
        trial.kills.append(found)
        if found.cut or moment.kind not in INSIDE:
            return True
    return True


def kill_once(case: Case, path: Path, moment: Moment, trial: Trial) -> Kill | None:
    """Start, wait for the moment, kill. None if the training came to its end before. Raises Failed."""
    before = unfinished(path)
    trial.resumes += (path / "recipe.json").exists()
    processes = start(case, path)
    reached = wait_for(moment, path, processes)
    time.sleep(moment.delay)
    processes.kill(moment.rank)
    try:
        codes = processes.wait(LIMIT)
    except TimeoutError as error:
        raise Failed(f"{case.name}: after a kill at {moment}: {error}") from error
    # Of a command only the first rank's code is known; when another one is killed, it ends by an error.
    if reached and (-signal.SIGKILL in codes or (moment.rank and codes[0])):
        return Kill(moment, logged_step(path), ", ".join(sorted(unfinished(path) - before)))
    if any(codes):
        raise Failed(f"{case.name}: before {moment} exit codes {codes}: {log_of(path)}")
    return None


def wait_for(moment: Moment, path: Path, processes: Processes) -> bool:
    """Wait until the files say that the moment is here; False if the training ended first."""
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        if REACHED[moment.kind](path, moment.step):
            return True
        if processes.ended():
            return False
        # Shorter than the time that writing a checkpoint to a disk takes.
        time.sleep(0.0002)
    return False


def logged_step(path: Path, file: str = "metrics.jsonl") -> int:
    """The last step in a file of lines, 0 before there is any."""
    with suppress(OSError):
        found = re.findall(rb'^\{"step": (\d+),', (path / file).read_bytes()[-20_000:], re.MULTILINE)
        return int(found[-1]) if found else 0
    return 0


def names(folder: Path) -> list[str]:
    with suppress(OSError):
        return [path.name for path in folder.iterdir()]
    return []


def writes(path: Path, step: int, folder: str = "checkpoints") -> bool:
    """Whether a state of that step or a later one is being written."""
    found = (PARTIAL.fullmatch(name) for name in names(path / folder))
    return any(match and match[2] == "pt" and int(match[1]) >= step for match in found)


def lacks_note(path: Path, step: int) -> bool:
    return any(match and int(match[1]) >= step for match in map(WHOLE.fullmatch, unfinished(path)))


def drew_sheet(path: Path, step: int) -> bool:
    return any(name.endswith(".png") and int(name[:-4]) >= step for name in names(path / "samples") if name[0] != ".")


REACHED: dict[str, Callable[[Path, int], bool]] = {
    "start": lambda path, step: True,
    "step": lambda path, step: logged_step(path) >= step,
    "state": writes,
    "note": lacks_note,
    "sheet": drew_sheet,
    "scores": lambda path, step: logged_step(path, "evaluations.jsonl") >= step,
    "best": lambda path, step: writes(path, step, "checkpoints/best"),
    "end": lambda path, step: (path / "samples.png").exists(),
}
"""When to kill: soon after the start, after a step, while a checkpoint's state is written, between state and note, as a
sheet appears, after scores along the way, while the best state is written, between the last
step's pictures and its checkpoint."""


def unfinished(path: Path) -> set[str]:
    """What a save leaves when it is cut off: a partial file, or a state without its note."""
    cut = set()
    for folder in (path / "checkpoints", path / "checkpoints" / "best"):
        found = names(folder)
        states = {name for name in found if WHOLE.fullmatch(name) and name.endswith(".pt")}
        cut |= {name for name in states if name.replace(".pt", ".json") not in found}
        cut |= {name for name in found if PARTIAL.fullmatch(name)}
    return cut


def log_of(path: Path) -> str:
    """The end of what a training printed."""
    with suppress(OSError):
        return " | ".join(path.with_suffix(".log").read_text("utf-8").splitlines()[-4:])
    return ""
