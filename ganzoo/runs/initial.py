"""Weights to start training from: those of another run, of one of its checkpoints, or of an exported generator.

Tensors are matched by name and shape; all others keep their random initialisation. Only players are initialised: what a
game keeps outside of them (statistics of its data, an adaptive augmentation) belongs to the training that made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from ganzoo.errors import GanzooError, printable, unknown
from ganzoo.files import checkpoint
from ganzoo.files.records import has_form, read_json
from ganzoo.files.typed import typed_path
from ganzoo.game import GAN
from ganzoo.runs.exported import read_exported
from ganzoo.runs.run import Run
from ganzoo.training.restoring import require_like, steps_done

BEST = "@best"
SHOWN = 4
KINDS = "a run folder (RUN, or RUN@best for its best state), a checkpoint step-N.pt, or an exported .safetensors file"


@dataclass(frozen=True)
class Init:
    """What training starts from.

    source: a run folder, `RUN@best`, a checkpoint or an exported file. players: those to initialise; () for all that
    both have. raw: whether to take the weights as trained where the source also has averaged ones.
    """

    source: str
    players: tuple[str, ...] = ()
    raw: bool = False


@dataclass(frozen=True)
class Saved:
    """The weights at a source.

    name: as it was typed. digest: SHA-256 of the file. kind: of weights, "averaged" or "raw", if it has one only.
    tensors: by their names in the game's state.
    """

    name: str
    digest: str
    step: int
    variant: str
    tensors: Mapping[str, Any]
    kind: str = ""


@dataclass(frozen=True)
class Initialised:
    """What was done: lines for the user, and the record for recipe.json."""

    lines: list[str]
    record: dict[str, Any]


class RecordedPlayer(BaseModel):
    """What was done to a player: the kind of weights that it started from."""

    weights: str


class Recorded(BaseModel):
    """The part of the record in recipe.json that is read again."""

    source: str
    players: dict[str, RecordedPlayer] = {}


def initialise(gan: GAN, init: Init) -> Initialised:
    """Copy what fits from a source into the players of a new game, and into their averages.

    Raises GanzooError if the source cannot be read, for a player that one of them does not have, if a weight is not
    finite, and if no weight fits.
    """
    saved = read(init)
    for name in init.players:
        if name not in gan.players:
            raise unknown("player", name, gan.players)
        if not _has(saved, "players", name):
            held = ", ".join(_players_of(saved)) or "no players"
            raise GanzooError(f"{saved.name} has no weights of {name} (it has {held}): leave it out of --init-players.")
    lines = [f"starting from the weights of {saved.name} at step {saved.step:,}{_by(saved)}"]
    record: dict[str, Any] = {}
    kept_weights = 0
    for name in init.players or [name for name in gan.players if _has(saved, "players", name)]:
        averaged = _has(saved, "averages", name) and not init.raw
        kept, fresh = _copy(saved, "averages" if averaged else "players", name, gan.players[name])
        parameters = {path for path, _ in gan.players[name].named_parameters()}
        kept_weights += len(parameters & set(kept))
        weights = "averaged" if averaged else saved.kind or "raw"
        record[name] = {"weights": weights, "kept": len(kept), "fresh": list(fresh)}
        lines += _describe(name, kept, fresh, weights)
        if name in gan.averages:
            gan.averages[name].load_state_dict(gan.players[name].state_dict())
    if not kept_weights:
        raise GanzooError(f"no weight in {saved.name} fits the networks: their names or shapes are others.")
    fresh_players = [name for name in gan.players if name not in record]
    if fresh_players:
        lines.append(f"freshly initialised: all of {', '.join(fresh_players)}")
    about = {"source": saved.name, "sha256": saved.digest, "step": saved.step, "variant": saved.variant}
    return Initialised([printable(line) for line in lines], about | {"players": record})


def locate(init: Init) -> tuple[Path, bool, str]:
    """The path of a source, whether its best state is meant, and the name by which runs record it."""
    path, at_best = typed_path(init.source), False
    if init.source.endswith(BEST) and not path.exists():
        path, at_best = typed_path(init.source.removesuffix(BEST)), True
    return path, at_best, printable(f"{path}{BEST if at_best else ''}")


def require_exists(init: Init) -> None:
    """Raise GanzooError if there is nothing at a source."""
    path, _, _ = locate(init)
    if not path.exists():
        raise GanzooError(f"{path} does not exist: --init-from takes {KINDS}.")


def read(init: Init) -> Saved:
    """The weights at a source, of which nothing is run. Raises GanzooError if it is none, or cannot be read."""
    require_exists(init)
    path, at_best, name = locate(init)
    if path.is_dir():
        run = Run.open(path)
        run = run.best() if at_best else run
        file, state, _ = checkpoint.newest(run.checkpoints)
        return _from_state(name, file, state, str(run.info["variant"]))
    if at_best or path.suffix not in (".pt", ".safetensors"):
        raise GanzooError(f"{name} has no weights to start from: --init-from takes {KINDS}.")
    if path.suffix == ".safetensors":
        info, tensors = read_exported(path)
        kind = "averaged" if info.get("weights") == "averaged" else "raw"
        if init.raw and kind == "averaged":
            raise GanzooError(f"{name} holds averaged weights only: leave --init-raw out, or name the run.")
        return Saved(name, info["sha256"], info["step"], printable(info["variant"]), tensors, kind)
    if not path.with_suffix(".json").is_file():
        raise GanzooError(
            f"{name} has no {path.with_suffix('.json').name} beside it, so it is no checkpoint of ganzoo."
        )
    return _from_state(name, path, checkpoint.load(path))


def describe_recorded(file: Path) -> str:
    """What a run started from, as recorded in a run folder or its recipe.json; "" for random weights and no run."""
    info = read_json(file / "recipe.json" if file.is_dir() else file, dict[str, Any]) or {}
    found = info.get("initialised")
    return printable(found["source"]) if found and has_form(found, Recorded) else ""


def recorded(info: Mapping[str, Any]) -> Init | None:
    """What a run started from, to start another one from the same; None for random weights.

    info: the content of recipe.json. The source may have been moved or trained further since.
    """
    found = info.get("initialised")
    if not found or not has_form(found, Recorded):
        return None
    players = found.get("players", {})
    raw = bool(players) and all(player["weights"] != "averaged" for player in players.values())
    return Init(printable(found["source"]), tuple(players), raw)


def _from_state(name: str, file: Path, state: Any, variant: str = "") -> Saved:
    try:
        step = steps_done(state)
    except ValueError as error:
        raise GanzooError(f"{file} is not a checkpoint of a training run.") from error
    tensors = state.get("gan")
    if not isinstance(tensors, Mapping) or not all(isinstance(key, str) for key in tensors):
        raise GanzooError(f"{file} holds no weights of a game.")
    return Saved(name, checkpoint.digest(file), step, printable(variant), tensors)


def _has(saved: Saved, kind: str, player: str) -> bool:
    return any(name.startswith(f"{kind}.{player}.") for name in saved.tensors)


def _players_of(saved: Saved) -> list[str]:
    return list(dict.fromkeys(name.split(".")[1] for name in saved.tensors if name.startswith("players.")))


def _by(saved: Saved) -> str:
    return f" ({saved.variant})" if saved.variant else ""


@torch.no_grad()
def _copy(saved: Saved, kind: str, player: str, network: nn.Module) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Copy what fits into a network; returns the tensors copied, and those that are not, each with the reason."""
    kept: dict[str, Tensor] = {}
    fresh: dict[str, str] = {}
    for name, own in network.state_dict().items():
        if not isinstance(own, Tensor):
            continue
        value = saved.tensors.get(f"{kind}.{player}.{name}")
        if value is None:
            fresh[name] = f"{_shape(own)}, not there"
            continue
        try:
            require_like(value, own, own.dtype, name)
        except ValueError:
            there = (
                f"there {_shape(value)}" if isinstance(value, Tensor) and value.shape != own.shape else "another type"
            )
            fresh[name] = f"{_shape(own)}, {there}"
            continue
        if not bool(value.isfinite().all()):
            raise GanzooError(f"{saved.name}: the weights {printable(name)} of {player} are not finite.")
        own.copy_(value)
        kept[name] = own
    return kept, fresh


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _describe(player: str, kept: Mapping[str, Tensor], fresh: Mapping[str, str], weights: str) -> list[str]:
    """A line on what was kept of a player, and one on what was not."""
    values = sum(tensor.numel() for tensor in kept.values())
    lines = [f"  {player}: kept {len(kept)} of {len(kept) + len(fresh)} tensors, {values:,} values ({weights} weights)"]
    if fresh:
        shown = "; ".join(f"{name} ({why})" for name, why in list(fresh.items())[:SHOWN])
        more = f"; and {len(fresh) - SHOWN} more" if len(fresh) > SHOWN else ""
        lines.append(f"  {player}: freshly initialised: {shown}{more}")
    return lines
