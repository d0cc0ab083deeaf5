"""Training runs that are killed, resumed, and compared with an uninterrupted run.

Nothing is patched: the moments of the kills are determined from the files of the run. The test suite runs a short form,
`python -m benchmarks.kills` a long one.
"""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from killable import Command, Forked, Processes
from same_runs import Comparison, compare

from ganzoo.zoo import config, registry
from ganzoo.zoo.zoo import current_zoo

LIMIT = 300.0
"""Timeout in seconds until the moment of a kill, or until the end of a run."""

PARTIAL = re.compile(r"\.step-(\d+)\.(pt|json)\.\d+")
WHOLE = re.compile(r"step-(\d+)\.(pt|json)")
INSIDE = ("state", "note")
"""Moments that should interrupt a save; if one does not, the kill is repeated, up to `TRIES` times."""
TRIES = 5


@dataclass(frozen=True)
class Case:
    """A training run: a recipe with small networks, steps, ranks; through Python or the command line."""

    name: str
    recipe: str
    keys: Mapping[str, Any]
    steps: int = 60
    ranks: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    scores: bool = False
    command: bool = False

    def job(self, path: Path) -> dict[str, Any]:
        """Instructions for a process: start the run at `path`, or resume it if it exists."""
        begun = (path / "recipe.json").exists()
        machine = {"device": "cpu", "devices": self.ranks}
        if self.command:
            words = [f"--{name}={value}" for name, value in machine.items()]
            words += [] if self.scores else ["--no-scores"]
            keys = [word for key, value in self.keys.items() for word in ("--set", f"{key}={value}")]
            train = ["train", self.recipe, f"--steps={self.steps}", f"--out={path}", *words, *keys]
            return {"words": ["resume", str(path), *words] if begun else train}
        rest = dict(self.options) | machine | {"progress": False}
        start = {"variant": self.recipe, "steps": self.steps, "set": dict(self.keys), "out": str(path)}
        call: dict[str, Any] = {"resume": {"path": str(path)} | rest} if begun else {"train": start | rest}
        return {"scores": self.scores} | call


SMALL = {
    "batch": 16, "latent": 4, "width": 4, "g_hidden": "8", "d_hidden": "8", "embedding": 4, "n_critic": 2,
    "hidden": "8", "layers": "1", "noise": "2", "levels": "1", "pretrain_e": 0, "pretrain_s": 0,
}  # fmt: skip
"""Keys for small networks and short steps, used if a recipe has them."""

MADE_FROM_DIGITS = ("edges", "domains", "segments", "one-class", "holes", "lowres")
"""Data sets that may download, as they can be made from others, but do not by default."""


def needs_nothing(dataset: str) -> bool:
    """Whether a data set comes with a package or is generated, so that it needs no download and no files."""
    return dataset in MADE_FROM_DIGITS or registry.datasets().find(dataset).at_hand


OPTIONS = {"save_every": 5, "sample_every": 10, "log_every": 1}


def variant_case(variant: str, **changes: Any) -> Case:
    """A case for a variant's first recipe that needs no download, with small networks and frequent saves."""
    found = registry.variants().find(variant)
    name = next(name for name, recipe in found.recipes.items() if needs_nothing(recipe.data.name))
    has = {key.path for key in config.keys(found.recipes[name])}
    small = {key: value for key, value in SMALL.items() if key in has and key not in found.fixes}
    keys = small | changes.pop("keys", {})
    return Case(**{"name": variant, "recipe": f"{variant}.{name}", "keys": keys, "options": OPTIONS} | changes)


def scored_case(folder: Path, **changes: Any) -> Case:
    """A case with scores during training, on few points, which are scored quickly and written to `folder`."""
    file = folder / "points.npz"
    np.savez(file, x=np.random.RandomState(0).standard_normal((200, 2)).astype(np.float32))
    keys = {"data.name": "npz", "data.path": str(file)}
    options = OPTIONS | {"eval_every": 15}
    return variant_case("vanilla", **{"name": "scored", "keys": keys, "steps": 50, "options": options} | changes)


def bundled_variants() -> list[str]:
    """The bundled variants."""
    zoo = current_zoo()
    return [name for name in registry.variants() if zoo.owner("variants", name).package == "ganzoo"]


@dataclass(frozen=True)
class Moment:
    """When to kill: the kind of event (see REACHED), its minimum step, the delay in seconds; one rank, or all."""

    kind: str
    step: int = 0
    delay: float = 0.0
    rank: int | None = None


@dataclass
class Kill:
    """A kill: its moment, the last step in the log, and the files that it left incomplete, if it was during a save."""

    moment: Moment
    logged: int
    cut: str


@dataclass
class Trial:
    """A training run that was killed repeatedly and resumed until it finished."""

    case: str
    kills: list[Kill] = field(default_factory=list)
    resumes: int = 0
    compared: Comparison = field(default_factory=Comparison)
    faults: list[str] = field(default_factory=list)


DELAYS = {"start": 1.0, "step": 0.01, "state": 0.003, "sheet": 0.01, "scores": 0.01, "best": 0.003}
"""Maximum delay in seconds by kind of moment; 0 for the others."""


def draw_moments(random: random.Random, steps: int, kinds: Sequence[str]) -> list[Moment]:
    """One moment of each kind, at increasing random steps within the first five sixths."""
    at = sorted(random.sample(range(1, steps * 5 // 6), len(kinds)))
    return [Moment(kind, step, random.uniform(0, DELAYS.get(kind, 0.0))) for kind, step in zip(kinds, at, strict=True)]


def start(case: Case, path: Path) -> Processes:
    made: Callable[..., Processes] = Command if case.command else Forked
    return made(case.job(path), case.ranks, path.with_suffix(".log"))


class Failed(Exception):
    """A training run that was not killed has failed."""


def finish(case: Case, path: Path) -> None:
    """Start or resume the run at `path` and let it finish. Raises Failed."""
    try:
        codes = start(case, path).wait(LIMIT)
    except TimeoutError as error:
        raise Failed(f"{case.name}: {error}") from error
    if any(codes):
        raise Failed(f"{case.name}: exit codes {codes}: {log_of(path)}")


def run_trial(case: Case, uninterrupted: Path, path: Path, moments: Sequence[Moment]) -> Trial:
    """Train at `path`, kill at each moment, resume, and compare the result with the folder `uninterrupted`."""
    trial = Trial(case.name)
    try:
        if all(kill_at(moment, case, path, trial) for moment in moments) and not over(case, path):
            trial.resumes += (path / "recipe.json").exists()
            finish(case, path)
        elif trial.kills:
            # The last kill may have come after the last save and before the older checkpoints were removed. Resuming
            # removes them, and says that the run is finished.
            start(case, path).wait(LIMIT)
    except Failed as error:
        trial.faults.append(str(error))
    trial.compared = compare(uninterrupted, path)
    return trial


def kill_at(moment: Moment, case: Case, path: Path, trial: Trial) -> bool:
    """Kill at this moment, again if it should have interrupted a save and did not. False if the run has finished."""
    for _ in range(TRIES):
        found = kill_once(case, path, moment, trial)
        if found is None:
            return False
        trial.kills.append(found)
        if found.cut or moment.kind not in INSIDE:
            return True
    return True


def kill_once(case: Case, path: Path, moment: Moment, trial: Trial) -> Kill | None:
    """Start, wait for the moment, kill. None if the run finished before. Raises Failed."""
    if over(case, path):
        return None
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
    # For a command, only the first rank's exit code is known; if another rank is killed, it ends with an error.
    if reached and (-signal.SIGKILL in codes or (moment.rank and codes[0])):
        return Kill(moment, logged_step(path), ", ".join(sorted(unfinished(path) - before)))
    if any(codes):
        raise Failed(f"{case.name}: before {moment} exit codes {codes}: {log_of(path)}")
    return None


def wait_for(moment: Moment, path: Path, processes: Processes) -> bool:
    """Wait until the files show that the moment is reached; False if the run ended first."""
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        if REACHED[moment.kind](path, moment.step):
            return True
        if processes.ended():
            return False
        # Shorter than the time to write a checkpoint to disk.
        time.sleep(0.0002)
    return False


def logged_step(path: Path, file: str = "metrics.jsonl") -> int:
    """The last step in a file of lines, or 0."""
    with suppress(OSError):
        found = re.findall(rb'^\{"step": (\d+),', (path / file).read_bytes()[-20_000:], re.MULTILINE)
        return int(found[-1]) if found else 0
    return 0


def names(folder: Path) -> list[str]:
    with suppress(OSError):
        return [path.name for path in folder.iterdir()]
    return []


def writes(path: Path, step: int, folder: str = "checkpoints") -> bool:
    """Whether a state of this or a later step is being written."""
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


def over(case: Case, path: Path) -> bool:
    """Whether the last step is saved: after a later kill, on a busy machine, there is nothing to resume."""
    return {f"step-{case.steps:09d}.pt", f"step-{case.steps:09d}.json"} <= set(names(path / "checkpoints"))


def unfinished(path: Path) -> set[str]:
    """Files left by an interrupted save: a partial file, or a state without its note."""
    cut = set()
    for folder in (path / "checkpoints", path / "checkpoints" / "best"):
        found = names(folder)
        states = {name for name in found if WHOLE.fullmatch(name) and name.endswith(".pt")}
        cut |= {name for name in states if name.replace(".pt", ".json") not in found}
        cut |= {name for name in found if PARTIAL.fullmatch(name)}
    return cut


def log_of(path: Path) -> str:
    """The last lines that a run printed."""
    with suppress(OSError):
        return " | ".join(path.with_suffix(".log").read_text("utf-8").splitlines()[-4:])
    return ""
