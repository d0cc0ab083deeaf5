"""Weights that a recipe freezes (`freeze`), as Freeze-D does with a discriminator's first layers."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from ganzoo.errors import GanzooError, printable
from ganzoo.game import GAN

SHOWN = 3


def frozen_weights(gan: GAN, patterns: Sequence[str]) -> list[nn.Parameter]:
    """The weights whose names, `PLAYER.NAME`, match one of the patterns (`*`, `?`, `[...]`).

    Raises GanzooError for a pattern that matches none, and if a player would have none left that learn.
    """
    names = {f"{player}.{path}": weight for player, network in gan.players.items() for path, weight in _named(network)}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise GanzooError(_unmatched(gan, pattern, list(names)))
    found = {name: weight for name, weight in names.items() if any(fnmatchcase(name, each) for each in patterns)}
    for player in gan.players if patterns else ():
        own = {name for name in names if name.startswith(f"{player}.")}
        if own and own <= found.keys():
            raise GanzooError(f"freeze would leave {player} nothing to learn: all of its {len(own)} weights match.")
    return list(found.values())


def _named(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(network.named_parameters())


def _unmatched(gan: GAN, pattern: str, names: list[str]) -> str:
    player = pattern.partition(".")[0]
    own = [name for name in names if name.startswith(f"{player}.")]
    if not own:
        first = next(iter(gan.players))
        return f"freeze={printable(pattern)!r}: begin with a player, {' or '.join(gan.players)}, as in {first}.*."
    shown = ", ".join(own[:SHOWN]) + (", ..." if len(own) > SHOWN else "")
    return f"freeze={printable(pattern)!r} matches no weight of {player}, which has {printable(shown)}."
