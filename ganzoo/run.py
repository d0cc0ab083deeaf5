"""A run: the folder that a training writes, and what can be done with it."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import json
import logging
import math
import platform
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo import checkpoint, config, plugins, provenance, registry
from ganzoo.errors import GanzooError
from ganzoo.game import GAN
from ganzoo.specs import DataSpec, Recipe, RunOptions, Variant

log = logging.getLogger(__name__)

FORMAT = 1
SAMPLE_BATCH = 256


class Run:
    """A run folder. `Run.open(path)`, or `ganzoo.load(path)`, opens one that exists.

    recipe.json     variant, plugin, recipe, data, versions, hardware
    metrics.jsonl   one line per logged step
    samples/        sample sheets over time           samples.png    the last
    losses.png      every logged term                 training.gif   the sheets as an animation
    checkpoints/    the newest states                 scores.json    the scores at the end
    """

    def __init__(self, path: Path, info: dict[str, Any]) -> None:
        self.path, self.info = path, info
        self.step = 0
        # Of several ranks that trained it, one reports.
        self.is_main = True

    @classmethod
    def create(
        cls, path: Path, variant: Variant, recipe_name: str, recipe: Recipe, data: DataSpec, options: RunOptions
    ) -> Run:
        """Make the folder and write its recipe.json; GanzooError if it exists and is not empty, or cannot be made."""
        require_new(path)
        info = {
            "format": FORMAT,
            "variant": variant.name,
            "recipe_name": recipe_name,
            "plugin": provenance.origin(plugins.zoo().owner("variants", variant.name)),
            "uses": provenance.used(variant, recipe),
            "recipe": config.to_dict(recipe),
            "data": dataclasses.asdict(data),
            "options": dataclasses.asdict(options),
            "versions": {name: _version(name) for name in ("ganzoo", "torch", "torchvision", "numpy", "torch-fidelity")}
            | {"python": platform.python_version()},
            "hardware": hardware(),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        run = cls(path, info)
        run.write_info()
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Open a run folder; GanzooError if there is none or its recipe.json cannot be read."""
        path = Path(path)
        file = path / "recipe.json"
        if not file.is_file():
            here = "does not exist" if not path.exists() else "has no recipe.json"
            raise GanzooError(f"{path} is not a run folder: it {here}. Runs are made by `ganzoo train`.")
        try:
            info = json.loads(file.read_text("utf-8"))
            wanted = {"format": int, "variant": str, "recipe_name": str, "plugin": dict, "recipe": dict, "data": dict}
            damaged = not all(isinstance(info.get(name), kind) for name, kind in wanted.items())
        except (OSError, ValueError, AttributeError, RecursionError):
            damaged = True
        if damaged:
            raise GanzooError(f"{file} is damaged: it does not describe a run.")
        if info["format"] != FORMAT:
            raise GanzooError(f"{file} has format {info['format']}; this ganzoo reads format {FORMAT}.")
        return cls(path, info)

    def write_info(self) -> None:
        """Write recipe.json."""
        content = json.dumps(self.info, indent=2) + "\n"
        try:
            checkpoint.write_atomically(self.path / "recipe.json", content.encode())
        except OSError as error:
            raise GanzooError(
                f"cannot write to {self.path}: {error.strerror}; choose another folder with --out."
            ) from error

    @cached_property
    def variant(self) -> Variant:
        """The variant; GanzooError naming the package to install when it, its loss or a penalty is not here."""
        provenance.require(self.path, self.info)
        return registry.variants().find(self.info["variant"])

    @cached_property
    def recipe(self) -> Recipe:
        """The whole recipe of the run."""
        base = self.variant.recipes.get(self.info["recipe_name"], self.variant.recipes[self.variant.default])
        return config.update(base, self.info["recipe"])

    @cached_property
    def data(self) -> DataSpec:
        """What the data looked like."""
        given = self.info["data"]
        try:
            shape = tuple(int(n) for n in given["shape"])
            bounds = given.get("range")
            return DataSpec(
                name=str(given["name"]),
                modality=str(given["modality"]),
                shape=shape,
                classes=int(given["classes"]),
                class_names=tuple(str(name) for name in given.get("class_names", ())),
                range=None if bounds is None else (float(bounds[0]), float(bounds[1])),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise GanzooError(f"{self.path / 'recipe.json'} is damaged: its data are not described.") from error

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def build(self) -> GAN:
        """The game with fresh weights, the same for the same seed."""
        with torch.random.fork_rng():
            torch.manual_seed(self.recipe.seed)
            return self.variant.build(self.recipe, self.data)

    @cached_property
    def gan(self) -> GAN:
        """The trained game from the newest whole checkpoint, on the CPU."""
        gan = self.build()
        path, state, problems = checkpoint.newest(self.checkpoints)
        for problem in problems:
            log.warning("%s Using %s.", problem, path.name)
        try:
            self.step = state["progress"]["step"]
            gan.load_state_dict(state["gan"])
        except (RuntimeError, KeyError, TypeError) as error:
            raise GanzooError(
                f"{path} does not fit the networks of {self.info['variant']!r} as installed here."
            ) from error
        return gan.eval()

    def labels(self, n: int, labels: int | Sequence[int] | Tensor | None) -> Tensor | None:
        """Class numbers `[n]` from one class, a sequence that is repeated as needed, or None (every class in turn).

        GanzooError when the variant does not know classes or a number is out of range.
        """
        classes = getattr(self.gan, "classes", 0)
        if not classes:
            if labels is not None:
                raise GanzooError(
                    f"{self.info['variant']!r} is not conditional, it cannot draw a class; try `conditional`."
                )
            return None
        wrong = GanzooError(f"there is no such class: this run has the classes 0 to {classes - 1}.")
        try:
            chosen = torch.arange(classes) if labels is None else torch.as_tensor(labels).flatten().long()
        except (TypeError, ValueError, OverflowError, RuntimeError):
            raise wrong from None
        if not len(chosen) or chosen.min() < 0 or chosen.max() >= classes:
            raise wrong
        return chosen.repeat(math.ceil(n / len(chosen)))[:n]

    def sample(
        self,
        n: int = 64,
        labels: int | Sequence[int] | Tensor | None = None,
        *,
        seed: int = 0,
        truncation: float | None = None,
        averaged: bool = True,
        device: torch.device | None = None,
    ) -> Tensor:
        """Draw `n` samples `[n, *shape]`, on the CPU, in the data's range (images: [-1, 1]).

        labels: a class, or one per sample (repeated as needed); without it, conditional variants draw each in turn.
        truncation: draw latents within this many standard deviations only: less variety, more typical samples (Brock et
        al. 2019, section 3.1). averaged: from the averaged weights, where the variant keeps them.
        """
        if n < 1:
            raise GanzooError(f"cannot draw {n} samples: ask for at least one.")
        if truncation is not None and not truncation > 0:
            raise GanzooError(f"truncation must be a number of deviations above 0, not {truncation:g}.")
        y = self.labels(n, labels)
        gan = self.gan.to(device or torch.device("cpu"))
        options = {} if truncation is None else {"truncation": truncation}
        if options and not hasattr(gan, "draw_latent"):
            raise GanzooError(f"{self.info['variant']!r} has no latent vector to truncate.")
        parts = []
        with gan.for_sampling(averaged), torch.random.fork_rng():
            torch.manual_seed(seed)
            for start in range(0, n, SAMPLE_BATCH):
                count = min(SAMPLE_BATCH, n - start)
                part = None if y is None else y[start : start + count].to(device)
                parts.append(gan.sample(count, part, **options).float().cpu())
        return torch.cat(parts)

    def interpolate(
        self, rows: int = 8, columns: int = 8, labels: int | Sequence[int] | None = None, *, seed: int = 0
    ) -> Tensor:
        """Walks between pairs of latents, `[rows * columns, *shape]`: one walk a row.

        On the sphere for normal latents (White 2016, section 2); straight for uniform ones, which stay in their cube.
        """
        gan: Any = self.gan
        if not (hasattr(gan, "draw_latent") and hasattr(gan, "generate")):
            raise GanzooError(f"{self.info['variant']!r} has no latent vectors to walk between.")
        y = self.labels(rows, labels)
        with gan.for_sampling(), torch.random.fork_rng():
            torch.manual_seed(seed)
            start, end = gan.draw_latent(rows), gan.draw_latent(rows)
            share = torch.linspace(0, 1, columns)
            straight = getattr(gan, "latent_distribution", "normal") == "uniform"
            z = torch.stack([torch.lerp(start, end, s) if straight else slerp(start, end, s) for s in share], 1)
            y = None if y is None else y.repeat_interleave(columns)
            return gan.generate(z.flatten(0, 1), y).float().cpu()

    def metrics(self) -> list[dict[str, float]]:
        """What was logged, oldest first."""
        path = self.path / "metrics.jsonl"
        if not path.is_file():
            return []
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    @property
    def scores(self) -> dict[str, Any] | None:
        """scores.json, or None before there are any."""
        path = self.path / "scores.json"
        return json.loads(path.read_text("utf-8")) if path.is_file() else None


def slerp(a: Tensor, b: Tensor, share: Tensor | float) -> Tensor:
    """Spherical interpolation of vectors `[N, D]`."""
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.arccos(cosine)[:, None]
    return (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(angle)


def require_new(path: Path) -> None:
    """Raise GanzooError if something is at `path` that a new run would overwrite."""
    if path.is_dir() and any(path.iterdir()):
        raise GanzooError(f"{path} is not empty: choose another folder with --out, or `ganzoo resume {path}`.")
    if path.exists() and not path.is_dir():
        raise GanzooError(f"{path} is a file: choose a folder with --out.")


def next_free(name: str, root: Path = Path("runs")) -> Path:
    """The first of runs/NAME-1, runs/NAME-2, ... that does not exist."""
    number = 1
    while (root / f"{name}-{number}").exists():
        number += 1
    return root / f"{name}-{number}"


def hardware() -> dict[str, Any]:
    """What the run is trained on."""
    gpus = (
        [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    )
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "?"
